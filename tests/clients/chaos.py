"""Three processes on one PostgreSQL, of which something always fails, while writers, visitors and followers work in two
workspaces; and then everything is counted.

usage: chaos.py --binary PATH [--seconds 20] [--seed N] [--keep DIR]
Processes are killed and stand still for longer than their leases, the database fails and recovers, sessions are ended in the middle
of a commit, and one workspace is held by somebody else. The PostgreSQL is this test's own and is removed at the end."""

from __future__ import annotations

import argparse
import dataclasses
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
from harness.story import directory
from harness.visitor import Visitor

WORKSPACES = 2
WRITERS_PER_WORKSPACE = 3
DELIVERY_SECONDS = 30.0
DATABASE = "chaos"
DOCUMENT = {
    "formatVersion": 1,
    "name": FLOW,
    "variables": {"word": "none"},
    "steps": {"say": {"send": {"text": "{{ run.word }}"}}},
}


@dataclasses.dataclass
class Done:
    """What is left when all is over: what is judged, and who did it."""

    evidence: Evidence
    fleet: Fleet
    workers: list[Caller]
    followers: list[Follower]


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


def stop(workers: list[Caller], evidence: Evidence) -> None:
    """Waits until everybody has finished the call in hand; notes the answers that nobody had promised."""
    for worker in workers:
        worker.join(60.0)
        if worker.is_alive() or worker.error is not None:
            evidence.errors.append(f"{worker.name}: {worker.error!r:.1500}")


def await_no_backlog(evidence: Evidence, postgres: Postgres) -> None:
    """Notes how long it takes until nothing is left to do, or what is left at the deadline."""
    began = time.monotonic()
    while time.monotonic() < began + BACKLOG_SECONDS:
        left = backlog(postgres, DATABASE)
        if not left:
            evidence.backlog_seconds = time.monotonic() - began
            return
        evidence.backlog = left
        time.sleep(0.1)


def chaos(folder: Folder, fleet: Fleet, postgres: Postgres, seconds: float, dice: random.Random) -> Done:
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
    evidence = Evidence(told={place.id: [] for place in places})
    stop(workers, evidence)
    await_no_backlog(evidence, postgres)
    read_log(evidence, postgres, DATABASE)
    note(evidence, fleet, workers, held)
    finish_deliveries(evidence, places, followers)
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
    return Done(evidence, fleet, workers, followers)


def finish_deliveries(evidence: Evidence, places: list[Place], followers: list[Follower]) -> None:
    """Lets followers and visitors receive what is on its way to them. What does not come is missing in the evidence."""
    for follower in followers:
        follower.finish(evidence.heads[follower.workspace].position, DELIVERY_SECONDS)
        evidence.told[follower.workspace] = follower.told
        evidence.turned_away += follower.turned_away
        if follower.error is not None:
            evidence.errors.append(f"{follower.name}: {follower.error!r:.1500}")
    for place in places:
        sent = {deed.made for deed in evidence.acknowledged(place.id) if deed.kind == "message"}
        try:
            place.visitor.await_that(
                lambda: sent <= {message.id for message in place.visitor.received},
                "the visitor receives all messages",
                DELIVERY_SECONDS,
            )
        except AssertionError as error:
            evidence.errors.append(f"the visitor of {place.id}: {error}")
        place.visitor.hang_up()


def note(evidence: Evidence, fleet: Fleet, workers: list[Caller], held: str) -> None:
    """What the workers and the faults have written down."""
    for worker in workers:
        evidence.deeds += worker.deeds
        evidence.blind += worker.blind
        evidence.looks += worker.looks
        evidence.turned_away += worker.turned_away
        if isinstance(worker, Rivals):
            evidence.races += worker.races
    for _, span in fleet.events.holds:
        evidence.held, evidence.held_from, evidence.held_until = held, span.begin, span.end


def slowest_takeover(evidence: Evidence, fleet: Fleet) -> tuple[float, float, str]:
    """The longest time from a kill until a flow's run is over, with the moment of the kill and the workspace: as many leases as
    processes were killed that had just taken over. Kills after which the database failed or the workspace was held say nothing, nor
    do those after which no flow began."""
    slowest = (0.0, 0.0, "nowhere")
    for workspace, rows in evidence.rows.items():
        over = [row.recorded_at / 1e6 for row in rows if row.type == "FlowRunCompleted"]
        begun = [row.recorded_at / 1e6 for row in rows if row.type in ("FlowRunStarted", "FlowRunQueued")]
        away = [*fleet.events.stops, *(span for _, span in fleet.events.holds if workspace == evidence.held)]
        for kill in fleet.events.kills:
            # Before that there was nothing to take over.
            first = next((at for at in begun if at > kill), None)
            next_one = None if first is None else next((at for at in over if at > first), None)
            if next_one is not None and not any(Span(kill, next_one).overlaps(span) for span in away):
                slowest = max(slowest, (next_one - kill, kill, workspace))
    return slowest


def summary(done_by: Done) -> str:
    """Figures."""
    evidence, fleet, workers, followers = done_by.evidence, done_by.fleet, done_by.workers, done_by.followers
    events = fleet.events
    takeover, killed_at, workspace = slowest_takeover(evidence, fleet)
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
        f"{takeover:.1f} s, after the kill at {killed_at:.3f} in {workspace}",
        f"backlog gone after {evidence.backlog_seconds or BACKLOG_SECONDS:.1f} s; last seen of it: {evidence.backlog}",
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
        url = postgres.create_database(DATABASE)
        folder = Folder(options.binary.resolve(), Path(place) / "data-1", [], database_url=url)
        fleet = Fleet(folder, random.Random(dice.random()))
        try:
            done = chaos(folder, fleet, postgres, options.seconds, dice)
        finally:
            fleet.kill_all()
            if options.keep:
                shutil.copytree(place, options.keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data-*"))
                shutil.copy(postgres.log, options.keep / "postgres.log")
    for judge in [*promises(), *controls()]:
        try:
            judge(done.evidence)
            passed += 1
        except Exception as error:  # One that breaks has failed; the others are still judged.
            failed += 1
            print(f"FAIL {judge.__name__}: {error!s:.4000}")
    print(summary(done))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
