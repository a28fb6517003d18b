"""TAB in the real shells, and what each place of the command line gets."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from tests import kit

Built = Callable[..., str]
START = {
    "bash": ("bash --norc --noprofile -i", 'eval "$(wtman completion bash)"'),
    "zsh": ("zsh -f -i", 'autoload -Uz compinit; compinit -u; eval "$(wtman completion zsh)"'),
    "fish": ("fish --no-config -i", "wtman completion fish | source"),
}


def offered(wtman: kit.Program, repo: Path, *words: str) -> list[str]:
    """The candidates for the last word, each with what it is, as for fish."""
    done = wtman("__complete", "fish", *words, cwd=repo)
    assert done.err == ""
    return done.out.splitlines()[1:]


class Shell:
    """A shell on a screen, with this wtman on PATH and its completion loaded."""

    def __init__(self, name: str, repo: Path, bin_folder: Path) -> None:
        import os

        command, load = START[name]
        env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "TERM": "xterm"}
        env |= {"PS1": "$ ", "HOME": str(bin_folder)}
        self._screen = pyte.Screen(100, 60)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            command, cwd=str(repo), env=env, dimensions=(60, 100), encoding="utf-8", timeout=60
        )
        self.child.sendline(f"{load}; echo lo''aded")
        self.until("loaded\n")

    def tab(self, line: str, wanted: str) -> str:
        """Type the line and TAB, again where it first only beeps; the screen with `wanted`."""
        self.child.send(f"{line}\t")
        until = time.monotonic() + 5
        while time.monotonic() < until and not re.search(wanted, self._shown()):
            self._feed(0.2)
        if not re.search(wanted, self._shown()):
            self.child.send("\t")
        return self.until(wanted)

    def until(self, pattern: str) -> str:
        """The screen as soon as it shows the pattern."""
        until = time.monotonic() + 60
        while not re.search(pattern, self._shown()):
            assert time.monotonic() < until, f"no {pattern!r} on the screen:\n{self._shown()}"
            self._feed(0.5)
        return self._shown()

    def _feed(self, patience: float) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(4096, timeout=patience))
        except pexpect.TIMEOUT:
            return

    def _shown(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip() + "\n"


@pytest.fixture
def shell(repo: Path, tmp_path: Path) -> Iterator[Callable[[str], Shell]]:
    folder = tmp_path / "bin"
    for name in ("wtman", "git-wtman"):
        kit.write_files(folder, {name: f'#!/bin/sh\nexec {sys.executable} -m wtman "$@"\n'})
    opened: list[Shell] = []

    def start(name: str) -> Shell:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        opened.append(Shell(name, repo, folder))
        return opened[-1]

    yield start
    for item in opened:
        item.child.close(force=True)


@pytest.mark.parametrize("name", START)
def test_a_shell_completes_commands_runs_and_tasks(
    shell: Callable[[str], Shell], built: Built, name: str
) -> None:
    run = built("core", "bad", code=1)
    sh = shell(name)
    sh.tab("wtman doct", r"wtman doctor\b")
    sh.child.send("\x15")
    sh.tab("wtman status o", rf"wtman status {run}")
    sh.child.send("\x15")
    shown = sh.tab("wtman logs ", r"(?s)\bbad\b.*\bcore\b|\bcore\b.*\bbad\b")
    if name != "bash":  # which shows no descriptions
        assert re.search(r"failed", shown) and re.search(r"verified", shown)
    sh.child.send("\x15")
    sh.tab("wtman split --role review", r"--role reviewer=")
    sh.child.send("cl")
    sh.tab("", r"--role reviewer=claude\b")


def test_each_place_gets_what_fits(wtman: kit.Program, repo: Path, built: Built) -> None:
    run = built("core", "docs", "bad", code=1)

    def words(*typed: str) -> list[str]:
        return [line.partition("\t")[0] for line in offered(wtman, repo, *typed)]

    assert words("st") == ["status", "stop"]
    assert words("-C", str(repo), "diff", "co") == ["core"]
    assert offered(wtman, repo, "retry", "b") == ["bad\tfailed"]
    assert words("logs", f"{run}/") == [f"{run}/{task}" for task in ("core", "docs", "bad")]
    assert words("diff", run[:5]) == [*(f"{run}/{it}" for it in ("core", "docs", "bad")), run]
    assert words("merge", "--only", "d") == ["docs"]
    assert words("merge", "--into", "ma") == words("merge", "--branches", "x", "ma") == ["main"]
    assert words("split", "--agent", "c") == ["claude", "codex", "command:", "copilot"]
    assert words("split", "--agent=co") == ["--agent=codex", "--agent=command:", "--agent=copilot"]
    assert words("split", "--role", "reviewer=cl") == ["reviewer=claude"]
    assert words("split", "--effort", "m") == ["medium", "max"]
    assert "--budget-usd" in words("split", "--bud")
    assert "--json" not in words("status", "--json", "--")
    assert words("run", "por") == ["port"]
    assert "status-schema" in words("help", "sta")
    assert words("completion", "") == ["bash", "zsh", "fish"]
    assert words("retry", "-m", "") == []


def test_bash_gets_words_that_it_may_put_on_the_line(wtman: kit.Program, repo: Path) -> None:
    kit.run_git(repo, "branch", "a$(touch${IFS}oops)")
    line = "wtman merge --branches a"
    assert wtman("__complete", "bash", line, cwd=repo).out.splitlines()[1:] == [
        "'a$(touch${IFS}oops)' "
    ]
    role = "git wtman split --role reviewer=cl"
    assert wtman("__complete", "bash", role, cwd=repo).out.splitlines()[1:] == ["claude "]


def test_a_title_of_a_task_moves_no_terminal(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[[task]]\nid = "a"\ntitle = "x\\u001b[2Jy"\nprompt = "z"\n')
    words = ("--agent", "command:true", "--check", "true", "--json", "--yes")
    wtman("split", "--plan", plan, *words, cwd=repo, check_status=None)
    told = wtman("__complete", "zsh", "logs", "", cwd=repo).out
    assert "a\t" in told and "\x1b" not in told


@pytest.mark.parametrize("trouble", ["no repository", "no run", "broken journal", "nonsense"])
def test_it_is_silent_where_there_is_nothing(
    wtman: kit.Program, repo: Path, tmp_path: Path, built: Built, trouble: str
) -> None:
    place = tmp_path if trouble == "no repository" else repo
    if trouble == "broken journal":
        built("core")
        (repo / ".git/wtman/state.db").write_bytes(b"no database" * 1000)
    calls = [["zsh", "logs", ""], ["fish", "status", ""], ["bash", "wtman logs "]]
    calls += [[], ["zsh"], ["bash", "wtman 'x \\"]] if trouble == "nonsense" else []
    for call in calls:
        done = wtman("__complete", *call, cwd=place)
        assert (done.err, done.out.splitlines()[1:]) == ("", []), call


@pytest.mark.parametrize("name", START)
def test_install_writes_what_the_shell_looks_for(
    wtman: kit.Program, repo: Path, tmp_path: Path, name: str
) -> None:
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "ZDOTDIR": ""}
    told = wtman("completion", name, "--install", cwd=repo, env=env).out
    written = re.findall(r"(?m)^wrote (.*)$", told)
    assert written
    for path in written:
        assert path.startswith(str(tmp_path))
        assert Path(path).read_text() == wtman("completion", name).out
    asked = wtman("completion", "tcsh", cwd=repo, check_status=2).err
    assert "wtman completion bash|zsh|fish" in asked
