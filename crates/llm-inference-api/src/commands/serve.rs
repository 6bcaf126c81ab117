//! `serve`: binds, loads, says what is there, and serves until it is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::greeting::Greeting;
use super::loading;
use crate::assemble::{self, Loaded};
use crate::commands::{Failure, prepare};
use crate::settings::{Arguments, Origins, Purpose, Settings, types::HttpSettings};
use crate::terminal;

/// What a shell gives to a process that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = prepare(arguments, Purpose::Serve)?;
    // Before the models are loaded: that a port is taken should not cost a minute to learn.
    let listener = bind(&settings.http)?;
    let loaded = load(&settings)?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    let app = api::App::new(assemble::service(&loaded, &settings), http_settings(&settings.http)?);
    Greeting::new(&settings, address, &loaded).say(settings.log.format.value);
    // From here on the service owns the engines: they end when it does.
    drop(loaded);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.http.workers.value.get())
        .thread_name("http")
        .enable_all()
        .build()
        .context("the threads for the network cannot be started")?;
    runtime.block_on(serve(listener, app))?;
    tracing::info!("stopped");
    Ok(())
}

fn load(settings: &Settings) -> Result<Vec<Loaded>> {
    let catalogue = assemble::catalogue(&settings.models)?;
    for warning in catalogue.warnings() {
        tracing::warn!("{warning}");
    }
    let selection = assemble::selection(&catalogue, &settings.models)?;
    if selection.is_empty() {
        return Err(anyhow!("there is no model to serve"));
    }
    let idle = catalogue.entries().len() - selection.len();
    if idle > 0 {
        tracing::info!("{idle} of the models found are not served; LLM_ALLOWED_MODELS says which are, '*' means all");
    }
    let count = selection.len();
    selection.into_iter().map(|entry| loading::load(entry, &settings.engine, count)).collect()
}

fn bind(http: &HttpSettings) -> Result<TcpListener> {
    let (host, port) = (http.host.value.as_str(), http.port.value);
    let listener = TcpListener::bind((host, port)).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("port {port} of {host} is in use; choose another with --port or {}", http.port.name)
            }
            io::ErrorKind::PermissionDenied => {
                format!(
                    "port {port} is reserved for privileged users; choose one above 1023 with --port or {}",
                    http.port.name
                )
            }
            _ => format!("cannot listen on {host} port {port}; --host and --port say where"),
        };
        anyhow::Error::from(error).context(hint)
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn http_settings(http: &HttpSettings) -> Result<api::Settings> {
    let origins = match &http.origins.value {
        Origins::Any => api::Origins::Any,
        Origins::These(origins) => {
            let origins = origins.iter().map(|origin| origin.parse().with_context(|| format!("the origin {origin:?}")));
            api::Origins::These(origins.collect::<Result<_>>()?)
        }
    };
    Ok(api::Settings {
        origins,
        grace: http.shutdown_grace.value,
        version: env!("CARGO_PKG_VERSION"),
        ..api::Settings::default()
    })
}

async fn serve(listener: TcpListener, app: api::App) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (stop, stopped) = oneshot::channel();
    let mut signals = Signals::listen()?;
    let told_twice = async {
        signals.next().await;
        let _ = stop.send(());
        signals.next().await;
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    tokio::select! {
        served = api::serve(listener, app, shutdown) => Ok(served?),
        () = told_twice => {
            terminal::say("stopped at once by a second signal");
            std::process::exit(ENDED_BY_SIGNAL);
        }
    }
}

/// SIGTERM, as service managers send it, and SIGINT, which is Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// An address as one would type it into a client on the same machine.
pub(crate) fn reachable(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("http://localhost:{}", address.port()),
        _ => format!("http://{address}"),
    }
}
