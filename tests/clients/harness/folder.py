"""A data folder and what can be done with it from outside: the command line and a server."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

# A command that takes longer hangs: even a debug build answers in tens of milliseconds.
COMMAND_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A workspace as `workspace create` made it, with its first token."""

    id: str
    name: str
    token: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f"not JSON on standard output: {self}") from error


@dataclasses.dataclass
class Folder:
    """A data folder of the program under test."""

    binary: Path
    path: Path
    logs: list[Path]
    secrets: list[str] = dataclasses.field(default_factory=list)
    # Where the log is, when it is not in the folder.
    database_url: str | None = None
    # The folder's own when there is none here; several folders on one database need the same.
    master_key: Path | None = None

    def beside(self, path: Path) -> Folder:
        """Another folder of a process on the same database, under the same master key."""
        return dataclasses.replace(self, path=path, master_key=self.master_key or self.path / "master.key")

    def environment(self) -> dict[str, str]:
        """The environment of every process on this folder: nothing of the caller's that could change what it does."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"CHATBOTX_DATA": str(self.path), "RUST_BACKTRACE": "1"}
        if self.database_url is not None:
            own["CHATBOTX_DATABASE_URL"] = self.database_url
        if self.master_key is not None:
            own["CHATBOTX_MASTER_KEY_FILE"] = str(self.master_key)
        return kept | own

    def run(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> Outcome:
        """Runs a command to its end, whatever it is."""
        done = subprocess.run(
            [self.binary, *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> Outcome:
        """Runs a command that must succeed."""
        outcome = self.run(*arguments)
        if outcome.code != 0:
            raise AssertionError(f"`chatbotx {' '.join(arguments)}` failed: {outcome}")
        return outcome

    def create_workspace(self, name: str) -> Workspace:
        """A new workspace with its first token."""
        made = self.command("workspace", "create", "--name", name, "--json").json()
        self.secrets.append(made["token"])
        return Workspace(made["id"], made["name"], made["token"])

    def create_token(self, workspace: Workspace, name: str, *options: str) -> tuple[str, str]:
        """A new token: its id and its text."""
        made = self.command("token", "create", "--name", name, "--workspace", workspace.id, *options, "--json").json()
        self.secrets.append(made["token"])
        return made["id"], made["token"]

    def revoke_token(self, workspace: Workspace, token_id: str) -> None:
        """Ends a token."""
        self.command("token", "revoke", token_id, "--workspace", workspace.id)

    def rotate_token(self, workspace: Workspace, token_id: str, *options: str) -> dict[str, Any]:
        """Another secret for a token."""
        made = self.command("token", "rotate", token_id, "--workspace", workspace.id, *options, "--json").json()
        self.secrets.append(made["token"])
        return made

    def server_file(self) -> dict[str, Any]:
        """What `server.json` says; empty while there is none."""
        try:
            return json.loads((self.path / "server.json").read_text())
        except FileNotFoundError:
            return {}

    def verify_log(self) -> dict[str, Any]:
        """`log verify` of all workspaces; fails when anything is wrong with them."""
        report = self.command("log", "verify", "--json").json()
        assert report["ok"] is True, report
        return report
