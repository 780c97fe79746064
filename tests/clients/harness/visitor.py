"""A web chat visitor: the customer on the other side, who needs nothing but HTTP."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from .raw_http import EventStream, Refused, Response, Unavailable, request

# A stream on which nothing comes for so long is opened anew. The server gives a sign of life every 15 s.
SILENCE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Received:
    """A message that the visitor received."""

    position: int
    id: str
    text: str
    buttons: list[dict[str, Any]]


class Visitor:
    """A visitor of the built-in account `local`, which is unambiguous while the folder has one workspace, or of another.

    The address may be a question, asked before every request, when several servers serve the account."""

    def __init__(self, address: str | Callable[[], str], name: str, account: str = "local") -> None:
        self._address: Callable[[], str] = address if callable(address) else lambda: address
        self._base = f"/webchat/{account}"
        made = self._request("POST", "/visitors", {"name": name})
        assert made.status in (200, 201), made
        self.id: str = made.json()["visitorId"]
        self.secret: str = made.json()["secret"]
        self.received: list[Received] = []
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._listening = False
        self._stream: EventStream | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> Response:
        return request(self._address(), method, self._base + path, body, headers)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def post(self, message: dict[str, Any]) -> dict[str, Any]:
        """Sends a message as it is; returns `messageId` and `position`. Raises `Refused` when no answer comes, `Unavailable` when
        the same should be sent again later."""
        answer = self._request("POST", "/messages", message, self._authorization())
        if answer.status in (429, 503):
            raise Unavailable(float(answer.headers.get("retry-after", "0.1")))
        assert answer.status == 202, answer
        return answer.json()

    def write(self, text: str, reply_to: str | None = None) -> dict[str, Any]:
        """Writes a text, as an answer to a message when one is named."""
        return self.post(self._numbered({"text": text}, reply_to))

    def press(self, button: str, reply_to: str) -> dict[str, Any]:
        """Presses a button under a message."""
        return self.post(self._numbered({"buttonId": button}, reply_to))

    def _numbered(self, content: dict[str, Any], reply_to: str | None) -> dict[str, Any]:
        message = {"clientMessageId": f"client-{next(self._numbers)}"} | content
        return message if reply_to is None else message | {"replyTo": reply_to}

    def acknowledge(self, message_id: str, state: str) -> None:
        """Says that a message arrived (`delivered`) or was seen (`read`)."""
        answer = self._request("POST", "/receipts", {"messageId": message_id, "state": state}, self._authorization())
        assert answer.status in (200, 202, 204), answer

    def listen(self) -> None:
        """Begins to receive, in a thread of its own, and goes on over broken connections from the last position."""
        self._listening = True
        self._thread = threading.Thread(target=self._receive, name=f"visitor-{self.id}", daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while self._listening:
            try:
                self._receive_until_broken()
            except (Refused, TimeoutError):
                time.sleep(0.02)  # The server is down; the visitor's browser tries again.
            except Exception as error:  # Anything else is the story's to report, in its own thread.
                self._error = error
                return

    def _receive_until_broken(self) -> None:
        headers = self._authorization()
        if self.received:
            headers["Last-Event-ID"] = str(self.received[-1].position)
        with EventStream(self._address(), self._base + "/events", headers) as stream:
            if stream.status in (429, 503):
                raise Refused(f"the visitor's stream was answered with {stream.status}")
            assert stream.status == 200, (stream.status, stream.headers)
            self._stream = stream
            for event in stream.events(SILENCE_SECONDS):
                if event.name == "message":
                    data = event.json()
                    message = Received(int(event.id), data["id"], data["text"], data.get("buttons", []))
                    with self._changed:
                        self.received.append(message)
                        self._changed.notify_all()

    def await_message(self, message_id: str, seconds: float = 10.0) -> Received:
        """Waits until a message has arrived."""
        return self.await_that(
            lambda: next((message for message in self.received if message.id == message_id), None),
            f"the visitor receives {message_id}",
            seconds,
        )

    def await_that(self, question: Callable[[], Any], promise: str, seconds: float = 10.0) -> Any:
        """Waits until the answer, asked after every arrival, is true, and returns it."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (answer := question()):
                left = deadline - time.monotonic()
                if left <= 0 or self._error:
                    raise AssertionError(f"{promise} (within {seconds} s): {len(self.received)} came, {self._error!r}")
                self._changed.wait(min(left, 0.5))
            return answer

    def hang_up(self) -> None:
        """Stops receiving."""
        self._listening = False
        if self._stream is not None:
            self._stream.hang_up()
        if self._thread is not None:
            self._thread.join(5.0)

    def __enter__(self) -> Visitor:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
