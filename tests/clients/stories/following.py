"""Whoever wants to know at once: events as they happen over HTTP, and resources that say when they changed, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import warnings
from collections.abc import AsyncIterator
from typing import Any

from harness.folder import Folder, Workspace
from harness.plain_calls import call
from harness.python_clients import over_http, over_sse, over_stdio
from harness.raw_http import EventStream, Refused, request
from harness.server import Server
from harness.story import Stage, check, equal, story

CUTS = 30
WRITERS = 3
UPDATE_SECONDS = 10.0
NOBODY = "chatbotx://contacts/contact_00000000000000000000000000"


class Reader:
    """A client of `/api/v1/events` that is cut off again and again and goes on behind the last event it has seen."""

    def __init__(self, server: Server, workspace: Workspace, after: int) -> None:
        self.server, self.workspace = server, workspace
        self.last_id = str(after)
        self.seen: list[int] = []

    def read(self, count: int, until: int | None = None) -> None:
        """Reads so many events, or until one position, and hangs up."""
        headers = {"Authorization": f"Bearer {self.workspace.token}", "Last-Event-ID": self.last_id}
        with EventStream(self.server.address, "/api/v1/events", headers) as stream:
            equal(stream.status, 200, "a client that was cut off is let in again")
            for event in stream.events(20.0):
                self.last_id = event.id
                self.seen.append(int(event.id))
                equal(event.json()["position"], int(event.id), "the id of an event is its position")
                count -= 1
                if count <= 0 or self.last_id == str(until):
                    return


@story("a client of the event stream that is cut off again and again sees every event once, in order")
def every_event_once(stage: Stage) -> None:
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    with Server(folder) as server:
        after = call(server.address, workspace.token, "wait_for_events", timeoutMs=0).value()["nextAfter"]
        stop = threading.Event()

        def write(writer: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                call(server.address, workspace.token, "create_tag", name=f"{writer}: {number}").value()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        reader = Reader(server, workspace, after)
        try:
            for _ in range(CUTS):
                reader.read(random.randint(1, 20))
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        head = call(server.address, workspace.token, "wait_for_events", timeoutMs=0).value()["nextAfter"]
        if reader.seen[-1] < head:
            reader.read(1_000_000, head)
        equal(reader.seen, list(range(after + 1, head + 1)), "every event once, in order")


@story("the event stream lets in who may see events, and says what is wrong with a request")
def who_may_follow(stage: Stage) -> None:
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    _, people = folder.create_token(workspace, "people", "--scopes", "contacts:read")
    with Server(folder) as server:

        def status(query: str = "", token: str | None = workspace.token, **headers: str) -> int:
            sent = headers | ({"x-workspace-token": token} if token else {})
            return request(server.address, "GET", f"/api/v1/events{query}", headers=sent).status

        equal(status(token=None), 401, "nobody gets in without a token")
        equal(status(token=people), 403, "a token needs the right to see events")
        equal(status("?after=999999"), 400, "a position must exist")
        equal(status("?contact=x"), 400, "a parameter must exist")
        equal(status("?types=MessageRecieved"), 400, "a type must exist")
        equal(status(Accept="application/json"), 406, "it answers with an event stream only")
        with EventStream(server.address, f"/api/v1/events?token={workspace.token}&after=0") as stream:
            equal(stream.status, 200, "a token may stand in the URL")
            equal(stream.headers["cache-control"], "no-store", "nobody keeps what it says")
            equal(stream.headers["x-accel-buffering"], "no", "no proxy holds it back")
            equal(stream.next("WorkspaceCreated").id, "1", "it begins where it is asked to")


@story("a stream of events ends within 5 s when its token is revoked")
def revoked(stage: Stage) -> None:
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    token_id, token = folder.create_token(workspace, "follower")
    with Server(folder) as server:
        with EventStream(server.address, "/api/v1/events", {"x-workspace-token": token}) as stream:
            equal(stream.status, 200, "the token is good")
            folder.revoke_token(workspace, token_id)
            seconds = stream.seconds_until_closed(8.0)
            check(seconds <= 5.0, "a revoked token's stream ends within 5 s", seconds=seconds)
        with contextlib.suppress(Refused):
            again = request(server.address, "GET", "/api/v1/events", headers={"x-workspace-token": token})
            equal(again.status, 401, "a revoked token opens nothing")


def updates_of(client: Any) -> asyncio.Queue[str]:
    """The URIs that the server says have changed, as they come."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def note(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            queue.put_nowait(str(message.params.uri))

    client.session._message_handler = note
    return queue


@contextlib.asynccontextmanager
async def opened(kind: str, server: Server, folder: Folder, workspace: Workspace, mode: str) -> AsyncIterator[Any]:
    """The Python client over one of the transports."""
    bearer = {"Authorization": f"Bearer {workspace.token}"}
    match kind:
        case "stdio":
            door = over_stdio(folder, "--workspace", workspace.id, mode=mode)
        case "SSE":
            door = over_sse(f"{server.address}/mcp/sse", bearer)
        case _:
            door = over_http(f"{server.address}/mcp", bearer, mode)
    async with door as assistant:
        yield assistant


async def new_contact(assistant: Any, name: str) -> tuple[str, str]:
    made = (await assistant.call("create_contact", firstName=name)).value()
    return made["contact"]["id"], f"chatbotx://contacts/{made['contact']['id']}"


@story("a client with a session reads resources and is told when one changed", "stdio", "SSE", "Streamable HTTP")
async def subscribed(stage: Stage, kind: str) -> None:
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    warnings.simplefilter("ignore")
    with Server(folder) as server:
        async with opened(kind, server, folder, workspace, "legacy") as assistant:
            client = assistant.client
            listed = await client.list_resources()
            equal([str(one.uri) for one in listed.resources], ["chatbotx://workspace"], "the workspace is listed")
            templates = await client.list_resource_templates()
            equal(len(templates.resource_templates), 3, "contacts, conversations and flows have templates")
            contact, uri = await new_contact(assistant, "Ana")
            _, other = await new_contact(assistant, "Bo")
            updates = updates_of(client)
            await client.subscribe_resource(uri)
            await assistant.call("add_contact_tags", contactId=other.rpartition("/")[2], tags=["VIP"])
            await assistant.call("add_contact_tags", contactId=contact, tags=["VIP"])
            equal(await asyncio.wait_for(updates.get(), UPDATE_SECONDS), uri, "the subscribed contact changed")
            read = await client.read_resource(uri)
            equal(json.loads(read.contents[0].text)["contact"]["tags"], ["VIP"], "what is read is what was told of")
            await client.unsubscribe_resource(uri)
            try:
                await client.read_resource(NOBODY)
                check(False, "a contact that is not there cannot be read")
            except Exception as error:
                check("no such contact" in str(error), "it is said that there is no such contact", error=str(error))


@story("a client without a session listens to the resources it may read", "stdio", "Streamable HTTP")
async def listening(stage: Stage, kind: str) -> None:
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    with Server(folder) as server:
        async with opened(kind, server, folder, workspace, "auto") as assistant:
            contact, uri = await new_contact(assistant, "Ana")
            async with assistant.client.listen(resource_subscriptions=[uri, NOBODY]) as changes:
                equal(changes.honored.resource_subscriptions, [uri], "what is not there is dropped")
                await assistant.call("add_contact_tags", contactId=contact, tags=["VIP"])
                change = await asyncio.wait_for(anext(aiter(changes)), UPDATE_SECONDS)
                equal(str(change.uri), uri, "the contact changed")
                read = await assistant.client.read_resource(uri)
                equal(json.loads(read.contents[0].text)["contact"]["tags"], ["VIP"], "what is read is new")
