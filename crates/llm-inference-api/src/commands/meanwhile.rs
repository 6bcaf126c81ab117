//! What the server answers while its models are being loaded: that it lives, and that it is not ready.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use api::App;
use backend::{Activity, Backend, BoxFuture, Error, Events, Generation, ModelCard, ModelState};
use registry::Entry;
use serving::{Model, Service};
use telemetry::Metrics;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// How long an answer that is being sent when everything is loaded may take: each is a few lines.
const GRACE: Duration = Duration::from_secs(1);

/// Does `load`, and answers in the name of these models meanwhile. Connections that come between this and what is served
/// afterwards wait in the listener's backlog.
pub(crate) fn serve<T>(
    runtime: &Runtime,
    listener: &TcpListener,
    settings: &api::Settings,
    entries: &[Entry],
    load: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let listener = listener.try_clone().context("the port cannot be listened on")?;
    let app = App::new(service(entries), api::Settings { grace: GRACE, ..settings.clone() });
    let (loaded, done) = oneshot::channel::<()>();
    let answer = move || {
        runtime.block_on(async {
            // A panic while loading ends it too, by dropping the sender.
            let done = async { drop(done.await) };
            api::serve(tokio::net::TcpListener::from_std(listener)?, app, done).await
        })
    };
    thread::scope(|scope| {
        let answering = thread::Builder::new().name("meanwhile".into()).spawn_scoped(scope, answer)?;
        let outcome = load();
        drop(loaded);
        answering.join().map_err(|_| anyhow::anyhow!("the server failed while loading"))??;
        outcome
    })
}

fn service(entries: &[Entry]) -> Service {
    let metrics = Metrics::new(entries.iter().map(|entry| entry.id.as_str()));
    let models = entries.iter().map(|entry| Model::new(Arc::new(Awaited::new(entry)))).collect();
    Service::new(models, serving::Settings::default(), Arc::new(metrics))
}

/// A model of which nothing is known yet but what it is called.
#[derive(Debug)]
struct Awaited {
    card: Arc<ModelCard>,
}

impl Awaited {
    fn new(entry: &Entry) -> Self {
        let card = ModelCard {
            id: entry.id.clone(),
            parent: None,
            owner: String::new(),
            created: SystemTime::UNIX_EPOCH,
            version: String::new(),
            context_length: 0,
            description: String::new(),
            size: entry.size,
        };
        Self { card: Arc::new(card) }
    }
}

impl Backend for Awaited {
    fn card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card)
    }

    fn state(&self) -> ModelState {
        ModelState::Loading
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }

    fn generate(&self, _: Generation) -> BoxFuture<'_, backend::Result<Events>> {
        let reason = format!("the model {:?} is being loaded", self.card.id);
        Box::pin(async { Err(Error::Unavailable { reason, retry_after: Duration::from_secs(5) }) })
    }

    fn drain(&self) {}
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use registry::Source;

    use super::*;

    fn get(path: &str, listener: &TcpListener) -> Result<String> {
        let mut connection = TcpStream::connect(listener.local_addr()?)?;
        write!(connection, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn a_probe_is_answered_while_models_are_loaded() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let entries = [Entry { id: "demo".into(), source: Source::Embedded, size: 1 }];
        let load = || Ok([get("/health/live", &listener)?, get("/health/ready", &listener)?]);
        let [live, ready] = serve(&runtime, &listener, &api::Settings::default(), &entries, load).unwrap();
        assert!(live.starts_with("HTTP/1.1 200"), "{live}");
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        assert!(ready.ends_with(r#"{"status":"loading","models":{"demo":"loading"}}"#), "{ready}");
    }
}
