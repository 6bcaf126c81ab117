//! The vectors of the texts.

use backend::Embedded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::Encoding;

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = EmbeddingList)]
pub struct Answer {
    /// Always `list`.
    #[schema(examples("list"))]
    object: &'static str,
    /// One a text, in the order of the request.
    data: Vec<One>,
    model: String,
    usage: Usage,
}

/// The vector of a text.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Embedding)]
struct One {
    /// Always `embedding`.
    #[schema(examples("embedding"))]
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

/// As they were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
enum Numbers {
    Floats(Vec<f32>),
    Base64(String),
}

/// Nothing is generated, so nothing else is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EmbeddingUsage)]
struct Usage {
    prompt_tokens: u32,
    total_tokens: u32,
}

impl Answer {
    pub fn new(model: String, encoding: Encoding, Embedded { vectors, usage }: Embedded) -> Self {
        let one = |(index, vector)| One { object: "embedding", index, embedding: Numbers::new(encoding, vector) };
        let data = vectors.into_iter().enumerate().map(one).collect();
        let usage = Usage { prompt_tokens: usage.prompt_tokens, total_tokens: usage.prompt_tokens };
        Self { object: "list", data, model, usage }
    }
}

impl Numbers {
    fn new(encoding: Encoding, vector: Vec<f32>) -> Self {
        match encoding {
            Encoding::Float => Self::Floats(vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.into_iter().flat_map(f32::to_le_bytes).collect();
                Self::Base64(STANDARD.encode(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use backend::Usage;

    use super::*;

    fn answer(encoding: Encoding) -> String {
        let embedded = Embedded { vectors: vec![vec![0.5, -1.0]], usage: Usage { prompt_tokens: 3, ..Usage::default() } };
        serde_json::to_string(&Answer::new("m".into(), encoding, embedded)).unwrap()
    }

    #[test]
    fn numbers_are_written_as_they_were_asked_for() {
        insta::assert_snapshot!(answer(Encoding::Float), @r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#);
        insta::assert_snapshot!(answer(Encoding::Base64), @r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL8="}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#);
    }
}
