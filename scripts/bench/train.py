#!/usr/bin/env python3
"""How much faster a train is put together than `git merge` puts it, one branch after another.

For each case (branches, of which so many percent also touch one of ten shared files)
in one repository of 800 files and in one run: `git merge --no-ff` of every branch in a
checkout, against one process of this Python that assembles the same branches, start-up
included. Both trees have to be the same. Run with the Python of .venv:
`.venv/bin/python scripts/bench/train.py [BRANCHESxPERCENT ...]`.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from ground import Cost, call, ground, least, table

FILES = 800
SHARED = 10

ASSEMBLE = """
import sys
from wtman.integration.assemble import Part, Train, assemble
from wtman.model.plan import Identity
from wtman.model.ids import Sha, TaskId
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
ctl = prepare(discover("."))
on, *heads = map(Sha, sys.argv[1:])
who = Identity("Ada Bench", "ada@example.com")
parts = tuple(Part(TaskId(f"t{n}"), on, head, (), f"t{n}") for n, head in enumerate(heads))
made = assemble(ctl, Train(on, parts, who, 1_700_000_000.0))
assert not made.conflicts, made.conflicts
print(made.tree)
"""


def case(text: str) -> tuple[int, int]:
    """`128x30`: 128 branches, 30 percent of them meet others in a shared file."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 128x30")
    return int(found[1]), int(found[2])


def git(repo: Path, env: dict[str, str], *words: str, data: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *words], cwd=repo, env=env, input=data, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().strip()


def branches(repo: Path, env: dict[str, str], count: int, percent: int) -> list[str]:
    """Branches that change two files each, and some of them a line of a shared one."""
    stream = []
    shared = {number: [f"line {line}\n" for line in range(1500)] for number in range(SHARED)}
    setup = "".join(
        f"M 100644 inline shared/{number}.txt\n{_data(''.join(lines))}"
        for number, lines in shared.items()
    )
    who = "committer Ada Bench <ada@example.com> 1700000000 +0000\n"
    stream.append(
        f"commit refs/heads/main\nmark :1\n{who}{_data('shared')}from refs/heads/main^0\n{setup}"
    )
    for number in range(count):
        at = number * 6 % FILES
        changes = f"M 100644 inline part{at % 8}/module{at}.py\n{_data(f'CHANGED = {number}')}"
        changes += f"M 100644 inline part{at % 8}/new{number}.py\n{_data(f'NEW = {number}')}"
        if number * percent // 100 != (number + 1) * percent // 100:
            lines = list(shared[number % SHARED])
            lines[10 * number] = f"changed by {number}\n"
            changes += f"M 100644 inline shared/{number % SHARED}.txt\n{_data(''.join(lines))}"
        stream.append(f"commit refs/heads/t{number}\n{who}{_data(f't{number}')}from :1\n{changes}")
    git(repo, env, "fast-import", "--quiet", data="".join(stream).encode())
    git(repo, env, "reset", "-q", "--hard", "main")
    return [git(repo, env, "rev-parse", f"t{number}") for number in range(count)]


def _data(text: str) -> str:
    return f"data {len(text)}\n{text}\n"


def measure(count: int, percent: int, times: int) -> tuple[str, ...]:
    with ground(files=FILES) as (repo, env):
        heads = branches(repo, env, count, percent)
        start = git(repo, env, "rev-parse", "main")
        script = repo.parent / "merge.sh"
        words = 'for head; do git merge -q --no-ff -m "merge $head" "$head" || exit 1; done'
        script.write_text(f"git reset -q --hard {start}\n{words}\n")

        def assembled() -> Cost:
            # Not into objects that an earlier round has left.
            git(repo, env, "prune", "--expire=now")
            return call((sys.executable, "-c", ASSEMBLE, start, *heads), repo, env)

        ours = least(times, assembled)
        theirs = least(times, lambda: call(("sh", str(script), *heads), repo, env))
        same = subprocess.run(
            (sys.executable, "-c", ASSEMBLE, start, *heads),
            cwd=repo, env=env, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        if same.stdout.decode().strip() != git(repo, env, "rev-parse", "HEAD^{tree}"):
            raise SystemExit("the two trees differ")
    return (
        f"{count}, {percent} % meet",
        f"{theirs.wall * 1000:.0f}",
        f"{ours.wall * 1000:.0f}",
        f"{theirs.wall / ours.wall:.1f}",
        f"{theirs.cpu * 1000:.0f}",
        f"{ours.cpu * 1000:.0f}",
        f"{theirs.cpu / ours.cpu:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument(
        "cases",
        nargs="*",
        type=case,
        default=[case("8x0"), case("128x0"), case("128x30"), case("128x100")],
        metavar="BRANCHESxPERCENT",
    )
    asked = parser.parse_args()
    head = ("branches", "merge ms", "train ms", "x wall", "merge cpu", "train cpu", "x cpu")
    print(f"{FILES} files, git {git(Path.cwd(), dict(os.environ), 'version').split()[-1]}")
    table(head, [measure(*each, asked.times) for each in asked.cases])


if __name__ == "__main__":
    main()
