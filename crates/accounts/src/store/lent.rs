//! A connection for a transaction.

use sqlx::pool::PoolConnection;
use sqlx::{Any, Connection, Transaction};

use super::Store;

/// It goes back to the others only if all went well. SQLite ends a transaction by itself when the disk is full, which `sqlx` does not
/// notice: what it then takes for a transaction within another would never end, and hold the lock for ever.
#[derive(Debug)]
pub(super) struct Lent {
    connection: PoolConnection<Any>,
    goes_back: bool,
}

impl Store {
    pub(super) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        // A database in memory would end with its connection.
        Ok(Lent { connection: self.pool().acquire().await?, goes_back: self.is_in_memory() })
    }
}

impl Lent {
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_, Any>, sqlx::Error> {
        self.connection.begin().await
    }

    /// After what was begun is committed.
    pub(super) fn give_back(mut self) {
        self.goes_back = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.goes_back {
            self.connection.close_on_drop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use sqlx::Executor;
    use uuid::Uuid;

    use super::*;
    use crate::usage::Entry;

    fn row() -> (Uuid, Entry) {
        (Uuid::new_v4(), Entry::of_one_request(SystemTime::UNIX_EPOCH))
    }

    #[tokio::test]
    async fn what_a_full_disk_broke_off_holds_no_lock() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = Store::file(&directory.path().join("accounts.db"));
        let store = Store::open(&file).await.expect("a database");
        let mut connections = Vec::new();
        for _ in 0..store.pool().options().get_max_connections() {
            let mut connection = store.pool().acquire().await.expect("a connection");
            connection.execute("PRAGMA max_page_count = 1").await.expect("no room for more");
            connections.push(connection);
        }
        let most = connections.len();
        drop(connections);
        let rows: Vec<_> = (0..2000).map(|_| row()).collect();
        let mut failed = 0;
        // Each fails once, and another takes its place.
        while store.write_entries(&rows).await.is_err() {
            failed += 1;
            assert!(failed <= most, "a connection that has failed is used again");
        }
        assert!(failed > 0, "the disk was not full");
        let other = Store::open(&file).await.expect("a database");
        other.write_entries(&rows).await.expect("nobody holds the lock");
    }
}
