"""What the MCP Inspector finds: nothing."""

from __future__ import annotations

import json
from pathlib import Path

from harness.node import Ended, run_script
from harness.server import Server
from harness.story import Stage, check, equal, story

SECONDS = 30.0


def inspect(stage: Stage, *options: str) -> Ended:
    """Runs the Inspector's command line."""
    script = stage.node_modules / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
    return run_script(script, "--cli", *options, seconds=SECONDS)


@story("the Inspector finds nothing in any tool's schema", "legacy", "auto", "modern")
def strict(stage: Stage, era: str) -> None:
    """`--strict` over Streamable HTTP in each era, over SSE, and over standard input and output."""
    folder = stage.folder()
    workspace = folder.create_workspace("Inspected")
    with Server(folder) as server:
        header = ("--header", f"Authorization: Bearer {workspace.token}")
        ways = [(f"{server.address}/mcp?toolsets=all", "--transport", "http", "--protocol-era", era, *header)]
        if era == "legacy":
            ways.append((f"{server.address}/mcp/sse?toolsets=all", "--transport", "sse", *header))
            ways.append((str(folder.binary), "stdio", "--data", str(folder.path), "--toolsets", "all"))
        for way in ways:
            done = inspect(stage, *way, "--method", "tools/list", "--strict")
            equal(done.code, 0, f"the Inspector lists the tools: {done.err[-1000:]}")
            tools = json.loads(done.out)["tools"]
            check(len(tools) > 40, "all tools are looked at", tools=len(tools), way=way[0])
            check("Warning" not in done.err and "Error" not in done.err, "there is no finding", err=done.err)
