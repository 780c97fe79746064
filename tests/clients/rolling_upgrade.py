"""Two processes of this version on one PostgreSQL are replaced by the next version, one after the other, while clients work.

usage: rolling_upgrade.py --binary PATH --next PATH --node-modules PATH [--keep DIR]
The next version (see tests/upgrade/next_version.py) writes an event that this one does not know and shows a column more. A process is
started beside the old ones; one old process is drained before that event is there, the other one meets it. Then everything is
counted. The PostgreSQL is this test's own and is removed at the end."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chaos_evidence import Evidence, read_log
from chaos_log import flaws, uuid_of
from harness.folder import Folder, Workspace
from harness.plain_calls import call, handshake
from harness.postgres import Postgres
from harness.python_clients import over_http
from harness.sdk_client import over_sdk
from harness.server import Server, free_port
from harness.story import check, directory, until
from upgrade_checks import controls, flaws_of_contacts, flaws_of_events, longest_silence
from upgrade_clients import TAGS, Client, Doors, LibraryClient, PlainClient

DATABASE = "upgrade"
PLAIN_CLIENTS = 4
# Enough that the tables of the next version are not built before anybody can look.
DEMO_CONTACTS = 150
# What clients may notice: the time in which nobody at all was answered.
SILENCE_SECONDS = 1.0
END_SECONDS = 15.0
OUTDATED = "the log holds events of a newer version of this program"
# So many answers are awaited where something is to be seen under load.
SOME_ANSWERS = 60


class Upgrade:
    """The processes and their clients, and what became of every check."""

    def __init__(self, old: Path, new: Path, node_modules: Path, place: Path, postgres: Postgres) -> None:
        self.postgres = postgres
        self.old_binary, self.new_binary, self.node_modules = old, new, node_modules
        self.folder = Folder(old, place / "data-1", [], database_url=postgres.create_database(DATABASE))
        self.ports = [free_port() for _ in range(4)]
        self.clients: list[Client] = []
        self.servers: list[Server] = []
        self.passed = self.failed = 0
        self.figures: list[str] = []
        self.began = self.ended = 0.0

    def server(self, number: int, binary: Path) -> Server:
        """A process of a version on the folder and the port with a number."""
        folder = self.folder if number == 1 else self.folder.beside(self.folder.path.with_name(f"data-{number}"))
        server = Server(dataclasses.replace(folder, binary=binary), listen=f"127.0.0.1:{self.ports[number - 1]}")
        self.servers.append(server)
        return server

    def judge(self, promise: str, holds: object, **seen: object) -> None:
        """Counts a check; what it saw is printed when it does not hold."""
        try:
            check(holds, promise, **seen)
            self.passed += 1
        except AssertionError as error:
            self.failed += 1
            print(f"FAIL {error!s:.4000}", flush=True)

    def answers(self) -> int:
        """How many calls were answered so far."""
        return sum(len(client.record.answered_at) for client in self.clients)

    def await_answers(self, count: int = SOME_ANSWERS) -> None:
        """Waits until so many more calls were answered."""
        wanted = self.answers() + count
        until(lambda: self.answers() >= wanted or self.errors(), f"{count} calls are answered", 30.0)

    def errors(self) -> list[str]:
        """What clients met that no repeating could mend."""
        return [error for client in self.clients for error in client.record.errors]

    def schemas(self) -> list[str]:
        """The schemas of read tables."""
        sql = "select nspname from pg_namespace where nspname ~ '^chatbotx_views_[0-9]+$' order by nspname"
        return [row[0] for row in self.postgres.rows(DATABASE, sql)]

    def shown(self) -> dict[str, tuple[int, int]]:
        """How far the newest tables are in each workspace, and how far the log is."""
        schema = self.schemas()[-1]
        rows = self.postgres.rows(DATABASE, f"select workspace, position from {schema}.checkpoints")
        shown = {uuid_of(workspace): int(position) for workspace, position in rows}
        heads = self.postgres.rows(DATABASE, "select workspace, position from chatbotx_log.heads where position > 0")
        return {workspace: (shown.get(workspace, 0), int(head)) for workspace, head in heads}

    def start_clients(self, doors: Doors, workspace: Workspace) -> None:
        """Clients of four kinds begin to work."""
        token = workspace.token

        def over_python(mode: str) -> Any:
            return lambda url, token: over_http(url, {"Authorization": f"Bearer {token}"}, mode=mode)

        def over_typescript(url: str, token: str) -> Any:
            return over_sdk(self.node_modules, "http", url, {"Authorization": f"Bearer {token}"})

        self.clients = [PlainClient(f"plain-{number}", doors, token) for number in range(PLAIN_CLIENTS)]
        self.clients.append(LibraryClient("python", doors, token, over_python("auto")))
        self.clients.append(LibraryClient("python-sessions", doors, token, over_python("legacy")))
        self.clients.append(LibraryClient("typescript", doors, token, over_typescript))
        for client in self.clients:
            client.start()
        until(lambda: all(client.record.answered_at for client in self.clients) or self.errors(), "all clients work", 30.0)
        self.began = time.monotonic()

    def stop_clients(self) -> None:
        """Lets everybody finish the call in hand."""
        self.ended = time.monotonic()
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(30.0)
            if client.is_alive():
                client.record.errors.append(f"{client.name} hangs")

    def kill_all(self) -> None:
        """The end of all processes that are left."""
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.kill()


def alias_of(server: Server, workspace: Workspace, tag: str) -> str | None:
    """The column that only the next version shows."""
    return call(server.address, workspace.token, "get_tag", tag=tag).value()["tag"].get("alias")


def assistants_process(upgrade: Upgrade, workspace: Workspace) -> Server:
    """A process of this version that an assistant's host has started, with a folder of its own on the same database."""
    process = upgrade.server(4, upgrade.old_binary)
    process.log = upgrade.folder.path.parent / "stdio.log"
    with process.log.open("wb") as log:
        process.process = subprocess.Popen(
            [upgrade.old_binary, "stdio", "--data", process.folder.path, "--workspace", workspace.id],
            env=process.folder.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    message, _ = handshake()
    process.process.stdin.write(json.dumps(message).encode() + b"\n")
    process.process.stdin.flush()
    answer = json.loads(process.process.stdout.readline())
    upgrade.judge("an assistant's process speaks MCP", "result" in answer, answer=answer)
    return process


def ended_by_itself(upgrade: Upgrade, server: Server, who: str) -> None:
    """Checks that an old process has ended well and said why."""
    until(lambda: server.process.poll() is not None, f"{who} ends", END_SECONDS)
    told = server.log.read_text(errors="replace")
    upgrade.judge(f"{who} ends with 3, unavailable", server.process.returncode == 3, code=server.process.returncode)
    upgrade.judge(f"{who} says why on its last lines", OUTDATED in told[-600:], told=told[-1500:])
    upgrade.judge(f"{who} does not panic", "panicked at" not in told, told=told[-1500:])


def roll(upgrade: Upgrade) -> tuple[Workspace, Server]:
    """The upgrade itself; gives the workspace, and a process of the next version that serves it."""
    a, b = upgrade.server(1, upgrade.old_binary), upgrade.server(2, upgrade.old_binary)
    for server in (a, b):
        server.start()
        server.await_ready()
    folder = upgrade.folder
    folder.command("demo", "--contacts", str(DEMO_CONTACTS))
    workspace = folder.create_workspace("Upgraded")
    for tag in [*TAGS, "early", "late"]:
        call(a.address, workspace.token, "create_tag", name=tag).value()
    call(a.address, workspace.token, "update_tag", tag="early", name="earlier").value()
    doors = Doors([a.address, b.address])
    upgrade.start_clients(doors, workspace)
    upgrade.await_answers()

    # A process of the next version is started beside the old ones, and no client knows of it yet.
    before, (old_schema,) = upgrade.answers(), upgrade.schemas()
    c = upgrade.server(3, upgrade.new_binary)
    began = time.monotonic()
    c.start()
    said = set()
    while not c.becomes_ready(0.0):
        check(c.process.poll() is None and time.monotonic() < began + 60.0, "the next version becomes ready", said=said)
        said.add(c.readiness)
        time.sleep(0.005)
    seconds = time.monotonic() - began
    shown = upgrade.shown()
    upgrade.figures.append(f"the next version was ready after {seconds:.1f} s; {upgrade.answers() - before} calls meanwhile")
    upgrade.judge("the old processes serve while its tables are built", upgrade.answers() > before)
    upgrade.judge("each version has its tables", len(upgrade.schemas()) == 2, schemas=upgrade.schemas())
    upgrade.judge("it says that it starts before it is ready", any('"starting"' in answer for answer in said), said=said)
    # Clients write on: a little of theirs may be missing, but not what was there before.
    behind = {workspace: far for workspace, far in shown.items() if far[0] < far[1] - SOME_ANSWERS}
    upgrade.judge("it is ready when its tables are filled", shown and not behind, behind=behind)
    seen = [alias_of(server, workspace, "earlier") for server in (a, b, c)]
    upgrade.judge("its tables show what it reads in old events", seen == [None, None, "early"], seen=seen)
    upgrade.await_answers()
    upgrade.judge("both old processes are still there", a.process.poll() is None and b.process.poll() is None)

    # One old process is drained while there is nothing yet that it could not read, and replaced.
    doors.add(c.address)
    upgrade.await_answers()
    a.drain()
    upgrade.passed += 1
    a = upgrade.server(1, upgrade.new_binary)
    a.start()
    a.await_ready()
    upgrade.await_answers()
    upgrade.judge("the other old process serves beside the next version", b.process.poll() is None)

    assistants = assistants_process(upgrade, workspace)
    # The next version writes what the old one does not know.
    call(c.address, workspace.token, "update_tag", tag="late", name="later").value()
    ended_by_itself(upgrade, b, "an old process that meets an event of the next version")
    ended_by_itself(upgrade, assistants, "an assistant's process of the old version")
    upgrade.await_answers()
    again = upgrade.server(2, upgrade.old_binary)
    again.start()
    upgrade.judge("an old process is not ready again", not again.becomes_ready(END_SECONDS), said=again.readiness)
    ended_by_itself(upgrade, again, "an old process that is started again")
    b = upgrade.server(2, upgrade.new_binary)
    b.start()
    b.await_ready()
    upgrade.await_answers()
    seen = [alias_of(server, workspace, "later") for server in (a, b, c)]
    upgrade.judge("all processes are of the next version", seen == ["late"] * 3, seen=seen)
    upgrade.stop_clients()
    found = told_of(c, old_schema)
    upgrade.judge("doctor tells of the old tables", [one["level"] for one in found] == ["warning"], found=found)
    upgrade.postgres.rows(DATABASE, f"drop schema {old_schema} cascade")
    found = told_of(c, old_schema)
    upgrade.judge("doctor tells no more of what was dropped", not found, found=found)
    return workspace, c


def told_of(server: Server, schema: str) -> list[dict[str, Any]]:
    """What doctor, which must find no problem, says of a schema."""
    findings = server.folder.command("doctor", "--json").json()["findings"]
    return [finding for finding in findings if schema in finding["what"]]


def pages(server: Server, token: str, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of a list."""
    items: list[dict[str, Any]] = []
    while True:
        page = call(server.address, token, tool, 30.0, limit=100, **arguments).value()
        items += page["items"]
        if "nextCursor" not in page:
            return items
        arguments["cursor"] = page["nextCursor"]


def count(upgrade: Upgrade, workspace: Workspace, server: Server) -> None:
    """What must hold when all is over."""
    records = [client.record for client in upgrade.clients]
    answered_at = sorted(at for record in records for at in record.answered_at)
    silence = longest_silence(answered_at, upgrade.began, upgrade.ended)
    upgrade.judge("no client met an error that it could not repeat away", not upgrade.errors(), errors=upgrade.errors())
    upgrade.judge(f"somebody was answered at least every {SILENCE_SECONDS} s", silence <= SILENCE_SECONDS, silence=silence)
    blind = [one for record in records for one in record.blind]
    upgrade.judge("reads show what was acknowledged, or say that they are behind", not blind, blind=blind)
    upgrade.judge("clients were sent on to other processes", all(record.retries for record in records[PLAIN_CLIENTS:]))

    made = {word: made for record in records for word, made in record.made.items()}
    shown = pages(server, workspace.token, "list_contacts")
    events = pages(server, workspace.token, "list_events", after=0)
    found = flaws_of_contacts(made, shown)
    upgrade.judge("no acknowledged change is lost or doubled", not found, flaws=found)
    found = flaws_of_events(made, events)
    upgrade.judge("every change is one event", not found, flaws=found)
    for promise, holds in controls(made, shown, events, answered_at):
        upgrade.judge(promise, holds)

    evidence = Evidence(told={workspace.id: []})
    read_log(evidence, upgrade.postgres, DATABASE)
    head, rows = evidence.heads[workspace.id], evidence.rows[workspace.id]
    found = flaws(rows, head.position, head.recorded_at)
    upgrade.judge("the log is one line of events without gaps", not found, flaws=found)
    report = server.folder.verify_log()
    upgrade.judge("the next version verifies the log", report["ok"], report=report)
    upgrade.figures.append(
        f"{len(answered_at)} calls answered in {upgrade.ended - upgrade.began:.1f} s, {len(made)} contacts made, "
        f"{sum(record.retries for record in records)} repeats, "
        f"{sum(record.stale for record in records)} of {sum(record.reads for record in records)} reads said they are behind"
    )
    upgrade.figures.append(
        f"longest time without any answer {silence:.3f} s, slowest call with its repeats "
        f"{max(record.slowest for record in records):.3f} s"
    )


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--next", type=Path, required=True)
    parser.add_argument("--node-modules", type=Path, required=True)
    parser.add_argument("--keep", type=Path, default=None, help="where the logs are copied to")
    options = parser.parse_args()
    with directory() as place, Postgres() as postgres:
        upgrade = Upgrade(
            options.binary.resolve(), options.next.resolve(), options.node_modules.resolve(), Path(place), postgres
        )
        try:
            workspace, server = roll(upgrade)
            count(upgrade, workspace, server)
        except Exception as error:  # What was counted until then is still told.
            upgrade.failed += 1
            print(f"FAIL {error!s:.4000}", flush=True)
        finally:
            upgrade.kill_all()
            if options.keep:
                shutil.copytree(place, options.keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data-*"))
    for figure in upgrade.figures:
        print(figure)
    print(f"{upgrade.passed} passed, {upgrade.failed} failed")
    return 1 if upgrade.failed else 0


if __name__ == "__main__":
    sys.exit(main())
