//! Why a model could not be had from where it is kept.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum FetchError {
    #[error("{url:?} is not an address of a server, as https://example.org")]
    Address { url: String },
    #[error(
        "there can be no connections over TLS: no certificate authorities were found on this machine{0}; SSL_CERT_FILE can name a file of them"
    )]
    NoAuthorities(String),
    #[error("{host} cannot be reached")]
    Unreachable {
        host: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("{host} redirects {what}")]
    Redirected { host: String, what: &'static str },
    #[error("{host} answered {status}{}", said(message))]
    Answered { host: String, status: u16, message: String },
    #[error("what {host} answered makes no sense: {what}")]
    Senseless { host: String, what: String },
    #[error("{host} does not let this server in: {remedy}{}", said(message))]
    Forbidden { host: String, remedy: String, message: String },
    #[error("{0}")]
    NotThere(String),
    #[error("{0}")]
    NotAModel(String),
    #[error("the connection broke off after {received} bytes of {file}")]
    CutOff {
        file: String,
        received: u64,
        #[source]
        source: Option<io::Error>,
    },
    #[error("{file} has changed on the server while it was downloaded")]
    Changed { file: String },
    #[error("{file} is {found} bytes long, and should be {expected}: the download is thrown away")]
    Length { file: String, expected: u64, found: u64 },
    #[error("{file} is not what it should be: its checksum is {found}, not {expected}; the download is thrown away")]
    Checksum { file: String, expected: String, found: String },
    #[error("the disk is full: {} has no room for what is left of {file}; make room, or keep the cache elsewhere", directory.display())]
    DiskFull { directory: PathBuf, file: String },
    #[error("the disk is full: {bytes} bytes are to come, and {} has room for {room}, beside the 16 MiB that are left to others; make room, or keep the cache elsewhere", directory.display())]
    NoRoom { directory: PathBuf, bytes: u64, room: u64 },
    #[error("{} cannot be written", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{host} names a file {name:?}, which would lie outside of the model's directory")]
    Outside { host: String, name: String },
    #[error("{0} is not on this machine, and HF_HUB_OFFLINE says to download nothing")]
    Offline(String),
    #[error("there is no file or directory {name} here, and the Hugging Face Hub does not give it")]
    NeitherHere {
        name: String,
        #[source]
        source: Box<Self>,
    },
}

impl FetchError {
    /// Whether the same may go well a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::CutOff { .. } | Self::Changed { .. } => true,
            Self::Answered { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::NeitherHere { source, .. } => source.may_pass(),
            _ => false,
        }
    }

    /// Whether what was downloaded before can be used all the same: nothing was said against it, but nobody could say either that it is
    /// the newest. A token that has ended ends no server.
    pub(crate) fn leaves_what_is_here(&self) -> bool {
        match self {
            Self::Answered { .. }
            | Self::Disk { .. }
            | Self::DiskFull { .. }
            | Self::Forbidden { .. }
            | Self::NoAuthorities(_)
            | Self::NoRoom { .. }
            | Self::NotThere(_)
            | Self::Redirected { .. }
            | Self::Senseless { .. } => true,
            _ => self.may_pass(),
        }
    }

    /// The same for anybody: names no file and no server.
    pub fn in_short(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::NoAuthorities(_) | Self::Address { .. } => "where it is kept cannot be reached",
            Self::Answered { .. } | Self::Redirected { .. } | Self::Senseless { .. } | Self::Outside { .. } => {
                "where it is kept does not give it"
            }
            Self::Forbidden { .. } => "where it is kept does not let this server in",
            Self::NotThere(_) => "it is not where it is said to be kept",
            Self::Offline(_) => "it is not on this machine, which is to download nothing",
            Self::NotAModel(_) => "what is kept under its name is no model",
            Self::CutOff { .. } | Self::Changed { .. } => "its download broke off",
            Self::Length { .. } | Self::Checksum { .. } => "what was downloaded of it is damaged",
            Self::DiskFull { .. } | Self::NoRoom { .. } => "the disk is full",
            Self::Disk { .. } => "the disk cannot be written",
            Self::NeitherHere { source, .. } => source.in_short(),
        }
    }
}

fn said(message: &str) -> String {
    // As much as fits into a line of a log.
    const MOST: usize = 300;
    let message: String = message.trim().chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if message.is_empty() { message } else { format!(": {message}") }
}
