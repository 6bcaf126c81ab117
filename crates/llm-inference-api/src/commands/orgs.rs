//! `orgs`: organisations and what each may use.

use std::time::{SystemTime, UNIX_EPOCH};

use accounts::{Limit, OwnLimits, StoreError, StoredOrganization};
use anyhow::Error;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::table::table;
use super::{Place, database};
use crate::commands::Failure;
use crate::settings::account_name;
use crate::terminal;

#[derive(Debug, Subcommand)]
pub(crate) enum OrgsCommand {
    /// List organisations with their own limits.
    List(ListArguments),
    /// Set limits of an organisation; those that are not named stay as they are.
    SetLimits(SetArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Each a number, `none`, or `default`: as for all organisations.
#[derive(Debug, Args)]
pub(crate) struct SetArguments {
    /// It is made if there is none of this name.
    #[arg(value_parser = account_name)]
    org: String,
    /// A number, none, or default: as for all organisations.
    #[arg(long, value_name = "TOKENS", value_parser = own)]
    tokens_per_day: Option<Own>,
    /// The same for requests.
    #[arg(long, value_name = "NUMBER", value_parser = own)]
    requests_per_day: Option<Own>,
    /// The same for a month.
    #[arg(long, value_name = "TOKENS", value_parser = own)]
    tokens_per_month: Option<Own>,
    /// The same for requests and a month.
    #[arg(long, value_name = "NUMBER", value_parser = own)]
    requests_per_month: Option<Own>,
    #[command(flatten)]
    place: Place,
}

/// Absent: as for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own(Option<Limit>);

pub(crate) fn run(command: OrgsCommand) -> Result<(), Failure> {
    match command {
        OrgsCommand::List(arguments) => list(arguments),
        OrgsCommand::SetLimits(arguments) => set(arguments),
    }
}

fn list(ListArguments { json, place }: ListArguments) -> Result<(), Failure> {
    let (runtime, store) = database(place)?;
    let organizations = runtime.block_on(store.organizations()).map_err(Error::from)?;
    let text = if json { as_json(&organizations) } else { as_table(&organizations) };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

fn set(arguments: SetArguments) -> Result<(), Failure> {
    let SetArguments { org, tokens_per_day, requests_per_day, tokens_per_month, requests_per_month, place } = arguments;
    let (runtime, store) = database(place)?;
    let outcome = runtime.block_on(async {
        let known = store.organizations().await?;
        let now = known.into_iter().find(|known| known.id == org).map(|known| known.limits).unwrap_or_default();
        let pick = |new: Option<Own>, old| new.map_or(old, |Own(limit)| limit);
        let limits = OwnLimits {
            tokens_per_day: pick(tokens_per_day, now.tokens_per_day),
            requests_per_day: pick(requests_per_day, now.requests_per_day),
            tokens_per_month: pick(tokens_per_month, now.tokens_per_month),
            requests_per_month: pick(requests_per_month, now.requests_per_month),
        };
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        store.set_limits(&org, limits, created).await?;
        Ok(StoredOrganization { id: org, limits })
    });
    let now = outcome.map_err(|error: StoreError| Error::from(error))?;
    Ok(terminal::answer(&as_table(&[now])).map_err(Error::from)?)
}

fn own(text: &str) -> Result<Own, &'static str> {
    match text {
        "default" => Ok(Own(None)),
        "none" => Ok(Own(Some(Limit::None))),
        number => {
            let limit = number.parse().map_err(|_| "expected a whole number, none, or default")?;
            Ok(Own(Some(Limit::At(limit))))
        }
    }
}

fn shown(limit: Option<Limit>) -> String {
    match limit {
        None => "default".to_owned(),
        Some(Limit::None) => "none".to_owned(),
        Some(Limit::At(limit)) => limit.to_string(),
    }
}

fn as_table(organizations: &[StoredOrganization]) -> String {
    let row = |StoredOrganization { id, limits }: &StoredOrganization| {
        let OwnLimits { tokens_per_day, requests_per_day, tokens_per_month, requests_per_month } = *limits;
        let [a, b, c, d] = [tokens_per_day, requests_per_day, tokens_per_month, requests_per_month].map(shown);
        [id.clone(), a, b, c, d]
    };
    let head = ["ORGANISATION", "TOKENS/DAY", "REQUESTS/DAY", "TOKENS/MONTH", "REQUESTS/MONTH"];
    table(head, organizations.iter().map(row))
}

fn as_json(organizations: &[StoredOrganization]) -> String {
    let row = |StoredOrganization { id, limits }: &StoredOrganization| {
        json!({
            "id": id,
            "tokens_per_day": shown(limits.tokens_per_day),
            "requests_per_day": shown(limits.requests_per_day),
            "tokens_per_month": shown(limits.tokens_per_month),
            "requests_per_month": shown(limits.requests_per_month),
        })
    };
    format!("{:#}\n", Value::Array(organizations.iter().map(row).collect()))
}
