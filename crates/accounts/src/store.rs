//! The database: SQLite in a file, or PostgreSQL. The same tables and the same statements for both.
//!
//! `sqlx`'s driver for any database numbers its arguments `$1, $2, …`, which both understand; the types are TEXT and BIGINT, which
//! both have; sums are cast back to BIGINT. What differs is what time it is, and how thousands of arguments are written.

mod counters;
mod keys;
mod lent;
mod migrations;
mod organizations;
mod usage;

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, Connection};
use sqlx::{AnyPool, Executor, query_scalar};
use thiserror::Error;
use tokio::time::timeout;

use crate::secret::Secret;

pub use keys::StoredKey;
pub use organizations::StoredOrganization;

/// The longest that anything waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// A start may find the database busy with somebody else's.
const PATIENCE_AT_START: Duration = Duration::from_secs(30);

/// What goes wrong with the database. The text may name its host or file, and never a password: it is for the log.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the database did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("the database failed")]
    Failed(#[from] sqlx::Error),
    #[error("it can only be read: keys and counts have to be written to it, and SQLite writes into its directory too")]
    ReadOnly,
    #[error("the tables cannot be made or brought up to date")]
    Migrations(#[from] sqlx::migrate::MigrateError),
    #[error("the address of a database begins with sqlite: or postgres:")]
    UnknownScheme,
    #[error("the system gives no random bytes")]
    NoRandomness,
    #[error("there is no {0}")]
    Missing(String),
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    later: Option<Arc<Later>>,
    in_memory: bool,
}

/// A file that nobody has made yet.
#[derive(Debug)]
struct Later {
    path: PathBuf,
    /// Once it was there.
    pool: OnceLock<AnyPool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl StoreError {
    /// With its causes, for the log.
    pub(crate) fn whole(&self) -> String {
        let mut whole = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            whole = format!("{whole}: {error}");
            cause = error.source();
        }
        whole
    }
}

impl Store {
    /// `sqlite:///path/to/file`, which is made if it is not there, or `postgres://user:password@host/database`.
    pub async fn open(url: &Secret) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(url.reveal())?;
        let url = dialect.complete(url.reveal());
        let options = AnyPoolOptions::new()
            .max_connections(dialect.connections(&url))
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| Box::pin(dialect.prepare(connection)));
        // A database in memory is its connection.
        let options = if is_in_memory(&url) { options.idle_timeout(None).max_lifetime(None) } else { options };
        let tried = within(PATIENCE_AT_START, dialect.try_out(&url)).await;
        let reason = match tried {
            Err(StoreError::Failed(error)) if is_read_only(&error) => return Err(StoreError::ReadOnly),
            Err(error) => Some(error),
            Ok(()) => None,
        };
        // It may have been busy, or not have taken connections yet: the pool tries again for a while.
        let pool = within(PATIENCE_AT_START, options.connect(&url)).await.map_err(|late| reason.unwrap_or(late))?;
        let store = Self { pool, dialect, later: None, in_memory: is_in_memory(&url) };
        timeout(PATIENCE_AT_START, migrations::run(&store.pool))
            .await
            .map_err(|_| StoreError::TooSlow(PATIENCE_AT_START))??;
        Ok(store)
    }

    /// Whether this is the address of a database that there is a driver for.
    pub fn knows(url: &Secret) -> bool {
        Dialect::of(url.reveal()).is_ok()
    }

    /// The address of a file, in which `%` and `?` mean something else than in its path.
    pub fn file(path: &Path) -> Secret {
        const MEANT: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');
        Secret::new(format!("sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), MEANT)))
    }

    /// Forgets everything when it is dropped.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::open(&Secret::new("sqlite::memory:")).await
    }

    /// The file of this name as soon as somebody else makes it, and nothing that is kept before that: where nobody ever made a
    /// key, none is left behind.
    pub async fn file_once_there(path: PathBuf) -> Result<Self, StoreError> {
        let later = Arc::new(Later { path, pool: OnceLock::new() });
        let store = Self { later: Some(later), ..Self::in_memory().await? };
        store.look().await?;
        Ok(store)
    }

    /// Opens the file if it has come to be there.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        if let Some(later) = self.later.as_deref().filter(|later| later.pool.get().is_none() && later.path.exists()) {
            let file = Box::pin(Self::open(&Self::file(&later.path))).await?;
            // Two who look at once have opened the same.
            let _ = later.pool.set(file.pool);
        }
        Ok(())
    }

    fn is_in_memory(&self) -> bool {
        self.in_memory && self.later.as_ref().is_none_or(|later| later.pool.get().is_none())
    }

    /// Whether what is written is there again after a restart.
    pub(crate) fn is_kept(&self) -> bool {
        self.later.as_ref().is_none_or(|later| later.pool.get().is_some())
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        self.later.as_ref().and_then(|later| later.pool.get()).unwrap_or(&self.pool)
    }

    /// What time it is by the database's clock, of which there is one for all replicas: milliseconds since 1970.
    pub(crate) async fn time(&self) -> Result<i64, StoreError> {
        within(PATIENCE, query_scalar(self.dialect.now()).fetch_one(self.pool())).await
    }

    /// Ends its connections, and writes what SQLite had kept aside into the file itself.
    pub async fn close(&self) {
        let _ = timeout(PATIENCE, self.pool().close()).await;
    }
}

/// Nothing waits for the database for ever.
async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    Ok(timeout(patience, work).await.map_err(|_| StoreError::TooSlow(patience))??)
}

/// As SQLite says it. The low byte of its codes is what they are about.
fn is_read_only(error: &sqlx::Error) -> bool {
    const SQLITE_READONLY: u32 = 8;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_READONLY)
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:")
}

impl Dialect {
    fn of(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            _ => Err(StoreError::UnknownScheme),
        }
    }

    /// A file that is not there is made.
    fn complete(self, url: &str) -> String {
        if self == Self::Sqlite && !is_in_memory(url) && !url.contains('?') {
            format!("{url}?mode=rwc")
        } else {
            url.to_owned()
        }
    }

    fn connections(self, url: &str) -> u32 {
        match self {
            Self::Sqlite if is_in_memory(url) => 1,
            Self::Sqlite => 4,
            Self::Postgres => 8,
        }
    }

    /// What is wrong shows with one connection at once. A pool would try again until its time is over, and not say why.
    async fn try_out(self, url: &str) -> Result<(), sqlx::Error> {
        if is_in_memory(url) {
            return Ok(());
        }
        let mut connection = AnyConnection::connect(url).await?;
        self.prepare(&mut connection).await?;
        if self == Self::Sqlite {
            // A file that may only be read is opened all the same, and says so to whoever writes.
            connection.execute("BEGIN IMMEDIATE").await?;
            connection.execute("PRAGMA user_version = 0").await?;
            connection.execute("ROLLBACK").await?;
        }
        connection.close().await
    }

    async fn prepare(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        if self == Self::Sqlite {
            // With a log beside the file readers do not wait for the writer. Each commit reaches the disk before it is one: keys
            // are never lost.
            connection.execute("PRAGMA busy_timeout = 1500").await?;
            connection.execute("PRAGMA journal_mode = WAL").await?;
            connection.execute("PRAGMA synchronous = FULL").await?;
        }
        Ok(())
    }

    const fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}
