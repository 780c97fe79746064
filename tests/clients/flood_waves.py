"""The floods themselves: each does its worst and checks what it was answered. See floods.py."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import http.client
import itertools
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from harness.folder import Workspace
from harness.plain_calls import call, handshake, rpc_reply, stateless
from harness.raw_http import EventStream, Refused, request
from harness.server import Server
from harness.story import check, equal, until
from malformed import frames

ANSWER_SECONDS = 20.0
STREAM_SECONDS = 1.0
CALLERS = 4
SEED = 11
SESSIONS_PER_TOKEN = 64
BODY_BYTES = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Shore:
    """What is flooded: a server, the workspace of the flood and one beside it, and the part of a flood's size that is used."""

    server: Server
    flooded: Workspace
    other: Workspace
    scale: int

    @property
    def bearer(self) -> dict[str, str]:
        """The flood's token."""
        return {"Authorization": f"Bearer {self.flooded.token}"}

    def part(self, whole: int) -> int:
        """So many of `whole`."""
        return whole // self.scale


Request = tuple[str, bytes, dict[str, str]]


def send_all(address: str, requests: Iterable[Request]) -> collections.Counter[int]:
    """Posts requests from several callers, each on one connection as long as the server keeps it; counts the statuses of the answers.
    Fails when no answer comes."""
    source, lock = iter(requests), threading.Lock()
    unfinished: list[bytes] = []
    statuses: collections.Counter[int] = collections.Counter()
    parts = urlsplit(address)

    def take() -> Iterator[Request]:
        while True:
            with lock:
                one = next(source, None)
            if one is None:
                return
            yield one

    def post() -> collections.Counter[int]:
        counted: collections.Counter[int] = collections.Counter()
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
        for path, body, headers in take():
            for attempt in range(2):
                try:
                    connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
                    response = connection.getresponse()
                    if not is_read(connection, response):
                        connection.close()
                        unfinished.append(body)
                    counted[response.status] += 1
                    break
                except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                    # The server may close a connection between two requests, but not twice without an answer.
                    connection.close()
                    check(attempt == 0, "a request is answered", path=path, body=body[:200])
        connection.close()
        return counted

    with ThreadPoolExecutor(CALLERS) as callers:
        for counted in [done.result() for done in [callers.submit(post) for _ in range(CALLERS)]]:
            statuses += counted
    check(len(unfinished) <= sum(statuses.values()) // 20, "answers end", unfinished=unfinished[:5])
    return statuses


def is_read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> bool:
    """Whether an answer ended soon. A stream that somebody listens to does not."""
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        response.read()
        return True
    connection.sock.settimeout(STREAM_SECONDS)
    try:
        # A sign of life comes every 15 s.
        while line := response.readline():
            if line.startswith(b":"):
                return False
        return True
    except TimeoutError:
        return False
    finally:
        connection.sock.settimeout(ANSWER_SECONDS)


def strangers(shore: Shore) -> str:
    """Strangers' handshakes are refused."""
    body, headers = handshake()
    one = json.dumps(body).encode()
    # Whoever is wrong too often is not even heard for a while, with all who share the address: so the strangers have one of their own.
    headers = headers | {"X-Forwarded-For": "203.0.113.7"}
    wrong = headers | {"Authorization": f"Bearer {shore.flooded.token[:-1]}"}
    kinds = itertools.cycle([("/mcp", one, headers), ("/mcp/sse", one, headers), ("/mcp", one, wrong)])
    statuses = send_all(shore.server.address, itertools.islice(kinds, shore.part(50_000)))
    check(set(statuses) <= {401, 429}, "nobody is let in", statuses=statuses)
    return f"{dict(statuses)}"


def handshakes(shore: Shore) -> str:
    """One token's handshakes open no more sessions than it may have."""
    body, headers = handshake()
    one = ("/mcp", json.dumps(body).encode(), headers | shore.bearer)
    # The cap has to be met in a short run, too.
    statuses = send_all(shore.server.address, itertools.repeat(one, max(shore.part(1_000), 2 * SESSIONS_PER_TOKEN)))
    equal(statuses[200], SESSIONS_PER_TOKEN, f"sessions are capped: {statuses}")
    check(set(statuses) == {200, 429}, "the others are told to come back", statuses=statuses)
    call(shore.server.address, shore.flooded.token, "get_workspace").value()
    return f"{dict(statuses)}"


def half_open(shore: Shore) -> str:
    """Connections that are left half open keep nobody else waiting."""
    host = urlsplit(shore.server.address)
    head = f"POST /mcp HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {shore.flooded.token}\r\n"
    json_head = f"{head}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    stream = f"{head.replace('POST /mcp', 'GET /mcp/sse')}Accept: text/event-stream\r\n\r\n"
    whole, chunked = f"{json_head}Content-Length: 1000\r\n\r\n{{", f"{json_head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"
    kinds = itertools.cycle(["", "PO", head, whole, chunked, stream])
    with contextlib.ExitStack() as open_:
        for beginning in itertools.islice(kinds, shore.part(3_000)):
            connection = open_.enter_context(socket.create_connection((host.hostname, host.port), ANSWER_SECONDS))
            connection.sendall(beginning.encode())
        for _ in range(20):
            call(shore.server.address, shore.other.token, "get_workspace", seconds=ANSWER_SECONDS).value()

    def all_ended() -> bool:
        numbers = request(shore.server.address, "GET", "/metrics").body.decode()
        open_sessions = [line for line in numbers.splitlines() if line.startswith("chatbotx") and "sessions" in line]
        return all(line.rsplit(" ", 1)[1] == "0" for line in open_sessions if 'transport="legacy_sse"' in line)

    until(all_ended, "sessions end with their streams", 30.0)
    return f"{shore.part(3_000)} connections"


def long_bodies(shore: Shore) -> str:
    """Bodies of 64 MiB are refused before they are read."""
    _, headers = stateless("tools/list")
    seen = collections.Counter()
    with EventStream(shore.server.address, "/mcp/sse", shore.bearer) as stream:
        endpoint = stream.next("endpoint").data
        ways = [("/mcp", headers | shore.bearer), (endpoint, {}), ("/mcp/sse", headers | shore.bearer), ("/mcp", headers)]
        for (path, sent), chunked in itertools.product(ways, [False, True]):
            for _ in range(max(shore.part(10), 1)):
                seen[post_long(shore.server.address, path, sent, chunked)] += 1
    check(set(seen) <= {"413", "401", "cut"}, "long bodies are refused", seen=seen)
    return f"{dict(seen)}"


def post_long(address: str, path: str, headers: dict[str, str], chunked: bool) -> str:
    """Sends a long body as far as the server takes it; gives the status, or `cut` when the connection was closed before."""
    parts = urlsplit(address)
    block = b" " * 65_536
    blocks = itertools.repeat(block, BODY_BYTES // len(block))
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
    length = {} if chunked else {"Content-Length": str(BODY_BYTES)}
    try:
        connection.request(
            "POST", path, blocks, {"Content-Type": "application/json"} | headers | length, encode_chunked=chunked
        )
    except OSError:
        pass  # The server has answered and closed; the answer may still be there.
    try:
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return "cut"
    finally:
        connection.close()


def malformed_http(shore: Shore) -> str:
    """Malformed messages over Streamable HTTP are answered, none as a fault of the server."""
    body, headers = handshake()
    opened = request(shore.server.address, "POST", "/mcp", body, headers | shore.bearer)
    session = headers | shore.bearer | {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    equal(request(shore.server.address, "POST", "/mcp", initialized, session).status, 202, "a session is opened")
    _, listing = stateless("tools/list")
    _, calling = stateless("tools/call", name="list_tags")
    ways = itertools.cycle([session, listing | shore.bearer, calling | shore.bearer, headers | shore.bearer])
    sent = (("/mcp", frame, way) for frame, way in zip(frames(SEED, shore.part(100_000)), ways))
    statuses = send_all(shore.server.address, sent)
    check(all(status < 500 for status in statuses), "no fault of the server", statuses=statuses)
    body, headers = stateless("tools/list")
    reply = request(shore.server.address, "POST", "/mcp", {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}, session)
    check(rpc_reply(reply)["result"]["tools"], "the session has lived through it", reply=reply)
    return f"{dict(statuses)}"


def malformed_sse(shore: Shore) -> str:
    """Malformed messages over SSE are answered, none as a fault of the server."""
    ended = threading.Event()
    with EventStream(shore.server.address, "/mcp/sse", shore.bearer) as stream:
        endpoint = stream.next("endpoint").data
        answers: list[dict[str, object]] = []

        def read() -> None:
            with contextlib.suppress(Refused, TimeoutError):
                for event in stream.events(600.0):
                    if (answer := event.json()).get("id") in ("first", "last"):
                        answers.append(answer)
            ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        first, _ = handshake()
        for message in (first | {"id": "first"}, {"jsonrpc": "2.0", "method": "notifications/initialized"}):
            equal(request(shore.server.address, "POST", endpoint, message).status, 202, "the session begins")
        statuses = send_all(shore.server.address, ((endpoint, frame, {}) for frame in frames(SEED, shore.part(100_000))))
        check(all(status < 500 for status in statuses), "no fault of the server", statuses=statuses)
        check(not ended.is_set(), "the session lives through it", statuses=statuses)
        message = {"jsonrpc": "2.0", "id": "last", "method": "tools/list"}
        equal(request(shore.server.address, "POST", endpoint, message).status, 202, "the session goes on")
        until(lambda: answers and answers[-1]["id"] == "last", "the last message is answered", ANSWER_SECONDS)
        stream.hang_up()
        reader.join(10.0)
    equal([answer["id"] for answer in answers], ["first", "last"], "what made sense is answered")
    return f"{dict(statuses)}"


def malformed_stdio(shore: Shore) -> str:
    """Malformed lines on standard input do not end a conversation."""
    folder = shore.server.folder
    command = [folder.binary, "stdio", "--data", folder.path, "--workspace", shore.flooded.id]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=folder.environment(), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        ids: collections.Counter[object] = collections.Counter()

        def read() -> None:
            for line in process.stdout:
                ids[str(json.loads(line).get("id"))] += 1

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        first, _ = handshake()
        lines = [json.dumps(first | {"id": "first"}).encode(), b'{"jsonrpc":"2.0","method":"notifications/initialized"}']
        last = b'{"jsonrpc":"2.0","id":"last","method":"tools/list"}'
        for line in itertools.chain(lines, frames(SEED, shore.part(100_000)), [last]):
            process.stdin.write(line + b"\n")
        process.stdin.flush()
        until(lambda: ids["last"] == 1, f"the conversation goes on: {process.poll()}", ANSWER_SECONDS * 3)
        process.stdin.close()
        equal(process.wait(ANSWER_SECONDS), 0, "it ends well when its input ends")
        reader.join(10.0)
    equal(ids["first"], 1, "the handshake was answered once")
    return f"{sum(ids.values())} answers"


WAVES: list[Callable[[Shore], str]] = [
    strangers, handshakes, half_open, long_bodies, malformed_http, malformed_sse, malformed_stdio,
]  # fmt: skip
