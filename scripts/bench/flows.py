#!/usr/bin/env python3
"""What a flow of hundreds of sessions costs, against `split` over the same tasks.

The sources of an installed package are put into a repository. A scripted agent ports each file,
and each port is reviewed: once as a flow (`flow.map`, a session and a review an item), once as a
plan file with the same prompts. Printed for both: sessions, processor time of the coordinator and
of all that it waited for, a session; the coordinator's peak of memory; the time of `status` while
it runs and afterwards; the most that its worktrees held on the disk; and the ratio of the two.

Run with the Python of .venv: `.venv/bin/python scripts/bench/flows.py [--files N] [--jobs N]`.
Wall times of a loaded machine say little; compare processor times, and ratios of one run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ground import WTMAN, call, environment, table

AGENT = """\
#!/bin/sh
path=$(grep -o 'Port [^ ]*[.]py' | head -1)
echo '# ported' >> "${path#Port }"
"""
REVIEWER = """\
#!/bin/sh
cat > /dev/null
echo '{"findings": []}'
"""
FLOW = '''\
"""Port every file, and have each port reviewed."""
from wtman.flow import Flow, Inputs

class Args(Inputs):
    most: int = 0
    by: int = 2

async def main(flow: Flow, args: Args):
    async def one(path: str):
        work = await flow.session(f"Port {path} to the new interface.", owns=[path])
        for _ in flow.rounds(3):
            review = await flow.review(work, reviewers=args.by)
            if not review.confirmed:
                return work
            work = await flow.session(review.as_prompt(), on=work)
        raise flow.give_up("still refuted", work)

    return (await flow.map(flow.files("**/*.py")[: args.most], one)).values
'''
_EVERY = 0.5  # seconds between two looks at the coordinator
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """A coordinator as it is seen from outside, until it ends."""

    process: "subprocess.Popen[bytes]"
    repo: Path
    env: dict[str, str]
    own: float = 0.0  # seconds of processor time, without what it waited for
    peak: int = 0  # KiB
    disk: int = 0  # MiB of worktrees
    status: list[float] = field(default_factory=list)  # seconds of each call
    course: list[float] = field(default_factory=list)  # `own` at each look

    def watch(self) -> None:
        looks = 0
        while not self._ended():
            looks += 1
            if looks % 60 == 0:
                self.disk = max(self.disk, mib(self.repo.parent / f"{self.repo.name}.worktrees"))
                self.status.append(status(self.repo, self.env))
            time.sleep(_EVERY)

    def _ended(self) -> bool:
        try:
            place = Path(f"/proc/{self.process.pid}")
            stat = place.joinpath("stat").read_text().rpartition(")")[2].split()
            facts = place.joinpath("status").read_text()
        except OSError:
            return True
        if stat[0] == "Z" or "VmHWM" not in facts:
            return True
        self.own = (int(stat[11]) + int(stat[12])) / _TICK
        self.course.append(self.own)
        self.peak = max(self.peak, int(facts.partition("VmHWM:")[2].split()[0]))
        return False


def status(repo: Path, env: dict[str, str]) -> float:
    """Processor seconds of one `wtman status`."""
    return call((*WTMAN, "status"), repo, env).cpu


def mib(folder: Path) -> int:
    """What a folder holds on the disk."""
    done = subprocess.run(
        ("du", "-sm", folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return int((done.stdout.split() or [b"0"])[0])


def repository(folder: Path, source: Path, env: dict[str, str]) -> list[str]:
    """A repository of these sources; its Python files."""
    without = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(source, folder / source.name, ignore=without)
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "Ada Bench"),
        ("config", "user.email", "ada@example.com"),
        ("add", "-A"),
        ("commit", "-q", "-m", "first"),
    ):
        subprocess.run(("git", *words), cwd=folder, env=env, check=True)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))


def plan_of(paths: list[str]) -> str:
    """The same tasks as the flow has."""
    lines = ['request = "port everything"']
    for number, path in enumerate(paths):
        prompt = json.dumps(f"Port {path} to the new interface.")
        lines += ["", "[[task]]", f'id = "t{number}"', f"prompt = {prompt}"]
        lines += [f"owns = [{json.dumps(path)}]"]
    return "\n".join(lines) + "\n"


def events(repo: Path) -> Counter[str]:
    """How often each thing was begun, by the journal."""
    import sqlite3

    base = sqlite3.connect(repo / ".git/wtman/state.db")
    bodies = base.execute("SELECT body FROM events WHERE kind = 'Intended'").fetchall()
    base.close()
    return Counter(json.loads(body)["action"] for (body,) in bodies)


def measure(top: Path, asked: argparse.Namespace, name: str) -> dict[str, float]:
    """One run, as `flow` or as `split`."""
    home = top / f"{name}-home"
    home.mkdir()
    env = environment(home)
    repo = top / name
    paths = repository(repo, asked.source, env)[: asked.files]
    (top / "flow.py").write_text(FLOW)
    (top / "plan.toml").write_text(plan_of(paths))
    for program, text in (("agent.sh", AGENT), ("reviewer.sh", REVIEWER)):
        (top / program).write_text(text)
        (top / program).chmod(0o755)
    kind = (
        ("run", top / "flow.py", "--most", str(len(paths)), "--by", str(asked.reviewers))
        if name == "flow"
        else ("split", "--plan", top / "plan.toml", "--reviewers", str(asked.reviewers))
    )
    more = ("--confirm-above", "4096") if name == "flow" else ()
    words = (
        *kind,
        *more,
        "--agent",
        f"command:{top / 'agent.sh'}",
        "--yes",
        "--max-sessions",
        "9999",
    )
    words = (*words, "--reviewer", f"command:{top / 'reviewer.sh'}", "-j", str(asked.jobs))
    words = (
        (*words, "--sandbox", asked.sandbox, "--check", asked.check)
        if asked.check
        else (
            *words,
            "--sandbox",
            asked.sandbox,
        )
    )
    began = time.monotonic()
    with open(top / f"{name}.out", "wb") as out:
        process = subprocess.Popen(
            (*WTMAN, *map(str, words)), cwd=repo, env=env, stdout=out, stderr=out
        )
        seen = Watched(process, repo, env)
        thread = threading.Thread(target=seen.watch)
        thread.start()
        _, raw, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(raw)
        thread.join()
    if process.returncode:
        said = (top / f"{name}.out").read_text().splitlines()[-20:]
        raise SystemExit("\n".join((f"{name}: exit {process.returncode}", *said)))
    begun = events(repo)
    sessions = sum(begun[it] for it in ("RunSession", "Review", "ReviewStep", "Refute", "AskStep"))
    after = min(status(repo, env) for _ in range(3))
    whole = used.ru_utime + used.ru_stime
    half = seen.course[len(seen.course) // 2] if seen.course else 0.0
    return {
        "tasks": len(paths),
        "sessions": sessions,
        "wall s": time.monotonic() - began,
        "cpu ms a session": whole / sessions * 1000,
        "coordinator's own ms a session": seen.own / sessions * 1000,
        "own s in the second half": seen.own - half,
        "peak MiB": seen.peak / 1024,
        "worktrees MiB": max(seen.disk, mib(top / f"{name}.worktrees")),
        "status s, slowest": max(seen.status, default=after),
        "status s, afterwards": after,
        "journal MiB": (repo / ".git/wtman/state.db").stat().st_size / (1 << 20),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    packages = Path(sysconfig.get_paths()["purelib"])
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--reviewers", type=int, default=2)
    parser.add_argument("--check", default="", help="a command that judges each port")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--source", type=Path, default=packages / "pygments")
    parser.add_argument("--only", choices=("flow", "split"))
    parser.add_argument("--at", help="folder to work below; default: that of temporary files")
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end")
    asked = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="wtman-bench-", dir=asked.at))
    try:
        names = (asked.only,) if asked.only else ("split", "flow")
        found = {name: measure(top, asked, name) for name in names}
    finally:
        if asked.keep:
            print(f"kept: {top}", file=sys.stderr)
        else:
            shutil.rmtree(top, ignore_errors=True)
    rows = []
    for figure in found[names[-1]]:
        values = [found[name][figure] for name in names]
        ratio = [f"{values[1] / values[0]:.2f}"] if len(values) == 2 and values[0] else []
        rows.append((figure, *(f"{value:.6g}" for value in values), *ratio))
    head = ("", *names, *(("flow/split",) if len(names) == 2 else ()))
    table(head, rows)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
