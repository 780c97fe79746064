"""What is judged after the chaos: what was promised to the callers beside what is there, read from the database and through a
process that remembers nothing. Plain values, so that a copy can be tampered with."""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import Any

from chaos_follower import Told
from chaos_log import Row, uuid_of
from chaos_writers import Deed, Place, Race
from harness.folder import Folder
from harness.plain_calls import call
from harness.postgres import Postgres
from harness.raw_http import Unavailable
from harness.visitor import Received

LOG_SECONDS = 120.0
# What is not folded from the log alone: how far the tables are, and who made them.
NOT_COMPARED = {"checkpoints", "_sqlx_migrations"}


@dataclasses.dataclass
class Head:
    """The row of a workspace's head."""

    position: int
    recorded_at: int


@dataclasses.dataclass
class Evidence:
    """Everything; the ids of workspaces are those that callers know."""

    deeds: list[Deed] = dataclasses.field(default_factory=list)
    races: list[Race] = dataclasses.field(default_factory=list)
    blind: list[str] = dataclasses.field(default_factory=list)
    looks: int = 0
    turned_away: list[str] = dataclasses.field(default_factory=list)
    heads: dict[str, Head] = dataclasses.field(default_factory=dict)
    rows: dict[str, list[Row]] = dataclasses.field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    contacts: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    tags: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    runs: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    received: dict[str, list[Received]] = dataclasses.field(default_factory=dict)
    told: dict[str, list[Told]] = dataclasses.field(default_factory=dict)
    verified: dict[str, Any] = dataclasses.field(default_factory=dict)
    live: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    rebuilt: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    panics: list[str] = dataclasses.field(default_factory=list)
    # Answers that nobody had promised.
    errors: list[str] = dataclasses.field(default_factory=list)
    ended: list[str] = dataclasses.field(default_factory=list)
    unready: list[str] = dataclasses.field(default_factory=list)
    # Of the one time that a workspace was held: which, from when to when.
    held: str = ""
    held_from: float = 0.0
    held_until: float = 0.0
    backlog_seconds: float | None = None
    backlog: str = ""

    def acknowledged(self, workspace: str | None = None) -> list[Deed]:
        """What was acknowledged, in all workspaces or one."""
        of = (deed for deed in self.deeds if workspace in (None, deed.workspace))
        return [deed for deed in of if deed.acknowledged_at is not None]

    def effects(self, workspace: str) -> collections.Counter[tuple[str, str]]:
        """How often each change stands in the log: by the type of the event and the word."""
        counted: collections.Counter[tuple[str, str]] = collections.Counter()
        names: dict[str, str] = {}
        for event in self.events[workspace]:
            data = event["data"]
            match event["type"]:
                case "ContactCreated" if "attributes" in data:
                    counted["ContactCreated", data["attributes"].get("firstName", "")] += 1
                case "TagCreated":
                    names[event["stream"]["id"]] = data["name"]
                    counted["TagCreated", data["name"]] += 1
                case "ContactTagsAdded":
                    counted.update(("ContactTagsAdded", names[tag]) for tag in data["tags"])
                case "FlowRunStarted" | "FlowRunQueued":
                    counted[event["type"], data.get("variables", {}).get("word", "")] += 1
                case "MessageQueued" | "MessageReceived":
                    counted[event["type"], data["text"]] += 1
        return counted


def views_schema(postgres: Postgres, database: str) -> str:
    """The schema of the live read tables."""
    sql = "select nspname from pg_namespace where nspname ~ '^chatbotx_views_[0-9]+$'"
    ((name,),) = postgres.rows(database, sql)
    return name


def backlog(postgres: Postgres, database: str) -> str:
    """What still has to be done by flows and read tables; nothing when all is done."""
    schema = views_schema(postgres, database)
    heads = {row[0]: row[1] for row in postgres.rows(database, "select workspace, position from chatbotx_log.heads")}
    shown = postgres.rows(database, f"select workspace, position from {schema}.checkpoints")
    behind = {workspace: (at, heads[uuid_of(workspace)]) for workspace, at in shown if heads[uuid_of(workspace)] != at}
    ((count,),) = postgres.rows(database, f"select count(*) from {schema}.flow_runs where ended_at is null")
    flows = "" if count == "0" else f"{count} runs of flows are not over; "
    return flows + (f"read tables are behind: {behind}" if behind or len(shown) != len(heads) else "")


def rows_of_tables(postgres: Postgres, database: str) -> dict[str, list[str]]:
    """All rows of all read tables, in an order that depends on nothing but them."""
    schema = views_schema(postgres, database)
    tables = [row[0] for row in postgres.rows(database, f"select tablename from pg_tables where schemaname = '{schema}'")]
    return {
        table: sorted(
            postgres.text(database, f"copy (select row_to_json(t) from {schema}.{table} t) to stdout").splitlines()
        )
        for table in sorted(tables)
        if table not in NOT_COMPARED
    }


def read_log(evidence: Evidence, postgres: Postgres, database: str) -> None:
    """The rows of the log, from the database itself."""
    heads = postgres.rows(database, "select workspace, position, recorded_at from chatbotx_log.heads")
    by_uuid = {workspace: Head(int(position), int(at)) for workspace, position, at in heads}
    for workspace in evidence.told:
        uuid = uuid_of(workspace)
        evidence.heads[workspace] = by_uuid[uuid]
        rows = postgres.rows(
            database,
            f"""select position, stream_id, sequence, event_id, event_type, recorded_at from chatbotx_log.events
                where workspace = '{uuid}' order by position""",
        )
        evidence.rows[workspace] = [
            Row(int(position), stream, int(sequence), event, kind, int(at))
            for position, stream, sequence, event, kind, at in rows
        ]


def read_through(evidence: Evidence, address: str, place: Place) -> None:
    """What one workspace shows through a process."""

    def pages(tool: str, **arguments: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            try:
                page = call(address, place.token, tool, 60.0, limit=100, **arguments).value()
            except Unavailable as unavailable:
                time.sleep(unavailable.delay_seconds)
                continue
            items += page["items"]
            if "nextCursor" not in page:
                return items
            arguments["cursor"] = page["nextCursor"]

    evidence.events[place.id] = pages("list_events", after=0)
    evidence.contacts[place.id] = pages("list_contacts")
    evidence.tags[place.id] = pages("list_tags")
    evidence.runs[place.id] = pages("list_flow_runs")
    messages = pages("list_contact_messages", contactId=place.contact)
    evidence.messages[place.id] = messages + pages("list_contact_messages", contactId=place.flow_contact)
    evidence.received[place.id] = list(place.visitor.received)


def read_and_rebuild(evidence: Evidence, folder: Folder, postgres: Postgres, database: str) -> None:
    """The verdict of the program on its log, and its read tables before and after they are built anew."""
    evidence.verified = folder.run("log", "verify", "--json", seconds=LOG_SECONDS).json()
    evidence.live = rows_of_tables(postgres, database)
    outcome = folder.run("projections", "rebuild", seconds=LOG_SECONDS)
    assert outcome.code == 0, f"the read tables can be built anew: {outcome}"
    evidence.rebuilt = rows_of_tables(postgres, database)
