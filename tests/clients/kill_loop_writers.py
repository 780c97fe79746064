"""Who works while the server is killed: eight writers over MCP and a customer who talks, each with a record of what was
acknowledged."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from typing import Any

from harness.plain_calls import call
from harness.raw_http import Refused, Unavailable
from harness.visitor import Visitor

CALL_SECONDS = 10.0
# While the server is down there is nothing to do but to try again.
RETRY_SECONDS = 0.01
TAGS_PER_CONTACT = 20
# One call in so many repeats one that was acknowledged before, under its key.
REPEAT_ONE_IN = 20


@dataclasses.dataclass(frozen=True)
class Marks:
    """Words that occur nowhere else: one in every personal text, one in texts that are not personal."""

    personal: str
    public: str


class Worker(threading.Thread):
    """Works until told to stop; keeps the error that ended it."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.error: Exception | None = None
        self.retries = 0

    def step(self) -> None:
        """One piece of work, acknowledged at its end."""
        raise NotImplementedError

    def run(self) -> None:
        """See `threading.Thread`."""
        try:
            while not self.stopping.is_set():
                self.step()
        except Exception as error:
            self.error = error

    def insist(self, act: Any) -> Any:
        """Repeats what was not acknowledged."""
        while True:
            try:
                return act()
            except Refused:
                self.retries += 1
                time.sleep(RETRY_SECONDS)
            except Unavailable as unavailable:
                self.retries += 1
                time.sleep(min(unavailable.delay_seconds, 1.0))


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    """A call and the id of what it made."""

    tool: str
    arguments: dict[str, Any]
    made: str


class Writer(Worker):
    """Makes contacts, tags them, and writes to the visitor, one call after the other."""

    def __init__(self, number: int, address: str, token: str, visitor: str, marks: Marks, dice: random.Random) -> None:
        super().__init__(f"writer-{number}")
        self.address, self.token, self.visitor, self.marks, self.dice = address, token, visitor, marks, dice
        self.calls = 0
        self.replays = 0
        self.journal: list[Acknowledged] = []
        # Contact id → the tags that were added to it.
        self.contacts: dict[str, list[str]] = {}
        # Message id → text, in the order of sending.
        self.sent: dict[str, str] = {}

    def step(self) -> None:
        """See `Worker`."""
        if self.journal and self.dice.randrange(REPEAT_ONE_IN) == 0:
            self._repeat(self.dice.choice(self.journal))
        elif not self.contacts or len(next(reversed(self.contacts.values()))) >= TAGS_PER_CONTACT:
            self._create_contact()
        elif self.dice.random() < 0.6:
            self._add_tag()
        else:
            self._send()

    def _create_contact(self) -> None:
        word = f"{self.marks.personal}-{self.name}-{self.calls}"
        made = self._new("create_contact", "contact", firstName=f"Ana {word}", email=f"{word}@example.org")
        self.contacts[made] = []

    def _add_tag(self) -> None:
        contact = next(reversed(self.contacts))
        tag = f"{self.marks.public} {self.name} {self.calls}"
        self._new("add_contact_tags", "contact", contactId=contact, tags=[tag])
        self.contacts[contact].append(tag)

    def _send(self) -> None:
        text = f"{self.marks.personal} {self.name} {self.calls}"
        self.sent[self._new("send_message", "message", contactId=self.visitor, text=text)] = text

    def _new(self, tool: str, noun: str, **arguments: Any) -> str:
        self.calls += 1
        arguments["idempotencyKey"] = f"key-{self.calls}"
        value = self._call(tool, arguments)
        # A replay here is the acknowledgement of a call whose first answer was lost.
        self.replays += value.get("replayed", False)
        made = value[noun]["id"] if noun in value else arguments["contactId"]
        self.journal.append(Acknowledged(tool, arguments, made))
        return made

    def _repeat(self, done: Acknowledged) -> None:
        value = self._call(done.tool, done.arguments)
        assert value.get("replayed") is True, f"{done} was done before, but: {value}"
        found = next((value[noun]["id"] for noun in ("contact", "message") if noun in value), done.made)
        assert found == done.made, f"{done} made something else now: {value}"

    def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self.insist(lambda: call(self.address, self.token, tool, CALL_SECONDS, **arguments))
        return answer.value()


class Talker(Worker):
    """The visitor, who writes one message after the other."""

    def __init__(self, visitor: Visitor, marks: Marks, dice: random.Random) -> None:
        super().__init__("talker")
        self.visitor, self.marks, self.dice = visitor, marks, dice
        # Client id → text and answer, in the order of writing.
        self.written: dict[str, tuple[str, dict[str, Any]]] = {}

    def step(self) -> None:
        """See `Worker`."""
        number = len(self.written) + 1
        client_id, text = f"talk-{number}", f"{self.marks.personal} talk {number}"
        answer = self._post(client_id, text)
        self.written[client_id] = (text, answer)
        if self.dice.randrange(REPEAT_ONE_IN) == 0:
            earlier = self.dice.choice(list(self.written))
            text, answer = self.written[earlier]
            repeated = self._post(earlier, text)
            assert repeated == answer, f"{earlier} has another answer now: {repeated}, before: {answer}"

    def _post(self, client_id: str, text: str) -> dict[str, Any]:
        return self.insist(lambda: self.visitor.post({"clientMessageId": client_id, "text": text}))
