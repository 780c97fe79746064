"""Flows as files: pulled, edited, compared, checked, pushed and played, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.folder import Folder, Outcome
from harness.plain_calls import call
from harness.server import Server
from harness.story import Stage, check, equal, story
from harness.visitor import Visitor

WELCOME = {
    "formatVersion": 1,
    "name": "Welcome",
    "variables": {"baker": "Berta"},
    "steps": {
        "hello": {"send": {"text": "Hi {{ contact.firstName | default('there') }}!"}},
        "ask": {"question": {"text": "Which cake?", "saveTo": "customField.favourite cake", "timeout": "2d"}},
        "offer": {
            "send": {
                "text": "{{ run.baker }} bakes {{ lastInput }}. Shall she?",
                "buttons": [{"text": "Yes", "then": "order"}, {"text": "No", "then": "bye"}],
            }
        },
        "order": {"addTags": ["wants cake"]},
        "later": {"wait": {"for": "1d"}},
        "done": {"send": {"text": "It is ready."}},
        "bye": {"end": {}},
    },
}


def bakery(stage: Stage) -> tuple[Folder, Path]:
    """A workspace with one flow, which was never published, and an empty folder for files."""
    folder = stage.folder()
    folder.create_workspace("Bakery")
    folder.command("call", "create_custom_field", "name=favourite cake", "type=text")
    folder.command("call", "create_flow", "--json", json.dumps({"document": WELCOME}))
    files = stage.directory / "flows"
    return folder, files


def edited(file: Path, old: str, new: str) -> None:
    """Writes something else into a file."""
    text = file.read_text()
    check(old in text, f"{old!r} stands in the file", text=text)
    file.write_text(text.replace(old, new))


def one(outcome: Outcome, code: int) -> dict[str, Any]:
    """The only entry of a report, which ended with this exit code."""
    equal(outcome.code, code, f"the exit code tells: {outcome}")
    (entry,) = outcome.json()
    return entry


@story("`flow pull` writes a file for each flow, and `flow diff` compares line by line", "running", "stopped")
def pulled_and_compared(stage: Stage, state: str) -> None:
    """With a server that holds the folder, and without."""
    folder, files = bakery(stage)
    if state == "running":
        with Server(folder):
            compared(folder, files)
    else:
        compared(folder, files)


def compared(folder: Folder, files: Path) -> None:
    """Pulled, the same, edited, restored by pulling."""
    pulled = folder.command("flow", "pull", str(files)).out
    file = files / "welcome.yaml"
    equal([path.name for path in files.iterdir()], [file.name], "there is one file, named after the flow")
    check("Welcome: written" in pulled, "it says what was written", pulled=pulled)
    text = file.read_text()
    order = [text.index(f"  {step}:") for step in ("hello", "ask", "offer", "order", "later", "done", "bye")]
    equal(order, sorted(order), "the steps stand in their order")
    equal(one(folder.run("flow", "pull", str(files), "--json"), 0)["outcome"], "unchanged", "pulled again, nothing is written")
    file.write_text("# Ours.\n" + text)
    equal(one(folder.run("flow", "pull", str(files), "--json"), 0)["outcome"], "unchanged", "a file that says the same is kept")
    equal(file.read_text(), "# Ours.\n" + text, "with its comments")
    equal(one(folder.run("flow", "diff", str(files), "--json"), 0)["outcome"], "same", "nothing differs yet")
    edited(file, "It is ready.", "It is ready, come by.")
    # How a text is put into lines and quotation marks is no difference.
    edited(file, "text: Which cake?", 'text:   "Which cake?"')
    differs = folder.run("flow", "diff", str(files))
    equal(differs.code, 1, "a difference is told by the exit code")
    marked = [line.strip() for line in differs.out.splitlines() if line.strip()[:1] in "+-"]
    equal([line[0] for line in marked], ["-", "+"], f"only the line that differs is shown, as it is there and here: {differs.out}")
    check("It is ready." in marked[0] and "It is ready, come by." in marked[1], "with what stands in it", marked=marked)
    equal(len(one(folder.run("flow", "diff", str(files), "--json"), 1)["lines"]), 2, "the same as JSON")
    (files / "new.yaml").write_text(text.replace("name: Welcome", "name: Goodbye"))
    listed = folder.run("flow", "diff", str(files), "Goodbye", "--json")
    equal(one(listed, 1)["outcome"], "only in the folder", "a flow that was never pushed is a difference")
    folder.command("flow", "pull", str(files), "Welcome")
    equal(file.read_text(), text, "pulling brings the draft back")


@story("`flow validate` names the place of each error, and nothing is written by it")
def validated(stage: Stage) -> None:
    """Two errors at once, then a text that is no YAML."""
    folder, files = bakery(stage)
    folder.command("flow", "pull", str(files))
    file = files / "welcome.yaml"
    equal(one(folder.run("flow", "validate", str(files), "--json"), 0)["outcome"], "valid", "the flow is valid")
    edited(file, "then: order", "then: ordr")
    edited(file, "customField.favourite cake", "customField.favorite cake")
    entry = one(folder.run("flow", "validate", str(files), "--json"), 1)
    found = {finding["path"]: finding for finding in entry["errors"]}
    equal(set(found), {"steps.offer.send.buttons[0].then", "steps.ask.question.saveTo"}, "both errors are told, with their places")
    equal(found["steps.ask.question.saveTo"]["candidates"][0]["id"], "favourite cake", "the near miss is named")
    told = folder.run("flow", "validate", str(files))
    check(all(path in told.out for path in found) and told.code == 1, "people are told the same", told=told)
    file.write_text("name: Welcome\nsteps: [\n")
    equal(one(folder.run("flow", "validate", str(files), "--json"), 1)["valid"], False, "what is no YAML is not valid")
    equal(folder.command("call", "list_flow_versions", "flowId=Welcome").json()["items"], [], "nothing was published")
    folder.verify_log()


@story("`flow push --publish` publishes what has changed, once, and refuses what has errors")
def pushed(stage: Stage) -> None:
    """Created, published, unchanged, refused."""
    folder, files = bakery(stage)
    folder.command("flow", "pull", str(files))
    file = files / "welcome.yaml"
    edited(file, "It is ready.", "It is ready, come by.")
    equal(one(folder.run("flow", "push", str(files), "--json"), 0)["outcome"], "updated", "the draft is another")
    entry = one(folder.run("flow", "push", str(files), "--publish", "--json"), 0)
    equal((entry["outcome"], entry["version"]), ("published", 1), "the first version is published")
    again = one(folder.run("flow", "push", str(files), "--publish", "--json"), 0)
    equal((again["outcome"], again["version"]), ("unchanged", 1), "the same files make no second version")
    equal(folder.run("flow", "diff", str(files)).code, 0, "files and workspace are the same")
    edited(file, "then: order", "then: ordr")
    refused = folder.run("flow", "push", str(files), "--publish")
    check(refused.code == 1 and "ordr" in refused.out, "a flow with errors is not published", refused=refused)
    shown = folder.command("call", "get_flow", "flowId=Welcome", "version=1").json()
    equal(shown["document"]["steps"]["done"]["send"]["text"], "It is ready, come by.", "the version stays as it was")
    (files / "goodbye.yaml").write_text("formatVersion: 1\nname: Goodbye\nsteps:\n  end: {end: {}}\n")
    created = one(folder.run("flow", "push", str(files), "Goodbye", "--json"), 0)
    equal((created["flow"], created["outcome"]), ("Goodbye", "created"), "a file of a new flow makes it")
    folder.verify_log()


@story("`flow simulate` plays a file or a flow with replies, over its waits, and writes nothing")
def simulated(stage: Stage) -> None:
    """To the end, to where replies are missing, with a known contact, with errors."""
    folder, files = bakery(stage)
    ana = visited(folder)
    folder.command("flow", "pull", str(files))
    file = files / "welcome.yaml"
    size = log_size(folder)
    answer = one(folder.run("flow", "simulate", str(file), "--reply", "Plum cake", "--reply", "yes", "--json"), 0)
    equal(answer["status"], "completed", "it comes to its end")
    sent = [moment["what"] for moment in answer["transcript"] if moment["kind"] == "sent"]
    offer = "Berta bakes Plum cake. Shall she? [Yes] [No]"
    equal(sent, ["Hi there!", "Which cake?", offer, "It is ready."], "what the contact would read")
    days = sorted({moment["at"][:10] for moment in answer["transcript"]})
    equal(len(days), 2, "the clock jumps over the wait of a day")
    equal(answer["contact"]["customField"], {"favourite cake": "Plum cake"}, "the answer would stand in the field")
    equal(answer["contact"]["tags"], ["wants cake"], "the tag would be there")
    waiting = one(folder.run("flow", "simulate", "Welcome", "--contact", ana, "--json"), 0)
    equal((waiting["status"], waiting["step"]), ("waiting", "ask"), "without replies it waits")
    equal(waiting["transcript"][0]["what"], "Hi Ana!", "a contact is played as it is known")
    told = folder.command("flow", "simulate", "Welcome", "--reply", "Plum cake").out
    check("  received  " in told and "\nwaiting: " in told, "people see who says what", told=told)
    edited(file, "then: order", "then: ordr")
    wrong = folder.run("flow", "simulate", str(file))
    check(wrong.code == 1 and "steps.offer.send.buttons[0].then" in wrong.out, "errors are told instead", wrong=wrong)
    equal(log_size(folder), size, "nothing was written")
    equal(folder.command("call", "list_tags").json()["items"], [], "no tag was made")


def visited(folder: Folder) -> str:
    """A contact that wrote on web chat; gives how it is named."""
    with Server(folder) as server, Visitor(server.address, "Ana") as visitor:
        visitor.write("Hello?")
        return f"webchat:{visitor.id}"


def log_size(folder: Folder) -> int:
    """How many events there are."""
    (workspace,) = folder.command("log", "verify", "--json").json()["workspaces"]
    return workspace["size"]


@story("whoever may not read contacts plays a flow with made-up ones only")
def strangers(stage: Stage) -> None:
    """What a flow says to a contact would tell what is known of it."""
    folder, _ = bakery(stage)
    ana = visited(folder)
    made = folder.command("token", "create", "--name", "author", "--scopes", "flows:read", "--json").json()
    with Server(folder) as server:
        made_up = call(server.address, made["token"], "simulate_flow", flowId="Welcome", contact={"firstName": "Ben"}).value()
        equal(made_up["transcript"][0]["what"], "Hi Ben!", "a made-up contact is nobody's data")
        refused = call(server.address, made["token"], "simulate_flow", flowId="Welcome", contactId=ana)
        check("contacts:read" in refused.problem("forbidden")["hint"], "it says what the token would need", refused=refused)
