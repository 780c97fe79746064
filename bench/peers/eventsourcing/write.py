"""A peer of the write case: the library `eventsourcing` with its recorder for PostgreSQL or for SQLite.

`write.py postgres URL` or `write.py sqlite FILE` answers each line of JSON, `{"callers": 64, "seconds": 3.0}`, with what so many threads
measured in that time.
"""

import itertools
import json
import sys
import threading
import time
import uuid
from urllib.parse import urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

CONTACTS = 10_000
# The library takes a lock of the table for each insert, so that more connections do not make it faster.
CONNECTIONS = 10


class Contact(Aggregate):
    """A contact with tags; a tag that it has already is refused. What our metadata holds stands in the event."""

    @event("Created")
    def __init__(self) -> None:
        self.tags: set[str] = set()

    @event("ContactTagsAdded")
    def add_tags(self, tags: list[str], actor: dict, operation: str, requestId: str, correlationId: str) -> None:
        assert not self.tags.intersection(tags)
        self.tags.update(tags)


class Contacts(Application):
    """The application, as the library's users write one."""

    def create(self, count: int) -> list[uuid.UUID]:
        contacts = [Contact() for _ in range(count)]
        self.save(*contacts)
        return [contact.id for contact in contacts]

    def add_tags(self, contact_id: uuid.UUID, tags: list[str]) -> None:
        contact: Contact = self.repository.get(contact_id)
        call = str(uuid.uuid4())
        contact.add_tags(tags, {"kind": "local", "id": "local"}, "add_contact_tags", call, call)
        self.save(contact)


def open_contacts(kind: str, place: str) -> Contacts:
    """Opens the application on a new database."""
    if kind == "sqlite":
        env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": place}
    else:
        url = urlsplit(place)
        env = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": url.path.removeprefix("/"),
            "POSTGRES_HOST": url.hostname or "127.0.0.1",
            "POSTGRES_PORT": str(url.port or 5432),
            "POSTGRES_USER": url.username or "postgres",
            "POSTGRES_PASSWORD": url.password or "",
            "POSTGRES_POOL_SIZE": str(CONNECTIONS),
        }
    return Contacts(env)


def measure(app: Contacts, ids: list[uuid.UUID], numbers: "itertools.count[int]", callers: int, seconds: float) -> dict:
    """Lets so many threads call for so many seconds; a call that has begun is waited for and counts."""
    times: list[float] = []
    errors: list[BaseException] = []
    began = time.perf_counter()

    def call() -> None:
        mine = []
        try:
            while time.perf_counter() - began < seconds:
                sent = time.perf_counter()
                number = next(numbers)
                app.add_tags(ids[number % CONTACTS], [f"tag_{number // CONTACTS:026}"])
                mine.append(time.perf_counter() - sent)
        except BaseException as error:  # A thread tells nobody else.
            errors.append(error)
        times.extend(mine)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if errors:
        return {"error": f"{len(errors)} of {callers} threads failed, the first with {errors[0]!r}"}
    times.sort()
    at = lambda share: times[int((len(times) - 1) * share)] * 1_000
    return {"per_second": len(times) / took, "p50_ms": at(0.5), "p99_ms": at(0.99)}


def main() -> None:
    app = open_contacts(*sys.argv[1:])
    ids = [contact_id for _ in range(0, CONTACTS, 500) for contact_id in app.create(500)]
    numbers = itertools.count()
    for line in sys.stdin:
        print(json.dumps(measure(app, ids, numbers, **json.loads(line))), flush=True)
    app.close()


main()
