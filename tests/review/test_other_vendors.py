"""Who reviews where agents of several vendors are signed in and nobody is named."""

from pathlib import Path

import pytest

from tests import kit
from wtman.coordinator.start.agents import with_other_vendors
from wtman.journal import events as e
from wtman.journal.replay_limits import session_over
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.plan import Role
from wtman.model.roles import model_of, review_agents
from wtman.model.settings import Settings

TWO = {"PATH": "{bin}", "ANTHROPIC_API_KEY": "x", "CODEX_API_KEY": "x"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Both CLIs are installed, and keys are set."""
    names = ("claude", "codex", "pi")
    kit.write_files(tmp_path, {f"bin/{name}": "#!/bin/sh\n" for name in names})
    for name in names:
        (tmp_path / "bin" / name).chmod(0o755)
    return {**TWO, "PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def others(environ: dict[str, str], known: dict[str, Role] | None = None, **given: object) -> str:
    settings = Settings(**{"agent": "claude", "reviewers": 2, **given})  # type: ignore[arg-type]
    return " ".join(with_other_vendors(settings, known or {}, environ).other_vendors)


def test_one_of_another_vendor_reviews_by_default(environ: dict[str, str]) -> None:
    assert others(environ) == "codex"
    assert others(environ, agent="codex") == "claude api"
    assert others(environ, agent="api:some-model") == "codex"
    assert others(environ, agent="pi") == "", "whose model is behind it, nobody knows"
    del environ["CODEX_API_KEY"]
    assert others(environ) == "", "pi has the same vendor's key"


def test_whoever_is_named_reviews(environ: dict[str, str]) -> None:
    assert others(environ, reviewed_by=("claude",)) == ""
    assert others(environ, roles={"reviewer": "claude"}) == ""
    assert others(environ, {"reviewer": Role("reviewer", "", agent="claude")}) == ""
    assert others(environ, reviewers=0) == ""
    assert others(environ, agent="command:fix") == "", "a program asks for no reviews"
    assert others(environ, budget_usd=5.0) == "", "its model, and so its price, is not known"


def test_no_author_is_judged_by_its_own_vendor_where_another_one_is_there() -> None:
    settings = Settings(agent="claude", reviewers=2, other_vendors=("codex",), model="opus")
    assert review_agents(settings) == ("codex",)
    assert review_agents(settings, None, ["api:x"]) == ("codex",)
    assert review_agents(settings, None, ["codex"]) == ("claude",)
    assert review_agents(settings, None, ["claude", "codex"]) == ("codex",)
    assert model_of(settings, None, "codex") == "", "the model is a word of claude's"
    assert model_of(settings, None, "claude") == "opus"


def turned_away(state: State, agent: str, **why: object) -> State:
    """The state after a review session of this agent that its provider refused."""
    event = e.Reviewed("u", "branch", "x", agent, (), {}, False, **why)  # type: ignore[arg-type]
    key = ActionKey(ActionKind.REVIEW, "u")
    return session_over(state, key, event, answered=False)


@pytest.mark.parametrize("why", [{"fatal": "401"}, {"limited": True, "reason": "529"}])
def test_one_that_nobody_named_pauses_nothing_however_many_of_it_are_in_flight(
    why: dict[str, object],
) -> None:
    settings = Settings(agent="claude", reviewers=2, other_vendors=("codex", "gemini"))
    state = turned_away(State(settings=settings), "codex", **why)
    again = turned_away(state, "codex", **why)
    for found in (state, again):
        assert found.paused is None and not found.backoff
        assert found.settings.other_vendors == ("gemini",)
        assert found.notes == (f"codex reviews no more: {why.get('fatal') or why['reason']}",)
    named = State(settings=Settings(agent="claude", reviewers=2, reviewed_by=("codex",)))
    held = turned_away(named, "codex", **why)
    assert (held.paused is not None) is ("fatal" in why) and held.backoff is ("limited" in why)
