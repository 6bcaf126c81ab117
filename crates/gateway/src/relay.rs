//! Requests that are handed on in the client's own words. Of the request, only the model's name, the wish for the usage and the cache's
//! salt are changed, and what the model's owner wants is set where the client said nothing; of the answer, only the model's name, and the usage is left out where it was not asked for.

use std::collections::VecDeque;

use backend::{Error, Event, Hops, Passage, Piece, Pieces, Result, estimated_tokens};
use bytes::Bytes;
use futures_util::stream;
use openai::verbatim::{Edit, Verbatim, quoted};
use openai::{Heard, Unheard};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::Streamed;
use crate::failure::Failure;
use crate::question::{Question, beginning, hash, identity, salt};
use crate::settings::UpstreamSettings;
use crate::{Group, refused_fields};

const WITH_USAGE: &str = r#"{"include_usage":true}"#;

impl Group {
    pub(crate) async fn hand_on(&self, passage: Passage) -> Result<Pieces> {
        let relayed = Relayed::new(&passage, &self.refused_fields)?;
        let mut heard = Heard::of_any(estimated_tokens(passage.body.len())).to(passage.prompts);
        if passage.stream {
            let answer = self.stream(&relayed).await?;
            let reading = Reading::new(answer, heard, passage);
            return Ok(Box::pin(stream::unfold(reading, |mut reading| async { Some((reading.next().await?, reading)) })));
        }
        let (mut seat, body) = self.whole(&relayed).await?;
        let read = heard.read(&body).and_then(|events| Ok((events, shown(&body, &passage.model, true)?)));
        let (events, json) = read.map_err(|unheard| {
            let failure = Failure::from(unheard).without_key(seat.upstream().api_key.as_ref());
            seat.failed(&failure);
            failure.into_error()
        })?;
        seat.succeeded(heard.has_usage());
        let events = std::iter::once(prompt(&heard)).chain(events).chain([Event::Done(heard.usage())]).collect();
        Ok(Box::pin(stream::iter([Ok(Piece { json, events })])))
    }
}

/// A request, taken apart as far as has to be.
struct Relayed<'a> {
    passage: &'a Passage,
    fields: Verbatim<'a>,
    stream_options: String,
    salt: Option<String>,
    key: u64,
}

impl<'a> Relayed<'a> {
    fn new(passage: &'a Passage, refused: &[String]) -> Result<Self> {
        let invalid = |error: openai::Error| Error::invalid("body", error);
        let fields = Verbatim::parse(&passage.body).map_err(invalid)?;
        refused_fields::check(&fields, refused)?;
        let options = fields.get("stream_options").and_then(|options| Verbatim::parse(options).ok());
        let asking = options.map(|options| options.edited(&[("include_usage", Edit::Set("true"))]));
        let text = |name| fields.get(name).and_then(|json| serde_json::from_str::<String>(json).ok());
        let salt = salt(passage.tenant, text("cache_salt").as_deref());
        let key = match text("prompt_cache_key") {
            Some(named) => hash(&(passage.tenant, named)),
            None => hash(&(passage.tenant, opening(&fields))),
        };
        Ok(Self { passage, stream_options: asking.unwrap_or_else(|| WITH_USAGE.into()), salt, key, fields })
    }
}

impl Question for Relayed<'_> {
    fn route(&self) -> &'static str {
        self.passage.endpoint.route()
    }

    fn body(&self, upstream: &UpstreamSettings) -> Bytes {
        let (model, salt) = (quoted(&upstream.model), self.salt.as_deref().map(quoted));
        let mut edits = vec![("model", Edit::Set(&model))];
        if self.passage.stream {
            edits.push(("stream_options", Edit::Set(&self.stream_options)));
        }
        let is_unsaid = |name: &str| self.fields.get(name).is_none_or(|json| json == "null");
        let unsaid = self.passage.unsaid.iter().filter(|(name, _)| is_unsaid(name));
        edits.extend(unsaid.map(|(name, json)| (*name, Edit::Set(json))));
        match &salt {
            Some(salt) if upstream.cache_salt => edits.push(("cache_salt", Edit::Set(salt))),
            _ => edits.push(("cache_salt", Edit::Remove)),
        }
        self.fields.edited(&edits).into()
    }

    fn hops(&self) -> &Hops {
        &self.passage.hops
    }

    fn key(&self) -> u64 {
        self.key
    }

    fn identity(&self) -> u64 {
        identity(self.route(), &self.passage.body)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    role: Option<&'a str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// What the prompt begins with: of a conversation, all up to what its user said first.
fn opening<'a>(fields: &Verbatim<'a>) -> Vec<&'a [u8]> {
    let Some(messages) = fields.get("messages") else {
        return fields.get("prompt").map(beginning).into_iter().collect();
    };
    let messages: Vec<Message<'a>> = serde_json::from_str(messages).unwrap_or_default();
    let first = messages.iter().position(|message| message.role == Some("user")).unwrap_or(0);
    messages.iter().take(first + 1).filter_map(|message| Some(message.content?.get().as_bytes())).collect()
}

fn prompt(heard: &Heard) -> Event {
    let usage = heard.usage();
    let (tokens, cached) = (usage.prompt_tokens, usage.cached_tokens);
    Event::Prompt { tokens, cached, echo: None, logprobs: Vec::new() }
}

/// What the client is shown of a chunk, or of an answer in one piece; `None` of a chunk that only says what was not asked for.
fn shown(json: &str, model: &str, with_usage: bool) -> Result<Option<String>, Unheard> {
    let fields = Verbatim::parse(json).map_err(|_| Unheard::Malformed("it is no object".into()))?;
    let model = quoted(model);
    let mut edits = Vec::new();
    if fields.get("model").is_some() {
        edits.push(("model", Edit::Set(&model)));
    }
    if !with_usage {
        let has_usage = fields.get("usage").is_some_and(|usage| usage != "null");
        let is_empty = fields.get("choices").is_some_and(|choices| choices.trim_matches(['[', ']']).trim().is_empty());
        if has_usage && is_empty {
            return Ok(None);
        }
        edits.push(("usage", Edit::Remove));
    }
    Ok(Some(fields.edited(&edits)))
}

/// A streamed answer while it is read.
struct Reading {
    /// `None` after its end.
    answer: Option<Streamed>,
    heard: Heard,
    passage: Passage,
    ready: VecDeque<Piece>,
}

impl Reading {
    fn new(answer: Streamed, heard: Heard, passage: Passage) -> Self {
        let first = Piece { json: None, events: vec![prompt(&heard)] };
        Self { answer: Some(answer), heard, passage, ready: [first].into() }
    }

    async fn next(&mut self) -> Option<Result<Piece>> {
        if let Some(piece) = self.ready.pop_front() {
            return Some(Ok(piece));
        }
        let answer = self.answer.as_mut()?;
        let piece = match answer.next().await {
            Ok(Some(chunk)) => self.chunk(&chunk),
            Ok(None) => {
                answer.succeeded(self.heard.has_usage());
                self.answer = None;
                Ok(Piece { json: None, events: vec![Event::Done(self.heard.usage())] })
            }
            Err(failure) => {
                self.answer = None;
                Err(failure.into_error())
            }
        };
        Some(piece)
    }

    fn chunk(&mut self, chunk: &str) -> Result<Piece> {
        let Passage { model, include_usage, .. } = &self.passage;
        let read = self.heard.read(chunk);
        let piece = read.and_then(|events| Ok(Piece { json: shown(chunk, model, *include_usage)?, events }));
        piece.map_err(|unheard| {
            let failure = self.answer.take().map(|mut answer| answer.unheard(unheard));
            failure.map_or_else(|| Error::internal("an answer was read after its end"), Failure::into_error)
        })
    }
}
