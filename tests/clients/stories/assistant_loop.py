"""The main job, through every door: find a contact, tag it, write to it, read its answer; and errors that a model can act on."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from harness.answer import Assistant, ProtocolError
from harness.doors import EVERY, Door, Place
from harness.server import Server
from harness.story import Stage, check, equal, story
from harness.visitor import Visitor

CORE = {
    "get_workspace", "list_contacts", "create_contact", "upsert_contact", "get_contact", "add_contact_tags",
    "remove_contact_tags", "list_contact_custom_fields", "set_contact_custom_field", "send_message", "list_channels",
    "list_conversations", "list_contact_messages", "search_messages", "wait_for_events", "get_message_status",
    "search_tools", "call_tool",
}  # fmt: skip
INVALID_PARAMS = -32602
LOOP_SECONDS = 45.0


@story("an assistant finds a contact, tags it, writes to it and reads its answer", *EVERY)
async def main_loop(stage: Stage, door: Door) -> None:
    """The whole loop, each time on a new folder."""
    folder = stage.folder()
    workspace = folder.create_workspace("Loop")
    with Server(folder) as server, Visitor(server.address, "Ana Visitor") as visitor:
        place = Place(server.address, folder, workspace, workspace.token, stage.node_modules)
        async with asyncio.timeout(LOOP_SECONDS), door.open(place) as assistant:
            await the_loop(assistant, visitor)


async def the_loop(assistant: Assistant, visitor: Visitor) -> None:
    """The loop for a connected assistant and a visitor who has not written yet."""
    await tools_are_listed_within_the_budget(assistant)
    contact = await visitor_becomes_findable(assistant, visitor)
    await contact_is_tagged_once(assistant, contact)
    message, position = await message_reaches_the_visitor(assistant, visitor, contact)
    await answers_are_seen(assistant, visitor, contact, message, position)
    await errors_carry_our_codes(assistant, contact)


async def tools_are_listed_within_the_budget(assistant: Assistant) -> None:
    """The default list is the core, small enough for every host."""
    tools = await assistant.list_tools()
    names = [tool["name"] for tool in tools]
    check(CORE <= set(names), "the core tools are listed", missing=CORE - set(names))
    check(len(names) == len(set(names)) <= 20, "at most 20 tools are listed, each once", names=names)
    for tool in tools:
        schema, hints = tool["inputSchema"], tool["annotations"]
        equal(schema.get("additionalProperties"), False, f"{tool['name']} refuses unknown fields by its schema")
        check(not schema.keys() & {"oneOf", "anyOf", "allOf"}, f"{tool['name']}: no union at the top", schema=schema)
        check(0 < len(tool["description"]) < 2000, f"{tool['name']} is described within 2,000 characters")
        wanted = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        check(wanted <= set(hints), f"{tool['name']} states all four hints", hints=hints)


async def visitor_becomes_findable(assistant: Assistant, visitor: Visitor) -> str:
    """The visitor writes first; the contact gets an e-mail address and a phone number and is found by either."""
    first = await asyncio.to_thread(visitor.write, "Hello, is anybody there?")
    check(first["position"] > 0 and first["messageId"], "an inbound message is acknowledged", first=first)
    contact = (await assistant.call("get_contact", contactId=f"webchat:{visitor.id}")).value()["contact"]["id"]
    digits = str(uuid.uuid4().int)[:9]
    email, phone = f"ana.{digits}@example.org", f"+4917{digits}"
    updated = (await assistant.call("update_contact", contactId=contact, email=email, phone=phone)).value()
    check(updated["changed"] and updated["position"] > first["position"], "the update is an event", updated=updated)
    for found_by in ({"phone": phone}, {"email": email}, {"query": email}, {"query": digits}):
        items = (await assistant.call("list_contacts", **found_by)).value()["items"]
        equal([item["id"] for item in items], [contact], f"the contact is found by {found_by}")
    named = (await assistant.call("get_contact", contactId=f"email:{email}")).value()["contact"]
    equal((named["id"], named["phone"]), (contact, phone), "an e-mail address names the contact in every tool")
    return contact


async def contact_is_tagged_once(assistant: Assistant, contact: str) -> None:
    """A tag is added once; the same key answers the same; deciding again changes nothing."""
    arguments = {"contactId": contact, "tags": ["VIP"], "idempotencyKey": "tag-once"}
    first = (await assistant.call("add_contact_tags", **arguments)).value()
    check(first["changed"] and "replayed" not in first, "the tag is new", first=first)
    again = (await assistant.call("add_contact_tags", **arguments)).value()
    equal((again["replayed"], again["position"]), (True, first["position"]), "the same key gives the same outcome")
    other = arguments | {"tags": ["Other"]}
    (await assistant.call("add_contact_tags", **other)).problem("idempotency_key_reused")
    unkeyed = (await assistant.call("add_contact_tags", contactId=contact, tags=["vip"])).value()
    equal(unkeyed["changed"], False, "a tag that is there is not added, whatever its case")
    items = (await assistant.call("list_contacts", tags=["VIP"])).value()["items"]
    equal([item["id"] for item in items], [contact], "the contact is listed by its tag")


async def message_reaches_the_visitor(assistant: Assistant, visitor: Visitor, contact: str) -> tuple[str, int]:
    """A message with buttons arrives once and whole; its status follows the visitor's receipts and never goes back."""
    text = "Shall we call you tomorrow? – ¿Mañana? 明天"
    buttons = [{"id": "yes", "title": "Yes, please"}, {"id": "no", "title": "No"}]
    sending = {"contactId": contact, "text": text, "buttons": buttons, "idempotencyKey": "send-once"}
    dry = (await assistant.call("send_message", **(sending | {"dryRun": True}))).value()
    check(dry["dryRun"] and "position" not in dry and dry["wouldAppend"], "a dry run sends nothing", dry=dry)
    sent = (await assistant.call("send_message", **sending)).value()
    again = (await assistant.call("send_message", **sending)).value()
    equal(again["message"]["id"], sent["message"]["id"], "the same key is one message")
    message = sent["message"]["id"]
    got = await asyncio.to_thread(visitor.await_message, message)
    equal((got.text, got.buttons), (text, buttons), "the visitor receives what was written")
    equal(len(visitor.received), 1, "the visitor receives it once")
    equal(await status_of(assistant, message), "sent", "a message that the visitor can read is sent")
    for state, status in [("delivered", "delivered"), ("read", "read"), ("delivered", "read")]:
        await asyncio.to_thread(visitor.acknowledge, message, state)
        equal(await status_of(assistant, message), status, f"after the receipt `{state}`")
    return message, sent["position"]


async def status_of(assistant: Assistant, message: str) -> str:
    """The status of a message."""
    value = (await assistant.call("get_message_status", messageId=message)).value()
    return value["message"]["status"]


async def answers_are_seen(assistant: Assistant, visitor: Visitor, contact: str, message: str, position: int) -> None:
    """The visitor answers by text and by button while the assistant waits; both stand in the list of messages."""
    words = "Yes, at nine"
    after, event = await awaits(assistant, contact, position, lambda: visitor.write(words, message))
    equal(event["contactId"], contact, "the event names its contact")
    after, _ = await awaits(assistant, contact, after, lambda: visitor.press("yes", message))
    quiet = (await assistant.call("wait_for_events", after=after, contactId=contact, timeoutMs=50)).value()
    equal((quiet["items"], quiet["nextAfter"] >= after), ([], True), "nothing more happened")
    items = (await assistant.call("list_contact_messages", contactId=contact, limit=10)).value()["items"]
    seen = [(item["direction"], item["text"]) for item in items]
    equal(seen[:2], [("inbound", "Yes, please"), ("inbound", words)], "the newest message comes first")
    equal((seen[2][0], items[2]["id"], len(seen)), ("outbound", message, 4), "every message stands there once")
    open_ones = (await assistant.call("list_conversations", unread=True)).value()["items"]
    check(any(item["contactId"] == contact for item in open_ones), "the conversation is unread", items=open_ones)


async def awaits(assistant: Assistant, contact: str, after: int, act: Any) -> tuple[int, dict[str, Any]]:
    """Waits for an inbound message while the visitor acts; returns where to go on and the event."""
    arguments = {"after": after, "types": ["MessageReceived"], "contactId": contact, "timeoutMs": 20_000}
    waiting = asyncio.create_task(assistant.call("wait_for_events", **arguments))
    acknowledged = await asyncio.to_thread(act)
    happened = (await waiting).value()
    equal([event["type"] for event in happened["items"]], ["MessageReceived"], "one message is received")
    event = happened["items"][0]
    equal(event["position"], acknowledged["position"], "the event stands at the acknowledged position")
    check(happened["nextAfter"] >= event["position"], "the cursor is behind the event", happened=happened)
    return happened["nextAfter"], event


async def errors_carry_our_codes(assistant: Assistant, contact: str) -> None:
    """What a caller can act on is a tool error with our code, in every client; the rest is a protocol error."""
    unknown = contact[:-1] + ("0" if contact[-1] != "0" else "1")
    for nobody in (unknown, "email:nobody@example.org", "webchat:nobody"):
        (await assistant.call("get_contact", contactId=nobody)).problem("not_found")
        (await assistant.call("send_message", contactId=nobody, text="Hello")).problem("not_found")
    field = (await assistant.call("list_contacts", nonsense=1)).problem("invalid_input")
    check("nonsense" in f"{field}", "the error names the unknown field", problem=field)
    for tool, arguments in [
        ("list_contacts", {"limit": "ten"}),
        ("list_contacts", {"limit": 101}),
        ("add_contact_tags", {"contactId": contact, "tags": [""]}),
        ("send_message", {"contactId": contact, "text": ""}),
        ("send_message", {"contactId": contact}),
        ("add_contact_tags", {"tags": ["VIP"]}),
    ]:
        (await assistant.call(tool, **arguments)).problem("invalid_input")
    try:
        await assistant.call("no_such_tool")
    except ProtocolError as error:
        equal(error.code, INVALID_PARAMS, "an unknown tool is a protocol error")
    else:
        check(False, "an unknown tool is a protocol error")


@story("a visitor whom the workspace knew before is one contact, and receives without having written")
async def known_before(stage: Stage) -> None:
    """An identity given to a contact by the workspace is the one under which the visitor's messages arrive."""
    folder = stage.folder()
    workspace = folder.create_workspace("Known")
    door = next(door for door in EVERY if door.name == "Python, Streamable HTTP")
    with Server(folder) as server, Visitor(server.address, "Ana") as visitor:
        async with door.open(
            Place(server.address, folder, workspace, workspace.token, stage.node_modules)
        ) as assistant:
            channels = (await assistant.call("list_channels", channel="webchat")).value()["items"]
            equal([channel["name"] for channel in channels], ["local"], "there is one built-in account")
            identity = {"channelAccountId": channels[0]["id"], "channelUserId": visitor.id}
            made = (
                await assistant.call("create_contact", firstName="Ana", email="ana@example.org", **identity)
            ).value()
            contact = made["contact"]["id"]
            sent = (await assistant.call("send_message", contactId=contact, text="Welcome")).value()
            await asyncio.to_thread(visitor.await_message, sent["message"]["id"])
            await asyncio.to_thread(visitor.write, "Thank you")
            listed = (await assistant.call("list_contacts", withCount=True)).value()
            equal(([item["id"] for item in listed["items"]], listed["totalCount"]), ([contact], 1), "it is one contact")
            again = await assistant.call("create_contact", firstName="Twin", **identity)
            check(contact in f"{again.problem('conflict')}", "the conflict names the owner", again=again)


@story("a message that a visitor repeats under one client id is taken in once")
def repeated(stage: Stage) -> None:
    """The network of the visitor broke after the server had committed: the browser sends it again."""
    folder = stage.folder()
    folder.create_workspace("Repeated")
    with Server(folder) as server:
        visitor = Visitor(server.address, "Ana")
        message = {"clientMessageId": "once", "text": "Hello"}
        equal(visitor.post(message), visitor.post(message), "the same message has the same answer")
