"""Streams that the caller closed, that are full, and that nobody reads any more."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Shell = Callable[[str], "tuple[int, str]"]


@pytest.fixture
def shell(wtman: kit.Program, repo: Path) -> Shell:
    """Run a line of shell in the repository, with `wtman` in it; status, and both outputs."""

    def run(line: str) -> tuple[int, str]:
        define = f'wtman() {{ {shlex.join(wtman.argv)} "$@"; }}'
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {define}; {line}"],
            cwd=repo,
            env={**os.environ, **(wtman.extra or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_a_closed_stream_is_the_null_device(shell: Shell, repo: Path) -> None:
    nobody = "--agent command:true --yes"
    empty = "wtman: the request on stdin is empty\n  hint: pipe it in, or type it in place of -\n"
    assert shell(f"wtman split - {nobody} <&-") == (2, empty)
    assert shell("wtman doctor --json >&- 2>&-")[1] == ""
    assert shell("wtman --version <&- >&- 2>&-") == (0, "")
    assert shell("wtman nonsense 2>&-") == (2, "")
    split = "wtman split x --task 'a: do' --agent 'command:touch a' --check true --reviewers 0 -y"
    assert shell(f"{split} <&- >&- 2>&-") == (0, "")
    assert re.search("✓ a +verified", shell("wtman status")[1])
    assert kit.run_git(repo, "status", "--porcelain") == ""


@pytest.mark.slow
def test_what_cannot_be_written_is_told_once_and_ends_no_run(shell: Shell) -> None:
    lost = "wtman: the output is incomplete: No space left on device\n"
    lost += "  hint: make room there, then try again\n"
    assert shell("wtman --version > /dev/full") == (3, lost)
    assert shell("wtman nonsense 2> /dev/full") == (2, "")
    split = "wtman split x --task 'a: do' --agent 'command:touch a' --check true --reviewers 0 -y"
    assert shell(f"{split} > /dev/full") == (3, lost)
    assert re.search("✓ a +verified", shell("wtman status")[1])
    for words in ("status", "diff", "logs a", "report"):
        assert shell(f"wtman {words} > /dev/full") == (3, lost), words


@pytest.mark.slow
def test_a_reader_that_leaves_ends_what_only_prints_and_no_run(shell: Shell) -> None:
    split = "wtman split x --task 'a: do' --agent 'command:touch a' --check true --reviewers 0 -y"
    status, told = shell(f"{split} | head -n 1")
    assert (status, len(told.splitlines())) == (0, 1)
    for words in ("status", "report", "logs a", "diff", "help configuration"):
        assert shell(f"wtman {words} | head -c 1")[0] == 0, words
        assert len(shell(f"wtman {words} | head -c 1")[1]) == 1, words


def test_a_request_on_stdin_is_bounded(shell: Shell) -> None:
    begin = "wtman: cannot read the request from stdin: "
    for source, why in {
        "< /dev/zero": begin + "larger than 1 MiB\n",
        r"<<< $'\xff'": "wtman: the request on stdin is not valid UTF-8\n",
    }.items():
        assert shell(f"wtman plan - --agent command:true {source}") == (2, why), source


@pytest.mark.slow
def test_a_removed_folder_is_named(shell: Shell, repo: Path) -> None:
    gone = "mkdir gone && cd gone && rmdir ../gone && "
    told = "wtman: the folder that you are in was removed\n"
    told += "  hint: go to one that exists, or name one: -C DIR\n"
    for words in ("status", "clean", "split x --task 'a: b' --agent command:true"):
        assert shell(f"{gone} wtman {words}") == (3, told), words
    assert "was removed" in shell(f"{gone} wtman doctor")[1]
    assert shell(f"{gone} wtman -C {repo} doctor")[1].startswith("ok       wtman")
    assert shell(f"{gone} wtman -C {repo} trust") == (0, "nothing to approve\n")


def test_stdout_that_does_not_wait_gets_all_of_it(repo: Path, wtman: kit.Program) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    filled = os.write(theirs, b"x" * (1 << 20))
    program = [*wtman.argv, "help", "configuration"]
    env = {**os.environ, **(wtman.extra or {})}
    writer = subprocess.Popen(program, cwd=repo, env=env, stdout=theirs)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        said = pipe.read()[filled:].decode()
    assert writer.wait() == 0
    assert said == (kit.ROOT / "wtman/manual/configuration.md").read_text()
