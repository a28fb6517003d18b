"""Planners of every character: a sound plan, one repair round, or a refusal that says what to do;
never more than the limits of planning."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

pytestmark = pytest.mark.slow

# Plans as its character in `character-N` for its N-th start says, else as `character` does.
PLANNER = """\
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
prompt = sys.stdin.read()
number = len(list(here.glob("started-*"))) + 1
while True:
    try:
        (here / f"started-{number}").open("x").write(prompt)
        break
    except FileExistsError:
        number += 1
own = here / f"character-{number}"
kind = (own if own.exists() else here / "character").read_text()
again = "You have answered this before" in prompt

def answer(*tasks, **more):
    print(json.dumps({"tasks": tasks, **more}))

def task(name, **more):
    return {"id": name, "prompt": f"do {name}", "owns": [f"{name}.txt"], **more}

if kind == "cyclic" or (kind == "penitent" and not again):
    answer(task("one", needs=["two"]), task("two", needs=["one"]))
elif kind == "splits":
    answer(*(task(f"t{n}") for n in range(300)))
elif kind == "splits all":
    answer(*(task(f"t{n}", owns=[]) for n in range(300)))
elif kind == "liar":
    answer(task("one", needs=["core"], role="wizard"))
elif kind == "nonsense":
    print("A plan is only a wish.")
elif kind == "empty":
    answer()
elif kind == "huge":
    sys.stdout.write("x" * 50_000_000)
elif kind == "crash":
    sys.exit("out of ideas")
elif kind == "slow":
    time.sleep(600)
elif kind == "vandal":
    pathlib.Path("README.md").write_text("mine")
    answer(task("one"))
elif kind == "hostile":
    answer(task("one", title="\\x1b[2Jgone", prompt="\\u202etxet"), reason="\\x1b]0;owned\\x07 so")
else:
    answer(task("one"), task("two"), reason="two files")
"""


class Planners:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kit.write_files(folder, {"planner.py": PLANNER, "character": "good"})

    @property
    def spec(self) -> str:
        return f"command:{sys.executable} {self.folder}/planner.py"

    def character(self, kind: str, number: int = 0) -> None:
        (self.folder / (f"character-{number}" if number else "character")).write_text(kind)

    @property
    def starts(self) -> int:
        return len(list(self.folder.glob("started-*")))

    def asked(self, number: int) -> str:
        return (self.folder / f"started-{number}").read_text()


@pytest.fixture
def planners(tmp_path: Path) -> Planners:
    return Planners(tmp_path / "planners")


@pytest.fixture
def split(
    repo: Path, wtman: kit.Program, planners: Planners, agent: str
) -> Callable[..., kit.Result]:
    def call(*more: str, code: int = 0) -> kit.Result:
        words = ("split", "one and two", "--planner", planners.spec, "--agent", agent)
        always = ("--sandbox", "none", "--check", "true", "--scouts", "0")
        return wtman(*words, *always, *more, cwd=repo, check_status=code)

    return call


@pytest.mark.parametrize(
    ("kind", "starts", "why", "asked"),
    [
        ("cyclic", 2, "the needs form a cycle: one -> two -> one", "remove one of these needs"),
        ("liar", 2, 'needs "core", which is not a task of this plan', "is not a task"),
        ("splits all", 2, "t0, t1, t2", "290 more own everything"),
        ("nonsense", 2, "it has no JSON object", "no JSON object"),
        ("empty", 2, "the plan has no task", "no task"),
        ("huge", 2, "it has no JSON object", "no JSON object"),
        ("crash", 1, "exit status 1: out of ideas", ""),
        ("vandal", 1, "it changed files in a read-only checkout: README.md", ""),
    ],
)
def test_a_planner_without_a_sound_plan_is_refused_after_one_repair_and_says_the_way_on(
    split: Callable[..., kit.Result],
    wtman: kit.Program,
    repo: Path,
    planners: Planners,
    kind: str,
    starts: int,
    why: str,
    asked: str,
) -> None:
    planners.character(kind)
    done = split("--yes", code=1)
    assert planners.starts == starts
    assert why in done.out and "Traceback" not in done.err
    if asked:
        assert asked in planners.asked(2).split("cannot be used")[1]
        assert len(planners.asked(2)) < len(planners.asked(1)) + 20_000
    told = wtman("status", "--json", cwd=repo).json()
    run = told["run"]
    assert (run["state"], run["sessions"]) == ("stopped", starts)
    assert "--planner" in run["reason"] and "--plan FILE" in run["reason"]
    assert run["next"] == f"wtman resume {run['id']}"
    (session,) = [it for it in told["planning"]["sessions"] if it["state"] == "failed"]
    assert session["name"] == "planner" and session["sessions"] == starts
    failed = wtman("logs", "--failed", cwd=repo).out
    assert "== planner: command:" in failed and len(failed) < 2_000_000
    assert not list(repo.parent.glob("*.worktrees/*one*/one.txt"))
    planners.character("good")
    assert "2 tasks: 2 verified" in wtman("resume", "--yes", cwd=repo).out
    assert planners.starts == starts + 1
    names = [
        it["name"] for it in wtman("status", "--json", cwd=repo).json()["planning"]["sessions"]
    ]
    assert names == ["planner", "planner"]


def test_a_plan_that_is_mended_in_its_one_repair_round_is_built(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    planners.character("penitent")
    assert "2 tasks: 2 verified" in split("--yes").out
    assert planners.starts == 2


def test_a_slow_planner_is_stopped_when_its_time_is_over(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    planners.character("slow")
    began = time.monotonic()
    done = split("--yes", "--timeout", "3s", code=1)
    assert time.monotonic() - began < 100
    assert planners.starts == 1 and re.search(r"the planner gave no plan: .*3 s", done.out)


def test_a_plan_of_300_tasks_is_shown_whole_and_refused_where_sessions_do_not_last(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    planners.character("splits")
    shown = split("--dry-run")
    assert planners.starts == 1 and "… and 260 tasks more" in shown.out
    assert "300 branches, 300 to 900 sessions" in shown.out
    less = split("--yes", "--max-sessions", "250", code=4)
    assert planners.starts == 3
    assert "the plan needs at least 300 tasks = 300 sessions, but at most 249" in less.out
    assert "- At most 249 tasks" in planners.asked(2)


def test_reviewers_count_for_what_a_planner_may_ask_for(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    planners.character("splits")
    reviewed = ("--reviewer", planners.spec, "--reviewers", "2", "--max-sessions", "700")
    done = split("--yes", *reviewed, code=4)
    assert "300 tasks x (1 author + 2 reviewers) + 1 for the whole = 901 sessions" in done.out
    assert "- At most 233 tasks" in planners.asked(1)


def test_words_of_a_planner_reach_no_terminal_as_they_are(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    planners.character("hostile")
    done = split("--dry-run")
    assert "\x1b" not in done.out and "\u202e" not in done.out and "gone" in done.out


ULTRA = ("--effort", "ultra", "--reviewers", "0", "--yes", "--jobs", "1")


def test_ultra_takes_the_one_good_plan_among_bad_ones(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, planners: Planners
) -> None:
    for number, kind in enumerate(("crash", "nonsense", "nonsense"), 1):
        planners.character(kind, number)
    done = split(*ULTRA)
    assert planners.starts == 4 and "2 tasks: 2 verified" in done.out
    assert "plan 1  none: exit status 1: out of ideas" in done.out
    told = wtman("status", "--json", cwd=repo).json()["planning"]
    states = {item["name"]: item["state"] for item in told["sessions"]}
    assert states == {"plan-1": "failed", "plan-2": "failed", "plan-3": "answered"}
    assert told["chosen"] == 3 and told["compared"] == 1


def test_ultra_with_bad_plans_alone_stops_and_plans_anew_when_resumed(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, planners: Planners
) -> None:
    planners.character("cyclic")
    done = split(*ULTRA, code=1)
    assert planners.starts == 6, "three plans, one repair round each"
    assert "the needs form a cycle" in done.out
    told = wtman("status", "--json", cwd=repo).json()
    assert (told["run"]["state"], told["run"]["sessions"]) == ("stopped", 6)
    assert [item["state"] for item in told["planning"]["sessions"]] == ["failed"] * 3
    said = wtman("logs", f"{told['run']['id']}/planning/plan-2", cwd=repo).out
    assert said.count("needs [two]") == 2 and "-- asked once more --" in said
    planners.character("good")
    assert "2 tasks: 2 verified" in wtman("resume", "--yes", cwd=repo).out
    assert planners.starts == 9


@pytest.mark.parametrize("kill", [False, True])
def test_ultra_that_was_stopped_asks_nobody_twice_who_has_answered(
    split: Callable[..., kit.Result],
    wtman: kit.Program,
    repo: Path,
    planners: Planners,
    agent: str,
    kill: bool,
) -> None:
    planners.character("slow", 2)
    words = ("split", "one and two", "--planner", planners.spec, "--agent", agent)
    always = ("--sandbox", "none", "--check", "true", "--scouts", "0")
    process = wtman.start(*words, *always, *ULTRA, cwd=repo)
    until = time.monotonic() + 120
    while planners.starts < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    if kill:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        wtman("stop", cwd=repo)
    process.communicate(timeout=120)
    before = wtman("status", "--json", cwd=repo).json()
    states = [item["state"] for item in before["planning"]["sessions"]]
    assert states[0] == "answered" and "failed" not in states
    done = wtman("resume", before["run"]["id"], "--yes", cwd=repo)
    assert "2 tasks: 2 verified" in done.out
    assert planners.starts == 4, "plan 1 was made once, plan 2 twice, plan 3 once"
    after = wtman("status", "--json", cwd=repo).json()["planning"]
    assert [item["state"] for item in after["sessions"]] == ["answered"] * 3


def test_no_limit_of_scouts_is_passed_unsaid(
    split: Callable[..., kit.Result], planners: Planners
) -> None:
    done = split("--scouts", "99", code=2)
    assert done.err.startswith("wtman: --scouts: expected 32 or less, got 99\n")
    assert planners.starts == 0
    assert "at most 32" in " ".join(split("--help").out.split())


# --- money ----------------------------------------------------------------------------------------

# A planner and scout that tells what it used: `spends` dollars, then what `answer` says.
METERED = """\
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
role = "scout" if "Your part is" in sys.stdin.read() else "planner"
open(here / f"{role}s", "a").write("x")
spends = float((here / f"spends-{role}").read_text())
used = 0.0
while used < spends:
    used += min(0.25, spends - used)
    print(json.dumps({"tokens": 100, "usd": used}), flush=True)
    time.sleep(0.2)
if role == "scout":
    print(json.dumps({"summary": "nothing", "done": True}), flush=True)
else:
    print(json.dumps({"tasks": [{"id": "one", "prompt": "do", "owns": ["one.txt"]}]}), flush=True)
print(json.dumps({"done": True}), flush=True)
"""


@pytest.fixture
def metered(
    tmp_path: Path, repo: Path, wtman: kit.Program, agent: str
) -> Callable[..., kit.Result]:
    from tests.cli.test_limits import PLUGIN, path

    plug = tmp_path / "plug"
    program = plug / "program.py"
    kit.write_files(plug, {"__init__.py": "", "program.py": METERED})
    plugin = PLUGIN.replace("PROGRAM", repr(str(program)))
    plugin = plugin.replace("job.worktree, env)", "job.worktree, env, job.prompt.encode())")
    kit.write_files(plug, {"metered.py": plugin})

    def call(*more: str, scout: float, planner: float, code: int) -> kit.Result:
        kit.write_files(plug, {"spends-scout": str(scout), "spends-planner": str(planner)})
        words = more if more[0] == "resume" else ("split", "one and two", *more)
        named = () if more[0] == "resume" else ("--agent", agent, "--sandbox", "none")
        return wtman(
            *words, *named, "--yes", cwd=repo, env=path(tmp_path, wtman), check_status=code
        )

    return call


def test_the_limit_of_planning_in_money_holds_from_end_to_end(
    metered: Callable[..., kit.Result], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    """Each is stopped at its share, the run pauses and says how to go on, and a resume with more
    money makes the plan."""
    kit.write_files(repo, {"one/m.py": "class One:\n    pass\n"})
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "source for a scout")
    plug = "plug.metered:make"
    roles = ("--planner", plug, "--role", f"scout={plug}", "--scouts", "1", "--check", "true")
    done = metered(*roles, "--plan-budget-usd", "1", scout=9.0, planner=9.0, code=4)
    assert "scout all  no answer: " in done.out
    told = wtman("status", "--json", cwd=repo).json()
    run, planning = told["run"], told["planning"]
    assert run["state"] == "paused", run
    spent = planning["usage"]["usd"]
    assert spent == run["usage"]["usd"]
    assert 0.5 < spent <= 1 + 2 * 0.25, "at most a call of each over it"
    assert planning["limit"]["usd"] == 1
    assert re.fullmatch(rf"wtman resume {run['id']} --plan-budget-usd \d+\.\d\d", run["next"])
    assert "the planner gave no plan: reached its limit" in run["reason"]
    metered("resume", run["id"], "--plan-budget-usd", "5", scout=0.25, planner=0.25, code=0)
    after = wtman("status", "--json", cwd=repo).json()
    assert after["run"]["state"] == "ready"
    assert (tmp_path / "plug/scouts").read_text() == "x", "who used up its share is not asked again"
    report = wtman("report", cwd=repo).out
    assert "## Planning" in report and f"${after['planning']['usage']['usd']:.2f}" in report


# --- rounds of reviews without anything new -------------------------------------------------------

REVIEWER = """\
import json, pathlib, sys
asked = json.load(sys.stdin)
with open(pathlib.Path(__file__).with_name("reviewed"), "a") as log:
    log.write(f"{','.join(item['task'] for item in asked['branches'])}\\n")
print(json.dumps({"findings": []}))
"""


@pytest.mark.parametrize(("effort", "rounds"), [("high", 1), ("ultra", 2)])
def test_ultra_is_sure_after_two_rounds_in_which_nothing_new_was_proved(
    repo: Path, wtman: kit.Program, tmp_path: Path, agent: str, effort: str, rounds: int
) -> None:
    kit.write_files(tmp_path / "review", {"reviewer.py": REVIEWER})
    reviewer = f"command:{sys.executable} {tmp_path}/review/reviewer.py"
    words = ("split", "--task", "one: do one", "--agent", agent, "--check", "true", "--yes")
    more = ("--reviewer", reviewer, "--reviewers", "1", "--effort", effort, "--sandbox", "none")
    assert "1 verified" in wtman(*words, *more, cwd=repo).out
    assert (tmp_path / "review/reviewed").read_text() == rounds * "one\n"
    known = wtman("status", "--json", cwd=repo).json()
    assert known["run"]["sessions"] == 1 + rounds and known["planning"] is None
