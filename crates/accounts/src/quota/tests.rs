//! The law of quotas: whatever comes in whatever order, all processes together never exceed one, and in the end what was counted
//! is what was used.

use std::sync::Arc;

use proptest::prelude::*;
use sqlx::query_scalar;

use super::{Ask, Counter, Quotas, Reservation, asks};
use crate::caller::Caller;
use crate::clock::{Clock, from_millis};
use crate::error::Error;
use crate::limits::{OrganizationLimits, Unit};
use crate::store::Store;

const REPLICAS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// A request that may take so many tokens comes to a replica.
    Ask {
        replica: usize,
        tokens: u64,
    },
    /// One that runs has used this share of what it may, in percent, and ends.
    End {
        which: usize,
        percent: u64,
    },
    Report {
        replica: usize,
    },
    /// A replica gives back what it does not hold for a request.
    Rest {
        replica: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..REPLICAS, 0u64..60).prop_map(|(replica, tokens)| Step::Ask { replica, tokens }),
        3 => (any::<usize>(), 0u64..=100).prop_map(|(which, percent)| Step::End { which, percent }),
        2 => (0..REPLICAS).prop_map(|replica| Step::Report { replica }),
        1 => (0..REPLICAS).prop_map(|replica| Step::Rest { replica }),
    ]
}

fn caller(tokens_per_day: u64, requests_per_day: u64) -> Caller {
    let limits = OrganizationLimits {
        tokens_per_day: Some(tokens_per_day),
        requests_per_day: Some(requests_per_day),
        ..OrganizationLimits::default()
    };
    Caller::anyone(limits)
}

fn noon() -> Clock {
    Clock::new(|| from_millis(1_800_000_000_000))
}

struct Fleet {
    store: Store,
    replicas: Vec<Arc<Quotas>>,
    caller: Caller,
    running: Vec<(Reservation, u64)>,
    /// Of requests that are over.
    used: u64,
    let_in: u64,
}

impl Fleet {
    async fn new(caller: Caller) -> Self {
        let store = Store::in_memory().await.expect("a database");
        let replicas = (0..REPLICAS).map(|_| Arc::new(Quotas::new(store.clone(), noon(), false))).collect();
        Self { store, replicas, caller, running: Vec::new(), used: 0, let_in: 0 }
    }

    fn asks(&self, tokens: u64) -> Vec<Ask> {
        asks(&self.caller, 1, tokens, noon().now())
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Ask { replica, tokens } => match self.replicas[replica].reserve(self.asks(tokens)).await {
                Ok(reservation) => {
                    self.running.push((reservation, tokens));
                    self.let_in += 1;
                }
                Err(Error::QuotaSpent { .. } | Error::RateLimited { .. }) => {}
                Err(other) => panic!("{other}"),
            },
            Step::End { which, percent } if !self.running.is_empty() => {
                let (mut reservation, tokens) = self.running.swap_remove(which % self.running.len());
                let used = tokens * percent / 100;
                reservation.used(used);
                self.used += used;
            }
            Step::End { .. } => {}
            Step::Report { replica } => self.replicas[replica].report(false).await.expect("the database answers"),
            Step::Rest { replica } => self.replicas[replica].report(true).await.expect("the database answers"),
        }
    }

    /// (tokens, requests) that are used, or may be by those that run.
    fn exposed(&self) -> (u64, u64) {
        (self.used + self.running.iter().map(|(_, tokens)| tokens).sum::<u64>(), self.let_in)
    }

    async fn taken(&self, unit: Unit) -> i64 {
        let asks = self.asks(1);
        let counter: &Counter = &asks.iter().find(|ask| ask.counter.unit == unit).expect("a limit").counter;
        query_scalar("SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM counters WHERE name = $1")
            .bind(counter.name())
            .fetch_one(self.store.pool())
            .await
            .expect("a sum")
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_requests_exceeds_a_quota(
        steps in prop::collection::vec(step(), 1..60), tokens in 60u64..400, requests in 5u64..40,
    ) {
        run(async {
            let mut fleet = Fleet::new(caller(tokens, requests)).await;
            for step in &steps {
                fleet.take(step).await;
                let exposed = fleet.exposed();
                prop_assert!(exposed.0 <= tokens && exposed.1 <= requests, "{exposed:?} after {step:?}");
            }
            while !fleet.running.is_empty() {
                fleet.take(&Step::End { which: 0, percent: 50 }).await;
            }
            for replica in 0..REPLICAS {
                fleet.take(&Step::Rest { replica }).await;
            }
            prop_assert_eq!(fleet.taken(Unit::Tokens).await.cast_unsigned(), fleet.used);
            prop_assert_eq!(fleet.taken(Unit::Requests).await.cast_unsigned(), fleet.let_in);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_request_is_held_to_all_its_quotas_or_to_none() {
    let mut fleet = Fleet::new(caller(100, 1)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 10 }).await;
    let refused = fleet.replicas[0].reserve(fleet.asks(10)).await.expect_err("a second request");
    assert!(matches!(refused, Error::QuotaSpent { limit: 1, .. }), "{refused}");
    fleet.take(&Step::End { which: 0, percent: 100 }).await;
    fleet.take(&Step::Rest { replica: 0 }).await;
    assert_eq!(fleet.taken(Unit::Tokens).await, 10);
}

#[tokio::test]
async fn a_request_larger_than_the_quota_is_told_so_and_costs_nothing() {
    let fleet = Fleet::new(caller(100, 10)).await;
    let refused = fleet.replicas[0].reserve(fleet.asks(101)).await.expect_err("too large");
    assert_eq!(refused, Error::TooLarge { what: "tokens a day".into(), asked: 101, limit: 100 });
    assert_eq!(fleet.taken(Unit::Requests).await, 0);
}

#[tokio::test]
async fn nothing_is_not_unlimited() {
    let fleet = Fleet::new(caller(0, 10)).await;
    let refused = fleet.replicas[0].reserve(fleet.asks(1)).await.expect_err("nothing is left");
    assert!(matches!(refused, Error::QuotaSpent { limit: 0, .. }), "{refused}");
}

#[tokio::test]
async fn what_another_process_holds_can_be_had_once_it_was_asked_for() {
    let mut fleet = Fleet::new(caller(100, 10)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 1 }).await;
    let refused = fleet.replicas[1].reserve(fleet.asks(95)).await.expect_err("replica 0 holds an eighth");
    assert!(matches!(refused, Error::RateLimited { .. }), "{refused}");
    fleet.take(&Step::Report { replica: 0 }).await;
    fleet.take(&Step::Report { replica: 0 }).await;
    fleet.replicas[1].reserve(fleet.asks(95)).await.expect("it was given back");
}

#[tokio::test]
async fn what_a_dead_process_held_can_be_had_when_its_time_is_over() {
    let mut fleet = Fleet::new(caller(100, 10)).await;
    fleet.take(&Step::Ask { replica: 0, tokens: 8 }).await;
    fleet.take(&Step::Report { replica: 0 }).await;
    sqlx::query("UPDATE leases SET expires = 0").execute(fleet.store.pool()).await.expect("time passes");
    let _held = fleet.replicas[1].reserve(fleet.asks(92)).await.expect("only what it had spent is gone");
    let refused = fleet.replicas[1].reserve(fleet.asks(1)).await.expect_err("nothing is left");
    assert!(matches!(refused, Error::QuotaSpent { .. }), "{refused}");
}

#[tokio::test]
async fn in_shadow_nobody_is_refused_and_everything_is_counted() {
    let store = Store::in_memory().await.expect("a database");
    let quotas = Arc::new(Quotas::new(store.clone(), noon(), true));
    let mut fleet = Fleet { store, replicas: vec![quotas], ..Fleet::new(caller(10, 1)).await };
    let watched = fleet.replicas[0].reserve(fleet.asks(0)).await.expect("it passes");
    assert_eq!(watched.shadowed(), None);
    for _ in 0..2 {
        fleet.take(&Step::Ask { replica: 0, tokens: 20 }).await;
        assert!(fleet.running.last().is_some_and(|(reservation, _)| reservation.shadowed().is_some()));
        fleet.take(&Step::End { which: 0, percent: 100 }).await;
    }
    fleet.take(&Step::Rest { replica: 0 }).await;
    assert_eq!((fleet.taken(Unit::Tokens).await, fleet.taken(Unit::Requests).await), (40, 3));
}
