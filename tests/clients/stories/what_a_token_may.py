"""A token opens one workspace, and there no more than it may: read-only tokens write nothing, sessions stay their owner's, and
another workspace's ids are unknown ids."""

from __future__ import annotations

from typing import Any

from harness.answer import Answer
from harness.doors import HTTP, SSE, Door, Place
from harness.folder import Folder, Workspace
from harness.plain_calls import call, handshake
from harness.raw_http import EventStream, request
from harness.server import Server
from harness.story import Stage, check, equal, story

NATIVE = [door for door in SSE + HTTP if "x-workspace-token" not in door.name]


@story("a read-only token sees no tool that writes, and a forced call is forbidden", *NATIVE)
async def read_only(stage: Stage, door: Door) -> None:
    """The list is filtered and the call is checked again, listed or not."""
    folder = stage.folder()
    workspace = folder.create_workspace("Reading")
    _, token = folder.create_token(workspace, "Reader", "--permission", "read_only")
    with Server(folder) as server:
        made = call(server.address, workspace.token, "create_contact", email="ana@example.org").value()
        contact = made["contact"]["id"]
        async with door.open(Place(server.address, folder, workspace, token, stage.node_modules)) as reader:
            tools = await reader.list_tools()
            writing = [tool["name"] for tool in tools if not tool["annotations"]["readOnlyHint"]]
            equal(writing, [], "no tool that writes is listed")
            check(any(tool["name"] == "list_contacts" for tool in tools), "tools that read are listed", tools=tools)
            read = (await reader.call("get_contact", contactId=contact)).value()
            equal(read["contact"]["id"], contact, "a read-only token reads")
            for tool, arguments in writes(contact).items():
                (await reader.call(tool, **arguments)).problem("forbidden")
        after = call(server.address, workspace.token, "get_workspace").value()
        before = made["position"]
        equal(call(server.address, workspace.token, "get_contact", contactId=contact).value(), read, "nothing changed")
        events = call(server.address, workspace.token, "list_events", after=before).value()["items"]
        equal([event["type"] for event in events if event["stream"]["type"] == "contact"], [], f"no event: {after}")


def writes(contact: str) -> dict[str, dict[str, Any]]:
    """One valid call of each writing tool."""
    return {
        "add_contact_tags": {"contactId": contact, "tags": ["VIP"]},
        "remove_contact_tags": {"contactId": contact, "tags": ["VIP"]},
        "create_contact": {"email": "berta@example.org"},
        "upsert_contact": {"email": "ana@example.org"},
        "update_contact": {"contactId": contact, "phone": "+491701234567"},
        "send_message": {"contactId": contact, "text": "Hello"},
        "create_tag": {"name": "VIP"},
        "create_custom_field": {"name": "Size", "type": "number"},
    }


def two_workspaces(stage: Stage) -> tuple[Folder, Workspace, Workspace]:
    """Two workspaces on one folder."""
    folder = stage.folder()
    return folder, folder.create_workspace("Mine"), folder.create_workspace("Theirs")


@story("another workspace's ids answer exactly as ids that do not exist")
def tenancy(stage: Stage) -> None:
    """Neither a read nor a write tells whether something exists elsewhere."""
    folder, mine, theirs = two_workspaces(stage)
    with Server(folder) as server:

        def as_me(tool: str, **arguments: Any) -> Answer:
            return call(server.address, mine.token, tool, **arguments)

        made = call(server.address, theirs.token, "create_contact", email="ana@example.org", tags=["Secret"]).value()
        foreign = made["contact"]["id"]
        unknown = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
        for tool, arguments in [
            ("get_contact", {}),
            ("list_contact_tags", {}),
            ("list_contact_messages", {}),
            ("add_contact_tags", {"tags": ["VIP"]}),
            ("update_contact", {"phone": "+491701234567"}),
            ("send_message", {"text": "Hello"}),
        ]:
            problems = [as_me(tool, contactId=one, **arguments).problem("not_found") for one in (foreign, unknown)]
            alike = [{name: problem[name] for name in problem if name != "value"} for problem in problems]
            equal(alike[0], alike[1], f"{tool} answers alike")
        equal(as_me("list_contacts").value()["items"], [], "a list shows one's own only")
        equal(as_me("list_tags").value()["items"], [], "so do tags")
        equal(as_me("list_events", types=["ContactCreated"]).value()["items"], [], "so do events")
        # The same e-mail address is free in another workspace.
        check(as_me("create_contact", email="ana@example.org").value()["changed"], "claims end at the workspace")


@story("a session answers its owner only, and equal request ids never mix")
def sessions(stage: Stage) -> None:
    """Two SSE sessions use the same JSON-RPC ids at the same time; neither token can use the other's session."""
    folder, mine, theirs = two_workspaces(stage)
    with Server(folder) as server:
        streams, endpoints = {}, {}
        for workspace in (mine, theirs):
            stream = EventStream(server.address, "/mcp/sse", {"Authorization": f"Bearer {workspace.token}"})
            streams[workspace.id], endpoints[workspace.id] = stream, stream.next("endpoint").data
        foreign = request(
            server.address, "POST", endpoints[mine.id], handshake()[0], {"Authorization": f"Bearer {theirs.token}"}
        )
        check(foreign.status in (401, 403, 404), "a session refuses another token", status=foreign.status)
        own = handshake()[0] | {"id": 1}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        asked = {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "get_workspace", "arguments": {}},
        }
        for body in (own, ready, asked):
            for endpoint in endpoints.values():
                equal(
                    request(server.address, "POST", endpoint, body).status, 202, "a session takes its owner's messages"
                )
        for workspace in (mine, theirs):
            replies = [streams[workspace.id].next("message").json() for _ in range(2)]
            equal([reply["id"] for reply in replies], [1, 2], "each request has one answer")
            got = replies[1]["result"]["structuredContent"]["workspace"]
            equal((got["id"], got["name"]), (workspace.id, workspace.name), "the answer is the owner's")
            streams[workspace.id].close()
        unknown = request(server.address, "POST", "/mcp/sse?sessionId=unknown", asked)
        check(unknown.status in (401, 404), "an unknown session is not found", status=unknown.status)
