"""What a server lives through: floods of handshakes with and without a token, connections that are left half open, bodies of 64 MiB, and
malformed messages over every transport. It must not die, hang, or answer with 5xx; others are served meanwhile and after; and its memory
comes back to within 50 MB of what it was.

usage: floods.py --binary PATH [--long] [--only TEXT]
Without --long each flood has a tenth of its size."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from flood_waves import WAVES, Shore
from harness.folder import Folder
from harness.plain_calls import call
from harness.server import Server
from harness.story import Failed, check, directory, until

MEMORY_BYTES = 50 * 1024 * 1024
# The allocator gives memory back some time after it was freed.
MEMORY_SECONDS = 60.0
ANSWER_SECONDS = 5.0


def resident(server: Server) -> int:
    """The server's memory, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def is_served(shore: Shore) -> None:
    """Somebody with a good token gets an answer, soon."""
    began = time.monotonic()
    call(shore.server.address, shore.other.token, "get_workspace", seconds=ANSWER_SECONDS * 2).value()
    took = time.monotonic() - began
    check(took < ANSWER_SECONDS, "others are answered soon", seconds=took)


def ride_out(shore: Shore, wave: Callable[[Shore], str]) -> str:
    """One flood, and what is left after it; gives what was seen."""
    for _ in range(50):
        is_served(shore)
    before = resident(shore.server)
    seen = wave(shore)
    check(shore.server.process.poll() is None, "the server lives")
    is_served(shore)
    peak = resident(shore.server)

    def has_come_back() -> bool:
        # What is freed late is given back when something is allocated.
        is_served(shore)
        return resident(shore.server) < before + MEMORY_BYTES

    try:
        until(has_come_back, "the memory comes back", MEMORY_SECONDS)
    except Failed:
        check(False, "the memory comes back", before=before, after=resident(shore.server))
    megabytes = " -> ".join(f"{amount / 2**20:.0f}" for amount in (before, peak, resident(shore.server)))
    return f"{seen}; memory {megabytes} MB"


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    failed = 0
    chosen = [wave for wave in WAVES if options.only in (wave.__doc__ or "")]
    for wave in chosen:
        began = time.monotonic()
        sentence = (wave.__doc__ or "").strip()
        with directory() as place:
            folder = Folder(options.binary.resolve(), Path(place) / "data", [])
            workspaces = [folder.create_workspace(name) for name in ("Flooded", "Beside")]
            try:
                with Server(folder, "--trust-proxy", "127.0.0.1/32") as server:
                    shore = Shore(server, *workspaces, scale=1 if options.long else 10)
                    seen = ride_out(shore, wave)
                print(f"ok   {time.monotonic() - began:6.2f} s  {sentence} {seen}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL {time.monotonic() - began:6.2f} s  {sentence}\n{traceback.format_exc()}", flush=True)
                print("".join(log.read_text(errors="replace")[-2000:] for log in folder.logs if log.exists()), flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
