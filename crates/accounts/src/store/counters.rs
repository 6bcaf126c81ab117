//! What each process holds of each quota.
//!
//! `counters.taken` is what ended leases have spent and all that the present ones hold, so a grant that keeps it within the limit
//! keeps all processes within it, whatever becomes of them. A process says what is so with it in whole numbers, never in
//! differences: should an answer be lost, the next exchange sets everything right.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::{query, query_as, query_scalar};

use super::{PATIENCE, Store, StoreError, within};
use crate::quota::{Line, Refused, Settled};

/// Of what is left, one exchange takes this part: seldom enough to ask, and little enough near the end.
const SHARE: i64 = 8;
/// How long leases are kept small after somebody was refused for others' sake.
const WANTED: Duration = Duration::from_secs(5);

impl Store {
    /// In one exchange.
    pub(crate) const MOST_LINES: usize = 100;

    /// Tells what is so here, takes what is needed as far as it can be had, and keeps the rest for this long. The answers are in the order
    /// of the lines.
    pub(crate) async fn exchange(&self, replica: &str, lease: Duration, lines: &[Line]) -> Result<Vec<Settled>, StoreError> {
        let mut order: Vec<usize> = (0..lines.len()).collect();
        // Two processes that take the same locks in the same order never wait for each other.
        order.sort_by(|a, b| lines[*a].counter.cmp(&lines[*b].counter));
        within(PATIENCE, async {
            let mut connection = self.lend().await?;
            let mut transaction = connection.begin().await?;
            let now = query_scalar::<_, i64>(self.dialect.now()).fetch_one(&mut *transaction).await?;
            let mut settled = vec![None; lines.len()];
            for index in order {
                let mut exchange = Exchange::new(&mut transaction, replica, &lines[index], now);
                settled[index] = Some(exchange.run(now + millis(lease)).await?);
            }
            transaction.commit().await?;
            connection.give_back();
            Ok(settled.into_iter().flatten().collect())
        })
        .await
    }

    /// Forgets windows that began before then, and minutes that began before another time (seconds since 1970).
    pub(crate) async fn forget_counters(&self, before_seconds: i64, minutes_before: i64) -> Result<(), StoreError> {
        within(PATIENCE, async {
            for statement in [
                "DELETE FROM leases WHERE starts < $1 AND (name LIKE 'tokens/minute/%' OR name LIKE 'requests/minute/%')",
                "DELETE FROM counters WHERE starts < $1 AND (name LIKE 'tokens/minute/%' OR name LIKE 'requests/minute/%')",
            ] {
                query(statement).bind(minutes_before).execute(self.pool()).await?;
            }
            query("DELETE FROM leases WHERE starts < $1").bind(before_seconds).execute(self.pool()).await?;
            query("DELETE FROM counters WHERE starts < $1").bind(before_seconds).execute(self.pool()).await
        })
        .await
        .map(|_| ())
    }
}

/// One counter's part of a transaction.
struct Exchange<'a> {
    database: &'a mut AnyConnection,
    line: &'a Line,
    replica: &'a str,
    name: String,
    starts: i64,
    now: i64,
}

impl<'a> Exchange<'a> {
    fn new(database: &'a mut AnyConnection, replica: &'a str, line: &'a Line, now: i64) -> Self {
        let (name, starts) = (line.counter.name(), line.counter.window.starts());
        Self { database, line, replica, name, starts, now }
    }

    async fn run(&mut self, expires: i64) -> Result<Settled, sqlx::Error> {
        let (taken, wanted_until) = self.lock().await?;
        let (spent, reported) = (signed(self.line.spent), signed(self.line.reported));
        // Without a lease nothing is held here, but for what was spent since it was last known.
        let (mut granted, mut taken) = match self.held().await? {
            Some(held) => {
                let granted = signed(self.line.granted).max(spent);
                (granted, taken - held + granted)
            }
            None => (spent, taken + spent - reported),
        };
        let mut wanted_until = wanted_until;
        let mut refused = None;
        let missing = self.line.needed.map_or(0, |needed| signed(needed) - granted).max(0);
        if missing > 0 {
            let limit = signed(self.line.limit);
            if limit - taken < missing {
                taken -= self.reclaim().await?;
            }
            let left = limit - taken;
            if missing <= left {
                let share = if self.now < wanted_until { 0 } else { left / SHARE };
                let grant = missing.max(share);
                (granted, taken) = (granted + grant, taken + grant);
            } else if missing <= left + self.held_by_others().await? {
                refused = Some(Refused::HeldByOthers);
                wanted_until = self.now + millis(WANTED);
            } else {
                refused = Some(Refused::Spent);
            }
        }
        self.write(granted, expires).await?;
        self.unlock(taken, wanted_until).await?;
        let wanted = self.line.needed.is_none() && self.now < wanted_until;
        Ok(Settled { granted: unsigned(granted), elsewhere: unsigned(taken - granted), wanted, refused })
    }

    /// (taken, wanted until). Whoever else wants this counter waits from here on.
    async fn lock(&mut self) -> Result<(i64, i64), sqlx::Error> {
        query_as(
            "INSERT INTO counters (name, starts, taken, wanted_until) VALUES ($1, $2, 0, 0)
             ON CONFLICT (name, starts) DO UPDATE SET taken = counters.taken
             RETURNING taken, wanted_until",
        )
        .bind(&self.name)
        .bind(self.starts)
        .fetch_one(&mut *self.database)
        .await
    }

    async fn unlock(&mut self, taken: i64, wanted_until: i64) -> Result<(), sqlx::Error> {
        query("UPDATE counters SET taken = $3, wanted_until = $4 WHERE name = $1 AND starts = $2")
            .bind(&self.name)
            .bind(self.starts)
            .bind(taken)
            .bind(wanted_until)
            .execute(&mut *self.database)
            .await
            .map(|_| ())
    }

    /// What this process's lease holds, if it still has one.
    async fn held(&mut self) -> Result<Option<i64>, sqlx::Error> {
        query_scalar("SELECT granted FROM leases WHERE name = $1 AND starts = $2 AND replica = $3")
            .bind(&self.name)
            .bind(self.starts)
            .bind(self.replica)
            .fetch_optional(&mut *self.database)
            .await
    }

    /// Ends the leases of processes that died, and says how much that sets free.
    async fn reclaim(&mut self) -> Result<i64, sqlx::Error> {
        let ended: Vec<(i64, i64)> = query_as(
            "DELETE FROM leases WHERE name = $1 AND starts = $2 AND replica <> $3 AND expires <= $4
             RETURNING granted, spent",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(self.replica)
        .bind(self.now)
        .fetch_all(&mut *self.database)
        .await?;
        Ok(ended.iter().map(|(granted, spent)| granted - spent).sum())
    }

    async fn held_by_others(&mut self) -> Result<i64, sqlx::Error> {
        query_scalar(
            "SELECT CAST(COALESCE(SUM(granted - spent), 0) AS BIGINT) FROM leases
             WHERE name = $1 AND starts = $2 AND replica <> $3",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(self.replica)
        .fetch_one(&mut *self.database)
        .await
    }

    async fn write(&mut self, granted: i64, expires: i64) -> Result<(), sqlx::Error> {
        let statement = if self.line.closing {
            query("DELETE FROM leases WHERE name = $1 AND starts = $2 AND replica = $3")
        } else {
            query(
                "INSERT INTO leases (name, starts, replica, granted, spent, expires) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (name, starts, replica)
                 DO UPDATE SET granted = excluded.granted, spent = excluded.spent, expires = excluded.expires",
            )
        };
        let statement = statement.bind(&self.name).bind(self.starts).bind(self.replica);
        let statement =
            if self.line.closing { statement } else { statement.bind(granted).bind(signed(self.line.spent)).bind(expires) };
        statement.execute(&mut *self.database).await.map(|_| ())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A limit beyond what the database can count is none.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX / 4)
}

fn unsigned(amount: i64) -> u64 {
    amount.max(0).cast_unsigned()
}
