"""What a setup command, which runs what a branch says, may reach in every sandbox that works."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checks.test_perform import SHOP, World
from tests.kit import run_git, write_files
from tests.sandbox.conftest import tier
from wtman.checks.judge import judge
from wtman.execution.spawn import install_child_watcher
from wtman.git.checkouts.worktrees import WorktreeSpec, create
from wtman.journal.state import Attempt, State, TaskView
from wtman.model.ids import TaskId
from wtman.model.plan import Identity, Task
from wtman.model.settings import Settings
from wtman.provision.setup import provision
from wtman.sandbox import choice
from wtman.worktrees.baseline import provision_task
from wtman.worktrees.lent import lend
from wtman.worktrees.place import bring, place_of

__all__ = ["tier"]

# What a branch could have made of the script that the setup calls.
STEAL = """\
try() { "$@" >/dev/null 2>&1 && echo "$name" >> got; }
name=main; try cat "$WTMAN_ROOT/notes.txt"
name=repository; try cat "$WTMAN_ROOT/.git/config"
name=evidence; try cat "$WTMAN_ROOT/.git/wtman/runs/other/home/token"
name=sibling; try cat "$WTMAN_WORKTREE/../sibling/file"
name=linked; try cat left/a
name=home; try touch "$HOME/kept"
name=network; try python3 -c "import socket; socket.create_connection(('127.0.0.1', PORT), 5)"
name=git; try git log
true
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path, port: int) -> World:
    """A main checkout, a worktree beside it, another run's HOME, and a hostile script."""
    install_child_watcher()
    repo = make_repo({**SHOP, "setup.sh": STEAL.replace("PORT", str(port))})
    secrets = ("notes.txt", ".git/wtman/runs/other/home/token", "../trees/run-1/sibling/file")
    write_files(repo, {"left/a": "a\n", **dict.fromkeys(secrets, "SECRET\n")})
    trees = str(repo.parent / "trees")
    return World(repo, tmp_path, Settings(symlink=("left/",), grace=1, worktrees=trees))


def got(world: World, tier: str, *commands: str, trusted: bool = False) -> set[str]:
    """What the script could reach in a worktree of the task `one`."""
    settings = replace(world.settings, setup=commands)
    path = world.repo.parent / "trees/run-1/one"

    async def go() -> str:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            run_git(world.repo, "branch", "one")
            create(ctx.repo, [WorktreeSpec("one", str(path), "one")])
            run_git(path, "reset", "-q", "--hard")
            return await provision(
                ctx,
                settings,
                str(path),
                task=TaskId("one"),
                branch="one",
                home=ctx.below("tasks", "one", "home"),
                trusted=trusted,
            )

    assert asyncio.run(go()) == ""
    return set((path / "got").read_text().split())


def test_what_an_agent_may_have_written_sees_no_repository(world: World, tier: str) -> None:
    assert got(world, tier, "sh setup.sh") == {"linked", "home", "network"}


def test_what_names_the_main_checkout_has_no_network(world: World, tier: str) -> None:
    assert got(world, tier, "ls $WTMAN_ROOT && sh setup.sh") == {"main", "linked", "home"}


def test_the_base_sees_the_repository_but_nothing_of_others(world: World, tier: str) -> None:
    seen = got(world, tier, "sh setup.sh", trusted=True)
    assert seen == {"main", "repository", "linked", "home", "network", "git"}


def test_a_check_checkout_is_never_trusted(world: World, tier: str) -> None:
    world = world.set(setup=("sh setup.sh",), check_jobs=1)

    async def go() -> str:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            found = await judge(ctx, world.settings, ("cat got",), world.head(), None, stem="t")
            return world.log(found.results[0].log)

    assert set(asyncio.run(go()).split()) == {"linked", "home", "network", "git"}


@pytest.mark.parametrize("name", ["fresh", "worked", "moved"])
def test_a_worktree_is_trusted_until_a_session_has_worked_there(world: World, name: str) -> None:
    base = world.head()
    at = world.commit({"x": "x"}) if name == "moved" else base
    one = TaskId("one")
    attempt = Attempt(1, "l", "", base, base, "a")
    view = TaskView(Task(one, "do"), fingerprint="l", attempts=(attempt,))
    tier = next(name for name in choice.NAMES[:-1] if not choice.trouble(name))
    world = world.set(setup=("sh setup.sh",))

    async def go() -> str:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            state = State(
                run=ctx.run,
                base=base,
                settings=world.settings,
                tasks={one: view},
                identity=Identity("Ada", "ada@example.com"),
            )
            place = place_of(state, one)
            if name == "worked":
                Path(ctx.below("tasks", "one", "1")).mkdir()
            worktree = bring(ctx, state, place, None, at)
            assert (await provision_task(ctx, state, place, worktree, at)).problem == ""
            return (Path(place.path) / "got").read_text()

    assert ("main" in asyncio.run(go()).split()) == (name == "fresh")


def test_what_setup_writes_into_git_reaches_sessions_and_never_the_repository(
    world: World, tier: str
) -> None:
    one = TaskId("one")
    setup = (
        "git config core.hooksPath .husky",
        'echo hook > "$(git rev-parse --git-common-dir)/hooks/pre-commit"',
        "git update-index --skip-worktree setup.sh",
        "git commit -q --allow-empty -m setup",
    )
    world = world.set(setup=setup)
    run_git(world.repo, "remote", "add", "origin", "https://me:secret@example.com/x.git")
    before = [(world.repo / ".git" / name).read_bytes() for name in ("config", "index")]

    async def go() -> str:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(tier))
            state = State(
                run=ctx.run,
                base=world.head(),
                settings=world.settings,
                tasks={one: TaskView(Task(one, "do"), fingerprint="l")},
                identity=Identity("Ada", "ada@example.com"),
            )
            place = place_of(state, one)
            worktree = bring(ctx, state, place, None, world.head())
            assert (await provision_task(ctx, state, place, worktree, world.head())).problem == ""
            assert run_git(worktree.path, "rev-parse", "HEAD") == world.head()
            return lend(ctx, state, place, 1, world.head()).path

    made = Path(asyncio.run(go()))
    assert run_git(world.repo, "config", "--file", str(made / "config"), "core.hooksPath")
    assert (made / "hooks/pre-commit").read_text() == "hook\n"
    (index,) = made.glob("worktrees/*/index")
    flags = run_git(world.repo, "ls-files", "-v", env={"GIT_INDEX_FILE": str(index)})
    assert "S setup.sh" in flags
    assert "https://example.com/x.git" in (made / "config").read_text()
    assert before == [(world.repo / ".git" / name).read_bytes() for name in ("config", "index")]
    assert not (world.repo / ".git/hooks/pre-commit").exists()
