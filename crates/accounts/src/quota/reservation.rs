//! What is set aside for one request.

use std::sync::Arc;

use super::holder::Holder;
use super::quotas::Quotas;
use super::{Ask, Standing};
use crate::error::Error;

/// Settled to what was used when it is dropped, however the request ended. It lives in the answer's stream.
#[derive(Debug)]
pub struct Reservation {
    quotas: Arc<Quotas>,
    asks: Vec<Ask>,
    holder: Holder,
    standing: Standing,
    shadowed: Option<Error>,
}

impl Reservation {
    pub(super) fn new(
        quotas: Arc<Quotas>,
        asks: Vec<Ask>,
        holder: Holder,
        standing: Standing,
        shadowed: Option<Error>,
    ) -> Self {
        Self { quotas, asks, holder, standing, shadowed }
    }

    /// Prompt and answer have taken so many tokens by now, and what was said last is paid: what was produced, also if nobody stays
    /// to read it, and also if this process is killed. Of a request that failed before it produced anything, only that it came
    /// is counted.
    pub fn used(&mut self, tokens: u64) {
        self.holder.use_up(tokens);
    }

    /// Why it would have been refused, were quotas not only watched.
    pub fn shadowed(&self) -> Option<&Error> {
        self.shadowed.as_ref()
    }

    /// What was left once this was set aside.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.quotas.settle(&self.asks, &self.holder);
    }
}
