"""Whole runs with the real Claude Code and Codex, many at once, and with faults."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.real.runs import listing, plan_of, split, task
from tests.real.server import READ, WROTE, Provider, Script, calls, refuses, says

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Start = Callable[..., Provider]
SignedIn = Callable[[Provider], dict[str, str]]
TOO_MANY = refuses(429, "Rate limited", "rate_limit_error", retryAfter=1)
OVERLOADED = refuses(529, "Overloaded", "overloaded_error")


def edit(agent: str, name: str) -> dict[str, Any]:
    """The agent's way to write NAME.txt."""
    if agent == "claude":
        return calls("Write", file_path=f"{name}.txt", content=f"{name}\n")
    return calls("exec_command", cmd=f"echo {name} > {name}.txt")


def shell(agent: str, command: str) -> dict[str, Any]:
    if agent == "claude":
        return calls("Bash", command=command, description="x")
    return calls("exec_command", cmd=command)


def good(agent: str, name: str, **more: Any) -> Script:
    return Script(f"QQ-{name}-QQ", [edit(agent, name), says("done")], **more)


def test_eight_at_once_with_passing_faults(
    wtman: kit.Program,
    repo: Path,
    hermetic: Path,
    tmp_path: Path,
    provider: Start,
    signed_in: SignedIn,
) -> None:
    """Too much to do, overload and a cut stream pass: all are verified and land."""
    faults: dict[str, Any] = {
        "fine": {},
        "more": {},
        "many": {"faults": [TOO_MANY, TOO_MANY]},
        "over": {"faults": [OVERLOADED]},
    }
    tasks = {f"{agent}-{name}": agent for agent in ("claude", "codex") for name in faults}
    scripts = [good(agent, name, **faults[name.partition("-")[2]]) for name, agent in tasks.items()]
    server = provider(*scripts)
    before = listing(hermetic)
    code, told = split(wtman, repo, plan_of(tmp_path, tasks), signed_in(server), "-j", "8")
    assert code == 0, told["said"]
    assert {item["state"] for item in told["tasks"]} == {"verified"}, told["said"]
    for name in tasks:
        assert task(told, name)["attempt"] == 1, told["said"]
        answered = [
            one for one in server.requests(f"QQ-{name}-QQ") if one["response"]["status"] == 200
        ]
        usage = task(told, name)["usage"]
        assert usage["input_tokens"] == len(answered) * READ, name
        assert usage["output_tokens"] == len(answered) * WROTE, name
        assert (usage["usd"] is None) == name.startswith("codex"), name
    assert listing(hermetic) == before, "nothing of the user's HOME is changed"
    merged = wtman("merge", "--json", cwd=repo, env=signed_in(server), timeout=120).json()
    assert sorted(merged["landed"]) == sorted(tasks)
    assert (repo / "claude-many.txt").read_text() == "claude-many\n"


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_an_agent_that_is_killed_is_tried_again(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn, agent: str
) -> None:
    # The parent of a tool's shell is the agent itself.
    dies = Script("QQ-dies-QQ", [edit(agent, "dies"), shell(agent, "kill -TERM $PPID; sleep 5")])
    server = provider(dies, good(agent, "lives"))
    tasks = {"dies": agent, "lives": agent}
    code, told = split(wtman, repo, plan_of(tmp_path, tasks), signed_in(server), "--attempts", "2")
    assert code == 1, told["said"]
    assert task(told, "lives")["state"] == "verified"
    failed = task(told, "dies")
    assert (failed["state"], failed["attempt"]) == ("failed", 2), told["said"]
    assert "143" in failed["reason"] or "SIGTERM" in failed["reason"], failed["reason"]


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_wrong_key_parks_the_run(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn, agent: str
) -> None:
    refused = refuses(401, "invalid x-api-key", "authentication_error")
    server = provider(Script("QQ-key-QQ", [refused]), good(agent, "next"))
    code, told = split(
        wtman, repo, plan_of(tmp_path, {"key": agent, "next": agent}), signed_in(server), "-j", "1"
    )
    assert code == 4, told["said"]
    assert told["run"]["state"] == "paused"
    assert "401" in json.dumps(told["run"]) or "API key" in json.dumps(told["run"])
    assert server.requests("QQ-next-QQ") == [], "no session starts after it"


def test_a_stream_that_breaks_off_is_gone_on_with(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn
) -> None:
    tasks = {"cut-claude": "claude", "cut-codex": "codex"}
    server = provider(*(good(agent, name, cut=True) for name, agent in tasks.items()))
    code, told = split(wtman, repo, plan_of(tmp_path, tasks), signed_in(server))
    assert code == 0, told["said"]
    assert {item["state"] for item in told["tasks"]} == {"verified"}


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_talk_without_a_change_is_no_success(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn, agent: str
) -> None:
    server = provider(Script("QQ-talk-QQ", [says("I have done it all.")]))
    code, told = split(
        wtman, repo, plan_of(tmp_path, {"talk": agent}), signed_in(server), "--attempts", "1"
    )
    assert code == 1, told["said"]
    assert "changed nothing" in task(told, "talk")["reason"]


def test_denied_edits_are_named(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn
) -> None:
    """Without a sandbox of ours an agent asks, and nobody answers: outside its folder it may
    not write, and says at its end that all went well."""
    outside = calls("Write", file_path=str(tmp_path / "outside.txt"), content="x\n")
    server = provider(Script("QQ-deny-QQ", [outside, says("done")]))
    code, told = split(
        wtman,
        repo,
        plan_of(tmp_path, {"deny": "claude"}),
        {**signed_in(server), "WTMAN_SANDBOX": "none"},
        "--attempts",
        "1",
    )
    assert code == 1, told["said"]
    assert "denied every change" in task(told, "deny")["reason"]
    assert not (tmp_path / "outside.txt").exists()


def test_usage_of_resumed_conversations_is_counted_once(
    wtman: kit.Program, repo: Path, tmp_path: Path, provider: Start, signed_in: SignedIn
) -> None:
    """Three attempts in one conversation: the figures of both agents go on over a resume."""
    tasks = {"again-claude": "claude", "again-codex": "codex"}
    server = provider(*(Script(f"QQ-{name}-QQ", [says("nothing yet")]) for name in tasks))
    code, told = split(wtman, repo, plan_of(tmp_path, tasks), signed_in(server))
    assert code == 1, told["said"]
    for name in tasks:
        counted = [
            one for one in server.requests(f"QQ-{name}-QQ") if one["response"]["status"] == 200
        ]
        assert task(told, name)["attempt"] == 3
        assert task(told, name)["usage"]["input_tokens"] == len(counted) * READ, name
