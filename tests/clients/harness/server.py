"""A running `chatbotx serve`: started on a free port, awaited, killed or drained, its log searched for secrets."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from .folder import Folder
from .raw_http import Refused, request

READY_SECONDS = 30.0
DRAIN_SECONDS = 10.0


class Server:
    """A server on a folder. As a context manager it is ready inside and drained by SIGTERM at the end."""

    def __init__(self, folder: Folder, *options: str, listen: str = "127.0.0.1:0") -> None:
        self.folder = folder
        self.options = options
        self.listen = listen
        self.address = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log: Path | None = None
        # What `/readyz` said last.
        self.readiness = ""

    def start(self) -> None:
        """Starts the process without waiting for anything."""
        self.log = self.folder.path.parent / f"server-{time.monotonic_ns()}.log"
        self.folder.logs.append(self.log)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.folder.binary, "serve", "--data", self.folder.path, "--listen", self.listen, *self.options],
                env=self.folder.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Waits until the server listens, says so in `server.json`, and `/readyz` answers 200."""
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self._tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the server was not ready within {seconds} s, it says {self.readiness!r}: {self._tail()}")
            time.sleep(0.005)

    def becomes_ready(self, seconds: float) -> bool:
        """Like `await_ready`, but says so when it does not: for servers that something may happen to meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _is_ready(self) -> bool:
        if self.listen.endswith(":0"):
            said = self.folder.server_file()
            # When another process holds the folder, server.json is that one's; ours then prints its address.
            self.address = said.get("address", "") if said.get("pid") == self.process.pid else self._printed_address()
        else:
            self.address = f"http://{self.listen}"
        try:
            if not self.address:
                return False
            answer = request(self.address, "GET", "/readyz", seconds=2.0)
            self.readiness = answer.body.decode(errors="replace")
            return answer.status == 200
        except Refused:
            return False

    def _printed_address(self) -> str:
        words = self.log.read_text(errors="replace").split()
        return next((word.rstrip("/.,") for word in words if word.startswith("http://127.0.0.1:")), "")

    def kill(self) -> None:
        """SIGKILL: the end without a farewell."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """SIGSTOP: the process stands still and does not know it."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self.process.send_signal(signal.SIGCONT)

    def drain(self) -> None:
        """SIGTERM: the process must end by itself, well, and soon, and its log holds no secret."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not drain within {DRAIN_SECONDS} s: {self._tail()}") from None
        assert code == 0, f"the server ended with {code} after SIGTERM: {self._tail()}"
        logged = self.log.read_text(errors="replace")
        for secret in self.folder.secrets:
            assert secret not in logged, f"a secret stands in the log: {secret[:12]}…"

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def __enter__(self) -> Server:
        self.start()
        try:
            self.await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.drain()
        else:
            self.kill()


def free_port() -> int:
    """A port that nothing listens on, below those that the system gives to outgoing connections, so that it stays free
    while a server is restarted on it."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port found")
