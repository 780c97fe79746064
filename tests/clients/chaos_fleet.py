"""Several identical processes on one database: who of them lives, who was killed or stands still because it was told to, and who
ended by itself."""

from __future__ import annotations

import dataclasses
import random
import threading
import time

from harness.folder import Folder
from harness.server import Server, free_port

PROCESSES = 3


@dataclasses.dataclass(frozen=True)
class Span:
    """A time during which something was so, in seconds since the epoch: the database's times are of the same clock."""

    begin: float
    end: float

    def overlaps(self, other: Span) -> bool:
        """Whether both were at one moment."""
        return self.begin <= other.end and other.begin <= self.end


@dataclasses.dataclass
class Events:
    """What was done to the processes and to the database."""

    kills: list[float] = dataclasses.field(default_factory=list)
    ready_seconds: list[float] = dataclasses.field(default_factory=list)
    pauses: list[Span] = dataclasses.field(default_factory=list)
    stops: list[Span] = dataclasses.field(default_factory=list)
    holds: list[tuple[str, Span]] = dataclasses.field(default_factory=list)
    sessions_ended: int = 0
    commits_ended: int = 0


class Fleet:
    """The processes, each with a folder and a port of its own."""

    def __init__(self, first: Folder, dice: random.Random) -> None:
        folders = [first, *(first.beside(first.path.with_name(f"data-{n}")) for n in range(2, PROCESSES + 1))]
        self.servers = [Server(folder, listen=f"127.0.0.1:{free_port()}") for folder in folders]
        self.events = Events()
        # Processes that ended without being told, with what they left.
        self.ended: list[str] = []
        # Processes that live and were not ready in time, with what they said.
        self.unready: list[str] = []
        self._dice = dice
        self._away: set[Server] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts one after the other, each ready before the next: the first one makes the master key that all need."""
        for server in self.servers:
            server.start()
            server.await_ready()

    def address(self, *, but: str | None = None) -> str:
        """The address of a random process that lives, another one than `but`."""
        with self._lock:
            living = [server for server in self.servers if server not in self._away and _url(server) != but]
            return _url(self._dice.choice(living or [server for server in self.servers if _url(server) != but]))

    def take(self) -> Server | None:
        """A random process for a fault; nobody else gets it, and callers leave it alone. None when only one is left."""
        with self._lock:
            here = [server for server in self.servers if server not in self._away]
            if len(here) < 2:
                return None
            server = self._dice.choice(here)
            self._away.add(server)
            return server

    def give_back(self, server: Server) -> None:
        """It lives again."""
        with self._lock:
            self._away.discard(server)

    def kill(self, server: Server, seconds: float) -> None:
        """Kills a process that was taken, and starts it again at once. Callers come back before it is ready, as they do."""
        self._note_end(server)
        self.events.kills.append(time.time())
        server.kill()
        began = time.monotonic()
        server.start()
        self.give_back(server)
        if self.await_ready(server, seconds):
            self.events.ready_seconds.append(time.monotonic() - began)

    def await_ready(self, server: Server, seconds: float) -> bool:
        """Whether a process becomes ready in time; notes it when it does not."""
        ready = server.becomes_ready(seconds)
        if not ready and server.process.poll() is None:
            self.unready.append(f"{server.log.name} after {seconds} s: {server.readiness}")
        return ready

    def pause(self, server: Server, seconds: float) -> None:
        """Lets a process that was taken stand still. The length is the fault itself; nothing is awaited by it."""
        begin = time.time()
        server.pause()
        time.sleep(seconds)
        server.go_on()
        self.events.pauses.append(Span(begin, time.time()))
        self.give_back(server)

    def look(self) -> None:
        """Notes the processes that ended by themselves, and starts them again, as whoever watches over them would."""
        for server in self.servers:
            with self._lock:
                if server in self._away:
                    continue
                self._away.add(server)
            if self._note_end(server):
                server.start()
            self.give_back(server)

    def _note_end(self, server: Server) -> bool:
        code = server.process.poll()
        # A killed process is replaced right away, so whatever has ended here ended by itself.
        if code is not None:
            told = server.log.read_text(errors="replace")[-1500:]
            self.ended.append(f"{time.time():.3f} {server.log.name} ended with {code}: {told}")
        return code is not None

    def kill_all(self) -> None:
        """The end of all, standing still or not."""
        for server in self.servers:
            if server.process is not None:
                server.kill()


def _url(server: Server) -> str:
    return f"http://{server.listen}"
