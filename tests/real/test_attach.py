"""`wtman attach` with the real agents: their own screens, in the conversation, and out again."""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import Asked, Part, serving, words, writes
from tests.real.runs import assert_clean, plan_of, split, surroundings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_CODES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\s+")


# One too many would be for wtman itself.
_OUT = {"claude": "\x03\x03", "codex": "\x03"}


def talks(asked: Asked) -> Turn:
    if asked.turn == 0:
        return writes(asked, "talk.txt", "first")
    spoken = str(asked.body)
    if "by hand" in spoken and "talk-2.txt" not in spoken:
        return writes(asked, "talk-2.txt", "by hand")
    return words(asked, "all-of-it-is-there" if "talk-2.txt" in spoken else "finished-with-it")


@pytest.fixture
def closing() -> Iterator[list["pexpect.spawn[str]"]]:
    opened: list[pexpect.spawn[str]] = []
    yield opened
    for one in opened:
        one.close(force=True)


def shown(screen: "pexpect.spawn[str]", word: str, patience: float = 60) -> str:
    """Read until the word is on the screen, however it is painted there."""
    until = time.monotonic() + patience
    seen: str = ""
    while time.monotonic() < until:
        try:
            seen += screen.read_nonblocking(1 << 16, timeout=1)
        except pexpect.TIMEOUT:
            continue
        except pexpect.EOF:
            break
        if word in _CODES.sub("", seen):
            return seen
    raise AssertionError(f"no {word!r} in: {_CODES.sub('', seen)[-3000:]}")


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_its_own_screen_asks_nothing_first_and_what_it_does_is_collected(
    wtman: kit.Program,
    repo: Path,
    tmp_path: Path,
    installed: Path,
    agent: str,
    closing: list["pexpect.spawn[str]"],
) -> None:
    with serving([Part("QQ-talk-QQ", talks)]) as ledger:
        env = surroundings(installed, ledger.address, TERM="xterm-256color")
        code, told = split(wtman, repo, plan_of(tmp_path, {"talk": agent}), env)
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
        shown(screen, "finished-with-it")
        screen.send("go on by hand")
        time.sleep(1)  # pasted at once, the return would be a part of it
        screen.send("\r")
        shown(screen, "all-of-it-is-there")
        time.sleep(2)  # before its turn is over the first key would only stop that
        for key in _OUT[agent]:
            screen.send(key)
            time.sleep(0.5)
        shown(screen, "attempt2:2files,+2-0")
        screen.expect(pexpect.EOF, timeout=60)
    branch = kit.run_git(repo, "branch", "--list", "wtman/*", "--format=%(refname:short)")
    assert kit.run_git(repo, "show", f"{branch}:talk-2.txt") == "by hand"
    assert_clean(repo)
