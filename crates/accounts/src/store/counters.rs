//! What each process holds of each quota.
//!
//! `counters.taken` is the sum of what all leases hold, those of processes that are no more included, so a grant that keeps it within
//! the limit keeps all processes within it, whatever becomes of them. A process says what is so with it in whole numbers, never
//! in differences, and a lease stays after its end with what was spent of it: should an answer be lost, what was told is told
//! again and changes nothing.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::{query, query_as, query_scalar};

use super::{PATIENCE, Store, StoreError, within};
use crate::quota::{Line, Refused, Settled};

/// Of what is left, one exchange takes this part: seldom enough to ask, and little enough near the end.
const SHARE: i64 = 8;
/// How long leases are kept small after somebody was refused for others' sake.
const WANTED: Duration = Duration::from_secs(5);
/// How long after its lease has run out it takes until a process's requests are thought to be over. One that was killed had set
/// something aside for them, of which nobody will say what was used; one that is only cut off goes on answering them.
const REQUESTS_ARE_OVER: Duration = Duration::from_mins(10);

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
    /// The slice, among those of all processes.
    lease: String,
    name: String,
    starts: i64,
    now: i64,
}

impl<'a> Exchange<'a> {
    fn new(database: &'a mut AnyConnection, replica: &str, line: &'a Line, now: i64) -> Self {
        let (name, starts) = (line.counter.name(), line.counter.window.starts());
        Self { database, line, lease: format!("{replica}/{}", line.slice), name, starts, now }
    }

    async fn run(&mut self, expires: i64) -> Result<Settled, sqlx::Error> {
        let (mut taken, mut wanted_until) = self.lock().await?;
        let spent = signed(self.line.spent);
        let (mut granted, counted) = match self.held().await? {
            // No more than is held: some of it may have run out, and be somebody else's.
            Some(held) => (signed(self.line.granted).min(held).max(spent), held),
            // A new one; or one that was forgotten together with its window, and then nothing is given back.
            None => (spent, signed(self.line.reported).min(spent)),
        };
        taken += granted - counted;
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
            } else {
                let (unspent, reserved) = self.held_by_others().await?;
                let could_be_had = left + unspent + reserved + signed(self.line.reserved);
                refused = Some(match missing {
                    _ if missing <= left + unspent => Refused::HeldByOthers,
                    _ if missing <= could_be_had => Refused::SetAside,
                    _ => Refused::Spent,
                });
                if refused != Some(Refused::Spent) {
                    wanted_until = self.now + millis(WANTED);
                }
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
            .bind(&self.lease)
            .fetch_optional(&mut *self.database)
            .await
    }

    /// Ends the leases of processes that died, and says how much that sets free: what was not spent, and after some time what
    /// was set aside for their requests.
    async fn reclaim(&mut self) -> Result<i64, sqlx::Error> {
        let requests_are_over = self.now - millis(REQUESTS_ARE_OVER);
        let free: i64 = query_scalar(
            "SELECT CAST(COALESCE(SUM(granted - spent + CASE WHEN expires <= $5 THEN reserved ELSE 0 END), 0) AS BIGINT)
             FROM leases WHERE name = $1 AND starts = $2 AND replica <> $3 AND expires <= $4",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(&self.lease)
        .bind(self.now)
        .bind(requests_are_over)
        .fetch_one(&mut *self.database)
        .await?;
        if free == 0 {
            return Ok(0);
        }
        query(
            "UPDATE leases SET
             granted = spent - CASE WHEN expires <= $5 THEN reserved ELSE 0 END,
             spent = spent - CASE WHEN expires <= $5 THEN reserved ELSE 0 END,
             reserved = CASE WHEN expires <= $5 THEN 0 ELSE reserved END
             WHERE name = $1 AND starts = $2 AND replica <> $3 AND expires <= $4",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(&self.lease)
        .bind(self.now)
        .bind(requests_are_over)
        .execute(&mut *self.database)
        .await?;
        Ok(free)
    }

    /// What is not spent, and what is only set aside for requests that run.
    async fn held_by_others(&mut self) -> Result<(i64, i64), sqlx::Error> {
        query_as(
            "SELECT CAST(COALESCE(SUM(granted - spent), 0) AS BIGINT), CAST(COALESCE(SUM(reserved), 0) AS BIGINT)
             FROM leases WHERE name = $1 AND starts = $2 AND replica <> $3",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(&self.lease)
        .fetch_one(&mut *self.database)
        .await
    }

    async fn write(&mut self, granted: i64, expires: i64) -> Result<(), sqlx::Error> {
        query(
            "INSERT INTO leases (name, starts, replica, granted, spent, reserved, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name, starts, replica) DO UPDATE SET granted = excluded.granted, spent = excluded.spent,
             reserved = excluded.reserved, expires = excluded.expires",
        )
        .bind(&self.name)
        .bind(self.starts)
        .bind(&self.lease)
        .bind(granted)
        .bind(signed(self.line.spent))
        .bind(signed(self.line.reserved))
        .bind(expires)
        .execute(&mut *self.database)
        .await
        .map(|_| ())
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
