"""Checks that name programs by their paths, and checks in a folder, in real checkouts."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checks.test_perform import World
from tests.kit import run_git
from tests.sandbox.conftest import tier
from wtman.checks import perform
from wtman.checks.actions import CheckBase
from wtman.checks.judge import Judged, judge
from wtman.execution.spawn import install_child_watcher
from wtman.journal.events import BaseChecked
from wtman.journal.state import State
from wtman.model.check import Verdict
from wtman.model.settings import Settings
from wtman.sandbox import choice

__all__ = ["tier"]

FILES = {
    "packages/my app/test.sh": "test -f main.txt\n",
    "packages/my app/main.txt": "1\n",
    "uv.lock": "",
    "moved": "#!/no/such/python -I\n",
    "windows": "#!/bin/sh\r\n",
    "by_env": "#!/usr/bin/env no-such-program\n",
}


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    install_child_watcher()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    repo = make_repo(FILES)
    trees = str(repo.parent / "trees")
    return World(repo, tmp_path, Settings(grace=1, worktrees=trees, sandbox="none"))


def program(path: Path, text: str = "echo here\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def judged(world: World, tier: str, *commands: str, given: bool = True) -> Judged:
    async def go() -> Judged:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            words = commands if given else ()
            return await judge(
                ctx, world.settings, commands, world.head(), None, stem="t", given=words
            )

    return asyncio.run(go())


def test_words_of_the_user_show_a_program_and_a_models_do_not(world: World, tier: str) -> None:
    """With one and the same text, so that no kept result of the one serves the other."""
    home = Path(os.environ["HOME"])
    program(home / "work/venv/bin/tool", 'cat "$(dirname "$0")/../lib/data"\n')
    (home / "work/venv/lib").mkdir()
    (home / "work/venv/lib/data").write_text("data\n")
    (home / "work/notes").write_text("SECRET\n")
    for text in ("~/work/venv/bin/tool", f"A=b timeout 60 sh -c '{home}/work/venv/bin/tool'"):
        assert judged(world, tier, text, given=False).verdict is Verdict.RED
        assert judged(world, tier, text).verdict is Verdict.GREEN
        assert judged(world, tier, text, given=False).verdict is Verdict.RED
    assert judged(world, tier, f"cat {home}/work/notes ~/work/notes").verdict is Verdict.RED


def test_a_check_runs_in_its_folder(world: World) -> None:
    checks = ('in "packages/my app": sh test.sh', "sh 'packages/my app/test.sh' || exit 7")
    here, root = judged(world, "none", *checks).results
    assert (here.verdict, root.exit) == (Verdict.GREEN, 7)
    run_git(world.repo, "rm", "-rq", "packages")
    world.commit({"x": "x\n"})
    assert judged(world, "none", checks[0]).results[0].reason == (
        "there is no folder packages/my app to run it in"
    )
    (world.repo / "packages").mkdir()
    (world.repo / "packages/my app").symlink_to("/etc")
    run_git(world.repo, "add", "-A")
    run_git(world.repo, "commit", "-qm", "link")
    assert judged(world, "none", 'in "packages/my app": true').verdict is Verdict.RED


def test_a_base_without_the_folder_is_told(world: World) -> None:
    checked = world.base("in none/such: true")
    assert checked.problem == (
        "check `in none/such: true` cannot run on the base: "
        "there is no folder none/such to run it in"
    )
    assert checked.hint.startswith("commit none/such first")


@pytest.mark.parametrize(
    ("check", "reason", "hint"),
    [
        (
            ".venv/bin/pytest -q",
            ".venv/bin/pytest is not in git, so checkouts do not have it",
            'in wtman.toml: symlink = [".venv"]',
        ),
        (
            ". .venv/bin/activate && pytest",
            ".venv/bin/activate is not in git, so checkouts do not have it",
            'in wtman.toml: symlink = [".venv"]',
        ),
        (
            "./local.sh | cat",
            None,
            "",
        ),
        (
            "sh -e local.sh",
            "local.sh is not in git, so checkouts do not have it",
            'commit local.sh, or in wtman.toml: copy = ["local.sh"]',
        ),
        (
            "sh test.sh",
            "test.sh is not in git, so checkouts do not have it",
            "it is in packages/my app: add -C 'packages/my app', or in wtman.toml: "
            'check = [{run = "sh test.sh", in = "packages/my app"}]',
        ),
        (
            "true && no-such-program x",
            "no-such-program is not installed or not on PATH",
            "install it, activate its environment before you start wtman, or name it by its path",
        ),
        ("/no/such/tool", "there is no /no/such/tool on this machine", "correct the path"),
        (
            "in packages: ../.venv/bin/pytest",
            ".venv/bin/pytest is not in git, so checkouts do not have it",
            'in wtman.toml: symlink = [".venv"]',
        ),
        (
            "'packages/my app/test.sh'",
            "packages/my app/test.sh is not executable in git",
            "git update-index --chmod=+x 'packages/my app/test.sh' and commit that",
        ),
        (
            "cd build && ./run",
            "build is not in git, so checkouts do not have it",
            'in wtman.toml: symlink = ["build"]',
        ),
        (
            "./moved",
            "the first line of moved: there is no /no/such/python on this machine",
            "install it, or correct the path",
        ),
        (
            "./windows",
            "the first line of windows ends as on Windows (CR LF), so nothing can run it",
            "echo '/windows text eol=lf' >> .gitattributes && git add --renormalize ."
            " and commit that",
        ),
        (
            "./by_env",
            "no-such-program is not installed or not on PATH",
            "install it, activate its environment before you start wtman, or name it by its path",
        ),
    ],
)
def test_why_a_check_cannot_run(world: World, check: str, reason: str | None, hint: str) -> None:
    """uv.lock is there and uv is not: what cannot be typed is not advised."""
    program(world.repo / ".venv/bin/activate")
    program(world.repo / "local.sh")
    program(world.repo / "build/run")
    found = replace(world, environ={"PATH": "/usr/bin:/bin"}).base(check)
    if reason is None:
        assert found.problem == ""
        return
    assert found.problem.splitlines()[0] == f"check `{check}` cannot run: {reason}"
    assert found.hint == hint


def test_a_package_that_the_base_lacks_is_named_with_the_way_to_have_it(world: World) -> None:
    found = world.base("python3 -c 'import no_such_library'")
    assert found.problem.splitlines()[0] == (
        "check `python3 -c 'import no_such_library'` cannot run: "
        "no_such_library is not installed where checks run"
    )
    assert found.hint == (
        'install it in setup: setup = ["COMMAND"] in wtman.toml (then: wtman trust)'
    )


def test_output_is_shown_as_lines_without_controls(world: World) -> None:
    found = world.base("printf 'one\\ttwo\\033[31m\\n\\nthree\\a\\n'; exit 1")
    assert found.problem.splitlines() == [
        "check `printf '…'; exit 1` fails on the base: exit status 1",
        "one two",
        "three",
    ]


def test_a_program_that_is_only_called_like_a_runner(world: World) -> None:
    """It is judged by its end where the base shows it; one that forgets its results is not."""
    program(world.repo / "pytest", "test ! -e broken\n")
    run_git(world.repo, "add", "-A")
    base = world.commit({"a": "a\n"})
    checked = world.base("./pytest -q")
    assert checked.problem == ""
    assert checked.warnings[0] == (
        "check `./pytest -q` writes no test results: its exit status counts"
    )
    good = world.judge("./pytest -q", now=world.commit({"b": "b\n"}), against=base)
    bad = world.judge("./pytest -q", now=world.commit({"broken": "b\n"}), against=base)
    assert (good.verdict, bad.verdict) == (Verdict.GREEN, Verdict.RED)
    run_git(world.repo, "rm", "-q", "broken")
    report = '<testsuites><testsuite><testcase classname="t" name="a"/></testsuite></testsuites>'
    writes = f"echo '{report}' > \"${{2#--junitxml=}}\"\n"
    program(world.repo / "pytest", writes.replace("$2", "$1").replace("{2#", "{1#"))
    run_git(world.repo, "add", "-A")
    base = world.commit({"c": "c\n"})
    program(world.repo / "pytest", "true\n")
    run_git(world.repo, "add", "-A")
    silent = world.judge("./pytest -q", now=world.commit({"d": "d\n"}), against=base)
    assert silent.results[0].reason == "the check wrote no result file"


def test_what_only_the_look_at_the_base_can_see_is_no_pass(world: World, tier: str) -> None:
    """The import probe is shown the main checkout; a branch would be blamed for the rest."""
    base = world.commit({"shop/__init__.py": "A = 1\n"})
    there = f"{world.repo}/shop"

    async def go() -> BaseChecked:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            settings = replace(world.settings, check=(f"cat {there}/__init__.py",))
            state = State(run=ctx.run, base=base, settings=settings)
            (event,) = await perform.perform(ctx, state, CheckBase(base))
            assert isinstance(event, BaseChecked)
            return event

    checked = asyncio.run(go())
    assert "is in your own checkout, and checks run in checkouts of their own" in checked.problem
    assert checked.hint == "name it from where the check runs: --check 'cat ./shop/__init__.py'"
