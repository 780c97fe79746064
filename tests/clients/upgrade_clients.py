"""Who works during a rolling upgrade: callers with a connection for each call, and clients of the Python and TypeScript libraries that
stay with one process until it sends them away. Each goes on to the next process when one is refused, and repeats the call in hand
under its idempotency key: what README tells whoever has several processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from harness.answer import Answer
from harness.plain_calls import call
from harness.raw_http import Refused, Unavailable

# A call that no process has answered by then was not retried successfully.
PATIENCE_SECONDS = 10.0
CALL_SECONDS = 5.0
# The pace of a busy assistant; the processes share two cores with everything else.
PAUSE_SECONDS = 0.02
RETRY_SECONDS = 0.01
TAGS = ["alpha", "beta", "gamma"]

# How a library is connected to a process.
Connect = Callable[[str, str], contextlib.AbstractAsyncContextManager[Any]]


class Doors:
    """The addresses that clients know of, as they would from DNS or from whoever runs the service."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._lock = threading.Lock()

    def add(self, address: str) -> None:
        """One more process is in service."""
        with self._lock:
            self._addresses = [*self._addresses, address]

    def turn(self, turn: int) -> str:
        """The address at a turn."""
        with self._lock:
            return self._addresses[turn % len(self._addresses)]


@dataclasses.dataclass
class Record:
    """What a client was told, and what it did about it."""

    # The contacts whose making was acknowledged, by the word that is their name, with the tags that were.
    made: dict[str, tuple[str, set[str]]] = dataclasses.field(default_factory=dict)
    answered_at: list[float] = dataclasses.field(default_factory=list)
    slowest: float = 0.0
    retries: int = 0
    stale: int = 0
    reads: int = 0
    # Reads that did not show what had been acknowledged, and did not say that they are behind.
    blind: list[str] = dataclasses.field(default_factory=list)
    # Answers that no client could do anything about.
    errors: list[str] = dataclasses.field(default_factory=list)


class Client(threading.Thread):
    """Makes a contact, tags it, reads it, again and again, until it is told to stop."""

    def __init__(self, name: str, doors: Doors, token: str) -> None:
        super().__init__(name=name, daemon=True)
        self.doors, self.token = doors, token
        self.record = Record()
        self.stopping = threading.Event()
        self._count = itertools.count(1)
        # Not all begin at the same process.
        self.turn = sum(name.encode())

    def work(self) -> list[tuple[str, dict[str, Any], Callable[[dict[str, Any]], None]]]:
        """The next calls: tool, arguments, and what to make of the answer. An argument may be a question, asked when it is due."""
        word = f"{self.name}-{next(self._count)}x"
        tag = TAGS[next(self._count) % len(TAGS)]

        def created(value: dict[str, Any]) -> None:
            self.record.made[word] = (value["contact"]["id"], set())

        def tagged(_: dict[str, Any]) -> None:
            self.record.made[word][1].add(tag)

        def seen(value: dict[str, Any]) -> None:
            self.record.reads += 1
            self.record.stale += value.get("stale", False)
            if value["contact"].get("tags") != [tag] and not value.get("stale", False):
                self.record.blind.append(f"{time.time():.3f} {word} has no {tag}: {value}")

        contact = {"contactId": lambda: self.record.made[word][0]}
        return [
            ("create_contact", {"firstName": word, "idempotencyKey": f"{word}-create"}, created),
            ("add_contact_tags", contact | {"tags": [tag], "idempotencyKey": f"{word}-tag"}, tagged),
            ("get_contact", contact, seen),
        ]

    def take(self, answer: Answer, began: float, understand: Callable[[dict[str, Any]], None]) -> None:
        """An answer came."""
        now = time.monotonic()
        self.record.answered_at.append(now)
        self.record.slowest = max(self.record.slowest, now - began)
        understand(answer.value())

    def go_on(self, began: float, delay: float, why: object) -> None:
        """To the next process, unless the call has been tried for too long."""
        assert time.monotonic() < began + PATIENCE_SECONDS, f"no process answered for {PATIENCE_SECONDS} s: {why!r}"
        self.record.retries += 1
        self.turn += 1
        time.sleep(min(delay, 0.2))

    def run(self) -> None:
        """See `threading.Thread`."""
        try:
            self.live()
        except BaseException as error:  # Whatever ends a client is an error that it met.
            self.record.errors.append(f"{time.time():.3f} {self.name}: {error!r:.800}")

    def live(self) -> None:
        """Works to the end."""
        raise NotImplementedError


def _due(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value() if callable(value) else value for name, value in arguments.items()}


class PlainClient(Client):
    """A POST for each call, in the stateless form of 2026-07-28."""

    def live(self) -> None:
        """See `Client`."""
        while not self.stopping.is_set():
            for tool, arguments, understand in self.work():
                self._insist(tool, _due(arguments), understand)
                time.sleep(PAUSE_SECONDS)

    def _insist(self, tool: str, arguments: dict[str, Any], understand: Callable[[dict[str, Any]], None]) -> None:
        began = time.monotonic()
        while True:
            try:
                answer = call(self.doors.turn(self.turn), self.token, tool, CALL_SECONDS, **arguments)
            except Refused as refused:
                self.go_on(began, RETRY_SECONDS, refused)
            except Unavailable as unavailable:
                self.go_on(began, unavailable.delay_seconds, unavailable)
            else:
                return self.take(answer, began, understand)


class LibraryClient(Client):
    """A connected client of an MCP library. When its process sends it away, it connects to the next one."""

    def __init__(self, name: str, doors: Doors, token: str, connect: Connect) -> None:
        super().__init__(name, doors, token)
        self._connect = connect
        # The call that is not answered yet, and when it was made first.
        self._in_hand: Any = None
        self._began = 0.0

    def live(self) -> None:
        """See `Client`."""
        asyncio.run(self._live())

    async def _live(self) -> None:
        calls = self._calls()
        self._take_up(next(calls))
        while self._in_hand is not None:
            # A task for each connection: a transport that breaks cancels the task that it was made in.
            staying = asyncio.create_task(self._stay(calls))
            await asyncio.wait({staying})
            error = ConnectionError("the connection was cancelled") if staying.cancelled() else staying.exception()
            if error is not None and not _is_broken(error):
                raise error
            if error is not None:
                self.go_on(self._began, RETRY_SECONDS, error)

    async def _stay(self, calls: Iterator[Any]) -> None:
        """Works with one process until all is done or the connection breaks."""
        async with self._connect(f"{self.doors.turn(self.turn)}/mcp", self.token) as assistant:
            while self._in_hand is not None:
                tool, arguments, understand = self._in_hand
                answer = await asyncio.wait_for(assistant.call(tool, **arguments), CALL_SECONDS)
                if _is_passing(answer):
                    raise Unavailable(RETRY_SECONDS)
                self.take(answer, self._began, understand)
                self._take_up(next(calls))
                await asyncio.sleep(PAUSE_SECONDS)

    def _take_up(self, due: Any) -> None:
        self._in_hand, self._began = due, time.monotonic()

    def _calls(self) -> Iterator[Any]:
        while not self.stopping.is_set():
            for tool, arguments, understand in self.work():
                yield tool, _due(arguments), understand
        while True:
            yield None


def _is_passing(answer: Answer) -> bool:
    return answer.is_error and '"retryAfterMs"' in answer.texts[0]


def _is_broken(error: BaseException) -> bool:
    """Whether an error says that the process was not there, or sent the client away. A failed check of ours does not."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_broken(one) for one in error.exceptions)
    return not isinstance(error, AssertionError | KeyError | TypeError)
