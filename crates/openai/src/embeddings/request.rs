//! The request, and what it asks of a model.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use backend::{Embedding, Prompt, Tenant};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{Fields, refuse_leftovers, take, take_model};
use crate::prompts::{self, Item, prompts};
use crate::schema::{self, ModelField};
use crate::several::TextOr;
use crate::{Body, Error};

/// How many texts one request may hold, as OpenAI has it.
const MOST: (usize, &str) = (2048, "at most 2048 texts");

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: String,
    own: Own,
}

/// How the numbers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Float,
    /// Of the bytes of 32-bit floats, the lowest first.
    Base64,
}

/// All but the model.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
struct Own {
    #[schema(required, schema_with = input_schema)]
    input: Option<TextOr<Item>>,
    /// `float`, which is the default, or `base64`: the bytes of 32-bit floats, the lowest first.
    #[schema(value_type = Option<Encoding>)]
    encoding_format: Option<String>,
    /// So many of the first numbers of each vector, brought to length 1 again.
    #[schema(minimum = 1)]
    dimensions: Option<i64>,
    /// vLLM's: -1 cuts texts that are too long to what the model looks at; else they are refused.
    #[schema(minimum = -1, maximum = -1)]
    truncate_prompt_tokens: Option<i64>,
    /// Not looked at: who asks is known by the key.
    #[serde(rename = "user")]
    _user: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

fn input_schema() -> Schema {
    prompts::schema(MOST, "Texts or token ids, up to 2048.").into()
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        schema::closed([ModelField::schema(), Own::schema()]).into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "EmbeddingRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Own::schemas(schemas);
    }
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let own: Own = take(rest)?;
        refuse_leftovers(&own.rest)?;
        Ok(Self { model: model.ok_or_else(|| Error::missing("model"))?, own })
    }
}

impl Request {
    pub fn encoding(&self) -> Result<Encoding, Error> {
        match self.own.encoding_format.as_deref() {
            None | Some("float") => Ok(Encoding::Float),
            Some("base64") => Ok(Encoding::Base64),
            Some(other) => Err(Error::out_of_range("encoding_format", format!("{other:?}"), "float or base64")),
        }
    }

    pub fn embedding(self) -> Result<Embedding, Error> {
        let Self { model, own } = self;
        let inputs = prompts("input", MOST, own.input.ok_or_else(|| Error::missing("input"))?)?;
        if let Some(index) = inputs.iter().position(is_empty) {
            let field = if inputs.len() > 1 { format!("input[{index}]") } else { "input".to_owned() };
            return Err(Error::invalid(field, "must not be empty"));
        }
        let cut = match own.truncate_prompt_tokens {
            None => false,
            Some(-1) => true,
            Some(other) => {
                return Err(Error::out_of_range(
                    "truncate_prompt_tokens",
                    other.to_string(),
                    "-1, for as many as the model looks at",
                ));
            }
        };
        let dimensions = own.dimensions.map(dimensions).transpose()?;
        Ok(Embedding { model, inputs, encoded: None, dimensions, cut, tenant: Tenant::default() })
    }
}

fn is_empty(input: &Prompt) -> bool {
    match input {
        Prompt::Text(text) => text.is_empty(),
        Prompt::Tokens(tokens) => tokens.is_empty(),
        Prompt::Chat(_) => false,
    }
}

fn dimensions(asked: i64) -> Result<NonZeroUsize, Error> {
    let count = usize::try_from(asked).ok().and_then(NonZeroUsize::new);
    count.ok_or_else(|| Error::out_of_range("dimensions", asked.to_string(), "at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Embedding, Encoding), Error> {
        let request = Request::parse(body.as_bytes())?;
        let encoding = request.encoding()?;
        Ok((request.embedding()?, encoding))
    }

    #[test]
    fn texts_and_tokens_are_taken_one_or_several() {
        let (one, encoding) = read(r#"{"model": "m", "input": "Why?", "user": "u"}"#).unwrap();
        assert_eq!((one.inputs.len(), one.dimensions, one.cut, encoding), (1, None, false, Encoding::Float));
        let several = r#"{"model": "m", "input": [[1, 2], [3]], "dimensions": 2, "encoding_format": "base64", "truncate_prompt_tokens": -1}"#;
        let (several, encoding) = read(several).unwrap();
        assert_eq!((several.inputs.len(), several.dimensions, several.cut), (2, NonZeroUsize::new(2), true));
        assert_eq!(encoding, Encoding::Base64);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let mut told = Vec::new();
        for body in [
            r#"{"model": "m"}"#,
            r#"{"input": "Why?"}"#,
            r#"{"model": "m", "input": []}"#,
            r#"{"model": "m", "input": ["Why?", ""]}"#,
            r#"{"model": "m", "input": ""}"#,
            r#"{"model": "m", "input": "Why?", "dimensions": 0}"#,
            r#"{"model": "m", "input": "Why?", "encoding_format": "int8"}"#,
            r#"{"model": "m", "input": "Why?", "truncate_prompt_tokens": 5}"#,
            r#"{"model": "m", "input": "Why?", "colour": 1}"#,
        ] {
            told.push(read(body).unwrap_err().to_string());
        }
        insta::assert_snapshot!(told.join("\n"), @r#"
            input is required
            model is required
            input must not be empty
            input[1] must not be empty
            input must not be empty
            dimensions must be at least 1, but is 0
            encoding_format must be float or base64, but is "int8"
            truncate_prompt_tokens must be -1, for as many as the model looks at, but is 5
            there is no parameter colour
        "#);
    }
}
