"""An nginx of its own in front of a server: own prefix, free port, no system file touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .raw_http import Refused, request
from .server import free_port
from .story import until

TEMPLATE = Path(__file__).parent.parent / "nginx.conf.template"


@contextlib.contextmanager
def nginx(prefix: Path, address: str, host: str, logs: list[Path]) -> Iterator[str]:
    """Runs nginx before `address`, which it asks under the name `host`; gives its own address."""
    # Debian puts it into sbin, which is not in everybody's PATH.
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert program, "nginx is not installed"
    prefix.mkdir()
    port = free_port()
    values = {"prefix": prefix, "port": port, "address": address, "host": host}
    # Started by root, the workers would become a user who may not enter the prefix.
    values["user"] = "user root;" if os.geteuid() == 0 else ""
    configuration = prefix / "nginx.conf"
    configuration.write_text(string.Template(TEMPLATE.read_text()).substitute(values))
    logs.append(prefix / "error.log")
    process = subprocess.Popen([program, "-p", prefix, "-c", configuration, "-e", prefix / "error.log"])
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}"), "nginx answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10.0)


def _answers(address: str) -> bool:
    try:
        return request(address, "GET", "/", seconds=1.0).status == 404
    except Refused:
        return False
