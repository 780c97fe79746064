"""A client of `GET /api/v1/events` that goes on at another process whenever its stream is cut, and writes down what it was told."""

from __future__ import annotations

import dataclasses
import random
import threading
import time

from chaos_fleet import Fleet
from harness.raw_http import EventStream, Refused

# So long it stays with one process at most; a process that stands still is noticed by it, too.
STREAM_SECONDS = (1.0, 5.0)


@dataclasses.dataclass(frozen=True)
class Told:
    """An event as it was delivered."""

    position: int
    type: str
    stream: str


class Follower(threading.Thread):
    """Follows one workspace from its first event on."""

    def __init__(self, fleet: Fleet, workspace: str, token: str, dice: random.Random) -> None:
        super().__init__(name=f"follower of {workspace}", daemon=True)
        self.fleet, self.workspace, self.token, self.dice = fleet, workspace, token, dice
        self.told: list[Told] = []
        self.streams = 0
        # When a good token was said to be none.
        self.turned_away: list[str] = []
        self.error: Exception | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """See `threading.Thread`."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except (Refused, TimeoutError):
                time.sleep(0.02)  # As a browser does: it tries again.
            except Exception as error:
                self.error = error
                return

    def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.told:
            headers["Last-Event-ID"] = str(self.told[-1].position)
        with EventStream(self.fleet.address(), "/api/v1/events?after=0", headers, 3.0) as stream:
            if stream.status in (429, 503):
                raise Refused(f"answered with {stream.status}")
            if stream.status == 401:
                self.turned_away.append(f"{time.time():.3f} {self.name}: 401")
                raise Refused("answered with 401")
            assert stream.status == 200, f"{self.name}: {stream.status} for Last-Event-ID {headers.get('Last-Event-ID')}"
            self.streams += 1
            for event in stream.events(self.dice.uniform(*STREAM_SECONDS)):
                view = event.json()
                assert str(view["position"]) == event.id, f"the id of an event is its position: {event}"
                self.told.append(Told(view["position"], view["type"], view["stream"]["id"]))
                if self._stopping.is_set():
                    return

    def finish(self, head: int, seconds: float) -> None:
        """Ends when it has been told of `head`, or at the deadline; what it was told behind that would be seen as well."""
        deadline = time.monotonic() + seconds
        while self.error is None and not (self.told and self.told[-1].position >= head) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._stopping.set()
        self.join(10.0)
