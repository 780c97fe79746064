"""The TypeScript SDK as an assistant: a Node process that carries out orders, one JSON document a line."""

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

SOURCE = Path(__file__).parent.parent / "sdk_client.mjs"
CONNECT_SECONDS = 30.0
CALL_SECONDS = 60.0
# A list of tools with its schemas is one line.
LINE_BYTES = 16 * 1024 * 1024


class SdkAssistant:
    """An `Assistant` over the Node process."""

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
                waiting.set_exception(ConnectionError("the Node process ended"))


@contextlib.asynccontextmanager
async def over_sdk(
    node_modules: Path, kind: str, url: str, headers: dict[str, str] | None = None
) -> AsyncIterator[SdkAssistant]:
    """`SSEClientTransport` (`sse`) or `StreamableHTTPClientTransport` (`http`). Raises `ProtocolError` with the HTTP status
    when it cannot connect."""
    # Node looks for packages beside the real path of the script.
    script = shutil.copy(SOURCE, node_modules.parent / SOURCE.name)
    lines = [f"{name}:{value}" for name, value in (headers or {}).items()]
    process = await asyncio.create_subprocess_exec(
        "node", script, kind, url, *lines,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
    )  # fmt: skip
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
        assert process.returncode == 0, f"the Node process ended with {process.returncode}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if reader is not None:
            await reader
