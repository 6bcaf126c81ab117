//! What the generations of one request came to, for its line in the log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::GenerationEnded;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// Of the generation that was first.
    pub(super) to_first_token: Option<Duration>,
    /// Of the generation that failed last; that a client went away is less than any failure.
    pub(super) error: Option<&'static str>,
    pub(super) generations: u32,
    /// That was asked last.
    pub(super) model: Option<String>,
}

/// Lies in the request's context, so that each generation finds it.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Sums>);

impl Tally {
    pub(super) fn add(&self, generation: &GenerationEnded<'_>) {
        let mut sums = self.lock();
        sums.generations += 1;
        sums.model = Some(generation.model.to_owned());
        sums.input_tokens += u64::from(generation.input_tokens);
        sums.output_tokens += u64::from(generation.output_tokens);
        sums.to_first_token = [sums.to_first_token, generation.to_first_token].into_iter().flatten().min();
        if sums.error.is_none_or(|error| error == GenerationEnded::CLIENT_GONE) {
            sums.error = generation.error.or(sums.error);
        }
    }

    /// Whatever failed, the request has not.
    pub(super) fn forgive(&self) {
        self.lock().error = None;
    }

    pub(super) fn sums(&self) -> Sums {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
