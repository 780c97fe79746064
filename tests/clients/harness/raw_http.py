"""HTTP as it stands on the wire, for what no client library would send: foreign hosts, missing tokens, half a protocol.

Every wait has a deadline; nothing here follows redirects or repeats anything."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


class Refused(ConnectionError):
    """There was no answer: nothing listens, or the connection broke before the answer was whole."""


class Unavailable(ConnectionError):
    """The server said that it cannot answer now; the same request may be repeated after `delay_seconds`."""

    def __init__(self, delay_seconds: float) -> None:
        super().__init__(f"unavailable, again in {delay_seconds} s")
        self.delay_seconds = delay_seconds


class Unauthorized(Exception):
    """The server said that the token opens nothing (401)."""


@dataclasses.dataclass(frozen=True)
class Response:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def request(
    address: str,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    seconds: float = 10.0,
) -> Response:
    """One request on a connection of its own. `body` is sent as JSON. Raises `Refused` when no whole answer comes."""
    connection = _connect(address, seconds)
    try:
        response = _send(connection, method, path, body, headers)
        return Response(response.status, _lower(response), response.read())
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()


@dataclasses.dataclass(frozen=True)
class Event:
    """A server-sent event."""

    name: str
    data: str
    id: str | None

    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)


class EventStream:
    """A stream of server-sent events that stays open. Not for several threads at once."""

    def __init__(self, address: str, path: str, headers: dict[str, str] | None = None, seconds: float = 10.0) -> None:
        self._connection = _connect(address, seconds)
        try:
            self._connection.connect()
            # Kept because the connection lets go of it when the answer says that it is the last one.
            self._socket = self._connection.sock
            self._response = _send(
                self._connection, "GET", path, None, {"Accept": "text/event-stream"} | (headers or {})
            )
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Refused(f"GET {path}: {error!r}") from error
        self.status = self._response.status
        self.headers = _lower(self._response)

    def events(self, seconds: float) -> Iterator[Event]:
        """The events as they come, until the server ends the stream. Raises `TimeoutError` at the deadline, and `Refused`
        when the connection breaks."""
        deadline = time.monotonic() + seconds
        fields: dict[str, list[str]] = {}
        while (line := self._line(deadline)) is not None:
            if line:
                name, _, value = line.partition(":")
                # A line that begins with a colon is a comment: a sign of life.
                if name:
                    fields.setdefault(name, []).append(value.removeprefix(" "))
            elif "data" in fields:
                yield Event(
                    fields.get("event", ["message"])[-1], "\n".join(fields["data"]), fields.get("id", [None])[-1]
                )
                fields = {}
            else:
                fields = {}

    def next(self, name: str, seconds: float = 10.0) -> Event:
        """The next event of that name; others before it are passed over."""
        for event in self.events(seconds):
            if event.name == name:
                return event
        raise Refused(f"the stream ended before an event `{name}`")

    def seconds_until_closed(self, at_most: float) -> float:
        """How long the server keeps the stream open from now on. Raises `TimeoutError` when longer than allowed."""
        began = time.monotonic()
        try:
            for _ in self.events(at_most):
                pass
        except Refused:
            pass  # A reset ends a stream, too.
        return time.monotonic() - began

    def _line(self, deadline: float) -> str | None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the stream gave nothing more in time")
        try:
            self._socket.settimeout(left)
            line = self._response.readline()
        except TimeoutError:
            raise TimeoutError("the stream gave nothing more in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"the stream broke: {error!r}") from error
        return line.decode().rstrip("\r\n") if line else None

    def hang_up(self) -> None:
        """Ends the stream from another thread: whoever reads it sees its end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Lets go of the connection."""
        self._response.close()
        self._connection.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(address: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)


def _send(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str] | None
) -> http.client.HTTPResponse:
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    return connection.getresponse()


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
