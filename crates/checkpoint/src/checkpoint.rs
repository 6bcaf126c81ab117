//! A whole model, opened.

use std::path::Path;

use crate::locate::{Found, locate};
use crate::storage::Storage;
use crate::tokenizer::TextFiles;
use crate::{
    Architecture, ChatTemplate, Classes, Error, GenerationDefaults, Result, Summary, Tokenizer, Weights, gguf, hugging_face,
    template, tokenizer,
};

/// All that is needed to run a model. The weights are views into mapped files, which must stay as they are meanwhile.
#[derive(Debug)]
pub struct Checkpoint {
    pub architecture: Architecture,
    pub weights: Weights,
    /// What a model that classifies sorts texts into. Its `weights.head` gives a number a class.
    pub classes: Option<Classes>,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    pub defaults: GenerationDefaults,
    pub summary: Summary,
    /// What whoever serves the model should know: a shortened context, a missing chat template, unused tensors.
    pub warnings: Vec<String>,
    /// A tensor of what was trained on top of the model and is not merged into it: without that, this is another model.
    pub unmerged: Option<String>,
}

impl Checkpoint {
    /// Reads a Hugging Face directory, a GGUF file, or a directory with one GGUF file.
    pub fn open(path: &Path) -> Result<Self> {
        match locate(path)? {
            Found::Directory(directory) => Self::from_directory(&directory),
            Found::Gguf { file, storage } => Self::from_gguf(&file, &storage),
        }
    }

    /// Reads a GGUF file that is part of the program; `name` is what errors call it.
    pub fn from_gguf_bytes(name: &str, bytes: &'static [u8]) -> Result<Self> {
        Self::from_gguf(Path::new(name), &Storage::Static(bytes))
    }

    fn from_directory(directory: &Path) -> Result<Self> {
        let model = hugging_face::open(directory)?;
        let files = TextFiles::read(directory).map_err(tokenizer_failed(directory))?;
        let tokenizer = Tokenizer::from_files(&files).map_err(tokenizer_failed(directory))?;
        let template = ChatTemplate::from_files(&files, &tokenizer).map_err(template_failed(directory))?;
        let mut warnings = model.warnings;
        warnings.extend(text_warnings(&model.architecture, &tokenizer, &template, model.classes.is_some()));
        warnings.extend(unused_warning(&model.unused));
        Ok(Self {
            architecture: model.architecture,
            weights: model.weights,
            classes: model.classes,
            tokenizer,
            template,
            defaults: model.defaults,
            summary: model.summary,
            warnings,
            unmerged: model.unused.into_iter().find(|name| name.contains(".lora_")),
        })
    }

    fn from_gguf(file: &Path, storage: &Storage) -> Result<Self> {
        let model = gguf::open(file, storage)?;
        let tokenizer = Tokenizer::from_gguf(&model.vocabulary).map_err(tokenizer_failed(file))?;
        let template = ChatTemplate::from_gguf(&model.vocabulary, &tokenizer).map_err(template_failed(file))?;
        let mut warnings = text_warnings(&model.architecture, &tokenizer, &template, false);
        warnings.extend(unused_warning(&model.unused));
        Ok(Self {
            architecture: model.architecture,
            weights: model.weights,
            classes: None,
            tokenizer,
            template,
            defaults: GenerationDefaults::default(),
            summary: model.summary,
            warnings,
            unmerged: None,
        })
    }
}

/// What a model is, by the heads of its files alone.
pub fn inspect(path: &Path) -> Result<Summary> {
    match locate(path)? {
        Found::Directory(directory) => hugging_face::inspect(&directory),
        Found::Gguf { file, storage } => gguf::inspect(&file, &storage),
    }
}

fn tokenizer_failed(place: &Path) -> impl Fn(tokenizer::Error) -> Error {
    move |source| Error::Tokenizer { place: place.into(), source }
}

fn template_failed(place: &Path) -> impl Fn(template::Error) -> Error {
    move |source| Error::Template { place: place.into(), source }
}

fn text_warnings(
    architecture: &Architecture,
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    classifies: bool,
) -> Vec<String> {
    let mut warnings = tokenizer.warnings().to_vec();
    let (tokens, rows) = (tokenizer.vocabulary_size(), architecture.vocabulary);
    if tokens > rows {
        warnings.push(format!("the tokenizer has {tokens} tokens and the model {rows}; those beyond cannot be used"));
    }
    if template.is_fallback() && !classifies {
        warnings.push("the model has no chat template; a plain one is used: \"User: …\" and \"Assistant: …\"".into());
    }
    warnings
}

fn unused_warning(unused: &[String]) -> Option<String> {
    let first = unused.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if unused.len() > 3 { ", …" } else { "" };
    (!unused.is_empty()).then(|| format!("{} tensors of the model are not used: {first}{more}", unused.len()))
}
