//! The ledger.

use std::time::Duration;

use accounts::{Entry, Settings, Sums};

use crate::database::{Database, at, time};

crate::on_both!(requests_are_summed_by_organisation_key_model_and_day, old_rows_are_forgotten);

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

async fn old_rows_are_forgotten(database: Database) {
    let accounts = database.accounts(Settings::default()).await;
    accounts.record(entry("2026-01-01T00:00:00Z", "acme", 1));
    accounts.record(entry("2026-11-20T00:00:00Z", "acme", 1));
    accounts.close().await;
    let day = Duration::from_hours(24);
    let settings = Settings { clock: at("2026-11-21T00:00:00Z"), keep_ledger: 90 * day, ..Settings::default() };
    let accounts = database.accounts(settings).await;
    let store = database.store().await;
    let left = async || store.usage(0, i64::MAX).await.expect("sums").len();
    // The first thing that it does.
    while left().await > 1 {
        tokio::task::yield_now().await;
    }
    accounts.close().await;
    assert_eq!(left().await, 1);
}
