#!/usr/bin/env python3
"""What worktrees and their setup cost a run, in time and on the disk, against plain git.

Parts, each of them in repositories of its own; ratios are of what was measured in one run:

* tasks: so many tasks, few at once, against as many `git worktree add` in a row, half of
  them before and half after; and how many worktrees and check checkouts are left;
* over: a worktree taken over from another task, what it held looked for, against a new one,
  both by the times of the journal, one task at a time;
* reset: the same without a run, by calling what makes a used folder clean;
* once: worktrees made at once, from the first that is meant to the last that is there,
  against as many `git worktree add` in a row;
* python, node: tasks of a project with uv (`uv.lock`) or npm (`package-lock.json`): how often
  each package was fetched, environments on the disk, and the first setup against the others.

Nothing is deleted before the end: for minutes after a large removal ext4 makes files many
times slower. Run with the Python of .venv: `.venv/bin/python scripts/bench/pool.py [PART ...]`.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ground import WTMAN, Cost, call, environment, write_plan
from registry import Registry, counting, npm_behind, pypi_behind

SEED = 13
PYTHON = ("flask", "requests", "pydantic")
NODE = ("express", "eslint", "webpack")

AGENT = """\
#!/bin/sh
cat > /dev/null
mkdir -p out && echo "$WTMAN_TASK" > "out/${WTMAN_TASK##*/}.txt"
"""


# Made new, then used and made again what it was, with no run around it: wall and CPU seconds.
RESET = """
import json, os, sys, time
from wtman.git import control_dir
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.checkouts.handouts import Handouts
from wtman.git.checkouts.reset import reset
from wtman.git.discovery import discover
from wtman.model.ids import Sha
from wtman.provision import setup  # what a run has loaded long before
repo = discover(".")
ctl, handouts = control_dir.prepare(repo), Handouts(sys.argv[1] + "-handouts")
first, second, times = Sha(sys.argv[2]), Sha(sys.argv[3]), int(sys.argv[4])
found = {"new": [], "handed out": [], "over": [], "over, moved": []}

def timed(name, what):
    began, ran = time.monotonic(), sum(os.times()[:4])
    done = what()
    found[name].append((time.monotonic() - began, sum(os.times()[:4]) - ran))
    return done

def new(at, name):
    tree = worktrees.create(repo, [worktrees.WorktreeSpec(name, at, name)])[0]
    snapshot.checkout(ctl, tree.path, tree.index, first)
    return tree

def out(tree):
    handouts.checked_out(ctl, tree.path, tree.index, first)
    handouts.hand_out(tree.path, first)

def used(tree):
    os.makedirs(tree.path + "/ignored/in", exist_ok=True)
    for number in range(50):
        open(f"{tree.path}/ignored/in/{number}", "w").close()
    open(tree.path + "/out.txt", "w").write("work")
    open(tree.path + "/part0/unit0/file0.txt", "a").write("more")

for number in range(times):
    tree = timed("new", lambda: new(f"{sys.argv[1]}/{number}", f"reset{number}"))
    timed("handed out", lambda: out(tree))
    used(tree)
    assert timed("over", lambda: reset(ctl, handouts, tree.path, tree.index, first))
    assert not os.path.lexists(tree.path + "/out.txt")
    used(tree)
    assert timed("over, moved", lambda: reset(ctl, handouts, tree.path, tree.index, second))
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Make:
    """A worktree was meant and made: `began` and `ended` by the journal, in seconds."""

    task: str
    began: float
    ended: float
    over: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Ground:
    """A repository, its worktrees folder beside it, and the environment to use it in."""

    path: Path
    env: dict[str, str]
    plain: int = 0  # worktrees that git has made here

    @property
    def worktrees(self) -> Path:
        return self.path.parent / "worktrees"

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ("git", *words), cwd=self.path, env=self.env, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")

    def adds(self, count: int) -> Cost:
        """So many `git worktree add` in a row, in a part of the disk of its own."""
        wall = cpu = 0.0
        for _ in range(count):
            self.plain += 1
            place = self.path.parent / "plain" / str(self.plain)
            words = ("git", "worktree", "add", "-q", "-b", f"plain{self.plain}", str(place))
            cost = call(words, self.path, self.env)
            wall, cpu = wall + cost.wall, cpu + cost.cpu
        return Cost(wall, cpu)


@dataclass
class Bench:
    """What was asked for, where it happens, and what was found: name -> figures."""

    asked: argparse.Namespace
    top: Path
    found: dict[str, dict[str, object]] = field(default_factory=dict)

    def ground(self, name: str) -> Ground:
        """An empty repository in a fresh folder."""
        top = self.top / name
        (top / "home").mkdir(parents=True)
        repo = top / "repo"
        repo.mkdir()
        env = environment(top / "home")
        for word in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
            if word in os.environ:
                env[word] = os.environ[word]
        ground = Ground(repo, env)
        ground.git("init", "-q", "-b", "main")
        ground.git("config", "user.name", "Ada Bench")
        ground.git("config", "user.email", "ada@example.com")
        return ground

    def many_files(self, name: str) -> Ground:
        """A repository of files from 1 to 12 KiB, 20 a folder."""
        ground, chance = self.ground(name), random.Random(SEED)
        line = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=63)) + "\n"
        for number in range(self.asked.files):
            folder = ground.path / f"part{number // 400}" / f"unit{number // 20 % 20}"
            folder.mkdir(parents=True, exist_ok=True)
            text = f"number {number}\n" + line * chance.randrange(16, 192)
            (folder / f"file{number}.txt").write_text(text)
        ground.commit()
        return ground

    def run(self, ground: Ground, count: int, jobs: int, *more: str, check: str = "") -> float:
        """Wall seconds of one run of so many tasks."""
        agent = ground.path.parent / "agent.sh"
        agent.write_text(AGENT)
        agent.chmod(0o755)
        plan = write_plan(ground.path.parent / f"plan{count}.toml", count, check)
        words = ("split", "--plan", str(plan), "--agent", f"command:{agent}", "-j", str(jobs))
        return call((*WTMAN, *words, "--yes", *more), ground.path, ground.env).wall


def makes(ground: Ground) -> list[Make]:
    """The worktrees of all runs in this repository, in the order in which they were meant."""
    database = sqlite3.connect(ground.path / ".git/wtman/state.db")
    began: dict[str, float] = {}
    found = []
    for at, kind, text in database.execute("SELECT at, kind, body FROM events ORDER BY seq"):
        body = json.loads(text)
        if kind == "Intended" and body["action"] == "MakeWorktree":
            began[body["key"]["subject"]] = at
        elif kind == "WorktreeMade" and body["task"] in began:
            task = body["task"]
            found.append(Make(task, began.pop(task), at, body.get("over", "")))
    database.close()
    return found


def left(ground: Ground) -> dict[str, object]:
    """What is there of the run's folders afterwards: checkouts by their `.git`, and bytes."""
    listed = ground.git("worktree", "list", "--porcelain").count("worktree ") - 1 - ground.plain
    tasks = checks = 0
    for place, folders, names in os.walk(ground.worktrees):
        if ".git" in names or ".git" in folders:
            folders.clear()
            if "-checks" in os.path.relpath(place, ground.worktrees):
                checks += 1
            else:
                tasks += 1
    return {
        "worktrees listed": listed,
        "worktrees on disk": tasks,
        "check checkouts": checks,
        "MiB of worktrees": _mib(ground.worktrees),
    }


def environments(ground: Ground, name: str) -> tuple[int, int]:
    """How many folders of this name lie below the worktrees: the tasks', and the checks'."""
    tasks = checks = 0
    for place, folders, _ in os.walk(ground.worktrees):
        if name in folders:
            folders.clear()
            is_check = "-checks" in os.path.relpath(place, ground.worktrees)
            checks, tasks = checks + is_check, tasks + (not is_check)
    return tasks, checks


def _mib(folder: Path) -> int:
    if not folder.exists():
        return 0
    done = subprocess.run(("du", "-sm", str(folder)), stdout=subprocess.PIPE, check=False)
    return int(done.stdout.split()[0])


def setups(ground: Ground) -> int:
    """How many setup commands have run, by the evidence that they leave."""
    return len(list(ground.path.glob(".git/wtman/runs/*/setup/*/spec.json")))


@cache
def offers(option: str) -> bool:
    """Whether this wtman has the option of `split`."""
    done = subprocess.run((*WTMAN, "split", "--help"), stdout=subprocess.PIPE, check=True)
    return option.encode() in done.stdout


def configure(ground: Ground, *lines: str) -> None:
    """Write the configuration, and approve the commands in it."""
    text = "\n".join((f"worktrees = {json.dumps(str(ground.worktrees))}", *lines))
    (ground.path / "wtman.toml").write_text(text + "\n")


def tasks(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """So many tasks against as many `git worktree add`, and what they leave."""
    count, jobs = bench.asked.tasks, bench.asked.jobs
    for name, check in (("tasks", ""), ("tasks, checked", "test -d part0")):
        ground = bench.many_files(name.replace(", ", "-"))
        configure(ground)
        before = ground.adds(count // 2)
        ours = bench.run(ground, count, jobs, check=check)
        theirs = before.wall + ground.adds(count - count // 2).wall
        yield (
            name,
            {
                "tasks": count,
                "jobs": jobs,
                "wtman s": ours,
                "git s": theirs,
                "wtman/git": ours / theirs,
                **left(ground),
            },
        )


def over(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """A worktree taken over against a new one."""
    count = bench.asked.few
    keep = ("--keep-worktrees",) if offers("--keep-worktrees") else ()
    fresh, used = bench.many_files("over-new"), bench.many_files("over-used")
    configure(fresh)
    configure(used)
    plain = fresh.adds(count).wall
    bench.run(fresh, count, 1, *keep)
    bench.run(used, count, 1)
    new = [made.seconds for made in makes(fresh) if not made.over]
    taken = [made.seconds for made in makes(used) if made.over]
    figures: dict[str, object] = {
        "new s": statistics.median(new),
        "git s": plain / count,
        "taken over": len(taken),
    }
    if taken:
        figures["over s"] = statistics.median(taken)
        figures["over/new"] = statistics.median(taken) / statistics.median(new)
        figures["over/git"] = statistics.median(taken) / (plain / count)
    yield "over", figures


def reset(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """The same without a run: the folder alone, at its commit and at one 20 files further."""
    count = bench.asked.few
    ground = bench.many_files("reset")
    first = ground.git("rev-parse", "HEAD")
    for number in range(20):
        (ground.path / f"part0/unit1/new{number}.txt").write_text("new\n")
    ground.commit()
    for number in range(count):
        ground.git("branch", f"reset{number}", first)
    before = ground.adds(count // 2)
    words = (str(ground.worktrees), first, ground.git("rev-parse", "HEAD"), str(count))
    done = subprocess.run(
        (sys.executable, "-c", RESET, *words),
        cwd=ground.path, env=ground.env, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    after = ground.adds(count - count // 2)
    found = {
        name: Cost(*(statistics.median(each) for each in zip(*costs, strict=True)))
        for name, costs in json.loads(done.stdout).items()
    }
    found["git"] = Cost((before.wall + after.wall) / count, (before.cpu + after.cpu) / count)
    figures: dict[str, object] = {}
    for name, cost in found.items():
        figures |= {f"{name} s": cost.wall, f"{name} cpu s": cost.cpu}
    for name in ("over", "over, moved"):
        for than in ("new", "git"):
            figures[f"{name}/{than}"] = found[name].wall / found[than].wall
            figures[f"{name}/{than}, cpu"] = found[name].cpu / found[than].cpu
    yield "reset", figures


def once(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """Worktrees at once against as many in a row."""
    count = bench.asked.once
    ground = bench.many_files("once")
    configure(ground)
    before = ground.adds(count // 2)
    bench.run(ground, count, count)
    theirs = before.wall + ground.adds(count - count // 2).wall
    made = makes(ground)
    ours = max(each.ended for each in made) - min(each.began for each in made)
    yield "once", {"worktrees": count, "wtman s": ours, "git s": theirs, "wtman/git": ours / theirs}


def python(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """Tasks of a project with uv."""
    uv = shutil.which("uv")
    if uv is None:
        yield "python", {"not measured": "there is no uv on PATH"}
        return
    with counting({"pypi": pypi_behind()}) as registry:
        ground = bench.ground("python")
        names = ", ".join(json.dumps(name) for name in PYTHON)
        (ground.path / "pyproject.toml").write_text(
            f'[project]\nname = "bench"\nversion = "1"\nrequires-python = ">=3.11"\n'
            f"dependencies = [{names}]\n\n[[tool.uv.index]]\n"
            f'url = "{registry.pypi}"\ndefault = true\n'
        )
        (ground.path / "check.py").write_text(f"import {', '.join(PYTHON)}\n")
        (ground.path / ".gitignore").write_text(".venv/\n")
        call((uv, "lock", "-q"), ground.path, ground.env)
        yield (
            "python",
            _project(bench, ground, registry, "uv sync --frozen -q", ".venv", _PYTHON_CHECK),
        )


_PYTHON_CHECK = ".venv/bin/python check.py"


def node(bench: Bench) -> Iterator[tuple[str, dict[str, object]]]:
    """Tasks of a project with npm."""
    if shutil.which("npm") is None:
        yield "node", {"not measured": "there is no npm on PATH"}
        return
    with counting({"npm": npm_behind()}) as registry:
        ground = bench.ground("node")
        wanted = dict.fromkeys(NODE, "*")
        about = {"name": "bench", "version": "1.0.0", "private": True, "dependencies": wanted}
        (ground.path / "package.json").write_text(json.dumps(about, indent=2) + "\n")
        (ground.path / ".npmrc").write_text(
            f"registry={registry.npm}\nomit-lockfile-registry-resolved=false\n"
            "fund=false\naudit=false\nupdate-notifier=false\n"
        )
        (ground.path / "check.js").write_text(
            "".join(f"require({json.dumps(name)});\n" for name in NODE)
        )
        (ground.path / ".gitignore").write_text("node_modules/\n")
        words = ("npm", "install", "--package-lock-only", "--ignore-scripts", "--silent")
        call(words, ground.path, ground.env)
        yield "node", _project(bench, ground, registry, "npm ci", "node_modules", "node check.js")


def _project(
    bench: Bench, ground: Ground, registry: Registry, setup: str, folder: str, check: str
) -> dict[str, object]:
    """Run tasks with this setup; the first setups begin without any package on the disk."""
    configure(ground, f"setup = [{json.dumps(setup)}]")
    ground.commit()
    # What made the lock file has filled the user's cache: a user who has none is meant.
    home = ground.path.parent / "home-empty"
    home.mkdir()
    ground.env["HOME"] = str(home)
    call((*WTMAN, "trust", "--yes"), ground.path, ground.env)
    registry.forget()
    wall = bench.run(ground, bench.asked.projects, bench.asked.jobs, check=check)
    made = makes(ground)
    first, later = made[0], [each.seconds for each in made[bench.asked.jobs :]]
    tasks, checks = environments(ground, folder)
    kept = ground.path / ".git/wtman"
    figures: dict[str, object] = {
        "wall s": wall,
        "packages": len(registry.files),
        "fetched": sum(registry.files.values()),
        "most of one": max(registry.files.values(), default=0),
        "other requests": sum(registry.pages.values()),
        "setups run": setups(ground),
        "environments": tasks,
        "of checks": checks,
        "first s": first.seconds,
    }
    if later:
        figures["later s"] = statistics.median(later)
        figures["slowest later s"] = max(later)
        figures["later/first"] = statistics.median(later) / first.seconds
    figures["MiB of worktrees"] = _mib(ground.worktrees)
    figures["MiB of .git/wtman"] = _mib(kept)
    return figures


Part = Callable[[Bench], Iterator[tuple[str, dict[str, object]]]]
PARTS: dict[str, Part] = {
    "tasks": tasks,
    "over": over,
    "reset": reset,
    "once": once,
    "python": python,
    "node": node,
}


@contextmanager
def _place(asked: argparse.Namespace) -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="wtman-bench-", dir=asked.at))
    try:
        yield top
    finally:
        if asked.keep:
            print(f"kept: {top}", file=sys.stderr)
        else:
            shutil.rmtree(top, ignore_errors=True)


def _shown(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--files", type=int, default=7000, help="of the repository")
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--few", type=int, default=12, help="tasks of the part `over`")
    parser.add_argument("--once", type=int, default=16, help="worktrees of the part `once`")
    parser.add_argument("--projects", type=int, default=12, help="tasks of `python` and `node`")
    parser.add_argument("--at", help="folder to work below; default: that of temporary files")
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {min(unknown)}; parts: {', '.join(PARTS)}")
    with _place(asked) as top:
        bench = Bench(asked, top)
        for name in asked.parts or PARTS:
            for row, figures in PARTS[name](bench):
                shown = {key: _shown(value) for key, value in figures.items()}
                shown["load"] = round(os.getloadavg()[0], 1)
                bench.found[row] = shown
                if not asked.json:
                    print(row, flush=True)
                    for key, value in shown.items():
                        print(f"  {key:20} {value}", flush=True)
        if asked.json:
            print(json.dumps(bench.found, indent=2))


if __name__ == "__main__":
    main()
