"""Messages that are wrong in some way, the same ones for the same seed: cut, with other bytes, of other types, too deep, too long, of no
encoding, or well formed and without sense."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "list_tags", "arguments": {"limit": 1}},
}
STRANGE: list[Any] = [None, True, -1, 1e308, 2**70, "", "\u202e\x00", [], {}, [[]], {"": {}}, "x" * 10_000]
METHODS = [
    "tools/call", "tools/list", "resources/read", "prompts/get", "completion/complete", "subscriptions/listen", "ping",
    "resources/subscribe", "notifications/cancelled", "notifications/progress", "logging/setLevel", "no/such/method", "",
]  # fmt: skip


def frames(seed: int, count: int) -> Iterator[bytes]:
    """`count` messages without a line's end in them."""
    chance = random.Random(seed)
    kinds: list[Callable[[random.Random], bytes]] = [
        cut, other_bytes, other_member, other_method, garbage, too_deep, no_object, batch, answer_to_nothing, other_envelope,
    ]  # fmt: skip
    for _ in range(count):
        yield chance.choice(kinds)(chance).replace(b"\n", b" ").replace(b"\r", b" ")


def text(message: Any) -> bytes:
    """A message as JSON."""
    return json.dumps(message).encode()


def cut(chance: random.Random) -> bytes:
    """Ends too early."""
    whole = text(CALL)
    return whole[: chance.randrange(len(whole))]


def other_bytes(chance: random.Random) -> bytes:
    """Some bytes are others."""
    whole = bytearray(text(CALL))
    for _ in range(chance.randint(1, 5)):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole)


def other_member(chance: random.Random) -> bytes:
    """One member is of another type, at any depth."""
    message = json.loads(text(CALL))
    inside = chance.choice([message, message["params"], message["params"]["arguments"]])
    inside[chance.choice([*inside, "other"])] = chance.choice(STRANGE)
    return text(message)


def other_method(chance: random.Random) -> bytes:
    """A method with parameters that are none of its own."""
    message = {"jsonrpc": "2.0", "method": chance.choice(METHODS), "params": chance.choice([*STRANGE, CALL["params"]])}
    if chance.random() < 0.5:
        message["id"] = chance.choice([1, "a", *STRANGE])
    return text(message)


def garbage(chance: random.Random) -> bytes:
    """No text at all."""
    return chance.randbytes(chance.randint(0, 300))


def too_deep(chance: random.Random) -> bytes:
    """Brackets within brackets, closed or not."""
    depth = chance.choice([200, 5_000, 50_000])
    closed = b"]" * depth if chance.random() < 0.5 else b""
    return b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b"[" * depth + closed + b"}"


def no_object(chance: random.Random) -> bytes:
    """JSON, but no message."""
    return text(chance.choice(STRANGE))


def batch(chance: random.Random) -> bytes:
    """Several messages at once, as one revision had them."""
    return text([CALL] * chance.randint(0, 5))


def answer_to_nothing(chance: random.Random) -> bytes:
    """An answer that nobody asked for."""
    return text({"jsonrpc": "2.0", "id": chance.choice([1, "a", *STRANGE]), chance.choice(["result", "error"]): chance.choice(STRANGE)})


def other_envelope(chance: random.Random) -> bytes:
    """Another protocol, or the same with members missing."""
    message = json.loads(text(CALL))
    del message[chance.choice(list(message))]
    message["jsonrpc"] = chance.choice(["1.0", "2.0", 2, None])
    return text(message)
