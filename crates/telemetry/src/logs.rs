//! Where log lines go, and how they look.

use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Pretty,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    pub format: Format,
    /// Lines less important than this are left out; `None` leaves out all.
    pub level: Option<Level>,
    /// Colours, where somebody looks on.
    pub ansi: bool,
}

/// Sends the whole process's log lines to stderr: stdout belongs to what a command answers. Fails if it was called before. Panics
/// are log lines too, of which only the place is told.
pub fn start(settings: LogSettings) -> Result<(), TryInitError> {
    subscriber(settings, std::io::stderr).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        // Not its text, which may quote what a client sent.
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "a bug: the program panicked here");
    }));
    Ok(())
}

/// What makes lines of events and writes them to `writer`.
///
/// `debug` and `trace` are meant for this server's own crates: what the HTTP libraries say is held at `info`, since it is
/// a line a frame and could quote what a client has sent.
pub fn subscriber<W>(settings: LogSettings, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = LevelFilter::from(settings.level);
    let of_libraries = level.min(LevelFilter::INFO);
    let filter = ["h2", "hyper", "hyper_util", "tower", "tower_http", "rustls", "mio"]
        .into_iter()
        .fold(Targets::new().with_default(level), |targets, library| targets.with_target(library, of_libraries))
        // mistral.rs tells each step of loading a model, and takes every processor for a GPU that is missing.
        .with_target("mistralrs", level.min(LevelFilter::WARN))
        .with_target("mistralrs_core::pipeline::gguf", level.min(LevelFilter::ERROR))
        .with_target("mistralrs_engine", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.format {
        Format::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        Format::Pretty => lines.with_ansi(settings.ansi).with_target(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter))
}
