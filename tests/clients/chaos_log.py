"""What a log must be like, whoever wrote it and whatever failed meanwhile: judged from the rows alone."""

from __future__ import annotations

import collections
import dataclasses

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table of events, without what is in it."""

    position: int
    stream: str
    sequence: int
    event: str
    type: str
    recorded_at: int


def flaws(rows: list[Row], head: int, head_recorded_at: int) -> list[str]:
    """Everything that is wrong with the log of one workspace; nothing when it is one line of events up to its head."""
    found = []
    rows = sorted(rows, key=lambda row: row.position)
    positions = [row.position for row in rows]
    if positions != list(range(1, len(rows) + 1)):
        gaps = sorted(set(range(1, len(rows) + 1)) - set(positions))[:10]
        found.append(f"positions are not 1 to {len(rows)}: {gaps} are missing, or others are there twice")
    if head != len(rows):
        found.append(f"the head is at {head}, but there are {len(rows)} events")
    sequences: dict[str, list[int]] = collections.defaultdict(list)
    for row in rows:
        sequences[row.stream].append(row.sequence)
    for stream, numbers in sequences.items():
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"the events of the stream {stream} are not numbered from 1 on: {numbers[:20]}")
    for before, after in zip(rows, rows[1:]):
        if after.recorded_at < before.recorded_at:
            found.append(f"time goes back from {before} to {after}")
    if rows and rows[-1].recorded_at > head_recorded_at:
        found.append(f"the head knows {head_recorded_at} as the last time, the last event {rows[-1].recorded_at}")
    ids = collections.Counter(row.event for row in rows)
    found.extend(f"the event {event} is there {count} times" for event, count in ids.items() if count > 1)
    return found


def uuid_of(typeid: str) -> str:
    """The UUID in an id such as `ws_01…`, as the database writes it."""
    number = 0
    for letter in typeid.rpartition("_")[2]:
        number = number * 32 + CROCKFORD.index(letter)
    digits = f"{number:032x}"
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
