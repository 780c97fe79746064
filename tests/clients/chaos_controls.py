"""Whether the checks of the chaos can fail: each is shown a copy of the evidence that was tampered with, and must notice."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import chaos_checks as checks
from chaos_evidence import Evidence

Tampering = Callable[[Evidence], None]


def _first(evidence: Evidence) -> str:
    return next(iter(evidence.heads))


def _forget(evidence: Evidence, kind: str) -> None:
    events = evidence.events[_first(evidence)]
    # The last one: nothing else is told of it.
    del events[max(at for at, event in enumerate(events) if event["type"] == kind)]


def _double(evidence: Evidence, kind: str) -> None:
    events = evidence.events[_first(evidence)]
    events.append(next(event for event in reversed(events) if event["type"] == kind))


def _take_in_twice(evidence: Evidence) -> None:
    _double(evidence, "MessageReceived")


def _acknowledge_what_never_was(evidence: Evidence) -> None:
    deed = next(deed for deed in evidence.deeds if deed.kind == "message")
    evidence.deeds.append(dataclasses.replace(deed, word="never", acknowledged_at=deed.asked_at))


def _show_twice(evidence: Evidence) -> None:
    contacts = evidence.contacts[_first(evidence)]
    contacts.append(next(contact for contact in contacts if contact["name"].startswith("writer")))


def _row(at: int, **changes: int) -> Tampering:
    def tamper(evidence: Evidence) -> None:
        rows = evidence.rows[_first(evidence)]
        rows[at] = dataclasses.replace(rows[at], **changes)

    return tamper


def _swap_positions(evidence: Evidence) -> None:
    deeds = sorted(evidence.acknowledged(_first(evidence)), key=lambda deed: deed.asked_at)
    deeds[0].position, deeds[-1].position = deeds[-1].position, deeds[0].position


def _unhold(evidence: Evidence) -> None:
    evidence.deeds = [
        deed
        for deed in evidence.deeds
        if deed.acknowledged_at is None or not evidence.held_from < deed.acknowledged_at < evidence.held_until
    ]


def _drop(of: str) -> Tampering:
    def tamper(evidence: Evidence) -> None:
        items = getattr(evidence, of)[_first(evidence)]
        del items[len(items) // 2]

    return tamper


def _other_row(evidence: Evidence) -> None:
    evidence.rebuilt["tags"][0] += " "


def _cases() -> list[tuple[str, Callable[[Evidence], None], Tampering]]:
    return [
        ("an answer of another kind", checks.everybody_was_answered_as_promised, lambda it: it.errors.append("500")),
        ("a message that was lost", checks.every_change_is_in_the_log_once, lambda it: _forget(it, "MessageReceived")),
        ("a contact that is there twice", checks.every_change_is_in_the_log_once, lambda it: _double(it, "ContactCreated")),
        ("a false acknowledgement", checks.every_change_is_shown_once, _acknowledge_what_never_was),
        ("a contact that is shown twice", checks.every_change_is_shown_once, _show_twice),
        ("an event that is missing", checks.each_log_is_one_line, _drop("rows")),
        ("a sequence with a gap", checks.each_log_is_one_line, _row(4, sequence=77)),
        ("a time that goes back", checks.each_log_is_one_line, _row(4, recorded_at=1)),
        ("an order that was not kept", checks.what_was_acknowledged_before_stands_before, _swap_positions),
        ("two winners", checks.one_of_two_rivals_won, lambda it: it.races[0].answers.__setitem__(slice(None), ["made", "made"])),
        ("a log that does not verify", checks.the_log_verifies, lambda it: it.verified.update(ok=False)),
        ("a flow's message that was sent twice", checks.each_flow_sent_its_text_once, lambda it: _double(it, "MessageSent")),
        ("a run that hangs", checks.each_flow_sent_its_text_once, lambda it: it.runs[_first(it)][0].update(status="running")),
        ("a message that was taken in twice", checks.visitors_were_heard_and_answered_once, _take_in_twice),
        ("a message that the visitor never got", checks.visitors_were_heard_and_answered_once, _drop("received")),
        ("an event that was not delivered", checks.followers_were_told_everything_once_and_in_order, _drop("told")),
        ("a blind process", checks.acknowledged_changes_were_seen_at_once, lambda it: it.blind.append("it saw nothing")),
        ("a token that was turned away", checks.no_good_token_was_turned_away, lambda it: it.turned_away.append("401")),
        ("a workspace that holds up others", checks.others_went_on_while_one_workspace_was_held, _unhold),
        ("a backlog", checks.nothing_was_left_to_do_soon, lambda it: setattr(it, "backlog_seconds", None)),
        ("a row that is built otherwise", checks.tables_built_anew_are_the_same, _other_row),
        ("a panic", checks.no_process_panicked, lambda it: it.panics.append("panicked at")),
        ("a process that is not ready", checks.every_process_was_ready_again_soon, lambda it: it.unready.append("failing")),
        ("a process that ended", checks.no_process_ended_by_itself, lambda it: it.ended.append("ended with 1")),
    ]


def controls() -> list[Callable[[Evidence], None]]:
    """For each tampering a check that it is noticed."""

    def control(name: str, promise: Callable[[Evidence], None], tamper: Tampering) -> Callable[[Evidence], None]:
        def noticed(evidence: Evidence) -> None:
            tampered = copy.deepcopy(evidence)
            tamper(tampered)
            try:
                promise(tampered)
            except AssertionError:
                return
            raise AssertionError(f"{promise.__name__} does not notice {name}")

        noticed.__name__ = f"noticed: {name}"
        return noticed

    return [control(*case) for case in _cases()]
