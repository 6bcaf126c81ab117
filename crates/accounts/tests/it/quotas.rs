//! How much is let through.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::SystemTime;

use accounts::{Accounts, Caller, Clock, Error, OrganizationLimits, Settings};

use crate::database::{Database, at, time};

crate::database::on_both!(
    two_hundred_streams_on_three_processes_never_exceed_a_quota,
    counts_survive_a_restart,
    a_day_ends_and_a_month_goes_on,
    a_clock_set_back_grants_nothing_anew,
    what_was_not_used_is_there_for_others,
    headers_tell_what_is_left,
    a_request_that_is_given_up_at_any_time_costs_nothing,
);

fn settings(limits: OrganizationLimits) -> Settings {
    Settings { organization_limits: Some(limits), clock: at("2026-11-21T12:00:00Z"), ..Settings::default() }
}

fn tokens_a_day(tokens: u64) -> OrganizationLimits {
    OrganizationLimits { tokens_per_day: Some(tokens), ..OrganizationLimits::default() }
}

async fn caller(accounts: &Accounts) -> Caller {
    accounts.identify(None).await.expect("everybody is let in")
}

/// How many requests of so many tokens pass, each used up whole.
async fn passing(accounts: &Accounts, tokens: u64, most: usize) -> usize {
    let caller = caller(accounts).await;
    for passed in 0..most {
        match accounts.reserve(&caller, tokens).await {
            Ok(mut reservation) => reservation.used(tokens),
            Err(Error::QuotaSpent { .. } | Error::RateLimited { .. } | Error::SetAside { .. }) => return passed,
            Err(other) => panic!("{other}"),
        }
    }
    most
}

async fn two_hundred_streams_on_three_processes_never_exceed_a_quota(database: Database) {
    const QUOTA: u64 = 10_000;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(database.accounts(settings(tokens_a_day(QUOTA))).await);
    }
    let produced = Arc::new(AtomicU64::new(0));
    let mut streams = tokio::task::JoinSet::new();
    for stream in 0..200u64 {
        let (accounts, produced) = (processes[stream as usize % 3].clone(), Arc::clone(&produced));
        streams.spawn(async move {
            let caller = caller(&accounts).await;
            // 50 to 149 tokens are set aside, and all, half or none of them produced.
            let most = 50 + stream * 37 % 100;
            let Ok(mut reservation) = accounts.reserve(&caller, most).await else { return };
            for token in 1..=most * (stream % 3) / 2 {
                reservation.used(token);
                produced.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(outcome) = streams.join_next().await {
        outcome.expect("a stream ends");
    }
    let produced = produced.load(Ordering::Relaxed);
    assert!(produced <= QUOTA, "{produced} tokens passed");
    for process in processes {
        process.close().await;
    }
    // What is left can be had to the last token, and not one more.
    let accounts = database.accounts(settings(tokens_a_day(QUOTA))).await;
    let left = QUOTA - produced;
    assert_eq!(passing(&accounts, 1, left as usize + 10).await as u64, left);
}

async fn counts_survive_a_restart(database: Database) {
    let limits = OrganizationLimits { requests_per_month: Some(10), ..tokens_a_day(100) };
    let accounts = database.accounts(settings(limits)).await;
    assert_eq!(passing(&accounts, 20, 3).await, 3);
    accounts.close().await;
    let accounts = database.accounts(settings(limits)).await;
    assert_eq!(passing(&accounts, 20, 9).await, 2);
    assert_eq!(passing(&accounts, 0, 9).await, 5);
}

async fn a_day_ends_and_a_month_goes_on(database: Database) {
    let limits = OrganizationLimits { tokens_per_month: Some(150), ..tokens_a_day(100) };
    let on = |now| Settings { clock: at(now), ..settings(limits) };
    for (now, expected) in [
        ("2028-02-28T23:59:59Z", 10),
        ("2028-02-29T00:00:00Z", 5),
        ("2028-02-29T23:59:59.999Z", 0),
        ("2028-03-01T00:00:00Z", 10),
        ("2028-12-31T23:59:59Z", 10),
        ("2029-01-01T00:00:00Z", 10),
    ] {
        let accounts = database.accounts(on(now)).await;
        assert_eq!(passing(&accounts, 10, 20).await, expected, "at {now}");
        accounts.close().await;
    }
}

async fn a_clock_set_back_grants_nothing_anew(database: Database) {
    let now = Arc::new(Mutex::new(time("2026-12-31T23:59:59Z")));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || *now.lock().expect("a time"))
    };
    let accounts = database.accounts(Settings { clock, ..settings(tokens_a_day(100)) }).await;
    let set = |to: SystemTime| *now.lock().expect("a time") = to;
    assert_eq!(passing(&accounts, 10, 20).await, 10);
    set(time("2027-01-01T00:00:01Z"));
    assert_eq!(passing(&accounts, 10, 4).await, 4);
    set(time("2026-12-31T23:59:58Z"));
    assert_eq!(passing(&accounts, 10, 20).await, 0);
    set(time("2027-01-01T00:00:02Z"));
    assert_eq!(passing(&accounts, 10, 20).await, 6);
}

async fn what_was_not_used_is_there_for_others(database: Database) {
    let accounts = database.accounts(settings(tokens_a_day(100))).await;
    let caller = caller(&accounts).await;
    let mut cancelled = accounts.reserve(&caller, 100).await.expect("all of it");
    assert!(matches!(accounts.reserve(&caller, 1).await, Err(Error::SetAside { .. })));
    cancelled.used(30);
    drop(cancelled);
    drop(accounts.reserve(&caller, 70).await.expect("30 were produced, and 70 are left"));
    assert!(accounts.reserve(&caller, 71).await.is_err());
}

async fn headers_tell_what_is_left(database: Database) {
    let limits = OrganizationLimits { requests_per_day: Some(10), tokens_per_month: Some(1000), ..tokens_a_day(100) };
    let accounts = database.accounts(settings(limits)).await;
    let caller = caller(&accounts).await;
    let reservation = accounts.reserve(&caller, 40).await.expect("a request");
    let (tokens, requests) =
        (reservation.standing().tokens.expect("a limit"), reservation.standing().requests.expect("a limit"));
    assert_eq!((tokens.limit, tokens.remaining, tokens.reset.as_secs()), (100, 60, 12 * 3600));
    assert_eq!((requests.limit, requests.remaining), (10, 9));
    let refused = accounts.reserve(&caller, 61).await.expect_err("too much");
    assert_eq!(refused.standing().and_then(|standing| standing.tokens).map(|gauge| gauge.remaining), Some(60));
    assert_eq!(refused.retry_after().map(|wait| wait.as_secs()), Some(5), "what is set aside may come back at any time");
    drop(reservation);
    let mut reservation = accounts.reserve(&caller, 40).await.expect("a request");
    reservation.used(40);
    drop(reservation);
    let refused = accounts.reserve(&caller, 61).await.expect_err("too much");
    assert_eq!(refused.retry_after().map(|wait| wait.as_secs()), Some(12 * 3600));
}

/// Whoever gives up may do so while the database works for them: what it said then, nobody has heard.
async fn a_request_that_is_given_up_at_any_time_costs_nothing(database: Database) {
    let accounts = database.accounts(settings(tokens_a_day(1000))).await;
    let caller = caller(&accounts).await;
    for moment in 0..60 {
        let mut waiting = Box::pin(accounts.reserve(&caller, 7));
        for _ in 0..moment {
            if poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    accounts.close().await;
    let accounts = database.accounts(settings(tokens_a_day(1000))).await;
    assert_eq!(passing(&accounts, 50, 30).await, 20);
}
