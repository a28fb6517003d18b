"""What the map of a large repository costs, and the forecast on it: the first time and again.

    .venv/bin/python scripts/bench/map.py [--files 50000] [--commits 300] [--keep DIR]

It makes a repository with files of 50 to 200 lines in a few languages and a history, and prints
wall and CPU of `wtman split --plan FILE --dry-run --json` and of what makes a planner's map: the
first time, again, of another request on the tree that is known, and after a commit of one file;
and as a ratio to what git itself needs to list that tree and its history (`git ls-tree -r` and
`git log --name-only`). Start-up is included. With --keep the commits stay in that repository.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ground import WTMAN, Cost, call, environment, least, table

FIRST, AGAIN = 10.0, 1.0  # seconds that are promised
_AGENT = ("--allow-overlap", "--agent", "command:true", "--sandbox", "none")
_WORDS = (
    "account audit basket billing cache catalog checkout client config coupon currency customer "
    "delivery discount event export filter gateway invoice item journal ledger limit market "
    "message meter order page parcel payment policy price product profile queue quota rate refund "
    "region report request retry review route schedule search session shipment stock store task "
    "tax tenant ticket token total transfer update user vendor wallet window"
).split()
_KINDS = ("py", "py", "ts", "ts", "go", "java", "rs", "js")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--commits", type=int, default=300)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument(
        "--keep", type=Path, help="use the repository in this folder, or make it there"
    )
    wanted = parser.parse_args()
    top = wanted.keep or Path(tempfile.mkdtemp(prefix="wtman-bench-"))
    try:
        _measure(top, wanted.files, wanted.commits, wanted.times)
    finally:
        if not wanted.keep:
            shutil.rmtree(top, ignore_errors=True)


def _measure(top: Path, files: int, commits: int, times: int) -> None:
    env = environment(top / "home")
    repo = top / "repo"
    if not repo.exists():
        make(top, env, files, commits)
    plan = top / "plan.toml"
    own = repo / ".git" / "wtman"
    numbers = count()

    def listed() -> Cost:
        one = call(("git", "ls-tree", "-r", "HEAD"), repo, env)
        other = call(("git", "log", "--name-only", "--no-merges", "-n", "2000"), repo, env)
        return Cost(one.wall + other.wall, one.cpu + other.cpu)

    def split(number: int) -> Cost:
        plan.write_text(_PLAN.format(word=_word(number)))
        return call(
            (*WTMAN, "split", "--plan", str(plan), "--dry-run", "--json", *_AGENT), repo, env
        )

    def told(number: int) -> Cost:
        asked = f"retry a {_word(number)} of an invoice when the gateway refuses it"
        return call((sys.executable, "-c", _TELL, asked), repo, env)

    def first(ask: Callable[[int], Cost]) -> Cost:
        shutil.rmtree(own, ignore_errors=True)
        return ask(0)

    def committed(ask: Callable[[int], Cost]) -> Cost:
        number = next(numbers)
        path = repo / _path(number * 997 % files)
        path.write_text(f"{path.read_text()}\n")
        words = ("git", "commit", "-q", "-a", "-m", f"{number}")
        subprocess.run(words, cwd=repo, env=env, check=True)
        return ask(0)

    git = least(times, listed)
    rows = [("git ls-tree and git log", f"{git.wall:.2f} s", f"{git.cpu:.2f} s", "1.0", "")]
    for name, ask in (("split --dry-run --json", split), ("map for a planner", told)):
        for label, promised, cost in (
            ("first time", FIRST, least(1, lambda ask=ask: first(ask))),
            ("again", AGAIN, least(times, lambda ask=ask: ask(0))),
            ("another request", AGAIN, least(times, lambda ask=ask: ask(next(numbers) + 1))),
            ("after one commit", AGAIN, least(times, lambda ask=ask: committed(ask))),
        ):
            ratio = f"{cost.wall / git.wall:.1f}"
            kept = "yes" if cost.wall < promised else f"NO (< {promised:g} s)"
            rows.append(
                (f"{name}, {label}", f"{cost.wall:.2f} s", f"{cost.cpu:.2f} s", ratio, kept)
            )
    table(("", "wall", "CPU", "ratio to git", "in time"), rows)


def _word(number: int) -> str:
    return f"{_WORDS[number * 7 % len(_WORDS)]}{number or ''}"


def make(top: Path, env: dict[str, str], files: int, commits: int) -> None:
    """A repository of that many files, in folders of twelve, and a history that changes them."""
    (top / "home").mkdir(parents=True, exist_ok=True)
    draft = top / "draft"
    subprocess.run(["git", "init", "-q", "-b", "main", str(draft)], env=env, check=True)
    chance = random.Random(7)
    paths = [_path(number) for number in range(files)]
    stream = subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=draft, env=env, stdin=subprocess.PIPE
    )
    assert stream.stdin is not None
    for part in _history(paths, commits, chance):
        stream.stdin.write(part)
    stream.stdin.close()
    if stream.wait():
        raise SystemExit("git fast-import failed")
    for words in (
        ("config", "user.name", "Ada Bench"),
        ("config", "user.email", "ada@example.com"),
        ("reset", "-q", "--hard", "main"),
    ):
        subprocess.run(["git", *words], cwd=draft, env=env, check=True)
    draft.rename(top / "repo")


def _path(number: int) -> str:
    kind = _KINDS[number // 12 % len(_KINDS)]
    top, middle = _WORDS[number // 1200 % len(_WORDS)], _WORDS[number // 12 % 61]
    word = _WORDS[number * 7 % len(_WORDS)]
    name = f"{word}_{number}"
    if number % 12 == 11:
        name = f"test_{name}" if kind == "py" else f"{name}_test"
    return f"{top}/{middle}_{number // 12}/{name}.{kind}"


def _history(paths: list[str], commits: int, chance: random.Random) -> Iterator[bytes]:
    yield from _commit(0, [(path, source(path, paths, chance)) for path in paths])
    for number in range(1, commits):
        near = chance.randrange(len(paths))
        some = {near, *(min(near + chance.randrange(12), len(paths) - 1) for _ in range(3))}
        changed = [(paths[at], source(paths[at], paths, chance)) for at in sorted(some)]
        if number % 3 == 0:
            changed.append(("CHANGELOG.md", "".join(f"- {n}\n" for n in range(number))))
        yield from _commit(number, changed)


def _commit(number: int, files: list[tuple[str, str]]) -> Iterator[bytes]:
    who = f"Ada Bench <ada@example.com> {1_700_000_000 + number * 3600} +0000"
    yield f"commit refs/heads/main\ncommitter {who}\ndata 4\nwork\n".encode()
    for path, text in files:
        data = text.encode()
        yield f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def source(path: str, paths: list[str], chance: random.Random) -> str:
    """50 to 200 lines that define, import and say something."""
    kind = path.rsplit(".", 1)[1]
    other = [chance.choice(paths) for _ in range(3)]
    lines = _front(kind, path, other)
    wanted = chance.randrange(50, 200)
    while len(lines) < wanted:
        name = "_".join(chance.sample(_WORDS, 2))
        lines += _block(kind, name, chance)
    return "\n".join(lines) + "\n"


def _front(kind: str, path: str, other: list[str]) -> list[str]:
    stems = [item.rsplit(".", 1)[0] for item in other]
    said = f"Keeps the {Path(path).stem.partition('_')[0]} of a customer up to date."
    if kind == "py":
        return [
            f'"""{said}"""',
            "",
            "import os",
            *(f"from {s.replace('/', '.')} import run" for s in stems),
            "",
        ]
    if kind in ("ts", "js"):
        up = "../" * path.count("/")
        return [f"// {said}", *(f'import {{ run }} from "{up}{s}";' for s in stems), ""]
    if kind == "go":
        return [
            f"// {said}",
            "package part",
            "",
            "import (",
            '\t"fmt"',
            *(f'\t"shop/{s}"' for s in stems),
            ")",
            "",
        ]
    if kind == "rs":
        return [
            f"//! {said}",
            "use std::fmt;",
            *(f"use crate::{s.replace('/', '::')};" for s in stems),
            "",
        ]
    return [
        f"/* {said} */",
        "package part;",
        *(f"import {s.replace('/', '.')};" for s in stems),
        "",
    ]


def _block(kind: str, name: str, chance: random.Random) -> list[str]:
    title = "".join(part.title() for part in name.split("_"))
    steps = range(chance.randrange(3, 12))
    if kind == "py":
        body = [f"        value_{n} = self.total(first, {n}) + second[{n}]" for n in steps]
        return [
            f"class {title}:",
            f'    """The {name} of an order."""',
            "",
            f"    def {name}(self, first, second):",
            *body,
            "        return value_0",
            "",
            "",
            f"def make_{name}(first):",
            f"    return {title}().{name}(first, [])",
            "",
            "",
        ]
    body = [f"    const value{n} = total(first, {n}) + second[{n}];" for n in steps]
    if kind in ("ts", "js"):
        return [
            f"/** The {name} of an order. */",
            f"export class {title} {{",
            f"  {name}(first, second) {{",
            *body,
            "    return value0;",
            "  }",
            "}",
            "",
            f"export function make{title}(first) {{",
            f"  return new {title}().{name}(first, []);",
            "}",
            "",
        ]
    if kind == "go":
        body = [f"\tvalue{n} := total(first, {n}) + second[{n}]" for n in steps]
        return [
            f"// {title} is the {name} of an order.",
            f"type {title} struct {{",
            "\titems []string",
            "}",
            "",
            f"func (held *{title}) Run(first int, second []int) int {{",
            *body,
            "\treturn value0",
            "}",
            "",
        ]
    if kind == "rs":
        body = [f"        let value{n} = total(first, {n}) + second[{n}];" for n in steps]
        return [
            f"/// The {name} of an order.",
            f"pub struct {title} {{",
            "    items: Vec<String>,",
            "}",
            "",
            f"impl {title} {{",
            f"    pub fn {name}(&self, first: u32, second: &[u32]) -> u32 {{",
            *body,
            "        value0",
            "    }",
            "}",
            "",
        ]
    body = [f"        int value{n} = total(first, {n}) + second[{n}];" for n in steps]
    return [
        f"/** The {name} of an order. */",
        f"class {title} {{",
        f"    public int {name}(int first, int[] second) {{",
        *body,
        "        return value0;",
        "    }",
        "}",
        "",
    ]


# As plan/perform.py does it; `wtman plan` would also make a checkout for its planner.
_TELL = """
import os, sys
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.git.repo import resolve
from wtman.plan.map.store import planner_text
repo = discover(os.getcwd())
print(planner_text(prepare(repo), resolve(repo, "HEAD"), sys.argv[1]))
"""
# Places are not said, and both may own a file: their chance of a conflict needs the map.
_PLAN = """request = "retry payments"

[[task]]
id = "one"
prompt = "retry a {word}"
owns = ["**/*payment*"]

[[task]]
id = "two"
prompt = "tell of a refund"
owns = ["**/*refund*"]
"""

if __name__ == "__main__":
    main()
