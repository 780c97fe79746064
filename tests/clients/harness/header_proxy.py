"""A proxy that adds a header to every request, for programs that cannot send one. Nothing else is changed but that each connection
carries one request, so that the proxy never has to find a request's end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

HEAD_BYTES = 64 * 1024


@contextlib.contextmanager
def header_proxy(address: str, header: str) -> Iterator[str]:
    """Runs the proxy before `address` in a thread; gives its own address. `header` is a whole line, `Name: value`."""
    upstream = urlsplit(address)
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].split(b"\r\n")
            lines = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
            server, client = await asyncio.open_connection(upstream.hostname, upstream.port, limit=HEAD_BYTES)
            client.write(b"\r\n".join([first, header.encode(), b"Connection: close", *lines, b"", b""]))
            sent = asyncio.create_task(_copy(reader, client))
            await _copy(server, writer)
            sent.cancel()
            client.close()
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(carry, "127.0.0.1", 0, limit=HEAD_BYTES) as server:
            ports.append(server.sockets[0].getsockname()[1])
            listening.set()
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve_forever()
            for task in list(tasks):
                task.cancel()

    ports: list[int] = []
    listening = threading.Event()
    main = loop.create_task(serve())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(main)

    thread = threading.Thread(target=run, name="header-proxy", daemon=True)
    thread.start()
    assert listening.wait(10.0), "the proxy does not listen"
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(main.cancel)
        thread.join(10.0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies until the end; an end of one side is passed on to the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(HEAD_BYTES):
            writer.write(data)
            await writer.drain()
