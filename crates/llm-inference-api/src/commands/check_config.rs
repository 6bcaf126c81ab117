//! `check-config`: what is in force and who said so, and what can be known to be wrong without loading a model.

use accounts::{Limit, Listed, Organization, OwnLimits, check_keys_file};
use anyhow::{Context, Error, anyhow};
use clap::{Args, CommandFactory};
use registry::{Entry, Origin, Sources};

use super::serve::http_settings;
use super::{Cli, ServeArguments};
use crate::commands::Failure;
use crate::memory::Share;
use crate::settings::{Machine, Purpose, Settings, read, reference, show, size};
use crate::{accounting, adapting, allowed_models, assemble, encoding, fetching, routing, terminal};

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Write the reference of all settings (docs/SETTINGS.md) in place of checking any.
    #[arg(long)]
    reference: bool,
    #[command(flatten)]
    serve: ServeArguments,
}

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    /// A line for each model that would be served.
    models: Vec<String>,
    /// A line for each organisation of the settings.
    organizations: Vec<String>,
    warnings: Vec<String>,
    problems: Vec<String>,
}

pub(crate) fn run(arguments: CheckArguments) -> Result<(), Failure> {
    let CheckArguments { reference: asked_for_reference, serve } = arguments;
    if asked_for_reference {
        return Ok(terminal::answer(&reference(&Cli::command())).map_err(Error::from)?);
    }
    let settings = read(serve.into(), &Machine::look(), Purpose::Serve)
        .map_err(|problems| Failure::Found(problems.0.iter().map(ToString::to_string).collect()))?;
    let Findings { models, organizations, warnings, problems } = check(&settings);
    let lines = [models, organizations].concat().join("\n");
    terminal::answer(&format!("{}\n{lines}\n", show(&settings))).map_err(Error::from)?;
    for warning in settings.warnings.iter().chain(&warnings) {
        terminal::say(&format!("warning: {warning}"));
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Found(problems)) }
}

/// Looks at what the settings lead to.
fn check(settings: &Settings) -> Findings {
    let mut findings = Findings::default();
    findings.note(http_settings(settings));
    if let Some(file) = &settings.accounts.keys_file.value {
        findings.note(check_keys_file(file).map_err(Error::from));
    }
    findings.problems.extend(accounting::problem(&settings.accounts));
    findings.organizations = settings.accounts.organizations.iter().map(|one| organization(one, settings)).collect();
    let sources = fetching::sources(settings);
    let catalogue = findings.note(assemble::catalogue(&settings.models).map_err(Error::from));
    if let Some(catalogue) = catalogue {
        findings.warnings.extend(catalogue.warnings().iter().cloned());
        let names = allowed_models::names(&catalogue, &settings.models);
        for Listed { name, models, .. } in &settings.accounts.listed {
            findings.warnings.extend(allowed_models::warnings(&format!("the key {name:?}"), models, &names));
        }
        let selection = findings.note(assemble::selection(&catalogue, settings).map_err(Error::from));
        let draft = findings.note(assemble::draft(&catalogue, &settings.engine)).flatten();
        if let Some(draft) = &draft {
            findings.note(describe(draft, &sources));
        }
        if let Some(selection) = selection {
            findings.note(routing::routes(&selection, settings));
            findings.warnings.extend(routing::warnings(settings));
            findings.models(&selection, draft.as_ref(), settings, &sources);
        }
    }
    findings
}

impl Findings {
    fn note<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        outcome.map_err(|error| self.problems.push(format!("{error:#}"))).ok()
    }

    /// Those that are served, and what stands in the way of loading those that run here.
    fn models(&mut self, selection: &[Entry], draft: Option<&Entry>, settings: &Settings, sources: &Sources) {
        let readable: Vec<_> = selection.iter().filter(|entry| self.model(entry, settings, sources)).collect();
        let (here, draft) = (assemble::here(selection), draft.and_then(|draft| sources.cached(draft)));
        let shares = assemble::shares(&here, draft.as_ref(), settings, sources);
        for (entry, share) in here.iter().zip(shares).filter(|(entry, _)| readable.contains(entry)) {
            let Err(error) = loadable(entry, draft.as_ref(), share, settings, sources) else { continue };
            let told = format!("the model {:?} cannot be loaded: {error:#}", entry.id);
            // Beside others the server starts without it.
            if selection.len() == 1 { self.problems.push(told) } else { self.warnings.push(told) }
        }
    }

    /// Whether its files can be read, as far as they are here.
    fn model(&mut self, entry: &Entry, settings: &Settings, sources: &Sources) -> bool {
        let Some(description) = self.note(describe(entry, sources)) else { return false };
        let Entry { id, source, .. } = entry;
        let declared = settings.declared(id).map(|model| format!(", declared at {}", model.place)).unwrap_or_default();
        let bytes = sources.cached(entry).map(|local| local.size).filter(|bytes| *bytes > 0);
        let size = bytes.map_or(String::new(), |bytes| format!(", {}", size(bytes)));
        self.models.push(format!("model {id}: {description}{size} ({source}){declared}"));
        for (adapter, source) in settings.declared(id).iter().flat_map(|model| &model.adapters) {
            self.models.push(format!("adapter {adapter} of {id} ({source})"));
            // The server starts without it, and says so.
            self.warnings.extend(adapting::problem(adapter, source));
        }
        true
    }
}

/// Its own limits, and its keys by their names.
fn organization(organization: &Organization, settings: &Settings) -> String {
    let Organization { id, limits } = organization;
    let OwnLimits { tokens_per_day, requests_per_day, tokens_per_month, requests_per_month } = *limits;
    let limits = [
        ("tokens_per_day", tokens_per_day),
        ("requests_per_day", requests_per_day),
        ("tokens_per_month", tokens_per_month),
        ("requests_per_month", requests_per_month),
    ];
    let own = limits.into_iter().filter_map(|(name, limit)| match limit? {
        Limit::None => Some(format!("no {name}")),
        Limit::At(limit) => Some(format!("{name} {limit}")),
    });
    let limits: Vec<String> = own.collect();
    let limits = if limits.is_empty() { "limits as for all".to_owned() } else { limits.join(", ") };
    let keys = settings.accounts.listed.iter().filter(|listed| listed.organization == *id);
    let keys: Vec<&str> = keys.map(|listed| listed.name.as_str()).collect();
    let keys = if keys.is_empty() { "no keys here".to_owned() } else { format!("keys {}", keys.join(", ")) };
    format!("organization {id}: {limits}; {keys}")
}

/// Whether a model can be loaded, as far as can be known without doing so.
fn loadable(
    entry: &Entry,
    draft: Option<&Entry>,
    share: Share,
    settings: &Settings,
    sources: &Sources,
) -> Result<(), Error> {
    let offline = &settings.registry.offline;
    match sources.cached(entry) {
        Some(local) if encoding::directory(&local).is_some() => Ok(()),
        Some(local) => match assemble::too_large(share, settings) {
            Some(problem) => Err(Error::msg(problem)),
            None => assemble::check(&local, draft, &settings.engine_of(&entry.id), share.kv_cache),
        },
        None if is_hubs(entry) && offline.value => {
            Err(anyhow!("it is not downloaded, and {} keeps it from being so", offline.said()))
        }
        None => Ok(()),
    }
}

fn is_hubs(entry: &Entry) -> bool {
    matches!(entry.origin(), Some(Origin::Hub(_)))
}

/// By the heads of its files alone.
fn describe(entry: &Entry, sources: &Sources) -> Result<String, Error> {
    assemble::described(entry, sources).with_context(|| format!("the model {:?} cannot be served", entry.id))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::{Arguments, Environment, File, resolve};

    fn findings(file: &str) -> Findings {
        let variables = std::collections::BTreeMap::new();
        let file = File::parse("serving_config.yaml", file, &variables);
        let environment = Environment::from_map(&variables);
        check(&resolve(Arguments::default(), environment, file, &Machine::look(), Purpose::Serve).unwrap())
    }

    #[test]
    fn models_that_are_not_there_or_no_models_are_found_without_loading_any() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("broken.gguf"), "no model at all").unwrap();
        let file = "models:\n  - {id: sql, source: embedded}\n  - {id: broken, source: ROOT/broken.gguf}\n";
        let told = |findings: Findings| {
            let warnings = findings.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
            let text = [findings.models, warnings, findings.problems].concat().join("\n");
            text.replace(root.path().to_str().unwrap(), "ROOT")
        };
        let in_root = |file: &str| file.replace("ROOT", root.path().to_str().unwrap());
        insta::assert_snapshot!(told(findings(&in_root(file))), @r#"
            model sql: llama, 2.9 M parameters, Q8_0, 3.0 MiB (embedded), declared at serving_config.yaml:2
            the model "broken" cannot be served: ROOT/broken.gguf: the whole file: expected a GGUF file or a model's directory, found a file that begins with "no m"
        "#);
        let adapters = "models:\n  - {id: sql, source: embedded, adapters: [{id: legal, source: ROOT/none}]}\n";
        insta::assert_snapshot!(told(findings(&in_root(adapters))), @r#"
            model sql: llama, 2.9 M parameters, Q8_0, 3.0 MiB (embedded), declared at serving_config.yaml:2
            adapter legal of sql (ROOT/none)
            warning: the adapter "legal" cannot be loaded: ROOT/none: no model here: looked for an adapter: adapter_config.json and adapter_model.safetensors, or one GGUF file
        "#);
        let absent =
            "models:\n  - {id: one, source: ROOT/absent}\n  - {id: two, source: ROOT/two}\nengine: {draft_model: nobody}";
        insta::assert_snapshot!(told(findings(&in_root(absent))), @r#"
            serving_config.yaml:2: the model "one" is not there: ROOT/absent cannot be read: No such file or directory (os error 2)
            serving_config.yaml:3: the model "two" is not there: ROOT/two cannot be read: No such file or directory (os error 2)
            engine.draft_model (serving_config.yaml:4): there is no model "nobody"; there are: demo; looked in: the binary
        "#);
    }

    #[test]
    fn models_that_can_never_be_loaded_are_found_without_loading_any() {
        let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models/hf/llama");
        let told = |file: &str| {
            let Findings { warnings, problems, .. } = findings(&file.replace("OTHER", other.to_str().unwrap()));
            [problems, vec!["--".into()], warnings].concat().join("\n").replace(other.to_str().unwrap(), "OTHER")
        };
        insta::assert_snapshot!(told("model: {memory_bytes: 1MiB}"), @r#"
            the model "demo" cannot be loaded: it takes 70245472 bytes of memory, more than the 1048576 that all models may take together (LLM_MODEL_MEMORY_BYTES)
            --
        "#);
        insta::assert_snapshot!(told("engine: {kv_cache_bytes: 1000}"), @r#"
            the model "demo" cannot be loaded: the model cannot be loaded: the KV cache of 1000 bytes does not hold one block of 16 tokens, which is 32768 bytes for this model
            --
        "#);
        let draft = "engine: {speculation: draft, draft_model: other}\nmodels:\n  - {id: sql, source: embedded}\n  - {id: other, source: OTHER}";
        insta::assert_snapshot!(told(draft), @r#"
            --
            the model "sql" cannot be loaded: the draft model does not fit: its token 0 is "!" and the model's "<|endoftext|>"; what is needed is the same vocabulary, as a smaller model of the same family has it
        "#);
        let offline = "model: {memory_bytes: 100MiB}\nmodels:\n  - {id: sql, source: embedded}\n  - {id: absent, source: 'hf:acme/absent'}\nhub: {offline: true, home: /nowhere}";
        insta::assert_snapshot!(told(offline), @r#"
            --
            the model "absent" cannot be loaded: it is not downloaded, and hub.offline (serving_config.yaml:5) keeps it from being so
        "#);
        let far = "models:\n  - {id: far, upstreams: [{url: 'http://gpu:8000'}]}";
        insta::assert_snapshot!(told(far), @"--");
    }

    #[test]
    fn a_keys_file_that_is_wrong_is_found_and_not_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        std::fs::write(&path, "a-long-random-secret rolle=admin\n").unwrap();
        let problems = findings(&format!("accounts: {{keys_file: {}}}", path.display())).problems.join("\n");
        assert!(problems.contains("line 1: expected name, organization") && !problems.contains("secret"), "{problems}");
    }

    #[test]
    fn a_key_that_has_to_be_there_and_is_not_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let problems =
            |also: &str| findings(&format!("accounts: {{required: true, data_dir: {:?}{also}}}", directory.path())).problems;
        let told = problems("").join("\n").replace(directory.path().to_str().unwrap(), "DATA");
        insta::assert_snapshot!(told, @"accounts.required (serving_config.yaml:1) is true, and no key is configured: make one with `llm-inference-api keys create --org NAME` (none is in DATA/accounts.db), or set API_KEY");
        assert_eq!(problems(", api_key: long-and-secret"), Vec::<String>::new());
    }

    #[test]
    fn organisations_are_listed_with_their_limits_and_keys() {
        let hash = |digit: &str| digit.repeat(64);
        let file = format!(
            "organizations:\n  - id: acme\n    limits: {{tokens_per_day: 5, requests_per_day: none}}\n    keys:\n      - {{name: ci, sha256: \"{}\", \
             models: [demo, gone]}}\n      - {{name: other, sha256: \"{}\"}}\n  - id: small\n",
            hash("a"),
            hash("b")
        );
        let Findings { organizations, warnings, problems, .. } = findings(&file);
        assert_eq!(problems, Vec::<String>::new());
        insta::assert_snapshot!([organizations, warnings].concat().join("\n"), @r#"
            organization acme: tokens_per_day 5, no requests_per_day; keys ci, other
            organization small: limits as for all; no keys here
            the key "ci" may ask the model "gone", which these settings do not know; they know: demo
        "#);
    }

    #[test]
    fn a_directory_of_models_that_is_not_there_is_found() {
        let problems = findings("model: {directory: /nowhere/at/all}").problems;
        assert!(!Path::new("/nowhere/at/all").exists());
        insta::assert_snapshot!(problems.join("\n"), @"the model directory /nowhere/at/all cannot be read: No such file or directory (os error 2)");
    }
}
