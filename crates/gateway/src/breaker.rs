//! Whether a server that has failed is asked again: a state machine, and nothing else.
//!
//! Closed, it counts failures in a row, and [doubts](crate::doubts) beside what goes well. At the fifth, or where doubts prevail, it
//! opens: nobody is sent there for a while. Then one request goes to see, and decides for all as soon as its answer begins; each time
//! that it fails, the pause doubles. One that takes long to find out is not waited for: the next goes meanwhile.

use std::time::Duration;

use backend::BreakerState;
use tokio::time::Instant;

use crate::doubts::Doubts;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After that a further request goes to see: an answer in one piece may be minutes in the making.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// Somebody is seeing. Another may go then.
    HalfOpen {
        next_at: Instant,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breaker {
    state: State,
    doubts: Doubts,
    /// The next one.
    pause: Duration,
    /// How often it has changed its state: what began before a change says nothing about after it.
    era: u64,
}

/// What a request that was let through brings back when it knows how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    era: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 }, doubts: Doubts::default(), pause: FIRST_PAUSE, era: 0 }
    }
}

impl Breaker {
    /// When a request may go.
    pub(crate) fn opens_at(&self, now: Instant) -> Instant {
        match self.state {
            State::Closed { .. } => now,
            State::Open { until: at } | State::HalfOpen { next_at: at } => at.max(now),
        }
    }

    /// Lets a request through. To be called only when it [opens](Self::opens_at).
    pub(crate) fn pass(&mut self, now: Instant) -> Pass {
        let next_at = now + LOOK;
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { .. } => self.turn(State::HalfOpen { next_at }),
            State::HalfOpen { next_at: at } => *at = next_at,
        }
        Pass { era: self.era }
    }

    /// The server has begun to answer: it is there again.
    pub(crate) fn answered(&mut self, pass: &mut Pass, now: Instant) {
        self.is_there(pass);
        if self.is_current(*pass) {
            self.doubts.went_well(now);
        }
    }

    /// The head of an answer in one piece has come: it is there again, and whether that makes sense shows at its end.
    pub(crate) fn is_there(&mut self, pass: &mut Pass) {
        if self.is_current(*pass) && self.is_half_open() {
            self.pause = FIRST_PAUSE;
            self.turn(State::Closed { failures: 0 });
            pass.era = self.era;
        }
    }

    /// An answer is whole, or was refused by a server that is well.
    pub(crate) fn succeeded(&mut self, mut pass: Pass) {
        self.is_there(&mut pass);
        if let State::Closed { failures } = &mut self.state
            && pass.era == self.era
        {
            *failures = 0;
        }
    }

    pub(crate) fn failed(&mut self, pass: Pass, now: Instant) {
        match &mut self.state {
            _ if pass.era != self.era => {}
            State::Closed { failures } if *failures + 1 < FAILURES => *failures += 1,
            State::Closed { .. } | State::HalfOpen { .. } => {
                let until = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                self.turn(State::Open { until });
            }
            State::Open { .. } => {}
        }
    }

    /// It failed, and that may have been the request's fault, for which `request` stands. A look that ends so decides nothing; the next
    /// one comes after a pause that is no longer than the first.
    pub(crate) fn doubted(&mut self, pass: Pass, request: u64, now: Instant) {
        if !self.is_current(pass) {
        } else if self.is_half_open() {
            self.turn(State::Open { until: now + FIRST_PAUSE });
        } else if self.doubts.failed(request, now) {
            let until = now + self.pause;
            self.turn(State::Open { until });
        }
    }

    /// Whoever asked has left before it was known how it went. Somebody else may go and see at once: a breaker whose one request
    /// has left must not stay half open for ever.
    pub(crate) fn given_up(&mut self, pass: Pass, now: Instant) {
        if let State::HalfOpen { next_at } = &mut self.state
            && pass.era == self.era
        {
            *next_at = now;
        }
    }

    pub(crate) const fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    const fn is_current(&self, pass: Pass) -> bool {
        pass.era == self.era
    }

    const fn is_half_open(&self) -> bool {
        matches!(self.state, State::HalfOpen { .. })
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.doubts = Doubts::default();
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Breaker {
        fn admits(&self, now: Instant) -> bool {
            self.opens_at(now) == now
        }
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            let pass = breaker.pass(now);
            breaker.failed(pass, now);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_does_not_count() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for failure in [true, true, true, true, false, true, true, true, true] {
            let pass = breaker.pass(now);
            if failure { breaker.failed(pass, now) } else { breaker.succeeded(pass) }
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        let pass = breaker.pass(now);
        breaker.failed(pass, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(!breaker.admits(now));
    }

    #[test]
    fn one_request_sees_for_all() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST_PAUSE;
        assert!(breaker.admits(later));
        let mut pass = breaker.pass(later);
        assert!(!breaker.admits(later), "one at a time");
        breaker.answered(&mut pass, later);
        assert!(breaker.admits(later));
        breaker.failed(pass, later);
        assert_eq!(breaker.state(), BreakerState::Closed, "an answer that breaks off is the first failure of five");
    }

    #[test]
    fn each_failed_look_doubles_the_pause() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(breaker.opens_at(now), now + Duration::from_secs(pause));
            now += Duration::from_secs(pause);
            let pass = breaker.pass(now);
            breaker.failed(pass, now);
        }
    }

    #[test]
    fn a_look_that_is_given_up_leaves_it_to_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST_PAUSE;
        let pass = breaker.pass(later);
        breaker.given_up(pass, later);
        assert!(breaker.admits(later));
    }

    #[test]
    fn a_look_that_takes_long_is_not_waited_for() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST_PAUSE;
        let mut slow = breaker.pass(later);
        assert_eq!(breaker.opens_at(later), later + LOOK);
        let later = later + LOOK;
        let mut quick = breaker.pass(later);
        assert!(!breaker.admits(later));
        breaker.answered(&mut quick, later);
        assert!(breaker.admits(later));
        breaker.answered(&mut slow, later);
        breaker.failed(slow, later);
        assert_eq!(breaker.state(), BreakerState::Closed, "what the other one saw holds");
    }

    #[test]
    fn doubts_open_it_only_where_they_prevail() {
        let now = Instant::now();
        let doubted = |requests: std::ops::Range<u64>, well: u64| {
            let mut breaker = Breaker::default();
            for _ in 0..well {
                let mut pass = breaker.pass(now);
                breaker.answered(&mut pass, now);
                breaker.succeeded(pass);
            }
            for request in requests {
                let pass = breaker.pass(now);
                breaker.doubted(pass, request, now);
            }
            breaker.state()
        };
        assert_eq!([doubted(0..4, 0), doubted(0..5, 0)], [BreakerState::Closed, BreakerState::Open]);
        assert_eq!([doubted(0..10, 10), doubted(0..11, 10)], [BreakerState::Closed, BreakerState::Open]);
    }

    #[test]
    fn a_look_that_ends_in_doubt_does_not_make_the_pause_longer() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        now += FIRST_PAUSE;
        for request in 0..4 {
            let pass = breaker.pass(now);
            breaker.doubted(pass, request, now);
            assert_eq!(breaker.opens_at(now), now + FIRST_PAUSE);
            now += FIRST_PAUSE;
        }
    }

    #[test]
    fn what_began_before_it_opened_says_nothing_after() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let old = breaker.pass(now);
        for _ in 0..FAILURES {
            let pass = breaker.pass(now);
            breaker.failed(pass, now);
        }
        breaker.succeeded(old);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Begin,
        Answer(usize),
        Succeed(usize),
        Fail(usize),
        Doubt(usize),
        GiveUp(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Begin),
            1 => (0..8_usize).prop_map(Step::Answer),
            2 => (0..8_usize).prop_map(Step::Succeed),
            3 => (0..8_usize).prop_map(Step::Fail),
            3 => (0..8_usize).prop_map(Step::Doubt),
            1 => (0..8_usize).prop_map(Step::GiveUp),
            2 => (0..30_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: at most one request at a time goes to see whether the server is there again, and a request
        /// may go within the longest pause, whether those that were let through have ended or not.
        #[test]
        fn it_never_gets_stuck(steps in prop::collection::vec(step(), 0..200)) {
            let mut now = Instant::now();
            let (mut breaker, mut running) = (Breaker::default(), Vec::new());
            let take = |running: &mut Vec<Pass>, index: usize| (index < running.len()).then(|| running.swap_remove(index));
            for step in steps {
                match step {
                    Step::Begin if breaker.admits(now) => {
                        running.push(breaker.pass(now));
                        if breaker.state() == BreakerState::HalfOpen {
                            prop_assert!(!breaker.admits(now));
                        }
                    }
                    Step::Begin => {}
                    Step::Answer(index) => running.get_mut(index).into_iter().for_each(|pass| breaker.answered(pass, now)),
                    Step::Succeed(index) => {
                        if let Some(pass) = take(&mut running, index) {
                            breaker.succeeded(pass);
                        }
                    }
                    Step::Fail(index) => take(&mut running, index).into_iter().for_each(|pass| breaker.failed(pass, now)),
                    Step::Doubt(index) => {
                        if let Some(pass) = take(&mut running, index) {
                            breaker.doubted(pass, index as u64, now);
                        }
                    }
                    Step::GiveUp(index) => {
                        if let Some(pass) = take(&mut running, index) {
                            breaker.given_up(pass, now);
                        }
                    }
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                }
            }
            prop_assert!(breaker.opens_at(now) <= now + LONGEST_PAUSE);
            for pass in running {
                breaker.given_up(pass, now);
            }
            prop_assert!(breaker.opens_at(now) <= now + LONGEST_PAUSE);
        }
    }
}
