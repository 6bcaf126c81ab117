//! Which of a repository's files are needed: it may hold the same weights in many formats.

use super::HubModel;
use crate::fetch::FetchError;
use crate::peft;

/// Beside the weights: settings, tokenizer, templates.
const KINDS: [&str; 4] = [".json", ".jinja", ".model", ".txt"];

/// Why there is nothing to choose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The GGUF files that there are.
    NoSuchFile(Vec<String>),
    SeveralGguf(Vec<String>),
    NoWeights,
    NoAdapter,
}

impl Unfit {
    pub(super) fn told(self, model: &HubModel) -> FetchError {
        let HubModel { repository, .. } = model;
        FetchError::NotAModel(match self {
            Self::NoSuchFile(files) if files.is_empty() => {
                format!("hf:{model}: there is no such file, and no GGUF file at all")
            }
            Self::NoSuchFile(files) => format!("hf:{model}: there is no such file; there are: {}", files.join(", ")),
            Self::SeveralGguf(files) => format!(
                "hf:{model} holds several models; name one of its files, as hf:{repository}:{}; there are: {}",
                files[0],
                files.join(", ")
            ),
            Self::NoAdapter => {
                let file = format!("one in a GGUF file is named with it, as hf:{repository}:adapter.gguf");
                format!("hf:{model} has no adapter: adapter_model.safetensors beside an adapter_config.json; {file}")
            }
            Self::NoWeights => {
                format!("hf:{model} has no weights that this server reads: safetensors beside a config.json, or GGUF")
            }
        })
    }
}

pub(crate) fn is_gguf(name: &str) -> bool {
    crate::entry::is_gguf(name.as_ref())
}

/// A GGUF file alone; or a directory in Hugging Face's layout, the weights last.
pub(crate) fn choose(files: &[String], wanted: Option<&str>) -> Result<Vec<String>, Unfit> {
    let gguf: Vec<String> = files.iter().filter(|file| is_gguf(file)).cloned().collect();
    if let Some(wanted) = wanted {
        return if gguf.iter().any(|file| file == wanted) {
            Ok(vec![wanted.to_owned()])
        } else {
            Err(Unfit::NoSuchFile(gguf))
        };
    }
    let has = |name: &str| files.iter().any(|file| file == name);
    let root = || files.iter().filter(|file| !file.contains('/'));
    let weights: Vec<String> = root().filter(|file| file.ends_with(".safetensors")).cloned().collect();
    if has("config.json") && !weights.is_empty() {
        let mut chosen: Vec<String> = root().filter(|file| KINDS.iter().any(|kind| file.ends_with(kind))).cloned().collect();
        chosen.extend(files.iter().filter(|file| is_of_a_module(file)).cloned());
        chosen.extend(usual(weights));
        return Ok(chosen);
    }
    match gguf.as_slice() {
        [_] => Ok(gguf),
        // What was trained on top of a model, which says what that is.
        [] if has(peft::SETTINGS) => choose_adapter(files),
        [] => Err(Unfit::NoWeights),
        _ => Err(Unfit::SeveralGguf(gguf)),
    }
}

/// What sentence-transformers does behind a model is described in folders with numbers: `1_Pooling/config.json`.
fn is_of_a_module(file: &str) -> bool {
    let folder = file.strip_suffix("/config.json").and_then(|folder| folder.split_once('_'));
    folder.is_some_and(|(number, name)| number.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains('/'))
}

/// What PEFT saves, and nothing else.
pub(crate) fn choose_adapter(files: &[String]) -> Result<Vec<String>, Unfit> {
    let wanted = peft::FILES.map(str::to_owned);
    if wanted.iter().all(|name| files.contains(name)) { Ok(wanted.into()) } else { Err(Unfit::NoAdapter) }
}

/// Some repositories have the same weights once more, under names of their makers' own program.
fn usual(weights: Vec<String>) -> Vec<String> {
    let (usual, others): (Vec<_>, Vec<_>) = weights.into_iter().partition(|file| file.starts_with("model"));
    if usual.is_empty() { others } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[&str], wanted: Option<&str>) -> Result<Vec<String>, Unfit> {
        choose(&files.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted)
    }

    #[test]
    fn weights_are_taken_once_and_in_the_format_that_is_read() {
        let files = [
            "README.md",
            "config.json",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tokenizer.json",
        ];
        assert_eq!(
            chosen(&files, None).unwrap(),
            [
                "config.json",
                "model.safetensors.index.json",
                "tokenizer.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors"
            ]
        );
    }

    #[test]
    fn a_sentence_encoder_comes_with_its_pooling() {
        let files = ["1_Pooling/config.json", "config.json", "model.safetensors", "modules.json", "openvino/config.json"];
        let expected = ["config.json", "modules.json", "1_Pooling/config.json", "model.safetensors"];
        assert_eq!(chosen(&files, None).unwrap(), expected);
    }

    #[test]
    fn one_of_several_gguf_files_has_to_be_named() {
        let files = ["a-Q4_K_M.gguf", "a-Q8_0.gguf", "config.json"];
        assert_eq!(chosen(&files, Some("a-Q8_0.gguf")), Ok(vec!["a-Q8_0.gguf".into()]));
        assert!(matches!(chosen(&files, None), Err(Unfit::SeveralGguf(files)) if files.len() == 2));
        assert!(matches!(chosen(&files, Some("config.json")), Err(Unfit::NoSuchFile(files)) if files.len() == 2));
        assert_eq!(chosen(&files[1..], None), Ok(vec!["a-Q8_0.gguf".into()]));
    }

    #[test]
    fn what_is_no_model_is_told_from_an_adapter() {
        let adapter = ["adapter_config.json", "adapter_model.safetensors"];
        assert_eq!(chosen(&adapter, None).unwrap(), adapter);
        assert_eq!(chosen(&["adapter_config.json", "adapter_model.bin"], None), Err(Unfit::NoAdapter));
        assert_eq!(chosen(&["config.json", "pytorch_model.bin"], None), Err(Unfit::NoWeights));
    }

    #[test]
    fn an_adapter_is_two_files() {
        let files = ["README.md", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json"].map(str::to_owned);
        assert_eq!(choose_adapter(&files).unwrap(), files[1..3]);
        assert_eq!(choose_adapter(&files[..2]), Err(Unfit::NoAdapter));
    }
}
