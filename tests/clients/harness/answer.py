"""What a tool call answered, in one form for every client, with the rules that hold for every answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable
from typing import Any, Protocol

CODES = {
    "invalid_input", "not_found", "ambiguous", "conflict", "forbidden", "window_closed", "opted_out",
    "approval_required", "rate_limited", "idempotency_key_reused", "in_progress", "unavailable", "internal",
}  # fmt: skip
# More text is more than a model should be given at once.
TEXT_BYTES = 24 * 1024
PROBLEM_MEMBERS = {"code", "message", "field", "value", "hint", "candidates", "retryAfterMs"}


class ProtocolError(Exception):
    """A JSON-RPC error: the call did not reach a tool."""

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclasses.dataclass(frozen=True)
class Answer:
    """A tool result. `structured` is None when there is no `structuredContent`."""

    tool: str
    is_error: bool
    structured: dict[str, Any] | None
    texts: list[str]

    def value(self) -> dict[str, Any]:
        """What the tool answered; fails when it refused, or when the text copy differs from the structured content."""
        assert not self.is_error, f"{self.tool} refused: {self.texts}"
        assert self.structured is not None, f"{self.tool} gave no structured content: {self.texts}"
        assert len(self.texts) == 1, f"{self.tool}: a result has one text: {self.texts}"
        assert _copies(self.texts[0], self.structured), f"{self.tool}: the copies differ: {self}"
        assert not _nulls(self.structured), f"{self.tool} gave null for an absent member: {self.structured}"
        return self.structured

    def problem(self, code: str) -> dict[str, Any]:
        """The problem with which the tool refused; fails when it did not, or refused otherwise than we promise."""
        assert self.is_error, f"{self.tool} should have refused with {code}: {self}"
        assert self.structured is None, f"{self.tool}: an error has no structured content: {self.structured}"
        assert len(self.texts) == 1, f"{self.tool}: an error has one text: {self.texts}"
        problem = json.loads(self.texts[0])
        assert problem["code"] == code, f"{self.tool} should have refused with {code}: {problem}"
        assert code in CODES and problem["message"] and set(problem) <= PROBLEM_MEMBERS, problem
        return problem


def _copies(text: str, structured: dict[str, Any]) -> bool:
    """Whether the text is a copy, or so long a list that it stops at an item and says where to go on."""
    copy = json.loads(text)
    if copy == structured:
        return len(text.encode()) <= TEXT_BYTES
    items = copy.get("items", [])
    return bool(items) and items == structured["items"][: len(items)] and "nextCursor" in copy


def _nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_nulls(member) for member in value.values())
    if isinstance(value, list):
        return any(_nulls(item) for item in value)
    return value is None


class Assistant(Protocol):
    """A connected MCP client."""

    def list_tools(self) -> Awaitable[list[dict[str, Any]]]:
        """All tools, page by page, as JSON."""

    def call(self, tool: str, **arguments: Any) -> Awaitable[Answer]:
        """Calls a tool. Raises `ProtocolError` for a JSON-RPC error."""
