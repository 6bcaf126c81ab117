//! The servers that answer for one model: choose one, ask it, and ask another if it fails before its first byte.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use backend::{BoxFuture, Error, Hop, ModelCard, Result, Task};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::time::sleep;

use crate::client::Client;
use crate::connection::{Connector, TlsError};
use crate::exchange::{self, Streamed};
use crate::failure::{Failure, RETRY_AFTER, Verdict};
use crate::question::Question;
use crate::roster::{Roster, Seat};
use crate::settings::{GroupSettings, Timeouts};

/// Times that a request is sent, in all.
const MOST_TRIES: usize = 3;
/// Before the same server is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// A model that other servers answer for.
#[derive(Debug)]
pub struct Group {
    pub(crate) client: Client,
    pub(crate) roster: Arc<Roster>,
    timeouts: Timeouts,
    pub(crate) refused_fields: Vec<String>,
    hop: Hop,
    card: Mutex<Arc<ModelCard>>,
    draining: AtomicBool,
}

impl Group {
    /// Nothing is sent yet. Whoever makes it runs [`watch`](Self::watch) beside it.
    pub fn new(settings: GroupSettings) -> Result<Arc<Self>, TlsError> {
        let with_tls = settings.upstreams.iter().any(|upstream| upstream.address.is_https());
        let connector = Connector::new(settings.timeouts.connect, with_tls)?;
        Ok(Self::over(connector, settings))
    }

    pub(crate) fn over(connector: Connector, settings: GroupSettings) -> Arc<Self> {
        let GroupSettings { id, upstreams, timeouts, balance, refused_fields, max_queued, queue_timeout, hop } = settings;
        let card = ModelCard {
            id,
            parent: None,
            owner: "upstream".into(),
            task: Task::Generate,
            created: SystemTime::now(),
            version: "unknown".into(),
            context_length: 0,
            description: described(upstreams.len()),
            size: 0,
        };
        Arc::new(Self {
            client: Client::new(connector, hop),
            hop,
            roster: Roster::new(upstreams, balance, max_queued, queue_timeout),
            timeouts,
            refused_fields,
            card: Mutex::new(Arc::new(card)),
            draining: AtomicBool::new(false),
        })
    }

    /// What clients call the model.
    pub fn id(&self) -> String {
        self.current_card().id.clone()
    }

    pub(crate) fn current_card(&self) -> Arc<ModelCard> {
        Arc::clone(&self.card.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A server has told how long prompt and answer may be. Of several the shortest holds, since any of them may be asked.
    pub(crate) fn has_context(&self, length: u32) {
        let mut card = self.card.lock().unwrap_or_else(PoisonError::into_inner);
        let known = card.context_length;
        if known == 0 || length < known {
            *card = Arc::new(ModelCard { context_length: length, ..(**card).clone() });
        }
    }

    pub(crate) fn stop_taking(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A stream that has begun.
    pub(crate) async fn stream(&self, question: &dyn Question) -> Result<Streamed> {
        let begin = |seat| Box::pin(Streamed::begin(&self.client, seat, question, self.timeouts)) as BoxFuture<'_, _>;
        self.ask(question, self.timeouts.hedge, begin).await
    }

    /// An answer in one piece.
    pub(crate) async fn whole(&self, question: &dyn Question) -> Result<(Seat, String)> {
        self.ask(question, None, |seat| Box::pin(exchange::whole(&self.client, seat, question, self.timeouts))).await
    }

    /// Asks one server after the other, while nothing has come of it and that may help.
    async fn ask<'a, T>(
        &'a self,
        question: &'a dyn Question,
        hedge: Option<Duration>,
        exchange: impl Fn(Seat) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
    ) -> Result<T> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(Error::ShuttingDown { retry_after: RETRY_AFTER });
        }
        question.hops().check(self.hop).inspect_err(|error| tracing::warn!(model = self.id(), "{error}"))?;
        let key = question.key();
        let mut seat = self.roster.seat(key).await?;
        let (mut tried, mut earlier) = (Vec::new(), None);
        loop {
            tried.push(seat.index);
            let failure = match self.first_of(seat, hedge, key, &mut tried, &exchange).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let next = self.may_ask_again(&failure, tried.len()).then(|| self.roster.another(key, &tried)).flatten();
            // That one server would have sent it back here is no news where another one has failed.
            let told = earlier.filter(|_| failure.is_loop()).unwrap_or(failure);
            let Some(next) = next else { return Err(told.into_error()) };
            (seat, earlier) = (next, Some(told));
            if tried.contains(&seat.index) {
                sleep(PAUSE).await;
            }
        }
    }

    /// What a server answers, or another one that is asked too if that takes long and the budget of retries allows it: the first that
    /// begins. The other one's request ends there and then. If both fail, the later failure is told.
    async fn first_of<'a, T>(
        &'a self,
        seat: Seat,
        hedge: Option<Duration>,
        key: u64,
        tried: &mut Vec<usize>,
        exchange: &(impl Fn(Seat) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync),
    ) -> Result<T, Failure> {
        let logged = |seat: Seat| {
            let upstream = seat.upstream().address.to_string();
            exchange(seat).map(move |answer| answer.inspect_err(|failure| failure.log(&upstream)))
        };
        let mut first = logged(seat);
        let Some(hedge) = hedge.filter(|_| self.roster.upstreams.len() > 1) else { return first.await };
        tokio::select! {
            answer = &mut first => return answer,
            () = sleep(hedge) => {}
        }
        let Some(other) = self.roster.another(key, tried) else { return first.await };
        tried.push(other.index);
        match select(first, logged(other)).await {
            Either::Left((Err(_), rest)) | Either::Right((Err(_), rest)) => rest.await,
            Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
        }
    }

    /// Where there is only one server, it may have been the connection; if it is busy or does not know us, that helps nobody.
    fn may_ask_again(&self, failure: &Failure, tries: usize) -> bool {
        let alone = self.roster.upstreams.len() == 1;
        let most = if alone { 2 } else { MOST_TRIES };
        let busy = matches!(failure.verdict(), Verdict::Busy { .. });
        let is_vain = busy || failure.is_about_us() || failure.is_loop();
        failure.is_worth_another_try() && tries < most && !(alone && is_vain)
    }

    /// Looks after the servers for as long as it is polled.
    pub async fn watch(self: Arc<Self>) {
        let looks = (0..self.roster.upstreams.len()).map(|index| self.watch_one(index));
        futures_util::future::join_all(looks).await;
    }
}

fn described(servers: usize) -> String {
    if servers == 1 { "on another server".into() } else { format!("on {servers} other servers") }
}
