"""Kills the server at random moments while eight writers and a web chat visitor work, and then counts everything.

usage: kill_loop.py --binary PATH [--rounds 30] [--seed N]
Every call carries an idempotency key and is repeated under it until it is acknowledged. At the end each acknowledged change must be
there exactly once, the log must verify, and no personal text may stand in the clear in `events.db`."""

from __future__ import annotations

import argparse
import dataclasses
import random
import secrets
import statistics
import sys
import time
from pathlib import Path

from harness.folder import Folder
from harness.plain_calls import call
from harness.server import Server, free_port
from harness.story import check, directory
from harness.visitor import Visitor
from kill_loop_checks import Evidence, promises
from kill_loop_writers import Marks, Talker, Worker, Writer

WRITERS = 8
READY_SECONDS = 2.0
# The server is killed so long after it was ready.
WORK_SECONDS = (0.05, 0.6)
# Every so many rounds it is killed while it starts, too, so long after its process began.
KILL_AT_START_EVERY = 5
START_SECONDS = (0.0, 0.05)


@dataclasses.dataclass
class Killing:
    """How the kills went: the seconds from the start of the process to ready."""

    ready_seconds: list[float] = dataclasses.field(default_factory=list)


def kill_again_and_again(server: Server, workers: list[Worker], rounds: int, dice: random.Random) -> Killing:
    """The rounds. Ends with a server that is ready."""
    killing = Killing()
    for number in range(1, rounds + 1):
        # The length of this sleep is the random moment itself; nothing is awaited by it.
        time.sleep(dice.uniform(*WORK_SECONDS))
        server.kill()
        if number % KILL_AT_START_EVERY == 0:
            server.start()
            time.sleep(dice.uniform(*START_SECONDS))
            server.kill()
        began = time.monotonic()
        server.start()
        server.await_ready()
        killing.ready_seconds.append(time.monotonic() - began)
        for worker in workers:
            check(worker.error is None, f"{worker.name} goes on in round {number}", error=worker.error)
    return killing


def stop(workers: list[Worker], visitor: Visitor) -> None:
    """Lets everybody finish the call in hand, then waits until the visitor has received all that was sent."""
    for worker in workers:
        worker.stopping.set()
    for worker in workers:
        worker.join(60.0)
        check(not worker.is_alive() and worker.error is None, f"{worker.name} ends well", error=worker.error)
    wanted = sum(len(worker.sent) for worker in workers if isinstance(worker, Writer))
    visitor.await_that(lambda: len(visitor.received) >= wanted, f"the visitor receives all {wanted} messages", 30.0)


def loop(folder: Folder, rounds: int, dice: random.Random) -> tuple[Killing, Evidence]:
    """The whole loop; returns what is to be judged."""
    marks = Marks(personal=f"qz{secrets.token_hex(6)}", public=f"tg{secrets.token_hex(6)}")
    workspace = folder.create_workspace("Killed")
    server = Server(folder, listen=f"127.0.0.1:{free_port()}")
    server.start()
    try:
        server.await_ready()
        visitor = Visitor(server.address, f"Visitor {marks.personal}")
        visitor.write(f"First {marks.personal}")
        contact = call(server.address, workspace.token, "get_contact", contactId=f"webchat:{visitor.id}").value()
        talker = Talker(visitor, marks, random.Random(dice.random()))
        writers = []
        for number in range(WRITERS):
            _, token = folder.create_token(workspace, f"Writer {number}")
            chance = random.Random(dice.random())
            writers.append(Writer(number, server.address, token, contact["contact"]["id"], marks, chance))
        visitor.listen()
        workers: list[Worker] = [talker, *writers]
        for worker in workers:
            worker.start()
        killing = kill_again_and_again(server, workers, rounds, dice)
        stop(workers, visitor)
        # What is judged comes from the disk, not from what the last process remembers.
        server.kill()
        server.start()
        server.await_ready()
        evidence = Evidence(
            folder, server.address, workspace.token, contact["contact"]["id"], marks, visitor, talker, writers
        )
        evidence.collect()
        visitor.hang_up()
        server.drain()
    except BaseException:
        server.kill()
        raise
    return killing, evidence


def ready_in_time(killing: Killing) -> None:
    """After every kill the server is ready soon, by itself."""
    slowest = max(killing.ready_seconds)
    check(slowest <= READY_SECONDS, f"ready within {READY_SECONDS} s after every kill", slowest=slowest)


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; printed, to kill alike again")
    options = parser.parse_args()
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    with directory() as place:
        folder = Folder(options.binary.resolve(), Path(place) / "data", [])
        killing, evidence = loop(folder, options.rounds, random.Random(seed))
        passed = failed = 0
        for promise in [lambda _: ready_in_time(killing), *promises()]:
            try:
                promise(evidence)
                passed += 1
            except AssertionError as error:
                failed += 1
                print(f"FAIL {error}")
    print(f"seed {seed}, {options.rounds} kills; {evidence.summary()}")
    seconds = killing.ready_seconds
    print(f"ready after {statistics.median(seconds):.3f} s (median), {max(seconds):.3f} s (slowest)")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
