//! Where among a model's artifacts its weights and its tokenizer are.
//!
//! `mlflow.transformers` writes `model/` and `components/tokenizer/`, versions before 2.4.1 `pipeline/`; of what PEFT has trained
//! it writes `peft/` alone, to which `persist_pretrained_model` adds the model beneath as `model/`. A directory that was logged
//! with a `pyfunc` is below `artifacts/`; and somebody may have logged the files as they are. Here they are put together into one
//! directory in Hugging Face's layout, with what was trained on top of it in `peft/`.

use super::MlFlowModel;
use super::tree::Remote;
use crate::fetch::FetchError;
use crate::hub::choice::{self, is_gguf};
use crate::peft;

const TOKENIZER: &str = "components/tokenizer";
pub(crate) const PEFT: &str = "peft";
/// What MLflow says of a model, beside its files.
pub(crate) const MLMODEL: &str = "MLmodel";

/// A file that is needed, and what it is called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) remote: String,
    pub(super) name: String,
    pub(super) size: Option<u64>,
}

/// Why there is no model among the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Directories and GGUF files, of which none is better than another.
    Several(Vec<String>),
    NoAdapter,
    /// These are there.
    NoWeights(Vec<String>),
}

impl Unfit {
    /// `settings` reads MLflow's own file about the model.
    pub(super) fn told(self, model: &MlFlowModel, settings: impl FnOnce() -> Option<String>) -> FetchError {
        FetchError::NotAModel(match self {
            Self::Several(places) => {
                format!("mlflow:{model} holds several models, of which only one can be served: {}", places.join(", "))
            }
            Self::NoAdapter => {
                format!(
                    "mlflow:{model} has no adapter: adapter_model.safetensors beside an adapter_config.json, or a GGUF file, once"
                )
            }
            Self::NoWeights(files) => match settings().and_then(|settings| source_model(&settings)) {
                Some(source) => format!(
                    "mlflow:{model} was logged without its weights: they are on the Hugging Face Hub, and hf:{source} is the source to name"
                ),
                None => format!(
                    "mlflow:{model} has no weights that this server reads: safetensors beside a config.json, or GGUF; it has: {}",
                    files.join(", ")
                ),
            },
        })
    }
}

/// Which model of the Hub the weights are, as `mlflow.transformers` writes it down when it saves none: `org/name@commit`.
pub(crate) fn source_model(settings: &str) -> Option<String> {
    let value = |key: &str| {
        let line = settings.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().trim_matches(['\'', '"'])).filter(|value| !value.is_empty() && *value != "null")
    };
    let revision = value("source_model_revision").map(|revision| format!("@{revision}")).unwrap_or_default();
    Some(format!("{}{revision}", value("source_model_name")?))
}

/// What has to be downloaded.
pub(super) fn find(files: &[Remote]) -> Result<Vec<Part>, Unfit> {
    let places = places(files);
    let best = places.iter().map(|place| rank(place)).min();
    let best: Vec<&String> = places.iter().filter(|place| Some(rank(place)) == best).collect();
    match best.as_slice() {
        // What was trained on top of a model, which says what that is.
        [] if files.iter().any(|file| name_of(&file.path) == peft::SETTINGS) => {
            Ok([find_adapter(files)?, parts(files, "", |name| name == MLMODEL)].concat())
        }
        [] => Err(Unfit::NoWeights(files.iter().take(20).map(|file| file.path.clone()).collect())),
        [place] if is_gguf(place) => Ok(parts(files, directory_of(place), |name| name == name_of(place))),
        [place] => Ok([model_and_tokenizer(files, place), beside(files)?].concat()),
        _ => Err(Unfit::Several(
            best.into_iter().map(|place| if place.is_empty() { ".".to_owned() } else { place.clone() }).collect(),
        )),
    }
}

/// What has to be downloaded of an adapter, which `mlflow.transformers` puts into `peft/`.
pub(super) fn find_adapter(files: &[Remote]) -> Result<Vec<Part>, Unfit> {
    let [settings, weights] = peft::FILES;
    let has =
        |directory: &str| files.iter().any(|file| directory_of(&file.path) == directory && name_of(&file.path) == weights);
    let directories = files.iter().filter(|file| name_of(&file.path) == settings).map(|file| directory_of(&file.path));
    let gguf: Vec<_> = files.iter().map(|file| file.path.as_str()).filter(|path| is_gguf(path)).collect();
    match (directories.filter(|directory| has(directory)).collect::<Vec<_>>().as_slice(), gguf.as_slice()) {
        ([directory], _) => Ok(parts(files, directory, |name| peft::FILES.contains(&name))),
        ([], [file]) => Ok(parts(files, directory_of(file), |name| name == name_of(file))),
        _ => Err(Unfit::NoAdapter),
    }
}

/// What was trained on top of a model that is there too: without it, another model would be served.
fn beside(files: &[Remote]) -> Result<Vec<Part>, Unfit> {
    let found = parts(files, PEFT, |name| peft::FILES.contains(&name));
    match found.len() {
        // Weights without settings say nothing to anybody.
        _ if found.iter().all(|part| part.name != peft::SETTINGS) => Ok(Vec::new()),
        1 => Err(Unfit::NoAdapter),
        _ => Ok(found.into_iter().map(|part| Part { name: format!("{PEFT}/{}", part.name), ..part }).collect()),
    }
}

/// Directories with a config.json and weights, and GGUF files.
fn places(files: &[Remote]) -> Vec<String> {
    let has = |directory: &str, fits: &dyn Fn(&str) -> bool| {
        files.iter().any(|file| directory_of(&file.path) == directory && fits(name_of(&file.path)))
    };
    let directories = files
        .iter()
        .filter(|file| name_of(&file.path) == "config.json")
        .map(|file| directory_of(&file.path))
        .filter(|directory| has(directory, &|name| name.ends_with(".safetensors")));
    let gguf = files.iter().map(|file| file.path.as_str()).filter(|path| is_gguf(path));
    directories.chain(gguf).map(str::to_owned).collect()
}

/// Which of several places is meant: the lower the better.
fn rank(place: &str) -> usize {
    match place {
        "model" => 0,
        "pipeline" => 1,
        _ if place.starts_with("artifacts/") => 2,
        "" => 3,
        _ => 4,
    }
}

fn model_and_tokenizer(files: &[Remote], place: &str) -> Vec<Part> {
    let names: Vec<String> =
        files.iter().filter(|file| directory_of(&file.path) == place).map(|file| name_of(&file.path).to_owned()).collect();
    // `places` saw a config.json and weights, so that there is something to choose.
    let chosen = choice::choose(&names, None).unwrap_or_default();
    let mut found = parts(files, place, |name| chosen.iter().any(|chosen| chosen == name));
    let own: Vec<String> = found.iter().map(|part| part.name.clone()).collect();
    found.extend(parts(files, TOKENIZER, |name| !own.iter().any(|own| own == name)));
    found
}

fn parts(files: &[Remote], directory: &str, wanted: impl Fn(&str) -> bool) -> Vec<Part> {
    let here = files.iter().filter(|file| directory_of(&file.path) == directory && wanted(name_of(&file.path)));
    here.map(|file| Part { remote: file.path.clone(), name: name_of(&file.path).to_owned(), size: file.size }).collect()
}

fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is downloaded of these files.
    fn found(paths: &[&str]) -> Result<Vec<String>, Unfit> {
        let files: Vec<Remote> = paths.iter().map(|path| Remote { path: (*path).to_owned(), size: Some(1) }).collect();
        Ok(find(&files)?.into_iter().map(|part| part.remote).collect())
    }

    #[test]
    fn the_weights_and_the_tokenizer_are_found_in_every_layout() {
        let transformers = [
            "MLmodel",
            "conda.yaml",
            "model/config.json",
            "model/model.safetensors",
            "components/tokenizer/tokenizer.json",
            "components/tokenizer/tokenizer_config.json",
        ];
        assert_eq!(found(&transformers).unwrap(), &transformers[2..]);
        let before = ["MLmodel", "pipeline/config.json", "pipeline/tokenizer.json", "pipeline/model.safetensors"];
        assert_eq!(found(&before).unwrap(), &before[1..]);
        let wrapped = ["MLmodel", "artifacts/weights/config.json", "artifacts/weights/model.safetensors"];
        assert_eq!(found(&wrapped).unwrap(), &wrapped[1..]);
        let plain = ["config.json", "tokenizer.json", "model.safetensors"];
        assert_eq!(found(&plain).unwrap(), plain);
        assert_eq!(found(&["MLmodel", "artifacts/tiny.gguf"]).unwrap(), ["artifacts/tiny.gguf"]);
    }

    #[test]
    fn a_tokenizer_beside_the_weights_goes_before_the_component() {
        let files =
            ["model/config.json", "model/model.safetensors", "model/tokenizer.json", "components/tokenizer/tokenizer.json"];
        assert_eq!(found(&files).unwrap(), &files[..3]);
    }

    #[test]
    fn what_was_trained_on_top_of_a_model_is_one() {
        let files = ["MLmodel", "peft/adapter_config.json", "peft/adapter_model.safetensors"];
        assert_eq!(found(&files[1..]).unwrap(), &files[1..]);
        // That knows which commit it was trained on top of.
        let found = found(&files).unwrap();
        assert_eq!((found.len(), found.contains(&MLMODEL.to_owned())), (3, true));
    }

    #[test]
    fn what_was_trained_comes_with_the_model_beneath_that_lies_beside_it() {
        let files = [
            "MLmodel",
            "model/config.json",
            "model/model.safetensors",
            "components/tokenizer/tokenizer.json",
            "peft/README.md",
            "peft/adapter_config.json",
            "peft/adapter_model.safetensors",
        ];
        let remotes = files.map(|path| Remote { path: path.to_owned(), size: Some(1) });
        let names: Vec<_> = find(&remotes).unwrap().into_iter().map(|part| part.name).collect();
        let beneath = ["config.json", "model.safetensors", "tokenizer.json"];
        assert_eq!(names, [&beneath[..], &files[5..]].concat());
        assert_eq!(found(&files[..6]), Err(Unfit::NoAdapter), "the model beneath is another");
        assert_eq!(found(&files[..5]).unwrap(), &files[1..4]);
    }

    #[test]
    fn what_is_no_model_is_said_so() {
        assert_eq!(found(&["MLmodel", "peft/adapter_config.json"]), Err(Unfit::NoAdapter));
        let adapter = ["MLmodel", "peft/README.md", "peft/adapter_config.json", "peft/adapter_model.safetensors"];
        let remotes = adapter.map(|path| Remote { path: path.to_owned(), size: Some(1) });
        let parts = find_adapter(&remotes).unwrap();
        assert_eq!(parts.iter().map(|part| &part.name[..]).collect::<Vec<_>>(), peft::FILES);
        assert_eq!(find_adapter(&remotes[..3]), Err(Unfit::NoAdapter));
        let gguf = ["notes.txt", "artifacts/legal.gguf"].map(|path| Remote { path: path.to_owned(), size: Some(1) });
        let parts = find_adapter(&gguf).unwrap();
        assert_eq!(parts.iter().map(|part| &part.name[..]).collect::<Vec<_>>(), ["legal.gguf"]);
        assert_eq!(found(&["a.pkl"]), Err(Unfit::NoWeights(vec!["a.pkl".into()])));
        assert_eq!(
            found(&["artifacts/a.gguf", "artifacts/b.gguf"]),
            Err(Unfit::Several(vec!["artifacts/a.gguf".into(), "artifacts/b.gguf".into()]))
        );
    }

    #[test]
    fn weights_that_were_not_logged_are_looked_for_where_they_are() {
        let settings = "flavors:\n  transformers:\n    source_model_name: acme/tiny\n    source_model_revision: 0123abc\n";
        assert_eq!(source_model(settings).unwrap(), "acme/tiny@0123abc");
        assert_eq!(source_model("source_model_name: null\n"), None);
    }
}
