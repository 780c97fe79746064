"""FastMCP with one tool that echoes, on one worker of uvicorn as by default, without sessions and with plain JSON answers.

It listens on the port that it is given and runs until it is ended.
"""

import sys

from fastmcp import FastMCP

server = FastMCP("echo")


@server.tool
def echo(text: str) -> str:
    """Says the text back."""
    return text


server.run(
    transport="http",
    host="127.0.0.1",
    port=int(sys.argv[1]),
    stateless_http=True,
    json_response=True,
    show_banner=False,
    log_level="error",
)
