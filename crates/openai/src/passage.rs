//! A request that is handed on as it is: only what has to be known of it is read.

use backend::{Endpoint, Hops, MaxTokens, Passage, Tenant};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::Error;
use crate::plain::wrong_type;
use crate::verbatim::Verbatim;

/// The model that a body asks for, if it is one that says so.
pub fn model(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        model: String,
    }
    serde_json::from_slice(body).ok().map(|Named { model }| model)
}

/// What a body asks of a model that runs on other servers, which know what the rest of it means.
pub fn passage(endpoint: Endpoint, body: &[u8]) -> Result<Passage, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::Syntax { message: error.to_string() })?;
    let fields = Verbatim::parse(text)?;
    let tokens = match (read::<u32>(&fields, "max_tokens")?, read::<u32>(&fields, "max_completion_tokens")?) {
        // Servers differ in which of them holds.
        (Some(one), Some(other)) if one != other => {
            return Err(Error::invalid("max_completion_tokens", "is not what max_tokens beside it says"));
        }
        (one, other) => one.or(other),
    };
    let options = read::<StreamOptions>(&fields, "stream_options")?;
    let prompts = prompts(&fields);
    Ok(Passage {
        endpoint,
        model: read(&fields, "model")?.ok_or_else(|| Error::missing("model"))?,
        stream: read(&fields, "stream")?.unwrap_or(false),
        include_usage: options.and_then(|options| options.include_usage).unwrap_or(false),
        unsaid: Vec::new(),
        max_tokens: tokens.and_then(MaxTokens::new),
        choices: made(&fields)?.saturating_mul(prompts),
        prompts,
        tenant: Tenant::default(),
        hops: Hops::default(),
        body: text.to_owned(),
    })
}

/// How many answers are made to each prompt: more than are shown, if the best of them are wanted.
fn made(fields: &Verbatim<'_>) -> Result<u32, Error> {
    let (shown, best_of) = (read::<u32>(fields, "n")?, read::<u32>(fields, "best_of")?);
    Ok(shown.max(best_of).unwrap_or(1).max(1))
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn read<T: DeserializeOwned>(fields: &Verbatim<'_>, name: &str) -> Result<Option<T>, Error> {
    let value = fields.get(name).map_or(Ok(None), serde_json::from_str);
    value.map_err(|error| wrong_type(name, &error.to_string()))
}

/// How many a text completion has: an array that does not begin with a number is of several.
fn prompts(fields: &Verbatim<'_>) -> u32 {
    let Some(prompt) = fields.get("prompt") else { return 1 };
    let is_several = prompt.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['"', '[']));
    let count = serde_json::from_str::<Vec<IgnoredAny>>(prompt).map_or(1, |prompts| prompts.len());
    if is_several { u32::try_from(count).unwrap_or(u32::MAX) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Passage, Error> {
        passage(Endpoint::Completions, body.as_bytes())
    }

    #[test]
    fn what_has_to_be_known_is_read_and_the_rest_is_left() {
        let body = r#"{"model":"a/b","n":2,"prompt":["x","y"],"max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"tools":7}"#;
        let passage = read(body).unwrap();
        assert_eq!((passage.model.as_str(), passage.body.as_str()), ("a/b", body));
        assert!(passage.stream && passage.include_usage);
        assert_eq!((passage.max_tokens, passage.choices, passage.prompts), (MaxTokens::new(5), 4, 2));
        assert_eq!(read(r#"{"model":"m","prompt":"x","n":2,"best_of":20}"#).unwrap().choices, 20);
        let tokens = read(r#"{"model":"m","prompt":[1,2,3],"max_completion_tokens":7,"stream":null}"#).unwrap();
        assert_eq!((tokens.max_tokens, tokens.choices, tokens.stream), (MaxTokens::new(7), 1, false));
    }

    #[test]
    fn what_has_to_be_known_has_to_be_right() {
        for (body, said) in [
            (r#"{"stream":true}"#, "model is required"),
            (r#"{"model":"m","stream":"yes"}"#, "stream: invalid type: string \"yes\", expected a boolean"),
            (
                r#"{"model":"m","max_tokens":"5"}"#,
                "max_tokens: invalid type: string \"5\", expected an integer of at least 0",
            ),
            (r#"{"model":"m","n":-1}"#, "n: invalid value: integer `-1`, expected an integer of at least 0"),
            (r#"{"model":"m","stream_options":true}"#, "stream_options: invalid type: boolean `true`, expected an object"),
            (r#"{"model":"m","model":"m"}"#, "model is given twice"),
            ("[]", "the body must be a JSON object"),
            (
                r#"{"model":"m","max_tokens":1,"max_completion_tokens":9}"#,
                "max_completion_tokens is not what max_tokens beside it says",
            ),
        ] {
            assert_eq!(read(body).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn a_model_is_known_before_anything_else_is() {
        assert_eq!(model(br#"{"x":[],"model":"m"}"#).as_deref(), Some("m"));
        assert_eq!(model(br#"{"model":7}"#), None);
        assert_eq!(model(b"{"), None);
    }
}
