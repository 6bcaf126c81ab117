//! How fast things go, for a gauge and for the advice when to come back.

use std::time::{Duration, Instant};

/// How long somebody is asked to wait at least and at most before trying again.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The gauge shows the last span of this length that is over.
const SPAN: Duration = Duration::from_secs(1);
/// Weight of the newest in a mean.
const NEWEST: f64 = 0.2;
/// How long whoever reads an answer should wait for its next token at most while prompts of others are computed.
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// Fewer tokens take almost as long: the weights are read for each step.
const LEAST_TOKENS: usize = 64;

#[derive(Debug)]
pub struct Pace {
    span_began: Instant,
    tokens_at_beginning: u64,
    tokens_per_second: f64,
    /// Of a request, from its start to its end; exponentially weighted.
    mean_seconds: Option<f64>,
    /// Of a token in a step of many.
    token_seconds: Option<f64>,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self { span_began: now, tokens_at_beginning: 0, tokens_per_second: 0.0, mean_seconds: None, token_seconds: None }
    }

    pub fn tokens_per_second(&mut self, now: Instant, tokens: u64) -> f64 {
        let took = now.saturating_duration_since(self.span_began);
        if took >= SPAN {
            self.tokens_per_second = (tokens - self.tokens_at_beginning) as f64 / took.as_secs_f64();
            self.span_began = now;
            self.tokens_at_beginning = tokens;
        }
        self.tokens_per_second
    }

    pub fn request_ended(&mut self, took: Duration) {
        self.mean_seconds = Some(mean(self.mean_seconds, took.as_secs_f64()));
    }

    /// Learns how long many tokens take.
    pub fn step_ended(&mut self, tokens: usize, took: Duration) {
        if tokens >= LEAST_TOKENS {
            self.token_seconds = Some(mean(self.token_seconds, took.as_secs_f64() / tokens as f64));
        }
    }

    /// How many tokens of prompts a step may have in which answers go on.
    pub fn tokens_beside_answers(&self) -> usize {
        let tokens = self.token_seconds.map_or(f64::INFINITY, |seconds| LONGEST_STEP.as_secs_f64() / seconds);
        (tokens as usize).max(LEAST_TOKENS)
    }

    /// How long `ahead` requests will take, `at_once` of them at a time.
    pub fn wait_for(&self, ahead: usize, at_once: usize) -> Duration {
        let (least, most) = RETRY_BOUNDS;
        let seconds = self.mean_seconds.unwrap_or(0.0) * ahead as f64 / at_once as f64;
        Duration::from_secs_f64(seconds.clamp(least.as_secs_f64(), most.as_secs_f64()))
    }
}

fn mean(before: Option<f64>, newest: f64) -> f64 {
    before.map_or(newest, |before| before + NEWEST * (newest - before))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_shows_the_span_that_is_over() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        assert_eq!(pace.tokens_per_second(began + SPAN / 2, 10), 0.0);
        assert_eq!(pace.tokens_per_second(began + SPAN * 2, 60), 30.0);
        assert_eq!(pace.tokens_per_second(began + SPAN * 2 + SPAN / 2, 99), 30.0);
    }

    #[test]
    fn the_advice_follows_the_mean_duration_within_bounds() {
        let mut pace = Pace::new(Instant::now());
        assert_eq!(pace.wait_for(10, 2), Duration::from_secs(1));
        pace.request_ended(Duration::from_secs(3));
        assert_eq!(pace.wait_for(10, 2), Duration::from_secs(15));
        assert_eq!(pace.wait_for(1000, 2), Duration::from_mins(1));
    }

    #[test]
    fn the_slower_the_machine_the_less_of_others_prompts_is_beside_answers() {
        let mut pace = Pace::new(Instant::now());
        assert_eq!(pace.tokens_beside_answers(), usize::MAX, "before anything is known");
        pace.step_ended(512, Duration::from_millis(2560));
        assert_eq!(pace.tokens_beside_answers(), 100);
        pace.step_ended(1, Duration::from_secs(9));
        assert_eq!(pace.tokens_beside_answers(), 100, "of few nothing is learnt");
        (0..50).for_each(|_| pace.step_ended(512, Duration::from_mins(1)));
        assert_eq!(pace.tokens_beside_answers(), LEAST_TOKENS);
    }
}
