"""Nobody gets in without a good token, on any transport, before any session exists; who is out, is out at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from harness.answer import ProtocolError
from harness.doors import HTTP, SSE, Door, Place
from harness.plain_calls import handshake, stateless
from harness.python_clients import over_http, over_sse
from harness.raw_http import EventStream, Response, request
from harness.server import Server
from harness.story import Stage, check, equal, story, until

REVOCATION_SECONDS = 5.0
CONNECT_SECONDS = 20.0


def attempts(address: str, token: str | None) -> Iterator[tuple[str, Response]]:
    """Every request that could open something, with the token in every place where one is looked for."""
    places: list[tuple[str, dict[str, str]]] = [("", {})]
    if token is not None:
        places = [
            ("", {"Authorization": f"Bearer {token}"}),
            ("", {"x-workspace-token": token}),
            (f"?token={token}", {}),
            (f"?workspace_token={token}", {}),
        ]
    for query, headers in places:
        for path in ("/mcp", "/mcp/sse"):
            for body, own in (handshake(), stateless("tools/list"), stateless("server/discover")):
                answer = request(address, "POST", path + query, body, own | headers)
                yield f"POST {path} {body['method']}", answer
        stream = headers | {"Accept": "text/event-stream"}
        # On a stream that is open after all this would wait for ever: the request's own deadline ends it.
        for method, path in (("GET", "/mcp/sse"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("HEAD", "/mcp/sse")):
            yield f"{method} {path}", request(address, method, path + query, headers=stream)


def nothing_opens(address: str, token: str | None) -> None:
    """Every attempt is answered 401, says how to do better, and opens no session."""
    for what, answer in attempts(address, token):
        equal(answer.status, 401, f"{what} without a good token")
        check("www-authenticate" in answer.headers, f"{what} says how to authenticate", headers=answer.headers)
        check("mcp-session-id" not in answer.headers, f"{what} opens no session", headers=answer.headers)
        check(token is None or token not in f"{answer}", f"{what} does not repeat the token")


def wrong_tokens(good: str) -> dict[str, str]:
    """Tokens that are wrong in one way each."""
    other = "A" if good[-1] != "A" else "B"
    return {"not a token": "nonsense", "a wrong checksum": good[:-1] + other, "cut": good[:-1], "too long": good + "A"}


@story("missing, wrong, revoked and expired tokens get 401 on every transport, before a session exists")
def outsiders(stage: Stage) -> None:
    """Raw requests, because a client library shows little of what it was told."""
    folder = stage.folder()
    workspace = folder.create_workspace("Closed")
    stranger = stage.folder("stranger").create_workspace("Elsewhere")
    with Server(folder) as server:
        nothing_opens(server.address, None)
        for token in wrong_tokens(workspace.token).values():
            nothing_opens(server.address, token)
        # A token of another instance: well formed, but unknown here.
        nothing_opens(server.address, stranger.token)
        token_id, revoked = folder.create_token(workspace, "Revoked")
        equal(discovered(server.address, revoked), 200, "a good token is let in")
        folder.revoke_token(workspace, token_id)
        until(lambda: discovered(server.address, revoked) == 401, "revocation is effective", REVOCATION_SECONDS)
        nothing_opens(server.address, revoked)
        _, expiring = folder.create_token(workspace, "Expiring", "--expires", "1s")
        until(lambda: discovered(server.address, expiring) == 401, "the token expires", 10.0)
        nothing_opens(server.address, expiring)
        equal(discovered(server.address, workspace.token), 200, "the good token is still let in")
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"):
            equal(
                request(server.address, "GET", path).status, 404, "there is no OAuth here, so that clients send headers"
            )


def discovered(address: str, token: str) -> int:
    """The status of `server/discover` with a token."""
    body, headers = stateless("server/discover")
    return request(address, "POST", "/mcp", body, headers | {"Authorization": f"Bearer {token}"}).status


@story("a client library with a wrong token does not connect", *SSE, *HTTP)
async def wrong_token(stage: Stage, door: Door) -> None:
    """It fails in time instead of hanging."""
    folder = stage.folder()
    workspace = folder.create_workspace("Closed")
    token = wrong_tokens(workspace.token)["a wrong checksum"]
    with Server(folder) as server:
        place = Place(server.address, folder, workspace, token, stage.node_modules)
        try:
            async with asyncio.timeout(CONNECT_SECONDS), door.open(place) as assistant:
                await assistant.list_tools()
        except TimeoutError:
            raise
        except ProtocolError as error:  # The TypeScript SDK tells the HTTP status.
            check(not door.name.startswith("TypeScript") or error.code == 401, "the client was told 401", error=error)
        except Exception as error:
            check(not isinstance(error, AssertionError), "the client was refused", error=error)
        else:
            check(False, "the client is refused")


@story("the Python clients are told 401, and nothing else, for a wrong token")
async def told_401(stage: Stage) -> None:
    """What the library hides in its own errors is seen below it."""
    folder = stage.folder()
    workspace = folder.create_workspace("Closed")
    with Server(folder) as server:
        for connect, path in ((over_sse, "/mcp/sse"), (over_http, "/mcp")):
            statuses: list[int] = []
            headers = {"Authorization": f"Bearer {workspace.token[:-1]}"}
            refused = False
            try:
                async with (
                    asyncio.timeout(CONNECT_SECONDS),
                    connect(server.address + path, headers, statuses=statuses) as assistant,
                ):
                    await assistant.list_tools()
            except Exception:
                refused = True
            check(refused and set(statuses) == {401}, f"{path} answers 401 only", statuses=statuses)


@story("a token that opens nothing any more closes its open streams within 5 s, and no other", "revoked", "rotated")
def revoked_streams(stage: Stage, how: str) -> None:
    """The SSE stream and the stream of a Streamable HTTP session, both open while the token ends or gets another secret."""
    folder = stage.folder()
    workspace = folder.create_workspace("Revoking")
    with Server(folder) as server:
        token_id, token = folder.create_token(workspace, "Leaving")
        bearer = {"Authorization": f"Bearer {token}"}
        session = opened_session(server.address, bearer)
        kept = EventStream(server.address, "/mcp/sse", {"Authorization": f"Bearer {workspace.token}"})
        streams = {
            "SSE": EventStream(server.address, "/mcp/sse", bearer),
            "Streamable HTTP": EventStream(server.address, "/mcp", bearer | session),
        }
        for name, stream in streams.items():
            equal(stream.status, 200, f"the stream of {name} opens")
        endpoint = streams["SSE"].next("endpoint").data
        kept_endpoint = kept.next("endpoint").data
        if how == "revoked":
            folder.revoke_token(workspace, token_id)
        else:
            folder.rotate_token(workspace, token_id)
        deadline = time.monotonic() + REVOCATION_SECONDS
        for name, stream in streams.items():
            try:
                stream.seconds_until_closed(max(deadline - time.monotonic(), 0.01))
            except TimeoutError:
                check(False, f"the stream of {name} closes within {REVOCATION_SECONDS} s")
        body, own = stateless("tools/list")
        for path, headers in ((endpoint, own), (endpoint, own | bearer), ("/mcp", own | bearer | session)):
            status = request(server.address, "POST", path, body, headers).status
            check(status in (401, 404), "a session does not outlive its token", path=path, status=status)
        said = request(server.address, "POST", kept_endpoint, handshake()[0]).status
        equal((said, kept.next("message").json()["jsonrpc"]), (202, "2.0"), "another token's stream goes on")
        kept.close()


def opened_session(address: str, bearer: dict[str, str]) -> dict[str, Any]:
    """Opens a session of Streamable HTTP; gives its header."""
    body, headers = handshake()
    answer = request(address, "POST", "/mcp", body, headers | bearer)
    equal(answer.status, 200, "a session is opened")
    session = {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-06-18"}
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    equal(request(address, "POST", "/mcp", body, headers | bearer | session).status, 202, "the session is initialized")
    return session
