#!/usr/bin/env python3
"""What scouts change: requests whose tasks share a file, planned and built with and without them.

Each of --requests asks for some features of classes that all stand in one file of a repository of
four packages. Everything is real but the models: wtman, git, sessions. The agents are programs.
The scout reads its part with `ast` and says behind which class each feature that is named would
go. The planner makes a task a feature; it says what a task touches where scouts told it, and
nothing otherwise: it has a list of files. The author writes a function where its prompt says so,
and without a word of that at the end of the file, which is what agents do by default. All three
are deterministic, so the figures are of the way of places through plan and prompts, not of how
well a model scouts. In every third request two features belong to one class.

Counted: pairs of branches of a request that `git merge-tree` cannot merge. Example:

    .venv/bin/python scripts/bench/scouts.py --requests 12
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

NAMES = "Cart Order Parcel Refund Invoice Coupon Basket Ledger Wallet Voucher".split()
VERBS = "archive export audit label merge freeze".split()
SCOUT = """\
import ast, json, pathlib, re, sys
prompt = sys.stdin.read()
wanted = re.findall(r"(\\w+) for (\\w+)", prompt.split("<<<")[1].split(">>>")[0])
part = prompt.split("Your part is")[1].split("What a map says")[0]
adds = []
for path in re.findall(r'"([^"]+\\.py)"', part):
    try:
        body = ast.parse(pathlib.Path(path).read_text()).body
    except (OSError, SyntaxError):
        continue
    lines = {node.name: node.end_lineno for node in body if isinstance(node, ast.ClassDef)}
    adds += [
        {"path": path, "definition": name, "insert": "after", "first": lines[name], "why": verb}
        for verb, name in wanted
        if name in lines
    ]
print(json.dumps({"adds": adds, "summary": f"{len(adds)} features belong here."}))
"""
PLANNER = """\
import json, re, sys
prompt = sys.stdin.read()
request = prompt.split("Plan this request:")[1].split("For this plan:")[0]
tasks = []
for verb, name in re.findall(r"(\\w+) for (\\w+)", request):
    seen = re.findall(rf'new code: "([^"]+::after {name}@\\d+)" - "{verb}"', prompt)
    tasks.append({
        "id": f"{verb}-{name.lower()}",
        "prompt": f"Write {verb}_{name.lower()} in shop/models.py.",
        "owns": ["shop/models.py"],
        "touches": seen[:1],
    })
print(json.dumps({"tasks": tasks}))
"""
AUTHOR = """\
import ast, pathlib, re, sys
prompt = sys.stdin.read()
name = re.findall(r"Write (\\w+) in shop/models.py", prompt)[-1]
path = pathlib.Path("shop/models.py")
lines = path.read_text().splitlines(keepends=True)
place = r"^  shop/models.py: put new code (?:right (after|before) `(\\w+)`|at the (start|end))"
told = re.search(place, prompt, re.M)
at = len(lines)
if told and told[2]:
    for node in ast.parse("".join(lines)).body:
        if isinstance(node, ast.ClassDef) and node.name == told[2]:
            at = node.end_lineno if told[1] == "after" else node.lineno - 1
elif told and told[3] == "start":
    at = 1
lines[at:at] = [f"\\n\\ndef {name}(item):\\n", f"    return ({name!r}, item.total())\\n"]
path.write_text("".join(lines))
"""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--requests", type=int, default=12)
    asked.add_argument("--features", type=int, default=4, help="tasks of a request")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    chance = random.Random(given.seed)
    told = []
    for number in range(given.requests):
        names = chance.sample(NAMES, given.features)
        if number % 3 == 2:
            names[1] = names[0]
        verbs = chance.sample(VERBS, given.features)
        request = "In shop, mail, search and users: " + ", ".join(
            f"{verb} for {name}" for verb, name in zip(verbs, names, strict=True)
        )
        found = {scouts: run(request, scouts) for scouts in (8, 0)}
        told.append((found[8], found[0]))
        print(f"{request}: {found[8].told()} with scouts, {found[0].told()} without", flush=True)
    pairs = sum(one.pairs for one, _ in told)
    with_scouts, without = (sum(item[at].conflicts for item in told) for at in (0, 1))
    differ = sum(one.prompts != other.prompts for one, other in told)
    planned = sum(one.touches > 0 for one, _ in told)
    print(
        f"\n{len(told)} requests of {given.features} tasks in one file, {pairs} pairs of branches"
    )
    print(f"pairs in conflict: {with_scouts} with scouts, {without} without")
    print(
        f"requests without any conflict: {sum(not a.conflicts for a, _ in told)} with scouts, "
        f"{sum(not b.conflicts for _, b in told)} without"
    )
    print(f"plans with places from scouts: {planned} of {len(told)}; prompts differ: {differ}")
    return 0


class Outcome:
    """What became of one request."""

    def __init__(self, repo: Path, run: str) -> None:
        prompts = repo.glob(".git/wtman/runs/*/tasks/*/1/prompt.md")
        self.prompts = sorted(path.read_text() for path in prompts)
        self.touches = sum("Where your change goes" in text for text in self.prompts)
        listed = git(repo, "for-each-ref", "--format=%(refname)", f"refs/heads/wtman/{run}")
        branches = listed.split()
        self.pairs = len(list(combinations(branches, 2)))
        self.conflicts = sum(clash(repo, *pair) for pair in combinations(branches, 2))

    def told(self) -> str:
        return f"{self.conflicts} of {self.pairs} pairs conflict"


def run(request: str, scouts: int) -> Outcome:
    """Plan and build a request in a new repository."""
    with tempfile.TemporaryDirectory() as folder:
        repo, tools = Path(folder, "repo"), Path(folder, "tools")
        for path, text in {**sources(repo), **programs(tools)}.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(repo, "init", "-q", "-b", "main")
        git(repo, "add", "-A")
        git(repo, "-c", "user.name=b", "-c", "user.email=b@b.invalid", "commit", "-qm", "base")
        spec = {name: f"command:{sys.executable} {tools}/{name}.py" for name in PROGRAMS}
        words = [
            *("split", request, "--planner", spec["planner"], "--role", f"scout={spec['scout']}"),
            *("--agent", spec["author"], "--scouts", str(scouts), "--sandbox", "none", "--yes"),
            *("--allow-overlap", "--check", "python3 -m py_compile shop/models.py", "--json"),
        ]
        env = {**os.environ, "HOME": folder, "XDG_STATE_HOME": f"{folder}/state"}
        env |= {"GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b@b.invalid"}
        env |= {"GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@b.invalid"}
        done = subprocess.run(
            [sys.executable, "-m", "wtman", *words],
            cwd=repo, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{request}: {done.stdout[-2000:]}{done.stderr}")
        return Outcome(repo, json.loads(done.stdout.splitlines()[0])["run"])


PROGRAMS = {"scout": SCOUT, "planner": PLANNER, "author": AUTHOR}


def programs(tools: Path) -> dict[Path, str]:
    return {tools / f"{name}.py": text for name, text in PROGRAMS.items()}


def sources(repo: Path) -> dict[Path, str]:
    """Four packages; all that the requests are about is in one file of one of them."""
    models = "\n\n".join(
        f"class {name}:\n    def __init__(self, lines):\n        self.lines = lines\n\n"
        f"    def total(self):\n        return sum(self.lines)\n"
        for name in NAMES
    )
    found = {repo / "shop/models.py": f'"""The models."""\n\n\n{models}'}
    for package in ("shop", "mail", "search", "users"):
        for number in range(8):
            text = f"def {package}_{number}(value):\n    return value + {number}\n"
            found[repo / package / f"part{number}.py"] = text
    return found


def clash(repo: Path, one: str, other: str) -> bool:
    done = subprocess.run(
        ["git", "merge-tree", "--write-tree", one, other],
        cwd=repo,
        capture_output=True,
        check=False,
    )
    return done.returncode == 1


def git(repo: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
