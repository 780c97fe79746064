"""Every way in which a real client reaches the workspace, under one name each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from .folder import Folder, Workspace
from .python_clients import over_http, over_remote, over_sse, over_stdio
from .sdk_client import over_python_1, over_sdk, over_sdk_2


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a door leads: a server at `address`, the folder it stands on, and who comes in."""

    address: str
    folder: Folder
    workspace: Workspace
    token: str
    node_modules: Path

    @property
    def sse(self) -> str:
        """The URL of the SSE stream."""
        return f"{self.address}/mcp/sse"

    @property
    def http(self) -> str:
        """The URL of Streamable HTTP."""
        return f"{self.address}/mcp"

    @property
    def bearer(self) -> dict[str, str]:
        """The token in the header that all clients know."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def own_header(self) -> dict[str, str]:
        """The token in our own header."""
        return {"x-workspace-token": self.token}

    def with_token(self, token: str) -> Place:
        """The same place for another caller."""
        return dataclasses.replace(self, token=token)


@dataclasses.dataclass(frozen=True)
class Door:
    """A client, a transport, and where the token stands."""

    name: str
    open: Callable[[Place], AbstractAsyncContextManager[Any]]

    def __str__(self) -> str:
        return self.name


def _local(place: Place, mode: str) -> AbstractAsyncContextManager[Any]:
    return over_stdio(place.folder, "--workspace", place.workspace.id, mode=mode)


def _remote(place: Place) -> AbstractAsyncContextManager[Any]:
    # The folder beside it stays empty: everything that is seen comes from the remote server.
    empty = dataclasses.replace(place.folder, path=place.folder.path.with_name("elsewhere"))
    return over_stdio(empty, CHATBOTX_API_URL=f"{place.address}/api", CHATBOTX_API_KEY=place.token)


def _local_1(place: Place) -> AbstractAsyncContextManager[Any]:
    command = [place.folder.binary, "stdio", "--data", place.folder.path, "--workspace", place.workspace.id]
    return over_python_1(place.node_modules, "stdio", json.dumps([str(word) for word in command]))


def _sdk_2(kind: str, mode: str) -> Callable[[Place], AbstractAsyncContextManager[Any]]:
    return lambda place: over_sdk_2(place.node_modules, kind, getattr(place, kind), mode, place.bearer)


def _mcp_remote(place: Place, url: str, transport: str) -> AbstractAsyncContextManager[Any]:
    script = place.node_modules / "mcp-remote" / "dist" / "proxy.js"
    log = place.folder.path.parent / "mcp-remote.log"
    place.folder.logs.append(log)
    return over_remote(
        script, log, url, "--transport", transport, "--header", f"Authorization:Bearer {place.token}"
    )


# Standard input and output need no token: the owner of the folder is already in.
STDIO = [
    Door("Python, stdio", lambda place: _local(place, "auto")),
    Door("Python, stdio with the handshake", lambda place: _local(place, "legacy")),
    Door("Python 1, stdio", _local_1),
]
SSE = [
    Door("Python, SSE, Authorization", lambda place: over_sse(place.sse, place.bearer)),
    Door("Python, SSE, x-workspace-token", lambda place: over_sse(place.sse, place.own_header)),
    Door("Python, SSE, ?token=", lambda place: over_sse(f"{place.sse}?token={place.token}")),
    Door("TypeScript, SSE, Authorization", lambda place: over_sdk(place.node_modules, "sse", place.sse, place.bearer)),
    Door(
        "TypeScript, SSE, ?token=",
        lambda place: over_sdk(place.node_modules, "sse", f"{place.sse}?token={place.token}"),
    ),
    Door("Python 1, SSE", lambda place: over_python_1(place.node_modules, "sse", place.sse, place.bearer)),
    Door("TypeScript 2, SSE", _sdk_2("sse", "legacy")),
    Door("mcp-remote, SSE", lambda place: _mcp_remote(place, place.sse, "sse-only")),
]
HTTP = [
    Door("Python, Streamable HTTP", lambda place: over_http(place.http, place.bearer)),
    Door("Python, Streamable HTTP with the handshake", lambda place: over_http(place.http, place.bearer, "legacy")),
    Door("Python, Streamable HTTP at /mcp/sse", lambda place: over_http(place.sse, place.bearer)),
    Door("Python, Streamable HTTP, ?token=", lambda place: over_http(f"{place.http}?token={place.token}")),
    Door("TypeScript, Streamable HTTP", lambda place: over_sdk(place.node_modules, "http", place.http, place.bearer)),
    Door("Python 1, Streamable HTTP", lambda place: over_python_1(place.node_modules, "http", place.http, place.bearer)),
    Door("TypeScript 2, Streamable HTTP with the handshake", _sdk_2("http", "legacy")),
    Door("TypeScript 2, Streamable HTTP", _sdk_2("http", "auto")),
    Door("TypeScript 2, Streamable HTTP of 2026-07-28", _sdk_2("http", "2026-07-28")),
    Door("mcp-remote, Streamable HTTP", lambda place: _mcp_remote(place, place.http, "http-only")),
    Door("Python, stdio to a remote server", _remote),
]
EVERY = STDIO + SSE + HTTP
