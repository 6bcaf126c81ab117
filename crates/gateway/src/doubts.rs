//! Failures of which it is not known whether the server is to blame or the request: a 500, an answer that makes no sense, one that
//! took far too long. They are held against what went well at the same time.
//!
//! One request that a server stumbles over, sent again and again, must not take the server away from everybody else. So a request
//! counts once, and doubts count only where they are more than what goes well. (LiteLLM cools a deployment down at half of the
//! requests and at least five; Helicone's gateway at a tenth and at least twenty; Envoy counts 500 apart from 502, 503 and 504.)

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Different requests that have to fail.
const FAILURES: u32 = 5;
/// As many without any that goes well between them, however many went well before: nobody waits until half of a busy minute has failed.
const IN_A_ROW: u32 = 20;
/// What was counted is forgotten after one of these at the earliest, and after two at the latest.
const SPAN: Duration = Duration::from_secs(30);
/// How many requests that failed are known again.
const KNOWN: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Doubts {
    spans: [Counted; 2],
    /// The end of the first span.
    until: Option<Instant>,
    /// The last ones that failed.
    known: VecDeque<u64>,
    /// Since one went well.
    in_a_row: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    well: u32,
    failed: u32,
}

impl Doubts {
    /// An answer has begun.
    pub(crate) fn went_well(&mut self, now: Instant) {
        self.turn(now);
        self.spans[0].well += 1;
        self.in_a_row = 0;
    }

    /// Whether there are too many now. `request` stands for what was asked.
    pub(crate) fn failed(&mut self, request: u64, now: Instant) -> bool {
        self.turn(now);
        if !self.known.contains(&request) {
            self.spans[0].failed += 1;
            self.in_a_row += 1;
            self.known.push_back(request);
            if self.known.len() > KNOWN {
                self.known.pop_front();
            }
        }
        let [one, other] = self.spans;
        let (well, failed) = (one.well + other.well, one.failed + other.failed);
        (failed >= FAILURES && failed > well) || self.in_a_row >= IN_A_ROW
    }

    fn turn(&mut self, now: Instant) {
        let until = *self.until.get_or_insert(now + SPAN);
        if now >= until + SPAN {
            *self = Self { until: Some(now + SPAN), ..Self::default() };
        } else if now >= until {
            self.spans = [Counted::default(), self.spans[0]];
            self.until = Some(until + SPAN);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_request_is_not_enough_however_often_it_fails_and_five_are() {
        let now = Instant::now();
        let mut doubts = Doubts::default();
        assert!(!(0..100).any(|_| doubts.failed(7, now)));
        assert!(!(0..3).any(|request| doubts.failed(request, now)));
        assert!(doubts.failed(3, now));
    }

    #[test]
    fn what_fails_is_held_against_what_goes_well() {
        let now = Instant::now();
        let mut doubts = Doubts::default();
        (0..10).for_each(|_| doubts.went_well(now));
        assert!(!(0..10).any(|request| doubts.failed(request, now)));
        assert!(doubts.failed(10, now));
    }

    #[test]
    fn twenty_in_a_row_are_too_many_whatever_was_before() {
        let now = Instant::now();
        let mut doubts = Doubts::default();
        (0..1000).for_each(|_| doubts.went_well(now));
        assert!(!(0..19).any(|request| doubts.failed(request, now)));
        doubts.went_well(now);
        assert!(!(19..38).any(|request| doubts.failed(request, now)));
        assert!(doubts.failed(38, now));
    }

    #[test]
    fn what_was_is_forgotten() {
        let start = Instant::now();
        let mut doubts = Doubts::default();
        assert!(!(0..4).any(|request| doubts.failed(request, start)));
        assert!(doubts.clone().failed(4, start + SPAN));
        assert!(!doubts.failed(4, start + 2 * SPAN));
    }

    proptest! {
        /// As long as at least half of what happens goes well, nothing that fails is too much.
        #[test]
        fn a_server_that_mostly_answers_is_not_doubted(requests in prop::collection::vec((any::<u64>(), 0..20_u64), 0..200)) {
            let mut now = Instant::now();
            let mut doubts = Doubts::default();
            for (request, pause) in requests {
                doubts.went_well(now);
                prop_assert!(!doubts.failed(request, now));
                now += Duration::from_secs(pause);
            }
        }
    }
}
