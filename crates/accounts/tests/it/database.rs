//! A database of one's own, empty at first. The unit tests have it too, for those that look into the tables.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{Accounts, Clock, KeyLimits, Models, Role, Secret, Settings, Store, Template};

#[derive(Clone)]
pub(crate) struct Database {
    url: Secret,
}

impl Database {
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.url).await.expect("the database opens")
    }

    /// One process on it.
    pub(crate) async fn accounts(&self, settings: Settings) -> Accounts {
        Accounts::open(self.store().await, settings).await.expect("the accounts open")
    }
}

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let directory = tempfile::tempdir().expect("a directory");
    test(Database { url: Store::file(&directory.path().join("accounts.db")) }).await;
}

/// In a schema of its own, so that tests can run side by side.
pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let server = postgres_url();
    let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
    run(&server, format!("CREATE SCHEMA {schema}")).await;
    let separator = if server.contains('?') { '&' } else { '?' };
    test(Database { url: Secret::new(format!("{server}{separator}options[search_path]={schema}")) }).await;
    run(&server, format!("DROP SCHEMA {schema} CASCADE")).await;
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    connection.execute(AssertSqlSafe(statement)).await.expect("a schema");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no settings, and learns by no other means which server is there for it"
)]
fn postgres_url() -> String {
    std::env::var("LLM_TEST_POSTGRES_URL").expect("LLM_TEST_POSTGRES_URL names a PostgreSQL")
}

/// A test of each database. It is given a [`Database`] of its own.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { crate::database::on_sqlite(super::$name).await; })+
        }
        mod postgres {
            $(#[tokio::test]
            #[ignore = "needs LLM_TEST_POSTGRES_URL, which `cargo xtask test` sets"]
            async fn $name() { crate::database::on_postgres(super::$name).await; })+
        }
    };
}
pub(crate) use on_both;

pub(crate) fn template(organization: &str) -> Template {
    Template {
        organization: organization.into(),
        name: "test".into(),
        role: Role::User,
        models: Models::All,
        limits: KeyLimits::default(),
        expires: None,
    }
}

/// A clock that stands still.
pub(crate) fn at(text: &str) -> Clock {
    let now = time(text);
    Clock::new(move || now)
}

pub(crate) fn time(text: &str) -> SystemTime {
    text.parse::<Timestamp>().expect("a time").into()
}

/// Waits for what another task does, for as long as a test may take.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    until_it(async || condition()).await;
}

/// The same for what takes time to find out.
pub(crate) async fn until_it(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes about");
}
