//! Which server is asked, and over what.

use std::io::{self, Read, Write};
use std::net::TcpListener;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

#[test]
fn a_redirect_is_followed_on_the_same_server_and_to_others() {
    let target: Uri = "https://hub.example:8443/a/b".parse().unwrap();
    let followed = |location| follow(&target, location).map(|uri| uri.to_string()).unwrap_or_default();
    assert_eq!(followed("/c?d=e"), "https://hub.example:8443/c?d=e");
    assert_eq!(followed("//cdn.example/x"), "https://cdn.example/x");
    assert_eq!(followed("https://cdn.example/x"), "https://cdn.example/x");
    assert_eq!(followed("file:///etc/passwd"), "");
}

#[test]
fn this_machine_is_known_by_all_its_names() {
    for (url, this) in
        [("http://localhost/", true), ("http://127.0.0.1:5000/", true), ("http://[::1]/", true), ("http://10.0.0.1/", false)]
    {
        assert_eq!(is_this_machine(&url.parse().unwrap()), this, "{url}");
    }
}

/// Answers everybody with this, over TLS if there is a key; its port.
fn serve(text: String, key: Option<&CertifiedKey<rcgen::KeyPair>>) -> u16 {
    let tls = key.map(|key| {
        let secret = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![key.cert.der().clone()], secret).unwrap())
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever does not trust it hangs up.
            let _ = match &tls {
                Some(tls) => answer(StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream), &text),
                None => answer(stream, &text),
            };
        }
    });
    port
}

fn answer(mut stream: impl Read + Write, text: &str) -> io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&buffer[..read]);
    }
    write!(stream, "HTTP/1.1 {text}\r\nconnection: close\r\n\r\n")?;
    stream.flush()
}

#[test]
fn a_mirror_without_tls_may_lead_to_a_server_with_it() {
    let key = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secure = serve("204 -".into(), Some(&key));
    let mirror = serve(format!("302 -\r\nlocation: https://localhost:{secure}/\r\ncontent-length: 0"), None);
    let ask = |authorities| {
        let network = Network::trusting(Patience { attempts: 1, ..Patience::default() }, authorities);
        network.ask(&format!("http://localhost:{mirror}/"), None).map(|(reply, _)| reply.status())
    };
    assert_eq!(ask(Ok(vec![Certificate::from_der(key.cert.der()).to_owned()])).unwrap(), 204);
    assert!(matches!(ask(Err(String::new())), Err(FetchError::NoAuthorities(_))));
    assert!(matches!(ask(Ok(Vec::new())), Err(FetchError::Unreachable { .. })));
}

#[test]
fn a_server_without_tls_needs_no_authorities() {
    let port = serve("204 -".into(), None);
    let network = Network::trusting(Patience::default(), Err(String::new()));
    assert_eq!(network.ask(&format!("http://localhost:{port}/"), None).unwrap().0.status(), 204);
}
