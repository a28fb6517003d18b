"""What the words of the user show of the machine, and what they never do."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import run_git
from wtman.git.discovery import discover
from wtman.provision.programs import NamedPrograms, link_programs, named_programs

Shown = Callable[..., NamedPrograms]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def repo(make_repo: Callable[..., Path]) -> Path:
    return make_repo({"scripts/run.sh": "true\n"})


@pytest.fixture
def shown(user: Path, repo: Path) -> Shown:
    def ask(text: str) -> NamedPrograms:
        text = text.replace("REPO", str(repo))
        return named_programs(discover(str(repo)), {"HOME": str(user), "PATH": "/bin"}, (text,))

    return ask


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def venv(folder: Path, base: Path) -> Path:
    """What `python -m venv` makes: a link to the base interpreter and where that is."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(base)
    (folder / "bin/activate").write_text("true\n")
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return folder


@pytest.fixture
def uv(user: Path) -> Path:
    """An interpreter as uv installs it."""
    python = program(user / ".local/share/uv/python/cpython-3.12/bin/python3.12")
    (python.parent.parent / "lib").mkdir()
    return python


@pytest.mark.parametrize(
    "text",
    [
        "~/v/bin/python -m x",
        "A=b nice ~/v/bin/python -m x",
        ". ~/v/bin/activate && python x",
        "UV_PROJECT_ENVIRONMENT=~/v uv run x",
        "sh -c '$HOME/v/bin/python x'",
    ],
)
def test_an_environment_comes_with_its_base(user: Path, uv: Path, shown: Shown, text: str) -> None:
    made = venv(user / "v", uv)
    found = shown(text)
    assert {str(made), str(uv.parent.parent)} <= set(found.read)
    assert str(user) not in found.read
    assert found.links == (("v", str(made)),)


def test_a_private_home_leads_there_and_keeps_what_it_has(
    user: Path, uv: Path, shown: Shown, tmp_path: Path
) -> None:
    made = venv(user / "work/venv", uv)
    home = tmp_path / "private"
    (home / "work").mkdir(parents=True)
    link_programs(str(home), shown("~/work/venv/bin/python"))
    assert os.readlink(home / "work/venv") == str(made)
    (home / "own").write_text("kept")
    link_programs(str(home), NamedPrograms((), (("own", "/etc"), ("work/venv", "/etc"))))
    assert (home / "own").read_text() == "kept"
    assert os.readlink(home / "work/venv") == str(made)


def test_only_programs_are_shown(user: Path, shown: Shown) -> None:
    (user / "notes.txt").write_text("x")
    (user / "data/bin").mkdir(parents=True)
    for secret in (".ssh/id", ".netrc", ".config/gh/x", ".claude/x"):
        program(user / secret)
    (user / "link").symlink_to(user / ".ssh/id")
    for text in (
        "cat ~/notes.txt",
        "ls ~/data ~ /",
        "cd ~ && ls",
        "~/.ssh/id; ~/.netrc; sh ~/.config/gh/x; . ~/.claude/x",
        "~/link",
        "PATH=~/.ssh:~:/:$PATH x",
        "~/none",
    ):
        assert shown(text) == NamedPrograms(), text
    tool = program(user / "tools/lint.sh")
    assert shown("~/tools/lint.sh").read == (str(tool),)
    assert shown("PATH=~/tools x").read == (str(tool.parent), str(tool))


def test_of_the_users_own_checkouts_only_environments(repo: Path, uv: Path, shown: Shown) -> None:
    assert shown("sh REPO/scripts/run.sh; PATH=REPO/scripts x; REPO/.git/hooks/x").read == ()
    venv(repo / ".venv", uv)
    program(repo / "node_modules/.bin/jest")
    assert str(repo / ".venv") in shown("REPO/.venv/bin/python").read
    assert shown("REPO/node_modules/.bin/jest").read == (str(repo / "node_modules"),)
    run_git(repo, "worktree", "add", "-q", "../other")
    assert shown("sh REPO/../other/scripts/run.sh").read == ()


def test_one_link_leads_to_all_of_a_folder(user: Path, shown: Shown, tmp_path: Path) -> None:
    """Whatever order its programs are named in, and what a link leads to is never taken apart."""
    program(user / ".local/share/x/bin/x")
    program(user / ".local/bin/y")
    (user / ".local/bin/x").symlink_to("../share/x/bin/x")
    found = shown("~/.local/bin/x && ~/.local/bin/y")
    assert found.links == ((".local/bin", str(user / ".local/bin")),)
    home = tmp_path / "private"
    home.mkdir()
    link_programs(str(home), found)
    link_programs(str(home), shown("~/.local/bin/x"))
    assert os.readlink(home / ".local/bin") == str(user / ".local/bin")
    assert sorted(os.listdir(home / ".local")) == ["bin"]
