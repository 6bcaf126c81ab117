//! What the tests ask with: groups over servers that follow a script, and answers read to the end.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Conversation, Endpoint, Error, Event, Events, Generation, Hop, Hops, Message, Passage, Piece, Pieces, Prompt,
    Role, Tenant, UpstreamReading, Usage,
};
use futures_util::StreamExt;
use gateway::{Balance, Group, GroupSettings, REFUSED_FIELDS, Timeouts, UpstreamSettings};
use serde_json::{Value, json};
use testkit::upstream::Upstream;

/// The gateway in the tests.
pub(crate) const HERE: Hop = Hop::new(7);

pub(crate) fn upstream(url: &str) -> UpstreamSettings {
    UpstreamSettings {
        address: url.parse().unwrap(),
        model: "theirs".into(),
        api_key: None,
        weight: NonZeroU32::MIN,
        max_concurrent: None,
        cache_salt: true,
    }
}

/// In turn, so that it is known who is asked.
pub(crate) fn settings(upstreams: Vec<UpstreamSettings>) -> GroupSettings {
    GroupSettings {
        id: "ours".into(),
        upstreams,
        timeouts: Timeouts::default(),
        balance: Balance::RoundRobin,
        refused_fields: REFUSED_FIELDS.map(str::to_owned).into(),
        max_queued: 1,
        queue_timeout: Duration::from_mins(1),
        hop: HERE,
    }
}

pub(crate) fn group(upstreams: &[&Upstream]) -> Arc<Group> {
    Group::new(settings(upstreams.iter().map(|it| upstream(&it.url())).collect())).unwrap()
}

pub(crate) fn within(upstream: &Upstream, timeouts: Timeouts) -> Arc<Group> {
    Group::new(GroupSettings { timeouts, ..settings(vec![self::upstream(&upstream.url())]) }).unwrap()
}

/// A question in a chat.
pub(crate) fn question(text: &str) -> Generation {
    let message = Message { role: Role::User, content: text.into(), name: None };
    Generation::new("ours", Prompt::Chat(Conversation::new(vec![message]).unwrap()))
}

pub(crate) async fn ask(group: &Group) -> Result<Answer, Error> {
    let mut answer = Answer::default();
    let mut events = group.generate(question("Hello?")).await?;
    answer.read(&mut events).await?;
    Ok(answer)
}

/// As [`ask`], where it fails: before the first byte, or after it.
pub(crate) async fn fail(group: &Group) -> (Option<String>, Error) {
    fail_at(group, "Hello?").await
}

/// The same with another question.
pub(crate) async fn fail_at(group: &Group, text: &str) -> (Option<String>, Error) {
    let mut answer = Answer::default();
    match group.generate(question(text)).await {
        Err(error) => (None, error),
        Ok(mut events) => {
            let error = answer.read(&mut events).await.expect_err("it fails");
            assert!(events.next().await.is_none(), "an error is the last");
            (Some(answer.text), error)
        }
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) usage: Usage,
}

impl Answer {
    async fn read(&mut self, events: &mut Events) -> Result<(), Error> {
        while let Some(event) = events.next().await {
            match event? {
                Event::Text { text, .. } => self.text.push_str(&text),
                Event::Done(usage) => self.usage = usage,
                Event::Prompt { .. } | Event::Finished { .. } => {}
            }
        }
        Ok(())
    }
}

/// What a client sends.
pub(crate) fn passage(body: &Value) -> Passage {
    let told = |pointer| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    Passage {
        endpoint: Endpoint::ChatCompletions,
        model: "ours".into(),
        body: body.to_string(),
        stream: told("/stream"),
        include_usage: told("/stream_options/include_usage"),
        unsaid: Vec::new(),
        max_tokens: None,
        choices: 1,
        prompts: 1,
        tenant: Tenant::default(),
        hops: Hops::default(),
    }
}

pub(crate) fn hello() -> Value {
    json!({"model": "ours", "messages": [{"role": "user", "content": "Hello?"}]})
}

/// What the client is sent, and what it cost.
pub(crate) async fn relay(group: &Group, passage: Passage) -> Result<(Vec<String>, Usage), Error> {
    let mut pieces: Pieces = group.relay(passage).await?;
    let (mut sent, mut usage) = (Vec::new(), None);
    while let Some(piece) = pieces.next().await {
        let Piece { json, events } = piece?;
        sent.extend(json);
        usage = events.iter().find_map(|event| if let Event::Done(usage) = event { Some(*usage) } else { None }).or(usage);
    }
    Ok((sent, usage.expect("it has an end")))
}

pub(crate) fn reading(group: &Group) -> UpstreamReading {
    let mut readings = group.upstreams();
    assert_eq!(readings.len(), 1);
    readings.remove(0)
}

/// How often an upstream has failed so.
pub(crate) fn failures(reading: &UpstreamReading, kind: &str) -> u64 {
    reading.failures.iter().find(|(name, _)| *name == kind).map(|(_, count)| *count).unwrap()
}

/// So much later. The clock stands still for that only: while it does, time limits on what comes over a real network are at once over.
pub(crate) async fn later(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// Nothing is held, whatever has happened.
pub(crate) fn is_at_rest(group: &Group) {
    assert!(group.upstreams().iter().all(|upstream| upstream.in_flight == 0), "{:?}", group.upstreams());
    let activity = group.activity();
    assert_eq!((activity.running, activity.waiting), (0, 0));
}
