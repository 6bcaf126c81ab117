//! A chain and its key, checked against each other.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use thiserror::Error;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, CertificateError, InconsistentKeys, RootCertStore};

use super::files::{Contents, Files};

/// Why two files are no certificate and key to serve with.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("the TLS {role} {} cannot be read: {kind}", path.display())]
    Unreadable { role: &'static str, path: PathBuf, kind: io::ErrorKind },
    #[error("the TLS {role} {} is not whole PEM: {reason}", path.display())]
    Broken { role: &'static str, path: PathBuf, reason: String },
    #[error(
        "the TLS certificate {} holds no certificate: it has to have a block that begins with -----BEGIN CERTIFICATE-----, \
         and after it those of the authorities between", .0.display()
    )]
    NoCertificate(PathBuf),
    #[error(
        "the TLS key {} holds no private key: it has to have a block that begins with -----BEGIN PRIVATE KEY-----, or with \
         BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY", .0.display()
    )]
    NoKey(PathBuf),
    #[error(
        "the TLS key {} is encrypted, and a server has nobody to ask for its password; decrypt it with: openssl pkey -in KEY \
         -out DECRYPTED", .0.display()
    )]
    Encrypted(PathBuf),
    #[error(
        "the TLS key {} does not belong to the first certificate in {}: the server's own has to come first, and both files \
         have to be of the same issue", key.display(), certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the TLS certificate {} with the key {} cannot be used: {source}", certificate.display(), key.display())]
    Unfit { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("TLS cannot be used: {0}")]
    Unusable(rustls::Error),
}

pub(super) fn parse(files: &Files, contents: &Contents) -> Result<CertifiedKey, TlsError> {
    let chain = chain(&files.certificate, &contents.certificate)?;
    let key = key(&files.key, &contents.key)?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| {
        let Files { certificate, key } = files.clone();
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch { certificate, key },
            source => TlsError::Unfit { certificate, key, source },
        }
    })
}

fn readable<'a>(role: &'static str, path: &Path, bytes: &'a Result<Vec<u8>, io::ErrorKind>) -> Result<&'a [u8], TlsError> {
    let unreadable = |kind: &io::ErrorKind| TlsError::Unreadable { role, path: path.to_owned(), kind: *kind };
    bytes.as_deref().map_err(unreadable)
}

fn chain(path: &Path, bytes: &Result<Vec<u8>, io::ErrorKind>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    const ROLE: &str = "certificate";
    let (path, bytes) = (path.to_owned(), readable(ROLE, path, bytes)?);
    match CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Broken { role: ROLE, path, reason: in_words(&error) }),
    }
}

fn key(path: &Path, bytes: &Result<Vec<u8>, io::ErrorKind>) -> Result<PrivateKeyDer<'static>, TlsError> {
    const ROLE: &str = "key";
    let (path, bytes) = (path.to_owned(), readable(ROLE, path, bytes)?);
    // As PKCS #8 says so, and as OpenSSL's older files do.
    let is_encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| bytes.windows(mark.len()).any(|window| window == *mark));
    match PrivateKeyDer::from_pem_slice(bytes) {
        _ if is_encrypted => Err(TlsError::Encrypted(path)),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey(path)),
        Err(error) => Err(TlsError::Broken { role: ROLE, path, reason: in_words(&error) }),
    }
}

fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("a block has no line -----END {}-----", String::from_utf8_lossy(end_marker))
        }
        error => error.to_string(),
    }
}

/// Says since when a certificate is no longer valid, or from when on it will be.
pub(super) fn untimely(pair: &CertifiedKey, now: SystemTime) -> Option<String> {
    match verdict(pair, now).err()? {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Some(format!("has expired at {}", timestamp(not_after)))
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(format!("is not valid before {}", timestamp(not_before)))
        }
        // The rest is a client's to judge: whom it trusts, and by which name it calls.
        _ => None,
    }
}

/// What a client says who trusts this very certificate. Its time is what a client looks at before anything else.
fn verdict(pair: &CertifiedKey, now: SystemTime) -> Result<(), rustls::Error> {
    let own = pair.end_entity_cert()?;
    let mut roots = RootCertStore::empty();
    roots.add(own.clone())?;
    let provider = Arc::new(ring::default_provider());
    let unfit = |error| rustls::Error::General(format!("{error}"));
    let client = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(unfit)?;
    let name = ServerName::try_from("localhost").map_err(|error| rustls::Error::General(error.to_string()))?;
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO));
    client.verify_server_cert(own, &[], &name, &[], now).map(drop)
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_second(time.as_secs().cast_signed()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_good_for_its_time() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2001, 2, 3), date_time_ymd(2002, 2, 3));
        let certificate = params.self_signed(&key).unwrap();
        let pair = CertifiedKey::from_der(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            &ring::default_provider(),
        );
        let pair = pair.unwrap();
        let at = |time: &str| untimely(&pair, time.parse::<Timestamp>().unwrap().into()).unwrap_or_default();
        assert_eq!(at("2001-01-01T00:00:00Z"), "is not valid before 2001-02-03T00:00:00Z");
        assert_eq!(at("2001-12-31T00:00:00Z"), "");
        assert_eq!(at("2026-01-01T00:00:00Z"), "has expired at 2002-02-03T00:00:00Z");
    }
}
