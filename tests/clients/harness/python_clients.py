"""The Python `mcp` package as an assistant: through standard input and output, SSE and Streamable HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from .answer import Answer, ProtocolError
from .folder import Folder
from .node import NODE

CALL_SECONDS = 60.0


class PythonAssistant:
    """An `Assistant` over a connected `mcp.Client`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def list_tools(self) -> list[dict[str, Any]]:
        """See `Assistant`."""
        tools: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.client.list_tools(cursor=cursor)
            tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                return tools

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """See `Assistant`."""
        try:
            result = await self.client.call_tool(tool, arguments, read_timeout_seconds=CALL_SECONDS)
        except MCPError as error:
            raise ProtocolError(error.error.code, error.error.message) from error
        texts = [item.text for item in result.content if item.type == "text"]
        assert len(texts) == len(result.content), f"{tool} answered with something else than text: {result.content}"
        return Answer(tool, bool(result.is_error), result.structured_content, texts)


@contextlib.asynccontextmanager
async def over_stdio(folder: Folder, *options: str, mode: str = "auto", **environment: str) -> AsyncIterator[Any]:
    """`chatbotx stdio` on a folder, started by the client as an assistant's settings would start it."""
    log = folder.path.parent / "stdio.log"
    folder.logs.append(log)
    environment = {"RUST_BACKTRACE": "1"} | environment
    arguments = ["stdio", "--data", str(folder.path), *options]
    program = StdioServerParameters(command=str(folder.binary), args=arguments, env=environment)
    with log.open("a") as errors:
        async with Client(stdio_client(program, errlog=errors), mode=mode) as client:
            yield PythonAssistant(client)


@contextlib.asynccontextmanager
async def over_remote(script: Path, log: Path, url: str, *options: str, mode: str = "auto") -> AsyncIterator[PythonAssistant]:
    """`mcp-remote`, started by the client as an assistant's settings would start it: a bridge to `url`."""
    settings = log.parent / "mcp-remote"
    program = StdioServerParameters(
        command=str(NODE),
        args=[str(script), url, "--allow-http", *options],
        env={"PATH": f"{NODE.parent}", "HOME": str(settings), "MCP_REMOTE_CONFIG_DIR": str(settings)},
    )
    with log.open("a") as errors:
        async with Client(stdio_client(program, errlog=errors), mode=mode) as client:
            yield PythonAssistant(client)


@contextlib.asynccontextmanager
async def over_sse(
    url: str, headers: dict[str, str] | None = None, statuses: list[int] | None = None
) -> AsyncIterator[PythonAssistant]:
    """`sse_client`. `statuses` collects the status of every HTTP answer."""

    def factory(
        headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
    ) -> httpx2.AsyncClient:
        return _http_client(headers, timeout, statuses)

    async with Client(sse_client(url, headers, httpx_client_factory=factory), mode="legacy") as client:
        yield PythonAssistant(client)


@contextlib.asynccontextmanager
async def over_http(
    url: str, headers: dict[str, str] | None = None, mode: str = "auto", statuses: list[int] | None = None
) -> AsyncIterator[PythonAssistant]:
    """`streamable_http_client`. `statuses` collects the status of every HTTP answer."""
    async with (
        _http_client(headers, httpx2.Timeout(30.0, read=300.0), statuses) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield PythonAssistant(client)


def _http_client(
    headers: dict[str, str] | None, timeout: httpx2.Timeout | None, statuses: list[int] | None
) -> httpx2.AsyncClient:
    async def note(response: httpx2.Response) -> None:
        if statuses is not None:
            statuses.append(response.status_code)

    # `trust_env=False`: a proxy of the machine has no business between a test and its server.
    return httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks={"response": [note]}, trust_env=False)
