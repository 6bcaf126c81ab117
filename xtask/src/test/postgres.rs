//! The tests that need PostgreSQL, with a server of their own: its data lies in the temporary directory and is thrown away.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::need::need;
use super::tally::Tally;
use super::{cargo, heading, script};
use crate::server;

/// The tests learn from this where the server is; whoever sets it gets no other.
const URL: &str = "LLM_TEST_POSTGRES_URL";
const TIME_TO_BE_READY: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
/// Nothing has to outlive the tests, and many connect at once.
const OPTIONS: [&str; 5] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400", "unix_socket_directories="];

/// A server that answers, for as long as this is there.
pub(super) struct Database {
    url: String,
    _own: Option<Postgres>,
}

impl Database {
    /// Tells a program where it is.
    pub(super) fn tell(&self, command: &mut Command) {
        command.env(URL, &self.url);
    }
}

pub(super) fn run(root: &Path, tally: &mut Tally) -> Option<Database> {
    heading("PostgreSQL");
    let database = match given_or_started() {
        Ok(database) => database,
        Err(error) => {
            tally.leave_out(format!("the tests on PostgreSQL: {error:#}"));
            return None;
        }
    };
    // Of the whole workspace, of which everything is built already: of one package alone, libraries would be built again with fewer features.
    let arguments = ["test", "--workspace", "--lib", "--test", "it", "--", "postgres", "--include-ignored"];
    let mut command = cargo(root, &arguments);
    database.tell(&mut command);
    tally.tests("tests on PostgreSQL", command);
    Some(database)
}

#[expect(clippy::disallowed_methods, reason = "the rule is for the server; this is how a developer names a database")]
fn given_or_started() -> Result<Database> {
    if let Ok(url) = std::env::var(URL) {
        return Ok(Database { url, _own: None });
    }
    let server = Postgres::start()?;
    Ok(Database { url: server.url.clone(), _own: Some(server) })
}

/// Ends with its value.
struct Postgres {
    child: Child,
    data: PathBuf,
    url: String,
}

impl Postgres {
    fn start() -> Result<Self> {
        let programs = programs()?;
        let address = server::free_address()?;
        let data = std::env::temp_dir().join(format!("llm-inference-api-postgres-{}", std::process::id()));
        let user = Account::find()?;
        user.make_directory(&data)?;
        let mut init = user.command(&programs.join("initdb"));
        init.args(["--auth=trust", "--username=test", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        init.stdout(Stdio::null());
        script::run(&mut init)?;
        let log = data.join("server.log");
        let mut command = user.command(&programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &address.port().to_string()]);
        for option in OPTIONS {
            command.args(["-c", option]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).spawn()?;
        let url = format!("postgres://test@{address}/postgres");
        let mut server = Self { child, data, url };
        server.wait_until_ready(&programs, address.port())?;
        println!("ready on {address}");
        Ok(server)
    }

    fn wait_until_ready(&mut self, programs: &Path, port: u16) -> Result<()> {
        let deadline = Instant::now() + TIME_TO_BE_READY;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("PostgreSQL ended at once with {status}\n{}", self.log());
            }
            let mut probe = Command::new(programs.join("pg_isready"));
            if script::succeeds(probe.args(["-h", "127.0.0.1", "-p", &port.to_string()])) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("PostgreSQL was not ready within {} s\n{}", TIME_TO_BE_READY.as_secs(), self.log())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.data.join("server.log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its word for "at once"; it takes its own processes and shared memory along.
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// Where Debian keeps them, or wherever the others are.
fn programs() -> Result<PathBuf> {
    let find = "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 | grep . || dirname $(command -v initdb)";
    need(Command::new("sh").args(["-c", find]), "PostgreSQL", &["postgresql"])?;
    let output = Command::new("sh").args(["-c", find]).output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// Who runs the server: it refuses to be root's.
struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    fn find() -> Result<Self> {
        let ids = if id(&["-u"])? == 0 { Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)) } else { None };
        Ok(Self { ids })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(std::env::temp_dir());
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    fn make_directory(&self, path: &Path) -> Result<()> {
        fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
        let Some((user, group)) = self.ids else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user), Some(group)).context("cannot hand over the directory")
    }
}

fn id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(arguments).output()?;
    ensure!(output.status.success(), "id {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
