"""Three processes on one PostgreSQL, of which something always fails, while writers, visitors and followers work in two workspaces; and
then everything is counted.

usage: chaos.py --binary PATH [--seconds 20] [--seed N] [--keep DIR]
Processes are killed and stand still for longer than their leases, the database fails and recovers, sessions are ended in the middle
of a commit, and one workspace is held by somebody else. The PostgreSQL is this test's own and is removed at the end."""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import time
from pathlib import Path

from chaos_checks import BACKLOG_SECONDS, promises
from chaos_controls import controls
from chaos_evidence import Evidence, backlog, read_and_rebuild, read_log, read_through
from chaos_faults import Faults
from chaos_fleet import Fleet, Span
from chaos_follower import Follower
from chaos_log import uuid_of
from chaos_writers import FLOW, Caller, Place, Rivals, Talker, Writer
from harness.folder import Folder
from harness.plain_calls import call
from harness.postgres import Postgres
from harness.server import Server, free_port
from harness.story import check, directory, until
from harness.visitor import Visitor

WORKSPACES = 2
WRITERS_PER_WORKSPACE = 3
DATABASE = "chaos"
DOCUMENT = {
    "formatVersion": 1,
    "name": FLOW,
    "variables": {"word": "none"},
    "steps": {"say": {"send": {"text": "{{ run.word }}"}}},
}


def prepare(folder: Folder, fleet: Fleet, number: int) -> Place:
    """A workspace with a flow, and two visitors that have written once."""
    workspace = folder.create_workspace(f"Chaos {number}")
    address = fleet.address()
    account = call(address, workspace.token, "list_channels").value()["items"][0]["id"]
    flow = call(address, workspace.token, "create_flow", document=DOCUMENT).value()["flow"]["id"]
    call(address, workspace.token, "publish_flow", flowId=flow).value()
    contacts = []
    for name in ("Talker", "Reader"):
        visitor = Visitor(fleet.address, f"First {name}", account)
        visitor.write(f"First {name}")
        found = call(address, workspace.token, "get_contact", contactId=f"webchat:{visitor.id}").value()
        contacts.append((visitor, found["contact"]["id"]))
    (talker, contact), (_, reader) = contacts
    return Place(workspace.id, workspace.name, workspace.token, account, talker, contact, reader)


def workers_of(places: list[Place], folder: Folder, fleet: Fleet, dice: random.Random) -> list[Caller]:
    """Everybody who works, not yet at work."""
    workers: list[Caller] = []
    for number, place in enumerate(places):
        for one in range(WRITERS_PER_WORKSPACE):
            workers.append(Writer(f"writer-{number}-{one}", fleet, place, random.Random(dice.random())))
        workers.append(Talker(f"talker-{number}", fleet, place, random.Random(dice.random())))
        workers.append(Rivals(f"rivals-{number}", fleet, place, random.Random(dice.random())))
    return workers


def stop(workers: list[Caller]) -> None:
    """Waits until everybody has finished the call in hand."""
    for worker in workers:
        worker.join(60.0)
    errors = {worker.name: worker.error for worker in workers if worker.is_alive() or worker.error is not None}
    check(not errors, "everybody who worked ends well", errors=errors)


def await_no_backlog(evidence: Evidence, postgres: Postgres) -> None:
    """Notes how long it takes until nothing is left to do, or what is left at the deadline."""
    began = time.monotonic()
    while time.monotonic() < began + BACKLOG_SECONDS:
        evidence.backlog = backlog(postgres, DATABASE)
        if not evidence.backlog:
            evidence.backlog_seconds = time.monotonic() - began
            return
        time.sleep(0.1)


def chaos(folder: Folder, fleet: Fleet, postgres: Postgres, seconds: float, dice: random.Random) -> tuple[Evidence, list[Caller], list[Follower]]:
    """The whole of it; returns what is to be judged."""
    fleet.start()
    places = [prepare(folder, fleet, number) for number in range(1, WORKSPACES + 1)]
    workers = workers_of(places, folder, fleet, dice)
    followers = [Follower(fleet, place.id, place.token, random.Random(dice.random())) for place in places]
    for place in places:
        place.visitor.listen()
    for thread in [*workers, *followers]:
        thread.start()
    held = places[0].id
    try:
        Faults(fleet, postgres, DATABASE, seconds, random.Random(dice.random())).run(uuid_of(held))
    finally:
        for worker in workers:
            worker.stopping.set()
    evidence = Evidence()
    stop(workers)
    await_no_backlog(evidence, postgres)
    evidence.told = {place.id: [] for place in places}
    read_log(evidence, postgres, DATABASE)
    for follower in followers:
        follower.finish(evidence.heads[follower.workspace].position, 30.0)
        check(follower.error is None, f"the {follower.name} ends well", error=follower.error)
        evidence.told[follower.workspace] = follower.told
    note(evidence, fleet, workers, followers, held)
    for place in places:
        sent = {deed.made for deed in evidence.acknowledged(place.id) if deed.kind == "message"}
        place.visitor.await_that(
            lambda: sent <= {message.id for message in place.visitor.received}, "the visitor receives all messages", 30.0
        )
        place.visitor.hang_up()
    fleet.look()
    evidence.ended, evidence.unready = fleet.ended, fleet.unready
    fleet.kill_all()
    # What is judged comes from the disk, not from what a process remembers.
    with Server(folder.beside(folder.path.with_name("data-fresh")), listen=f"127.0.0.1:{free_port()}") as fresh:
        for place in places:
            read_through(evidence, fresh.address, place)
        read_and_rebuild(evidence, fresh.folder, postgres, DATABASE)
    evidence.panics = [
        f"{log.name}: {line}"
        for log in folder.logs
        for line in log.read_text(errors="replace").splitlines()
        if "panicked at" in line
    ]
    return evidence, workers, followers


def note(evidence: Evidence, fleet: Fleet, workers: list[Caller], followers: list[Follower], held: str) -> None:
    """What the workers and the faults have written down."""
    for worker in workers:
        evidence.deeds += worker.deeds
        evidence.blind += worker.blind
        evidence.looks += worker.looks
        if isinstance(worker, Rivals):
            evidence.races += worker.races
    for one in [*workers, *followers]:
        evidence.turned_away += one.turned_away
    for _, span in fleet.events.holds:
        evidence.held, evidence.held_from, evidence.held_until = held, span.begin, span.end


def slowest_takeover(evidence: Evidence, fleet: Fleet) -> float:
    """The longest time from a kill until a flow's run is over in each workspace; kills after which the database failed or the workspace
    was held say nothing."""
    slowest = 0.0
    for workspace, rows in evidence.rows.items():
        over = [row.recorded_at / 1e6 for row in rows if row.type == "FlowRunCompleted"]
        away = [*fleet.events.stops, *(span for _, span in fleet.events.holds if workspace == evidence.held)]
        for kill in fleet.events.kills:
            next_one = next((at for at in over if at > kill), None)
            if next_one is not None and not any(Span(kill, next_one).overlaps(span) for span in away):
                slowest = max(slowest, next_one - kill)
    return slowest


def summary(evidence: Evidence, fleet: Fleet, workers: list[Caller], followers: list[Follower]) -> str:
    """Figures."""
    events = fleet.events
    done = len(evidence.acknowledged())
    within = [
        deed.acknowledged_at - deed.asked_at
        for deed in evidence.acknowledged()
        if deed.workspace != evidence.held and evidence.held_from < deed.acknowledged_at < evidence.held_until
    ]
    return "\n".join([
        f"{len(events.kills)} kills, {len(events.stops)} failures of the database, {len(events.pauses)} pauses, "
        f"{events.sessions_ended} sessions ended, {events.commits_ended} of them more in a commit",
        f"{done} changes acknowledged, {len(evidence.deeds) - done} given up, {len(evidence.races)} races, "
        f"{sum(worker.retries for worker in workers)} repeats, {sum(worker.replays for worker in workers)} replays, "
        f"{sum(len(rows) for rows in evidence.rows.values())} events",
        f"{evidence.looks} looks through another process, {sum(worker.stale for worker in workers)} said they are behind; "
        f"followers used {sum(follower.streams for follower in followers)} streams",
        f"while a workspace was held, {len(within)} changes were acknowledged in the other, the slowest after "
        f"{max(within, default=0.0):.1f} s",
        f"ready again after at most {max(events.ready_seconds, default=0.0):.1f} s; slowest takeover of flows "
        f"{slowest_takeover(evidence, fleet):.1f} s; backlog gone after {evidence.backlog_seconds} s",
    ])


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; printed, to fail alike again")
    parser.add_argument("--keep", type=Path, default=None, help="where the logs are copied to")
    options = parser.parse_args()
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"seed {seed}, {options.seconds} s", flush=True)
    passed = failed = 0
    dice = random.Random(seed)
    with directory() as place, Postgres() as postgres:
        folder = Folder(options.binary.resolve(), Path(place) / "data-1", [], database_url=postgres.create_database(DATABASE))
        fleet = Fleet(folder, random.Random(dice.random()))
        try:
            evidence, workers, followers = chaos(folder, fleet, postgres, options.seconds, dice)
        finally:
            fleet.kill_all()
            if options.keep:
                shutil.copytree(place, options.keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data-*"))
                shutil.copy(postgres.log, options.keep / "postgres.log")
    for judge in [*promises(), *controls()]:
        try:
            judge(evidence)
            passed += 1
        except Exception as error:  # One that breaks has failed; the others are still judged.
            failed += 1
            print(f"FAIL {judge.__name__}: {error!s:.4000}")
    print(summary(evidence, fleet, workers, followers))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
