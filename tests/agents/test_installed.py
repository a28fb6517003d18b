"""Which agents are here, read off a made-up machine: programs on PATH, variables, files."""

import os
import time
from pathlib import Path

import pytest

from tests.kit import write_files
from wtman.agents import installed, load
from wtman.errors import ExternalError, MissingError
from wtman.execution.spawn import answer_of


class Machine:
    """A PATH and a HOME with nothing in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": str(folder / "bin"), "HOME": str(folder / "home")}
        for name in ("bin", "home"):
            (folder / name).mkdir()

    def program(self, name: str, body: str = "echo 1.2.3") -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def file(self, path: str) -> None:
        write_files(self.folder / "home", {path: "{}"})

    def seen(self) -> list[tuple[str, bool | None, str]]:
        here = installed.found(self.environ)
        return [(one.name, one.signed_in, one.how) for one in here]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_empty_machine_has_no_agent_but_ours(machine: Machine) -> None:
    assert machine.seen() == [("api", False, "")]
    assert installed.first_agent(machine.environ) == ""
    said = installed.no_agent(machine.environ)
    assert (said.status, "no coding agent" in str(said)) == (3, True)
    for way in ("claude-code", "@openai/codex", "ANTHROPIC_API_KEY", "command:", "wtman demo"):
        assert way in said.hint


def test_a_program_without_a_sign_in_is_no_default(machine: Machine) -> None:
    machine.program("codex")
    assert machine.seen() == [("codex", False, ""), ("api", False, "")]
    said = installed.no_agent(machine.environ)
    assert "codex is not signed in" in str(said) and "codex login" in said.hint
    installed.require_installed("codex", machine.environ)
    with pytest.raises(MissingError, match="no claude on PATH") as missing:
        installed.require_installed("claude", machine.environ)
    assert "npm install" in missing.value.hint


def test_the_first_that_is_signed_in_plays(machine: Machine) -> None:
    machine.program("claude")
    machine.program("codex")
    machine.file(".codex/config.toml")
    assert machine.seen()[1] == ("codex", None, "~/.codex/config.toml")
    assert installed.first_agent(machine.environ) == "codex", "better than nobody"
    machine.environ["ANTHROPIC_API_KEY"] = "k"
    assert machine.seen()[0] == ("claude", True, "ANTHROPIC_API_KEY")
    assert installed.first_agent(machine.environ) == "claude"
    (machine.folder / "bin/claude").unlink()
    assert installed.first_agent(machine.environ) == "api", "a key is surer than a file"
    machine.file(".codex/auth.json")
    assert machine.seen()[0] == ("codex", True, "~/.codex/auth.json")
    assert installed.first_agent(machine.environ) == "codex"
    machine.program("claude")
    del machine.environ["ANTHROPIC_API_KEY"]
    machine.file(".claude/.credentials.json")
    assert machine.seen()[0] == ("claude", True, "~/.claude/.credentials.json")


def test_versions_are_what_programs_say(machine: Machine) -> None:
    for body, said in (
        ("echo '2.1.330 (Claude Code)'; echo more", "2.1.330 (Claude Code)"),
        ("echo boom >&2; exit 3", "exit status 3: boom"),
        ("exit 0", "it says nothing"),
    ):
        machine.program("claude", body)
        assert installed.version(installed.found(machine.environ)[0]) == said


def test_a_program_that_gives_no_answer_is_left_with_all_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begin = time.monotonic()
    with pytest.raises(ExternalError, match="no answer within 0.5 s"):
        answer_of(("sh", "-c", f"sleep 60 & echo $! > {pid}; wait"), "/", timeout=0.5)
    assert time.monotonic() - begin < 20
    child = int(pid.read_text())
    for _ in range(200):
        if not os.path.exists(f"/proc/{child}") or _state(child) in "ZX":
            return
        time.sleep(0.02)
    raise AssertionError("it lives on")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


def test_those_that_are_looked_for_have_the_names_of_their_programs() -> None:
    programs = [load.load(name).needs.program for name in installed.PREFERRED]
    assert programs == list(installed.PREFERRED)
