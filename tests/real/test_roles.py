"""Real agents as planners and reviewers, and runs that are stopped, killed and gone on with."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import Asked, Part, serving, shell, tool, words, writes
from tests.real.runs import (
    assert_clean,
    listing,
    plan_of,
    split,
    states,
    status,
    surroundings,
    task,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PLANNER, REVIEWER = "QQ-request-QQ", "Review this branch"


def part(name: str, answer: Callable[[Asked], Turn]) -> Part:
    return Part(f"QQ-{name}-QQ", answer)


def good(name: str) -> Part:
    return part(
        name,
        lambda asked: words(asked, "done") if asked.turn else writes(asked, f"{name}.txt", name),
    )


def answers(asked: Asked, value: object) -> Turn:
    """The answer that a schema asks for, in the agent's own way."""
    offered = {one.get("name") for one in asked.body.get("tools", ())}
    if "StructuredOutput" not in offered:
        return words(asked, f"Here it is:\n```json\n{json.dumps(value)}\n```")
    called = '"name": "StructuredOutput"' in json.dumps(asked.body["messages"][-2:])
    return words(asked, "done") if called else tool(asked, "StructuredOutput", **dict(value))  # type: ignore[call-overload]


PLAN: dict[str, Any] = {
    "reason": "two files",
    "tasks": [
        {"id": name, "prompt": f"QQ-{name}-QQ: write {name}.txt", "owns": [f"{name}.txt"]}
        for name in ("one", "two")
    ],
}


@pytest.mark.parametrize(("agent", "first"), [("claude", "bad"), ("codex", "bad")])
def test_a_request_is_planned_and_built(
    wtman: kit.Program,
    repo: Path,
    hermetic: Path,
    installed: Path,
    agent: str,
    first: str,
) -> None:
    """Without a plan file; one round of repair where the first answer is no plan."""
    bad = {"tasks": [{"id": "NOT AN ID", "prompt": "x"}]}
    again = threading.Event()

    def plans(asked: Asked) -> Turn:
        if "gave no usable" in json.dumps(asked.body) or "NOT AN ID" in json.dumps(asked.body):
            again.set()
        return answers(asked, PLAN if first == "good" or asked.nth >= 2 or again.is_set() else bad)

    # Authors are told the request too: theirs is looked for before it.
    before = listing(hermetic)
    with serving([good("one"), good("two"), Part(PLANNER, plans)]) as ledger:
        env = surroundings(installed, ledger.address)
        done = wtman(
            "split", f"{PLANNER}: two files", "--agent", agent, "--check", "true",
            "--reviewers", "0", "--yes", cwd=repo, env=env, timeout=200, check_status=None,
        )  # fmt: skip
        told = status(wtman, repo, env)
        assert done.code == 0, str(done)
        assert states(told) == {"one": "verified", "two": "verified"}, str(done)
        spent = [ledger.took(word) for word in (PLANNER, "QQ-one-QQ", "QQ-two-QQ")]
        usage = told["run"]["usage"]
        assert usage["input_tokens"] == sum(read for read, _, _ in spent)
        assert usage["output_tokens"] == sum(wrote for _, _, wrote in spent)
        assert again.is_set() == (first == "bad")
    assert listing(hermetic) == before
    assert_clean(repo)


LEAD = "for a team of its own"


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_lead_is_cut_and_its_parts_are_built(
    wtman: kit.Program, repo: Path, hermetic: Path, installed: Path, tmp_path: Path, agent: str
) -> None:
    """With nothing but one agent; one round of repair for what is not a lead's to decide."""
    lead = 'id = "team"\nprompt = "two files"\nowns = ["one.txt", "two.txt"]\nlead = true\n'
    (tmp_path / "plan.toml").write_text(f"check = ['true']\n[[task]]\n{lead}")
    beyond = {"tasks": [{"id": "one", "prompt": "x", "owns": ["README.md"]}]}
    again = threading.Event()

    def cuts(asked: Asked) -> Turn:
        if "yours to give" in json.dumps(asked.body) or asked.nth >= 2:
            again.set()
        return answers(asked, PLAN if again.is_set() else beyond)

    before = listing(hermetic)
    with serving([good("one"), good("two"), Part(LEAD, cuts)]) as ledger:
        env = surroundings(installed, ledger.address)
        code, told = split(wtman, repo, tmp_path / "plan.toml", env, "--agent", agent)
        assert code == 0, told["said"]
        assert states(told) == dict.fromkeys(("team", "team_one", "team_two"), "verified")
        assert again.is_set()
        spent = [ledger.took(word) for word in (LEAD, "QQ-one-QQ", "QQ-two-QQ")]
        usage = told["run"]["usage"]
        assert usage["output_tokens"] == sum(wrote for _, _, wrote in spent)
        assert task(told, "team")["usage"]["output_tokens"] == spent[0][2]
    assert listing(hermetic) == before
    assert_clean(repo)


FINDING = {
    "title": "it says the wrong thing",
    "severity": "major",
    "branches": ["one"],
    "path": "one.txt",
    "why": "it should say two",
    "reproducer": {"command": "test ! -e one.txt"},
}


@pytest.mark.parametrize(
    ("agent", "tampers"), [("claude", False), ("claude", True), ("codex", False)]
)
def test_a_reviewer_reads_and_no_more(
    wtman: kit.Program,
    repo: Path,
    tmp_path: Path,
    installed: Path,
    agent: str,
    tampers: bool,
) -> None:
    """What it proves is believed; one that tries to write cannot, whatever it says then."""

    def reviews(asked: Asked) -> Turn:
        if tampers and asked.turn == 0:
            return shell(asked, "echo spoilt > one.txt; echo $? > ~/said; cat ~/said")
        return answers(asked, {"findings": [] if tampers else [FINDING]})

    with serving([Part(REVIEWER, reviews), good("one")]) as ledger:
        env = surroundings(installed, ledger.address)
        code, told = split(
            wtman, repo, plan_of(tmp_path, {"one": agent}), env,
            "--reviewer", agent, "--rounds", "1", "--attempts", "1", reviewers=1,
        )  # fmt: skip
        assert ledger.asked[REVIEWER] > 0, told["said"]
        spent = [ledger.took(word) for word in (REVIEWER, "QQ-one-QQ")]
        read, wrote = sum(one[0] for one in spent), sum(one[2] for one in spent)
        usage = told["run"]["usage"]
        assert (usage["input_tokens"], usage["output_tokens"]) == (read, wrote)
    if tampers:
        assert code == 0, told["said"]
        said = json.dumps([asked.body for _, asked in ledger.requests])
        assert "read-only file system" in said.lower()  # each shell has its own spelling
        assert states(told) == {"one": "verified"}
        assert kit.run_git(repo, "show", f"{task(told, 'one')['branch']}:one.txt") == "one"
    else:
        assert [one["verdict"] for one in told["findings"]] == ["confirmed"], told["said"]
        assert states(told)["one"] != "verified", told["said"]
    assert_clean(repo)


def gated(name: str, gate: threading.Event, arrived: threading.Event) -> Part:
    """Writes one file, waits at the gate, then writes another."""

    def answer(asked: Asked) -> Turn:
        if asked.turn == 0:
            return writes(asked, f"{name}-1.txt", name)
        if not gate.is_set():
            arrived.set()
            gate.wait(60)
        if asked.turn == 1:
            return writes(asked, f"{name}-2.txt", name)
        return words(asked, "done")

    return part(name, answer)


@pytest.mark.parametrize(
    ("how", "tier"), [("stop", "landlock"), ("kill", "auto"), ("kill", "landlock")]
)
def test_stopped_in_the_middle_and_gone_on_with(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path, how: str, tier: str
) -> None:
    """Whether asked to stop or killed: nobody stays alive, finished work is not done again."""
    gate = threading.Event()
    arrived = {name: threading.Event() for name in ("claude-on", "codex-on")}
    parts = [gated(name, gate, event) for name, event in arrived.items()]
    tasks = {"claude-on": "claude", "codex-on": "codex", "claude-done": "claude"}
    with serving([*parts, good("claude-done")]) as ledger:
        env = surroundings(installed, ledger.address, WTMAN_SANDBOX=tier)
        process = wtman.start(
            "split", "--plan", plan_of(tmp_path, tasks), "--yes", "--reviewers", "0",
            "-j", "4", cwd=repo, env=env,
        )  # fmt: skip
        assert all(event.wait(60) for event in arrived.values()), process.communicate(timeout=1)
        until = time.monotonic() + 60
        while states(status(wtman, repo, env)).get("claude-done") != "verified":
            assert time.monotonic() < until
            time.sleep(0.3)
        finished = ledger.asked["QQ-claude-done-QQ"]
        if how == "stop":
            wtman("stop", cwd=repo, env=env, timeout=60)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        if how == "stop" or tier == "auto":
            assert_clean(repo)
        gate.set()
        done = wtman("resume", "--yes", cwd=repo, env=env, timeout=200, check_status=None)
        assert done.code == 0, str(done)
        told = status(wtman, repo, env)
        assert set(states(told).values()) == {"verified"}, str(done)
        assert ledger.asked["QQ-claude-done-QQ"] == finished
        for name in arrived:
            assert task(told, name)["files"] == 2, told
    assert_clean(repo)
