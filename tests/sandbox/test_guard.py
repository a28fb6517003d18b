"""Who is blamed for a change of the repository, by what stands before it; on a real one."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from wtman.git import control_dir, refs
from wtman.git.control_dir import Control
from wtman.git.discovery import discover
from wtman.journal import events as e
from wtman.journal.merges import is_moved
from wtman.model.ids import Branch, Sha, TaskId
from wtman.sandbox.guard import Guard, Isolation, RepositoryChanges

EVERY = tuple(Isolation)


async def git(function: Callable[..., Any], /, *args: Any) -> Any:
    return function(*args)


class Post:
    """A guard over a repository, and what may happen there."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self.here = discover(str(repo))
        self.ctl: Control = control_dir.prepare(self.here)
        self.path = str(repo / ".git/wtman/runs/r/repository.json")
        self.guard = self.next()

    def next(self, **more: Any) -> Guard:
        """A coordinator anew, with nothing but what is on disk."""
        self.guard = Guard("r", self.path, **more)
        return self.guard

    async def begin(self, session: str, isolation: Isolation = Isolation.NONE) -> None:
        await self.guard.begin(self.ctl, session, isolation=isolation, git=git)

    async def end(self, session: str) -> RepositoryChanges:
        return await self.guard.end(self.ctl, session, git=git)

    async def settle(
        self, session: str, isolation: Isolation = Isolation.NONE
    ) -> RepositoryChanges:
        return await self.guard.settle(self.ctl, session, isolation=isolation, began=True, git=git)

    async def killed(self) -> None:
        """The coordinator is gone, with its watch."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self.next()

    def long_ago(self) -> None:
        """The last look at the repository was a minute ago."""
        os.utime(self.path, (os.stat(self.path).st_mtime - 60,) * 2)

    def git(self, *args: str) -> str:
        return kit.run_git(self.repo, *args)

    def forge(self, what: str, old: str, new: str) -> None:
        with open(self.repo / ".git/wtman/moves", "a") as file:
            file.write(f"{old or '-'} {new or '-'} {what}\n")


@pytest.fixture
def post(repo: Path) -> Post:
    kit.run_git(repo, "branch", "other", kit.run_git(repo, "commit-tree", "-m", "o", "HEAD^{tree}"))
    return Post(repo)


def go(work: Awaitable[None]) -> None:
    assert isinstance(work, Coroutine)
    asyncio.run(work)


def lines(found: tuple[str, ...]) -> str:
    return "\n".join(found)


@pytest.mark.parametrize("isolation", EVERY)
def test_what_counts_against_a_session_with_this_isolation(
    post: Post, isolation: Isolation
) -> None:
    async def work() -> None:
        await post.begin("r/t/1", isolation)
        post.git("tag", "mine")
        post.git("commit", "-q", "--allow-empty", "-m", "the user works")
        post.git("config", "core.fsmonitor", "evil")
        post.git("update-ref", "refs/wtman/saved/x/y", "other")
        seen = await post.end("r/t/1")
        daily, grave = ("refs/tags/mine", "refs/heads/main"), ("configuration", "refs/wtman/saved")
        for word in daily:
            assert (word in lines(seen.blamed)) == (isolation is Isolation.NONE), seen
            assert (word in lines(seen.others)) == (isolation is not Isolation.NONE), seen
        for word in grave:
            assert (word in lines(seen.blamed)) == (isolation is not Isolation.APART), seen
            assert (word in lines(seen.others)) == (isolation is Isolation.APART), seen
        assert all("not by them" in line for line in seen.others)

    go(work())


def test_who_has_ended_lives_no_more(post: Post) -> None:
    """Its worktree is wtman's again, and nobody goes on looking."""

    async def work() -> None:
        admin = post.repo / ".git/worktrees/wtman-r-a"
        admin.mkdir(parents=True)
        (admin / "HEAD").write_text("ref: refs/heads/x\n")
        await post.begin("r/a/1")
        await post.begin("r/b/1")
        assert (await post.end("r/a/1")).blamed == ()
        shutil.rmtree(admin)
        assert (await post.end("r/b/1")).blamed == ()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        post.git("tag", "afterwards")
        await post.begin("r/c/1")
        assert (await post.end("r/c/1")) == RepositoryChanges()

    go(work())


# --- what wtman says of itself ----------------------------------------------------------------


def test_a_forged_note_excuses_nothing_of_this_run_or_the_users(post: Post) -> None:
    async def work() -> None:
        main, other = post.git("rev-parse", "main"), post.git("rev-parse", "other")
        post.git("branch", "wtman/r/t")
        await post.begin("r/t/1")
        for ref in ("refs/heads/main", "refs/heads/wtman/r/t"):
            post.forge(ref, main, other)
            post.git("update-ref", ref, other)
        post.forge("refs/tags/x", "", other)
        post.git("tag", "x", other)
        post.forge("HEAD", "ref: refs/heads/main", "ref: refs/heads/other")
        post.forge("index", "*", "*")
        post.git("symbolic-ref", "HEAD", "refs/heads/other")
        post.git("rm", "-q", "--cached", "README.md")
        said = lines((await post.end("r/t/1")).blamed)
        for what in ("heads/main", "wtman/r/t", "tags/x", "HEAD of the main", "the index of"):
            assert what in said, said

    go(work())


def test_what_wtman_does_itself_is_known_without_the_file(post: Post) -> None:
    async def work() -> None:
        main, other = Sha(post.git("rev-parse", "main")), Sha(post.git("rev-parse", "other"))
        await post.begin("r/t/1")
        refs.update(post.here, [refs.RefChange("refs/heads/wtman/r/t", other, None)])
        refs.update(post.here, [refs.RefChange("refs/heads/wtman/r/t", main, other)])
        (post.repo / ".git/wtman/moves").unlink()
        assert (await post.end("r/t/1")).blamed == ()
        # The same words do not excuse what somebody does with the ref afterwards.
        await post.begin("r/t/2")
        post.git("update-ref", "refs/heads/wtman/r/t", "other")
        assert "wtman/r/t moved" in lines((await post.end("r/t/2")).blamed)

    go(work())


def test_another_coordinator_is_believed_about_its_own_run_if_it_fits(post: Post) -> None:
    async def work() -> None:
        main, other = post.git("rev-parse", "main"), post.git("rev-parse", "other")
        post.git("branch", "wtman/s/a")
        post.git("branch", "wtman/s/b")
        await post.begin("r/t/1")
        post.forge("refs/heads/wtman/s/a", main, other)
        post.forge("refs/heads/wtman/s/b", other, main)  # not what happens
        for name in "ab":
            post.git("update-ref", f"refs/heads/wtman/s/{name}", other)
        seen = await post.end("r/t/1")
        assert "wtman/s/a" not in lines(seen.blamed)
        assert "wtman/s/b" in lines(seen.blamed)

    go(work())


def test_a_merge_of_another_terminal_is_believed_where_the_journal_knows_it(post: Post) -> None:
    async def work() -> None:
        main, other = post.git("rev-parse", "main"), post.git("rev-parse", "other")
        known = {("refs/heads/main", other)}
        post.next(merging=lambda ref, new: (ref, new) in known)
        await post.begin("r/t/1")
        post.forge("refs/heads/main", main, other)
        post.forge("index", "*", "*")
        post.git("update-ref", "refs/heads/main", other)
        post.git("rm", "-q", "--cached", "README.md")
        post.forge("refs/heads/new", "", other)
        post.git("branch", "new", other)
        assert (await post.end("r/t/1")).blamed == ("refs/heads/new was made",)

    go(work())


def test_which_merges_the_journal_knows() -> None:
    main, old, new = Branch("main"), Sha("1" * 40), Sha("2" * 40)
    asked = e.MergeAsked(target=main, before=old)
    landed = e.Landed(target=main, before=old, after=new, commits={})
    assert is_moved([asked], "refs/heads/main", new)
    assert is_moved([asked, landed], "refs/heads/main", new)
    assert not is_moved([asked, landed], "refs/heads/main", "3" * 40)
    assert not is_moved([asked, e.MergeFailed("no")], "refs/heads/main", new)
    assert not is_moved([asked], "refs/heads/other", new)
    assert not is_moved(
        [e.MergeAsked(target=main, before=old, dry_run=True)], "refs/heads/main", new
    )
    external = e.ExternalBranchAdded(TaskId("x"), Branch("x"), old, new)
    assert is_moved([external], "refs/heads/x", "")
    assert not is_moved([external], "refs/heads/x", new)


# --- while nobody looked ----------------------------------------------------------------------


def test_what_changed_while_no_coordinator_lived_is_found(post: Post) -> None:
    async def work() -> None:
        await post.begin("r/t/1")
        await post.begin("r/u/1", Isolation.DENIED)
        await post.killed()
        post.git("config", "core.fsmonitor", "evil")
        post.git("tag", "x")
        seen = await post.settle("r/t/1")
        assert "configuration was changed, before or while wtman was killed" in lines(seen.blamed)
        assert "refs/tags/x" in lines(seen.blamed)
        denied = await post.settle("r/u/1", Isolation.DENIED)
        assert "configuration" in lines(denied.blamed) and "tags/x" not in lines(denied.blamed)
        # Whoever begins now has nothing to do with it.
        await post.begin("r/t/2")
        assert (await post.end("r/t/2")).blamed == ()

    go(work())


def test_what_the_user_did_long_after_is_told_and_not_blamed(post: Post) -> None:
    async def work() -> None:
        await post.begin("r/t/1")
        await post.killed()
        post.long_ago()
        post.git("commit", "-q", "--allow-empty", "-m", "in the morning")
        seen = await post.settle("r/t/1")
        assert seen.blamed == ()
        assert "while wtman was not running, refs/heads/main moved" in lines(seen.others)

    go(work())


def test_what_was_blamed_outlives_a_kill_before_it_is_journalled(post: Post) -> None:
    async def work() -> None:
        await post.begin("r/t/1")
        post.git("config", "core.fsmonitor", "evil")
        first = await post.end("r/t/1")
        await post.killed()
        assert (await post.settle("r/t/1")).blamed == first.blamed != ()

    go(work())


@pytest.mark.parametrize("forged", ["", "rubbish", '{"facts": 1}'])
def test_who_removes_what_was_kept_is_blamed_for_that(post: Post, forged: str) -> None:
    async def work() -> None:
        await post.begin("r/t/1")
        await post.killed()
        os.unlink(post.path)
        if forged:
            Path(post.path).write_text(forged)
        assert "was removed" in lines((await post.settle("r/t/1")).blamed)

    go(work())


def test_what_the_dead_coordinator_did_is_not_blamed(post: Post) -> None:
    """Its memory is gone: then the file speaks for its own refs, and for nothing else."""
    text = (
        "import sys; from wtman.model.ids import Sha; from wtman.git import refs\n"
        "from wtman.git.discovery import discover\n"
        "here = discover(sys.argv[1])\n"
        "for ref in ('heads/wtman/r/t', 'wtman/attempts/r/t/1'):\n"
        "    refs.update(here, [refs.RefChange('refs/' + ref, Sha(sys.argv[2]), None)])\n"
    )

    async def work() -> None:
        other = post.git("rev-parse", "other")
        await post.begin("r/u/1")
        argv = [sys.executable, "-c", text, str(post.repo), other]
        subprocess.run(argv, check=True, cwd=kit.ROOT)
        await post.killed()
        assert (await post.settle("r/u/1")).blamed == ()

    go(work())


def test_every_session_apart_costs_nothing_on_disk(post: Post) -> None:
    async def work() -> None:
        await post.begin("r/t/1", Isolation.APART)
        await post.end("r/t/1")
        assert not os.path.exists(post.path)

    go(work())
