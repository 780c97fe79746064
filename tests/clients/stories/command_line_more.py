"""The command line beyond the daily tasks: export, replay, a new secret for a token, the doctor, the demo, and any operation by name."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from typing import Any

from harness.folder import Folder, Outcome, Workspace
from harness.plain_calls import call, stateless
from harness.raw_http import Unavailable, request
from harness.server import Server
from harness.story import Stage, check, equal, story, until

# Noticing takes up to 5 s where a stream is open; this is for the rest.
NOTICED_SECONDS = 10.0


def filled(stage: Stage) -> tuple[Folder, Workspace]:
    """A folder with a workspace and three contacts."""
    folder = stage.folder()
    workspace = folder.create_workspace("Line")
    for name in ("Ana", "Berta", "Carla"):
        folder.command("call", "create_contact", f"firstName={name}", f"email={name.lower()}@example.org", "tags=VIP")
    return folder, workspace


def problem(outcome: Outcome) -> dict[str, Any]:
    """The problem on standard error."""
    return json.loads(outcome.err.strip().splitlines()[-1])


def with_input(folder: Folder, text: str, *arguments: str) -> Outcome:
    """Runs a command that reads `text`."""
    done = subprocess.run(
        [folder.binary, *arguments], env=folder.environment(), input=text, capture_output=True, text=True, timeout=30
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@story("`log export` prints the whole log, or writes it into a file that appears when it is whole", "running", "stopped")
def export(stage: Stage, state: str) -> None:
    """Every position once and in order, and the root of the tree at the end."""
    folder, workspace = filled(stage)
    server = Server(folder)
    if state == "running":
        server.__enter__()
    try:
        lines = [json.loads(line) for line in folder.command("log", "export").out.splitlines()]
        equal([line["position"] for line in lines], list(range(1, len(lines) + 1)), "every position, in order")
        members = {"id", "sequence", "leafHash", "payloadHash", "metadataHash", "recordedAtUs", "data", "actor"}
        check(all(members <= set(line) for line in lines), "a line can be checked", line=lines[0])
        check(workspace.token not in json.dumps(lines), "no secret is exported")
        file = stage.directory / "log.jsonl"
        done = folder.command("log", "export", "--after", "2", "--until", "5", "--out", str(file), "--json").json()
        equal((done["events"], done["until"]), (3, 5), "the result says what was written")
        equal([json.loads(line) for line in file.read_text().splitlines()], lines[2:5], "the same lines")
        equal(oct(file.stat().st_mode & 0o777), oct(0o600), "the file is for its owner only")
        whole = folder.command("log", "export", "--out", str(file), "--json").json()
        equal(whole["root"], folder.verify_log()["workspaces"][0]["root"], "the root is that of the log")
        refused = folder.run("log", "export", "--until", "9999", "--out", str(stage.directory / "none.jsonl"), "--json")
        equal((refused.code, problem(refused)["field"]), (1, "until"), "a position that is not there is refused")
        left = [name for name in os.listdir(stage.directory) if name.endswith((".unfinished", "none.jsonl"))]
        equal(left, [], "nothing is left of it")
    finally:
        server.drain()


@story("`log replay` makes read tables as of then beside the live ones")
def replay(stage: Stage) -> None:
    """By position, beside a running server; the live tables go on."""
    folder, workspace = filled(stage)
    target = stage.directory / "then.db"
    with Server(folder) as server:
        events = [json.loads(line) for line in folder.command("log", "export").out.splitlines()]
        second = [event["position"] for event in events if event["type"] == "ContactCreated"][1]
        done = folder.command("log", "replay", "--to", str(target), "--until", str(second), "--json").json()
        (reached,) = done["workspaces"]
        equal((reached["id"], reached["position"]), (workspace.id, second), "the position that was reached is told")
        check(done["seconds"] >= 0 and done["events"] == second, "and what it took", done=done)
        with sqlite3.connect(target) as database:
            (contacts,) = database.execute("select count(*) from contacts").fetchone()
            (indexes,) = database.execute("select count(*) from sqlite_master where type = 'index'").fetchone()
        database.close()
        equal(contacts, 2, "there were two contacts then")
        check(indexes > 5, "it has its indexes", indexes=indexes)
        live = call(server.address, workspace.token, "list_contacts", withCount=True).value()
        equal(live["totalCount"], 3, "the live tables are as they were")
    again = folder.run("log", "replay", "--to", str(target), "--json")
    equal((again.code, problem(again)["code"]), (1, "conflict"), "a file is not replaced")
    folder.command("log", "replay", "--to", str(target), "--force", "--until", "2000-01-01")
    with sqlite3.connect(target) as database:
        equal(database.execute("select count(*) from contacts").fetchone(), (0,), "before the first event was nothing")
    database.close()


@story("`token rotate` gives a token another secret; the old one ends at once, or after its time of grace")
def rotate(stage: Stage) -> None:
    """The same token: id, name and rights stay."""
    folder = stage.folder()
    workspace = folder.create_workspace("Line")
    token_id, old = folder.create_token(workspace, "Robot", "--permission", "read_only")

    def answers(server: Server, token: str) -> bool:
        body, headers = stateless("tools/list")
        return request(server.address, "POST", "/mcp", body, headers | {"Authorization": f"Bearer {token}"}).status == 200

    with Server(folder) as server:
        check(answers(server, old), "the old secret opens")
        made = folder.rotate_token(workspace, "Robot", "--grace", "1h")
        equal((made["id"], made["name"]), (token_id, "Robot"), "it is the same token")
        check(answers(server, made["token"]) and answers(server, old), "both open for an hour")
        again = folder.rotate_token(workspace, token_id)
        check("previousExpiresAt" not in again, "without grace the old one ends at once", again=again)
        until(lambda: not answers(server, made["token"]) and not answers(server, old), "the old ones end", NOTICED_SECONDS)
        check(answers(server, again["token"]), "the new one opens")
    listed = folder.command("token", "list", "--json").json()["items"]
    equal([one["id"] for one in listed if one["name"] == "Robot"], [token_id], "there is one such token")
    equal(folder.run("token", "rotate", "Robot", "--grace", "8d").code, 2, "more than 7 days is wrong usage")
    folder.verify_log()


@story("`doctor` finds a sound folder well, and says of a broken one what is wrong and how to mend it")
def doctor(stage: Stage) -> None:
    """With a server, without, and with what is broken."""
    folder, _ = filled(stage)

    def ill(*options: str, code: int = 0) -> dict[str, str]:
        outcome = folder.run("doctor", "--listen", "127.0.0.1:0", "--json", *options)
        equal(outcome.code, code, f"the exit code tells: {outcome}")
        findings = outcome.json()["findings"]
        check(all("mend" in one for one in findings if one["level"] != "ok"), "what is ill can be mended", findings=findings)
        return {one["check"]: one["level"] for one in findings if one["level"] != "ok"}

    # The token of the workspace was never used: that is said, and no problem.
    equal(ill("--full"), {"tokens": "warning"}, "a sound folder is well")
    with Server(folder):
        equal(ill(), {"tokens": "warning"}, "also while a server runs")
    key = folder.path / "master.key"
    kept = key.read_bytes()
    key.write_text("ab" * 32)
    check(ill(code=1).get("master key") == "problem", "another key is found")
    key.write_bytes(kept)
    (folder.path / "events.db").write_bytes(b"no database at all" * 500)
    check(ill(code=1).get("event log") == "problem", "a ruined log is found")
    missing = stage.folder("nowhere")
    outcome = missing.run("doctor", "--listen", "127.0.0.1:0")
    check(outcome.code == 1 and "PROBLEM" in outcome.out, "a missing folder is found", outcome=outcome)
    check(not missing.path.exists(), "and not made")


@story("`demo` fills a workspace of its own, and says what to try next")
def demo(stage: Stage) -> None:
    """People, tags, fields, and conversations in both directions."""
    folder = stage.folder()
    told = folder.command("demo", "--contacts", "30", "--seed", "5").out
    check("What to try next" in told and "Demo" in told, "it says how to go on", told=told)
    counted = folder.command("call", "list_contacts", "withCount=true", "limit=1").json()
    equal(counted["totalCount"], 30, "there are as many contacts as asked for")
    talks = folder.command("call", "list_conversations", "limit=100").json()["items"]
    check(talks, "there are conversations")
    tags = folder.command("call", "list_tags").json()["items"]
    check(len(tags) >= 3, "there are tags", tags=tags)
    equal(folder.run("demo", "--json").code, 1, "it is not filled twice")
    folder.verify_log()


@story("`call` takes its input from words, JSON, a file or standard input, and lists the operations")
def calls(stage: Stage) -> None:
    """One input, whichever way it comes."""
    folder, _ = filled(stage)
    wanted = folder.command("call", "list_contacts", "--json", '{"query": "ana", "limit": 5}').json()
    equal([one["name"] for one in wanted["items"]], ["Ana"], "the contact is found")
    file = stage.directory / "input.json"
    file.write_text('{"query": "ana", "limit": 5}')
    for arguments in (("query=ana", "limit=5"), ("--file", str(file)), ("limit=5", "--json", '{"query": "ana"}')):
        equal(folder.command("call", "list_contacts", *arguments).json(), wanted, f"the same answer: {arguments}")
    for arguments in (("-",), ("--file", "-")):
        outcome = with_input(folder, file.read_text(), "call", "list_contacts", *arguments)
        equal((outcome.code, outcome.json()), (0, wanted), f"the same answer: {arguments}")
    pretty, compact = (folder.command("call", "list_tags", *options).out for options in ((), ("--compact",)))
    check(len(pretty.splitlines()) > 1 and len(compact.splitlines()) == 1, "pretty for people, compact when asked")
    listed = folder.command("call", "--list").out
    check("Toolset core" in listed and "reaches customers" in listed, "operations are listed", listed=listed)
    names = [one["name"] for part in folder.command("call", "--list", "--json").json()["toolsets"] for one in part["operations"]]
    check("send_message" in names, "as JSON, too", names=names)
    typo = folder.run("call", "list_contact")
    equal((typo.code, problem(typo)["candidates"][0]["id"]), (1, "list_contacts"), "a near miss is named")
    stray = folder.run("call", "list_contacts", "colour=red")
    equal((stray.code, problem(stray)["code"]), (1, "invalid_input"), "an unknown member is refused")


@story("wrong usage is told as JSON to whoever asked for JSON")
def usage(stage: Stage) -> None:
    """The same members as every other problem, and exit code 2."""
    folder = stage.folder()
    outcome = folder.run("token", "create", "--json")
    equal((outcome.code, outcome.out), (2, ""), "wrong usage ends with 2")
    said = problem(outcome)
    check(said["code"] == "invalid_input" and "--name" in said["message"] and said["hint"], "it says what is missing", said=said)
    typo = problem(folder.run("workspace", "lst", "--json"))
    equal(typo["candidates"][0]["id"], "list", "a near miss is named")
    in_words = folder.run("token", "create")
    check(in_words.code == 2 and "error:" in in_words.err, "people are told in words", outcome=in_words)


@story("limits are settings, and 0 is no limit", "option", "variable")
def limits(stage: Stage, how: str) -> None:
    """Two calls of a token in 10 s are one too many for a limit of 1."""
    folder = stage.folder()
    workspace = folder.create_workspace("Line")
    options = ("--limit-calls-per-token", "1") if how == "option" else ()
    if how == "variable":
        folder.environment = lambda: Folder.environment(folder) | {"CHATBOTX_LIMIT_CALLS_PER_TOKEN": "1"}
    with Server(folder, *options) as server:
        call(server.address, workspace.token, "get_workspace").value()
        try:
            call(server.address, workspace.token, "get_workspace")
            check(False, "the second call is one too many")
        except Unavailable as limited:
            check(limited.delay_seconds > 0, "it says when to come back")
    with Server(folder, "--limit-calls-per-token", "0", "--limit-calls-per-workspace", "0") as server:
        for _ in range(3):
            call(server.address, workspace.token, "get_workspace").value()
