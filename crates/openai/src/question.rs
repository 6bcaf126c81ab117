//! What a request is about, for whoever chooses who answers it.

use serde_json::Value;

/// The last thing that the user said, or the prompt, of several the first; `None` where there is no such text.
pub fn question(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = match body.get("messages") {
        Some(messages) => {
            let mut users = messages.as_array()?.iter().rev().filter(|message| message["role"] == "user");
            text(&users.next()?["content"])?
        }
        None => match body.get("prompt")? {
            Value::Array(prompts) => prompts.first()?.as_str()?.to_owned(),
            prompt => prompt.as_str()?.to_owned(),
        },
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A text, or the texts among its parts.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            Some(texts.join("\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_user_is_the_question() {
        let chat = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So"}]}"#;
        let parts = r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}]}]}"#;
        for (body, expected) in [
            (chat, Some("Why?")),
            (parts, Some("one\ntwo")),
            (r#"{"prompt": "Once"}"#, Some("Once")),
            (r#"{"prompt": ["Once", "Twice"]}"#, Some("Once")),
            (r#"{"prompt": [1, 2]}"#, None),
            (r#"{"messages": [{"role": "system", "content": "Be kind"}]}"#, None),
            (r#"{"messages": 7}"#, None),
            ("{", None),
        ] {
            assert_eq!(question(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
