"""What is done to the processes and the database: kills, a database that fails, a process that stands still, sessions that are
ended, and a workspace that somebody holds. Moments are random; what must be so before or after a fault is awaited."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable

from chaos_fleet import Fleet, Span
from harness.postgres import OWN_NAME, Postgres
from harness.story import check

KILL_EVERY_SECONDS = 2.0
# Longer than a lease on the runs of flows, which is 6 s.
PAUSE_SECONDS = 8.0
HOLD_SECONDS = 10.0
DOWN_SECONDS = (0.0, 1.5)
END_EVERY_SECONDS = (0.2, 1.5)
# Ready again also when the database fails meanwhile.
READY_SECONDS = 15.0

# Waits in the server itself for the moment in which somebody commits, or writes and commits in one statement: from outside it would
# never be met. Each look needs a fresh picture of the sessions.
END_A_COMMIT = """do $$
declare ended bigint;
begin
    for look in 1..400 loop
        perform pg_stat_clear_snapshot();
        select count(pg_terminate_backend(pid)) into ended from (
            select pid from pg_stat_activity
            where datname = current_database() and state = 'active'
                and (query ilike 'commit%' or query like 'with%all_are%') limit 1
        ) committing;
        if ended > 0 then raise exception 'ended'; end if;
        perform pg_sleep(0.001);
    end loop;
end $$"""
END_ANY = f"""select count(pg_terminate_backend(pid)) from (
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name <> '{OWN_NAME}'
    order by random() limit 1
) any_one"""


class Faults:
    """Everything that goes wrong in `seconds`, in threads of their own."""

    def __init__(self, fleet: Fleet, postgres: Postgres, database: str, seconds: float, dice: random.Random) -> None:
        self.fleet, self.postgres, self.database, self.dice = fleet, postgres, database, dice
        self.seconds = seconds
        self.short = seconds < 60
        self.began = time.monotonic()
        self.errors: list[BaseException] = []
        self._over = threading.Event()
        # Until the measurement of who waits for a held workspace is over, neither does the database fail nor does a process stand
        # still: that one might hold the other workspace itself.
        self._hold_over = threading.Event()

    def run(self, held: str) -> None:
        """Does it all; `held` is the workspace (as the log writes it) that is held once. Everything lives at the end."""
        acts: list[Callable[[], None]] = [
            self._kills,
            self._sessions,
            self._stops,
            self._pauses,
            lambda: self._hold(held),
        ]
        threads = [threading.Thread(target=self._guarded, args=(act,), daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        self._over.wait(self.seconds)
        self._over.set()
        for thread in threads:
            thread.join(60.0)
            check(not thread.is_alive(), "every fault comes to its end")
        for error in self.errors:
            raise error
        self.fleet.look()
        for server in self.fleet.servers:
            self.fleet.await_ready(server, READY_SECONDS)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            self.errors.append(error)
            self._over.set()

    def _reached(self, share: float) -> bool:
        """Lets time pass up to a share of the run; false when the run ends before."""
        left = self.began + share * self.seconds - time.monotonic()
        return not self._over.wait(max(left, 0.0))

    def _kills(self) -> None:
        while not self._over.wait(KILL_EVERY_SECONDS * self.dice.uniform(0.7, 1.3)):
            server = self.fleet.take()
            if server is not None:
                self.fleet.kill(server, READY_SECONDS)
            self.fleet.look()

    def _pauses(self) -> None:
        """Once in a short run, in its second half; else every 30 s."""
        begins = [at + self.dice.uniform(0, 8) for at in range(5, int(self.seconds) - 15, 30)]
        shares = [0.5] if self.short else [begin / self.seconds for begin in begins]
        for share in shares:
            if not self._reached(share) or not self._hold_over.wait(2 * HOLD_SECONDS):
                return
            while (server := self.fleet.take()) is None:
                if self._over.wait(0.05):
                    return
            self.fleet.pause(server, PAUSE_SECONDS)

    def _stops(self) -> None:
        """The database fails and comes back."""
        for share in [0.62] if self.short else [0.25, 0.5, 0.75]:
            if not self._reached(share):
                return
            self._hold_over.wait(2 * HOLD_SECONDS)
            begin = time.time()
            self.postgres.stop_at_once()
            time.sleep(self.dice.uniform(*DOWN_SECONDS))
            self.postgres.start()
            self.fleet.events.stops.append(Span(begin, time.time()))

    def _sessions(self) -> None:
        """One session after the other is ended, every second time one that commits at this moment."""
        commits = True
        while not self._over.wait(self.dice.uniform(*END_EVERY_SECONDS)):
            sql = END_A_COMMIT if commits else END_ANY
            # While the database is away there is nothing to end, and psql says so.
            said = subprocess.run(
                self.postgres.psql(self.database, "-c", sql), capture_output=True, text=True, timeout=30.0
            )
            if commits:
                # The exception takes nothing back: a signal was sent.
                self.fleet.events.commits_ended += "ERROR:  ended" in said.stderr
            else:
                self.fleet.events.sessions_ended += said.stdout.strip() == "1"
            commits = not commits

    def _hold(self, workspace: str) -> None:
        """A transaction of somebody else's holds the head of one workspace."""
        if not self._reached(0.04):
            return
        session = subprocess.Popen(
            self.postgres.psql(self.database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        with session:
            session.stdin.write("begin;\n")
            session.stdin.write(
                f"select 'held' from chatbotx_log.heads where workspace = '{workspace}' for update;\n"
            )
            check(session.stdout.readline().strip() == "held", "the head of the workspace can be held")
            begin = time.time()
            time.sleep(HOLD_SECONDS)
            end = time.time()
            session.stdin.write("rollback;\n")
            session.stdin.close()
            check(session.wait(10.0) == 0, "the workspace was held until now")
        self.fleet.events.holds.append((workspace, Span(begin, end)))
        self._hold_over.set()
