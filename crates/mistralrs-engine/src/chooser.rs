//! What mistral.rs asks for the next token of a sequence. It lets a "logits processor" change the logits before it draws; this one
//! chooses the token itself, as the engine of our own does, and leaves mistral.rs nothing else to draw.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use backend::{Error, FinishReason, Result, StopReason};
use checkpoint::Tokenizer;
use decoding::{Advance, Distribution, Piece, Sampler, Utterance, are_sound, describe};
use mistralrs::{CustomLogitsProcessor, Request, Tensor};
use tokio::sync::mpsc;

use crate::tally::Tally;
use crate::turns::Seat;

/// One token and what it did to the answer.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) piece: Piece,
    pub(crate) finished: Option<(FinishReason, Option<StopReason>)>,
}

/// Lives as long as its sequence does in mistral.rs, and holds the seat of its request for so long.
pub(crate) struct Chooser {
    tokenizer: Arc<Tokenizer>,
    /// Alternatives beside each logarithm, if logarithms are wanted at all.
    logprobs: Option<u8>,
    tally: Arc<Tally>,
    choosing: Mutex<Choosing>,
    then: Option<Then>,
    /// Of all choices of its request.
    _seat: Arc<Seat>,
}

/// A request that is handed over when the one before it has gone.
pub(crate) struct Then {
    sender: mpsc::Sender<Request>,
    request: Request,
}

impl Then {
    pub(crate) fn new(sender: mpsc::Sender<Request>, request: Request) -> Self {
        Self { sender, request }
    }

    /// Unless nobody waits for it any more. Whoever does sees it by the ends of its channels if this cannot be done.
    fn hand_over(self) {
        let Self { sender, request } = self;
        let is_wanted = matches!(&request, Request::Normal(request) if !request.response.is_closed());
        if is_wanted {
            let _ = sender.try_send(request);
        }
    }
}

impl Drop for Chooser {
    fn drop(&mut self) {
        self.then.take().into_iter().for_each(Then::hand_over);
    }
}

struct Choosing {
    sampler: Sampler,
    utterance: Utterance,
    /// Gone once the answer has ended.
    steps: Option<mpsc::Sender<Result<Step>>>,
}

impl Chooser {
    /// There has to be room for every token's step, so that mistral.rs never waits for a slow reader.
    pub(crate) fn new(
        tokenizer: Arc<Tokenizer>,
        sampler: Sampler,
        utterance: Utterance,
        logprobs: Option<u8>,
        tally: Arc<Tally>,
        steps: mpsc::Sender<Result<Step>>,
        (seat, then): (Arc<Seat>, Option<Then>),
    ) -> Self {
        let choosing = Mutex::new(Choosing { sampler, utterance, steps: Some(steps) });
        Self { tokenizer, logprobs, tally, choosing, then, _seat: seat }
    }

    /// The token that comes next, which its reader has been told of.
    fn choose(&self, logits: &mut [f32]) -> u32 {
        let mut choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let Choosing { sampler, utterance, steps } = &mut *choosing;
        // mistral.rs hears of the end of an answer a step late; nobody is told of what it computes until then.
        let Some(sender) = steps.as_ref() else { return 0 };
        if !are_sound(logits) {
            let reason = "the model computed something that is no number: its weights are damaged";
            let _ = sender.try_send(Err(Error::internal(reason)));
            *steps = None;
            return 0;
        }
        let token = sampler.choose(logits);
        let logprob =
            self.logprobs.map(|count| describe(&self.tokenizer, token, Some(&Distribution::new(logits)), logits, count));
        self.tally.token(Instant::now());
        let Advance { piece, finished } = utterance.push(&self.tokenizer, token, logprob);
        let ended = finished.is_some();
        let _ = sender.try_send(Ok(Step { piece, finished })); // Without a reader the sequence ends with this step.
        if ended {
            *steps = None;
        }
        token
    }
}

impl CustomLogitsProcessor for Chooser {
    fn apply(&self, logits: &Tensor, _context: &[u32]) -> mistralrs::Result<Tensor> {
        let mut row: Vec<f32> = logits.to_vec1()?;
        let token = self.choose(&mut row) as usize;
        row.fill(0.0);
        row[token] = 1.0;
        let count = row.len();
        Tensor::from_vec(row, count, logits.device())
    }
}
