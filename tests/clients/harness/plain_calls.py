"""MCP without a client library: tool calls in the stateless form of 2026-07-28, one POST each, for speed and for exact control
over what is sent."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from .answer import Answer, ProtocolError
from .raw_http import Response, Unauthorized, Unavailable, request

REVISION = "2026-07-28"
_NUMBERS = itertools.count(1)


def stateless(method: str, **parameters: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of a request of the 2026-07-28 revision."""
    about = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "plain-calls", "version": "1.0.0"},
    }
    body = {"jsonrpc": "2.0", "id": next(_NUMBERS), "method": method, "params": parameters | {"_meta": about}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": method,
    }
    if "name" in parameters:
        headers["Mcp-Name"] = parameters["name"]
    return body, headers


def handshake() -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of an `initialize` of the 2025-06-18 revision, which would open a session."""
    parameters = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "plain-calls", "version": "1.0.0"},
    }
    body = {"jsonrpc": "2.0", "id": next(_NUMBERS), "method": "initialize", "params": parameters}
    return body, {"Accept": "application/json, text/event-stream"}


def rpc_reply(response: Response) -> dict[str, Any]:
    """The JSON-RPC reply in an answer, whether it came as JSON or as an event of a stream."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        data = [
            line[5:] for line in response.body.decode().splitlines() if line.startswith("data:") and line[5:].strip()
        ]
        return json.loads(data[-1])
    return response.json()


def call(address: str, token: str, tool: str, seconds: float = 10.0, **arguments: Any) -> Answer:
    """Calls a tool. Raises `Refused` when no whole answer comes, `Unavailable` when the same call should be repeated later,
    `Unauthorized` when the token opens nothing, and `ProtocolError` for a JSON-RPC error."""
    body, headers = stateless("tools/call", name=tool, arguments=arguments)
    headers["Authorization"] = f"Bearer {token}"
    response = request(address, "POST", "/mcp", body, headers, seconds)
    if response.status in (429, 503):
        raise Unavailable(float(response.headers.get("retry-after", "0.1")))
    if response.status == 401:
        raise Unauthorized(f"{address}: {response.body.decode()}")
    assert response.headers.get("content-type", "").split(";")[0] in ("application/json", "text/event-stream"), response
    reply = rpc_reply(response)
    if "error" in reply:
        raise ProtocolError(reply["error"]["code"], reply["error"]["message"])
    result = reply["result"]
    answer = Answer(
        tool,
        result.get("isError", False),
        result.get("structuredContent"),
        [item["text"] for item in result["content"]],
    )
    if answer.is_error:
        problem = json.loads(answer.texts[0])
        # A conflict may be one of the moment, too: it says then when to come back.
        if problem["code"] in ("rate_limited", "unavailable", "in_progress") or "retryAfterMs" in problem:
            raise Unavailable(problem.get("retryAfterMs", 100) / 1000)
    return answer


class PlainAssistant:
    """An `Assistant` over plain calls, whose failures stay its own: the Python client's transport would cancel the whole task."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token

    async def list_tools(self) -> list[dict[str, Any]]:
        """See `Assistant`. The list has one page."""
        body, headers = stateless("tools/list")
        headers["Authorization"] = f"Bearer {self._token}"
        return rpc_reply(await asyncio.to_thread(request, self._address, "POST", "/mcp", body, headers))["result"][
            "tools"
        ]

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """See `Assistant`."""
        return await asyncio.to_thread(lambda: call(self._address, self._token, tool, **arguments))
