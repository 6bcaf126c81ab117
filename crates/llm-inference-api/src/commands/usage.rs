//! `usage`: what was used by whom.

use std::collections::BTreeMap;

use accounts::{Sums, Usage};
use anyhow::{Error, anyhow};
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::table::table;
use super::{Place, database};
use crate::commands::Failure;
use crate::terminal;

const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    /// Of this organisation only.
    #[arg(long, value_name = "ORGANISATION")]
    org: Option<String>,
    /// From the beginning of this day of UTC on; default: the first of this month.
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Up to the end of this day; default: today.
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    /// What the sums are for, with commas between them.
    #[arg(long, value_delimiter = ',', default_values = ["org", "key", "model", "day"], value_name = "WHAT")]
    by: Vec<By>,
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Org,
    Key,
    Model,
    Day,
}

/// What a line is for; what was not asked for is absent.
type Subject = [Option<String>; 4];

pub(crate) fn run(arguments: UsageArguments) -> Result<(), Failure> {
    let UsageArguments { org, from, to, by, json, place } = arguments;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let (first, last) = (from.unwrap_or_else(|| today.first_of_month()), to.unwrap_or(today));
    let (from, before) = (millis(first)?, millis(last.saturating_add(1.day()))?);
    if before <= from {
        return Err(anyhow!("--from is a day after --to").into());
    }
    let (runtime, store) = database(place)?;
    let rows = runtime.block_on(store.usage(from, before)).map_err(Error::from)?;
    let sums = sums(rows.into_iter().filter(|row| org.as_ref().is_none_or(|org| row.organization == *org)), &by);
    if sums.is_empty() {
        let by = org.map(|org| format!(" by {org:?}")).unwrap_or_default();
        terminal::say(&format!("nothing was used{by} from {first} to {last}, as far as this database knows"));
    }
    let text = if json { as_json(&sums) } else { as_table(&sums) };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

fn millis(date: Date) -> Result<i64, Error> {
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|error| anyhow!("{date}: {error}"))?;
    Ok(midnight.timestamp().as_millisecond())
}

fn sums(rows: impl Iterator<Item = Usage>, by: &[By]) -> BTreeMap<Subject, Sums> {
    let mut sums = BTreeMap::<Subject, Sums>::new();
    for row in rows {
        let day = Timestamp::from_millisecond(row.day * DAY).map(|day| day.to_zoned(TimeZone::UTC).date().to_string());
        let of = |what, text: String| by.contains(&what).then_some(text);
        let subject = [
            of(By::Day, day.unwrap_or_default()),
            of(By::Org, row.organization),
            of(By::Key, row.key),
            of(By::Model, row.model),
        ];
        *sums.entry(subject).or_default() += row.sums;
    }
    sums
}

const SUBJECTS: [&str; 4] = ["day", "organization", "key", "model"];

fn as_table(sums: &BTreeMap<Subject, Sums>) -> String {
    let row = |(subject, sums): (&Subject, &Sums)| {
        let [day, org, key, model] = subject.clone().map(|part| part.unwrap_or_else(|| "*".to_owned()));
        let Sums { requests, prompt_tokens, cached_tokens, completion_tokens } = sums;
        let [a, b, c, d] = [requests, prompt_tokens, cached_tokens, completion_tokens].map(ToString::to_string);
        [day, org, key, model, a, b, c, d]
    };
    let head = ["DAY", "ORGANISATION", "KEY", "MODEL", "REQUESTS", "PROMPT", "CACHED", "COMPLETION"];
    table(head, sums.iter().map(row))
}

fn as_json(sums: &BTreeMap<Subject, Sums>) -> String {
    let row = |(subject, sums): (&Subject, &Sums)| {
        let named =
            SUBJECTS.iter().zip(subject).filter_map(|(name, part)| Some(((*name).to_owned(), json!(part.as_ref()?))));
        let mut row: Map<String, Value> = named.collect();
        row.insert("requests".into(), json!(sums.requests));
        row.insert("prompt_tokens".into(), json!(sums.prompt_tokens));
        row.insert("cached_tokens".into(), json!(sums.cached_tokens));
        row.insert("completion_tokens".into(), json!(sums.completion_tokens));
        Value::Object(row)
    };
    format!("{:#}\n", Value::Array(sums.iter().map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_for_what_was_asked_for() {
        let row = |key: &str, day, completion_tokens| Usage {
            organization: "acme".into(),
            key: key.into(),
            model: "demo".into(),
            adapter: String::new(),
            day,
            sums: Sums { requests: 1, prompt_tokens: 10, cached_tokens: 0, completion_tokens },
        };
        let rows = [row("a", 20_818, 1), row("b", 20_818, 2), row("a", 20_819, 4)];
        insta::assert_snapshot!(as_table(&sums(rows.iter().cloned(), &[By::Org, By::Day])), @r"
            DAY         ORGANISATION  KEY  MODEL  REQUESTS  PROMPT  CACHED  COMPLETION
            2026-12-31  acme          *    *      2         20      0       3
            2027-01-01  acme          *    *      1         10      0       4
        ");
        insta::assert_snapshot!(as_json(&sums(rows.into_iter(), &[By::Key])), @r#"
            [
              {
                "key": "a",
                "requests": 2,
                "prompt_tokens": 20,
                "cached_tokens": 0,
                "completion_tokens": 5
              },
              {
                "key": "b",
                "requests": 1,
                "prompt_tokens": 10,
                "cached_tokens": 0,
                "completion_tokens": 2
              }
            ]
        "#);
    }
}
