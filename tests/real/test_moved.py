"""A conversation goes on where its worktree has become another task's, and it got one again."""

import json
from pathlib import Path

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import Asked, Part, serving, words, writes
from tests.real.runs import assert_clean, plan_of, split, states, status, surroundings, task
from wtman.sandbox.choice import trouble

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def answers(asked: Asked) -> Turn:
    name = "first" if "QQ-first-QQ" in json.dumps(asked.body) else "second"
    said = json.dumps(asked.body)
    if "go over it again" in said:
        if f"{name}-again.txt" in said:
            return words(asked, "done again")
        return writes(asked, f"{name}-again.txt")
    return words(asked, f"{name} is done") if asked.turn else writes(asked, f"{name}.txt")


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_conversation_goes_on_in_another_folder(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path, agent: str
) -> None:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    with serving([Part(f"QQ-{name}-QQ", answers) for name in ("first", "second")]) as ledger:
        env = surroundings(installed, ledger.address)
        plan = plan_of(tmp_path, {"first": agent, "second": agent})
        code, told = split(wtman, repo, plan, env, "-j", "1")
        assert code == 0, told["said"]
        places = {item["id"]: item["worktree"] for item in told["tasks"]}
        assert not all(places.values()), "one of them was taken over"
        gone = next(name for name, place in places.items() if not place)
        asked = len(ledger.requests)
        wtman("retry", gone, "-m", "go over it again", cwd=repo, env=env, timeout=200)
        news = [body for word, body in ledger.requests[asked:] if word == f"QQ-{gone}-QQ"]
        told = status(wtman, repo, env)
    # What it said in the other folder is in the first request from this one.
    assert f"{gone} is done" in json.dumps(news[0].body), news[0].body
    assert states(told) == {"first": "verified", "second": "verified"}
    assert task(told, gone)["worktree"]
    branch = f"wtman/{told['run']['id']}/{gone}"
    assert kit.run_git(repo, "show", f"{branch}:{gone}-again.txt") == "x"
    assert_clean(repo)
