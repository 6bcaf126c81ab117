//! Keys and quotas, as the settings have them.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use accounts::{
    Accounts, AddressLimit, Addresses, Caller, Hash, KeyLimits, Listed, Models, OrganizationLimits, Role, Secret, Store,
};
use anyhow::{Context, Result, bail};

use crate::settings::Settings;
use crate::settings::types::{AccountSettings, LimitSettings, Origin};

/// The database's file in the data directory.
const FILE: &str = "accounts.db";

/// What a server needs that listens on this address. Where nothing asks for a database, none is made: the first key that is made makes it.
pub(crate) async fn open(settings: &Settings, listening: IpAddr) -> Result<Accounts> {
    let AccountSettings { database_url, data_directory, .. } = &settings.accounts;
    let needs_none =
        !names_key(&settings.accounts) && database_url.value.is_none() && organization_limits(&settings.limits).is_none();
    if data_directory.origin != Origin::Default {
        // Keys that cannot be found where somebody said that they are would leave the server open.
        let directory = &data_directory.value;
        can_be_made(directory).with_context(|| {
            format!("the data directory {} of {} cannot be made", directory.display(), data_directory.said())
        })?;
    }
    let store = if needs_none {
        let file = data_directory.value.join(FILE);
        let cannot = || format!("the database {} cannot be opened", file.display());
        Store::file_once_there(file.clone()).await.with_context(cannot)?
    } else {
        store(&settings.accounts).await?
    };
    let accounts = Accounts::open(store, settings_of_accounts(settings)).await?;
    if !accounts.is_closed() {
        if settings.accounts.required.value {
            bail!("{}", no_key(&settings.accounts));
        }
        say_open(&settings.accounts, listening);
    }
    Ok(accounts)
}

/// What a start would say that needs a key, as far as it can be known without opening a database.
pub(crate) fn problem(settings: &AccountSettings) -> Option<String> {
    let AccountSettings { database_url, data_directory, required, .. } = settings;
    let may_have_key = names_key(settings) || database_url.value.is_some() || data_directory.value.join(FILE).exists();
    (required.value && !may_have_key).then(|| no_key(settings))
}

/// Whether the settings themselves say of one.
fn names_key(settings: &AccountSettings) -> bool {
    let AccountSettings { api_key, keys_file, listed, .. } = settings;
    api_key.value.is_some() || keys_file.value.is_some() || !listed.is_empty()
}

fn no_key(settings: &AccountSettings) -> String {
    format!("{} is true, and no key is configured: {}", settings.required.said(), how_to(settings))
}

/// A server may be meant to be open. It is not if its data directory is another than the one that the keys are in.
fn say_open(settings: &AccountSettings, listening: IpAddr) {
    if listening.is_loopback() {
        tracing::info!("no key is configured: everybody on this machine may use this server");
        return;
    }
    tracing::warn!(
        "no key is configured: everybody who reaches this server at {listening} may use it; if that is not meant, {}, listen on 127.0.0.1 \
         alone (--host), or have it refuse to start without a key ({})",
        how_to(settings),
        settings.required.names.name()
    );
}

fn how_to(settings: &AccountSettings) -> String {
    let AccountSettings { api_key, database_url, data_directory, .. } = settings;
    let place = match database_url.value {
        Some(_) => format!("the database of {}", database_url.said()),
        None => data_directory.value.join(FILE).display().to_string(),
    };
    format!("make one with `llm-inference-api keys create --org NAME` (none is in {place}), or set {}", api_key.names.name())
}

/// The database itself.
pub(crate) async fn store(settings: &AccountSettings) -> Result<Store> {
    let AccountSettings { database_url, data_directory, .. } = settings;
    if let Some(url) = &database_url.value {
        return Store::open(url).await.with_context(|| format!("the database of {} cannot be opened", database_url.said()));
    }
    let directory = &data_directory.value;
    make_private(directory).with_context(|| format!("the data directory {} cannot be made", directory.display()))?;
    let file = directory.join(FILE);
    make_file_private(&file).with_context(|| format!("the database {} cannot be made", file.display()))?;
    Store::open(&Store::file(&file)).await.with_context(|| format!("the database {} cannot be opened", file.display()))
}

/// Leaves nothing behind where nothing was.
fn can_be_made(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    make_private(directory)?;
    fs::remove_dir(directory)
}

/// For its owner alone, if it is not there yet.
fn make_private(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// The same of a file, beside which SQLite makes others of the same rights. Empty, it is a database in which there is nothing yet.
fn make_file_private(file: &Path) -> std::io::Result<()> {
    match File::options().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn settings_of_accounts(settings: &Settings) -> accounts::Settings {
    let AccountSettings {
        api_key,
        keys_file,
        ledger_days,
        organizations,
        listed,
        database_url: _,
        data_directory: _,
        required: _, // It is looked at once it is known whether there are keys.
    } = &settings.accounts;
    accounts::Settings {
        listed: api_key.value.iter().map(of_owner).chain(listed.iter().cloned()).collect(),
        organizations: organizations.clone(),
        keep_ledger: Duration::from_hours(24 * u64::from(ledger_days.value.get())),
        keys_file: keys_file.value.clone(),
        addresses: addresses(&settings.limits),
        organization_limits: organization_limits(&settings.limits),
        shadow: settings.limits.shadow.value,
        ..accounts::Settings::default()
    }
}

/// `API_KEY` is the key of whoever runs the server.
fn of_owner(key: &Secret) -> Listed {
    Listed {
        hash: Hash::of(key),
        name: "API_KEY".to_owned(),
        organization: Caller::DEFAULT_ORGANIZATION.to_owned(),
        role: Role::Admin,
        models: Models::All,
        limits: KeyLimits::default(),
        expires: None,
    }
}

fn addresses(limits: &LimitSettings) -> Addresses {
    let LimitSettings { ip_requests_per_second, ip_burst, .. } = limits;
    match ip_requests_per_second.value.0 {
        None => Addresses::Unlimited,
        Some(_) if [&ip_requests_per_second.origin, &ip_burst.origin].iter().all(|origin| **origin == Origin::Default) => {
            Addresses::Standard
        }
        Some(requests_per_second) => Addresses::Limited(AddressLimit { requests_per_second, burst: ip_burst.value }),
    }
}

/// `None` if nobody has set any.
fn organization_limits(limits: &LimitSettings) -> Option<OrganizationLimits> {
    let LimitSettings { tokens_per_day, requests_per_day, tokens_per_month, requests_per_month, .. } = limits;
    let all = [tokens_per_day, requests_per_day, tokens_per_month, requests_per_month];
    let any_set = all.iter().any(|limit| limit.origin != Origin::Default);
    any_set.then_some(OrganizationLimits {
        tokens_per_day: tokens_per_day.value.0,
        requests_per_day: requests_per_day.value.0,
        tokens_per_month: tokens_per_month.value.0,
        requests_per_month: requests_per_month.value.0,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::{Arguments, Environment, File, Machine, Purpose, resolve};

    #[tokio::test]
    async fn the_database_is_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let variables = BTreeMap::from([("LLM_DATA_DIR".to_owned(), place.path().display().to_string())]);
        let environment = Environment::from_map(&variables);
        let settings = resolve(Arguments::default(), environment, File::none(), &Machine::look(), Purpose::Answer).unwrap();
        // It is made once, and is there the second time.
        for _ in 0..2 {
            let store = store(&settings.accounts).await.unwrap();
            for file in fs::read_dir(place.path()).unwrap() {
                let file = file.unwrap();
                assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
            }
            store.close().await;
        }
    }
}
