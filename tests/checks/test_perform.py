"""Checks, for real: repositories, processes, checkouts, and imports that lead astray."""

import asyncio
import contextlib
import os
import shlex
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.kit import assert_no_leftover_processes, commit_files, run_git, write_files
from wtman.checks import perform
from wtman.checks.actions import CheckBase, CheckTask
from wtman.checks.judge import Judged, judge
from wtman.context import Context
from wtman.execution.local import LocalExecutor
from wtman.execution.spawn import install_child_watcher
from wtman.git import control_dir
from wtman.git.checkouts.pool import Checkouts
from wtman.git.discovery import discover
from wtman.journal.events import BaseChecked, Checked
from wtman.journal.state import State, TaskView
from wtman.journal.store import Store
from wtman.model.check import Verdict
from wtman.model.ids import RunId, Sha, TaskId
from wtman.model.plan import Task
from wtman.model.settings import Settings
from wtman.provision.ports import check_port, port_of
from wtman.sandbox import choice

GREEN, RED, UNCHECKED = Verdict.GREEN, Verdict.RED, Verdict.UNCHECKED
PYTHON = shlex.quote(sys.executable)
PYTEST = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"
UNITTEST = f"{PYTHON} -m unittest -q"

SHOP = {
    ".gitignore": "*.pyc\n__pycache__/\n.env\n*.local\nleft/\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "test_shop.py": textwrap.dedent(
        """\
        import unittest
        import shop

        class TestShop(unittest.TestCase):
            def test_total(self):
                self.assertEqual(shop.total([1, 2]), 3)

            def test_known(self):
                self.assertEqual(shop.total([]), 0)
        """
    ),
}


@dataclass
class World:
    """A repository and what a coordinator would hold; `ctx()` is one coordinator's life."""

    repo: Path
    tmp: Path
    settings: Settings
    environ: dict[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def ctx(self) -> AsyncIterator[Context]:
        here = discover(str(self.repo))
        loop = asyncio.get_running_loop()
        with (
            ThreadPoolExecutor(2) as pool,
            Store.open(here.wtman_dir) as store,
        ):

            def in_pool(function: Callable[..., object], /, *args: object) -> Awaitable[object]:
                return loop.run_in_executor(pool, lambda: function(*args))

            async with LocalExecutor() as executor:
                yield Context(
                    run=RunId("run-1"),
                    folder=os.path.join(here.wtman_dir, "runs", "run-1"),
                    repo=here,
                    control=await in_pool(control_dir.prepare, here),
                    store=store,
                    executor=executor,
                    sandbox=choice.load("none"),
                    agent=None,
                    git=in_pool,
                    clock=lambda: 0.0,
                    environ={**os.environ, **self.environ},
                    activity=lambda task, text: None,
                    checkouts=Checkouts(self.settings.check_jobs),
                )

    def set(self, **changes: object) -> "World":
        return replace(self, settings=replace(self.settings, **changes))

    def head(self) -> Sha:
        return Sha(run_git(self.repo, "rev-parse", "HEAD"))

    def commit(self, files: dict[str, str]) -> Sha:
        return Sha(commit_files(self.repo, files))

    def judge(self, *commands: str, now: Sha, against: Sha | None = None) -> Judged:
        async def go() -> Judged:
            async with self.ctx() as ctx:
                return await judge(ctx, self.settings, commands, now, against, stem="t")

        return asyncio.run(go())

    def base(self, *commands: str, at: Sha | None = None) -> BaseChecked:
        settings = replace(self.settings, check=commands)
        commit = at or self.head()

        async def go() -> BaseChecked:
            async with self.ctx() as ctx:
                state = State(run=ctx.run, base=commit, settings=settings)
                (event,) = await perform.perform(ctx, state, CheckBase(commit))
                assert isinstance(event, BaseChecked)
                return event

        return asyncio.run(go())

    def log(self, path: str) -> str:
        return (self.repo / ".git/wtman/runs/run-1" / path / "stdout").read_text()


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path) -> World:
    install_child_watcher()
    yield World(
        make_repo(SHOP),
        tmp_path,
        Settings(check_jobs=2, check_timeout=60, grace=1, worktrees=str(tmp_path / "trees")),
    )
    assert_no_leftover_processes(tmp_path)


def counted(world: World, command: str = "true") -> tuple[str, Callable[[], int]]:
    """A command that leaves a mark outside at every run, and how often it ran."""
    marks = world.tmp / "marks"
    return (
        f"echo ran >> {marks}; {command}",
        lambda: len(marks.read_text().splitlines()) if marks.exists() else 0,
    )


# --- the difference -----------------------------------------------------------------------------


def test_green_and_red_by_exit_status(world: World):
    plain = f"{UNITTEST} || exit 1"  # in a shell's hands it keeps its results to itself
    base = world.head()
    bad = world.commit({"shop.py": "def total(prices):\n    return 4\n"})
    good = world.commit({"shop.py": SHOP["shop.py"] + "# fine\n"})
    assert world.judge(plain, now=good, against=base).verdict is GREEN
    judged = world.judge(plain, now=bad, against=base)
    assert judged.verdict is RED
    assert judged.results[0].reason == "exit status 1"
    assert "4 != 3" in judged.evidence
    assert judged.evidence.startswith(f"$ {plain}\n")
    assert judged.results[0].log.startswith("checks/t-1-")


def test_no_command_is_unchecked(world: World):
    assert world.judge(now=world.head()) == Judged(UNCHECKED)


def test_several_checks_are_judged_each(world: World):
    base = world.head()
    now = world.commit({"flag": "x"})
    judged = world.judge("true", "test ! -e flag", "true", now=now, against=base)
    assert [result.verdict for result in judged.results] == [GREEN, RED]
    assert judged.verdict is RED


@pytest.mark.slow
def test_only_new_failures_count_by_tests(world: World):
    known = "\n    def test_broken(self):\n        self.fail('known')\n"
    base = world.commit({"test_shop.py": SHOP["test_shop.py"] + known})
    event = world.base(PYTEST, at=base)
    assert event.problem == ""
    assert any("1 failing test on the base" in line for line in event.warnings)
    assert event.results[0].known_failures == 1
    fine = world.commit({"shop.py": SHOP["shop.py"] + "# more\n"})
    judged = world.judge(PYTEST, now=fine, against=base)
    assert (judged.verdict, judged.results[0].known_failures) == (GREEN, 1)
    broken = world.commit({"shop.py": "def total(prices):\n    return 0\n"})
    judged = world.judge(PYTEST, now=broken, against=base)
    assert judged.verdict is RED
    assert judged.results[0].new_failures == ("test_shop.TestShop::test_total",)
    assert judged.results[0].known_failures == 1
    assert "0 != 3" in judged.evidence


def test_deleted_and_newly_skipped_tests_are_reported(world: World):
    base = world.head()
    text = SHOP["test_shop.py"].replace("    def test_known", "    def test_other")
    text = text.replace("    def test_total", "    @unittest.skip('why')\n    def test_total")
    judged = world.judge(PYTEST, now=world.commit({"test_shop.py": text}), against=base)
    (result,) = judged.results
    assert result.verdict is GREEN
    assert result.gone == ("test_shop.TestShop::test_known",)
    assert result.newly_skipped == ("test_shop.TestShop::test_total",)
    assert (result.collected, result.base_collected) == (2, 2)


def test_a_collection_error_is_red(world: World):
    base = world.head()
    now = world.commit({"test_shop.py": "import nothing_like_this\n"})
    judged = world.judge(PYTEST, now=now, against=base)
    assert judged.verdict is RED
    assert "nothing_like_this" in judged.evidence


def test_leaving_in_the_middle_is_red_whatever_the_status(world: World):
    base = world.head()
    now = world.commit({"test_a.py": "import os\ndef test_a():\n    os._exit(0)\n"})
    judged = world.judge(f"{PYTEST} --junitxml={{junit}}", now=now, against=base)
    assert judged.verdict is RED
    assert judged.results[0].reason == "the check wrote no result file"


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        ("true", "wrote no result file"),
        ("cat /dev/null > {junit}", "is empty"),
        ("echo '<testsuite><testcase' > {junit}", "not well-formed"),
        ("echo '<!DOCTYPE x><testsuite/>' > {junit}", "declares a document type"),
        ("mkfifo {junit}", "not a regular file"),
        ("ln -s /dev/zero {junit}", "cannot be read"),
        ("mkdir {junit}", "cannot be read"),
    ],
)
def test_result_files_that_are_none(world: World, write: str, reason: str):
    good = "echo '<testsuite><testcase name=\"a\"/></testsuite>' > {junit}"
    base = world.head()
    now = world.commit({"flag": "x"})
    command = f"if test -e flag; then {write}; else {good}; fi"
    judged = world.judge(command, now=now, against=base)
    assert judged.verdict is RED
    assert reason in judged.results[0].reason


def test_a_hang_is_red_with_its_own_reason_and_leaves_nothing_alive(world: World):
    base = world.head()
    now = world.commit({"flag": "x"})
    hang = "if test -e flag; then sleep 600 & sleep 601; fi"
    judged = world.set(check_timeout=1.0).judge(hang, now=now, against=base)
    assert judged.verdict is RED
    assert judged.results[0].reason == "timed out after 1 s"


def test_what_ends_otherwise_says_how(world: World):
    base = world.head()
    now = world.commit({"flag": "x"})

    def reason(command: str) -> str:
        return world.judge(command, now=now, against=None).results[0].reason

    assert reason("kill -SEGV $$") == "killed by SIGSEGV"
    assert reason("no-such-program-here") == "exit status 127 (command not found)"
    assert reason("command:no-such-program-here -x").startswith("could not be started: ")
    assert reason("command:'open").startswith("could not be started: it cannot be split")
    assert world.judge("command:test -e flag", now=now, against=base).verdict is GREEN


# --- the base -----------------------------------------------------------------------------------


def test_a_green_base(world: World):
    event = world.base(UNITTEST, "true")
    assert event.problem == ""
    assert [result.verdict for result in event.results] == [GREEN, GREEN]
    assert event.commit == world.head()


def test_no_checks_no_problem(world: World):
    assert world.base() == BaseChecked(world.head(), ())


def test_a_red_base_is_a_problem_with_its_output(world: World):
    event = world.base("echo why not; exit 3", "true", "false")
    assert "check `echo why not; exit 3` fails on the base: exit status 3" in event.problem
    assert "so does `false`" in event.problem
    assert event.problem.endswith("why not")
    assert "--allow-failing-base" in event.hint
    assert len(event.results) == 3


def test_a_red_base_that_is_allowed_leaves_branches_unchecked(world: World):
    allowed = world.set(allow_failing_base=True)
    command = "test -e mended"
    event = allowed.base(command)
    assert event.problem == ""
    assert event.results[0].verdict is UNCHECKED
    assert any("fails on the base" in line for line in event.warnings)
    base = world.head()
    for name in ("other", "mended"):
        now = world.commit({name: "x"})
        assert allowed.judge(command, now=now, against=base).verdict is UNCHECKED


def test_a_machine_that_was_mended_is_looked_at_again(world: World):
    tool = world.tmp / "tool"
    assert "fails on the base" in world.base(f"test -e {tool}").problem
    tool.touch()
    assert world.base(f"test -e {tool}").problem == ""


# --- once ---------------------------------------------------------------------------------------


def test_the_same_tree_is_checked_once(world: World):
    command, count = counted(world)
    base = world.head()
    first = world.judge(command, now=base)
    assert (first.verdict, first.results[0].cached, count()) == (GREEN, False, 1)
    run_git(world.repo, "commit", "-q", "--allow-empty", "-m", "the same tree")
    again = world.judge(command, now=world.head(), against=base)
    assert (again.verdict, again.results[0].cached, count()) == (GREEN, True, 1)
    world.judge(f"{command} ", now=base)
    assert count() == 2
    world.environ["LANG"] = "de_DE.UTF-8"
    world.judge(command, now=base)
    assert count() == 3
    world.set(setup=("true",)).judge(command, now=base)
    assert count() == 4


def test_whoever_wants_the_same_result_at_the_same_time_shares_it(world: World):
    command, count = counted(world, "false")
    base = world.head()

    async def go() -> list[Judged]:
        async with world.ctx() as ctx:
            return await asyncio.gather(
                *(judge(ctx, world.settings, (command,), base, None, stem=f"s{n}") for n in "abc")
            )

    assert [judged.verdict for judged in asyncio.run(go())] == [RED] * 3
    assert count() == 2, "one run for all three, and one more that confirms the red"


def test_a_red_is_confirmed_before_anybody_is_blamed(world: World):
    mark = world.tmp / "mark"
    flaky = f"test -e {mark} || {{ touch {mark}; exit 1; }}"
    judged = world.judge(flaky, now=world.head())
    assert judged.verdict is GREEN
    assert judged.results[0].flaky == (flaky,)
    # The verdict of the second run is the one that is kept.
    assert world.judge(flaky, now=world.head()).verdict is GREEN


def test_a_flaky_test_is_told_from_one_that_fails(world: World):
    mark = world.tmp / "mark"
    files = {
        "test_flaky.py": (
            "import os, unittest\n"
            "class Flaky(unittest.TestCase):\n"
            "    def test_once(self):\n"
            f"        there = os.path.exists({str(mark)!r})\n"
            f"        open({str(mark)!r}, 'w').close()\n"
            "        self.assertTrue(there)\n"
            "    def test_always(self):\n"
            "        self.fail()\n"
        )
    }
    base = world.head()
    judged = world.judge(UNITTEST, now=world.commit(files), against=base)
    assert judged.verdict is RED
    (result,) = judged.results
    assert [name.rpartition("::")[2] for name in result.new_failures] == ["test_always"]
    assert [name.rpartition("::")[2] for name in result.flaky] == ["test_once"]


def test_two_trees_are_checked_at_the_same_time(world: World):
    # Each waits for the other, so they pass only side by side.
    meet = world.tmp / "meet"
    meet.mkdir()
    command = (
        f"echo > {meet}/$(cat who); n=0; until test -e {meet}/one && test -e {meet}/two; "
        "do n=$((n+1)); test $n -lt 400 || exit 1; sleep 0.05; done"
    )
    one = world.commit({"who": "one"})
    two = world.commit({"who": "two"})

    async def go() -> list[Judged]:
        async with world.ctx() as ctx:
            return await asyncio.gather(
                *(judge(ctx, world.settings, (command,), at, None, stem="p") for at in (one, two))
            )

    assert [judged.verdict for judged in asyncio.run(go())] == [GREEN, GREEN]


def test_no_more_than_check_jobs_at_once(world: World):
    log = world.tmp / "log"
    commands = tuple(f"echo + >> {log}; echo - >> {log}; true {n}" for n in range(4))
    single = world.set(check_jobs=1)
    assert single.judge(*commands, now=world.head()).verdict is GREEN
    assert log.read_text().split() == ["+", "-"] * 4
    assert os.listdir(world.tmp / "trees/run-1-checks") == ["0"]


def test_a_cancelled_check_leaves_no_process_and_no_verdict(world: World):
    started = world.tmp / "started"
    command, count = counted(world, f"echo > {started}; test -e {world.tmp}/go || sleep 600")
    base = world.head()

    async def go() -> None:
        async with world.ctx() as ctx:
            task = asyncio.ensure_future(
                judge(ctx, world.settings, (command,), base, None, stem="c")
            )
            while not started.exists():
                await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert_no_leftover_processes(world.tmp, patience=0.5)
            (world.tmp / "go").touch()
            assert (await judge(ctx, world.settings, (command,), base, None, stem="c")).results[
                0
            ].verdict is GREEN

    asyncio.run(go())
    assert count() == 2


# --- checkouts ----------------------------------------------------------------------------------


MESS = """
echo x > .env; mkdir -p left/deep; echo x > left/deep/a; echo x > stray
mkdir nested; cd nested; git init -q; echo x > f; cd ..
echo changed > shop.py; rm test_shop.py; chmod 700 .gitignore
mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch %s/fired\\n' > .git/hooks/post-checkout
chmod +x .git/hooks/post-checkout
git config core.fsmonitor 'touch %s/fired'; git config core.hooksPath .git/hooks
mkdir locked; echo x > locked/f; chmod 000 locked
"""


def test_a_checkout_that_is_used_again_has_no_leftovers(world: World):
    world = world.set(check_jobs=1)
    base = world.head()
    second = world.commit({"more.txt": "x\n"})
    mess = MESS.replace("%s", str(world.tmp))
    assert world.judge(mess, now=base).verdict is GREEN
    probe = (
        "ls -A; git status --porcelain --ignored; cat shop.py; stat -c %a .gitignore; "
        "git config --get-regexp 'core.(fsmonitor|hooksPath)'; ls .git/hooks; true"
    )
    judged = world.judge(probe, now=second)
    said = world.log(judged.results[0].log)
    assert said.split("def total")[0].split() == sorted(
        [".git", ".gitignore", "more.txt", "shop.py", "test_shop.py"]
    )
    assert "644" in said
    assert "fsmonitor" not in said
    assert "hooksPath" not in said
    assert "post-checkout" not in said
    assert not (world.tmp / "fired").exists()
    assert os.listdir(world.tmp / "trees/run-1-checks") == ["0"]


def test_stale_byte_code_passes_no_check(world: World):
    """A `.pyc` is believed by size and time of its source; both can be made equal."""
    world = world.set(check_jobs=1)
    world.environ["PYTHONDONTWRITEBYTECODE"] = ""
    plant = (
        f"{PYTHON} -c 'import shop'; touch -d @1700000000 shop.py; rm -rf __pycache__; "
        f"{PYTHON} -c 'import shop'; ls __pycache__"
    )
    good = world.head()
    bad = world.commit({"shop.py": SHOP["shop.py"].replace("sum", "max")})
    assert world.judge(plant, now=good).verdict is GREEN
    judged = world.judge(f"touch -d @1700000000 shop.py; {UNITTEST}", now=bad, against=good)
    assert judged.verdict is RED


def test_a_check_reaches_nothing_of_the_repository(world: World):
    before = run_git(world.repo, "for-each-ref"), run_git(world.repo, "status", "--porcelain")
    command = (
        "git tag evil && git config user.name Eve && git config user.email eve@example.com && "
        "git commit -q --allow-empty -m evil && git stash list && git log --oneline | grep evil"
    )
    assert world.judge(command, now=world.head()).verdict is GREEN
    after = run_git(world.repo, "for-each-ref"), run_git(world.repo, "status", "--porcelain")
    assert after == before
    assert "Eve" not in (world.repo / ".git/config").read_text()


def test_the_environment_of_a_check(world: World):
    world.environ.update(DATABASE="theirs", PYTHONPATH="/nowhere", GIT_DIR="/nowhere")
    judged = world.judge("env; pwd", now=world.head())
    said = world.log(judged.results[0].log)
    place = os.path.realpath(world.tmp / "trees/run-1-checks/0")
    assert "DATABASE=theirs" in said
    assert "PYTHONPATH=\n" in said
    assert "GIT_DIR" not in said
    assert f"WTMAN_WORKTREE={place}\n" in said
    assert said.endswith(f"{place}\n")
    assert "CI=1\n" in said


# --- setup --------------------------------------------------------------------------------------


def test_copy_and_symlink_bring_what_git_does_not_carry(world: World):
    write_files(
        world.repo,
        {
            ".env": "SECRET=1\n",
            "conf/app.local": "local\n",
            "left/a": "a\n",
            "left/deep/b": "b\n",
            "unnamed.txt": "no\n",
            "shop.py": "edited, not committed\n",
        },
    )
    (world.repo / "link.local").symlink_to("/etc/hostname")
    (world.repo / "out.local").symlink_to("../../outside")
    world = world.set(copy=(".env", "*.local", "shop.py"), symlink=("left/",))
    judged = world.judge(
        "cat .env conf/app.local left/a left/deep/b; readlink left link.local; ls; cat shop.py",
        now=world.head(),
    )
    said = world.log(judged.results[0].log)
    assert said.startswith("SECRET=1\nlocal\na\nb\n")
    assert f"{world.repo}/left\n/etc/hostname\n" in said
    assert "unnamed.txt" not in said
    assert "out.local" not in said
    assert "edited" not in said
    # What was linked is not lost when the checkout is used again.
    world.judge("rm left; true", now=world.commit({"x": "x"}))
    assert (world.repo / "left/deep/b").exists()


def test_nothing_is_written_through_a_link_of_the_branch(world: World):
    outside = world.tmp / "outside"
    outside.mkdir()
    base = world.head()
    link = run_git(world.repo, "hash-object", "-w", "--stdin", input=str(outside))
    run_git(world.repo, "update-index", "--add", "--cacheinfo", f"120000,{link},conf")
    tree = run_git(world.repo, "write-tree")
    hostile = Sha(run_git(world.repo, "commit-tree", tree, "-p", base, "-m", "link"))
    run_git(world.repo, "reset", "-q")
    write_files(world.repo, {"conf/app.local": "local\n"})
    world = world.set(copy=("conf/**",), symlink=("conf/*.local",))
    assert world.judge("test -L conf", now=hostile).verdict is GREEN
    assert list(outside.iterdir()) == []


def test_setup_runs_in_every_check_checkout_with_its_variables(world: World):
    world = world.set(setup=("env > made.local", "echo second >> made.local"))
    judged = world.judge("cat made.local", now=world.head())
    said = world.log(judged.results[0].log)
    assert f"WTMAN_ROOT={world.repo}\n" in said
    assert "WTMAN_RUN=run-1\n" in said
    assert "WTMAN_TASK=check-0\n" in said
    port = int(said.split("WTMAN_PORT=")[1].split()[0])
    assert 20_000 <= port < 32_768
    assert said.endswith("second\n")


def test_a_setup_that_fails_is_no_pass(world: World):
    base = world.head()
    world = world.set(setup=("test ! -e broken || { echo no wheel; exit 4; }",))
    assert world.base("true").problem == ""
    now = world.commit({"broken": "x"})
    judged = world.judge("true", now=now, against=base)
    assert judged.verdict is RED
    assert "setup failed" in judged.results[0].reason
    assert judged.results[0].reason.endswith("exit status 4")
    assert "no wheel" in judged.evidence
    event = world.base("true", at=now)
    assert "setup failed" in event.problem
    assert "no wheel" in event.problem


def test_each_task_has_ports_of_its_own():
    run = RunId("run-1")
    tasks = [f"task-{number}" for number in range(400)]
    ports = [port_of(run, task, tasks) for task in tasks]
    slots = [check_port(run, slot) for slot in range(64)]
    assert len({*ports, *slots}) == 464
    assert all(port % 10 == 0 and 20_000 <= port < 32_700 for port in (*ports, *slots))
    # Whoever comes later moves nobody.
    assert [port_of(run, task, [*tasks, "new"]) for task in tasks] == ports
    assert port_of(run, "task-0") == ports[0]
    assert port_of(RunId("run-2"), "task-0") != ports[0]


# --- does the check see the checkout? -----------------------------------------------------------


PACKAGE = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n",
    "src/shop/__init__.py": "VALUE = 1\n",
    "tests/test_shop.py": textwrap.dedent(
        """\
        import unittest
        import shop

        class TestShop(unittest.TestCase):
            def test_value(self):
                self.assertEqual(shop.VALUE, 1)
        """
    ),
}


@pytest.fixture
def package(world: World, make_repo: Callable[..., Path]) -> World:
    return replace(world, repo=make_repo(PACKAGE, name="package"))


def environment(folder: Path, source: Path) -> Path:
    """A virtual environment in which `source` is installed editable, as pip does it."""
    import venv

    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "__editable__.shop.pth").write_text(f"{source}\n")
    return folder / "bin/python"


DISCOVER = "-m unittest discover -q -s tests"


def test_an_editable_install_is_caught(package: World):
    python = environment(package.tmp / "venv", package.repo / "src")
    # The blindness is real: a broken branch passes.
    base = package.head()
    broken = package.commit({"src/shop/__init__.py": "VALUE = 2\n"})
    run_git(package.repo, "reset", "-q", "--hard", base)
    command = f"{python} {DISCOVER}"
    assert package.judge(command, now=broken, against=base).verdict is GREEN
    event = package.base(command, at=base)
    place = os.path.realpath(package.repo / "src/shop/__init__.py")
    assert f"check `{command}` does not see the checkout" in event.problem
    assert f"shop from {place}" in event.problem
    assert "PYTHONPATH=src" in event.hint
    assert "setup = " in event.hint
    assert event.results[0].verdict is GREEN
    # And what the hint proposes mends it, without a word of warning.
    mended = f"PYTHONPATH=src {command}"
    event = package.base(mended, at=base)
    assert (event.problem, event.warnings) == ("", ())
    assert package.judge(mended, now=broken, against=base).verdict is RED


def test_an_environment_made_by_setup_in_the_checkout_is_seen(package: World):
    package = package.set(
        setup=(
            f"{PYTHON} -m venv --without-pip .venv",
            'pwd > "$(echo .venv/lib/python3*/site-packages)/e.pth"; '
            "sed -i 's#$#/src#' .venv/lib/python3*/site-packages/e.pth",
        )
    )
    event = package.base(f".venv/bin/python {DISCOVER}")
    assert (event.problem, event.warnings) == ("", ())


def test_a_linked_environment_of_the_main_checkout_is_caught(package: World):
    environment(package.repo / ".venv", package.repo / "src")
    (package.repo / ".git/info").mkdir(exist_ok=True)
    (package.repo / ".git/info/exclude").write_text(".venv\n")
    package = package.set(symlink=(".venv",))
    event = package.base(f".venv/bin/python {DISCOVER}")
    assert "does not see the checkout" in event.problem


def test_a_fresh_install_is_noticed_although_the_base_was_seen_before(package: World):
    folder = package.tmp / "venv"
    python = environment(folder, package.repo / "src")
    (pth,) = folder.glob("lib/python3*/site-packages/*.pth")
    pth.unlink()
    package.environ["PATH"] = f"{python.parent}:{os.environ['PATH']}"
    command = "python -c 'import sys; sys.path.append(\"src\"); import shop'"
    assert package.base(command).problem == ""
    pth.write_text(f"{package.repo / 'src'}\n")
    assert "does not see the checkout" in package.base(command).problem


def test_inside_and_nothing_to_say(world: World):
    event = world.base(UNITTEST)
    assert (event.problem, event.warnings) == ("", ())


def test_where_nothing_can_be_shown_it_is_said(world: World, make_repo: Callable[..., Path]):
    event = world.base("grep -q sum shop.py")
    assert event.warnings == (
        "nothing shows whether check `grep -q sum shop.py` sees the checkout",
    )
    workspace = make_repo({"package.json": '{"workspaces": ["packages/*"]}'}, name="node")
    assert len(replace(world, repo=workspace).base("true").warnings) == 1
    plain = make_repo({"README.md": "x"}, name="plain")
    assert replace(world, repo=plain).base("true").warnings == ()


def test_both_inside_and_outside_is_a_warning(package: World):
    python = environment(package.tmp / "venv", package.repo / "src")
    command = f"{python} -c 'import shop'; PYTHONPATH=src {python} -c 'import shop'"
    event = package.base(command)
    assert event.problem == ""
    assert "outside the checkout" in event.warnings[0]


def test_the_import_probe_sees_workers_and_hurried_exits(package: World):
    python = environment(package.tmp / "venv", package.repo / "src")
    for code in (
        "import os, shop; os._exit(0)",
        'import os; pid = os.fork(); pid or (__import__("shop"), os._exit(0)); os.wait()',
        'import multiprocessing as m; p = m.get_context("fork").Process('
        'target=__import__, args=("shop",)); p.start(); p.join()',
        "import shop, sys; sys.exit(0)",
    ):
        event = package.base(f"{python} -c '{code}'")
        assert "does not see the checkout" in event.problem, code


def test_the_import_probe_changes_nothing(package: World):
    """The next sitecustomize is loaded, nothing is said, and the exit status stays."""
    site = package.tmp / "site"
    write_files(site, {"sitecustomize.py": "print('customized')\n"})
    command = (
        f"PYTHONPATH={site}:src {PYTHON} -c 'import shop, sys, sitecustomize; "
        'print(sitecustomize.__file__); sys.exit("x" and 0)\''
    )
    event = package.base(command)
    assert event.problem == ""
    said = package.log(event.results[0].log)
    assert said == f"customized\n{site}/sitecustomize.py\n"
    status = package.base(f"{PYTHON} -c 'import os; os._exit(7)'")
    assert "exit status 7" in status.problem


def test_a_check_that_the_import_probe_disturbs_is_believed_without_it(package: World):
    command, count = counted(
        package,
        f'{PYTHON} -c \'import os, sys; sys.path.append("src"); import shop; '
        'sys.exit(bool(os.environ.get("PYTHONPATH")))\'',
    )
    event = package.base(command)
    assert (event.problem, event.warnings, count()) == ("", (), 2)
    assert package.judge(command, now=package.commit({"x": "x"})).verdict is GREEN
    assert count() == 3


def test_a_program_that_clears_its_environment_is_seen(package: World):
    python = environment(package.tmp / "venv", package.repo / "src")
    event = package.base(f"{python} -c 'import os, shop; os.environ.clear()'")
    assert "does not see the checkout" in event.problem


# --- tasks --------------------------------------------------------------------------------------


def test_a_task_is_judged_by_its_own_checks_against_its_start(world: World):
    start = world.head()
    head = world.commit({"flag": "x"})
    settings = replace(world.settings, check=("test ! -e flag",))

    async def go(task: Task) -> Checked:
        async with world.ctx() as ctx:
            state = State(
                run=ctx.run, settings=settings, tasks={task.id: TaskView(task, fingerprint="l")}
            )
            (event,) = await perform.perform(ctx, state, CheckTask(task.id, start, head))
            assert isinstance(event, Checked)
            return event

    event = asyncio.run(go(Task(TaskId("one"), "do")))
    assert (event.verdict, event.commit, event.start) == (RED, head, start)
    own = asyncio.run(go(Task(TaskId("two"), "do", check=("test -e flag",))))
    assert (own.verdict, own.evidence) == (GREEN, "")
