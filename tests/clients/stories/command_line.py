"""The command line beside a running server and without one: verify, tokens, rebuild, watch, backup, and the terminal customer."""

from __future__ import annotations

import json
import queue
import re
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any

from harness.answer import CODES
from harness.folder import Folder, Workspace
from harness.plain_calls import call
from harness.server import Server
from harness.story import Stage, check, equal, story

LINE_SECONDS = 15.0


class Lines:
    """A command that goes on, and the lines it prints."""

    def __init__(self, folder: Folder, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [folder.binary, *arguments],
            env=folder.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)

    def await_line(self, part: str) -> str:
        """The next line that holds `part`."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=LINE_SECONDS))
            except queue.Empty:
                raise AssertionError(f"no line with {part!r} came; before it: {seen}") from None
            if part in seen[-1]:
                return seen[-1]

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def filled(stage: Stage) -> tuple[Folder, Workspace]:
    """A folder with a workspace."""
    folder = stage.folder()
    return folder, folder.create_workspace("Line")


def fill(server: Server, workspace: Workspace) -> dict[str, Any]:
    """A few contacts; returns how they are listed."""
    for name in ("Ana", "Berta", "Carla"):
        email = f"{name.lower()}@example.org"
        call(server.address, workspace.token, "create_contact", firstName=name, email=email, tags=["VIP"]).value()
    return call(server.address, workspace.token, "list_contacts", detail="full", withCount=True).value()


@story("`log verify --json` says that the log is whole, with a server and without")
def verify(stage: Stage) -> None:
    """The root is the same whoever computes it."""
    folder, workspace = filled(stage)
    with Server(folder) as server:
        fill(server, workspace)
        running = folder.verify_log()["workspaces"]
    stopped = folder.verify_log()["workspaces"]
    equal(running, stopped, "the same log has the same root")
    (report,) = [one for one in running if one["id"] == workspace.id]
    check(
        report["size"] >= 3 and report["root"] and "firstBad" not in report,
        "the report tells size and root",
        report=report,
    )
    listed = folder.command("workspace", "list").out
    check(workspace.id in listed, "the workspace is listed", listed=listed)


@story("a changed event is found by `log verify`, and the exit code says so")
def tampered(stage: Stage) -> None:
    """One byte of one stored payload, changed behind the program's back."""
    folder, workspace = filled(stage)
    with Server(folder) as server:
        fill(server, workspace)
    with sqlite3.connect(folder.path / "events.db") as database:
        triggers = database.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in triggers:
            database.execute(f'drop trigger "{name}"')
        (position,) = database.execute("select max(position) - 1 from events").fetchone()
        changed = database.execute("update events set payload = cast(payload || ' ' as blob) where position = ?", (position,))
        equal(changed.rowcount, 1, "one event is changed")
    database.close()
    outcome = folder.run("log", "verify", "--json")
    equal((outcome.code, outcome.json()["ok"]), (1, False), "the log is not whole")
    bad = [one["firstBad"]["position"] for one in outcome.json()["workspaces"] if "firstBad" in one]
    equal(bad, [position], "the first bad position is named")
    equal(workspace.id, outcome.json()["workspaces"][0]["id"], "the workspace is named")


@story("tokens are created, listed without their text, and revoked, with a server and without", "running", "stopped")
def tokens(stage: Stage, state: str) -> None:
    """The text of a token is shown once."""
    folder, workspace = filled(stage)
    server = Server(folder)
    if state == "running":
        server.__enter__()
    try:
        token_id, token = folder.create_token(workspace, "Robot", "--permission", "read_only", "--expires", "30d")
        check(re.fullmatch(r"cbx_ws_[0-9A-Za-z]{49}", token), "a token has its form")
        listed = folder.command("token", "list", "--workspace", workspace.id, "--json").out
        check(
            token_id in listed and "Robot" in listed and token not in listed, "the list shows no token", listed=listed
        )
        folder.revoke_token(workspace, token_id)
        folder.verify_log()
    finally:
        server.drain()


@story("`projections rebuild` beside a running server gives the same rows")
def rebuild(stage: Stage) -> None:
    """Reads never stop and see the same before and after."""
    folder, workspace = filled(stage)
    with Server(folder) as server:
        before = fill(server, workspace)
        folder.command("projections", "rebuild")
        after = call(server.address, workspace.token, "list_contacts", detail="full", withCount=True).value()
        equal(after, before, "the rebuilt tables answer alike")
        made = call(server.address, workspace.token, "create_contact", firstName="Dora").value()
        found = call(server.address, workspace.token, "list_contacts", query="Dora").value()["items"]
        equal([one["id"] for one in found], [made["contact"]["id"]], "they go on being kept")
        folder.command("projections", "status")


@story("`watch` prints every event as a line of JSON")
def watch(stage: Stage) -> None:
    """From now on, until it is ended."""
    folder, workspace = filled(stage)
    with Server(folder) as server, Lines(folder, "watch", "--workspace", workspace.id) as lines:
        # What happens before the watcher stands is not promised to it: contacts are made until it sees one.
        stopping = threading.Event()

        def work() -> None:
            while not stopping.wait(0.05):
                call(server.address, workspace.token, "create_contact", firstName="Ana").value()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            event = json.loads(lines.await_line("ContactCreated"))
        finally:
            stopping.set()
            worker.join()
        equal(event["type"], "ContactCreated", "the line is the event")
        check({"position", "at", "stream", "actor", "data"} <= set(event), "an event is whole", event=event)
        equal(event["stream"]["type"], "contact", "its stream is named")


@story("a backup of a running server opens and verifies in a new folder")
def backup(stage: Stage) -> None:
    """The copy holds everything that was acknowledged before it, and answers alike."""
    folder, workspace = filled(stage)
    with Server(folder) as server:
        before = fill(server, workspace)
        original = folder.verify_log()["workspaces"]
        file = stage.directory / "backup.db"
        folder.command("backup", str(file))
    copy = stage.folder("copy")
    restore(file, folder, copy)
    equal(copy.verify_log()["workspaces"], original, "the copy has the same root")
    with Server(copy) as server:
        after = call(server.address, workspace.token, "list_contacts", detail="full", withCount=True).value()
        equal(after, before, "the copy answers alike")


def restore(file: Path, original: Folder, copy: Folder) -> None:
    """Makes a data folder of a backup: the log, and the key that is kept apart from it."""
    copy.path.mkdir(mode=0o700)
    shutil.copy(file, copy.path / "events.db")
    shutil.copy(original.path / "master.key", copy.path / "master.key")


@story("`chat` plays a customer whom the assistant meets")
def chat(stage: Stage) -> None:
    """What is typed is received; what is sent is printed."""
    folder, workspace = filled(stage)
    with Server(folder) as server, Lines(folder, "chat", "--as", "Ana") as customer:
        customer.process.stdin.write("Is it open today?\n")
        customer.process.stdin.flush()
        arguments = {"after": 0, "types": ["MessageReceived"], "timeoutMs": 15_000}
        events = call(server.address, workspace.token, "wait_for_events", seconds=30.0, **arguments).value()["items"]
        equal(len(events), 1, "the customer's message is received")
        contact = events[0]["contactId"]
        shown = call(server.address, workspace.token, "get_contact", contactId=contact).value()["contact"]
        equal(shown["name"], "Ana", "the customer has a name")
        call(server.address, workspace.token, "send_message", contactId=contact, text="Until eight o'clock").value()
        customer.await_line("Until eight o'clock")


@story("a wrong command line ends with 2, a refused command with 1 and the problem as JSON")
def refusals(stage: Stage) -> None:
    """Scripts branch on it."""
    folder, workspace = filled(stage)
    equal(folder.run("no-such-command").code, 2, "an unknown command is a usage error")
    equal(folder.run("token", "create").code, 2, "a missing option is a usage error")
    unknown = workspace.id[:-1] + ("0" if workspace.id[-1] != "0" else "1")
    outcome = folder.run("token", "create", "--name", "Robot", "--workspace", unknown, "--json")
    equal((outcome.code, outcome.out), (1, ""), "an unknown workspace is refused")
    problem = json.loads(outcome.err.strip().splitlines()[-1])
    check(problem["code"] in CODES and problem["message"], "the problem is JSON on standard error", problem=problem)
    check(folder.command("--version").out.startswith("chatbotx "), "the version is told")
    for arguments in (("--help",), ("token", "create", "--help"), ("backup", "--help")):
        check("chatbotx" in folder.command(*arguments).out, "help tells how the command is called")
