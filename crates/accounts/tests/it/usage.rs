//! The ledger.

use std::time::{Duration, SystemTime};

use accounts::{Clock, Entry, Settings, Sums};

use crate::database::{Database, time, until_it};

crate::database::on_both!(
    requests_are_summed_by_organisation_key_model_and_day,
    old_rows_are_forgotten,
    a_process_whose_clock_is_wrong_forgets_nothing_that_is_not_old,
);

fn entry(at: &str, organization: &str, completion_tokens: u32) -> Entry {
    Entry {
        at: time(at),
        key: "key".into(),
        organization: organization.into(),
        model: "demo".into(),
        adapter: String::new(),
        requests: 1,
        prompt_tokens: 10,
        cached_tokens: 4,
        completion_tokens,
        status: "ok",
        duration: Duration::from_millis(7),
    }
}

async fn requests_are_summed_by_organisation_key_model_and_day(database: Database) {
    let accounts = database.accounts(Settings::default()).await;
    for _ in 0..450 {
        accounts.record(entry("2026-12-31T23:59:59.999Z", "acme", 1));
    }
    accounts.record(entry("2027-01-01T00:00:00Z", "acme", 2));
    accounts.record(entry("2027-01-01T00:00:00Z", "other", 3));
    accounts.close().await;
    let usage = database.store().await.usage(0, i64::MAX).await.expect("sums");
    let shown: Vec<_> = usage.iter().map(|row| (row.organization.as_str(), row.day, row.sums)).collect();
    let sums = |requests, completion_tokens| Sums {
        requests,
        prompt_tokens: 10 * requests,
        cached_tokens: 4 * requests,
        completion_tokens,
    };
    assert_eq!(shown, [("acme", 20_818, sums(450, 450)), ("acme", 20_819, sums(1, 2)), ("other", 20_819, sums(1, 3))]);
}

const DAY: Duration = Duration::from_hours(24);

/// Records requests of so many days ago, and starts a process of this time, which first of all forgets what is old. How many are left
/// after `until`.
async fn left(database: &Database, clock: Clock, until: impl Fn(usize) -> bool) -> usize {
    let accounts = database.accounts(Settings { keep_ledger: 10_000 * DAY, ..Settings::default() }).await;
    for days in [1000, 100, 91, 89, 1] {
        let entry = Entry { at: SystemTime::now() - days * DAY, ..entry("2026-01-01T00:00:00Z", "acme", 1) };
        accounts.record(entry);
    }
    accounts.close().await;
    let accounts = database.accounts(Settings { clock, keep_ledger: 90 * DAY, ..Settings::default() }).await;
    let store = database.store().await;
    let left = async || store.usage(0, i64::MAX).await.expect("sums").len();
    until_it(async || until(left().await)).await;
    accounts.close().await;
    left().await
}

async fn old_rows_are_forgotten(database: Database) {
    assert_eq!(left(&database, Clock::default(), |left| left < 5).await, 2);
}

async fn a_process_whose_clock_is_wrong_forgets_nothing_that_is_not_old(database: Database) {
    let ahead = Clock::new(|| SystemTime::now() + 10_000 * DAY);
    assert_eq!(left(&database, ahead, |left| left < 5).await, 2);
    let behind = Clock::new(|| SystemTime::now() - 50 * DAY);
    // Those of the same day are one row.
    assert_eq!(left(&database, behind, |left| left < 5).await, 4);
}
