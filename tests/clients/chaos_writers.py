"""Who works during the chaos: writers of every kind of change, visitors, and rivals for one name, each with a record of what was
asked and what was acknowledged. Every call has an idempotency key and is repeated under it against any process that lives."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from typing import Any

from chaos_fleet import Fleet
from harness.answer import Answer
from harness.plain_calls import call
from harness.raw_http import Refused, Unauthorized, Unavailable
from harness.visitor import Visitor
from kill_loop_writers import TAGS_PER_CONTACT, Worker

CALL_SECONDS = 5.0
# Nobody types faster; the log stays small enough to be looked at as a whole.
PAUSE_SECONDS = (0.01, 0.12)
# One call in so many is given up when its first answer does not come: it may have happened or not, but not twice.
GIVE_UP_ONE_IN = 4
# One acknowledged call in so many is asked for again at another process.
LOOK_ONE_IN = 3
FLOW = "Answer"
# How often each kind of change is asked for. Runs of flows with one contact go one after the other: what waits while nobody reacts
# has to be worked off in time.
KINDS = ["contact", "contact", "tag", "tag", "tag", "message", "message", "flow"]


@dataclasses.dataclass
class Deed:
    """A change that was asked for, known by a word that occurs nowhere else."""

    kind: str
    word: str
    workspace: str
    # The contact that it is about, or nothing for a new one.
    contact: str = ""
    asked_at: float = 0.0
    acknowledged_at: float | None = None
    made: str = ""
    position: int = 0


@dataclasses.dataclass
class Place:
    """A workspace to work in: a token, an account of its own, and the visitor that is written to."""

    id: str
    name: str
    token: str
    account: str
    visitor: Visitor
    contact: str
    # Nobody but the flow writes to this one: a person who writes would end its runs.
    flow_contact: str


class Caller(Worker):
    """A worker that calls tools at any process that lives."""

    def __init__(self, name: str, fleet: Fleet, place: Place, dice: random.Random) -> None:
        super().__init__(name)
        self.fleet, self.place, self.dice = fleet, place, dice
        self.deeds: list[Deed] = []
        self.replays = 0
        # Reads that did not see what was acknowledged before, and how many did or said that they are behind.
        self.blind: list[str] = []
        # When a good token was said to be none.
        self.turned_away: list[str] = []
        self.looks = 0
        self.stale = 0
        self.count = 0

    def ask(self, tool: str, key: str, give_up: bool = False, **arguments: Any) -> Answer | None:
        """Calls a tool under a key until it answers. Nothing when it is given up."""
        while True:
            self.last_address = self.fleet.address()
            try:
                return call(
                    self.last_address, self.place.token, tool, CALL_SECONDS, idempotencyKey=key, **arguments
                )
            except Refused:
                self.retries += 1
                delay = 0.01
            except Unavailable as unavailable:
                self.retries += 1
                delay = min(unavailable.delay_seconds, 1.0)
            except Unauthorized as unauthorized:
                self.turned_away.append(f"{time.time():.3f} {self.name}: {unauthorized}")
                delay = 0.1
            if give_up:
                return None
            time.sleep(delay)

    def new_word(self) -> str:
        """A word for the next deed."""
        self.count += 1
        return f"{self.name}-{self.count}x"

    def rest(self) -> None:
        """The pace of people, not a wait for anything."""
        time.sleep(self.dice.uniform(*PAUSE_SECONDS))


class Writer(Caller):
    """Makes contacts, tags them, writes to the visitor, and starts a flow with it, one call after the other."""

    def step(self) -> None:
        """See `Worker`."""
        self.rest()
        kind = self.dice.choice(KINDS)
        if kind == "tag" and (not self._own_contacts() or self._tags_of_last() >= TAGS_PER_CONTACT):
            kind = "contact"
        deed = Deed(kind, self.new_word(), self.place.id, asked_at=time.time())
        self.deeds.append(deed)
        value = self._do(deed, self.dice.randrange(GIVE_UP_ONE_IN) == 0)
        if value is None:
            return
        deed.acknowledged_at, deed.position = time.time(), value["position"]
        self.replays += value.get("replayed", False)
        noun = {"contact": "contact", "message": "message", "flow": "run"}.get(kind)
        deed.made = value[noun]["id"] if noun else deed.contact
        if self.dice.randrange(LOOK_ONE_IN) == 0:
            self._look(deed)

    def _own_contacts(self) -> list[str]:
        return [deed.made for deed in self.deeds if deed.kind == "contact" and deed.made]

    def _tags_of_last(self) -> int:
        return sum(deed.contact == self._own_contacts()[-1] for deed in self.deeds if deed.kind == "tag")

    def _do(self, deed: Deed, give_up: bool) -> dict[str, Any] | None:
        word, visitor = deed.word, self.place.contact
        match deed.kind:
            case "contact":
                answer = self.ask("create_contact", word, give_up, firstName=word)
            case "tag":
                deed.contact = self._own_contacts()[-1]
                answer = self.ask("add_contact_tags", word, give_up, contactId=deed.contact, tags=[word])
            case "message":
                deed.contact = visitor
                answer = self.ask("send_message", word, give_up, contactId=visitor, text=word)
            case _:
                deed.contact = self.place.flow_contact
                answer = self.ask(
                    "send_contact_flow",
                    word,
                    give_up,
                    contactId=deed.contact,
                    flowId=FLOW,
                    variables={"word": word},
                    onConflict="queue",
                )
        return None if answer is None else answer.value()

    def _look(self, deed: Deed) -> None:
        """What was acknowledged is seen by another process, or it says that it is behind."""
        match deed.kind:
            case "contact":
                tool, arguments = "get_contact", {"contactId": deed.made}
            case "tag":
                tool, arguments = "list_contact_tags", {"contactId": deed.contact}
            case "message":
                tool, arguments = "list_contact_messages", {"contactId": deed.contact, "limit": 100}
            case _:
                tool, arguments = "get_flow_run", {"runId": deed.made}
        other = self.fleet.address(but=self.last_address)
        try:
            answer = call(other, self.place.token, tool, CALL_SECONDS, **arguments)
        except (Refused, Unavailable):
            return
        except Unauthorized as unauthorized:
            self.turned_away.append(f"{time.time():.3f} {self.name}: {unauthorized}")
            return
        if answer.is_error or not answer.structured.get("stale"):
            self.looks += 1
            wanted = deed.made if deed.kind == "flow" else deed.word
            if wanted not in "".join(answer.texts) and wanted not in str(answer.structured):
                said = f"{deed} acknowledged by {self.last_address}, not seen by {other}: {answer.texts}"
                self.blind.append(said[:1500])
        else:
            self.stale += 1


class Talker(Caller):
    """The visitor, who writes one message after the other, in order, each until it is taken in."""

    def step(self) -> None:
        """See `Worker`."""
        self.rest()
        deed = Deed("inbound", self.new_word(), self.place.id, self.place.contact, asked_at=time.time())
        self.deeds.append(deed)
        message = {"clientMessageId": deed.word, "text": deed.word}
        answer = self.insist(lambda: self.place.visitor.post(message))
        deed.acknowledged_at, deed.made, deed.position = time.time(), answer["messageId"], answer["position"]


@dataclasses.dataclass
class Race:
    """Two who wanted one name, with what each was answered: `made`, or the code of the refusal."""

    word: str
    workspace: str
    answers: list[str]


class Rivals(Caller):
    """Two who make a tag of the same name at the same moment, through whichever processes live."""

    def __init__(self, name: str, fleet: Fleet, place: Place, dice: random.Random) -> None:
        super().__init__(name, fleet, place, dice)
        self.races: list[Race] = []

    def step(self) -> None:
        """See `Worker`."""
        self.rest()
        word = self.new_word()
        race = Race(word, self.place.id, [])
        sides = [threading.Thread(target=self._want, args=(race, side), daemon=True) for side in ("left", "right")]
        for side in sides:
            side.start()
        for side in sides:
            side.join()
        self.races.append(race)

    def _want(self, race: Race, side: str) -> None:
        try:
            answer = self.ask("create_tag", f"{race.word}-{side}", name=race.word)
            race.answers.append(answer.problem("conflict")["code"] if answer.is_error else "made")
        except Exception as error:  # Judged with the answers.
            race.answers.append(repr(error))
