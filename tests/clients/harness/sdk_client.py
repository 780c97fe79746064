"""Clients of other languages and generations as assistants: a process that carries out orders, one JSON document a line."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from .answer import Answer, ProtocolError
from .node import NODE

SOURCES = Path(__file__).parent.parent
CONNECT_SECONDS = 30.0
CALL_SECONDS = 60.0
# A list of tools with its schemas is one line.
LINE_BYTES = 16 * 1024 * 1024


class SdkAssistant:
    """An `Assistant` over the process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def list_tools(self) -> list[dict[str, Any]]:
        """See `Assistant`."""
        return await self._order({"method": "list"})

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """See `Assistant`."""
        result = await self._order({"method": "call", "name": tool, "arguments": arguments})
        texts = [item["text"] for item in result["content"]]
        return Answer(tool, result.get("isError", False), result.get("structuredContent"), texts)

    async def _order(self, order: dict[str, Any]) -> Any:
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number} | order).encode() + b"\n")
        await self._process.stdin.drain()
        try:
            done = await asyncio.wait_for(waiting, CALL_SECONDS)
        finally:
            del self._waiting[number]
        if "error" in done:
            raise ProtocolError(done["error"].get("code"), done["error"]["message"])
        return done["result"]

    async def read_answers(self) -> None:
        """Hands every line to the call that waits for it."""
        while line := await self._process.stdout.readline():
            done = json.loads(line)
            self._waiting[done["id"]].set_result(done)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the client's process ended"))


def over_sdk(
    node_modules: Path, kind: str, url: str, headers: dict[str, str] | None = None
) -> contextlib.AbstractAsyncContextManager[SdkAssistant]:
    """The TypeScript SDK: `SSEClientTransport` (`sse`) or `StreamableHTTPClientTransport` (`http`)."""
    return over_program([NODE, _beside(node_modules, "sdk_client.mjs"), kind, url, *_lines(headers)])


def over_sdk_2(
    node_modules: Path, kind: str, url: str, mode: str, headers: dict[str, str] | None = None
) -> contextlib.AbstractAsyncContextManager[SdkAssistant]:
    """The TypeScript client of the second generation, `legacy`, `auto` or pinned to a revision."""
    return over_program([NODE, _beside(node_modules, "sdk_client_2.mjs"), kind, url, mode, *_lines(headers)])


def over_python_1(
    node_modules: Path, kind: str, target: str, headers: dict[str, str] | None = None
) -> contextlib.AbstractAsyncContextManager[SdkAssistant]:
    """The Python client of the first generation, whose environment stands beside that of Node."""
    python = node_modules.parent.parent / "venv-1" / "bin" / "python"
    return over_program([python, SOURCES / "python_client_1.py", kind, target, *_lines(headers)])


def _lines(headers: dict[str, str] | None) -> list[str]:
    return [f"{name}:{value}" for name, value in (headers or {}).items()]


def _beside(node_modules: Path, script: str) -> Path:
    """Node looks for packages beside the real path of a script."""
    for source in ("orders.mjs", script):
        shutil.copy(SOURCES / source, node_modules.parent / source)
    return node_modules.parent / script


@contextlib.asynccontextmanager
async def over_program(command: list[str | Path]) -> AsyncIterator[SdkAssistant]:
    """A process that is told what to do. Raises `ProtocolError`, with the HTTP status where it tells one, when it cannot connect."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES
    )
    reader = None
    try:
        first = json.loads(await asyncio.wait_for(process.stdout.readline(), CONNECT_SECONDS))
        if not first["connected"]:
            raise ProtocolError(first["error"].get("code"), first["error"]["message"])
        assistant = SdkAssistant(process)
        reader = asyncio.create_task(assistant.read_answers())
        yield assistant
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 10.0)
        assert process.returncode == 0, f"the client's process ended with {process.returncode}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if reader is not None:
            await reader
