"""Flows run, resumed, answered, edited and landed in real repositories, with scripted agents."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.cli.terminal import Terminal
from wtman.journal import events as e
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.sandbox import choice

AGENT = """\
#!/bin/sh
# Says what a file holds, where it is asked; else adds a line to the file that the prompt names.
set -eu
prompt=$(cat)
path=$(printf '%s\\n' "$prompt" | grep -o 'src/[a-z0-9]*[.]txt' | head -1)
case "${WTMAN_ROLE:-}$WTMAN_TASK" in
  *bad-luck*) echo "no luck" >&2; exit 3 ;;
esac
if [ "${WTMAN_ROLE:-}" = scout ]; then
  printf '{"path": "%s", "lines": %s}\\n' "$path" "$(wc -l < "$path")"
  exit 0
fi
case "$prompt" in *"Reviewers proved"*) sed -i s/bug/good/ "$path"; exit 0 ;; esac
sleep "${AGENT_SECONDS:-0}"
printf '%s\\n' "$prompt" | grep -o 'Add [a-z]*' >> "$path"
"""
PORT = '''\
"""Add a word to every file, and mend what lacks lines."""
from wtman.flow import Flow, Inputs

class Args(Inputs):
    word: str = "one"
    ask: bool = False

SEEN = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path", "lines"],
}

async def main(flow: Flow, args: Args):
    flow.phase("port")

    async def one(path: str):
        work = await flow.session(f"Add {args.word} to {path}", owns=[path])
        for _ in flow.rounds(3):
            seen = await flow.ask(f"Look at {path}", at=work, returns=SEEN)
            if seen["path"] != path:
                raise ValueError(f"{path} got the answer of {seen['path']}")
            if seen["lines"] >= 3:
                return work
            work = await flow.session(f"Add more to {path}", on=work)
        raise flow.give_up("never enough", work)

    done = await flow.map(flow.files("src/*.txt"), one)
    if args.ask:
        flow.phase("ask")
        await flow.approve(f"Keep {len(done.values)}?")
    return done.values
'''


@pytest.fixture
def agent(tmp_path: Path) -> str:
    path = tmp_path / "agent.sh"
    path.write_text(AGENT)
    return f"command:sh {path}"


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    def made(files: int, name: str = "place") -> Path:
        names = [f"src/f{number}.txt" for number in range(files)]
        return kit.create_repo(tmp_path / name, {path: f"{path}\n" for path in names})

    return made


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "port.py"
    path.write_text(PORT)
    return path


def run_of(done: kit.Result) -> str:
    return str(done.jsonl()[0]["run"])


def events_of(repo: Path, run: str) -> list[e.Event]:
    with Store.open(str(repo / ".git/wtman")) as store:
        return [item.event for item in store.events(RunId(run))]


def log_of(repo: Path, run: str) -> list[str]:
    told = (item for item in events_of(repo, run) if isinstance(item, e.ScriptTold))
    return [item.text for item in told if item.what == "log"]


def steps_of(status: dict[str, Any]) -> Counter[tuple[str, str]]:
    return Counter((step["kind"], step["state"]) for step in status["steps"])


def test_a_flow_builds_asks_mends_and_lands(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(3)
    done = wtman("run", flow, "--agent", agent, "--check", "true", "--yes", "--json", cwd=repo)
    run = run_of(done)
    assert done.jsonl()[-1] == {
        "schema": 1,
        "event": "end",
        "run": run,
        "state": "ready",
        "exit": 0,
    }
    told = [line["step"] for line in done.jsonl() if line["event"] == "step"]
    states = Counter((step["kind"], step["state"]) for step in told)
    assert states["session", "running"] == states["session", "done"] == 6
    assert set(told[0]) >= {"key", "kind", "scope", "state", "reused"}
    status = wtman("status", run, "--json", cwd=repo).json()
    assert status["phase"] == "port" and status["question"] is None
    assert steps_of(status) == {("session", "done"): 6, ("ask", "done"): 6}
    told = wtman("retry", "src-f0", cwd=repo, check_status=2)
    assert "its step is done" in told.err and f"--resume {run}" in told.err
    told = wtman("review", run, "--reviewer", "command:x", cwd=repo, check_status=2)
    assert "its script says what is reviewed" in told.err
    assert f"--branches wtman/{run}/src-f0" in told.err
    merged = wtman("merge", run, "--json", cwd=repo).json()
    assert len(merged["landed"]) == 3, "a chain of sessions is one branch"
    assert (repo / "src/f0.txt").read_text() == "src/f0.txt\nAdd one\nAdd more\n"
    log = kit.run_git(repo, "log", "--format=%s", "main").splitlines()
    assert sorted(log[:3]) == [f"Add one to src/f{number}.txt" for number in range(3)]
    report = wtman("report", run, cwd=repo).out
    assert "12 of 12 steps" in report and "merged" in report
    kit.assert_no_leftover_processes(repo)


@pytest.mark.slow
def test_a_question_waits_and_its_answer_is_kept(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(2)
    words = ("run", flow, "--ask", "--agent", agent, "--check", "true", "--yes")
    done = wtman(*words, cwd=repo, check_status=4)
    assert "? Keep 2?" in done.out and "next: wtman answer" in done.out
    status = wtman("status", "--json", cwd=repo).json()
    run = status["run"]["id"]
    assert status["run"]["state"] == "waiting" and status["phase"] == "ask"
    assert status["question"]["text"] == "Keep 2?"
    assert status["question"]["options"] == ["yes", "no"]
    refused = wtman("answer", run, "perhaps", cwd=repo, check_status=2)
    assert "one of: yes, no" in refused.err
    assert "not ready" in wtman("merge", run, cwd=repo, check_status=3).err
    again = wtman("resume", run, "--yes", cwd=repo, check_status=4)
    assert "8 reused, at least 1 to run, 0 no longer asked for" in again.out
    wtman("answer", run, "yes", cwd=repo)
    done = wtman("resume", run, "--yes", cwd=repo)
    assert "9 reused, 0 to run, 0 no longer asked for" in done.out
    sessions = [item for item in events_of(repo, run) if isinstance(item, e.SessionFinished)]
    assert len(sessions) == 4
    assert "waits for no answer" in wtman("answer", run, "yes", cwd=repo, check_status=3).err


def test_of_several_questions_each_is_answered_by_the_command_below_it(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path
) -> None:
    repo, path = place(1), tmp_path / "two.py"
    path.write_text(
        "from wtman.flow import Flow\n"
        "async def main(flow: Flow):\n"
        "    first = flow.approve('Which way?', options=['light blue', 'red'])\n"
        "    other = flow.approve('Below zero?', options=['-1', 'yes'])\n"
        "    flow.log(' and '.join(await flow.gather(first, other)))\n"
    )
    words = ("run", path, "--agent", "command:true", "--yes")
    out = wtman(*words, cwd=repo, check_status=4).out
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    asked = wtman("answer", run, cwd=repo, check_status=4).out
    assert asked in out
    commands = [shlex.split(it)[1:] for it in re.findall(r"  answer: (.*)", asked)]
    assert [command[-1] for command in commands] == ["light blue", "-1"]
    told = wtman("answer", run, "--json", cwd=repo, check_status=4).json()["commands"]
    assert shlex.split(told[0])[1:] == commands[0] and len(told) == 3
    assert f"next: wtman answer {run}" in wtman(*commands[1], cwd=repo).out
    left = wtman("answer", run, cwd=repo, check_status=4).out
    assert "Which way?" in left and "Below zero?" not in left
    assert f"next: wtman resume {run}" in wtman(*commands[0], cwd=repo).out
    wtman("resume", run, cwd=repo)
    assert log_of(repo, run) == ["light blue and -1"]


def test_works_in_outcomes_and_lists_of_lists_are_landed_and_none_is_said(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo, path = place(3), tmp_path / "some.py"
    path.write_text(
        "from wtman.flow import Flow\n"
        "async def main(flow: Flow):\n"
        "    async def one(path):\n"
        "        return [await flow.session(f'Add one to {path}', owns=[path])]\n"
        "    done = await flow.map(flow.files('src/*.txt'), one)\n"
        "    return {'done': done}\n"
    )
    run = run_of(wtman("run", path, "--agent", agent, "--yes", "--json", cwd=repo))
    assert "no work: nothing to merge (main has to return it)" in wtman("status", cwd=repo).out
    refused = wtman("merge", run, cwd=repo, check_status=1)
    assert f"return it from main, then: wtman run {path} --resume {run}" in refused.err
    path.write_text(path.read_text().replace("{'done': done}", "done"))
    wtman("run", path, "--resume", run, "--yes", cwd=repo)
    merged = wtman("merge", run, "--unchecked", "--json", cwd=repo).json()
    assert len(merged["landed"]) == 3


@pytest.mark.slow
def test_no_is_an_error_that_fails_the_run_with_the_scripts_own_lines(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(1)
    words = ("run", flow, "--ask", "--agent", agent, "--check", "true", "--yes")
    run = wtman(*words, "--json", cwd=repo, check_status=4).jsonl()[0]["run"]
    wtman("answer", run, "no", cwd=repo)
    done = wtman("resume", run, "--yes", cwd=repo, check_status=1)
    assert "Rejected" in done.out
    assert "await flow.approve(" in done.out
    # Only successes are answers: it is asked again.
    again = wtman("resume", run, "--yes", cwd=repo, check_status=4)
    assert "4 reused, at least 1 to run" in again.out


@pytest.mark.slow
def test_an_edited_flow_runs_what_differs_and_says_so_first(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(3)
    words = ("--agent", agent, "--check", "true", "--yes")
    run = run_of(wtman("run", flow, *words, "--json", cwd=repo))
    same = wtman("run", flow, "--replay-check", run, cwd=repo)
    assert "no difference: 12 steps" in same.out
    text = flow.read_text().replace('flow.files("src/*.txt")', '["src/f2.txt", "src/f0.txt"]')
    flow.write_text(text.replace("Add more to", "Add much to"))
    told = wtman("run", flow, "--replay-check", run, cwd=repo, check_status=1)
    assert "first difference: session" in told.out
    assert "prompt was  Add more to src/f" in told.out and "prompt now  Add much to" in told.out
    refused = wtman("run", flow, "--resume", run, cwd=repo, check_status=3)
    [hint] = re.findall(r"hint: (wtman run .+)", refused.err)
    done = wtman(*shlex.split(hint)[1:], cwd=repo)
    assert "4 reused, at least 2 to run, at most 8 no longer asked for" in done.out
    status = wtman("status", run, "--json", cwd=repo).json()
    assert steps_of(status)["session", "unused"] == 4
    merged = wtman("merge", run, "--json", cwd=repo).json()
    assert len(merged["landed"]) == 2, merged
    assert (repo / "src/f0.txt").read_text() == "src/f0.txt\nAdd one\nAdd much\n"
    assert (repo / "src/f1.txt").read_text() == "src/f1.txt\n"


def test_inputs_reach_the_script_and_failures_are_its_own_business(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo = place(2)
    path = tmp_path / "some.py"
    path.write_text(
        '''\
"""Two ways."""
from wtman.flow import Flow, Inputs, StepFailed

class Args(Inputs):
    count: int = 1
    rounds: int = 5

async def main(flow: Flow, args: Args):
    ran = await flow.command(["sh", "-c", "cat src/f0.txt; exit 5"])
    flow.log(f"{ran.status} {ran.output.strip()} {args.count + 1} {args.rounds}")
    try:
        await flow.session("Add x to src/f0.txt", title="bad luck", attempts=2)
    except StepFailed as error:
        flow.log(f"caught {error.reason}")
    return await flow.session("Add good to src/f1.txt", title="good")
'''
    )
    inputs = ("--count", "41", "--rounds", "6")
    words = ("run", path, *inputs, "--agent", agent, "--check", "true", "--yes", "--json")
    done = wtman(*words, cwd=repo)
    told = log_of(repo, run_of(done))
    assert told[0] == "5 src/f0.txt 42 6"
    assert "no luck" in told[1]
    tasks = wtman("status", "--json", cwd=repo).json()["tasks"]
    assert sorted(task["state"] for task in tasks) == ["failed", "verified"]
    assert next(task for task in tasks if task["state"] == "failed")["attempt"] == 2


@pytest.mark.slow
def test_a_large_fan_out_is_asked_about_before_it_begins(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(3)
    # The same items once more: not asked about again, and the works are of the same trees.
    twice = '    await flow.map(flow.files("src/*.txt"), one)\n    if args.ask:'
    flow.write_text(flow.read_text().replace("    if args.ask:", twice))
    words = ("run", flow, "--agent", agent, "--check", "true", "--yes", "--confirm-above", "2")
    done = wtman(*words, cwd=repo, check_status=4)
    assert "? Start 3 items of one: at least 9 sessions (implementer: command:sh" in done.out
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    assert not [item for item in events_of(repo, run) if isinstance(item, e.SessionFinished)]
    wtman("answer", run, "yes", cwd=repo)
    wtman("resume", run, "--yes", cwd=repo)
    assert wtman("status", run, "--json", cwd=repo).json()["run"]["state"] == "ready"


@pytest.mark.slow
def test_a_flow_of_the_repository_needs_approval_and_an_edit_asks_again(
    wtman: kit.Program, place: Callable[..., Path], flow: Path, agent: str
) -> None:
    repo = place(1)
    kit.write_files(repo, {".wtman/flows/port.py": flow.read_text()})
    words = ("run", "port", "--agent", agent, "--check", "true", "--yes")
    refused = wtman(*words, cwd=repo, check_status=3)
    assert "flow port (sha256" in refused.err and "wtman trust" in refused.err
    assert "flow port (sha256" in wtman("trust", "--yes", cwd=repo).out
    wtman(*words, cwd=repo)
    kit.write_files(repo, {".wtman/flows/port.py": flow.read_text() + "# edited\n"})
    wtman(*words, cwd=repo, check_status=3)
    unknown = wtman("run", "prot", "--agent", agent, "--yes", cwd=repo, check_status=2)
    assert 'no flow "prot"' in unknown.err and "port" in unknown.err


def test_a_script_that_breaks_ends_the_run_with_its_line(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo = place(1)
    path = tmp_path / "broken.py"
    path.write_text('"""Breaks."""\nasync def main(flow, args):\n    return 1 / 0\n')
    done = wtman(
        "run", path, "--agent", agent, "--check", "true", "--yes", cwd=repo, check_status=1
    )
    assert "ZeroDivisionError" in done.out and "return 1 / 0" in done.out
    path.write_text("async def main(flow, args):\n    return await flow.plan('all of it')\n")
    refused = wtman("run", path, "--agent", agent, "--yes", cwd=repo, check_status=2)
    assert "the flow broken.py has a planner cut a part" in refused.err
    assert "--role lead=NAME" in refused.err
    path.write_text("async def main(flow, args)\n")
    refused = wtman("run", path, "--agent", agent, "--yes", cwd=repo, check_status=2)
    assert "broken.py:1" in refused.err


REVIEWER = """\
import json, sys
asked = json.load(sys.stdin)
claims = []
for branch in asked["branches"]:
    for line in branch["diff"].splitlines():
        if line.startswith("+++ b/"):
            path = line[6:]
        if line.startswith("+Add bug"):
            claims.append({
                "title": f"{path} has a bug", "severity": "major", "branches": [branch["task"]],
                "path": path, "line": 2, "why": "it says so",
                "reproducer": {"command": f"sh -c '! grep -q bug {path}'"},
            })
print(json.dumps({"findings": claims}))
"""
REVIEWED = """\
from wtman.flow import Flow

async def main(flow: Flow, args):
    async def one(path: str):
        work = await flow.session(f"Add bug to {path}", owns=[path])
        for _ in flow.rounds(3):
            review = await flow.review(work, reviewers=2)
            flow.log(f"{path} {len(review.confirmed)} {len(review.concerns)}")
            if not review.confirmed:
                return work
            work = await flow.session(review.as_prompt(), on=work)
        raise flow.give_up("refuted", work)

    return (await flow.map(flow.files("src/*.txt"), one)).values
"""


@pytest.mark.slow
def test_reviewers_look_at_works_and_what_they_prove_is_mended(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo = place(2)
    kit.write_files(tmp_path, {"reviewed.py": REVIEWED, "reviewer.py": REVIEWER})
    words = ("run", tmp_path / "reviewed.py", "--agent", agent, "--check", "true", "--yes")
    nobody = wtman(*words, cwd=repo, check_status=2)
    assert "no reviewer specified" in nobody.err
    reviewer = f"command:{sys.executable} {tmp_path / 'reviewer.py'}"
    done = wtman(*words, "--reviewer", reviewer, "--json", cwd=repo)
    run = run_of(done)
    told = log_of(repo, run)
    assert sorted(told) == [f"src/f{n}.txt {found} 0" for n in range(2) for found in (0, 1)]
    status = wtman("status", run, "--json", cwd=repo).json()
    assert steps_of(status) == {("session", "done"): 4, ("review", "done"): 4}
    # A play against it finds every answer, although the branches have moved on since.
    same = wtman("run", tmp_path / "reviewed.py", "--replay-check", run, cwd=repo)
    assert "no difference: 8 steps" in same.out
    wtman("merge", run, cwd=repo)
    assert (repo / "src/f0.txt").read_text() == "src/f0.txt\nAdd good\n"


TRAIN = """\
from wtman.flow import Flow

async def main(flow: Flow, args):
    async def one(path: str):
        return await flow.session(f"Add {'rot' if '1' in path else 'good'} to {path}")

    works = (await flow.map(flow.files("src/*.txt"), one)).values
    train = await flow.merge(works, checks=["sh -c '! grep -q rot src/*.txt'"])
    flow.log(f"{len(train.landed)} {[(item.task[:9], item.reason) for item in train.excluded]}")
    ran = await flow.command("cat src/f0.txt src/f2.txt", at=train.work)
    flow.log(ran.output)
    more = await flow.session("Add more to src/f2.txt", on=train.work)
    return [train, more]
"""


def test_a_train_is_checked_moves_nothing_and_is_started_from(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo = place(3)
    kit.write_files(tmp_path, {"train.py": TRAIN})
    before = kit.run_git(repo, "rev-parse", "main")
    words = ("run", tmp_path / "train.py", "--agent", agent, "--check", "true", "--yes", "--json")
    run = run_of(wtman(*words, cwd=repo))
    assert log_of(repo, run) == [
        "2 [('src-f1-tx', 'failed')]",
        "src/f0.txt\nAdd good\nsrc/f2.txt\nAdd good",
    ]
    assert kit.run_git(repo, "rev-parse", "main") == before
    same = wtman("run", tmp_path / "train.py", "--replay-check", run, cwd=repo)
    assert "no difference: 6 steps" in same.out
    landed = wtman("merge", run, "--json", cwd=repo).json()["landed"]
    assert len(landed) == 3 and not any(name.startswith("src-f1") for name in landed)
    assert (repo / "src/f2.txt").read_text() == "src/f2.txt\nAdd good\nAdd more\n"
    assert (repo / "src/f1.txt").read_text() == "src/f1.txt\n"


@pytest.mark.slow
def test_kills_repeat_no_finished_step_and_mix_up_no_answers(tmp_path: Path) -> None:
    """Behind walls; without them flows three deep are killed (tests/cli/test_nested_flows.py)."""
    if problem := choice.trouble("bubblewrap"):
        pytest.skip(problem)
    words = "--items 3 --kills 2 --jobs 3 --sandbox bubblewrap"
    script = [sys.executable, str(kit.ROOT / "scripts/bench/kills.py"), "--at", str(tmp_path)]
    done = subprocess.run(
        [*script, *words.split()], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0 and "no fault" in done.stdout, done.stdout + done.stderr


ASKS = '''\
"""Ask a person."""
from wtman.flow import Flow

async def main(flow: Flow, args):
    flow.log(await flow.approve("Which colour?", options=["red", "blue"], show=["one", "two"]))
'''


@pytest.mark.slow
def test_a_terminal_asks_and_takes_the_answer_that_comes_first(
    wtman: kit.Program, place: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    repo = place(1)
    path = tmp_path / "asks.py"
    path.write_text(ASKS)

    def asked() -> Terminal:
        started = Terminal(repo, {**os.environ, **wtman.extra, "TERM": "xterm"}, *words)
        shown = started.until("red/blue/no:$")
        assert "? Which colour?\n  one\n  two\n" in shown
        return started

    words = ("run", str(path), "--agent", agent, "--yes")
    here = asked()
    here.child.send("\rpurple\r")
    here.until("'purple' is no answer")
    here.child.send("bl\r")
    assert here.end() == 0
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    assert log_of(repo, run) == ["blue"]

    left = asked()
    left.child.sendintr()
    assert left.end() == 4
    assert re.search(r"left waiting; next: wtman answer \S+ red$", left.shown())

    elsewhere = asked()
    run = next(
        item["id"]
        for item in wtman("status", "--all", "--json", cwd=repo).json()["runs"][::-1]
        if item["state"] == "waiting"
    )
    wtman("answer", run, "red", cwd=repo)
    assert elsewhere.end() == 0
    assert "answered from elsewhere: red" in elsewhere.shown()
    assert log_of(repo, run) == ["red"]
    kit.assert_no_leftover_processes(repo)
