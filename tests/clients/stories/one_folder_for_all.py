"""Several processes on one data folder: all see the same data, and whoever holds the folder may be killed at any moment without
any call of the others failing, being lost or taking effect twice."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness.answer import Assistant
from harness.folder import Folder, Workspace
from harness.plain_calls import PlainAssistant
from harness.python_clients import over_http, over_stdio
from harness.server import Server
from harness.story import Stage, check, equal, story

CALLS_BETWEEN_KILLS = 20
CALL_SECONDS = 15.0
PHASE_SECONDS = 20.0


@dataclasses.dataclass
class Participant:
    """A process on the folder, and what it was told is done."""

    name: str
    pid: int
    assistant: Assistant
    acknowledged: list[str] = dataclasses.field(default_factory=list)
    killed: bool = False

    async def work(self, stopping: asyncio.Event) -> None:
        """Creates contacts one after the other, without keys and without ever repeating a call, until told to stop."""
        number = 0
        while not stopping.is_set():
            name = f"{self.name} {(number := number + 1)}"
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    (await self.assistant.call("create_contact", firstName=name)).value()
            except Exception:
                if self.killed:
                    return
                raise
            self.acknowledged.append(name)


@contextlib.asynccontextmanager
async def stdio_participant(name: str, folder: Folder, workspace: Workspace) -> AsyncIterator[Participant]:
    """A `chatbotx stdio` and its client. When it was killed, its client may end as it likes."""
    before = children()
    participant = None
    try:
        async with over_stdio(folder, "--workspace", workspace.id) as assistant:
            (started,) = children() - before
            participant = Participant(name, started, assistant)
            yield participant
    except Exception:
        if participant is None or not participant.killed:
            raise


def children() -> set[int]:
    """The processes that this one started and that still run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; what follows is: state, parent.
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(status.parent.name))
    return found


@story(
    "killing the process that holds the folder is noticed by no call of the others",
    "the server came first",
    "a stdio process came first",
)
async def killing_the_holder(stage: Stage, order: str) -> None:
    """Three processes work; the holder is killed, then the one that took over; the last one has everything."""
    folder = stage.folder()
    workspace = folder.create_workspace("Shared")
    async with contextlib.AsyncExitStack() as stack:
        everybody: list[Participant] = []
        for name in ("web", "one", "two") if order.startswith("the server") else ("one", "two", "web"):
            if name == "web":
                server = stack.enter_context(Server(folder))
                everybody.append(Participant(name, server.process.pid, PlainAssistant(server.address, workspace.token)))
            else:
                everybody.append(await stack.enter_async_context(stdio_participant(name, folder, workspace)))
        # A stdio process leaves the folder to a server that comes later: only a server can listen for everybody.
        equal(holder(folder, everybody).name, "web", "the server holds the folder, whoever came first")
        last = await work_and_kill(folder, everybody)
        await everything_is_there_once(last, everybody)
        folder.verify_log()


def holder(folder: Folder, everybody: list[Participant]) -> Participant | None:
    """Who holds the folder, as `server.json` says; None when it names nobody who lives."""
    pid = folder.server_file().get("pid")
    return next((one for one in everybody if one.pid == pid and not one.killed), None)


async def work_and_kill(folder: Folder, everybody: list[Participant]) -> Participant:
    """Kills the holder twice while all work; returns the last process that lives."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for participant in everybody:
            group.create_task(participant.work(stopping))
        for _ in range(2):
            await progress(everybody)
            async with asyncio.timeout(PHASE_SECONDS):
                while (victim := holder(folder, everybody)) is None:
                    await asyncio.sleep(0.01)
            victim.killed = True
            os.kill(victim.pid, signal.SIGKILL)
        await progress(everybody)
        stopping.set()
    (last,) = [one for one in everybody if not one.killed]
    return last


async def progress(everybody: list[Participant]) -> None:
    """Waits until everybody who lives has some more calls answered."""
    goals = {one.name: len(one.acknowledged) + CALLS_BETWEEN_KILLS for one in everybody if not one.killed}
    async with asyncio.timeout(PHASE_SECONDS):
        while any(len(one.acknowledged) < goals.get(one.name, 0) for one in everybody):
            await asyncio.sleep(0.01)


async def everything_is_there_once(reader: Participant, everybody: list[Participant]) -> None:
    """Every acknowledged contact exists once; beside them at most the one call that a killed client never heard of."""
    names = [contact["name"] for contact in await all_contacts(reader.assistant)]
    for participant in everybody:
        own = [name for name in names if name.startswith(f"{participant.name} ")]
        equal(len(own), len(set(own)), f"nothing of {participant.name} is there twice")
        missing = set(participant.acknowledged) - set(own)
        equal(missing, set(), f"nothing acknowledged to {participant.name} is lost")
        unheard = len(own) - len(participant.acknowledged)
        check(unheard <= participant.killed, "nothing is there that was never asked for", unheard=unheard)


async def all_contacts(assistant: Assistant) -> list[dict[str, Any]]:
    """All contacts, page by page."""
    items: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = (await assistant.call("list_contacts", limit=100, sort="created", **more)).value()
        items += page["items"]
        if "nextCursor" not in page:
            return items
        more = {"cursor": page["nextCursor"]}


@story("a change made through one process is read through the others at once", "stdio first", "server first")
async def same_data(stage: Stage, order: str) -> None:
    """Reads are fresh on every process, whoever holds the folder, and a waiting call on one hears of a change on another."""
    folder = stage.folder()
    workspace = folder.create_workspace("Same")
    async with contextlib.AsyncExitStack() as stack:
        if order == "server first":
            server = stack.enter_context(Server(folder))
        one = await stack.enter_async_context(over_stdio(folder, "--workspace", workspace.id))
        two = await stack.enter_async_context(over_stdio(folder, "--workspace", workspace.id))
        if order == "stdio first":
            server = stack.enter_context(Server(folder))
        bearer = {"Authorization": f"Bearer {workspace.token}"}
        web = await stack.enter_async_context(over_http(f"{server.address}/mcp", bearer))
        everybody = {"one": one, "two": two, "web": web}
        for name, writer in everybody.items():
            head = (await writer.call("wait_for_events", timeoutMs=1)).value()["nextAfter"]
            waiting = [
                asyncio.create_task(
                    reader.call("wait_for_events", after=head, types=["ContactCreated"], timeoutMs=20_000)
                )
                for reader in everybody.values()
            ]
            made = (await writer.call("create_contact", email=f"{name}@example.org")).value()
            for reader in everybody.values():
                got = (await reader.call("get_contact", contactId=f"email:{name}@example.org")).value()
                equal(got["contact"]["id"], made["contact"]["id"], f"what {name} wrote is read everywhere")
            for heard in await asyncio.gather(*waiting):
                events = [event["position"] for event in heard.value()["items"]]
                equal(events, [made["position"]], f"what {name} wrote is heard everywhere")
