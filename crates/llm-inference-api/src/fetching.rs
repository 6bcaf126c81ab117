//! Models that come from elsewhere: the places, as the settings have them, and downloads that somebody can watch.

use std::fs;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use registry::{
    Access, Entry, FetchError, Fetched, Hub, HubSettings, Kind, MlFlow, MlFlowSettings, Note, Origin, Patience, Progress,
    Sources, Token,
};
use serving::OpenError;

use crate::settings::{Settings, types::RegistrySettings};

/// Where the settings say that models come from.
pub(crate) fn sources(settings: &Settings) -> Sources {
    let RegistrySettings { home, endpoint, hub_token, offline, tracking_uri, .. } = &settings.registry;
    let token = hub_token.value.as_ref().map(|token| Token::new(token.reveal()));
    // Where `hf auth login` puts it.
    let stored = || fs::read_to_string(home.value.join("token")).ok().map(|token| Token::new(token.trim()));
    let hub = HubSettings {
        cache: home.value.join("hub"),
        endpoint: endpoint.value.clone(),
        token: token.or_else(stored),
        offline: offline.value,
        patience: Patience::default(),
    };
    let mlflow = MlFlowSettings {
        cache: settings.accounts.data_directory.value.join("mlflow"),
        tracking_uri: tracking_uri.value.as_ref().map(|uri| uri.reveal().to_owned()),
        access: access(&settings.registry),
        patience: Patience::default(),
    };
    Sources { hub: Hub::new(hub), mlflow: MlFlow::new(mlflow) }
}

fn access(registry: &RegistrySettings) -> Access {
    let RegistrySettings { user, password, tracking_token, .. } = registry;
    match (&user.value, &password.value, &tracking_token.value) {
        (Some(user), Some(password), _) => Access::Basic { user: user.clone(), password: Token::new(password.reveal()) },
        (_, _, Some(token)) => Access::Bearer(Token::new(token.reveal())),
        _ => Access::Anybody,
    }
}

/// The models of the Hub of which there are files on this machine, each under the id that it is asked for by.
pub(crate) fn downloaded(sources: &Sources) -> Vec<Entry> {
    sources.downloaded().unwrap_or_else(|error| {
        tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "nobody knows what was downloaded from the Hub");
        Vec::new()
    })
}

/// An adapter's directory on this machine.
pub(crate) fn fetch_adapter(origin: &Origin, sources: &Sources) -> Result<Fetched, FetchError> {
    let fetched = sources.fetch_files(Kind::Adapter, origin, &mut |_| {})?;
    if let Some(note) = &fetched.note {
        tracing::warn!(source = %origin, "{}", note.sentence);
    }
    Ok(fetched)
}

/// The same, or why nobody can say whether what is here is the newest.
pub(crate) fn newest_adapter(origin: &Origin, sources: &Sources) -> Result<Fetched, OpenError> {
    let fetched = sources.fetch_files(Kind::Adapter, origin, &mut |_| {}).map_err(told)?;
    match fetched.note {
        Some(note) => Err(not_asked(note)),
        None => Ok(fetched),
    }
}

/// The same model with its files on this machine, with a bar while they are downloaded where stderr is a terminal.
pub(crate) fn fetch(entry: &Entry, sources: &Sources) -> Result<Entry, FetchError> {
    let (fetched, note) = fetch_or_keep(entry, sources)?;
    if let Some(note) = note {
        tracing::warn!(model = %entry.id, "{}", note.sentence);
    }
    Ok(fetched)
}

/// The same, or why nobody can say whether what is here is the newest.
pub(crate) fn newest(entry: &Entry, sources: &Sources) -> Result<Entry, OpenError> {
    match fetch_or_keep(entry, sources) {
        Ok((fetched, None)) => Ok(fetched),
        Ok((_, Some(note))) => Err(not_asked(note)),
        Err(error) => Err(told(error)),
    }
}

fn not_asked(note: Note) -> OpenError {
    let Note { sentence, in_short, may_pass } = note;
    OpenError { reason: in_short, details: sentence, may_pass }
}

/// As the service says it.
pub(crate) fn told(error: FetchError) -> OpenError {
    let (reason, may_pass) = (error.in_short(), error.may_pass());
    OpenError { reason, details: format!("{:#}", anyhow::Error::from(error)), may_pass }
}

/// With a note if the place could not be asked, and what is here has to do.
fn fetch_or_keep(entry: &Entry, sources: &Sources) -> Result<(Entry, Option<Note>), FetchError> {
    let bar = bar(entry);
    let started = Instant::now();
    let mut bytes = 0;
    let fetched = sources.fetch(entry, &mut |Progress { done, total }| {
        if bytes == 0 && total > 0 {
            tracing::info!(model = %entry.id, source = %entry.source, bytes = total, "downloading");
        }
        bytes = total;
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (fetched, note) = fetched?;
    if bytes > 0 {
        tracing::info!(
            model = %entry.id, source = %entry.source, version = fetched.version.as_deref().unwrap_or_default(), bytes,
            seconds = started.elapsed().as_secs_f64(), "downloaded"
        );
    }
    Ok((fetched, note))
}

fn bar(entry: &Entry) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(0).with_message(format!("fetching {}", entry.id));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
