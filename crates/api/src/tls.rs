//! TLS: a chain of certificates and its key, out of two PEM files that are read again when they change.

mod files;
mod pair;
mod reload;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version};

use files::{Contents, Files};
pub use pair::TlsError;

/// What a server needs to speak TLS 1.2 and 1.3. Cheap to clone; all clones see a renewed certificate.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    /// What the files held when they were first read.
    opened: Contents,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// The pair that the next handshake uses. Connections that there are keep theirs.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads both files. A certificate whose time is over, or has not come, is used all the same, with a warning in the log:
    /// which clients accept it is theirs to say.
    pub fn open(certificate: &Path, key: &Path, now: SystemTime) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let opened = files.read();
        let pair = pair::parse(&files, &opened)?;
        warn_if_untimely(&files, &pair, now);
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, opened, current, config: Arc::new(config) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn warn_if_untimely(files: &Files, pair: &CertifiedKey, now: SystemTime) {
    if let Some(warning) = pair::untimely(pair, now) {
        tracing::warn!("the TLS certificate {} {warning}: clients will refuse it", files.certificate.display());
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Current {
    fn replace(&self, pair: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
    }
}
