"""A PostgreSQL of one test's own, for tests that pull it down: a folder below `/tmp`, a free port, and fsync on, because what is
judged is what was confirmed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from .server import free_port

# The server refuses to run as root; started by root it runs as this user, which Debian's package makes.
OWNER = "postgres"
OLDEST = 15
COMMAND_SECONDS = 60.0
# Our own sessions are told apart by this name: who ends sessions at random must spare them.
OWN_NAME = "chaos"


class PostgresFailed(AssertionError):
    """A command on the server failed."""


class Postgres:
    """A server. As a context manager it runs inside, and at the end it is stopped and its folder removed, whatever happened."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cbx-pg-", dir="/tmp"))
        self.port = free_port()
        self._programs = programs()
        if os.geteuid() == 0:
            shutil.chown(self.folder, OWNER)

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.folder / "log"

    def url(self, database: str) -> str:
        """Where a database is."""
        return f"postgres://{OWNER}@127.0.0.1:{self.port}/{database}"

    def _as_owner(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", OWNER, "--", *command]
        # The server keeps what it inherits: standard output must be no pipe that somebody waits for.
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode != 0:
            said = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            raise PostgresFailed(f"{' '.join(command)} ended with {done.returncode}: {said}")

    def create(self) -> None:
        """Makes the cluster."""
        data = str(self.folder / "data")
        self._as_owner(
            "initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=on"
        self._as_owner(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.log), "start", "-o", options
        )

    def stop_at_once(self) -> None:
        """As when the power fails: nothing is finished, and the next start recovers."""
        self._as_owner("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def psql(self, database: str, *options: str) -> list[str]:
        """The command line of `psql` that prints bare rows and stops at the first error."""
        program = shutil.which("psql", path=f"{self._programs}:{os.environ.get('PATH', '')}")
        assert program, "psql is not installed"
        url = f"{self.url(database)}?application_name={OWN_NAME}"
        return [program, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *options, url]

    def rows(self, database: str, sql: str) -> list[list[str]]:
        """The rows of a statement, every value as text; nothing may contain a tab or a line's end."""
        command = self.psql(database, "-F", "\t", "-c", sql)
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise PostgresFailed(f"{sql}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def text(self, database: str, sql: str) -> str:
        """What a statement prints, as it stands."""
        done = subprocess.run(self.psql(database, "-c", sql), capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise PostgresFailed(f"{sql}: {done.stderr}")
        return done.stdout

    def create_database(self, name: str) -> str:
        """Makes a database; gives its URL."""
        self.rows(OWNER, f"create database {name}")
        return self.url(name)

    def __enter__(self) -> Postgres:
        try:
            self.create()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(PostgresFailed, subprocess.TimeoutExpired):
            self.stop_at_once()
        shutil.rmtree(self.folder, ignore_errors=True)


def programs() -> Path:
    """The folder of the newest server of the distribution that is new enough."""
    found = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and int(folder.parent.name) >= OLDEST
    }
    assert found, f"PostgreSQL {OLDEST} or later is not installed"
    return found[max(found)]
