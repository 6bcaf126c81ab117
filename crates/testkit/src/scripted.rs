//! A backend that answers by a script.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use backend::{
    Activity, Backend, BoxFuture, Classification, Classified, Embedded, Embedding, Encoded, Error, Event, Events,
    Generation, ModelCard, ModelState, Prompt, Result, Task, Usage,
};
use futures_core::Stream;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{card, events};

/// What happens to one request.
#[derive(Debug)]
pub enum Reply {
    /// These events, one after the other, as fast as they are read.
    Events(Vec<Result<Event>>),
    /// A class of the text, for a backend that classifies.
    Classified(Classified),
    /// The vectors of texts, for a backend that embeds.
    Embedded(Embedded),
    /// Refused before it runs.
    Refuse(Error),
    /// Waits for its turn for ever.
    Queue,
    /// What the other end of [`Remote`] sends.
    Steered(mpsc::Receiver<Result<Event>>),
    /// Waits in the queue until the gate is opened, and then does this.
    Gated(oneshot::Receiver<()>, Box<Reply>),
    /// The bug that nobody expects.
    Panic(&'static str),
    /// The same, after these events.
    PanicAfter(Vec<Event>, &'static str),
}

impl Reply {
    pub fn events(events: Vec<Event>) -> Self {
        Self::Events(events.into_iter().map(Ok).collect())
    }

    /// One token a piece, then the end.
    pub fn text(pieces: &[&str]) -> Self {
        Self::events(events::answer(pieces))
    }

    /// Labels with their scores, of a text of 5 tokens.
    pub fn classes(classes: &[(&str, f32)]) -> Self {
        let labels: Vec<String> = classes.iter().map(|(label, _)| (*label).to_owned()).collect();
        let scores = classes.iter().map(|(_, score)| *score).collect();
        let usage = Usage { prompt_tokens: 5, ..Usage::default() };
        Self::Classified(Classified { labels: labels.into(), scores, usage })
    }

    /// Of texts that have 5 tokens together.
    pub fn vectors(vectors: &[&[f32]]) -> Self {
        let usage = Usage { prompt_tokens: 5, ..Usage::default() };
        Self::Embedded(Embedded { vectors: vectors.iter().map(|vector| vector.to_vec()).collect(), usage })
    }

    /// Waits in the queue until the sender has sent.
    pub fn gated(self) -> (Self, oneshot::Sender<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self::Gated(receiver, Box::new(self)), sender)
    }

    /// An answer that a test steps through.
    pub fn steered() -> (Self, Remote) {
        let (sender, receiver) = mpsc::channel(1024);
        (Self::Steered(receiver), Remote(sender))
    }
}

/// Sends the events of one answer when a test says so. Dropping it ends the stream without `Done`.
#[derive(Debug)]
pub struct Remote(mpsc::Sender<Result<Event>>);

impl Remote {
    /// Whether there was still somebody to read it.
    pub fn send(&self, event: Event) -> bool {
        self.0.try_send(Ok(event)).is_ok()
    }

    pub fn fail(&self, error: Error) -> bool {
        self.0.try_send(Err(error)).is_ok()
    }

    /// Whether all that was sent has been read.
    pub fn is_read(&self) -> bool {
        self.0.capacity() == self.0.max_capacity()
    }

    /// Resolves when nobody reads the answer any more.
    pub async fn dropped(&self) {
        self.0.closed().await;
    }
}

/// How many requests are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the queue now.
    pub waiting: usize,
    /// Streams that are open now.
    pub running: usize,
    /// Those that were dropped in the queue.
    pub left: usize,
    /// Streams that were dropped before their end.
    pub dropped: usize,
}

/// Cheap to clone: the clone that a test keeps sees what the server's does.
#[derive(Debug, Clone)]
pub struct Scripted {
    card: Arc<ModelCard>,
    script: Arc<Mutex<Script>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug)]
struct Script {
    replies: VecDeque<Reply>,
    requests: Vec<Generation>,
    adapters: Vec<Option<String>>,
    classifications: Vec<Classification>,
    state: ModelState,
    activity: Activity,
    draining: bool,
    encodes: bool,
}

impl Scripted {
    /// Ready, and without any reply: each request must have been scripted.
    pub fn new(id: &str) -> Self {
        Self::with_card(card(id))
    }

    pub fn with_card(card: ModelCard) -> Self {
        let script = Script {
            replies: VecDeque::new(),
            requests: Vec::new(),
            adapters: Vec::new(),
            classifications: Vec::new(),
            state: ModelState::Ready,
            activity: Activity::default(),
            draining: false,
            encodes: false,
        };
        let counts = watch::Sender::new(Counts::default());
        Self { card: Arc::new(card), script: Arc::new(Mutex::new(script)), counts }
    }

    /// One that classifies.
    pub fn classifier(id: &str) -> Self {
        Self::with_card(ModelCard { task: Task::Classify, ..card(id) })
    }

    /// One that embeds.
    pub fn embedder(id: &str) -> Self {
        Self::with_card(ModelCard { task: Task::Embed, ..card(id) })
    }

    /// What happens to the next request for which nothing is said yet.
    pub fn reply(&self, reply: Reply) -> &Self {
        self.script().replies.push_back(reply);
        self
    }

    pub fn set_state(&self, state: ModelState) {
        self.script().state = state;
    }

    /// From here on it says what tokens a prompt has, as if it ran here.
    pub fn set_encodes(&self) {
        self.script().encodes = true;
    }

    pub fn set_activity(&self, activity: Activity) {
        self.script().activity = activity;
    }

    /// Every request that came, in order.
    pub fn requests(&self) -> Vec<Generation> {
        self.script().requests.clone()
    }

    /// With which adapter each of them came: what a [`Parked`](crate::Parked) has made of its source.
    pub fn adapters(&self) -> Vec<Option<String>> {
        self.script().adapters.clone()
    }

    /// The only request that came.
    pub fn request(&self) -> Generation {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "there is not one request");
        requests.remove(0)
    }

    /// Every text that came to be classified, in order.
    pub fn classifications(&self) -> Vec<Classification> {
        self.script().classifications.clone()
    }

    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Resolves when the counts are so.
    pub async fn until(&self, wanted: impl FnMut(&Counts) -> bool) -> Counts {
        *self.counts.subscribe().wait_for(wanted).await.expect("the sender lives as long as self")
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next line of the script.
    fn next(&self, note: impl FnOnce(&mut Script) -> Result<()>) -> Reply {
        let mut script = self.script();
        if let Err(error) = note(&mut script) {
            return Reply::Refuse(error);
        }
        if script.draining {
            let retry_after = std::time::Duration::from_secs(1);
            return Reply::Refuse(Error::Unavailable { reason: "the backend is draining".into(), retry_after });
        }
        script.replies.pop_front().unwrap_or(Reply::Refuse(Error::internal("the script has no more replies")))
    }

    fn open(&self, rest: Rest) -> Events {
        self.counts.send_modify(|counts| counts.running += 1);
        Box::pin(Scene { rest, ended: false, counts: self.counts.clone() })
    }
}

impl Backend for Scripted {
    fn card(&self) -> Arc<ModelCard> {
        self.card.clone()
    }

    fn state(&self) -> ModelState {
        self.script().state.clone()
    }

    fn activity(&self) -> Activity {
        self.script().activity
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>> {
        let mut reply = self.next(|script| {
            let checked = generation.check_prompt_tokens(tokens(&generation.prompt));
            let adapter = generation.adapter.as_ref().and_then(backend::Adapter::get::<String>);
            script.adapters.push(adapter.map(|adapter| (*adapter).clone()));
            // Who held it here would use it for ever.
            script.requests.push(Generation { adapter: None, ..generation });
            checked
        });
        Box::pin(async move {
            while let Reply::Gated(gate, then) = reply {
                let place = Place::take(self.counts.clone());
                let _ = gate.await;
                place.admit();
                reply = *then;
            }
            match reply {
                Reply::Events(events) => Ok(self.open(Rest::Written(events.into()))),
                Reply::Steered(receiver) => Ok(self.open(Rest::Steered(receiver))),
                Reply::Refuse(error) => Err(error),
                Reply::Panic(text) => panic!("{text}"),
                Reply::PanicAfter(events, text) => Ok(self.open(Rest::Broken(events.into(), text))),
                Reply::Queue => {
                    let _place = Place::take(self.counts.clone());
                    std::future::pending().await
                }
                other @ (Reply::Classified(_) | Reply::Embedded(_)) => {
                    Err(Error::internal(format!("the script has no text that goes on but {other:?}")))
                }
                Reply::Gated(..) => unreachable!("gates were opened above"),
            }
        })
    }

    fn classify(&self, classification: Classification) -> BoxFuture<'_, Result<Classified>> {
        let reply = self.next(|script| {
            script.classifications.push(classification);
            Ok(())
        });
        Box::pin(async move {
            match reply {
                Reply::Classified(classified) => Ok(classified),
                Reply::Refuse(error) => Err(error),
                Reply::Queue => {
                    let _place = Place::take(self.counts.clone());
                    std::future::pending().await
                }
                other => Err(Error::internal(format!("the script has no class but {other:?}"))),
            }
        })
    }

    fn embed(&self, _: Embedding) -> BoxFuture<'_, Result<Embedded>> {
        let reply = self.next(|_| Ok(()));
        Box::pin(std::future::ready(match reply {
            Reply::Embedded(embedded) => Ok(embedded),
            Reply::Refuse(error) => Err(error),
            other => Err(Error::internal(format!("the script has no vectors but {other:?}"))),
        }))
    }

    fn encode<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Option<Encoded>>> {
        let encoded = self.script().encodes.then(|| (0..tokens(prompt) as u32).collect());
        Box::pin(std::future::ready(Ok(encoded)))
    }

    fn drain(&self) {
        self.script().draining = true;
    }
}

/// A word of text is a token.
fn tokens(prompt: &Prompt) -> usize {
    let words = |text: &str| text.split_whitespace().count();
    match prompt {
        Prompt::Text(text) => words(text),
        Prompt::Tokens(tokens) => tokens.len(),
        Prompt::Chat(conversation) => conversation.messages().iter().map(|message| words(&message.content)).sum(),
    }
}

/// A place in the queue.
struct Place {
    counts: watch::Sender<Counts>,
    admitted: bool,
}

impl Place {
    fn take(counts: watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| counts.waiting += 1);
        Self { counts, admitted: false }
    }

    fn admit(mut self) {
        self.admitted = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left = usize::from(!self.admitted);
        self.counts.send_modify(|counts| {
            counts.waiting -= 1;
            counts.left += left;
        });
    }
}

enum Rest {
    Written(VecDeque<Result<Event>>),
    Steered(mpsc::Receiver<Result<Event>>),
    Broken(VecDeque<Event>, &'static str),
}

/// One answer while it is read.
struct Scene {
    rest: Rest,
    ended: bool,
    counts: watch::Sender<Counts>,
}

impl Stream for Scene {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.rest {
            Rest::Written(events) => Poll::Ready(events.pop_front()),
            Rest::Steered(receiver) => receiver.poll_recv(context),
            Rest::Broken(events, text) => match events.pop_front() {
                Some(event) => Poll::Ready(Some(Ok(event))),
                None => panic!("{text}"),
            },
        };
        self.ended |= matches!(next, Poll::Ready(None | Some(Err(_) | Ok(Event::Done(_)))));
        next
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let dropped = usize::from(!self.ended);
        self.counts.send_modify(|counts| {
            counts.running -= 1;
            counts.dropped += dropped;
        });
    }
}
