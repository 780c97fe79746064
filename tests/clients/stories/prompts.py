"""Prompts over every transport: listed, filled in, completed while somebody types. And calls that take long say so."""

from __future__ import annotations

import asyncio
import json

from harness.doors import HTTP, SSE, STDIO, Door, Place
from harness.plain_calls import call
from harness.server import Server
from harness.story import Stage, check, equal, story
from mcp.types import PromptReference, ResourceTemplateReference

# The client of the second generation, whose answers are the library's own.
PYTHON = [door for door in STDIO + SSE + HTTP if door.name.startswith("Python,") and "token" not in door.name]
MAIL = "ana@example.org"
SECONDS = 30.0


@story("a prompt is listed, filled in, and completed while somebody types", *PYTHON)
async def prompts(stage: Stage, door: Door) -> None:
    """What a client with a menu of prompts does."""
    folder = stage.folder()
    workspace = folder.create_workspace("Prompts")
    with Server(folder) as server:
        made = call(server.address, workspace.token, "create_contact", firstName="Ana", email=MAIL).value()
        place = Place(server.address, folder, workspace, workspace.token, stage.node_modules)
        async with asyncio.timeout(SECONDS), door.open(place) as assistant:
            client = assistant.client
            listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
            equal(set(listed), {"triage_inbox", "contact_briefing", "draft_reply"}, "the prompts are listed")
            [contact] = listed["contact_briefing"].arguments
            check(contact.required and contact.description, "an argument is described", contact=contact)
            proposed = await client.complete(
                PromptReference(name="contact_briefing"), {"name": "contact", "value": "An"}
            )
            equal(proposed.completion.values, [f"email:{MAIL}"], "a contact is proposed by its name")
            proposed = await client.complete(
                ResourceTemplateReference(uri="chatbotx://contacts/{id}"), {"name": "id", "value": "ana"}
            )
            equal(proposed.completion.values, [made["contact"]["id"]], "the id of a resource is proposed, too")
            filled = await client.get_prompt("contact_briefing", {"contact": f"email:{MAIL}"})
            [message] = filled.messages
            check(json.dumps(f"email:{MAIL}") in message.content.text, "it names the contact", message=message)
            check("`get_contact`" in message.content.text, "it names the calls", message=message)


@story("a call that takes long says that it goes on", STDIO[0], HTTP[0])
async def signs_of_life(stage: Stage, door: Door) -> None:
    """Through the bridge as well as over Streamable HTTP."""
    folder = stage.folder()
    workspace = folder.create_workspace("Waiting")
    signs: list[float] = []

    async def told(progress: float, _total: float | None, _message: str | None) -> None:
        signs.append(progress)

    with Server(folder) as server:
        place = Place(server.address, folder, workspace, workspace.token, stage.node_modules)
        async with asyncio.timeout(SECONDS), door.open(place) as assistant:
            waited = await assistant.client.call_tool(
                "wait_for_events", {"timeoutMs": 10_500}, progress_callback=told
            )
            check(waited.structured_content["timedOut"], "nothing happened", waited=waited)
    equal(signs, [10.0], "a sign of life after 10 s")
