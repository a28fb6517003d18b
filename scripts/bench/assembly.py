#!/usr/bin/env python3
"""How long `wtman merge --branches` takes, against `git merge` of one branch after the other.

Both in a checkout of the same repository of 2,000 files, in turns, in one run: a shell loop of
`git merge --no-edit BRANCH`, and the program from its start to the target moved, proof and
patches included. Both trees have to be the same. Cases: `apart`, disjoint branches of one file
each; `mixed`, disjoint ones of several files from different commits, with deletions, renames,
modes and binary files; `meet`, branches that all change the same files in different places.
Run with the Python of .venv: `.venv/bin/python scripts/bench/assembly.py [CASE:BRANCHES ...]`.
"""

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ground import WTMAN, Cost, call, ground, table

FILES = 2000
SHARED = 4  # files that all branches of `meet` change
GAP = 8  # lines between two places in them
BASES = 8  # commits that the branches of `mixed` start from
WHO = "committer Ada Bench <ada@example.com> 1700000000 +0000\n"


def data(content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return b"data %d\n%s\n" % (len(raw), raw)


def commit(ref: str, on: str, changes: list[bytes], mark: int = 0) -> bytes:
    marked = f"mark :{mark}\n" if mark else ""
    head = f"commit refs/heads/{ref}\n{marked}{WHO}".encode()
    return head + data(f"work of {ref}") + f"from {on}\n".encode() + b"".join(changes)


def put(path: str, content: str | bytes, mode: str = "100644") -> bytes:
    return f"M {mode} inline {path}\n".encode() + data(content)


def place(number: int) -> str:
    """A file of the repository that `ground` made."""
    return f"part{number % 8}/module{number}.py"


def text(number: int) -> list[str]:
    return [f"NUMBER = {number}\n"] * 50


def edited(number: int) -> str:
    lines = text(number)
    lines[number % 50] = f"CHANGED = {number}\n"
    return "".join(lines)


def apart(count: int) -> Iterator[bytes]:
    for number in range(count):
        at = number * (FILES // count)
        yield commit(f"t{number}", "refs/heads/main^0", [put(place(at), edited(at))])


def mixed(count: int) -> Iterator[bytes]:
    """Each has a new file and two more, one of them changed, and something of a kind."""
    for base in range(BASES):
        on = f":{base}" if base else "refs/heads/main^0"
        yield commit("main", on, [put(f"docs/page{base}.md", f"page {base}\n")], base + 1)
    for number in range(count):
        at = number * 3 % (FILES - 3)
        changes = [
            put(place(at), edited(at)),
            put(f"part{number % 8}/new{number}.py", f"NEW = {number}\n" * 20),
            (
                f"D {place(at + 1)}\n".encode(),
                f"R {place(at + 1)} part{number % 8}/moved{number}.py\n".encode(),
                put(place(at + 1), "".join(text(at + 1)), "100755"),
                put(f"assets/{number}.bin", bytes(range(256)) * 4 + str(number).encode()),
            )[number % 4],
        ]
        yield commit(f"t{number}", f":{number % BASES + 1}", changes)


def meet(count: int) -> Iterator[bytes]:
    shared = [[f"line {line} of {name}\n" for line in range(GAP * count)] for name in range(SHARED)]
    first = [put(f"shared/all{name}.txt", "".join(shared[name])) for name in range(SHARED)]
    yield commit("main", "refs/heads/main^0", first, 1)
    for number in range(count):
        changes = []
        for name, lines in enumerate(shared):
            mine = list(lines)
            mine[GAP * number] = f"changed by {number}\n"
            changes.append(put(f"shared/all{name}.txt", "".join(mine)))
        yield commit(f"t{number}", ":1", changes)


CASES = {"apart": apart, "mixed": mixed, "meet": meet}


def git(repo: Path, env: dict[str, str], *words: str, given: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *words], cwd=repo, env=env, input=given, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().strip()


def started(argv: tuple[str, ...], repo: Path, env: dict[str, str]) -> int:
    """How many programs a command starts, itself included; -1 where strace is missing."""
    if shutil.which("strace") is None:
        return -1
    log = repo.parent / "strace.log"
    trace = ("strace", "-f", "-qq", "-e", "trace=execve", "-o", str(log))
    call((*trace, *argv), repo, env)
    return sum("execve(" in line and "= 0" in line for line in log.read_text().splitlines())


def measure(case: str, count: int, times: int, more: tuple[str, ...]) -> tuple[str, ...]:
    with ground(files=FILES) as (repo, env):
        git(repo, env, "fast-import", "--quiet", given=b"".join(CASES[case](count)))
        git(repo, env, "reset", "-q", "--hard", "main")
        names = [f"t{number}" for number in range(count)]
        loop = 'for name; do git merge -q --no-edit "$name" || exit 1; done'
        sides = {
            "git": ("sh", "-c", loop, "sh", *names),
            "wtman": (*WTMAN, "merge", "--branches", *names, *more),
        }
        here = repo.parent / "here"
        costs: dict[str, list[Cost]] = {side: [] for side in sides}
        trees, programs = {}, {}
        for turn in range(times + 1):
            for side, argv in sides.items():
                shutil.rmtree(here, ignore_errors=True)
                shutil.copytree(repo, here, symlinks=True)
                git(here, env, "status", "-s")  # the index knows the copied files
                if turn:
                    costs[side].append(call(argv, here, env))
                else:
                    programs[side] = started(argv, here, env)
                trees[side] = git(here, env, "rev-parse", "HEAD^{tree}")
        if len(set(trees.values())) != 1:
            raise SystemExit(f"the two trees differ: {trees}")
    theirs, ours = (_least(costs[side]) for side in sides)
    return (
        f"{case}, {count} branches",
        f"{theirs.wall * 1000:.0f}",
        f"{ours.wall * 1000:.0f}",
        f"{ours.wall / theirs.wall:.3f}",
        f"{theirs.cpu * 1000:.0f}",
        f"{ours.cpu * 1000:.0f}",
        f"{ours.cpu / theirs.cpu:.3f}",
        str(programs["git"]),
        str(programs["wtman"]),
    )


def _least(costs: list[Cost]) -> Cost:
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs))


def case(words: str) -> tuple[str, int]:
    """`meet:128`: 128 branches of the case `meet`."""
    name, _, count = words.partition(":")
    if name not in CASES or not count.isdecimal() or not int(count):
        raise argparse.ArgumentTypeError(f"{words!r} is not like meet:128")
    return name, int(count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--check", default="", help="judge the merged tree by this command, too")
    parser.add_argument(
        "cases",
        nargs="*",
        type=case,
        default=[case("apart:512"), case("mixed:512"), case("meet:128")],
        metavar="CASE:BRANCHES",
    )
    asked = parser.parse_args()
    more = ("--check", asked.check) if asked.check else ("--unchecked",)
    print(f"{FILES} files, git {git(Path.cwd(), dict(os.environ), 'version').split()[-1]}")
    head = ("case", "git ms", "wtman ms", "ratio", "git cpu", "wtman cpu", "ratio")
    table(
        (*head, "git programs", "wtman's"),
        [measure(name, count, asked.times, more) for name, count in asked.cases],
    )


if __name__ == "__main__":
    main()
