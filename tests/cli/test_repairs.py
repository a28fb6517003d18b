"""Repairs through the real commands: what lands with one that would not without."""

import json
import signal
from pathlib import Path

import pytest

from tests import kit
from tests.cli.test_acting import wait_for
from tests.repairs import CASES, Case, Seeded


def seeded(tmp_path: Path, repo: Path, wtman: kit.Program, case: Case) -> Seeded:
    return Seeded(tmp_path / "seeded", repo, wtman, case)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_more_lands_with_a_repair_than_without_in_few_sessions(
    tmp_path: Path, wtman: kit.Program, name: str
) -> None:
    case = CASES[name]
    found = {}
    for repairs in (0, 1):
        repo = kit.create_repo(tmp_path / str(repairs) / "repo", {"README.md": "hello\n"})
        run = seeded(tmp_path / str(repairs), repo, wtman, case)
        landed, sessions = run.whole("--repairs", str(repairs))
        found[repairs] = landed
        assert len(run.asked) == repairs
        if repairs:
            assert landed == case.landed
            assert sessions <= 4 * len(case.tasks)
            told = run("report").out
            (task, request) = run.asked[0]
            decided = case.decisions[task]
            assert f"### {task}" in told and "it fell short: " in told
            assert decided["reason"] in told and "what came of it: merged" in told
            assert request["task"]["attempts"] and request["answer"]["properties"]
            (plain,) = run.status["repairs"]
            assert plain["decision"] == decided["decision"] and plain["applied"]
            assert plain["fell_short"] and "changed nothing" not in plain["fell_short"]
            assert decided["reason"] in run("logs", task).out
    assert found[1] > found[0], "the same run without a repair"


GREEDY = {
    "paths": ({"decision": "owns", "owns": ["told.txt", "/new.txt"]}, '"/new.txt"'),
    "everything": ({"decision": "owns", "owns": ["**"], "other": "small"}, 'may change "**"'),
    "protected": ({"decision": "owns", "owns": ["told.txt", "ci/run.sh"]}, "which is protected"),
    "command": ({"decision": "again", "advice": "x", "check": ["curl evil"]}, "curl evil"),
    "agent": ({"decision": "again", "advice": "x", "agent": "command:evil"}, "command:evil"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", GREEDY)
def test_who_asks_for_more_than_was_approved_waits_for_an_answer(
    tmp_path: Path, repo: Path, wtman: kit.Program, case: str
) -> None:
    (repo / "wtman.toml").write_text('protect = ["ci/**"]\n')
    run = seeded(tmp_path, repo, wtman, CASES["wrong-prompt"])
    answer, words = GREEDY[case]
    run.decide({"misled": {"reason": "I want it", **answer}})
    done = run.split(code=4)
    assert "? Repair of misled" in done.out and words in done.out.replace("\n  ", " ")
    assert "next: wtman answer " in done.out
    told = run.status
    assert told["run"]["state"] == "waiting" and told["question"]["task"] == "misled"
    assert any(words in text for text in told["question"]["allows"])
    assert {it["id"]: it["state"] for it in told["tasks"]} == {
        "small": "verified",
        "misled": "fixing",
    }
    # Neither a yes to the start nor a resume answers it.
    assert "nothing to resume" in run("resume", "--yes", code=4).out
    assert run.status["run"]["sessions"] == 4
    run("answer", told["run"]["id"], "no")
    run("resume", "--yes", code=1)
    assert run.tasks["misled"]["state"] == "failed"
    (repair,) = run.status["repairs"]
    assert repair["answer"] == "no" and "not allowed" in repair["refused"]
    assert "not done: what it asks for was not allowed" in run("report").out


@pytest.mark.slow
def test_a_yes_gives_what_was_shown_and_approves_its_command(
    tmp_path: Path, repo: Path, wtman: kit.Program
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["wrong-prompt"])
    other = {"decision": "again", "reason": "the check is wrong"}
    other["advice"] = "Add one:\nwrite right.txt good"
    run.decide({"misled": {**other, "check": ["test -f README.md"]}})
    run.split(code=4)
    assert "misled is judged by: test -f README.md" in run("answer", code=4).out
    name = run.status["run"]["id"]
    assert "wtman resume" in run("answer", name, "yes").out
    run("resume", "--yes")
    assert run.tasks["misled"]["state"] == "verified"
    assert [it["command"] for it in run.tasks["misled"]["checks"]] == ["test -f README.md"]


@pytest.mark.slow
def test_a_check_that_cannot_run_is_told_and_the_run_goes_on(
    tmp_path: Path, repo: Path, wtman: kit.Program
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["wrong-prompt"])
    other = {"decision": "again", "reason": "x", "advice": "write right.txt good"}
    run.decide({"misled": {**other, "check": ["frobnicate -q"]}})
    run.split(code=4)
    name = run.status["run"]["id"]
    asked = run("answer", code=4).out.splitlines()
    assert asked[-2:] == [
        f"  answer: wtman answer {name} yes",
        f"      or: wtman answer {name} no",
    ]
    run("answer", name, "yes")
    done = run("resume", "--yes", code=1).out
    assert "misled  repair not done: check `frobnicate -q` cannot run" in done
    assert run.tasks["misled"]["state"] == "failed" and run.tasks["small"]["state"] == "verified"
    assert f"next: wtman merge {name}" in done
    assert "what came of it: not done: check `frobnicate -q` cannot run" in run("report").out


CHARACTERS = {
    "nonsense": ("no idea", "cannot repair"),
    "lying": ({"decision": "chain", "reason": "x", "other": "ghost"}, "cannot repair"),
    "extra": ({"decision": "again", "advice": "x", "reason": "x", "sudo": True}, "cannot repair"),
    "crashing": ("crash", "the repairer decided nothing"),
    "looping": ({"decision": "again", "reason": "again", "advice": "once more"}, "failed again"),
    "giving-up": ({"decision": "give_up", "reason": "not as asked"}, "it stays as it is"),
    "cutting": (
        {
            "decision": "split",
            "reason": "smaller",
            "tasks": [
                {"id": "x", "prompt": "write told.txt wrong", "owns": ["told.txt"]},
                {"id": "y", "prompt": "write right.txt good", "owns": ["right.txt"]},
            ],
        },
        "failed again",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CHARACTERS)
def test_a_repairer_that_is_of_no_use_costs_little_and_loses_nothing(
    tmp_path: Path, repo: Path, wtman: kit.Program, case: str
) -> None:
    answer, words = CHARACTERS[case]
    run = seeded(tmp_path, repo, wtman, CASES["wrong-prompt"])
    run.decide({"*": answer})
    run.split(code=1)
    told = run.status
    assert len(run.asked) == 1 and told["run"]["sessions"] <= 9
    assert told["run"]["state"] == "ready" and run.tasks["small"]["state"] == "verified"
    assert run.tasks["misled"]["state"] == "failed"
    assert words in run("report").out
    run("merge", code=None)
    assert run.tasks["small"]["state"] == "merged"


PROOF = """\
--- /dev/null
+++ b/tests/proof.sh
@@ -0,0 +1 @@
+cat big/a.txt big/c.txt | grep -c good | grep -q 2
"""


@pytest.mark.slow
@pytest.mark.parametrize("mended", [True, False])
def test_a_task_that_is_split_is_still_judged_by_its_proofs(
    tmp_path: Path, repo: Path, wtman: kit.Program, mended: bool
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["too-big"])
    proof = {"command": "sh tests/proof.sh", "patch": PROOF, "finding": "f1", "title": "no c"}
    run.write_plan([CASES["too-big"].tasks[1]])
    plan = run.folder / "plan.toml"
    lines = [line for line in plan.read_text().splitlines() if not line.startswith("check = ")]
    lines += ["[[task.proofs]]", *(f"{key} = {json.dumps(said)}" for key, said in proof.items())]
    plan.write_text("\n".join(lines) + "\n")
    split = json.loads(json.dumps(CASES["too-big"].decisions["big"]))
    if not mended:
        split["tasks"][1]["prompt"] = "write big/c.txt poor"
    run.decide({"big": split})
    run.split(code=None)
    assert run.tasks["big"]["state"] == ("verified" if mended else "failed")
    # No check has judged the parts; what has shown the defect judges them together.
    landed = run("merge", *(() if mended else ("--unchecked",)), code=None)
    assert (repo / "big/c.txt").exists() is mended, landed.out + landed.err
    assert mended or run.tasks["big_second"]["state"] != "merged"


@pytest.mark.slow
def test_a_repairer_that_is_slow_is_ended_with_its_time(
    tmp_path: Path, repo: Path, wtman: kit.Program
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["wrong-prompt"])
    run.decide({"*": "slow"})
    run.split("--timeout", "5s", code=1)
    assert run.tasks["misled"]["state"] == "failed" and len(run.asked) == 1
    assert run.status["repairs"][0]["decision"] is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["too-big", "missing-need"])
def test_a_coordinator_that_is_killed_in_a_repair_changes_nothing_of_its_result(
    tmp_path: Path, wtman: kit.Program, name: str
) -> None:
    repo = kit.create_repo(tmp_path / "repo", {"README.md": "hello\n"})
    run = seeded(tmp_path, repo, wtman, CASES[name])
    script = run.folder / "repairer.py"
    gate = "while not (here / 'go').exists():\n    time.sleep(0.05)\nprint(answer if"
    script.write_text(script.read_text().replace("print(answer if", gate, 1))
    process = wtman.start(*run.words, cwd=repo)
    wait_for(lambda: len(run.asked) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (run.folder / "go").touch()
    run("resume", "--yes")
    assert {it["state"] for it in run.status["tasks"]} == {"verified"}
    assert len(run.status["repairs"]) == 1
    kit.assert_no_leftover_processes(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while it decides", "after it has decided"])
def test_a_run_that_is_stopped_in_a_repair_goes_on_and_decides_once(
    tmp_path: Path, repo: Path, wtman: kit.Program, moment: str
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["missing-need"])
    decided = moment == "after it has decided"
    # Held there: the repairer before its answer, or the author in the session that follows it.
    script = run.folder / ("author.py" if decided else "repairer.py")
    line = "own = told" if decided else "print(answer if"
    held = "if 'session 3' in told_of and not (here / 'go').exists(): time.sleep(60)\n"
    gate = held if decided else "if not (here / 'go').exists(): time.sleep(60)\n"
    numbered = "import time; told_of = f\"session {os.environ.get('WTMAN_ATTEMPT')}\"\n"
    before = numbered + gate if decided else gate
    script.write_text(script.read_text().replace(line, before + line, 1))
    process = wtman.start(*run.words, cwd=repo)
    wait_for(lambda: len(run.asked) == 1 and (not decided or run.built.count("user") == 3))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "next: wtman resume" in out
    (run.folder / "go").touch()
    run("resume", "--yes")
    assert {it["state"] for it in run.status["tasks"]} == {"verified"}
    # An answer that was given is not asked for again; one that was cut short is, once.
    assert len(run.asked) == (1 if decided else 2)
    (repair,) = run.status["repairs"]
    assert repair["applied"] and repair["decision"] == "chain"
    kit.assert_no_leftover_processes(tmp_path)


@pytest.mark.slow
def test_what_people_do_meanwhile_comes_before_a_repair(
    tmp_path: Path, repo: Path, wtman: kit.Program
) -> None:
    run = seeded(tmp_path, repo, wtman, CASES["wrong-paths"])
    asks = {"decision": "owns", "reason": "it is there", "owns": ["/x/**"]}
    run.decide({"narrow": asks})
    run.split(code=4)
    # More work may come to a run that waits.
    run("add", "more: write more.txt good", code=None)
    assert run.tasks["more"]["state"] in ("verified", "pending", "fixing")
    # A plan that is edited says more than the repair that asks.
    tasks = [dict(task) for task in CASES["wrong-paths"].tasks]
    tasks[1]["prompt"] = "write lib/old.txt good enough"
    tasks.append({"id": "more", "prompt": "write more.txt good"})
    run.write_plan(tasks)
    run("resume", "--plan", str(run.folder / "plan.toml"), "--allow-overlap", "--yes", code=None)
    states = {name: item["state"] for name, item in run.tasks.items()}
    assert states == dict.fromkeys(("shared", "narrow", "more"), "verified")
    assert run.status["question"] is None
    assert json.dumps(run.status["repairs"]).count("changed meanwhile") == 1
