//! The law of quotas: whatever comes in whatever order, all processes together never exceed one, and in the end what was counted
//! is what was used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use sqlx::{query, query_scalar};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::Instant;
use uuid::Uuid;

use super::bank::Exchanged;
use super::books::Rest;
use super::quotas::LEASE;
use super::{Ask, Bank, Counter, Line, Quotas, Reservation, asks};
use crate::caller::Caller;
use crate::clock::{Clock, from_millis};
use crate::database::on_postgres;
use crate::error::Error;
use crate::limits::{OrganizationLimits, Unit};
use crate::store::{Store, StoreError};

const REPLICAS: usize = 3;
const NOON: u64 = 1_800_014_400_000;
const DAY: u64 = 24 * 3_600_000;

#[derive(Debug, Clone)]
enum Step {
    /// A request that may take so many tokens comes to a replica.
    Ask {
        replica: usize,
        tokens: u64,
    },
    /// One that runs has used this share of what it may, in percent...
    Use {
        which: usize,
        percent: u64,
    },
    /// ... and ends.
    End {
        which: usize,
    },
    Report {
        replica: usize,
    },
    /// A replica gives back what it does not hold for a request.
    Rest {
        replica: usize,
    },
    /// What a replica asks of the database next gets lost, or the answer does.
    Lose {
        replica: usize,
        loss: Loss,
    },
    /// It is this day, before or after the other.
    Day {
        day: usize,
    },
}

#[derive(Debug, Clone, Copy)]
enum Loss {
    Question,
    Answer,
}

fn step() -> impl Strategy<Value = Step> {
    let loss = prop_oneof![1 => Just(Loss::Question), 3 => Just(Loss::Answer)];
    prop_oneof![
        8 => (0..REPLICAS, 0u64..60).prop_map(|(replica, tokens)| Step::Ask { replica, tokens }),
        3 => (any::<usize>(), 0u64..=100).prop_map(|(which, percent)| Step::Use { which, percent }),
        5 => any::<usize>().prop_map(|which| Step::End { which }),
        4 => (0..REPLICAS).prop_map(|replica| Step::Report { replica }),
        3 => (0..REPLICAS).prop_map(|replica| Step::Rest { replica }),
        4 => (0..REPLICAS, loss).prop_map(|(replica, loss)| Step::Lose { replica, loss }),
        1 => (0..2usize).prop_map(|day| Step::Day { day }),
    ]
}

/// A database that does not always answer.
#[derive(Debug)]
struct Forgetful {
    store: Store,
    loses: Mutex<Option<Loss>>,
    asked: AtomicU64,
}

impl Forgetful {
    fn lose(&self, loss: Option<Loss>) -> Option<Loss> {
        std::mem::replace(&mut *self.loses.lock().expect("a plan"), loss)
    }
}

impl Bank for Forgetful {
    fn exchange<'a>(&'a self, replica: &'a str, lease: Duration, lines: &'a [Line]) -> Exchanged<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let lost = Err(StoreError::TooSlow(Duration::ZERO));
            match self.lose(None) {
                Some(Loss::Question) => lost,
                Some(Loss::Answer) => self.store.exchange(replica, lease, lines).await.and(lost),
                None => self.store.exchange(replica, lease, lines).await,
            }
        })
    }
}

fn caller(tokens_per_day: u64, requests_per_day: u64) -> Caller {
    let limits = OrganizationLimits {
        tokens_per_day: Some(tokens_per_day),
        requests_per_day: Some(requests_per_day),
        ..OrganizationLimits::default()
    };
    // Of its own, for several tests may share a database.
    Caller { organization: Uuid::new_v4().to_string(), ..Caller::anyone(limits) }
}

/// Of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    tokens: u64,
    requests: u64,
}

struct Running {
    reservation: Reservation,
    tokens: u64,
    used: u64,
    day: usize,
}

struct Fleet {
    store: Store,
    banks: Vec<Arc<Forgetful>>,
    replicas: Vec<Arc<Quotas>>,
    caller: Caller,
    now: Arc<AtomicU64>,
    running: Vec<Running>,
    /// What requests that are over have used, and all that were let in.
    counted: [Count; 2],
}

impl Fleet {
    async fn new(caller: Caller) -> Self {
        Self::on(Store::in_memory().await.expect("a database"), caller, false)
    }

    fn on(store: Store, caller: Caller, shadow: bool) -> Self {
        let now = Arc::new(AtomicU64::new(NOON));
        let bank = |_| Arc::new(Forgetful { store: store.clone(), loses: Mutex::default(), asked: AtomicU64::default() });
        let banks: Vec<_> = (0..REPLICAS).map(bank).collect();
        let replica =
            |bank: &Arc<Forgetful>| Arc::new(Quotas::new(Arc::clone(bank) as Arc<dyn Bank>, Self::clock(&now), shadow));
        let replicas = banks.iter().map(replica).collect();
        Self { store, replicas, banks, caller, now, running: Vec::new(), counted: <[Count; 2]>::default() }
    }

    fn clock(now: &Arc<AtomicU64>) -> Clock {
        let now = Arc::clone(now);
        Clock::new(move || from_millis(now.load(Ordering::Relaxed).cast_signed()))
    }

    fn day(&self) -> usize {
        usize::from(self.now.load(Ordering::Relaxed) > NOON)
    }

    fn asks(&self, tokens: u64) -> Vec<Ask> {
        asks(&self.caller, 1, tokens, Self::clock(&self.now).now())
    }

    async fn reserve(&self, replica: usize, tokens: u64) -> Result<Reservation, Error> {
        self.replicas[replica].reserve(self.asks(tokens)).await
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Ask { replica, tokens } => match self.reserve(replica, tokens).await {
                Ok(reservation) => {
                    let day = self.day();
                    self.running.push(Running { reservation, tokens, used: 0, day });
                    self.counted[day].requests += 1;
                }
                Err(Error::TooLarge { .. }) => panic!("it fits"),
                Err(_) => {}
            },
            Step::Use { which, percent } if !self.running.is_empty() => {
                let which = which % self.running.len();
                let running = &mut self.running[which];
                running.used = running.used.max(running.tokens * percent / 100);
                running.reservation.used(running.used);
            }
            Step::End { which } if !self.running.is_empty() => {
                let ended = self.running.swap_remove(which % self.running.len());
                self.counted[ended.day].tokens += ended.used;
            }
            Step::Use { .. } | Step::End { .. } => {}
            // What was lost is told again another time.
            Step::Report { replica } => drop(self.replicas[replica].report(false).await),
            Step::Rest { replica } => drop(self.replicas[replica].report(true).await),
            Step::Lose { replica, loss } => drop(self.banks[replica].lose(Some(loss))),
            Step::Day { day } => self.now.store(NOON + day as u64 * DAY, Ordering::Relaxed),
        }
    }

    /// What is used, or may be by requests that run.
    fn exposed(&self, day: usize) -> Count {
        let running = self.running.iter().filter(|running| running.day == day);
        let Count { tokens, requests } = self.counted[day];
        Count { tokens: tokens + running.map(|running| running.tokens).sum::<u64>(), requests }
    }

    async fn taken(&self, unit: Unit) -> u64 {
        let asks = self.asks(1);
        let counter: &Counter = &asks.iter().find(|ask| ask.counter.unit == unit).expect("a limit").counter;
        let sum = "SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM counters WHERE name = $1 AND starts = $2";
        let sum = query_scalar::<_, i64>(sum).bind(counter.name()).bind(counter.window.starts());
        sum.fetch_one(self.store.pool()).await.expect("a sum").cast_unsigned()
    }

    /// All requests are over, and everything is given back.
    async fn come_to_rest(&mut self) {
        while !self.running.is_empty() {
            self.take(&Step::Use { which: 0, percent: 50 }).await;
            self.take(&Step::End { which: 0 }).await;
        }
        for replica in 0..REPLICAS {
            self.banks[replica].lose(None);
            self.take(&Step::Rest { replica }).await;
        }
    }

    /// All leases ran out so long ago.
    async fn lapse(&self, ago: Duration) {
        let expires = self.store.time().await.expect("a time") - ago.as_millis() as i64;
        query("UPDATE leases SET expires = $1").bind(expires).execute(self.store.pool()).await.expect("time passes");
    }
}

#[tokio::test]
async fn a_slice_is_kept_while_nobody_could_give_another() {
    let fleet = Fleet::new(caller(1000, 1000)).await;
    let (quotas, asks) = (&fleet.replicas[0], fleet.asks(10));
    drop(fleet.reserve(0, 10).await.expect("it fits"));
    let suffices = |idle| {
        let (later, today) = (Instant::now() + Duration::from_secs(30), Fleet::clock(&fleet.now).now());
        quotas.books().due(later, today, LEASE, Rest { all: false, idle });
        quotas.books().short(&asks, Instant::now()).is_empty()
    };
    assert!(suffices(false));
    assert!(!suffices(true));
}

#[tokio::test]
async fn whoever_asks_again_and_again_of_what_is_spent_does_not_hold_up_the_database() {
    let fleet = Fleet::new(caller(10, 1000)).await;
    let mut spent = fleet.reserve(0, 10).await.expect("it fits");
    spent.used(10);
    drop(spent);
    for _ in 0..100 {
        assert!(matches!(fleet.reserve(0, 5).await, Err(Error::QuotaSpent { .. })));
    }
    let asked = fleet.banks[0].asked.load(Ordering::Relaxed);
    assert!(asked < 50, "asked {asked} times");
    // A higher limit holds at once.
    let organization_limits = caller(20, 1000).organization_limits;
    let higher = Caller { organization_limits, ..fleet.caller.clone() };
    let asks = asks(&higher, 1, 5, Fleet::clock(&fleet.now).now());
    assert!(fleet.replicas[0].reserve(asks).await.is_ok());
}

async fn check_the_law(store: &Store, steps: &[Step], tokens: u64, requests: u64) -> Result<(), TestCaseError> {
    let mut fleet = Fleet::on(store.clone(), caller(tokens, requests), false);
    for step in steps {
        fleet.take(step).await;
        for day in 0..2 {
            let exposed = fleet.exposed(day);
            prop_assert!(exposed.tokens <= tokens && exposed.requests <= requests, "{exposed:?} after {step:?}");
        }
    }
    fleet.come_to_rest().await;
    for day in 0..2 {
        fleet.take(&Step::Day { day }).await;
        let taken = Count { tokens: fleet.taken(Unit::Tokens).await, requests: fleet.taken(Unit::Requests).await };
        prop_assert_eq!(taken, fleet.counted[day], "on day {}", day);
    }
    Ok(())
}

/// Blocks; for a runtime of several threads.
fn check_many_cases(store: &Store, cases: u32) {
    let all = (prop::collection::vec(step(), 1..80), 60u64..400, 5u64..40);
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let checked = block_in_place(|| {
        runner.run(&all, |(steps, tokens, requests)| {
            Handle::current().block_on(check_the_law(store, &steps, tokens, requests))
        })
    });
    match checked {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}: {case:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_order_of_requests_and_no_lost_answer_exceeds_a_quota() {
    check_many_cases(&Store::in_memory().await.expect("a database"), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "needs LLM_TEST_POSTGRES_URL, which `cargo xtask test` sets"]
async fn postgres_no_order_of_requests_and_no_lost_answer_exceeds_a_quota() {
    on_postgres(|database| async move { check_many_cases(&database.store().await, 16) }).await;
}

#[tokio::test]
async fn a_request_is_held_to_all_its_quotas_or_to_none() {
    let mut fleet = Fleet::new(caller(100, 1)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 10 }).await;
    let refused = fleet.reserve(0, 10).await.expect_err("a second request");
    assert!(matches!(refused, Error::QuotaSpent { limit: 1, .. }), "{refused}");
    fleet.come_to_rest().await;
    assert_eq!(fleet.taken(Unit::Tokens).await, 5);
}

#[tokio::test]
async fn a_request_larger_than_the_quota_is_told_so_and_costs_nothing() {
    let fleet = Fleet::new(caller(100, 10)).await;
    let refused = fleet.reserve(0, 101).await.expect_err("too large");
    assert_eq!(refused, Error::TooLarge { what: "tokens a day".into(), asked: 101, limit: 100 });
    assert_eq!(fleet.taken(Unit::Requests).await, 0);
}

#[tokio::test]
async fn nothing_is_not_unlimited() {
    let fleet = Fleet::new(caller(0, 10)).await;
    let refused = fleet.reserve(0, 1).await.expect_err("nothing is left");
    assert!(matches!(refused, Error::QuotaSpent { limit: 0, .. }), "{refused}");
}

#[tokio::test]
async fn what_another_process_holds_can_be_had_once_it_was_asked_for() {
    let mut fleet = Fleet::new(caller(100, 10)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 1 }).await;
    let refused = fleet.reserve(1, 95).await.expect_err("replica 0 holds an eighth");
    assert!(matches!(refused, Error::RateLimited { .. }), "{refused}");
    fleet.take(&Step::Report { replica: 0 }).await;
    fleet.take(&Step::Report { replica: 0 }).await;
    fleet.reserve(1, 95).await.expect("it was given back");
}

#[tokio::test]
async fn what_is_only_set_aside_is_not_called_spent() {
    let mut fleet = Fleet::new(caller(100, 10)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 50 }).await;
    fleet.take(&Step::Rest { replica: 0 }).await;
    for replica in [0, 1] {
        let refused = fleet.reserve(replica, 60).await.expect_err("50 may be used by the request that runs");
        assert!(matches!(refused, Error::SetAside { limit: 100, .. }), "{refused}");
        assert!(refused.retry_after().is_some_and(|wait| wait < Duration::from_mins(1)), "{refused:?}");
    }
    // It has used more than would leave enough: whatever becomes of it, there is nothing to wait for.
    fleet.take(&Step::Use { which: 0, percent: 82 }).await;
    fleet.take(&Step::Report { replica: 0 }).await;
    for replica in [0, 1] {
        let refused = fleet.reserve(replica, 60).await.expect_err("41 are used");
        assert!(matches!(refused, Error::QuotaSpent { .. }), "{refused}");
    }
}

#[tokio::test]
async fn what_a_dead_process_held_can_be_had_when_its_time_is_over() {
    let mut fleet = Fleet::new(caller(100, 10)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 20 }).await;
    fleet.take(&Step::Use { which: 0, percent: 40 }).await;
    fleet.take(&Step::Report { replica: 0 }).await;
    fleet.lapse(Duration::from_secs(1)).await;
    let _what_it_had_not_spent = fleet.reserve(1, 80).await.expect("20 are for its request, which may still run");
    let refused = fleet.reserve(1, 12).await.expect_err("not yet");
    assert!(matches!(refused, Error::SetAside { .. }), "{refused}");
    fleet.lapse(Duration::from_mins(10)).await;
    let _what_its_request_had_not_used = fleet.reserve(1, 12).await.expect("8 were used");
    assert!(fleet.reserve(1, 1).await.is_err());
    // It was only cut off, and says what was really used.
    fleet.take(&Step::Use { which: 0, percent: 100 }).await;
    fleet.take(&Step::End { which: 0 }).await;
    fleet.take(&Step::Rest { replica: 0 }).await;
    assert_eq!(fleet.taken(Unit::Tokens).await, 20 + 80 + 12);
}

#[tokio::test]
async fn in_shadow_nobody_is_refused_and_everything_is_counted() {
    let store = Store::in_memory().await.expect("a database");
    let mut fleet = Fleet::on(store, caller(10, 1), true);
    let watched = fleet.reserve(0, 0).await.expect("it passes");
    assert_eq!(watched.shadowed(), None);
    for _ in 0..2 {
        let mut passed = fleet.reserve(0, 20).await.expect("it passes");
        assert!(passed.shadowed().is_some());
        passed.used(20);
    }
    fleet.take(&Step::Rest { replica: 0 }).await;
    assert_eq!((fleet.taken(Unit::Tokens).await, fleet.taken(Unit::Requests).await), (40, 3));
}
