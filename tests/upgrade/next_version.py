"""The sources of "the next version" of this program: those of this one with `next_version.patch` applied, and versions of the program
and of the read tables that are one higher. It writes an event that this one does not know (`TagAliasKept`, with every rename of a tag), and its read
tables have a column more (the name that a tag had before), which `get_tag` and `list_tags` show.

usage: next_version.py FOLDER
Files that are as they should be are left alone, so that cargo builds only what has changed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCH = Path(__file__).with_name("next_version.patch")
# What is one higher in the next version: the version of the read tables, and that of the program. The latter is what cargo tells the
# two builds apart by, which share a target directory: it does not look at where a workspace lies.
RAISED = {
    Path("projections/checkpoint.rs"): re.compile(r"^(pub const VERSION: u32 = )(\d+)(;)$", re.MULTILINE),
    Path("Cargo.toml"): re.compile(r'^(version = "\d+\.\d+\.)(\d+)(")$', re.MULTILINE),
}
REMAKE = """tests/upgrade/next_version.patch does not apply any more: what it changes has changed. Remake it: in a clone of the repository
do by hand what the head of next_version.py says (in aggregates/tag.rs, projections/tags.rs and src/operations/tags.rs, a migration of the
read tables for each database, the name of the program in Cargo.toml), see that it builds, and keep what `git add -A` and then
`git diff --cached -U1` print."""


class Failed(Exception):
    """There is no next version; says why."""


def tracked() -> list[Path]:
    """The files of the repository, those that are new and not ignored among them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def make(folder: Path) -> None:
    """Makes the sources in an empty folder."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    # Below `folder` there is no repository: otherwise git would leave out, in silence, what is not below its root.
    applied = subprocess.run(
        ["git", "apply", "-C1", str(PATCH)], cwd=folder, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )  # fmt: skip
    if applied.returncode != 0:
        raise Failed(f"{applied.stderr}\n{REMAKE}")
    for name, version in RAISED.items():
        text, times = version.subn(lambda found: f"{found[1]}{int(found[2]) + 1}{found[3]}", (folder / name).read_text())
        if times != 1:
            raise Failed(f"{name} does not say its version as it used to: see RAISED in {__file__}")
        (folder / name).write_text(text)


def bring(made: Path, folder: Path) -> None:
    """Lets `folder` hold what `made` holds, and touches nothing that is the same."""
    wanted = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder) not in wanted:
            path.unlink()
    for name in wanted:
        content = (made / name).read_bytes()
        target = folder / name
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def main() -> int:
    """See the top of the file."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="cbx-next-") as made:
        try:
            make(Path(made))
        except Failed as failed:
            print(failed, file=sys.stderr)
            return 1
        bring(Path(made), Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
