//! One question and the answer of one server, from the first byte to the last.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use openai::Unheard;
use openai::problem::Said;
use tokio::time::{Instant, timeout, timeout_at};

use crate::client::{Client, with_causes};
use crate::failure::Failure;
use crate::question::Question;
use crate::roster::Seat;
use crate::settings::Timeouts;
use crate::sse::{Event, Reader};

/// Bytes of an answer in one piece.
const MOST_OF_ANSWER: usize = 64 * 1024 * 1024;
/// How long the end of a body may take after the last event in it.
const LINGER: Duration = Duration::from_millis(50);
/// The last event of a stream that has come to its end.
const DONE: &str = "[DONE]";

/// A stream of events while it comes. Dropping it ends the request at the server, and leaves the seat there.
#[derive(Debug)]
pub(crate) struct Streamed {
    events: Events,
    /// Read already, to know that there is an answer.
    first: Option<String>,
    seat: Seat,
    idle: Duration,
}

impl Streamed {
    /// Resolves with the first event.
    pub(crate) async fn begin(
        client: &Client,
        mut seat: Seat,
        question: &dyn Question,
        timeouts: Timeouts,
    ) -> Result<Self, Failure> {
        let Timeouts { connect: _, first_byte, idle, total, hedge: _ } = timeouts;
        let started = Instant::now();
        seat.asks(question.identity());
        let begin = async {
            let body = question.body(seat.upstream());
            let response =
                client.post(seat.upstream(), question.route(), body, "text/event-stream", question.hops()).await?;
            check_type(response.headers(), "text/event-stream")?;
            let ends_by = started + total;
            let mut events = Events { body: response.into_body(), reader: Reader::default(), total, ends_by };
            let first = events.next(first_byte).await?;
            first.map(|first| (events, first)).ok_or_else(|| Failure::Nonsense("a stream without any event".into()))
        };
        let begun = timeout_at(started + first_byte, begin).await;
        match begun.unwrap_or(Err(Failure::NoFirstByte(first_byte))) {
            Ok((events, first)) => {
                seat.began(started.elapsed());
                Ok(Self { events, first: Some(first), seat, idle })
            }
            Err(failure) => {
                let failure = failure.without_key(seat.upstream().api_key.as_ref());
                seat.failed(&failure);
                Err(failure)
            }
        }
    }

    /// The data of the next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Failure> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let next = self.events.next(self.idle).await;
        next.map_err(|failure| self.fail(failure))
    }

    /// What came is no answer.
    pub(crate) fn unheard(&mut self, unheard: Unheard) -> Failure {
        self.fail(Failure::from(unheard))
    }

    /// All that was to come has come. `told`: with what it cost.
    pub(crate) fn succeeded(&mut self, told: bool) {
        self.seat.succeeded(told);
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        let failure = failure.without_key(self.seat.upstream().api_key.as_ref());
        let upstream = self.seat.upstream().address.to_string();
        failure.log(&upstream);
        self.seat.failed(&failure);
        failure
    }
}

#[derive(Debug)]
struct Events {
    body: Incoming,
    reader: Reader,
    total: Duration,
    ends_by: Instant,
}

impl Events {
    /// Data of the next event; `None` at the end. `idle`: for how long nothing at all may come.
    async fn next(&mut self, idle: Duration) -> Result<Option<String>, Failure> {
        loop {
            if let Some(event) = self.reader.next().map_err(|error| Failure::Nonsense(error.to_string()))? {
                // With it llama.cpp begins the answers to several prompts.
                if event.data == "null" {
                    continue;
                }
                let data = data(event)?;
                if data.is_none() {
                    self.finish().await;
                }
                return Ok(data);
            }
            let silent_by = Instant::now() + idle;
            match timeout_at(silent_by.min(self.ends_by), self.body.frame()).await {
                Ok(Some(Ok(frame))) => self.reader.push(frame.data_ref().unwrap_or(&Bytes::new())),
                Ok(Some(Err(error))) => return Err(Failure::Broken(with_causes(&error))),
                Ok(None) => return Err(Failure::Truncated),
                Err(_) if silent_by <= self.ends_by => return Err(Failure::Silent(idle)),
                Err(_) => return Err(Failure::TooLong(self.total)),
            }
        }
    }
}

impl Events {
    /// Reads the end of the body, which follows the last event at once: only then the connection can be used again.
    async fn finish(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.body.frame().await {} };
        let _ = timeout(LINGER, rest).await;
    }
}

fn data(Event { name, data }: Event) -> Result<Option<String>, Failure> {
    match name.as_str() {
        "error" => Err(Failure::InStream(Said::read(data.as_bytes()))),
        _ => Ok((data != DONE).then_some(data)),
    }
}

/// The answer in one piece, with its seat left.
pub(crate) async fn whole(
    client: &Client,
    mut seat: Seat,
    question: &dyn Question,
    timeouts: Timeouts,
) -> Result<(Seat, String), Failure> {
    let started = Instant::now();
    seat.asks(question.identity());
    seat.waits_for_all();
    let exchange = async {
        let body = question.body(seat.upstream());
        let response = client.post(seat.upstream(), question.route(), body, "application/json", question.hops()).await?;
        check_type(response.headers(), "application/json")?;
        // Others may be waiting for somebody to see that the server is there.
        seat.answers();
        let body = Limited::new(response.into_body(), MOST_OF_ANSWER).collect().await;
        let bytes = body.map_err(|error| unread(&*error))?.to_bytes();
        String::from_utf8(bytes.into()).map_err(|_| Failure::Nonsense("it is not UTF-8".into()))
    };
    let answered = timeout_at(started + timeouts.total, exchange).await;
    match answered.unwrap_or(Err(Failure::TooLong(timeouts.total))) {
        Ok(body) => Ok((seat, body)),
        Err(failure) => {
            let failure = failure.without_key(seat.upstream().api_key.as_ref());
            seat.failed(&failure);
            Err(failure)
        }
    }
}

fn unread(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    if error.is::<LengthLimitError>() {
        Failure::Nonsense(format!("it is longer than {MOST_OF_ANSWER} bytes"))
    } else {
        // It was generated, and is not generated again.
        Failure::BrokenOff(with_causes(error))
    }
}

fn check_type(headers: &HeaderMap, wanted: &str) -> Result<(), Failure> {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) { Ok(()) } else { Err(Failure::Nonsense(format!("its type is {found}"))) }
}
