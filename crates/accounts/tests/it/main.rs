//! The same tests on SQLite and on PostgreSQL.
//!
//! `cargo xtask test` starts a PostgreSQL of its own for them. To run them against another:
//! `LLM_TEST_POSTGRES_URL=postgres://… cargo test -p accounts -- --include-ignored`

mod database;
mod keys;
mod outage;
mod quotas;
mod usage;

use accounts::{Accounts, Clock, KeyLimits, Models, Role, Secret, Settings, Store, Template};
