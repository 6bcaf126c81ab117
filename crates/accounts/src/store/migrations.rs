//! How the tables came to be. What was released is not changed any more: a change is a new one.

use sqlx::AnyPool;
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

const ALL: [(i64, &str, &str); 2] = [
    (1, "accounts", include_str!("migrations/0001_accounts.sql")),
    (2, "told twice", include_str!("migrations/0002_told_twice.sql")),
];

/// Two processes that start together both find a new file empty; the second is told so, and looks again.
const ATTEMPTS: usize = 5;

pub(super) async fn run(pool: &AnyPool) -> Result<(), MigrateError> {
    let migration = |(version, name, statements): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, statements.into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(ALL.map(migration).to_vec());
    let mut outcome = migrator.run(pool).await;
    for _ in 1..ATTEMPTS {
        if !matches!(outcome, Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) {
            break;
        }
        outcome = migrator.run(pool).await;
    }
    outcome
}
