"""The shipped flows, and flows that a planner writes, with real agents."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import Asked, Ledger, Part, serving, shell, words
from tests.real.runs import assert_clean, states, status, surroundings
from tests.real.test_roles import answers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
REVIEW = "Review this branch. The folder"
NOTHING: dict[str, Any] = {"findings": []}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return kit.create_repo(tmp_path / "repo", {"a.txt": "old\n", "b.txt": "old\n"})


def told(asked: Asked) -> str:
    return json.dumps(asked.body.get("messages") or asked.body.get("input"))


def last(asked: Asked) -> str:
    return json.dumps((asked.body.get("messages") or asked.body["input"])[-1])


def author(word: str, name: str = "") -> Part:
    """Writes `wrong`, and `right` once it is told what was proved."""

    def answer(asked: Asked) -> Turn:
        if "tool_result" in last(asked):
            return words(asked, "done")
        path = name or ("a.txt" if "file is a.txt" in told(asked) else "b.txt")
        right = "Reviewers proved" in told(asked) or path != "a.txt"
        return shell(asked, f"echo {'right' if right else 'wrong'} > {path}")

    return Part(word, answer)


def always(word: str, value: object) -> Part:
    return Part(word, lambda asked: answers(asked, value))


def run(
    wtman: kit.Program, repo: Path, ledger: Ledger, installed: Path, *words: object
) -> dict[str, Any]:
    """Run a flow with claude to its end; its status."""
    env = surroundings(installed, ledger.address)
    flags = ("--agent", "claude", "--check", "true", "--yes")
    done = wtman("run", *words, *flags, cwd=repo, env=env, timeout=250, check_status=None)
    assert done.code == 0, str(done)
    assert_clean(repo)
    return {**status(wtman, repo, env), "said": str(done)}


def test_port_mends_what_a_reviewer_proves(wtman: kit.Program, repo: Path, installed: Path) -> None:
    finding = {
        "title": "it is wrong",
        "severity": "major",
        "why": "it says wrong",
        "reproducer": {"command": "! grep -q wrong a.txt"},
    }

    def reviews(asked: Asked) -> Turn:
        if "+wrong" not in told(asked):
            return answers(asked, NOTHING)
        [branch] = set(re.findall(r"## Branch ([a-z0-9-]+)", told(asked)))
        return answers(asked, {"findings": [{**finding, "branches": [branch]}]})

    with serving([Part(REVIEW, reviews), author("QQ-port-QQ")]) as ledger:
        words = ("port", "--change", "QQ-port-QQ", "--files", "*.txt", "--reviewers", "1")
        done = run(wtman, repo, ledger, installed, *words)
        assert set(states(done).values()) == {"verified"} and len(done["tasks"]) == 2
        kinds = [step["kind"] for step in done["steps"]]
        assert (kinds.count("session"), kinds.count("review")) == (3, 3), done["said"]
        wtman("merge", cwd=repo, env=surroundings(installed, ledger.address))
    assert [(repo / name).read_text() for name in ("a.txt", "b.txt")] == ["right\n"] * 2


def test_best_of_lands_what_judges_choose(wtman: kit.Program, repo: Path, installed: Path) -> None:
    judge = Part(
        "one answer to the request",
        lambda asked: answers(asked, {"points": 9, "why": "it does what was asked"}),
    )
    with serving([judge, author("QQ-best-QQ", "new.txt")]) as ledger:
        words = ("best-of", "--request", "QQ-best-QQ", "--tries", "2", "--judges", "1")
        done = run(wtman, repo, ledger, installed, *words)
        assert [step["kind"] for step in done["steps"]].count("ask") == 2
        landed = wtman("merge", "--json", cwd=repo, env=surroundings(installed, ledger.address))
        assert len(landed.json()["landed"]) == 1
    assert (repo / "new.txt").read_text() == "right\n"


def test_until_green_goes_on_until_the_command_passes(
    wtman: kit.Program, repo: Path, installed: Path
) -> None:
    def mends(asked: Asked) -> Turn:
        if "tool_result" in last(asked):
            return words(asked, "done")
        right = "made no difference" in told(asked)
        return shell(asked, f"echo {'right' if right else 'wrong'} > a.txt")

    with serving([Part("This command fails:", mends)]) as ledger:
        done = run(
            wtman, repo, ledger, installed, "until-green", "--command", "grep -q right a.txt"
        )
    kinds = [step["kind"] for step in done["steps"]]
    assert (kinds.count("session"), kinds.count("command")) == (2, 3)
    assert list(states(done).values()) == ["verified"], done["said"]


def test_scouts_a_plan_and_the_whole(wtman: kit.Program, repo: Path, installed: Path) -> None:
    parts = [
        {"title": name, "prompt": f"QQ-{name}-QQ: write it", "owns": [f"{name}.txt"]}
        for name in ("one", "two")
    ]
    script = [
        always(REVIEW, NOTHING),
        author("QQ-one-QQ", "one.txt"),
        author("QQ-two-QQ", "two.txt"),
        always("Which areas of this repository", {"answer": ["the core"]}),
        always("Look at the core", {"answer": "two files: a.txt:1, b.txt:1"}),
        always("Cut this request into parts", {"contract": "one line each", "parts": parts}),
    ]
    with serving(script) as ledger:
        words = ("scout-build-verify", "--request", "two files", "--reviewers", "1")
        done = run(wtman, repo, ledger, installed, *words)
        assert sorted(states(done).values()) == ["verified"] * 2, done["said"]
        assert done["phase"] == "verify"
        wtman("merge", cwd=repo, env=surroundings(installed, ledger.address))
    assert (repo / "one.txt").exists() and (repo / "two.txt").exists()


def test_an_audit_believes_what_a_command_shows(
    wtman: kit.Program, repo: Path, installed: Path
) -> None:
    finding = {
        "title": "a.txt is old",
        "severity": "blocker",
        "branches": ["head"],
        "path": "a.txt",
        "why": "it says old",
        "reproducer": {"command": "! grep -q old a.txt"},
    }
    script = [
        always("A claim about this branch", {"answer": "confirmed", "evidence": "it is old"}),
        always("Look through the repository", {"findings": [finding]}),
    ]
    with serving(script) as ledger:
        env = surroundings(installed, ledger.address)
        words = ("review", "--audit", "QQ-audit-QQ", "--agent", "claude", "--reviewers", "2")
        done = wtman(*words, "--json", cwd=repo, env=env, timeout=250, check_status=1)
        assert "QQ-audit-QQ" in json.dumps([asked.body for _, asked in ledger.requests])
    assert done.json()["findings"], str(done)
    [found] = done.json()["findings"]
    assert (found["verdict"], found["severity"]) == ("confirmed", "blocker"), str(done)
    assert_clean(repo)


FLOW = '''"""Write a line to every file."""
from wtman.flow import Flow

async def main(flow: Flow):
    async def one(path: str):
        return await flow.session(f"QQ-flow-QQ. Your file is {path}.", owns=[path])
    return (await flow.map(flow.files("*.txt"), one)).values
'''


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_planner_writes_a_flow_and_mends_it_once(
    wtman: kit.Program, repo: Path, installed: Path, agent: str
) -> None:
    def writes_flow(asked: Asked) -> Turn:
        source = FLOW if "cannot be used" in told(asked) else f"import requests\n{FLOW}"
        return answers(asked, {"reason": "x", "name": "lines", "source": source})

    with serving([Part("Write a flow for this request", writes_flow)]) as ledger:
        env = surroundings(installed, ledger.address)
        words = ("plan", "a line in every file", "--as-code", "--agent", agent)
        done = wtman(*words, cwd=repo, env=env, timeout=250, check_status=None)
        assert done.code == 0, str(done)
        assert "at most 2 sessions" in done.out
    assert (repo / ".wtman/flows/lines.py").read_text() == FLOW
    assert_clean(repo)
