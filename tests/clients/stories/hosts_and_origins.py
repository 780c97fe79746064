"""A web page that a user happens to visit must not reach a server on the user's machine (DNS rebinding)."""

from __future__ import annotations

from typing import Any

from harness.plain_calls import stateless
from harness.raw_http import request
from harness.server import Server
from harness.story import Stage, check, equal, story

ALLOWED_HOST = "chat.example.org"
ALLOWED_ORIGIN = "https://console.example.org"


def surfaces() -> list[tuple[str, str, Any, dict[str, str]]]:
    """One request for each kind of route that is not a stream: it would succeed with a good Host and no Origin."""
    discover, headers = stateless("server/discover")
    return [
        ("POST", "/mcp", discover, headers),
        ("POST", "/mcp/sse", discover, headers),
        ("HEAD", "/mcp/sse", None, {}),
        ("POST", "/webchat/local/visitors", {"name": "Ana"}, {}),
        ("GET", "/healthz", None, {}),
    ]


@story("a foreign Host is refused, an allowed one is not")
def hosts(stage: Stage) -> None:
    """A good token does not help: the browser would send the user's."""
    folder = stage.folder()
    workspace = folder.create_workspace("Hosts")
    with Server(folder, "--allow-host", ALLOWED_HOST) as server:
        own = server.address.removeprefix("http://")
        port = own.rpartition(":")[2]
        for method, path, body, headers in surfaces():
            headers = headers | {"Authorization": f"Bearer {workspace.token}"}
            for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "169.254.169.254"):
                status = request(server.address, method, path, body, headers | {"Host": host}).status
                check(status in (400, 403, 421), f"{method} {path} refuses Host {host}", status=status)
            for host in (own, f"localhost:{port}", ALLOWED_HOST):
                status = request(server.address, method, path, body, headers | {"Host": host}).status
                check(200 <= status < 300, f"{method} {path} takes Host {host}", status=status)


@story("a foreign Origin gets 403, an allowed one does not")
def origins(stage: Stage) -> None:
    """`null` is the origin of a sandboxed page: foreign, too."""
    folder = stage.folder()
    workspace = folder.create_workspace("Origins")
    with Server(folder, "--allow-origin", ALLOWED_ORIGIN) as server:
        for method, path, body, headers in surfaces():
            headers = headers | {"Authorization": f"Bearer {workspace.token}"}
            for origin in (
                "https://evil.example",
                "http://127.0.0.1.evil.example",
                f"{ALLOWED_ORIGIN}.evil.example",
                "null",
            ):
                answer = request(server.address, method, path, body, headers | {"Origin": origin})
                equal(answer.status, 403, f"{method} {path} refuses Origin {origin}")
                check("access-control-allow-origin" not in answer.headers, "CORS stays closed", headers=answer.headers)
            status = request(server.address, method, path, body, headers | {"Origin": ALLOWED_ORIGIN}).status
            check(200 <= status < 300, f"{method} {path} takes the allowed Origin", status=status)


@story("a page of an allowed Origin may use web chat from a browser, and nothing else")
def cross_origin(stage: Stage) -> None:
    """A browser asks first, by OPTIONS; without the answer's headers it sends nothing."""
    folder = stage.folder()
    folder.create_workspace("Widgets")
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    with Server(folder, "--allow-origin", ALLOWED_ORIGIN) as server:
        answer = request(server.address, "OPTIONS", "/webchat/local/messages", None, asks | {"Origin": ALLOWED_ORIGIN})
        equal(answer.headers.get("access-control-allow-origin"), ALLOWED_ORIGIN, "the widget's page may write")
        foreign = request(server.address, "OPTIONS", "/webchat/local/messages", None, asks | {"Origin": "https://evil.example"})
        equal(foreign.status, 403, "another page may not")
        for path in ("/mcp", "/mcp/sse", "/metrics"):
            answer = request(server.address, "OPTIONS", path, None, asks | {"Origin": ALLOWED_ORIGIN})
            check("access-control-allow-origin" not in answer.headers, f"{path} stays closed", headers=answer.headers)
