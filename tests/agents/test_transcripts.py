"""Recorded streams of real agents, each with what has to be made of it.

The streams are as the CLIs wrote them (claude 2.1.330, codex 0.169.0), less some fields and
the places of a machine. Every recording has to stand in the table.
"""

import pytest

from tests.agents.recorded import FOLDER, KILLED, LATE, OK, ONE, TERM, Want, assert_judged, told
from wtman.agents import load
from wtman.model.command import Exit, ExitReason
from wtman.model.session import Usage

E4 = Usage(4000, 800, 0.032)  # the scripted edit: four requests of 1,000 and 200 tokens
C4 = Usage(4000, 800)
DENIED = "it was denied every change (Bash, Edit)"
HIGH = "We’re currently experiencing high demand, which may cause temporary errors."


CASES = {
    "claude-400": Want(ONE, "Credit balance is too low", "fatal", Usage(usd=0)),
    "claude-401": Want(
        LATE,
        "timed out after 60 s: authentication failed (401)",
        "fatal",
        Usage(),
        "",
    ),
    "claude-401-maxretries2": Want(
        ONE, "Invalid API key · Fix external API key", "fatal", Usage(usd=0)
    ),
    "claude-429": Want(usage=E4),
    "claude-500-maxretries2": Want(ONE, "API Error: 500 Internal", "limited", Usage(usd=0)),
    "claude-529": Want(usage=E4),
    "claude-ALWAYS429-maxretries2": Want(
        ONE, "API Error: Request rejected (429)", "limited", Usage(usd=0)
    ),
    "claude-PGSIGTERM": Want(
        Exit(ExitReason.EXITED, code=143), "exit status 143", "", Usage(1000, 200), ""
    ),
    "claude-SIGINT": Want(OK, "[ede_diagnostic] result_type=user", "", Usage(1000, 200, 0.008), ""),
    "claude-SIGKILL": Want(KILLED, "killed by SIGKILL", "", Usage(1000, 200), ""),
    "claude-SIGTERM": Want(Exit(ExitReason.STOPPED, code=143), "stopped", "", Usage(1000, 200), ""),
    "claude-agent-flag": Want(usage=Usage(1000, 200, 0.0002), answer="hello from the mock"),
    # Three results; two subagents, whose tokens are in none of the results' own `usage`.
    "claude-agents": Want(usage=Usage(6000, 1200, 0.048), answer="fallback answer"),
    "claude-agentsmd": Want(usage=Usage(1000, 200, 0.008), answer="hello from the mock"),
    "claude-budget": Want(ONE, "Reached maximum budget ($0.02)", "", Usage(3000, 600, 0.024), ""),
    "claude-drop": Want(usage=E4),
    "claude-edit": Want(usage=Usage(usd=0)),
    "claude-json-stdin": Want(usage=Usage(1000, 200, 0.008), answer="hello from the mock"),
    "claude-maxturns": Want(
        ONE, "Reached maximum number of turns (2)", "", Usage(2000, 400, 0.016), ""
    ),
    "claude-mode-auto": Want(usage=E4),  # its edit was allowed, only its commit was not
    "claude-mode-default": Want(OK, DENIED, "", E4),
    "claude-mode-dontAsk": Want(OK, DENIED, "", E4),
    "claude-mode-manual": Want(OK, DENIED, "", E4),
    "claude-mode-plan": Want(OK, DENIED, "", E4),
    # The whole conversation cost 0.032 and 0.040; these sessions have their own part of it.
    "claude-resume": Want(usage=Usage(3000, 600, 0.024)),
    "claude-resume-fork": Want(usage=Usage(1000, 200, 0.008), answer="hello from the mock"),
    "claude-resume-othercwd": Want(usage=Usage(1000, 200, 0.008), answer="hello from the mock"),
    "claude-resume-missing": Want(
        ONE, "No conversation found with session ID", "", Usage(usd=0), ""
    ),
    # No answer in the form that was asked for: who asked validates it.
    "claude-schema-bad": Want(usage=Usage(2000, 400, 0.016), answer="fallback answer"),
    "claude-schema": Want(usage=Usage(1000, 200, 0.008), answer='{"verdict": "pass", "score": 7}'),
    "claude-sid": Want(usage=Usage(1000, 200, 0.008), answer="hello from the mock"),
    "claude-skip-root-sandbox": Want(usage=E4),
    "claude-vs-pypi-llmock": Want(usage=Usage(9173, 24, 0.037172), answer="done by llmock"),
    "claude-worktree": Want(usage=E4),
    "codex-400": Want(ONE, "Your credit balance is too low", "fatal", answer=""),
    "codex-401": Want(ONE, "unexpected status 401 Unauthorized", "fatal", answer=""),
    "codex-429": Want(usage=C4),
    "codex-500": Want(ONE, HIGH, "limited", answer=""),
    "codex-ALWAYS429": Want(ONE, "exceeded retry limit, last status: 429", "limited", answer=""),
    "codex-PGSIGTERM": Want(TERM, "killed by SIGTERM", answer=""),
    "codex-SIGINT": Want(ONE, "exit status 1", answer=""),
    "codex-SIGKILL": Want(KILLED, "killed by SIGKILL", answer=""),
    "codex-SIGTERM": Want(TERM, "killed by SIGTERM", answer=""),
    "codex-drop": Want(usage=C4),
    "codex-edit": Want(usage=C4),
    "codex-edit-ws": Want(OK, "every change that it tried was refused", "", C4),
    # Its commits were refused, its edits not: committing is wtman's.
    "codex-edit-ws-opt": Want(usage=C4),
    "codex-edit-ws-worktree-adddir": Want(usage=C4),
    "codex-r1": Want(usage=Usage(1000, 200), answer="hello from the mock"),
    "codex-r2": Want(usage=C4),  # 1,000 of them are of the session that it resumes
    "codex-say": Want(answer="fallback answer"),
    "codex-schema": Want(usage=Usage(1000, 200), answer="hello from the mock"),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])


def test_every_recording_stands_in_the_table() -> None:
    known = ("claude", "codex")
    recorded = {path.stem for path in FOLDER.glob("*.jsonl")}
    assert set(CASES) == {name for name in recorded if name.partition("-")[0] in known}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_cut_anywhere_is_no_crash_and_no_success(name: str) -> None:
    """Without its last result there is nothing to believe, whatever the exit status says."""
    agent = load.load(name.partition("-")[0])
    state = agent.begin()
    lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    last = max(
        (n for n, line in enumerate(lines) if b'"result"' in line or b"turn." in line), default=0
    )
    for n, line in enumerate(lines):
        for half in (line[: len(line) // 2], line):
            if n < last:
                agent.end(agent.step(state, half)[0], OK)
        state, _ = agent.step(state, line)
        if n < last and name != "claude-agents":
            assert not agent.end(state, OK).ok


def test_session_ids_are_known() -> None:
    for name, want in CASES.items():
        outcome, _ = told(name, want.exit)
        # One could not resume and one is not a stream: there is no conversation to go on with.
        known = name not in (
            "claude-resume-missing",
            "claude-json-stdin",
            "claude-skip-root-sandbox",
        )
        assert bool(outcome.session) == known, name


def test_the_resumed_part_of_a_conversation_is_the_difference() -> None:
    first, _ = told("codex-r1", OK)
    second, _ = told("codex-r2", OK)
    assert first.session == second.session
    assert second.cumulative
    assert second.usage - first.usage == Usage(3000, 600)


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("claude-429", OK)
    assert [activity.text for activity in seen if activity.kind in ("says", "does")] == [
        "I will read the file.",
        "Read calc.py",
        "Edit calc.py",
        "Bash git add -A && git commit -q -m 'fix add' && git log --oneline",
        "Fixed add() and committed.",
    ]
    waits = [activity for activity in seen if activity.kind == "retry"]
    assert [activity.wait for activity in waits] == [1.065, 1.139]
    counted = [activity.usage for activity in seen if activity.kind == "usage"]
    assert [usage.input_tokens for usage in counted if usage] == [
        1000,
        1000,
        2000,
        3000,
        4000,
        4000,
    ]
    assert counted[-1] == E4
    _, seen = told("codex-429", OK)
    assert [activity.text for activity in seen if activity.kind in ("says", "does")] == [
        "Bash cat calc.py",
        "Edit calc.py",
        "Bash git add -A && git commit -q -m 'fix add' && git log --oneline",
        "Fixed add() and committed.",
    ]
    assert len([activity for activity in seen if activity.kind == "retry"]) == 2


@pytest.mark.parametrize("name", ["claude-401", "claude-500-maxretries2", "codex-401"])
def test_only_too_much_slows_the_run_down(name: str) -> None:
    assert not [activity for activity in told(name, ONE)[1] if activity.kind == "retry"]
