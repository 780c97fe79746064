"""What must hold after a rolling upgrade, judged from what clients were told and what the program shows; and each judgement tried on
evidence that was tampered with, since one that never fails says nothing."""

from __future__ import annotations

import collections
import copy
import itertools
from collections.abc import Iterator
from typing import Any

# The contacts whose making was acknowledged, by the word that is their name: the id, and the tags that were acknowledged.
Made = dict[str, tuple[str, set[str]]]
Items = list[dict[str, Any]]


def flaws_of_contacts(made: Made, shown: Items) -> list[str]:
    """Contacts that are lost, doubled, never asked for, or without the tags that were acknowledged."""
    names = collections.Counter(contact["name"] for contact in shown)
    found = [f"{word} was acknowledged and is not there" for word in made if word not in names]
    found += [f"{name} is there {times} times" for name, times in names.items() if times > 1]
    found += [f"{name} was never acknowledged" for name in names if name not in made]
    for contact in shown:
        id, tags = made.get(contact["name"], (contact["id"], set(contact.get("tags", []))))
        if (id, tags) != (contact["id"], set(contact.get("tags", []))):
            found.append(f"{contact['name']} is {contact}, but {id} with {tags} was acknowledged")
    return found


def flaws_of_events(made: Made, events: Items) -> list[str]:
    """Kinds of events of which there are more or fewer than what was done: each call is one event, however often it was repeated."""
    counted = collections.Counter(event["type"] for event in events)
    tagged = sum(len(tags) for _, tags in made.values())
    wanted = {"ContactCreated": len(made), "ContactTagsAdded": tagged, "TagRenamed": 2, "TagAliasKept": 1}
    return [f"{counted[name]} {name} instead of {number}" for name, number in wanted.items() if counted[name] != number]


def longest_silence(answered_at: list[float], begin: float, end: float) -> float:
    """The longest time between `begin` and `end` in which nobody was answered."""
    moments = sorted(at for at in answered_at if begin <= at <= end)
    return max(later - earlier for earlier, later in itertools.pairwise([begin, *moments, end]))


def controls(made: Made, shown: Items, events: Items, answered_at: list[float]) -> Iterator[tuple[str, bool]]:
    """Each judgement on evidence that was tampered with: what was done to it, and whether that was found."""

    def contacts(change: Any) -> bool:
        tampered = copy.deepcopy(shown)
        change(tampered)
        return bool(flaws_of_contacts(made, tampered))

    yield "a lost contact is found", contacts(lambda items: items.pop())
    yield "a doubled contact is found", contacts(lambda items: items.append(items[0]))
    yield "a contact of nobody's is found", contacts(lambda items: items[0].update(name="nobody"))
    yield "a lost tag is found", contacts(lambda items: items[0].update(tags=[]))
    yield "a lost event is found", bool(flaws_of_events(made, [one for one in events if one["type"] != "TagAliasKept"]))
    doubled = next(one for one in events if one["type"] == "ContactTagsAdded")
    yield "a doubled event is found", bool(flaws_of_events(made, [*events, doubled]))
    middle = (answered_at[0] + answered_at[-1]) / 2
    holed = [at for at in answered_at if not middle - 0.75 < at < middle + 0.75]
    yield "a silence is found", longest_silence(holed, answered_at[0], answered_at[-1]) >= 1.5
