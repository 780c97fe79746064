"""How a story is told and judged: a sentence, a function, and checks that say what was seen when they fail."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import Folder


class Failed(AssertionError):
    """What was promised is not so. The message says what was seen."""


def check(holds: object, promise: str, **seen: object) -> None:
    """Fails with `promise` and everything `seen` when it does not hold."""
    if not holds:
        shown = "".join(f"\n    {name} = {value!r:.2000}" for name, value in seen.items())
        raise Failed(f"{promise}{shown}")


def equal(seen: object, wanted: object, promise: str) -> None:
    """Fails when two values differ, showing both; of long lists, where they part."""
    if isinstance(seen, list) and isinstance(wanted, list) and max(len(seen), len(wanted)) > 20:
        at = next(
            (at for at, (one, other) in enumerate(zip(seen, wanted)) if one != other), min(len(seen), len(wanted))
        )
        near = slice(max(at - 2, 0), at + 3)
        check(seen == wanted, promise, at=at, lengths=(len(seen), len(wanted)), seen=seen[near], wanted=wanted[near])
    check(seen == wanted, promise, seen=seen, wanted=wanted)


def until(question: Callable[[], Any], promise: str, seconds: float = 10.0) -> Any:
    """Asks again and again until the answer is true, and returns it; fails at the deadline with the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        check(time.monotonic() < deadline, f"{promise} (within {seconds} s)", last_answer=answer)
        time.sleep(0.02)
    return answer


@dataclasses.dataclass
class Stage:
    """What a story gets: the binary, a directory of its own that is removed afterwards, and the logs to show on failure."""

    binary: Path
    node_modules: Path
    directory: Path
    logs: list[Path] = dataclasses.field(default_factory=list)

    def folder(self, name: str = "data") -> Folder:
        """A data folder; it does not exist until a process makes it."""
        return Folder(self.binary, self.directory / name, self.logs)


@dataclasses.dataclass(frozen=True)
class Story:
    """A registered story."""

    sentence: str
    tell: Callable[[Stage], None]


STORIES: list[Story] = []


def story(sentence: str, *cases: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function `(stage)` as a story; with `cases`, once per case as `(stage, case)`, named after the case.

    The function may be async."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for case in cases or [None]:
            bound = function if case is None else functools.partial(_with_case, function, case)
            name = sentence if case is None else f"{sentence}: {case}"
            STORIES.append(Story(name, functools.partial(_run, bound)))
        return function

    return register


def _with_case(function: Callable[..., Any], case: Any, stage: Stage) -> Any:
    return function(stage, case)


def _run(function: Callable[[Stage], Any], stage: Stage) -> None:
    told = function(stage)
    if inspect.isawaitable(told):
        asyncio.run(_awaited(told))


async def _awaited(told: Any) -> None:
    await told


def directory() -> tempfile.TemporaryDirectory[str]:
    """A directory for one story. Short, because the path of a Unix socket in it has at most 107 bytes."""
    return tempfile.TemporaryDirectory(prefix="cbx-")
