"""Tells all stories, or those whose sentence holds `--only`, against a binary, and says how each ended.

usage: run.py --binary PATH [--node-modules DIR] [--only TEXT] [--list]
Needs the packages of requirements.txt and package.json; `tests/run` installs them and calls this."""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
import time
import traceback
from pathlib import Path

from harness.story import STORIES, Stage, Story, directory
from stories import ALL

STORY_SECONDS = 90
LOG_CHARACTERS = 4000


def tell(story: Story, binary: Path, node_modules: Path) -> str | None:
    """Tells one story; returns what went wrong."""
    with directory() as place:
        stage = Stage(binary, node_modules, Path(place))
        # Again and again: what cleans up after the first alarm may hang, too.
        signal.setitimer(signal.ITIMER_REAL, STORY_SECONDS, 20)
        try:
            story.tell(stage)
        except Exception:
            return traceback.format_exc() + "".join(tail(log) for log in dict.fromkeys(stage.logs))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def tail(log: Path) -> str:
    """The end of a log, as part of a report."""
    text = log.read_text(errors="replace")[-LOG_CHARACTERS:] if log.exists() else ""
    return f"--- {log.name}\n{text}\n" if text.strip() else ""


def overdue(*_: object) -> None:
    """Ends a story that hangs."""
    raise TimeoutError(f"the story did not end within {STORY_SECONDS} s")


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--node-modules", type=Path, default=Path("target/clients/node/node_modules"))
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    for module in ALL:
        importlib.import_module(f"stories.{module}")
    chosen = [story for story in STORIES if options.only in story.sentence]
    if options.list:
        print("\n".join(story.sentence for story in chosen))
        return 0
    # The library warns of tools that may be called though they are not listed: that is our rule (toolsets bound lists, not calls).
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGALRM, overdue)
    failed = 0
    for story in chosen:
        began = time.monotonic()
        wrong = tell(story, options.binary.resolve(), options.node_modules.resolve())
        failed += wrong is not None
        print(f"{'FAIL' if wrong else 'ok  '} {time.monotonic() - began:6.2f} s  {story.sentence}", flush=True)
        if wrong:
            print(wrong, flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
