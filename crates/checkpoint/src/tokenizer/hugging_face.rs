//! A tokenizer from the files of a Hugging Face directory.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;
use tokenizers::AddedToken;

use super::end_of_text::EndOfText;
use super::fewest::most_bytes_of_a_token;
use super::pieces::Pieces;
use super::tokenizer_file::TokenizerFile;
use super::{Error, Result, SpecialTokens, TextFiles, Tokenizer};

/// Whose tokens `tokenizer_config.json` names; they are special even where `tokenizer.json` does not say so.
const ROLES: [&str; 4] = ["bos_token", "eos_token", "unk_token", "pad_token"];

impl Tokenizer {
    pub fn from_directory(directory: &Path) -> Result<Self> {
        Self::from_files(&TextFiles::read(directory)?)
    }

    pub fn from_files(files: &TextFiles) -> Result<Self> {
        let TokenizerFile { mut encoder, decoding } = TokenizerFile::parse(&files.tokenizer)?;
        add_configured_tokens(files, &mut encoder)?;
        add_tokens_with_roles(files, &mut encoder)?;

        let special = special_ids(&encoder);
        let vocabulary = encoder.get_vocab(true).into_iter().map(|(token, id)| (id, token));
        let pieces = Pieces::new(vocabulary, &decoding, |id| special.contains(&id))?;
        let special_tokens = special_tokens(files, &encoder);
        let (end_of_text, warnings) = end_of_text(files, &encoder, &pieces, special_tokens.eos)?;
        let config = &files.tokenizer_config;
        Ok(Self {
            most_bytes_of_a_token: most_bytes_of_a_token(&encoder, &pieces),
            leading: special_tokens.bos.filter(|_| config["add_bos_token"] == true),
            trailing: special_tokens.eos.filter(|_| config["add_eos_token"] == true),
            encoder,
            pieces,
            special_tokens,
            end_of_text,
            warnings,
        })
    }
}

/// `added_tokens_decoder` of `tokenizer_config.json`: tokens by id, of which `tokenizer.json` usually has them all.
fn add_configured_tokens(files: &TextFiles, encoder: &mut tokenizers::Tokenizer) -> Result<()> {
    let Some(tokens) = files.tokenizer_config["added_tokens_decoder"].as_object() else { return Ok(()) };
    let known: HashSet<u32> = encoder.get_added_tokens_decoder().keys().copied().collect();
    let mut missing: Vec<(u32, &Value)> = tokens
        .iter()
        .filter_map(|(id, token)| Some((id.parse().ok()?, token)))
        .filter(|(id, _)| !known.contains(id))
        .collect();
    missing.sort_unstable_by_key(|(id, _)| *id);
    for (id, token) in missing {
        let Some(content) = token["content"].as_str().filter(|content| !content.is_empty()) else { continue };
        encoder.add_tokens([added_token(content, token)]).map_err(Error::library)?;
        let given = encoder.token_to_id(content);
        if given != Some(id) {
            let place = format!("the id of {content:?} in added_tokens_decoder");
            return Err(Error::malformed(place, format!("{given:?}, as tokenizer.json has it"), id));
        }
    }
    Ok(())
}

fn added_token(content: &str, token: &Value) -> AddedToken {
    let flag = |name: &str| token[name] == true;
    AddedToken::from(content, flag("special"))
        .normalized(flag("normalized"))
        .lstrip(flag("lstrip"))
        .rstrip(flag("rstrip"))
        .single_word(flag("single_word"))
}

fn add_tokens_with_roles(files: &TextFiles, encoder: &mut tokenizers::Tokenizer) -> Result<()> {
    for role in ROLES {
        let Some(token) = files.token_named(role) else { continue };
        let added = encoder.get_added_vocabulary().get_vocab().contains_key(token);
        if !added && encoder.token_to_id(token).is_some() {
            encoder.add_special_tokens([AddedToken::from(token, true)]).map_err(Error::library)?;
        }
    }
    Ok(())
}

fn special_ids(encoder: &tokenizers::Tokenizer) -> HashSet<u32> {
    encoder.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special).map(|(id, _)| id).collect()
}

fn special_tokens(files: &TextFiles, encoder: &tokenizers::Tokenizer) -> SpecialTokens {
    let [bos, eos, unknown, padding] =
        ROLES.map(|role| files.token_named(role).and_then(|token| encoder.token_to_id(token)));
    SpecialTokens { bos, eos, unknown, padding }
}

fn end_of_text(
    files: &TextFiles,
    encoder: &tokenizers::Tokenizer,
    pieces: &Pieces,
    eos: Option<u32>,
) -> Result<(Vec<u32>, Vec<String>)> {
    let id_of = |token: &str| encoder.token_to_id(token);
    let mut found = EndOfText::new(pieces.len(), &id_of);
    found.configured("config.json", &files.config["eos_token_id"])?;
    found.configured("generation_config.json", &files.generation_config["eos_token_id"])?;
    if let Some(eos) = eos {
        found.id(eos);
    }
    for template in templates(files) {
        found.template(template);
    }
    Ok(found.finish())
}

/// Every chat template there is: the file, or what `tokenizer_config.json` has, one or several with names.
fn templates(files: &TextFiles) -> impl Iterator<Item = &str> {
    let configured = &files.tokenizer_config["chat_template"];
    let named = configured.as_array().into_iter().flatten().filter_map(|entry| entry["template"].as_str());
    files.chat_template.as_deref().into_iter().chain(configured.as_str()).chain(named)
}
