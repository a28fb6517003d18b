"""Agents that a user defines, `[agents.NAME]`, whose programs are the real ones."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import Asked, Part, serving, words, writes
from tests.real.runs import assert_clean, listing, plan_of, split, states, surroundings, task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_WANTED = "QQ-WANTED-QQ"  # a session knows it from the check's words alone
_CHECK = (
    "test ! -e fix.txt || { w=QQ-WANTED; w=$w-QQ; grep $w fix.txt || "
    "{ echo FAILED: no $w; exit 1; }; }\n"
)
_OWN = """
[agents.mine-claude]
command = "claude -p --output-format=stream-json --verbose --dangerously-skip-permissions"
stream = "claude-json"
resume = "--resume={session}"
model = "--model {model}"
system = ["--append-system-prompt={system}"]
env = ["IS_SANDBOX=1", "ANTHROPIC_BASE_URL"]
sign_in = "ANTHROPIC_API_KEY"

[agents.mine-codex]
command = [
    "codex", "exec", "{options}", "--json", "--dangerously-bypass-approvals-and-sandbox",
    "-c", 'model_provider="own"', "-c",
    'model_providers.own={name="own",base_url="ADDRESS",wire_api="responses",env_key="MY_KEY"}',
    "-",
]
stream = "codex-json"
model = ["-c", "model={model}"]
resume = "resume {session}"
sign_in = "MY_KEY"
provider = "openai"
"""


def fixes(asked: Asked) -> Turn:
    """Writes what its check refuses, and what it takes when it is told so."""
    spoken = json.dumps([asked.body.get(name) for name in ("messages", "input")])
    if _WANTED not in spoken:
        return words(asked, "finished-with-it") if asked.turn else writes(asked, "fix.txt", "wrong")
    if "fixed-now" not in spoken:
        return writes(asked, "fix.txt", f"{_WANTED}, fixed-now")
    return words(asked, "fixed")


@pytest.fixture
def opened() -> Iterator[list["pexpect.spawn[str]"]]:
    """Screens that are closed at the end."""
    screens: list[pexpect.spawn[str]] = []
    yield screens
    for one in screens:
        one.close(force=True)


@pytest.mark.parametrize(
    ("agent", "model"), [("mine-claude", "claude-opus-5-5"), ("mine-codex", "gpt-5.4")]
)
def test_a_fix_goes_on_with_its_conversation_is_counted_attached_to_and_cleaned(
    wtman: kit.Program,
    repo: Path,
    hermetic: Path,
    tmp_path: Path,
    installed: Path,
    agent: str,
    model: str,
    opened: list["pexpect.spawn[str]"],
) -> None:
    kit.commit_files(repo, {"check.sh": _CHECK})
    with serving([Part("QQ-fix-QQ", fixes)]) as ledger:
        own = _OWN.replace("ADDRESS", f"{ledger.address}/v1")
        kit.write_files(hermetic, {".config/wtman/config.toml": own})
        env = surroundings(installed, ledger.address, MY_KEY="key", TERM="xterm-256color")
        before = listing(hermetic)
        plan = plan_of(tmp_path, {"fix": agent}, "sh check.sh")
        flags = ("--model", model, "--attempts", "2", "--budget-usd", "5")
        code, told = split(wtman, repo, plan, env, *flags)
        assert code == 0 and states(told) == {"fix": "verified"}, told["said"]
        done = task(told, "fix")
        assert (done["agent"], done["attempt"]) == (agent, 2)
        turns = [asked.turn for _, asked in ledger.requests]
        assert max(turns) > 2, "a fix goes on with the conversation"
        usage = done["usage"]
        counted = (usage["input_tokens"], usage["cached_tokens"], usage["output_tokens"])
        assert counted == ledger.took("QQ-fix-QQ")
        assert usage["usd"] and usage["usd"] > 0
        assert listing(hermetic) == before, "nothing of the user's HOME is changed"

        # It has no interactive mode that wtman knows of: a shell in its place.
        screen = pexpect.spawn(
            sys.executable,
            ["-m", "wtman", "attach", "fix"],
            cwd=str(repo),
            env={**os.environ, **(wtman.extra or {}), **env, "SHELL": "/bin/sh", "PS1": "$ "},
            encoding="utf-8",
            dimensions=(40, 120),
        )
        opened.append(screen)
        screen.expect("QQ-fix-QQ: write fix.txt", timeout=60)
        screen.sendline(f"echo {_WANTED} by hand > fix-2.txt; exit")
        screen.expect(pexpect.EOF, timeout=120)
        wtman("resume", "--yes", cwd=repo, env=env)
        wtman("merge", cwd=repo, env=env)
        assert (repo / "fix-2.txt").read_text() == f"{_WANTED} by hand\n"
        wtman("clean", cwd=repo, env=env)
        assert not kit.run_git(repo, "for-each-ref", "refs/heads/wtman")
    assert_clean(repo)
