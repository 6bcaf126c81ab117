//! The ledger: one row an answer.

use sqlx::{AssertSqlSafe, query, query_as};
use uuid::Uuid;

use super::{Dialect, PATIENCE, Store, StoreError, within};
use crate::clock::millis;
use crate::usage::{Entry, Sums, Usage};

/// Organisation, key, model, adapter, day, requests, and tokens of prompts, of the cache, of completions.
type Row = (String, String, String, String, i64, i64, i64, i64, i64);

const COLUMNS: usize = 12;
/// Rows of one statement: SQLite takes at most 32,766 arguments, PostgreSQL 65,535.
const ROWS: usize = 200;

impl Store {
    /// All of them, or none. A row that is there already stays as it is.
    pub(crate) async fn write_entries(&self, entries: &[(Uuid, Entry)]) -> Result<(), StoreError> {
        within(PATIENCE, async {
            let mut connection = self.lend().await?;
            let mut transaction = connection.begin().await?;
            for batch in entries.chunks(ROWS) {
                let statement = insert(self.dialect, batch.len());
                // Only placeholders were put together. That of a full batch is used again.
                let mut statement = query(AssertSqlSafe(statement)).persistent(batch.len() == ROWS);
                for (id, entry) in batch {
                    statement = statement
                        .bind(id.simple().to_string())
                        .bind(millis(entry.at))
                        .bind(&entry.key)
                        .bind(&entry.organization)
                        .bind(&entry.model)
                        .bind(&entry.adapter)
                        .bind(i64::from(entry.requests))
                        .bind(i64::from(entry.prompt_tokens))
                        .bind(i64::from(entry.cached_tokens))
                        .bind(i64::from(entry.completion_tokens))
                        .bind(entry.status)
                        .bind(i64::try_from(entry.duration.as_millis()).unwrap_or(i64::MAX));
                }
                statement.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            connection.give_back();
            Ok(())
        })
        .await
    }

    /// Sums per organisation, key, model and day, from one time on and before another (milliseconds), the latest day last.
    pub async fn usage(&self, from: i64, before: i64) -> Result<Vec<Usage>, StoreError> {
        let sums = "SELECT organization, key_id, model, adapter, at / 86400000,
                    CAST(SUM(requests) AS BIGINT), CAST(SUM(prompt_tokens) AS BIGINT), CAST(SUM(cached_tokens) AS BIGINT),
                    CAST(SUM(completion_tokens) AS BIGINT)
                    FROM ledger WHERE at >= $1 AND at < $2
                    GROUP BY organization, key_id, model, adapter, at / 86400000
                    ORDER BY 5, 1, 2, 3, 4";
        let rows: Vec<Row> = within(PATIENCE, query_as(sums).bind(from).bind(before).fetch_all(self.pool())).await?;
        Ok(rows.into_iter().map(usage).collect())
    }

    /// Forgets requests before a time (milliseconds); how many.
    pub(crate) async fn forget_entries(&self, before: i64) -> Result<u64, StoreError> {
        let forget = query("DELETE FROM ledger WHERE at < $1").bind(before);
        Ok(within(PATIENCE, forget.execute(self.pool())).await?.rows_affected())
    }
}

fn insert(dialect: Dialect, rows: usize) -> String {
    let place = |number: usize| match dialect {
        // It would look for each that has a number among all the others.
        Dialect::Sqlite => "?".to_owned(),
        Dialect::Postgres => format!("${number}"),
    };
    let row = |row: usize| {
        let places: Vec<String> = (1..=COLUMNS).map(|column| place(row * COLUMNS + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO ledger (id, at, key_id, organization, model, adapter, requests, prompt_tokens, cached_tokens,
         completion_tokens, status, duration_ms) VALUES {} ON CONFLICT (id) DO NOTHING",
        rows.join(", ")
    )
}

fn usage((organization, key, model, adapter, day, requests, prompt, cached, completion): Row) -> Usage {
    let count = |sum: i64| sum.max(0).cast_unsigned();
    let sums = Sums {
        requests: count(requests),
        prompt_tokens: count(prompt),
        cached_tokens: count(cached),
        completion_tokens: count(completion),
    };
    Usage { organization, key, model, adapter, day, sums }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::database::Database;

    crate::database::on_both!(what_is_written_twice_because_an_answer_was_lost_is_one_row);

    fn row() -> (Uuid, Entry) {
        (Uuid::now_v7(), Entry::of_one_request(SystemTime::now()))
    }

    async fn what_is_written_twice_because_an_answer_was_lost_is_one_row(database: Database) {
        let store = database.store().await;
        let mut rows: Vec<_> = (0..450).map(|_| row()).collect();
        store.write_entries(&rows).await.expect("they are written");
        // More came until it was tried again.
        rows.push(row());
        store.write_entries(&rows).await.expect("they are written");
        let usage = store.usage(0, i64::MAX).await.expect("sums");
        assert_eq!(usage.iter().map(|usage| usage.sums.requests).sum::<u64>(), 451);
    }
}
