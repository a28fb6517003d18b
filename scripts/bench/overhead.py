#!/usr/bin/env python3
"""What a session costs besides its agent: processes, CPU and wall time, beside a shell script's.

N sessions that write one file each, `wtman split` and `wtman merge` together, in the default
sandbox, against the script that a person would write for it: `git worktree add`, the agent,
`git add`, `git commit`, `git merge`, one after the other. What starting costs once is told
apart by a second run of a quarter of the sessions: a session's share is the difference.

Run with the Python of .venv: `.venv/bin/python scripts/bench/overhead.py [--sessions 64]
[--jobs 16] [--times 3] [--processes]`. `--processes` counts programs and processes with strace
in a run of its own, since tracing slows everything.
"""

import argparse
import re
import shutil
import statistics

from ground import WTMAN, Cost, call, ground, table, write_plan

SCRIPT = """\
set -e
for n in $(seq -f %03g 0 $(($1 - 1))); do
    git worktree add -q -b t$n ../script/t$n main
    cd ../script/t$n
    WTMAN_TASK=run/t$n sh "$2" </dev/null
    git add -A
    git commit -q -m "task $n"
    cd "$OLDPWD"
done
for n in $(seq -f %03g 0 $(($1 - 1))); do git merge -q --no-edit t$n; done
"""
AGENT = """\
n=${WTMAN_TASK##*/}
mkdir -p out
echo "$n" >out/$n.txt
"""

TAKEN: dict[str, int] = {}  # worktrees that the last run left, MiB of its largest process


def ours(count: int, jobs: int, files: int, trace: tuple[str, ...] = ()) -> Cost:
    """Wall and CPU seconds of split and merge; what else they took is in `TAKEN`."""
    with ground(files) as (repo, env):
        agent = repo.parent / "agent.sh"
        agent.write_text(AGENT)
        plan = write_plan(repo.parent / "plan.toml", count)
        split = ("split", "--plan", str(plan), "--agent", f"command:sh {agent}", "--yes")
        first = call((*trace, *WTMAN, *split, "-j", str(jobs)), repo, env)
        TAKEN["worktrees"] = len(list((repo / ".git/worktrees").iterdir()))
        TAKEN["memory"] = first.memory >> 20
        second = call((*trace, *WTMAN, "merge", "--unchecked"), repo, env)
        assert len(list((repo / "out").iterdir())) == count
    return Cost(first.wall + second.wall, first.cpu + second.cpu)


def theirs(count: int, files: int, trace: tuple[str, ...] = ()) -> Cost:
    with ground(files) as (repo, env):
        agent, script = repo.parent / "agent.sh", repo.parent / "script.sh"
        agent.write_text(AGENT)
        script.write_text(SCRIPT)
        cost = call((*trace, "sh", str(script), str(count), str(agent)), repo, env)
        assert len(list((repo / "out").iterdir())) == count
    return cost


def processes(count: int, jobs: int, files: int, who: str) -> int:
    """Processes that were started, threads not among them, as strace counts them."""
    with ground(1) as (repo, _):
        found = 0
        log = repo.parent / "trace"
        trace = ("strace", "-f", "-qq", "--seccomp-bpf", "-A", "-e",
                 "trace=clone,clone3,fork,vfork", "-o", str(log))  # fmt: skip
        if who == "ours":
            ours(count, jobs, files, trace)
        else:
            theirs(count, files, trace)
        for line in log.read_text(errors="replace").splitlines():
            if re.search(r"(?:clone3?|v?fork)(?:\(| resumed)", line) and "CLONE_THREAD" not in line:
                found += bool(re.search(r"= \d+$", line)) and "CLONE_THREAD" not in line
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--processes", action="store_true")
    asked = parser.parse_args()
    many, few = asked.sessions, max(1, asked.sessions // 4)
    if asked.processes:
        if not shutil.which("strace"):
            raise SystemExit("--processes needs strace")
        rows = []
        for who in ("ours", "script"):
            counts = [processes(n, asked.jobs, asked.files, who) for n in (few, many)]
            rows.append((who, counts[1], f"{(counts[1] - counts[0]) / (many - few):.1f}"))
        table(("processes", f"{many} sessions", "a session"), rows)
        return
    pairs = [
        (theirs(many, asked.files), theirs(few, asked.files),
         ours(few, asked.jobs, asked.files), ours(many, asked.jobs, asked.files))
        for _ in range(asked.times)
    ]  # fmt: skip
    rows = []
    for what, value in (("wall", lambda cost: cost.wall), ("cpu", lambda cost: cost.cpu)):
        all_ratio = statistics.median(value(a) / value(c) for c, _, _, a in pairs)
        each = [((value(a) - value(b)), (value(c) - value(d))) for c, d, b, a in pairs]
        mine = statistics.median(x for x, _ in each) / (many - few) * 1000
        other = statistics.median(y for _, y in each) / (many - few) * 1000
        rows.append((what, f"{statistics.median(value(a) for *_, a in pairs):.2f}",
                     f"{statistics.median(value(c) for c, *_ in pairs):.2f}", f"{all_ratio:.2f}",
                     f"{mine:.0f}", f"{other:.0f}", f"{mine / other:.2f}"))  # fmt: skip
    print(f"{TAKEN['worktrees']} worktrees left, largest process {TAKEN['memory']} MiB")
    head = ("", "wtman s", "script s", "ratio", "wtman ms a session", "script ms", "ratio")
    table(head, rows)


if __name__ == "__main__":
    main()
