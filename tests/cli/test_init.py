"""init: proposals tried in a fresh checkout before they are written."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

PYTHON = {
    "shop.py": "def one():\n    return 1\n",
    "tests/__init__.py": "",
    "tests/test_shop.py": "import unittest\nfrom shop import one\n\n\n"
    "class T(unittest.TestCase):\n    def test_one(self):\n"
    "        self.assertEqual(one(), 1)\n",
}
RED = {**PYTHON, "shop.py": "raise OSError('nothing is sold here')\n"}


def config(repo: Path) -> dict[str, object]:
    return tomllib.loads((repo / "wtman.toml").read_text())


@pytest.mark.slow
def test_what_passed_is_written_and_what_did_not_is_a_comment(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    good, bad = make_repo(PYTHON), make_repo(RED, name="bad")
    told = wtman("init", "--yes", "--json", cwd=good).json()
    assert (told["tried"], told["written"]) == (True, True)
    assert told["check"] == ["python3 -m unittest -q"] == config(good)["check"]
    (part,) = told["parts"]
    assert (part["state"], part["attempts"][0]["tests"]) == ("passed", 1)
    assert "tried in a fresh checkout: 1 test passed in" in told["text"]
    # Unseen is not approved.
    assert "1 command not approved" in wtman("trust", cwd=good, check_status=3).err
    out = wtman("init", "--yes", cwd=bad, check_status=1).out
    assert "! `python3 -m unittest -q`: " in out and "not one of 1 test could run" in out
    assert "check" not in config(bad)
    assert '# check = ["python3 -m unittest -q"]' in (bad / "wtman.toml").read_text()


@pytest.mark.slow
def test_what_was_written_untried_is_tried_by_the_command_that_it_names(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    repo = make_repo(PYTHON)
    assert "not tried: it runs commands of this repository; `wtman init --yes` tries them" in (
        wtman("init", cwd=repo).out
    )
    assert "1 test passed" in wtman("init", "--yes", cwd=repo).out
    assert "tried in a fresh checkout" in (repo / "wtman.toml").read_text()
    assert "already exists" in wtman("init", "--yes", cwd=repo, check_status=2).err


def test_without_a_commit_the_next_step_makes_one_and_tries(
    wtman: kit.Program, tmp_path: Path
) -> None:
    repo = tmp_path / "new folder"
    repo.mkdir()
    kit.run_git(repo, "init", "-q")
    kit.write_files(repo, PYTHON)
    said = wtman("init", cwd=repo).out
    assert 'git commit --allow-empty -m "first commit"' in said
    assert said.endswith("first: mend that\nnext: wtman init --yes\n")


@pytest.mark.slow
def test_the_next_candidate_is_taken_where_one_fails(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    rules = "test:\n\t@echo error: no luck; exit 3\ncheck:\n\ttrue\n"
    repo = make_repo({"Makefile": rules})
    told = wtman("init", "--yes", "--json", cwd=repo).json()
    assert told["check"] == ["make check"]
    first, second = told["parts"][0]["attempts"]
    assert (first["passed"], second["passed"]) == (False, True)
    assert "no luck" in first["reason"]


@pytest.mark.slow
def test_a_yes_on_the_terminal_tries_and_approves(
    terminal: Callable[..., Terminal], wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    place = make_repo(PYTHON, name="place")
    child = terminal("init", "-C", str(place))
    child.until(r"check  python3 -m unittest -q[^$]*Try it now, in a fresh checkout\? \[Y/n\]")
    child.child.send("\r")
    child.until(r"next: wtman -C [^$]*what[^$]*you want")
    assert child.end() == 0
    assert config(place)["check"] == ["python3 -m unittest -q"]
    assert "nothing to approve" in wtman("trust", cwd=place).out


def test_a_start_without_checks_says_what_the_tests_probably_are(
    wtman: kit.Program, make_repo: Callable[..., Path], agent: str
) -> None:
    words = ("split", "x", "--task", "a: b", "--agent", agent, "--dry-run")
    said = wtman(*words, cwd=make_repo(PYTHON)).out
    assert "none: results will not be verified" in said
    assert "probably `python3 -m unittest -q`: `wtman init` tries" in " ".join(said.split())
    given = wtman(*words, "--check", "true", cwd=make_repo(PYTHON, name="given")).out
    assert "probably" not in given
