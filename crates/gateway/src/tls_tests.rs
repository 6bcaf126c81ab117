//! A server behind TLS, with an authority of its own.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Conversation, Error, Generation, Hop, Kind, Message, Prompt, Role};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use testkit::upstream::{Act, Upstream};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::Group;
use crate::connection::{Connector, trusting};
use crate::settings::{Balance, GroupSettings, Timeouts, UpstreamSettings};

/// TLS in front of a server, for one connection at a time.
async fn before(upstream: &Upstream, key: &CertifiedKey<rcgen::KeyPair>) -> (String, JoinSet<()>) {
    let secret = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![key.cert.der().clone()], secret).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), upstream.address);
    let mut running = JoinSet::new();
    running.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut outside) = acceptor.accept(connection).await else { continue };
            let mut inside = TcpStream::connect(behind).await.unwrap();
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        }
    });
    (format!("https://localhost:{port}"), running)
}

fn group(url: &str, roots: RootCertStore) -> Arc<Group> {
    group_within(url, roots, Timeouts::default())
}

fn group_within(url: &str, roots: RootCertStore, timeouts: Timeouts) -> Arc<Group> {
    let upstream = UpstreamSettings {
        address: url.parse().unwrap(),
        model: "theirs".into(),
        api_key: None,
        weight: NonZeroU32::MIN,
        max_concurrent: None,
        cache_salt: true,
    };
    let connector = Connector::over(Some(Arc::new(trusting(roots).unwrap())), timeouts.connect);
    let settings = GroupSettings {
        id: "ours".into(),
        upstreams: vec![upstream],
        timeouts,
        balance: Balance::default(),
        refused_fields: Vec::new(),
        max_queued: 0,
        queue_timeout: Duration::ZERO,
        hop: Hop::new(7),
    };
    Group::over(connector, settings)
}

fn question() -> Generation {
    let message = Message { role: Role::User, content: "Hello?".into(), name: None };
    Generation::new("ours", Prompt::Chat(Conversation::new(vec![message]).unwrap()))
}

#[tokio::test]
async fn a_server_is_believed_if_its_authority_is() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let key = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (url, _running) = before(&upstream, &key).await;
    let mut roots = RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let events = group(&url, roots).generate(question()).await.unwrap();
    assert_eq!(testkit::contract::read(events, 1).await.texts, ["Hi"]);
    let stranger = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(stranger.cert.der().clone()).unwrap();
    let refused = group(&url, roots).generate(question()).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::Upstream);
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_in_time_is_given_up() {
    // The system takes its connections, and it says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let timeouts = Timeouts { connect: Duration::from_millis(20), ..Timeouts::default() };
    let given_up = group_within(&url, RootCertStore::empty(), timeouts).generate(question()).await.err().unwrap();
    // It would be a timeout if the answer's first byte had been waited for.
    assert_eq!(given_up, Error::Upstream { reason: "it cannot be reached".into() });
}
