//! The same tests on SQLite and on PostgreSQL.
//!
//! `cargo xtask test` starts a PostgreSQL of its own for them. To run them against another:
//! `LLM_TEST_POSTGRES_URL=postgres://… cargo test -p accounts -- --include-ignored`

mod database;
mod keys;
mod outage;
mod quotas;
mod usage;

/// A test of each database. It is given a [`database::Database`] of its own.
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
