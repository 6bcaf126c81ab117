//! `serve`: binds, serves, loads the first model, says what is there, and goes on until it is told to stop.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use api::PredictSettings;
use futures_util::future::join_all;
use gateway::Group;
use registry::{Allowed, Entry, Origin};
use serving::{OpenError, Service};
use telemetry::Otlp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::greeting::Greeting;
use crate::collector;
use crate::commands::{Failure, prepare};
use crate::refreshing::{changing, refresh};
#[cfg(feature = "mistralrs")]
use crate::second_engine;
use crate::settings::{Arguments, Origins, Purpose, Settings, types::HttpSettings};
use crate::terminal;
use crate::{accounting, adapting, assemble, fetching, remote};

/// What a shell gives to a process that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;
/// Connections that wait to be accepted; the system may allow fewer.
const WAITING_CONNECTIONS: i32 = 4096;
/// How long the first model is let be after it could not be had.
const AGAIN: Duration = Duration::from_secs(5);
/// The same where that takes somebody who mends it.
const MENDED: Duration = Duration::from_secs(30);
/// As long as the others wait for the first model, whose server may be silent for minutes.
const FIRST_ALONE: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = prepare(arguments, Purpose::Serve)?;
    // Before the models are loaded: that a port is taken should not cost a minute to learn.
    let listener = bind(&settings.http)?;
    let otlp = collector::start(&settings.telemetry)?;
    let http = api::Settings { traces: otlp.as_ref().map(Otlp::traces).unwrap_or_default(), ..http_settings(&settings)? };
    let (selection, draft) = select(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.http.workers.value.get())
        .thread_name("http")
        .enable_all()
        .build()
        .context("the threads for the network cannot be started")?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    let accounts = runtime.block_on(accounting::open(&settings, address.ip()))?;
    let groups = remote::groups(&selection, &settings)?;
    let here = assemble::here(&selection);
    #[cfg(feature = "mistralrs")]
    second_engine::say_where();
    let sources = fetching::sources(&settings);
    let parked = assemble::parked(&here, draft.as_ref(), &settings, &sources)?;
    let besides = assemble::besides(&selection, &settings, accounts.clone())?;
    let models = remote::in_order(&selection, &parked, &groups);
    let service = assemble::service(models, &settings, otlp.as_ref(), besides);
    let greet = || Greeting::new(&settings, address, &selection, &parked, &sources).say(settings.log.format.value);
    let refresh = refresh(service.clone(), changing(&here), settings.registry.refresh.value);
    let is_kept_elsewhere = selection.first().is_some_and(|entry| entry.origin().is_some());
    let start = start(service.clone(), is_kept_elsewhere, groups, refresh, greet);
    let grace = http.grace;
    let outcome = runtime.block_on(serve(listener, api::App::new(service, http), grace, start));
    runtime.block_on(accounts.close());
    // A model may still be on its way, for nobody.
    runtime.shutdown_background();
    collector::stop(otlp);
    outcome?;
    tracing::info!("stopped");
    Ok(())
}

/// Loads the first model, which has to be there unless there are others, or it is kept where it may come right; then says so, and loads
/// the others if there is room. Never ends well, but goes on. Other servers are looked after meanwhile.
fn start(
    service: Service,
    is_kept_elsewhere: bool,
    groups: Vec<Arc<Group>>,
    refresh: impl Future<Output = Infallible>,
    greet: impl FnOnce(),
) -> impl Future<Output = Result<Infallible>> {
    // Called and not only promised: whoever asks before this goes on would be told that the service is ready.
    let first = service.open_first();
    let open = async move {
        if service.health().models.len() == 1 {
            if let Err(error) = first.await {
                keep_trying(&service, error, is_kept_elsewhere).await?;
            }
            greet();
        } else {
            start_with_others(&service, first, greet).await;
        }
        std::future::pending().await
    };
    let watch = async {
        join_all(groups.into_iter().map(Group::watch)).await;
        std::future::pending::<Infallible>().await
    };
    async {
        tokio::select! {
            failed = open => failed,
            never = watch => Ok(never),
            never = refresh => Ok(never),
        }
    }
}

/// Loads the first model, and then the others whether it is there or not.
async fn start_with_others(service: &Service, first: impl Future<Output = Result<(), OpenError>>, greet: impl FnOnce()) {
    tokio::pin!(first);
    let early = tokio::time::timeout(FIRST_ALONE, first.as_mut()).await;
    service.waits_no_longer();
    greet();
    let late = async {
        if let Ok(opened) = early {
            return opened;
        }
        tracing::warn!("the first model takes its time; the others do not wait for it");
        first.await
    };
    let ((), opened) = tokio::join!(service.open_others(), late);
    let Err(error) = opened else { return };
    tracing::error!(%error, "the first model cannot be loaded; the others are served");
    if error.may_pass
        && let Err(error) = keep_trying(service, error, false).await
    {
        // Whoever wants it later has it tried again.
        tracing::error!(%error, "the first model cannot be loaded");
    }
}

/// Loads the first model after a failure, which is tried again for as long as a server that has its files cannot be reached; with
/// `anyway`, whatever it was.
async fn keep_trying(service: &Service, failed: OpenError, anyway: bool) -> Result<(), OpenError> {
    let mut told = false;
    let mut failed = failed;
    while failed.may_pass || anyway {
        // Why is in the log already.
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("the first model cannot be had yet; it is tried again and again");
        }
        tokio::time::sleep(if failed.may_pass { AGAIN } else { MENDED }).await;
        match service.open_first_again().await {
            Ok(()) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Which models are to be served, and which one guesses for them.
fn select(settings: &Settings) -> Result<(Vec<Entry>, Option<Entry>)> {
    let catalogue = assemble::catalogue(&settings.models)?;
    for warning in catalogue.warnings() {
        tracing::warn!("{warning}");
    }
    let selection = assemble::selection(&catalogue, settings)?;
    for (id, source) in settings.models.declared.iter().flat_map(|model| &model.adapters) {
        if let Some(problem) = adapting::problem(id, source) {
            tracing::warn!("{problem}");
        }
    }
    let root = &settings.models.adapter_root;
    if let Some(directory) = root.value.as_ref().filter(|directory| !directory.is_dir()) {
        tracing::warn!(
            "{} names {}, which is no directory: no adapter can be loaded from there",
            root.said(),
            directory.display()
        );
    }
    let registered = &settings.registry.model_name;
    let is_of = |entry: &Entry, name: &str| matches!(entry.origin(), Some(Origin::MlFlow(model)) if model.name() == name);
    let is_absent = |name: &&String| selection.iter().all(|entry| entry.id != **name && !is_of(entry, name));
    if let Some(name) = registered.value.as_ref().filter(is_absent) {
        let other = match &settings.models.allowed.value {
            Allowed::Unsaid => "--model".to_owned(),
            Allowed::All | Allowed::Ids(_) => settings.models.allowed.said(),
        };
        tracing::warn!("{} names {name:?}, which is not served: {other} names others", registered.said());
    }
    if selection.is_empty() {
        return Err(anyhow!("there is no model to serve"));
    }
    let idle = catalogue.entries().iter().filter(|entry| selection.iter().all(|other| other.id != entry.id)).count();
    if idle > 0 && settings.models.declared.is_empty() {
        tracing::info!("of the models found, {idle} will not be served; LLM_ALLOWED_MODELS says which are, '*' means all");
    }
    let draft = assemble::draft(&catalogue, &settings.engine)?;
    Ok((selection, draft))
}

fn bind(http: &HttpSettings) -> Result<TcpListener> {
    let (host, port) = (http.host.value.as_str(), http.port.value);
    let listener = TcpListener::bind((host, port)).map_err(|error| {
        let by = match http.port.said() {
            flag if flag == "--port" => flag,
            other => format!("--port or {other}"),
        };
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => format!("port {port} of {host} is in use; choose another with {by}"),
            io::ErrorKind::PermissionDenied => {
                format!("port {port} is reserved for privileged users; choose one above 1023 with {by}")
            }
            _ => format!("cannot listen on {host} port {port}; --host and --port say where"),
        };
        anyhow::Error::from(error).context(hint)
    })?;
    listener.set_nonblocking(true)?;
    // A socket that listens may be told again how many may wait: the standard library's 128 are few for somebody who serves thousands.
    if let Err(error) = rustix::net::listen(&listener, WAITING_CONNECTIONS) {
        tracing::debug!(%error, "as many connections may wait to be accepted as the system thinks fit");
    }
    Ok(listener)
}

pub(crate) fn http_settings(settings: &Settings) -> Result<api::Settings> {
    let Settings { http, predict, .. } = settings;
    let origins = match &http.origins.value {
        Origins::Any => api::Origins::Any,
        Origins::These(origins) => {
            let origins = origins.iter().map(|origin| origin.parse().with_context(|| format!("the origin {origin:?}")));
            api::Origins::These(origins.collect::<Result<_>>()?)
        }
    };
    let HttpSettings { tls, tls_certificate, tls_key, .. } = http;
    let tls = match (&tls_certificate.value, &tls_key.value) {
        (Some(certificate), Some(key)) if tls.value => Some(api::Tls::open(certificate, key, SystemTime::now())?),
        _ => None,
    };
    Ok(api::Settings {
        origins,
        trusted_hosts: http.trusted_hosts.value.clone(),
        trusted_proxies: http.trusted_proxies.value.clone(),
        metrics_need_key: http.metrics_need_key.value,
        tls,
        predict: PredictSettings {
            max_length: predict.max_length.value,
            most_prompt_tokens: predict.prompt_tokens.value,
            ..PredictSettings::default()
        },
        adapter_root: settings.models.adapter_root.value.clone(),
        body_limit: http.body_limit.value.get(),
        max_connections: http.max_connections.value.get(),
        grace: http.shutdown_grace.value,
        version: env!("CARGO_PKG_VERSION"),
        ..api::Settings::default()
    })
}

/// Serves from the beginning, while `start` goes on beside it.
async fn serve(
    listener: TcpListener,
    app: api::App,
    grace: Duration,
    start: impl Future<Output = Result<Infallible>>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (stop, stopped) = oneshot::channel();
    let mut signals = Signals::listen()?;
    let told_twice = async {
        signals.next().await;
        tracing::info!(grace_seconds = grace.as_secs(), "stopping: no new requests are taken");
        let _ = stop.send(());
        signals.next().await;
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    tokio::select! {
        served = api::serve(listener, app, shutdown) => Ok(served?),
        Err(failed) = start => Err(failed),
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
pub(crate) fn reachable(scheme: &str, address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Parked, TestApp};

    use super::*;

    #[tokio::test]
    async fn nobody_who_comes_early_is_told_that_the_service_is_ready() {
        let service = TestApp::with_models(vec![Parked::new("demo", 1).model()]).service;
        assert!(service.health().is_ready(), "a model on demand is as good as there");
        let _start = start(service.clone(), false, Vec::new(), std::future::pending(), || ());
        assert!(service.health().is_loading());
    }
}
