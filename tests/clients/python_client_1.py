"""The Python package `mcp` of the first generation as an assistant that is told line by line what to do, since both generations cannot
stand in one environment. In and out as in orders.mjs.

usage: python_client_1.py sse|http|stdio TARGET [HEADER:VALUE]...   (for `stdio` the target is a command line as JSON)"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from typing import Any

import httpx
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


def say(line: dict[str, Any]) -> None:
    """Writes a line."""
    print(json.dumps(line), flush=True)


def failure(error: BaseException) -> dict[str, Any]:
    """What went wrong: the first cause that has a number, which is a JSON-RPC code or an HTTP status."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, McpError):
        return {"code": error.error.code, "message": error.error.message}
    if isinstance(error, httpx.HTTPStatusError):
        return {"code": error.response.status_code, "message": "the server refused"}
    return {"message": repr(error)}


def transport(kind: str, target: str, headers: dict[str, str]) -> Any:
    """The streams of a transport, as a context manager."""
    if kind == "stdio":
        command, *arguments = json.loads(target)
        return stdio_client(StdioServerParameters(command=command, args=arguments, env=dict(os.environ)))
    return (sse_client if kind == "sse" else streamablehttp_client)(target, headers)


async def list_tools(session: ClientSession) -> list[dict[str, Any]]:
    """All tools."""
    tools: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await session.list_tools(cursor)
        tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        if (cursor := page.nextCursor) is None:
            return tools


async def carry_out(session: ClientSession, order: dict[str, Any]) -> None:
    """Does as told, and says what came of it."""
    try:
        if order["method"] == "list":
            result: Any = await list_tools(session)
        else:
            called = await session.call_tool(order["name"], order["arguments"])
            result = called.model_dump(mode="json", by_alias=True, exclude_none=True)
        say({"id": order["id"], "result": result})
    except Exception as error:
        say({"id": order["id"], "error": failure(error)})


async def main() -> None:
    """See the top of the file."""
    kind, target, *lines = sys.argv[1:]
    headers = dict(line.split(":", 1) for line in lines)
    connected = False
    try:
        async with contextlib.AsyncExitStack() as open_:
            streams = await open_.enter_async_context(transport(kind, target, headers))
            session = await open_.enter_async_context(ClientSession(streams[0], streams[1]))
            await session.initialize()
            connected = True
            say({"connected": True})
            async with asyncio.TaskGroup() as orders:
                while line := await asyncio.to_thread(sys.stdin.readline):
                    orders.create_task(carry_out(session, json.loads(line)))
    except Exception as error:
        if connected:
            raise
        say({"connected": False, "error": failure(error)})


asyncio.run(main())
