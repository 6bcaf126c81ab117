//! The built server with keys and quotas: several of them on one database, killed, and cut off from it.

use std::path::Path;
use std::process::Command;

use super::postgres::Database;
use super::tally::Tally;
use super::{clients, heading, python};
use crate::server;

/// The tests' runner comes with the clients' Python packages. Without a database those of SQLite are run.
pub(super) fn run(root: &Path, tally: &mut Tally, database: Option<&Database>) {
    match python::prepare(root, clients::PYTHON) {
        Ok(python) => tally.tests("keys and quotas", tests(root, &python, database)),
        Err(error) => {
            heading("keys and quotas");
            tally.leave_out(format!("keys and quotas: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path, database: Option<&Database>) -> Command {
    let mut command = python::pytest(root, python, "accounts");
    command.env("LLM_TEST_BINARY", server::binary(root));
    if let Some(database) = database {
        database.tell(&mut command);
    }
    command
}
