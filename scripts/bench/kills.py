#!/usr/bin/env python3
"""A flow of many items, killed with -9 at random moments and resumed, against an undisturbed run.

Each item is a session, a question, two reviewers who prove what is wrong with a third of them,
and a fix loop. What is killed: the coordinator, the process of the script, or everything that the
run has started. Afterwards must hold, else the exit status is 1 and each fault is a line:

* no session that came to its end ran twice, whatever its role: by the marker that its keeper
  writes, and by a log that the agents append to (not where a sandbox keeps them from it);
* each step has one answer, and no answer reached another item (the flow looks at each);
* what is merged is the tree of the undisturbed run;
* nothing is left over: processes, worktrees, locks of git, refs.

Run with the Python of .venv: `.venv/bin/python scripts/bench/kills.py [--items N] [--kills N]`.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ground import WTMAN, environment

AGENT = """\
#!/bin/sh
# Logs where it begins and where it ends; says what a file holds, mends it, or adds to it.
set -eu
prompt=$(cat)
path=$(printf '%s\\n' "$prompt" | grep -o 'src/[a-z0-9]*[.]txt' | head -1)
what=add
case "${WTMAN_ROLE:-}" in scout) what=look ;; esac
case "$prompt" in *"Reviewers proved"*) what=mend ;; esac
tell() { (echo "$1 $what $path" >> "${0%/*}/log") 2>/dev/null || true; }
tell begin
case $what in
  look) printf '{"path": "%s", "lines": %s}\\n' "$path" "$(wc -l < "$path")" ;;
  mend) sed -i s/bug/good/ "$path" ;;
  add)
    number=$(echo "$path" | tr -dc 0-9)
    word=good
    [ $((${number#${number%%[1-9]*}} + 0)) -eq $((number / 3 * 3)) ] && word=bug
    echo "$word $path" >> "$path" ;;
esac
tell end
"""
REVIEWER = """\
import json, sys
asked = json.load(sys.stdin)
[branch] = asked["branches"]
path = next(line[6:] for line in branch["diff"].splitlines() if line.startswith("+++ b/"))
claims = []
if any(line.startswith("+bug") for line in branch["diff"].splitlines()):
    claims = [{
        "title": f"{path} has a bug", "severity": "major", "branches": [branch["task"]],
        "path": path, "line": 2, "why": "it says so",
        "reproducer": {"command": f"sh -c '! grep -q bug {path}'"},
    }]
try:
    with open(sys.argv[0].rpartition("/")[0] + "/log", "a") as log:
        log.write(f"end review {path} {branch['head']} {asked['lens']}\\n")
except OSError:
    pass
print(json.dumps({"findings": claims}))
"""
FLOW = '''\
"""Add to every file, have it reviewed, and mend what is proved."""
from wtman.flow import Flow

SEEN = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path", "lines"],
}

async def main(flow: Flow):
    async def one(path: str):
        work = await flow.session(f"Add to {path}", owns=[path])
        seen = await flow.ask(f"Look at {path}", at=work, returns=SEEN)
        if seen != {"path": path, "lines": 2}:
            raise ValueError(f"{path} got the answer {seen}")
        for _ in flow.rounds(3):
            review = await flow.review(work, reviewers=2)
            for found in (*review.confirmed, *review.concerns, *review.no_verdict):
                if found.path != path:
                    raise ValueError(f"{path} got the finding {found}")
            if not review.confirmed:
                if flow.read(path, at=work) != f"{path}\\ngood {path}\\n":
                    raise ValueError(f"{path} holds {flow.read(path, at=work)!r}")
                return work
            work = await flow.session(review.as_prompt(), on=work)
        raise flow.give_up("never good", work)

    done = await flow.map(flow.files("src/*.txt"), one)
    if done.failed:
        raise RuntimeError(f"{len(done.failed)} failed, the first: {done.failed[0].error!r}")
    return done.values
'''


@dataclass(frozen=True)
class Place:
    """A repository and its run."""

    repo: Path
    env: dict[str, str]
    words: tuple[str, ...]

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        with open(self.repo.parent / f"{self.repo.name}.out", "ab") as out:
            return subprocess.Popen(
                (*WTMAN, *words),
                cwd=self.repo,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def git(self, *words: str) -> list[str]:
        done = subprocess.run(
            ("git", *words), cwd=self.repo, env=self.env, check=True, capture_output=True, text=True
        )
        return done.stdout.splitlines()

    @property
    def run(self) -> str:
        found = sorted((self.repo / ".git/wtman/runs").glob("*"))
        return found[0].name if found else ""

    def events(self, *kinds: str) -> list[tuple[str, dict[str, object]]]:
        path = self.repo / ".git/wtman/state.db"
        if not path.exists():
            return []
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = base.execute("SELECT kind, body FROM events ORDER BY seq").fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            base.close()
        return [(kind, json.loads(body)) for kind, body in rows if not kinds or kind in kinds]

    def processes(self, mark: str = "") -> list[int]:
        """What carries the mark of a session or keeper of this run."""
        found, mark = [], mark or self.run
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen = (entry / "environ").read_bytes()
                except OSError:
                    continue
                names = (b"WTMAN_SESSION=", b"WTMAN_KEEPER=")
                if any(b"\0" + name + mark.encode() in b"\0" + seen for name in names):
                    found.append(int(entry.name))
        return found


def place(top: Path, name: str, asked: argparse.Namespace) -> Place:
    repo, home = top / name, top / f"{name}-home"
    home.mkdir()
    (repo / "src").mkdir(parents=True)
    for number in range(asked.items):
        (repo / f"src/f{number}.txt").write_text(f"src/f{number}.txt\n")
    env = environment(home)
    dates = {
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    }
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "Ada Bench"),
        ("config", "user.email", "ada@example.com"),
        ("add", "-A"),
        ("commit", "-q", "-m", "first"),
    ):
        subprocess.run(("git", *words), cwd=repo, env={**env, **dates}, check=True)
    # The same programs for both runs, so that their steps have the same keys.
    agent = f"command:sh {top / 'agent.sh'}"
    reviewer = f"command:{sys.executable} {top / 'reviewer.py'}"
    words = ("run", str(top / "flow.py"), "--agent", agent, "--reviewer", reviewer)
    more = ("--check", "true", "--yes", "-j", str(asked.jobs), "--sandbox", asked.sandbox)
    limits = ("--max-sessions", "20000", "--confirm-above", "4096")
    return Place(repo, env, (*words, *more, *limits))


def killed(place: Place, process: "subprocess.Popen[bytes]", what: str) -> None:
    """Kill what is named, and wait until the coordinator is gone."""
    if what == "script":
        for pid in place.processes(f"{place.run}/script"):
            kill(pid)
    elif what == "all":
        # Again and again until nothing is left: what is started meanwhile, too.
        kill(process.pid)
        while found := place.processes():
            for pid in found:
                kill(pid)
            time.sleep(0.01)
    else:
        kill(process.pid)
    process.wait()


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def disturbed(place: Place, asked: argparse.Namespace, events: int) -> Counter[str]:
    """Run it, killed so often; `events` is how many an undisturbed run journals."""
    chance, struck = random.Random(asked.seed), Counter[str]()
    process = place.start(*place.words)
    for number in range(asked.kills):
        # Moments are told by the journal: they are the same on a slow machine.
        until = len(place.events()) + chance.randrange(2 * events // (asked.kills + 1))
        while process.poll() is None and len(place.events()) < until:
            time.sleep(0.05)
        time.sleep(chance.random() * 0.3)
        what = chance.choice(("coordinator", "script", "all"))
        while not place.run and process.poll() is None:
            time.sleep(0.02)
        if process.poll() is not None and len(place.events("ScriptEnded")) > 0:
            if not place.events("ScriptEnded")[-1][1].get("error"):
                print(f"it had ended before kill {number + 1}")
                break
        killed(place, process, what)
        struck[what] += 1
        process = place.start("resume", place.run, "--yes")
    if process.wait():
        raise SystemExit(f"the last resume ended with {process.returncode}: {said(place)}")
    return struck


def said(place: Place) -> str:
    text = (place.repo.parent / f"{place.repo.name}.out").read_text().splitlines()
    return "\n".join(text[-20:])


def log_of(top: Path) -> list[str]:
    """What the agents have told since the last look; nothing where a sandbox kept them from it."""
    try:
        lines = (top / "log").read_text().splitlines()
    except FileNotFoundError:
        return []
    (top / "log").unlink()
    return lines


def finished(place: Place) -> Counter[str]:
    """The sessions that came to their end, by who they were: a task, a review, a question."""
    found = Counter[str]()
    top = place.repo / ".git/wtman/runs" / place.run
    for marker in top.glob("**/exit.json"):
        parts = marker.relative_to(top).parts
        if parts[0] in ("tasks", "reviews", "questions", "refutations"):
            ended = json.loads(marker.read_text())
            if ended.get("reason") == "exited" and ended.get("code") == 0:
                found["/".join(parts[:2])] += 1
    return found


def twice(quiet: list[str], log: list[str]) -> list[str]:
    """What the agents' own log tells: no step ends more often than once a kill that struck it."""
    wanted = {line for line in quiet if line.startswith("end") and " review " not in line}
    ended = Counter(line for line in log if line.startswith("end") and " review " not in line)
    found = [f"log: {line}, unexpected" for line in sorted(ended.keys() - wanted)]
    found += [f"log: {line} is missing" for line in sorted(wanted - ended.keys())]
    many = sum(ended.values()) - len(ended)
    # Between its last line and the marker of its keeper a session may be struck.
    print(f"log: {len(ended)} steps of agents ended, {many} of them struck after their last line")
    return found


def faults(quiet: Place, place: Place) -> list[str]:
    found = []
    wanted, ran = finished(quiet), finished(place)
    for name in sorted(wanted.keys() | ran.keys()):
        # Units of reviews are known by the commits, which differ in their times.
        most = wanted[name] if name.startswith("tasks/") else 1
        if ran[name] != most and (name in ran or name.startswith("tasks/")):
            found.append(f"{name}: {ran[name]} sessions ended, {most} expected")
    kinds = Counter(name.partition("/")[0] for name in ran.elements())
    expected = Counter(name.partition("/")[0] for name in wanted.elements())
    if kinds != expected:
        found.append(f"sessions by role: {dict(kinds)}, expected {dict(expected)}")
    answers = Counter(str(body["key"]) for _, body in place.events("StepAnswered"))
    found += [f"step {key} has {many} answers" for key, many in answers.items() if many > 1]
    if len(answers) != len(quiet.events("StepAnswered")):
        found.append(f"{len(answers)} answers, {len(quiet.events('StepAnswered'))} expected")
    proofs = Counter(
        (str(body["finding"]), json.dumps(body["tips"])) for _, body in place.events("Reproduced")
    )
    found += [f"proof of {name} was run {many} times" for name, many in proofs.items() if many > 1]
    for each in (quiet, place):
        process = each.start("merge", each.run)
        if process.wait():
            found.append(f"{each.repo.name}: merge ended with {process.returncode}: {said(each)}")
    trees = [each.git("rev-parse", "main^{tree}") for each in (quiet, place)]
    if trees[0] != trees[1]:
        found.append(f"merged {trees[1]}, undisturbed {trees[0]}")
    return found + left(quiet, place)


def left(quiet: Place, place: Place) -> list[str]:
    """What there is beside what an undisturbed run leaves."""
    found = [f"process {pid} is left" for pid in place.processes()]
    found += [f"lock {path}" for path in (place.repo / ".git").rglob("*.lock")]
    refs = [Counter(_refs(each)) for each in (quiet, place)]
    found += [f"ref {name} is left" for name in sorted(refs[1] - refs[0])]
    found += [f"ref {name} is missing" for name in sorted(refs[0] - refs[1])]
    trees = [len(each.git("worktree", "list")) for each in (quiet, place)]
    if trees[1] > trees[0] + 1:
        found.append(f"{trees[1]} worktrees, undisturbed {trees[0]}")
    found += [f"git fsck: {line}" for line in place.git("fsck", "--strict", "--no-dangling")]
    found += [f"git status: {line}" for line in place.git("status", "--porcelain")]
    return found


def _refs(place: Place) -> list[str]:
    """Names of refs, without what differs in each run: its id, numbers of attempts, commits.

    What a session had written when it was killed is kept below saved/, so it may be there.
    """
    names = place.git("for-each-ref", "--format=%(refname)")
    kept = [name for name in names if not name.startswith("refs/wtman/saved/")]
    plain = [re.sub(r"(/attempts/.*|/candidates/.*)/\w+$", r"\1", name) for name in kept]
    return [name.replace(place.run, "RUN") for name in plain]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--sandbox", default="none")
    parser.add_argument("--at", help="folder to work below; default: that of temporary files")
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end")
    asked = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="wtman-bench-", dir=asked.at))
    for name, text in (("agent.sh", AGENT), ("reviewer.py", REVIEWER), ("flow.py", FLOW)):
        (top / name).write_text(text)
    try:
        quiet = place(top, "quiet", asked)
        if quiet.start(*quiet.words).wait():
            raise SystemExit(f"the undisturbed run failed: {said(quiet)}")
        events = len(quiet.events())
        print(f"undisturbed: {sum(finished(quiet).values())} sessions, {events} events", flush=True)
        print(f"seed {asked.seed}", flush=True)
        calm = log_of(top)
        broken = place(top, "broken", asked)
        struck = disturbed(broken, asked, events)
        wrong = [*twice(calm, log_of(top)), *faults(quiet, broken)]
    finally:
        if asked.keep:
            print(f"kept: {top}", file=sys.stderr)
        else:
            shutil.rmtree(top, ignore_errors=True)
    print("killed: " + ", ".join(f"{many} x {what}" for what, many in sorted(struck.items())))
    print("\n".join(wrong) or "no fault")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
