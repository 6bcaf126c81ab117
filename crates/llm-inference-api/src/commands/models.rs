//! `models`: what is there, where, and how big; and what comes from the Hugging Face Hub or MLflow, and goes.

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use registry::{Declared, Entry, FetchError, HubModel, Origin, Source, Sources};
use serde_json::json;

use crate::commands::{Failure, prepare};
use crate::settings::{Arguments, FileArguments, LogArguments, ModelArguments, Purpose, RegistryArguments, Settings, size};
use crate::{assemble, fetching, terminal};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// List the models that are there.
    List(ListArguments),
    /// Download a model, or what is missing of it, and say where it is.
    Pull(OneArguments),
    /// Remove a model of the Hub or of MLflow from this machine, all its revisions and versions.
    Rm(OneArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
struct OneArguments {
    /// org/name, org/name@revision, org/name:file.gguf, mlflow:models:/name/stage; to remove org/name, mlflow:models:/name.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
struct PlaceArguments {
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    log: LogArguments,
}

impl PlaceArguments {
    fn settings(self) -> Result<Settings, Failure> {
        let Self { file, models, registry, log } = self;
        prepare(Arguments { file, models, registry, log, ..Arguments::default() }, Purpose::Answer)
    }
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
    let ModelsArguments { command, list: unsaid } = arguments;
    match command.unwrap_or(ModelsCommand::List(unsaid)) {
        ModelsCommand::List(arguments) => list(arguments),
        ModelsCommand::Pull(OneArguments { id, place }) => Ok(pull(&id, &place.settings()?)?),
        ModelsCommand::Rm(OneArguments { id, place }) => Ok(remove(&id, &place.settings()?)?),
    }
}

fn list(ListArguments { json, place }: ListArguments) -> Result<(), Failure> {
    let settings = place.settings()?;
    let catalogue = assemble::catalogue(&settings.models).map_err(anyhow::Error::from)?;
    for warning in catalogue.warnings() {
        tracing::warn!("{warning}");
    }
    let served = assemble::selection(&catalogue, &settings).map_err(anyhow::Error::from)?;
    let sources = fetching::sources(&settings);
    let mut entries = catalogue.entries().to_vec();
    entries.extend(served.iter().filter(|entry| !catalogue.entries().contains(entry)).cloned());
    for entry in fetching::downloaded(&sources).into_iter().chain(sources.registered_here()) {
        if entries.iter().all(|other| other.source != entry.source) {
            entries.push(entry);
        }
    }
    let rows: Vec<Row> = entries
        .into_iter()
        .map(|entry| {
            let (served, description) = (served.contains(&entry), describe(&entry, &sources));
            let size = sources.cached(&entry).map_or(entry.size, |local| local.size);
            Row { entry: Entry { size, ..entry }, served, description }
        })
        .collect();
    let text = if json { as_json(&rows) } else { as_table(&rows) };
    terminal::answer(&text).map_err(anyhow::Error::from)?;
    Ok(())
}

fn pull(id: &str, settings: &Settings) -> Result<()> {
    let origin = origin(id)?;
    let entry = Entry::new(origin.to_string(), Source::Origin(origin));
    let sources = fetching::sources(settings);
    let fetched = match fetching::fetch(&entry, &sources) {
        // It may be an adapter of which the model beneath is not to be had from the Hub: whoever declares that model can use it.
        Err(error @ (FetchError::NotAModel(_) | FetchError::NotThere(_) | FetchError::Offline(_))) => {
            return pull_adapter(&entry, &sources).map_err(|_| error.into());
        }
        fetched => fetched?,
    };
    if fetched.adapter.is_some() {
        pull_adapter(&entry, &sources)?;
    }
    let description = describe(&fetched, &sources).map_err(|error| {
        anyhow!(
            "{} is here and cannot be served: {error}; if its files were damaged, `llm-inference-api models rm` deletes \
             them, to be downloaded anew",
            fetched.source
        )
    })?;
    let version = fetched.version.as_deref().unwrap_or_default();
    Ok(terminal::answer(&format!("{}\n{description}, {}, version {version}\n", fetched.source, size(fetched.size)))?)
}

/// For a machine that will be offline: an adapter is found where it was downloaded to.
fn pull_adapter(entry: &Entry, sources: &Sources) -> Result<()> {
    let origin = entry.origin().with_context(|| format!("{} is no adapter", entry.source))?;
    let fetched = fetching::fetch_adapter(origin, sources)?;
    Ok(terminal::answer(&format!(
        "{}\nan adapter, version {}; adapters: of its model names it\n",
        fetched.path.display(),
        fetched.version
    ))?)
}

fn remove(id: &str, settings: &Settings) -> Result<()> {
    let sources = fetching::sources(settings);
    let (removed, place) = match registered_name(id) {
        Some(name) => (sources.mlflow.remove(name)?, &settings.accounts.data_directory.value),
        None => (sources.hub.remove(&of_hub(id)?)?, &settings.registry.home.value),
    };
    match removed {
        0 => bail!("there are no files of {id} in {}", place.display()),
        bytes => Ok(terminal::answer(&format!("removed {id}, {}\n", size(bytes)))?),
    }
}

/// `sql` of `mlflow:models:/sql`.
fn registered_name(id: &str) -> Option<&str> {
    id.strip_prefix("mlflow:models:/").filter(|name| !name.is_empty() && !name.contains(['/', '@']))
}

fn of_hub(id: &str) -> Result<HubModel> {
    match origin(id)? {
        Origin::Hub(model) if model.revision.is_none() && model.file.is_none() => Ok(model),
        Origin::Hub(model) => {
            bail!("a model is removed whole, all its revisions and files: llm-inference-api models rm {}", model.repository)
        }
        Origin::MlFlow(model) => {
            let whole = format!("mlflow:models:/{}", model.name());
            bail!("a model is removed whole, all its versions: llm-inference-api models rm {whole}")
        }
    }
}

/// `org/name`, with `hf:` before it or without.
fn origin(id: &str) -> Result<Origin> {
    let source = [id.to_owned(), format!("hf:{id}")].iter().find_map(|text| match text.parse() {
        Ok(Declared::Origin(origin)) => Some(origin),
        _ => None,
    });
    source.with_context(|| format!("{id:?} is no id of a model, expected org/name, org/name@revision, org/name:file.gguf or mlflow:models:/name/stage"))
}

fn describe(entry: &Entry, sources: &Sources) -> Result<String, String> {
    assemble::described(entry, sources).map_err(|error| format!("{error:#}"))
}

fn as_json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { entry: Entry { id, source, size, version: _, adapter: _ }, served, description }| {
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
    use super::*;

    fn rows() -> Vec<Row> {
        let entry = |id: &str, source, size| Entry { size, ..Entry::new(id, source) };
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
