"""Two tasks of one run begin their requests alike, so that a provider can keep what they share."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.real.ledger import Asked, Part, serving, tool, words, writes
from tests.real.prefix import CommonPrefix, compare
from tests.real.runs import split, surroundings
from wtman.sandbox.choice import trouble

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = ("alpha", "beta", "gamma")
CONTEXT = "Prices are integers, in cents. " * 40


def answer(asked: Asked) -> Any:
    text = json.dumps(asked.body)
    name = next(name for name in NAMES if f"QQ-{name}-QQ" in text)
    if asked.turn:
        return words(asked, "done")
    if any(one.get("name") == "write" for one in asked.body.get("tools") or ()):
        return tool(asked, "write", file_path=f"{name}.txt", content="x\n")  # of our own agent
    return writes(asked, f"{name}.txt")


def write_plan(folder: Path, agent: str) -> Path:
    lines = ['request = "prices"', 'check = ["true"]', f"context = {json.dumps(CONTEXT)}"]
    for name in NAMES:
        lines += ["[[task]]", f'id = "{name}"', f'agent = "{agent}"']
        lines += [f'prompt = "QQ-{name}-QQ: write {name}.txt"', f'owns = ["{name}*.txt"]']
    (folder / "plan.toml").write_text("\n".join(lines) + "\n")
    return folder / "plan.toml"


def common(
    wtman: kit.Program, repo: Path, folder: Path, installed: Path, agent: str
) -> tuple[CommonPrefix, ...]:
    """The first request of a session against those of the other sessions of a run."""
    with serving([Part(f"QQ-{name}-QQ", answer) for name in NAMES]) as ledger:
        env = surroundings(installed, ledger.address)
        code, told = split(wtman, repo, write_plan(folder, agent), env)
        assert code == 0, told["said"]
    first = {word: asked.body for word, asked in reversed(ledger.requests) if not asked.turn}
    one, *others = (first[f"QQ-{name}-QQ"] for name in NAMES)
    return tuple(compare(one, other) for other in others)


def test_claude_has_tools_and_system_prompt_in_common_and_marked(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path
) -> None:
    """Under one path inside; at the real paths its system prompt names its own HOME."""
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    for found in common(wtman, repo, tmp_path, installed, "claude"):
        # The branch is the first that differs, behind the last mark that they share.
        assert found.where.startswith("user[0]"), found
        assert found.kept > 20_000, found
        assert {found.first[:3], found.second[:3]} <= {name[:3] for name in NAMES}, found
        assert found.options == ("metadata",), found


def test_codex_has_all_up_to_the_task_in_common_but_for_its_cache_key(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path
) -> None:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    for found in common(wtman, repo, tmp_path, installed, "codex"):
        assert found.alike > 40_000 and found.inside > len(CONTEXT), found
        assert "prompt_cache_key" in found.options


def test_our_own_agent_has_all_up_to_the_task_in_common(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path
) -> None:
    for found in common(wtman, repo, tmp_path, installed, "api:claude-opus-5-5"):
        assert found.kept == found.alike > 3_500, found
        assert found.inside > len(CONTEXT) and found.options == (), found
