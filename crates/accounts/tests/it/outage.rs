//! When the database does not answer.

use std::time::SystemTime;

use accounts::{Error, OrganizationLimits, Secret, Settings};

use crate::database::{Database, template, until, until_it};

crate::database::on_both!(
    a_key_that_was_seen_lately_still_opens_and_another_is_not_called_wrong,
    a_keys_file_is_read_again_meanwhile,
);

async fn a_key_that_was_seen_lately_still_opens_and_another_is_not_called_wrong(database: Database) {
    let store = database.store().await;
    let known = store.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    let unknown = store.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    let limits = OrganizationLimits { tokens_per_day: Some(1000), ..OrganizationLimits::default() };
    let its_store = database.store().await;
    let settings = Settings { organization_limits: Some(limits), ..Settings::default() };
    let accounts = accounts::Accounts::open(its_store.clone(), settings).await.expect("the accounts open");
    let caller = accounts.identify(Some(&known.secret)).await.expect("it opens");
    drop(accounts.reserve(&caller, 10).await.expect("a slice is taken"));

    its_store.close().await;
    let caller = accounts.identify(Some(&known.secret)).await.expect("it still opens");
    drop(accounts.reserve(&caller, 10).await.expect("the slice is still there"));
    let refused = accounts.reserve(&caller, 900).await.expect_err("more than the slice");
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
    let refused = accounts.identify(Some(&unknown.secret)).await.expect_err("nobody knows");
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
    // What has not the form of a key needs no database to be refused.
    assert_eq!(accounts.identify(Some(&Secret::new("nonsense"))).await, Err(Error::Unauthorized));
    until(|| !accounts.is_available()).await;
}

async fn a_keys_file_is_read_again_meanwhile(database: Database) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keys");
    std::fs::write(&file, "# none yet\n").expect("a file");
    let store = database.store().await;
    let settings = Settings { keys_file: Some(file.clone()), ..Settings::default() };
    let accounts = accounts::Accounts::open(store.clone(), settings).await.expect("the accounts open");
    store.close().await;
    until(|| !accounts.is_available()).await;
    std::fs::write(&file, "a-key-that-was-added-later\n").expect("a file");
    let added = Secret::new("a-key-that-was-added-later");
    // Its organisation's limits are not known; that it is a key is.
    until_it(async || accounts.identify(Some(&added)).await != Err(Error::Unauthorized)).await;
}
