//! `keys`: the keys of clients.

use std::time::{Duration, SystemTime};

use accounts::{KeyLimits, Models, NewKey, Role, StoredKey, Template};
use anyhow::{Error, anyhow};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::table;
use super::{Place, database, open_database};
use crate::commands::Failure;
use crate::settings::{Settings, account_name};
use crate::{allowed_models, assemble, terminal};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; it is printed on stdout, once.
    Create(CreateArguments),
    /// List keys, without what opens.
    List(ListArguments),
    /// End a key, for good.
    Revoke(RevokeArguments),
    /// Make a key with everything that another has, and end that one.
    Rotate(RotateArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// Whose it is; the organisation is made if there is none of this name.
    #[arg(long, value_name = "ORGANISATION", value_parser = account_name)]
    org: String,
    /// For people, to tell it from others.
    #[arg(long, default_value = "", value_parser = key_name)]
    name: String,
    /// user, or admin, which may change what is served.
    #[arg(long, default_value = "user", value_parser = role)]
    role: Role,
    /// Which models it may ask: ids with commas between them, or *.
    #[arg(long, default_value = "*", value_name = "IDS", value_parser = models)]
    models: Models,
    /// When it ends, as 2027-01-01T00:00:00Z; without it, never.
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// For this key alone, besides what its organisation may.
    #[arg(long, value_name = "NUMBER")]
    requests_per_minute: Option<u64>,
    /// For this key alone, besides what its organisation may.
    #[arg(long, value_name = "TOKENS")]
    tokens_per_minute: Option<u64>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Of this organisation only.
    #[arg(long, value_name = "ORGANISATION")]
    org: Option<String>,
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// The public part of the key, as `keys list` shows it.
    id: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArguments {
    /// The public part of the old key.
    id: String,
    /// How long the old key opens still.
    #[arg(long, default_value = "0", value_name = "HOURS")]
    keep_hours: u32,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(arguments) => create(arguments),
        KeysCommand::List(arguments) => list(arguments),
        KeysCommand::Revoke(RevokeArguments { id, place }) => {
            let (runtime, store) = database(place)?;
            runtime.block_on(store.revoke_key(&id, SystemTime::now())).map_err(Error::from)?;
            terminal::say(&format!("{id} opens nothing any more, as soon as running servers look again: within seconds"));
            Ok(())
        }
        KeysCommand::Rotate(RotateArguments { id, keep_hours, place }) => {
            let (runtime, store) = database(place)?;
            let now = SystemTime::now();
            let ends = now + Duration::from_hours(u64::from(keep_hours));
            let key = runtime.block_on(store.rotate_key(&id, now, ends)).map_err(Error::from)?;
            show_once(&key)
        }
    }
}

fn create(arguments: CreateArguments) -> Result<(), Failure> {
    let CreateArguments { org, name, role, models, expires, requests_per_minute, tokens_per_minute, place } = arguments;
    let now = SystemTime::now();
    if let Some(expires) = expires.filter(|expires| SystemTime::from(*expires) <= now) {
        return Err(anyhow!("--expires {expires} is over: the key would open nothing").into());
    }
    let settings = place.settings()?;
    warn_of_unknown_models(&settings, &models);
    let template = Template {
        organization: org,
        name,
        role,
        models,
        limits: KeyLimits { requests_per_minute, tokens_per_minute },
        expires: expires.map(SystemTime::from),
    };
    let (runtime, store) = open_database(&settings)?;
    let key = runtime.block_on(store.create_key(template, now)).map_err(Error::from)?;
    show_once(&key)
}

/// Where the models cannot be looked for, nothing is said.
fn warn_of_unknown_models(settings: &Settings, models: &Models) {
    let Ok(catalogue) = assemble::catalogue(&settings.models) else { return };
    let names = allowed_models::names(&catalogue, &settings.models);
    for warning in allowed_models::warnings("the key", models, &names) {
        terminal::say(&format!("warning: {warning}"));
    }
}

fn show_once(key: &NewKey) -> Result<(), Failure> {
    terminal::say(&format!("This is the only time that the key {} of {} is shown:", key.id, key.template.organization));
    Ok(terminal::answer(&format!("{}\n", key.secret.reveal())).map_err(Error::from)?)
}

fn list(ListArguments { org, json, place }: ListArguments) -> Result<(), Failure> {
    let (runtime, store) = database(place)?;
    let keys = runtime.block_on(store.keys(org.as_deref())).map_err(Error::from)?;
    let now = SystemTime::now();
    let text = if json { as_json(&keys, now) } else { as_table(&keys, now) };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

fn as_table(keys: &[StoredKey], now: SystemTime) -> String {
    let row = |key: &StoredKey| {
        let Template { organization, name, role, models, expires, .. } = &key.template;
        let expires = expires.map_or("never".to_owned(), time);
        let state = state(key, now).to_owned();
        [key.id.clone(), organization.clone(), name.clone(), role.as_str().to_owned(), models.to_text(), expires, state]
    };
    table(["ID", "ORGANISATION", "NAME", "ROLE", "MODELS", "EXPIRES", "STATE"], keys.iter().map(row))
}

fn as_json(keys: &[StoredKey], now: SystemTime) -> String {
    let row = |key: &StoredKey| {
        let Template { organization, name, role, models, limits, expires } = &key.template;
        json!({
            "id": key.id,
            "organization": organization,
            "name": name,
            "role": role.as_str(),
            "models": models.to_text(),
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "created": time(key.created),
            "expires": expires.map(time),
            "revoked": key.revoked.map(time),
            "state": state(key, now),
        })
    };
    format!("{:#}\n", Value::Array(keys.iter().map(row).collect()))
}

fn state(key: &StoredKey, now: SystemTime) -> &'static str {
    match key.revoked {
        Some(_) => "revoked",
        None if key.is_valid(now) => "valid",
        None => "expired",
    }
}

fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("expected user or admin")
}

fn models(text: &str) -> Result<Models, &'static str> {
    if text.trim().is_empty() { Err("expected ids with commas between them, or *") } else { Ok(Models::parse(text)) }
}

/// It is shown in tables, and on terminals that do what control characters say.
fn key_name(text: &str) -> Result<String, &'static str> {
    let well_formed = text.chars().count() <= 100 && !text.chars().any(char::is_control);
    if well_formed { Ok(text.to_owned()) } else { Err("expected at most 100 characters of text in one line") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_nothing_and_a_name_that_a_terminal_obeys_are_refused() {
        assert!(models("").is_err() && models("a,b").is_ok() && models("*").is_ok());
        assert!(key_name("evil\u{1b}[31m").is_err() && key_name("two\nlines").is_err());
        assert!(key_name("").is_ok() && key_name("die Buchhaltung").is_ok());
    }
}
