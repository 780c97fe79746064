"""What must hold after the chaos, each promise a check of its own that can fail."""

from __future__ import annotations

import collections
from collections.abc import Callable

from chaos_evidence import Evidence
from chaos_log import flaws, uuid_of
from harness.story import check, equal

# What a deed leaves in the log, once each.
TRACES = {
    "contact": ["ContactCreated"],
    "tag": ["TagCreated", "ContactTagsAdded"],
    "message": ["MessageQueued"],
    "flow": ["MessageQueued"],
    "inbound": ["MessageReceived"],
}
# Others than the held one were acknowledged at least so often; a restart of a process may take so long.
LONGEST_SILENCE_SECONDS = 4.0
BACKLOG_SECONDS = 30.0


def promises() -> list[Callable[[Evidence], None]]:
    """Everything that must hold."""
    return [
        there_was_something_to_lose,
        everybody_was_answered_as_promised,
        every_change_is_in_the_log_once,
        every_change_is_shown_once,
        each_log_is_one_line,
        what_was_acknowledged_before_stands_before,
        one_of_two_rivals_won,
        the_log_verifies,
        each_flow_sent_its_text_once,
        visitors_were_heard_and_answered_once,
        followers_were_told_everything_once_and_in_order,
        acknowledged_changes_were_seen_at_once,
        no_good_token_was_turned_away,
        others_went_on_while_one_workspace_was_held,
        nothing_was_left_to_do_soon,
        tables_built_anew_are_the_same,
        no_process_panicked,
        no_process_ended_by_itself,
        every_process_was_ready_again_soon,
    ]


def there_was_something_to_lose(evidence: Evidence) -> None:
    """Every kind of change was made in every workspace: else the other promises say nothing."""
    for workspace in evidence.heads:
        kinds = collections.Counter(deed.kind for deed in evidence.acknowledged(workspace))
        check(all(kinds[kind] >= 2 for kind in TRACES), f"every kind of change was made in {workspace}", kinds=kinds)
    check(len(evidence.acknowledged()) < len(evidence.deeds), "some calls were given up without an answer")


def everybody_was_answered_as_promised(evidence: Evidence) -> None:
    """Done, refused for a reason, or come back later: no other answer, and everybody got to the end."""
    equal(evidence.errors, [], "everybody was answered as promised")


def every_change_is_in_the_log_once(evidence: Evidence) -> None:
    """The acknowledged ones once, the others at most once, and none that nobody asked for."""
    for workspace in evidence.heads:
        effects = evidence.effects(workspace)
        wrong = []
        allowed = {("TagCreated", race.word) for race in evidence.races if race.workspace == workspace}
        for deed in (deed for deed in evidence.deeds if deed.workspace == workspace):
            for trace in TRACES[deed.kind]:
                count = effects[trace, deed.word]
                allowed.add((trace, deed.word))
                if count > 1 or (count == 0 and deed.acknowledged_at is not None):
                    wrong.append(f"{count} times {trace}: {deed}")
            if deed.kind == "flow":
                allowed.update((trace, deed.word) for trace in ("FlowRunStarted", "FlowRunQueued"))
        equal(wrong[:5], [], f"each of the changes asked for in {workspace} is in the log once ({len(wrong)} are not)")
        others = [effect for effect in effects if effect not in allowed and not effect[1].startswith("First ")]
        equal([other for other in others if other[1]], [], "no change is there that nobody asked for")


def every_change_is_shown_once(evidence: Evidence) -> None:
    """The same through the read tables of a process that was started afterwards."""
    for workspace in evidence.heads:
        shown: collections.Counter[tuple[str, str]] = collections.Counter()
        shown.update(("contact", contact.get("name", "")) for contact in evidence.contacts[workspace])
        shown.update(("tag", tag["name"]) for tag in evidence.tags[workspace] if tag["contactCount"] == 1)
        for message in evidence.messages[workspace]:
            kind = {"contact": "inbound", "flow": "flow"}.get(message["sender"], "message")
            shown[kind, message["text"]] += 1
        counts = [(shown[deed.kind, deed.word], deed) for deed in evidence.deeds if deed.workspace == workspace]
        wrong = [
            f"{count} times: {deed}"
            for count, deed in counts
            if count > 1 or (count == 0 and deed.acknowledged_at is not None)
        ]
        equal(wrong[:5], [], f"each of the changes asked for in {workspace} is shown once ({len(wrong)} are not)")


def each_log_is_one_line(evidence: Evidence) -> None:
    """Positions and the sequences of streams have no gap, and time does not go back."""
    for workspace, head in evidence.heads.items():
        found = flaws(evidence.rows[workspace], head.position, head.recorded_at)
        equal(found, [], f"the log of {workspace} is one line")


def what_was_acknowledged_before_stands_before(evidence: Evidence) -> None:
    """Whatever was acknowledged before a call began has a lower position than what the call did, through whichever processes."""
    for workspace in evidence.heads:
        done = evidence.acknowledged(workspace)
        by_answer = sorted(done, key=lambda deed: deed.acknowledged_at)
        seen, highest = 0, None
        for deed in sorted(done, key=lambda deed: deed.asked_at):
            while by_answer[seen].acknowledged_at < deed.asked_at:
                if highest is None or by_answer[seen].position > highest.position:
                    highest = by_answer[seen]
                seen += 1
            check(highest is None or highest.position < deed.position, "order is kept", first=highest, then=deed)


def one_of_two_rivals_won(evidence: Evidence) -> None:
    """Of two who make a tag of one name one has made it, and the tag is there once."""
    check(evidence.races, "there were rivals")
    effects = {workspace: evidence.effects(workspace) for workspace in evidence.heads}
    for race in evidence.races:
        equal(sorted(race.answers), ["conflict", "made"], f"one of two rivals for {race.word} won")
        equal(effects[race.workspace]["TagCreated", race.word], 1, f"the tag {race.word} was made once")


def the_log_verifies(evidence: Evidence) -> None:
    """Hashes, nodes, proofs and claims fit the events."""
    check(evidence.verified["ok"], "the log verifies", report=evidence.verified)
    sizes = {workspace["id"]: workspace["size"] for workspace in evidence.verified["workspaces"]}
    for workspace, head in evidence.heads.items():
        equal(sizes.get(workspace), head.position, f"all of {workspace} was verified")


def each_flow_sent_its_text_once(evidence: Evidence) -> None:
    """Every run that began is over and has sent one message, which went out once."""
    for workspace, events in evidence.events.items():
        equal(
            [run for run in evidence.runs[workspace] if run["status"] != "completed"][:5],
            [],
            f"every run of {workspace} was carried through",
        )
        runs = {run["id"] for run in evidence.runs[workspace]}
        lost = [deed for deed in evidence.acknowledged(workspace) if deed.kind == "flow" and deed.made not in runs]
        equal(lost, [], f"every acknowledged run of {workspace} is there")
        by_run = collections.Counter(
            event["actor"]["id"]
            for event in events
            if event["type"] == "MessageQueued" and event["actor"]["kind"] == "flow"
        )
        equal({run: by_run[run] for run in runs if by_run[run] != 1}, {}, f"every run of {workspace} sent one message")
        equal(set(by_run) - runs, set(), "no other run sent one")
        for kind in ("MessageQueued", "MessageSent"):
            counted = collections.Counter(event["stream"]["id"] for event in events if event["type"] == kind)
            equal([one for one, count in counted.items() if count > 1], [], f"{kind} is there once for a message")
        queued, sent = (
            {event["stream"]["id"] for event in events if event["type"] == kind}
            for kind in ("MessageQueued", "MessageSent")
        )
        equal(queued ^ sent, set(), f"every message of {workspace} went out")


def visitors_were_heard_and_answered_once(evidence: Evidence) -> None:
    """What a visitor wrote was taken in once and in order; what was written to it came once and in the order of the log."""
    for workspace, events in evidence.events.items():
        written = [deed.word for deed in evidence.deeds if deed.workspace == workspace and deed.kind == "inbound"]
        taken_in = [event["data"]["text"] for event in events if event["type"] == "MessageReceived"]
        taken_in = [text for text in taken_in if not text.startswith("First ")]
        # The last one may have been cut off by the end.
        equal(taken_in, written[: len(taken_in)], f"the visitor of {workspace} was taken in once and in order")
        check(len(taken_in) >= len(written) - 1, "nothing that it wrote is missing")
        by_token = [
            event["stream"]["id"]
            for event in events
            if event["type"] == "MessageQueued" and event["actor"]["kind"] == "token"
        ]
        received = [message.id for message in evidence.received[workspace]]
        equal(received, by_token, f"the visitor of {workspace} received every message once and in order")


def followers_were_told_everything_once_and_in_order(evidence: Evidence) -> None:
    """Delivered = stored."""
    for workspace, told in evidence.told.items():
        delivered = [(one.position, one.type, uuid_of(one.stream)) for one in told]
        stored = [(row.position, row.type, row.stream) for row in evidence.rows[workspace]]
        equal(delivered, stored, f"the follower of {workspace} was told what is stored")


def acknowledged_changes_were_seen_at_once(evidence: Evidence) -> None:
    """By another process than the one that acknowledged."""
    check(evidence.looks >= 10, "it was looked whether other processes see a change", looks=evidence.looks)
    equal(len(evidence.blind), 0, f"no process was blind to an acknowledged change: {evidence.blind[:3]}")


def no_good_token_was_turned_away(evidence: Evidence) -> None:
    """A server that cannot look a token up says so; a client that is told that its token is none throws it away."""
    turned_away = evidence.turned_away
    equal(len(turned_away), 0, f"no good token was answered with 401: {turned_away[:3]}")


def others_went_on_while_one_workspace_was_held(evidence: Evidence) -> None:
    """Whoever waits for one workspace lets the others pass; and the held one stood still."""
    check(evidence.held, "a workspace was held")
    begin, end = evidence.held_from, evidence.held_until
    within = [deed for deed in evidence.acknowledged() if begin < deed.acknowledged_at < end]
    # What was acknowledged just after the lock may have been done just before it.
    own = [deed for deed in within if deed.workspace == evidence.held and deed.asked_at > begin]
    equal(own, [], "nothing was acknowledged in the held workspace")
    moments = sorted(deed.acknowledged_at for deed in within if deed.workspace != evidence.held)
    silences = [after - before for before, after in zip([begin, *moments], [*moments, end])]
    check(max(silences) <= LONGEST_SILENCE_SECONDS, "other workspaces went on", silence=max(silences), count=len(moments))


def nothing_was_left_to_do_soon(evidence: Evidence) -> None:
    """After the last fault."""
    seconds = evidence.backlog_seconds
    check(seconds is not None, f"the backlog is gone within {BACKLOG_SECONDS} s", left=evidence.backlog)


def tables_built_anew_are_the_same(evidence: Evidence) -> None:
    """The read tables are folded from the log, in whatever pieces it was done."""
    equal(sorted(evidence.rebuilt), sorted(evidence.live), "there are the same tables")
    check(sum(map(len, evidence.live.values())) > 0, "there are rows")
    for table, rows in evidence.live.items():
        equal(evidence.rebuilt[table], rows, f"{table} has the same rows when it is built anew")


def no_process_panicked(evidence: Evidence) -> None:
    """In all the logs."""
    equal(evidence.panics, [], "no process panicked")


def no_process_ended_by_itself(evidence: Evidence) -> None:
    """All that ended were killed."""
    equal(evidence.ended, [], "no process ended by itself")


def every_process_was_ready_again_soon(evidence: Evidence) -> None:
    """After each kill, and all of them after the last fault: what is over is no reason to be taken out of service."""
    equal(evidence.unready, [], "every process was ready again soon")
