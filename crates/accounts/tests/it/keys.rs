//! Who is let in.

use std::time::{Duration, SystemTime};

use accounts::{
    Accounts, Error, Hash, Limit, Listed, Models, Organization, OrganizationLimits, OwnLimits, Role, Secret, Settings, Store,
};

use crate::database::{Database, template, time, until};

crate::database::on_both!(
    a_key_opens_until_it_is_revoked,
    the_first_key_closes_the_door,
    a_rotated_key_opens_for_as_long_as_it_was_given,
    an_expired_key_does_not_open,
    listed_keys_open_beside_stored_ones,
    an_organisation_has_its_own_limits,
    two_processes_make_the_tables_at_once,
);

async fn is_let_in(accounts: &Accounts, key: &Secret) -> bool {
    match accounts.identify(Some(key)).await {
        Ok(_) => true,
        Err(Error::Unauthorized) => false,
        Err(other) => panic!("{other}"),
    }
}

async fn a_key_opens_until_it_is_revoked(database: Database) {
    let store = database.store().await;
    let mut wanted = template("acme");
    wanted.role = Role::Admin;
    wanted.models = Models::parse("demo,org/other");
    let key = store.create_key(wanted, SystemTime::now()).await.expect("a key");

    let accounts = database.accounts(Settings::default()).await;
    let caller = accounts.identify(Some(&key.secret)).await.expect("it opens");
    assert_eq!((caller.key.as_str(), caller.organization.as_str(), caller.role), (key.id.as_str(), "acme", Role::Admin));
    assert!(caller.models.allow("org/other") && !caller.models.allow("another"));
    assert_eq!(caller.organization_limits, OrganizationLimits::STANDARD);

    let mut wrong = key.secret.reveal().to_owned();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for wrong in [wrong.as_str(), "not-needed", ""] {
        assert!(!is_let_in(&accounts, &Secret::new(wrong)).await, "{wrong}");
    }
    assert_eq!(accounts.identify(None).await, Err(Error::Unauthorized));

    store.revoke_key(&key.id, SystemTime::now()).await.expect("it is there");
    let later = database.accounts(Settings::default()).await;
    assert!(!is_let_in(&later, &key.secret).await);
    let shown = store.keys(Some("acme")).await.expect("keys");
    assert!(shown.len() == 1 && !shown[0].is_valid(SystemTime::now()));
    assert!(store.revoke_key("0000", SystemTime::now()).await.is_err());
}

async fn the_first_key_closes_the_door(database: Database) {
    let accounts = database.accounts(Settings::default()).await;
    assert!(!accounts.is_closed());
    let anyone = accounts.identify(Some(&Secret::new("not-needed"))).await.expect("everybody is let in");
    assert_eq!((anyone.organization.as_str(), anyone.organization_limits), ("default", OrganizationLimits::default()));

    let key = database.store().await.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    until(|| accounts.is_closed()).await;
    assert_eq!(accounts.identify(None).await, Err(Error::Unauthorized));
    assert!(is_let_in(&accounts, &key.secret).await);
}

async fn a_rotated_key_opens_for_as_long_as_it_was_given(database: Database) {
    let store = database.store().await;
    let (now, hour) = (SystemTime::now(), Duration::from_hours(1));
    let old = store.create_key(template("acme"), now).await.expect("a key");
    let new = store.rotate_key(&old.id, now, now + hour).await.expect("another");
    let accounts = database.accounts(Settings::default()).await;
    assert!(is_let_in(&accounts, &old.secret).await && is_let_in(&accounts, &new.secret).await);

    let newest = store.rotate_key(&new.id, now, now).await.expect("a third");
    let accounts = database.accounts(Settings::default()).await;
    assert!(!is_let_in(&accounts, &new.secret).await && is_let_in(&accounts, &newest.secret).await);
    assert!(store.rotate_key(&new.id, SystemTime::now(), now).await.is_err(), "what has ended is not renewed");
}

async fn an_expired_key_does_not_open(database: Database) {
    let mut wanted = template("acme");
    wanted.expires = Some(time("2026-12-31T23:59:59Z"));
    let key = database.store().await.create_key(wanted, time("2026-01-01T00:00:00Z")).await.expect("a key");
    for (now, expected) in [("2026-12-31T23:59:58Z", true), ("2026-12-31T23:59:59Z", false)] {
        let accounts = database.accounts(Settings { clock: crate::database::at(now), ..Settings::default() }).await;
        assert_eq!(is_let_in(&accounts, &key.secret).await, expected);
    }
}

async fn listed_keys_open_beside_stored_ones(database: Database) {
    let listed = Listed {
        hash: Hash::of(&Secret::new("a key of the settings")),
        name: "API_KEY".into(),
        organization: "default".into(),
        role: Role::Admin,
        models: Models::All,
        limits: accounts::KeyLimits::default(),
        expires: None,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keys");
    std::fs::write(&file, "a-key-of-the-file organization=acme\n").expect("a file");
    let settings = Settings { listed: vec![listed], keys_file: Some(file), ..Settings::default() };
    let accounts = database.accounts(settings).await;
    let stored = database.store().await.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    for key in [&Secret::new("a key of the settings"), &Secret::new("a-key-of-the-file"), &stored.secret] {
        assert!(is_let_in(&accounts, key).await);
    }
    assert!(!is_let_in(&accounts, &Secret::new("another")).await);
}

async fn an_organisation_has_its_own_limits(database: Database) {
    let store = database.store().await;
    let of_database =
        OwnLimits { tokens_per_day: Some(Limit::At(5)), requests_per_day: Some(Limit::None), ..OwnLimits::default() };
    store.set_limits("acme", of_database, 0).await.expect("an organisation");
    let key = store.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    assert_eq!(store.organizations().await.expect("organisations")[0].limits, of_database);

    let of_settings = OwnLimits { tokens_per_day: Some(Limit::At(7)), ..OwnLimits::default() };
    let organization = Organization { id: "acme".into(), limits: of_settings };
    let accounts = database.accounts(Settings { organizations: vec![organization], ..Settings::default() }).await;
    let limits = accounts.identify(Some(&key.secret)).await.expect("it opens").organization_limits;
    assert_eq!((limits.tokens_per_day, limits.requests_per_day), (Some(7), None));
    assert_eq!(limits.tokens_per_month, OrganizationLimits::STANDARD.tokens_per_month);
}

async fn two_processes_make_the_tables_at_once(database: Database) {
    tokio::join!(database.store(), database.store(), database.store());
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_called_that() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("accounts.db");
    Store::open(&Store::file(&path)).await.expect("a database").close().await;
    let read_only = Secret::new(format!("sqlite://{}?mode=ro", path.display()));
    let error = Store::open(&read_only).await.expect_err("nothing can be written");
    assert!(error.to_string().starts_with("it can only be read"), "{error}");
    let not_there = Secret::new(format!("sqlite://{}", directory.path().join("none/accounts.db").display()));
    let error = Store::open(&not_there).await.expect_err("there is no such directory");
    assert!(format!("{error:?}").contains("unable to open"), "{error:?}");
}

#[tokio::test]
async fn a_file_may_lie_anywhere() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("50% of what? #1 %20.db");
    Store::open(&Store::file(&path)).await.expect("a database").close().await;
    assert!(path.exists());
}

#[tokio::test]
async fn the_first_key_that_somebody_makes_closes_a_server_that_made_no_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("accounts.db");
    let store = Store::file_once_there(path.clone()).await.expect("a store");
    let accounts = Accounts::open(store, Settings::default()).await.expect("the accounts open");
    accounts.identify(None).await.expect("everybody is let in");
    assert!(!path.exists());
    let theirs = Store::open(&Store::file(&path)).await.expect("a database");
    let key = theirs.create_key(template("acme"), SystemTime::now()).await.expect("a key");
    until(|| accounts.is_closed()).await;
    assert_eq!(accounts.identify(None).await, Err(Error::Unauthorized));
    assert_eq!(accounts.identify(Some(&key.secret)).await.expect("it opens").organization, "acme");
}
