"""The overlap watch over real worktrees in which sessions are at work."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import kit
from wtman.context import Context
from wtman.coordinator.create import create, load_state, open_store
from wtman.coordinator.open import open_run
from wtman.errors import ExternalError
from wtman.git import run as git_run
from wtman.git.discovery import Repository, discover
from wtman.git.repo import resolve
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import Pair, RunId, TaskId
from wtman.model.plan import Identity, Plan, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings
from wtman.tasks import perform
from wtman.tasks.actions import Watch
from wtman.worktrees import perform as worktrees
from wtman.worktrees.actions import MakeWorktree

LINES = "".join(f"line {number}\n" for number in range(20))
FILES = {"a.txt": LINES, "b.txt": LINES, "lib/c.txt": LINES, ".gitignore": "*.log\n"}


class Site:
    """A run whose tasks have worktrees; `live` begins a session that is never run."""

    def __init__(self, path: Path, *tasks: Task, **settings: object) -> None:
        self.path = path
        self.repo: Repository = discover(str(path))
        self.ctx: Context
        base = resolve(self.repo, "main")
        options = {"worktrees": str(path.parent / "worktrees"), **settings}
        with open_store(self.repo) as store:
            self.run: RunId = create(
                store,
                Plan("all", tasks),
                Settings(**options),  # type: ignore[arg-type]
                base=base,
                target="main",
                identity=Identity("Ada", "ada@example.com"),
            )
            store.append(self.run, [e.Approved()], 1.0)

    def within(self, work: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            with open_store(self.repo) as store:
                async with open_run(self.repo, store, self.run, dict(os.environ)) as ctx:
                    self.ctx = ctx
                    await work()

        asyncio.run(main())

    @property
    def state(self) -> State:
        return load_state(self.ctx.store, self.run)

    def tree(self, name: str) -> Path:
        return self.path.parent / "worktrees" / self.run / name

    def say(self, *events: e.Event) -> None:
        self.ctx.store.append(self.run, events, 2.0)

    async def live(self, *names: str, needs: tuple[str, ...] = ()) -> None:
        for name in names:
            tips = tuple((TaskId(need), self.state.tasks[TaskId(need)].head) for need in needs)
            made = await worktrees.perform(self.ctx, self.state, MakeWorktree(TaskId(name), tips))
            self.say(*made)
            view = self.state.tasks[TaskId(name)]
            at = view.start
            begins = e.AttemptStart(1, view.fingerprint, "", at, at, "x")
            self.say(e.Intended("RunSession", ActionKey(ActionKind.SESSION, name), attempt=begins))

    def finish(self, name: str) -> None:
        """The session ends, with everything committed as the agent could have done itself."""
        place = self.tree(name)
        kit.run_git(place, "add", "-A")
        kit.run_git(place, "commit", "-q", "-m", name)
        head = kit.run_git(place, "rev-parse", "HEAD")
        self.say(e.SessionFinished(TaskId(name), 1, Ended.OK, head))  # type: ignore[arg-type]

    def edit(self, name: str, path: str, old: str, new: str) -> None:
        file = self.tree(name) / path
        file.write_text(file.read_text().replace(old, new))

    async def look(self) -> dict[Pair, tuple[str, ...]]:
        return await perform.look(self.ctx, self.state)


def tasks(*names: str) -> tuple[Task, ...]:
    return tuple(Task(TaskId(name), f"do {name}") for name in names)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kit.create_repo(tmp_path / "repo", FILES)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The git commands that are run meanwhile."""
    seen: list[str] = []
    real = git_run._once

    def once(argv: tuple[str, ...], *rest: object) -> git_run.GitAnswer:
        seen.append(next(w for w in argv[1:] if not w.startswith("-") and "=" not in w))
        return real(argv, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(git_run, "_once", once)
        yield seen


def objects(repo: Path) -> set[str]:
    folder = repo / ".git/objects"
    return {str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file()}


def test_a_coming_conflict_is_seen_and_its_end_too(path: Path) -> None:
    site = Site(path, *tasks("one", "two", "three"))

    async def work() -> None:
        await site.live("one", "two", "three")
        assert await site.look() == {}
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 15\n", "two\n")
        site.edit("three", "b.txt", "line 5\n", "three\n")
        assert await site.look() == {}, "the same file, far apart"
        site.edit("two", "a.txt", "line 5\n", "two\n")
        assert await site.look() == {("one", "two"): ("a.txt",)}
        site.edit("three", "a.txt", "line 5\n", "three\n")
        assert set(await site.look()) == {("one", "two"), ("one", "three"), ("two", "three")}
        site.edit("two", "a.txt", "two\n", "line 5\n")
        assert set(await site.look()) == {("one", "three")}

    site.within(work)


def test_new_files_deleted_files_and_files_in_the_place_of_folders(path: Path) -> None:
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        kit.write_files(site.tree("one"), {"new.txt": "1\n", "noise.log": "1\n"})
        kit.write_files(site.tree("two"), {"new.txt": "2\n", "noise.log": "2\n"})
        assert await site.look() == {("one", "two"): ("new.txt",)}
        (site.tree("two") / "new.txt").unlink()
        assert await site.look() == {}
        (site.tree("one") / "b.txt").unlink()
        site.edit("two", "b.txt", "line 1\n", "two\n")
        assert await site.look() == {("one", "two"): ("b.txt",)}
        kit.write_files(site.tree("one"), {"b.txt": LINES, "place": "file\n"})
        kit.write_files(site.tree("two"), {"place/inside": "two\n"})
        ((pair, paths),) = (await site.look()).items()
        assert pair == ("one", "two")
        assert any(item.startswith("place") for item in paths)

    site.within(work)


def test_finished_work_is_compared_with_live_work_and_not_with_itself(path: Path) -> None:
    site = Site(path, *tasks("done", "done-too", "live"))

    async def work() -> None:
        await site.live("done", "done-too", "live")
        for name in ("done", "done-too", "live"):
            site.edit(name, "a.txt", "line 5\n", f"{name}\n")
        site.finish("done")
        site.finish("done-too")
        assert set(await site.look()) == {("done", "live"), ("done-too", "live")}

    site.within(work)


def test_what_a_task_only_starts_from_is_not_its_conflict(path: Path) -> None:
    site = Site(
        path, *tasks("lib"), Task(TaskId("user"), "use", needs=(TaskId("lib"),)), *tasks("x")
    )

    async def work() -> None:
        await site.live("lib", "x")
        site.edit("lib", "a.txt", "line 5\n", "lib\n")
        site.finish("lib")
        await site.live("user", needs=("lib",))
        site.edit("x", "a.txt", "line 5\n", "x\n")
        site.edit("x", "b.txt", "line 5\n", "x\n")
        site.edit("user", "lib/c.txt", "line 5\n", "user\n")
        assert set(await site.look()) == {("lib", "x")}
        site.edit("user", "b.txt", "line 5\n", "user\n")
        assert await site.look() == {("lib", "x"): ("a.txt",), ("user", "x"): ("b.txt",)}

    site.within(work)


def test_what_an_agent_commits_itself_is_seen(path: Path) -> None:
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        site.edit("one", "a.txt", "line 5\n", "one\n")
        kit.run_git(site.tree("one"), "commit", "-qam", "early")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        assert set(await site.look()) == {("one", "two")}
        kit.run_git(site.tree("one"), "reset", "-q", "--hard", "HEAD^")
        assert await site.look() == {}

    site.within(work)


def test_a_look_leaves_repository_and_worktrees_as_they_were(path: Path) -> None:
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        before = objects(path), kit.run_git(path, "for-each-ref")
        indexes = sorted((path / ".git/wtman/ctl/index").iterdir())
        times = [item.stat().st_mtime_ns for item in indexes]
        own = site.path / f".git/worktrees/wtman-{site.run}-one/index"
        stamp = own.stat().st_mtime_ns
        assert await site.look()
        assert (objects(path), kit.run_git(path, "for-each-ref")) == before
        assert sorted((path / ".git/wtman/ctl/index").iterdir()) == indexes
        assert [item.stat().st_mtime_ns for item in indexes] == times
        assert own.stat().st_mtime_ns == stamp
        assert not list((path / ".git/wtman/ctl/tmp").iterdir())
        folder = Path(site.ctx.folder) / "watch"
        assert folder.is_dir()
        site.ctx.looks.close()
        assert not folder.exists()

    site.within(work)


def test_an_unchanged_worktree_costs_one_process_and_a_changed_pair_one_merge(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("one", "two", "three", "four")
    site = Site(path, *tasks(*names))

    async def work() -> None:
        await site.live(*names)
        for name in names:
            site.edit(name, "a.txt", "line 5\n", f"{name}\n")
        first = await site.look()
        with counted(monkeypatch) as seen:
            assert await site.look() == first
        assert seen == ["ls-files"] * 4
        site.edit("four", "a.txt", "line 6\n", "again\n")
        with counted(monkeypatch) as seen:
            assert await site.look() == first
        assert seen.count("merge-tree") == seen.count("diff-tree") == 1
        assert seen.count("write-tree") == 1

    site.within(work)


def test_what_setup_brought_is_no_conflict(path: Path) -> None:
    site = Site(
        path, *tasks("one", "two"), setup=("date +%N > $WTMAN_TASK.lock; cp $WTMAN_TASK.lock lock",)
    )

    async def work() -> None:
        await site.live("one", "two")
        assert (site.tree("one") / "lock").exists()
        assert await site.look() == {}
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        assert await site.look() == {("one", "two"): ("a.txt",)}

    site.within(work)


def test_a_worktree_that_cannot_be_seen_is_left_out(path: Path) -> None:
    site = Site(path, *tasks("one", "two", "gone", "heavy", "broken"))

    async def work() -> None:
        await site.live("one", "two", "gone", "heavy", "broken")
        for name in ("one", "two", "gone", "heavy", "broken"):
            site.edit(name, "a.txt", "line 5\n", f"{name}\n")
        assert len(await site.look()) == 10
        kit.run_git(path, "worktree", "remove", "--force", str(site.tree("gone")))
        with open(site.tree("heavy") / "huge.bin", "wb") as file:
            file.truncate(1 << 30)
        branch = path / f".git/refs/heads/wtman/{site.run}/broken"
        branch.write_text("1" * 40 + "\n")
        assert set(await site.look()) == {("one", "two")}
        (site.tree("heavy") / "huge.bin").unlink()
        assert set(await site.look()) == {("one", "two"), ("one", "heavy"), ("two", "heavy")}

    site.within(work)


def test_memory_may_be_lost_at_any_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        first = await site.look()
        site.ctx.looks.close()  # somebody cleans up under our feet
        monkeypatch.setattr("wtman.git.checkouts.live._FRESH", 1)
        assert await site.look() == first

    site.within(work)


def test_the_stage_sleeps_looks_and_tells_only_news(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perform, "INTERVAL", 0.0)
    monkeypatch.setattr(perform, "REST", 0.0)
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        early = site.state
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        told = []
        for _ in range(5):
            events = await perform.perform(site.ctx, early, Watch())
            told.append(events)
            site.say(*events)
        one, two = TaskId("one"), TaskId("two")
        first = e.Overlapped((e.Overlap(one, two, ("a.txt",)),))
        third = e.Overlapped((e.Overlap(one, two, ("a.txt",), looks=3),))
        assert told == [(first,), (), (third,), (), ()]
        # Another coordinator knows from the journal how long this has been going on.
        site.ctx.looks.before.clear()
        assert await perform.perform(site.ctx, early, Watch()) == ()

    site.within(work)


def test_a_look_that_fails_says_nothing_and_the_next_rests_longer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perform, "INTERVAL", 0.0)
    site = Site(path, *tasks("one", "two"))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def fail(ctx: Context, state: State) -> dict[Pair, tuple[str, ...]]:
        raise ExternalError("no git today")

    async def work() -> None:
        monkeypatch.setattr("wtman.tasks.perform.asyncio.sleep", sleep)
        monkeypatch.setattr(perform, "look", fail)
        site.ctx.looks.took = 2.0
        assert await perform.perform(site.ctx, site.state, Watch()) == ()
        assert slept == [80.0]

    site.within(work)


def test_a_look_can_be_cancelled_at_any_await(path: Path) -> None:
    site = Site(path, *tasks("one", "two"))

    async def work() -> None:
        await site.live("one", "two")
        site.edit("one", "a.txt", "line 5\n", "one\n")
        site.edit("two", "a.txt", "line 5\n", "two\n")
        for steps in range(12):
            task = asyncio.ensure_future(site.look())
            for _ in range(steps):
                await asyncio.sleep(0.002)
            task.cancel()
            await asyncio.wait([task])
        assert set(await site.look()) == {("one", "two")}

    site.within(work)
