"""SQLite and PostgreSQL with the same rows, so that what two queries give can be compared.

PostgreSQL is the one at LLM_TEST_POSTGRES_URL (postgres://user@host:port/database) or, without that, one that is started here and
thrown away. `CURRENT_DATE` and `date('now')` are the day that `../demo/database.py` takes for today.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native

sys.path.append(str(Path(__file__).parents[1] / "demo"))

import database

PATIENCE = 60  # seconds
OPTIONS = ("fsync=off", "unix_socket_directories=", "statement_timeout=5s")


class Databases:
    """Both, for as long as the block lasts."""

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        url = urlsplit(os.environ.get("LLM_TEST_POSTGRES_URL") or self.stack.enter_context(_postgres()))
        self.postgres = pg8000.native.Connection(url.username, host=url.hostname, port=url.port, database=url.path[1:], password=url.password)
        self.stack.callback(self.postgres.close)
        self.postgres.run("SET statement_timeout = '5s'")
        self.made: dict[str, str] = {}  # script of the tables → schema that has them
        return self

    def __exit__(self, *_):
        for schema in self.made.values():
            self.postgres.run(f"DROP SCHEMA {schema} CASCADE")
        self.stack.close()

    def rows(self, dialect: str, tables: list, sql: str) -> list[tuple] | None:
        """What the query gives, in order if it asks for one; None if it does not run, or is none."""
        script = database.script(tables)
        if dialect == "sqlite":
            with contextlib.closing(sqlite3.connect(":memory:")) as connection:
                connection.executescript(script)
                found = database.run(connection, sql)
        else:
            found = self._postgres_rows(script, sql)
        if found is None:
            return None
        found = [tuple(_plain(value) for value in row) for row in found]
        return found if "ORDER BY" in sql else sorted(found, key=repr)

    def _postgres_rows(self, script: str, sql: str) -> list | None:
        if not sql.startswith("SELECT"):
            return None
        if script not in self.made:
            self.made[script] = f"asked_{os.getpid()}_{len(self.made)}"
            self.postgres.run(f"CREATE SCHEMA {self.made[script]}")
            self.postgres.run(f"SET search_path = {self.made[script]}")
            self.postgres.run(re.sub(r"\bREAL\b", "DOUBLE PRECISION", script))
        self.postgres.run(f"SET search_path = {self.made[script]}")
        sql = sql.replace("CURRENT_DATE", f"DATE '{database.TODAY}'")
        try:
            return self.postgres.run(re.sub(r"(?<!:):(?!:)", r"\\:", sql))  # a single colon would name a parameter
        except pg8000.native.DatabaseError:
            return None


def _plain(value):
    """Numbers to six digits and dates as text: what the two databases have in common."""
    if isinstance(value, (float, decimal.Decimal)):
        value = float(f"{float(value):.6g}")
        return int(value) if value.is_integer() else value
    return value.isoformat() if isinstance(value, datetime.date) else value


@contextlib.contextmanager
def _postgres():
    """The address of a server of our own."""
    programs = _programs()
    user = "postgres" if os.geteuid() == 0 else None  # it does not run as root
    with tempfile.TemporaryDirectory() as directory:
        if user:
            shutil.chown(directory, user)
        data = f"{directory}/data"
        init = [programs / "initdb", "--auth=trust", "--username=test", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", data]
        subprocess.run(init, check=True, user=user, stdout=subprocess.DEVNULL, cwd=directory)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = [part for option in OPTIONS for part in ("-c", option)]
        with open(f"{directory}/log", "w") as log:
            server = subprocess.Popen([programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *options], user=user, cwd=directory, stdout=log, stderr=log)
        try:
            _wait(programs, port)
            yield f"postgres://test@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(PATIENCE)


def _programs() -> Path:
    """Where Debian keeps them, or wherever the others are."""
    debian = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)
    return debian or Path(shutil.which("initdb") or sys.exit("PostgreSQL is needed: apt-get install postgresql")).parent


def _wait(programs: Path, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
        if time.monotonic() > deadline:
            sys.exit("PostgreSQL did not start")
        time.sleep(0.05)
