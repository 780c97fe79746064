"""The documented quick example, through every door: find a contact by phone, tag it, send it a flow; the visitor answers the flow's
question, and the answer stands in the contact's field."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from harness.answer import Assistant
from harness.doors import EVERY, Door, Place
from harness.server import Server
from harness.story import Stage, check, equal, story
from harness.visitor import Visitor

SECONDS = 60.0
WELCOME = {
    "formatVersion": 1,
    "name": "Welcome",
    "steps": {
        "hello": {"send": {"text": "Hi {{ contact.firstName | default('there') }}!"}},
        "ask": {
            "question": {
                "text": "Which cake do you like best?",
                "saveTo": "customField.favourite cake",
                "timeout": "2d",
                "onTimeout": "bye",
            }
        },
        "offer": {
            "send": {
                "text": "{{ lastInput }}, a good choice. Shall we bake one for you?",
                "buttons": [{"text": "Yes", "then": "yes"}, {"text": "No", "then": "bye"}],
            }
        },
        "yes": {"addTags": ["wants cake"]},
        "done": {"send": {"text": "It will be ready tomorrow."}},
        "bye": {"end": {}},
    },
}


@story("the quick example runs end to end: find by phone, tag, send a flow, and the answer is in the field", *EVERY)
async def quick_example(stage: Stage, door: Door) -> None:
    """The whole example, each time on a new folder."""
    folder = stage.folder()
    workspace = folder.create_workspace("Bakery")
    with Server(folder) as server, Visitor(server.address, "Ana") as visitor:
        place = Place(server.address, folder, workspace, workspace.token, stage.node_modules)
        async with asyncio.timeout(SECONDS), door.open(place) as assistant:
            await a_flow_is_published(assistant)
            contact, phone = await a_visitor_with_a_phone_number(assistant, visitor)
            run = await the_example(assistant, phone)
            await the_visitor_answers(assistant, visitor, contact, run)


async def a_flow_is_published(assistant: Assistant) -> None:
    """The field and the flow are made by tools; the flow is validated, dry, before."""
    (await assistant.call("create_custom_field", name="favourite cake", type="text")).value()
    checked = (await assistant.call("validate_flow", document=WELCOME)).value()
    equal(checked["valid"], True, "the document is a valid flow")
    created = (await assistant.call("create_flow", document=WELCOME)).value()
    published = (await assistant.call("publish_flow", flowId=created["flow"]["id"])).value()
    equal(published["flow"]["publishedVersion"], 1, "the first version is published")


async def a_visitor_with_a_phone_number(assistant: Assistant, visitor: Visitor) -> tuple[str, str]:
    """A visitor becomes a contact by writing; the workspace knows its number."""
    await asyncio.to_thread(visitor.write, "Hello?")
    phone = f"+4917{str(uuid.uuid4().int)[:9]}"
    updated = (await assistant.call("update_contact", contactId=f"webchat:{visitor.id}", phone=phone)).value()
    return updated["contact"]["id"], phone


async def the_example(assistant: Assistant, phone: str) -> str:
    """The three documented calls; gives the run's id."""
    items = (await assistant.call("list_contacts", phone=phone)).value()["items"]
    equal(len(items), 1, "the contact is found by its phone number")
    contact = items[0]["id"]
    (await assistant.call("add_contact_tags", contactId=contact, tags=["vip"])).value()
    arguments = {"contactId": contact, "flowId": "Welcome", "idempotencyKey": "welcome-once"}
    sent = (await assistant.call("send_contact_flow", **arguments)).value()
    again = (await assistant.call("send_contact_flow", **arguments)).value()
    equal((again["run"]["id"], again["replayed"]), (sent["run"]["id"], True), "the same key starts one run")
    equal(sent["run"]["version"], 1, "the run is pinned to the published version")
    return sent["run"]["id"]


async def the_visitor_answers(assistant: Assistant, visitor: Visitor, contact: str, run: str) -> None:
    """Greeting, question, answer, buttons, press, end: each message once and in order."""
    question = await arrives(visitor, "Which cake do you like best?")
    equal([got.text for got in visitor.received], ["Hi Ana!", question.text], "the greeting stands before the question")
    await asyncio.to_thread(visitor.write, "Bienenstich")
    offer = await arrives(visitor, "Bienenstich, a good choice. Shall we bake one for you?")
    equal([button["title"] for button in offer.buttons], ["Yes", "No"], "the buttons are sent")
    await asyncio.to_thread(visitor.press, offer.buttons[0]["id"], offer.id)
    await arrives(visitor, "It will be ready tomorrow.")
    equal(len(visitor.received), 4, "every message came once")
    fields = (await assistant.call("list_contact_custom_fields", contactId=contact)).value()["items"]
    values = {field["name"]: field.get("value") for field in fields}
    equal(values.get("favourite cake"), "Bienenstich", "the answer is in the contact's field")
    tags = (await assistant.call("list_contact_tags", contactId=contact)).value()["items"]
    check({"vip", "wants cake"} <= {tag["name"] for tag in tags}, "both tags are on the contact", tags=tags)
    ended = await completed(assistant, run)
    equal(ended["status"], "completed", "the run has ended")


async def arrives(visitor: Visitor, text: str) -> Any:
    """Waits until a message with this text has arrived."""
    wanted = lambda: next((got for got in visitor.received if got.text == text), None)  # noqa: E731
    return await asyncio.to_thread(visitor.await_that, wanted, f"the visitor receives {text!r}")


async def completed(assistant: Assistant, run: str) -> dict[str, Any]:
    """The run, once its last event is there."""
    after = 0
    while True:
        found = (await assistant.call("get_flow_run", runId=run)).value()["run"]
        if found["status"] not in ("running", "waiting"):
            return found
        arguments = {"after": after, "types": ["FlowRunCompleted", "FlowRunFailed"], "timeoutMs": 5_000}
        after = (await assistant.call("wait_for_events", **arguments)).value()["nextAfter"]
