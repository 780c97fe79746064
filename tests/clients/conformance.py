"""The protocol's conformance suite (npm `@modelcontextprotocol/conformance`) against the program: both frozen sets of requirements over
its fixtures, and then what needs no fixtures over the product itself, with a token.

usage: conformance.py --binary PATH [--node-modules DIR]
The binary has to be built with the feature `conformance`. Needs the packages of requirements.txt and package.json; `tests/run` installs them
and calls this."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.folder import Folder
from harness.header_proxy import header_proxy
from harness.node import Ended, run_script
from harness.server import Server
from harness.story import directory

SECONDS = 120.0
# How many scenarios each frozen set has: a set that shrinks, or is not found, must not look like one that passes.
FROZEN = {"2025-11-25": 30, "2026-07-28": 37}
# What needs no fixtures, run by name. What fails in them all the same stands in the baseline, with its reason.
WITHOUT_FIXTURES = {
    "2025-11-25": [
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
    ],
    "2026-07-28": [
        "server-stateless",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "prompts-list",
        "sep-2164-resource-not-found",
        "dns-rebinding-protection",
        "caching",
        "input-required-result-unsupported-methods",
        "http-header-validation",
    ],
}
BASELINE = Path(__file__).with_name("conformance_baseline.yaml")
LINE = re.compile(r"^([✓✗]) (\S+): (\d+) passed, (\d+) failed")


class Suite:
    """The suite, at one address, with the results below a folder."""

    def __init__(self, node_modules: Path, results: Path) -> None:
        self._package = node_modules / "@modelcontextprotocol" / "conformance"
        self._results = results

    def required(self, revision: str) -> list[str]:
        """The scenarios of servers in a frozen set."""
        text = (self._package / "requirements" / f"{revision}.yaml").read_text()
        section = re.search(r"^server:\n((?:  - .*\n)+)", text, re.MULTILINE)
        return re.findall(r"- (\S+)", section[1]) if section else []

    def run(self, url: str, *options: str) -> Ended:
        """Runs it."""
        script = self._package / "dist" / "index.js"
        return run_script(script, "server", "--url", url, "-o", self._results, *options, seconds=SECONDS, cwd=self._results)


def frozen_sets(suite: Suite, url: str) -> Iterator[tuple[str, str | None]]:
    """Each scenario of both sets, and what is wrong with it."""
    for revision, count in FROZEN.items():
        required = suite.required(revision)
        yield f"{revision} requires {count} scenarios", None if len(required) == count else f"it requires {required}"
        ended = suite.run(url, "--requirements", revision)
        lines = {line[2]: line for line in map(LINE.match, ended.out.splitlines()) if line}
        for scenario in required:
            line = lines.get(scenario)
            good = line is not None and line[1] == "✓" and int(line[3]) > 0 and line[4] == "0"
            yield f"{revision} {scenario}", None if good else f"{line and line[0]}\n{of(scenario, ended.out)}"
        yield f"{revision} as a whole", None if ended.code == 0 else tail(ended)


def without_fixtures(suite: Suite, url: str) -> Iterator[tuple[str, str | None]]:
    """Each scenario that the product itself has to pass."""
    for revision, scenarios in WITHOUT_FIXTURES.items():
        for scenario in scenarios:
            ended = suite.run(
                url, "--scenario", scenario, "--spec-version", revision, "--expected-failures", str(BASELINE)
            )
            passed = re.search(r"Passed: (\d+)/", ended.out)
            good = ended.code == 0 and passed is not None and int(passed[1]) > 0
            yield f"the product, {revision} {scenario}", None if good else tail(ended)


def no_open_door(fresh: Folder, used: Folder) -> Iterator[tuple[str, str | None]]:
    """The fixtures come without a token: so they are refused where anybody else could come, or anything could be found."""
    for where, folder, listen in (("on the network", fresh, "0.0.0.0:0"), ("over a folder in use", used, "127.0.0.1:0")):
        outcome = folder.run("serve", "--conformance", "--listen", listen)
        good = outcome.code == 1 and "the fixtures are served" in outcome.err
        yield f"the fixtures are refused {where}", None if good else str(outcome)


def of(scenario: str, out: str) -> str:
    """What the suite said of a scenario."""
    return out.partition(f"=== Running scenario: {scenario} ===")[2].partition("=== Running scenario")[0][:3000]


def tail(ended: Ended) -> str:
    """The end of what was said."""
    return f"exit code {ended.code}\n{ended.out[-8000:]}\n{ended.err[-1000:]}"


def tell(results: Iterator[tuple[str, str | None]]) -> tuple[int, int]:
    """Prints each result; gives how many are good and bad."""
    counts = [0, 0]
    for sentence, wrong in results:
        counts[wrong is not None] += 1
        print(f"{'FAIL' if wrong else 'ok  '} {sentence}", flush=True)
        if wrong:
            print(wrong, flush=True)
    return counts[0], counts[1]


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--node-modules", type=Path, default=Path("target/clients/node/node_modules"))
    options = parser.parse_args()
    with directory() as place:
        binary = options.binary.resolve()
        (results := Path(place) / "results").mkdir()
        suite = Suite(options.node_modules.resolve(), results)
        with Server(Folder(binary, Path(place) / "fixtures", []), "--conformance") as server:
            counts = [tell(frozen_sets(suite, f"{server.address}/mcp"))]
        folder = Folder(binary, Path(place) / "product", [])
        token = folder.create_workspace("Product").token
        with Server(folder) as server, header_proxy(server.address, f"Authorization: Bearer {token}") as proxy:
            counts.append(tell(without_fixtures(suite, f"{proxy}/mcp")))
        counts.append(tell(no_open_door(Folder(binary, Path(place) / "fresh", []), folder)))
    passed, failed = map(sum, zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
