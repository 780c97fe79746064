"""What is counted after the kills: read through MCP from a process that remembers nothing, and from the bytes on disk."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable
from typing import Any

from harness.folder import Folder
from harness.plain_calls import call
from harness.raw_http import Unavailable
from harness.story import check, equal
from harness.visitor import Visitor
from kill_loop_writers import Marks, Talker, Writer


@dataclasses.dataclass
class Evidence:
    """Everything that was promised to the callers, and everything that is there."""

    folder: Folder
    address: str
    token: str
    visitor_contact: str
    marks: Marks
    visitor: Visitor
    talker: Talker
    writers: list[Writer]
    contacts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    tags: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    inbound: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    outbound: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    log: dict[str, Any] = dataclasses.field(default_factory=dict)
    found_in_clear: dict[str, bool] = dataclasses.field(default_factory=dict)

    def collect(self) -> None:
        """Reads it all, page by page."""
        self.contacts = self._all("list_contacts")
        for writer in self.writers:
            for contact in writer.contacts:
                self.tags[contact] = [tag["name"] for tag in self._all("list_contact_tags", contactId=contact)]
        # Newest first; turned round, they stand as they were written.
        of_visitor = {"contactId": self.visitor_contact}
        self.inbound = self._all("list_contact_messages", **of_visitor, direction="inbound")[::-1]
        self.outbound = self._all("list_contact_messages", **of_visitor, direction="outbound")[::-1]
        self.events = sorted(self._all("list_events"), key=lambda event: event["position"])
        self.log = self.folder.run("log", "verify", "--json").json()
        for mark in (self.marks.personal, self.marks.public):
            files = list(self.folder.path.glob("events.db*"))
            self.found_in_clear[mark] = any(mark.encode() in file.read_bytes() for file in files)

    def _all(self, tool: str, **arguments: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if tool != "list_contact_tags":
            arguments["limit"] = 100
        while True:
            try:
                page = call(self.address, self.token, tool, 30.0, **arguments).value()
            except Unavailable as unavailable:
                time.sleep(unavailable.delay_seconds)
                continue
            items += page["items"]
            if "nextCursor" not in page:
                return items
            arguments["cursor"] = page["nextCursor"]

    def counted(self, event_type: str) -> int:
        """How many events of a type the log has."""
        return sum(event["type"] == event_type for event in self.events)

    def acknowledged(self, tool: str) -> int:
        """How many calls of a tool were acknowledged, repeats not counted."""
        return sum(done.tool == tool for writer in self.writers for done in writer.journal)

    def summary(self) -> str:
        """One line of figures."""
        done = sum(writer.calls for writer in self.writers)
        retries = self.talker.retries + sum(writer.retries for writer in self.writers)
        replays = sum(writer.replays for writer in self.writers)
        return (
            f"{done} calls and {len(self.talker.written)} inbound messages acknowledged, {retries} retries, "
            f"{replays} first answers lost and replayed, {len(self.events)} events"
        )


def promises() -> list[Callable[[Evidence], None]]:
    """Everything that must hold."""
    return [
        there_was_something_to_lose,
        every_contact_is_there_once,
        every_tag_is_there_once,
        the_log_has_as_many_events_as_were_acknowledged,
        positions_have_no_gap,
        the_visitor_received_every_message_once_and_in_order,
        the_visitors_messages_are_there_once_and_in_order,
        the_log_verifies,
        no_personal_text_stands_in_clear,
        no_log_tells_anything_personal,
    ]


def there_was_something_to_lose(evidence: Evidence) -> None:
    """Calls were made, and some were interrupted: else the other promises say nothing."""
    check(all(writer.calls > 10 for writer in evidence.writers), "every writer worked")
    check(len(evidence.talker.written) > 10, "the visitor wrote")
    check(sum(writer.retries for writer in evidence.writers) > 0, "calls were interrupted by kills")


def every_contact_is_there_once(evidence: Evidence) -> None:
    """The acknowledged contacts and the visitor's, no other."""
    made = [contact for writer in evidence.writers for contact in writer.contacts]
    wanted = sorted([*made, evidence.visitor_contact])
    equal(sorted(contact["id"] for contact in evidence.contacts), wanted, "every acknowledged contact is there once")


def every_tag_is_there_once(evidence: Evidence) -> None:
    """Each contact carries the tags that were acknowledged, no other."""
    wanted = {contact: sorted(tags) for writer in evidence.writers for contact, tags in writer.contacts.items()}
    seen = {contact: sorted(tags) for contact, tags in evidence.tags.items()}
    equal(seen, wanted, "every acknowledged tag is there once")


def the_log_has_as_many_events_as_were_acknowledged(evidence: Evidence) -> None:
    """An effect that was doubled without a trace in the read tables shows here."""
    wanted = {
        "ContactTagsAdded": evidence.acknowledged("add_contact_tags"),
        "TagCreated": evidence.acknowledged("add_contact_tags"),
        "ContactCreated": evidence.acknowledged("create_contact") + 1,
        "MessageQueued": evidence.acknowledged("send_message"),
        "MessageReceived": len(evidence.talker.written) + 1,
    }
    equal({name: evidence.counted(name) for name in wanted}, wanted, "each acknowledged change is one event")


def positions_have_no_gap(evidence: Evidence) -> None:
    """From 1 to the head."""
    positions = [event["position"] for event in evidence.events]
    equal(positions, list(range(1, len(positions) + 1)), "positions are without gaps")


def the_visitor_received_every_message_once_and_in_order(evidence: Evidence) -> None:
    """Over all broken connections: what was sent, once, each writer's in its order, and as the list of messages shows it."""
    received = evidence.visitor.received
    twice = [one for one, count in collections.Counter(message.id for message in received).items() if count > 1]
    equal(twice, [], "no message was received twice")
    positions = [message.position for message in received]
    equal(positions, sorted(positions), "positions grow")
    for writer in evidence.writers:
        own = {message.id: message.text for message in received if message.id in writer.sent}
        equal(list(own.items()), list(writer.sent.items()), f"the messages of {writer.name} came once and in order")
    equal(
        [message["id"] for message in evidence.outbound],
        [message.id for message in received],
        "both sides see one order",
    )


def the_visitors_messages_are_there_once_and_in_order(evidence: Evidence) -> None:
    """The first message made the contact; the others were written while the server was killed."""
    texts = [text for text, _ in evidence.talker.written.values()]
    seen = [message["text"] for message in evidence.inbound]
    equal(seen, [f"First {evidence.marks.personal}", *texts], "the visitor's messages are there once and in order")
    ids = [answer["messageId"] for _, answer in evidence.talker.written.values()]
    equal([message["id"] for message in evidence.inbound][1:], ids, "under the ids that were acknowledged")


def the_log_verifies(evidence: Evidence) -> None:
    """No kill left a torn tree."""
    check(evidence.log["ok"], "the log verifies", report=evidence.log)
    sizes = [workspace["size"] for workspace in evidence.log["workspaces"]]
    check(len(evidence.events) in sizes, "the log has the size that the events show", sizes=sizes)


def no_personal_text_stands_in_clear(evidence: Evidence) -> None:
    """The names of tags are the control: they are not personal, and are found by the same search."""
    check(evidence.found_in_clear[evidence.marks.public], "the search finds what is not sealed")
    check(not evidence.found_in_clear[evidence.marks.personal], "no personal text stands in clear in events.db")


def no_log_tells_anything_personal(evidence: Evidence) -> None:
    """Neither what customers said nor a token, in the logs of all the processes that were killed."""
    logged = "".join(log.read_text(errors="replace") for log in evidence.folder.logs)
    check(evidence.marks.personal not in logged, "no personal text stands in a log")
    told = [secret[:12] for secret in [*evidence.folder.secrets, evidence.visitor.secret] if secret in logged]
    equal(told, [], "no secret stands in a log")
