//! Clients that ask at the same time, each for its next answer as soon as it has the last: a closed loop.

use std::cell::RefCell;
use std::fs;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;

use super::statistics::percentile;

/// Something that goes on with a prompt, token by token.
pub(super) trait Target {
    /// Exactly `tokens` of them. They come when they come: what is answered is when each piece was there.
    fn ask(&self, prompt: &[u32], tokens: usize) -> impl Future<Output = Result<Answer>>;
}

/// When the pieces of an answer came, counted from the sending of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) pieces: Vec<Duration>,
    pub(super) tokens: usize,
}

/// A run of all clients.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    time: Duration,
    answers: Vec<Answer>,
    /// What this program itself took of the processors, which it shares with the server.
    own_time: Duration,
}

/// Each of so many clients sends as many of the prompts, and asks for `tokens` each time.
pub(super) fn run(target: &impl Target, prompts: &[Vec<u32>], clients: usize, tokens: usize) -> Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answers = RefCell::new(Vec::new());
        let (own, start) = (thread_time()?, Instant::now());
        let each = prompts.len().div_ceil(clients);
        try_join_all(prompts.chunks(each).map(|own| client(target, own, tokens, &answers))).await?;
        let (time, own_time) = (start.elapsed(), thread_time()?.saturating_sub(own));
        Ok(Load { time, answers: answers.take(), own_time })
    })
}

/// One client: asks, waits for the whole answer, asks again.
async fn client(target: &impl Target, prompts: &[Vec<u32>], tokens: usize, answers: &RefCell<Vec<Answer>>) -> Result<()> {
    for prompt in prompts {
        let answer = target.ask(prompt, tokens).await?;
        ensure!(answer.tokens == tokens, "an answer of {} tokens in place of {tokens}", answer.tokens);
        answers.borrow_mut().push(answer);
    }
    Ok(())
}

impl Load {
    /// Tokens a second, over all clients.
    pub(super) fn rate(&self) -> f64 {
        let tokens: usize = self.answers.iter().map(|answer| answer.tokens).sum();
        tokens as f64 / self.time.as_secs_f64()
    }

    /// Requests a second.
    pub(super) fn requests(&self) -> f64 {
        self.answers.len() as f64 / self.time.as_secs_f64()
    }

    /// Until the first piece, in seconds.
    pub(super) fn first(&self, percent: usize) -> f64 {
        let first: Vec<_> = self.answers.iter().filter_map(|answer| answer.pieces.first().copied()).collect();
        percentile(&first, percent)
    }

    /// From one piece to the next, in seconds.
    pub(super) fn between(&self, percent: usize) -> f64 {
        let gaps =
            self.answers.iter().flat_map(|answer| answer.pieces.windows(2).map(|pair| pair[1].saturating_sub(pair[0])));
        percentile(&gaps.collect::<Vec<_>>(), percent)
    }

    /// What part of one processor this program took.
    pub(super) fn own_share(&self) -> f64 {
        self.own_time.as_secs_f64() / self.time.as_secs_f64()
    }
}

/// How long this thread has run so far. Linux counts it in nanoseconds here, and nowhere else that is read without `unsafe`.
fn thread_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("cannot read this thread's time")?;
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse().ok());
    nanoseconds.map(Duration::from_nanos).context("this thread's time is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers at once, with a token for each of the prompt's.
    struct Echo;

    impl Target for Echo {
        async fn ask(&self, prompt: &[u32], _: usize) -> Result<Answer> {
            let pieces = prompt.iter().map(|millisecond| Duration::from_millis(u64::from(*millisecond))).collect();
            Ok(Answer { pieces, tokens: prompt.len() })
        }
    }

    #[test]
    fn every_prompt_is_sent_once() {
        let prompts: Vec<_> = (0..7).map(|index| vec![index, index + 2, index + 3]).collect();
        let load = run(&Echo, &prompts, 3, 3).unwrap();
        let mut answered: Vec<_> = load.answers.iter().map(|answer| answer.pieces[0].as_millis()).collect();
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(load.first(50).to_bits(), 0.003_f64.to_bits());
        assert_eq!(load.between(95).to_bits(), 0.002_f64.to_bits());
    }

    #[test]
    fn an_answer_that_is_too_short_is_an_error() {
        assert!(run(&Echo, &[vec![1, 2]], 1, 3).is_err());
    }
}
