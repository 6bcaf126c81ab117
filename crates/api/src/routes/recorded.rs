//! Answers that are kept, where the settings say so, with what was asked: seen as they pass, whatever made them.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use serving::Outcome;

use crate::App;
use crate::answer::Result;
use crate::extract::look_into;
use crate::middleware::Answered;

/// Bytes of an answer in which it says what it is called.
const BEGINNING: usize = 4096;

/// What a request asks, if its answer is to be kept. To be found before that is made: whoever asked has it either way.
pub(super) async fn question(app: &App, asked: &Bytes) -> Option<String> {
    if !app.service.keeps_outcomes() {
        return None;
    }
    look_into(app, asked.clone(), openai::question).await.unwrap_or_else(|error| {
        tracing::warn!(reason = error.message(), "an answer is not kept");
        None
    })
}

/// The same answer, which is kept with its question when its body has ended.
pub(super) fn recorded(app: &App, question: Option<String>, answered: Answered) -> Answered {
    let Some(prompt) = question.filter(|_| app.service.keeps_outcomes() && !answered.is_refused()) else { return answered };
    answered.seen(|model, body| {
        let model = model.to_owned();
        Body::new(Recorded { body, beginning: Vec::new(), whole: false, model, prompt, app: app.clone() })
    })
}

/// Tells when it is dropped: an answer that nobody read to its end was given, too.
struct Recorded {
    body: Body,
    beginning: Vec<u8>,
    whole: bool,
    model: String,
    prompt: String,
    app: App,
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let (data, room) = (frame.data_ref().map_or(&[][..], |data| data), BEGINNING - self.beginning.len());
                self.beginning.extend_from_slice(&data[..data.len().min(room)]);
            }
            Poll::Ready(None) => self.whole = true,
            _ => {}
        }
        self.whole |= self.body.is_end_stream();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let Some(id) = id(&self.beginning) else { return };
        let (model, prompt) = (std::mem::take(&mut self.model), std::mem::take(&mut self.prompt));
        let at = self.app.now().as_second().max(0).cast_unsigned();
        self.app.service.keep(Outcome { id: id.to_owned(), at, model, prompt, whole: self.whole });
    }
}

/// What an answer or its first chunk is called: the first `"id"` in it.
fn id(beginning: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(beginning).unwrap_or_else(|error| {
        // It is cut within a character.
        std::str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
    });
    let value = text.split_once("\"id\"")?.1.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (id, _) = value.split_once('"')?;
    Some(id).filter(|id| !id.is_empty() && id.len() <= 128 && !id.contains('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_is_called() {
        for (beginning, expected) in [
            (r#"{"id":"chatcmpl-1","object":"#, Some("chatcmpl-1")),
            ("data: {\"object\": \"x\", \"id\" : \"cmpl-2\"}\n\n", Some("cmpl-2")),
            (r#"{"object":"list"}"#, None),
            (r#"{"id":"cut of"#, None),
            (r#"{"id":7}"#, None),
        ] {
            assert_eq!(id(beginning.as_bytes()), expected, "{beginning}");
        }
        assert_eq!(id(b"{\"id\":\"a\",\"text\":\"\xc3"), Some("a"));
    }
}
