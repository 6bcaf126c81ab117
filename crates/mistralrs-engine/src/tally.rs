//! What was computed since the start, and when the last of it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backend::Activity;
use decoding::Pace;

#[derive(Debug)]
pub(crate) struct Tally(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    prompt_tokens: u64,
    generation_tokens: u64,
    tokens_per_second: f64,
    pace: Pace,
    /// When something was begun or came out; in the future while prompts may be read, of which mistral.rs tells nothing.
    moved: Instant,
}

/// What reading a token of a prompt may take: the slowest that was seen is a third of it.
const A_PROMPT_TOKEN: Duration = Duration::from_millis(250);

impl Tally {
    pub(crate) fn new(now: Instant) -> Self {
        let (pace, moved) = (Pace::new(now), now);
        Self(Mutex::new(Counted { prompt_tokens: 0, generation_tokens: 0, tokens_per_second: 0.0, pace, moved }))
    }

    pub(crate) fn prompt(&self, tokens: usize, now: Instant) {
        self.with(|counted| {
            counted.prompt_tokens += tokens as u64;
            // One prompt is read after the other.
            counted.moved =
                counted.moved.max(now) + A_PROMPT_TOKEN.saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX));
        });
    }

    pub(crate) fn token(&self, now: Instant) {
        self.with(|counted| {
            counted.generation_tokens += 1;
            counted.tokens_per_second = counted.pace.tokens_per_second(now, counted.generation_tokens);
            counted.moved = now;
        });
    }

    /// Of its cache mistral.rs tells nothing.
    pub(crate) fn activity(&self, running: u32, waiting: u32, now: Instant) -> Activity {
        self.with(|counted| Activity {
            running,
            waiting,
            prompt_tokens: counted.prompt_tokens,
            generation_tokens: counted.generation_tokens,
            tokens_per_second: counted.tokens_per_second,
            stalled_for: (running > 0).then(|| now.saturating_duration_since(counted.moved)),
            ..Activity::default()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counted) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_and_brings_nothing_forth_has_stalled() {
        let began = Instant::now();
        let tally = Tally::new(began);
        let later = began + Duration::from_secs(5);
        assert_eq!(tally.activity(0, 0, later).stalled_for, None);
        assert_eq!(tally.activity(1, 0, later).stalled_for, Some(Duration::from_secs(5)));
        tally.token(later);
        let activity = tally.activity(1, 0, later);
        assert_eq!((activity.stalled_for, activity.generation_tokens), (Some(Duration::ZERO), 1));
    }

    #[test]
    fn who_reads_a_long_prompt_has_not_stalled() {
        let began = Instant::now();
        let tally = Tally::new(began);
        tally.prompt(1000, began);
        let stalled_for = |seconds| tally.activity(1, 0, began + Duration::from_secs(seconds)).stalled_for;
        assert_eq!([stalled_for(100), stalled_for(251)], [Duration::ZERO, Duration::from_secs(1)].map(Some));
    }
}
