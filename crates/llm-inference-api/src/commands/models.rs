//! `models`: what is there, where, and how big.

use clap::Args;
use registry::Entry;
use serde_json::json;

use crate::commands::{Failure, prepare};
use crate::settings::{Arguments, FileArguments, LogArguments, ModelArguments, Purpose, size};
use crate::{assemble, terminal};

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    log: LogArguments,
}

/// A line of the answer.
#[derive(Debug)]
struct Row {
    entry: Entry,
    /// Whether a server with these settings would serve it.
    served: bool,
    /// What it is, or why it could not be served.
    description: Result<String, String>,
}

pub(crate) fn run(arguments: ModelsArguments) -> Result<(), Failure> {
    let ModelsArguments { json, file, models, log } = arguments;
    let settings = prepare(Arguments { file, models, log, ..Arguments::default() }, Purpose::Answer)?;
    let catalogue = assemble::catalogue(&settings.models).map_err(anyhow::Error::from)?;
    for warning in catalogue.warnings() {
        tracing::warn!("{warning}");
    }
    let served = assemble::selection(&catalogue, &settings.models).map_err(anyhow::Error::from)?;
    let rows: Vec<Row> = catalogue
        .entries()
        .iter()
        .map(|entry| Row { entry: entry.clone(), served: served.contains(entry), description: describe(entry) })
        .collect();
    let text = if json { as_json(&rows) } else { as_table(&rows) };
    terminal::answer(&text).map_err(anyhow::Error::from)?;
    Ok(())
}

fn describe(entry: &Entry) -> Result<String, String> {
    assemble::described(entry).map_err(|error| format!("{error:#}"))
}

fn as_json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { entry: Entry { id, source, size }, served, description }| {
            json!({
                "id": id,
                "source": source.to_string(),
                "size": size,
                "served": served,
                "description": description.as_ref().ok(),
                "error": description.as_ref().err(),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(rows))
}

fn as_table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|Row { entry, served, description }| {
        let served = if *served { "yes" } else { "no" };
        let description = description.clone().unwrap_or_else(|error| format!("cannot be read: {error}"));
        [entry.id.clone(), size(entry.size), served.to_owned(), description, entry.source.to_string()]
    });
    let mut table = vec![["MODEL", "SIZE", "SERVED", "WHAT", "WHERE"].map(str::to_owned)];
    table.extend(cells);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5]| {
        let [id, size, served, what, place] = row;
        let [a, b, c, d] = widths;
        format!("{id:a$}  {size:>b$}  {served:c$}  {what:d$}  {place}\n")
    };
    table.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use registry::Source;

    use super::*;

    fn rows() -> Vec<Row> {
        let entry = |id: &str, source, size| Entry { id: id.into(), source, size };
        vec![
            Row {
                entry: entry("demo", Source::Embedded, 4_300_000),
                served: true,
                description: Ok("llama, 4.0 M parameters, Q8_0".into()),
            },
            Row {
                entry: entry("acme/large", Source::Path("/models/acme/large".into()), 900),
                served: false,
                description: Err("config.json: not JSON".into()),
            },
        ]
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(as_table(&rows()), @r"
            MODEL          SIZE  SERVED  WHAT                                   WHERE
            demo        4.1 MiB  yes     llama, 4.0 M parameters, Q8_0          embedded
            acme/large    900 B  no      cannot be read: config.json: not JSON  /models/acme/large
        ");
    }

    #[test]
    fn json_for_programs() {
        insta::assert_snapshot!(as_json(&rows()), @r#"
            [
              {
                "id": "demo",
                "source": "embedded",
                "size": 4300000,
                "served": true,
                "description": "llama, 4.0 M parameters, Q8_0",
                "error": null
              },
              {
                "id": "acme/large",
                "source": "/models/acme/large",
                "size": 900,
                "served": false,
                "description": null,
                "error": "config.json: not JSON"
              }
            ]
        "#);
    }
}
