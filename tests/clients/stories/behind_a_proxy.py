"""The main job behind a reverse proxy that forwards one path only and buffers unless it is told not to."""

from __future__ import annotations

import asyncio

from harness.doors import SSE, Door, Place
from harness.nginx import nginx
from harness.raw_http import EventStream, request
from harness.server import Server
from harness.story import Stage, check, equal, story
from harness.visitor import Visitor
from stories.assistant_loop import LOOP_SECONDS, the_loop

HOST = "chat.example.org"


@story("behind an nginx that forwards only /mcp/sse the whole loop works", *SSE)
async def proxied_loop(stage: Stage, door: Door) -> None:
    """The visitor has a way of its own; the assistant sees nothing but the proxy."""
    folder = stage.folder()
    workspace = folder.create_workspace("Proxied")
    with (
        Server(folder, "--allow-host", HOST) as server,
        nginx(stage.directory / "nginx", server.address, HOST, stage.logs) as proxy,
        Visitor(server.address, "Ana") as visitor,
    ):
        equal(request(proxy, "GET", "/mcp").status, 404, "the proxy forwards nothing else")
        place = Place(proxy, folder, workspace, workspace.token, stage.node_modules)
        async with asyncio.timeout(LOOP_SECONDS), door.open(place) as assistant:
            await the_loop(assistant, visitor)


@story("the endpoint that the stream announces stays on the forwarded path, and asks the proxy not to buffer")
def announced_endpoint(stage: Stage) -> None:
    """A relative endpoint keeps the client at the proxy's address."""
    folder = stage.folder()
    workspace = folder.create_workspace("Announced")
    with Server(folder) as server:
        headers = {"x-workspace-token": workspace.token}
        with EventStream(server.address, "/mcp/sse", headers) as stream:
            equal((stream.status, stream.headers.get("x-accel-buffering")), (200, "no"), "the stream is not buffered")
            endpoint = stream.next("endpoint").data
            check(endpoint.startswith("/mcp/sse?sessionId="), "the endpoint is relative", endpoint=endpoint)
            check(len(endpoint.partition("=")[2]) >= 22, "a session id has 128 bits or more", endpoint=endpoint)
        head = request(server.address, "HEAD", "/mcp/sse", headers=headers)
        equal(head.status, 200, "HEAD is answered, without a session")
