"""What tokens cost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import ROOT
from wtman.agents import tells_cost, with_cost
from wtman.agents.claude import ClaudeAgent
from wtman.agents.codex import CodexAgent
from wtman.agents.command import CommandAgent
from wtman.coordinator.start.requirements import require_metered, with_models
from wtman.errors import UsageError
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.session import Usage
from wtman.model.settings import Settings
from wtman.prices import cost
from wtman.sandbox.inside import SandboxView
from wtman.sessions.launch import outcome_of

M = 1_000_000


@pytest.mark.parametrize(
    "model, usage, written, written_1h, dollars",
    [
        ("claude-opus-5-5", Usage(M), 0, 0, 4.0),
        ("claude-opus-5-5", Usage(0, M), 0, 0, 20.0),
        ("claude-opus-5-5", Usage(M, 0, None, M), 0, 0, 0.20),
        ("claude-opus-5-5", Usage(M), M, 0, 5.0),
        ("claude-opus-5-5", Usage(M), M, M, 8.0),
        ("claude-opus-4-8", Usage(4000, 300, None, 1000), 2000, 500, 0.027375),
        ("claude-haiku-4-5-20251001", Usage(1000, 1000), 0, 0, 0.006),
        ("claude-haiku-5-5", Usage(100_000, 1000), 0, 0, 0.0105),
        ("claude-haiku-5-5", Usage(100_001, 1000, None, 40_001), 0, 0, 0.03450005),
        ("claude-mythos-5-1", Usage(M, M), 0, 0, 60.0),
        ("claude-opus-5-5", Usage(), 0, 0, 0.0),
        ("gpt", Usage(1, 1), 0, 0, None),
        ("claude-opus-5-5x", Usage(1, 1), 0, 0, None),
        ("", Usage(1, 1), 0, 0, None),
    ],
)
def test_a_request(
    model: str, usage: Usage, written: int, written_1h: int, dollars: float | None
) -> None:
    found = cost("anthropic", model, usage, written=written, written_1h=written_1h)
    assert found == (None if dollars is None else pytest.approx(dollars, rel=1e-4))


def test_the_sum_of_many_requests_has_no_long_prompt() -> None:
    used = Usage(M, 2000, None, 900_000)
    assert cost("openai", "gpt-5.5", used) == pytest.approx(1.99)
    assert cost("openai", "gpt-5.5", used, requests=21) == pytest.approx(1.01)


def test_nothing_is_fetched() -> None:
    """In a process of its own: the lists are loaded once."""
    code = (
        "import sys\n"
        "from wtman.model.session import Usage\n"
        "from wtman.prices import cost\n"
        "sys.addaudithook(lambda name, _: name.startswith('socket.') and sys.exit(name))\n"
        "assert cost('openai', 'gpt-5', Usage(1000)) is not None\n"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_agent_that_counts_tokens_is_priced_by_its_model() -> None:
    codex = CodexAgent()
    assert with_cost(codex, "gpt-5.5", Usage(M, 2000, None, 900_000)).usd == pytest.approx(1.01)
    assert tells_cost(codex, "gpt-5.5")
    for model in ("", "gpt-unheard-of", "claude-opus-5-5"):
        assert with_cost(codex, model, Usage(9, 9)) == Usage(9, 9)
        assert not tells_cost(codex, model)
    assert with_cost(codex, "gpt-5.5", Usage()) == Usage(), "it told nothing"
    assert not tells_cost(CommandAgent(("true",)), "gpt-5.5")
    told = Usage(9, 9, 0.5)
    assert with_cost(ClaudeAgent(), "gpt-5.5", told) == told
    assert tells_cost(ClaudeAgent(), "")


def test_a_dollar_budget_holds_codex_where_its_model_has_a_price() -> None:
    budget = Settings(budget_usd=5.0)
    require_metered({("codex", "gpt-5.5"), ("claude", "")}, budget)
    require_metered({("codex", "")}, Settings(budget_tokens=5000))
    for model, said in (("", "its model is not named"), ("x", 'no price is known for "x"')):
        with pytest.raises(UsageError, match=said) as raised:
            require_metered({("codex", model)}, budget)
        assert "--model" in raised.value.hint
    tasks = (Task(TaskId("a"), "do", model="gpt-5"), Task(TaskId("b"), "do", agent="claude"))
    played = with_models(Plan("x", tasks), Settings(agent="codex", model="m"), {})
    assert played == {("codex", "gpt-5"), ("claude", "m")}


def test_a_finished_session_of_codex_has_its_price(tmp_path: Path) -> None:
    stream = ROOT / "tests/transcripts/codex-edit.jsonl"
    (tmp_path / "stdout").write_bytes(stream.read_bytes())
    ended = Exit(ExitReason.EXITED, code=0)
    for model, usd in (("gpt-5", pytest.approx(0.013)), ("", None)):
        _, outcome = outcome_of(CodexAgent(), str(tmp_path), ended, model, SandboxView())
        assert outcome.usage == Usage(4000, 800, usd)
