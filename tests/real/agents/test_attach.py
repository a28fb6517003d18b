"""`wtman attach` with each agent: its own screen, in the conversation, and out again."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.agents.cli import CLIS, Cli
from tests.real.agents.conftest import SignedIn
from tests.real.ledger import Asked, Part, serving, words
from tests.real.runs import assert_clean, plan_of, split
from tests.real.test_attach import shown

pytestmark = [pytest.mark.slow, pytest.mark.agents, pytest.mark.timeout(600)]


@pytest.fixture
def closing() -> Iterator[list["pexpect.spawn[str]"]]:
    opened: list[pexpect.spawn[str]] = []
    yield opened
    for one in opened:
        one.close(force=True)


@pytest.mark.parametrize("cli", [one for one in CLIS if one.leave], ids=str)
def test_its_own_screen_goes_on_and_what_it_does_is_collected(
    wtman: kit.Program,
    repo: Path,
    tmp_path: Path,
    cli: Cli,
    signed_in: SignedIn,
    closing: list["pexpect.spawn[str]"],
) -> None:
    def talks(asked: Asked) -> Turn:
        if asked.turn == 0:
            return cli.writes(asked, "talk.txt", "first")
        spoken = str(asked.body)
        if "by hand" in spoken and "talk-2.txt" not in spoken:
            return cli.writes(asked, "talk-2.txt", "by hand")
        return words(asked, "all-of-it-is-there" if "talk-2.txt" in spoken else "finished-with-it")

    with serving([Part("QQ-talk-QQ", talks)]) as ledger:
        env = signed_in(ledger.address, TERM="xterm-256color")
        plan = plan_of(tmp_path, {"talk": cli.name})
        code, told = split(wtman, repo, plan, env, "--model", cli.model, *cli.more)
        assert code == 0, told["said"]
        screen = pexpect.spawn(
            sys.executable,
            ["-m", "wtman", "attach", "talk"],
            cwd=str(repo),
            env={**os.environ, **(wtman.extra or {}), **env},
            encoding="utf-8",
            codec_errors="replace",
            dimensions=(40, 120),
        )
        closing.append(screen)
        # What was said before is on it: the conversation goes on.
        shown(screen, "finished-with-it", 120 + 2 * cli.patience)
        time.sleep(2)  # the field for words may come after it
        screen.send("go on by hand")
        time.sleep(1)  # pasted at once, the return would be a part of it
        screen.send("\r")
        shown(screen, "all-of-it-is-there", 120 + cli.patience)
        for key in cli.leave:
            screen.send(key)
            time.sleep(0.5)
        shown(screen, "attempt2:2files,+2-0")
        screen.expect(pexpect.EOF, timeout=60)
    branch = kit.run_git(repo, "branch", "--list", "wtman/*", "--format=%(refname:short)")
    assert kit.run_git(repo, "show", f"{branch}:talk-2.txt") == "by hand"
    assert_clean(repo)
