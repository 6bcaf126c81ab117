//! An answer that was read to its end.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::sse::{SseEvent, parse};

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("an answer is UTF-8")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The JSON, with what differs from call to call said in words.
    pub fn stable_json(&self) -> Value {
        stable(self.json())
    }

    pub fn events(&self) -> Vec<SseEvent> {
        parse(self.text())
    }

    /// The data of each event, one a line, with what differs from call to call said in words.
    pub fn stable_events(&self) -> String {
        let lines = self.events().into_iter().map(|SseEvent { event, data }| {
            let data = serde_json::from_str(&data).map_or(data, |json| stable(json).to_string());
            if event.is_empty() { data } else { format!("{event}: {data}") }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Must have succeeded.
    #[expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "the check may be all that is wanted")]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self
    }
}

/// Ids are drawn by chance.
fn stable(mut json: Value) -> Value {
    if let Some(Value::String(id)) = json.get_mut("id")
        && let Some((prefix, _)) = id.split_once('-')
    {
        *id = format!("{prefix}-…");
    }
    if let Some(id) = json.get_mut("request_id") {
        *id = "…".into();
    }
    json
}
