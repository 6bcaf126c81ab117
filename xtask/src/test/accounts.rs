//! The built server with keys and quotas: several of them on one database, killed, and cut off from it.

use std::path::Path;

use super::postgres::Database;
use super::tally::Tally;
use super::{clients, python};

/// The tests' runner comes with the clients' Python packages. Without a database those of SQLite are run.
pub(super) fn run(root: &Path, tally: &mut Tally, database: Option<&Database>) {
    python::suite(root, tally, "keys and quotas", "accounts", python::prepare(root, clients::PYTHON), |tests| {
        if let Some(database) = database {
            database.tell(tests);
        }
    });
}
