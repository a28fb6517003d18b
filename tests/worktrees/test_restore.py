"""What `clean` and retries take away comes back as it was, for 14 days and no longer."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.worktrees.test_collect import Site
from wtman.errors import RaceError
from wtman.execution.occupants import occupants
from wtman.execution.removal import empty
from wtman.git import refs
from wtman.git.disk import DiskTally
from wtman.journal import events as e
from wtman.journal.events import Cleaned
from wtman.journal.record import Recorded
from wtman.model.ids import TaskId
from wtman.worktrees import clean, restore, trash
from wtman.worktrees.place import place_of, worktree_of

ONE = TaskId("one")
DAYS = 24 * 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kit.create_repo(tmp_path / "repo", {"a.txt": "a\n", ".gitignore": "*.log\n"})


def within(path: Path, work: Callable[[Site], None], script: str = "echo 1 > new") -> Site:
    """Do it where task `one` has had its session."""
    site = Site(path, {"one": script})

    async def go() -> None:
        await site.play("one")
        work(site)

    site.within(go)
    return site


def taken(site: Site) -> Cleaned:
    """Clean task `one` by force, as the command does."""
    event = clean.clean(site.ctx.control, site.state, ONE, forced=True)
    assert isinstance(event, Cleaned)
    site.say(event)
    return event


def removed(site: Site, now: float = 3.0) -> tuple[restore.CleanedTask, ...]:
    events = site.ctx.store.events(site.run)
    return restore.cleaned(site.state, events, now)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(place.relative_to(folder)): place.read_bytes()
        for place in sorted(folder.rglob("*"))
        if place.is_file() and place.name != ".git"
    }


def test_a_cleaned_task_comes_back_with_all_that_it_had(path: Path) -> None:
    def work(site: Site) -> None:
        tree = path.parent / "worktrees" / site.run / "one"
        kit.write_files(tree, {"dirty": "d\n", "deep/x.log": "ignored\n", "a.txt": "edited\n"})
        before, tip = snapshot(tree), site.branch("one")
        event = taken(site)
        assert event.ignored == 1 and event.freed > 0
        assert not tree.exists() and site.state.tasks[ONE].cleaned
        [item] = removed(site)
        assert (item.commits, item.until - item.at) == (1, 14 * DAYS)
        back = restore.bring_back(site.ctx.control, site.state, item)
        # Killed before it was journalled: the second time nothing is left to do.
        assert restore.bring_back(site.ctx.control, site.state, item) == back
        site.say(back)
        assert snapshot(tree) == before and site.branch("one") == tip
        assert kit.run_git(tree, "status", "--porcelain").split() == ["M", "a.txt", "??", "dirty"]
        assert removed(site) == () and not refs.read(site.ctx.repo, "refs/wtman/trash")
        assert site.state.tasks[ONE].worktree == str(tree)

    within(path, work)


@pytest.mark.parametrize("moment", ["folder moved", "all but told"])
def test_a_clean_that_was_killed_is_told_by_the_next(path: Path, moment: str) -> None:
    def work(site: Site) -> None:
        tip = site.branch("one")
        if moment == "all but told":
            clean.clean(site.ctx.control, site.state, ONE, forced=True)
        else:
            place = place_of(site.state, ONE)
            trash.drop(
                site.ctx.control, worktree_of(site.ctx.repo, place), clean.trash_of(site.state)
            )
        known = site.ctx.store.events(site.run)
        event = clean.clean(site.ctx.control, site.state, ONE, forced=True, known=known)
        assert isinstance(event, Cleaned)
        site.say(event)
        [item] = removed(site)
        restore.bring_back(site.ctx.control, site.state, item)
        assert site.branch("one") == tip
        assert (path.parent / "worktrees" / site.run / "one/new").exists()

    within(path, work)


def test_what_has_the_name_by_now_is_not_touched(path: Path) -> None:
    def work(site: Site) -> None:
        taken(site)
        [item] = removed(site)
        kit.run_git(path, "branch", f"wtman/{site.run}/one", "main")
        with pytest.raises(RaceError, match="in use again") as told:
            restore.bring_back(site.ctx.control, site.state, item)
        kit.run_git(path, *told.value.hint.partition("git ")[2].split())  # the way on works
        assert kit.run_git(path, "rev-parse", "one-restored") == item.event.head
        assert site.branch("one") == site.state.base
        kit.run_git(path, "branch", "-D", f"wtman/{site.run}/one")
        tree = path.parent / "worktrees" / site.run / "one"
        tree.mkdir(parents=True)
        with pytest.raises(RaceError, match="in use again"):
            restore.bring_back(site.ctx.control, site.state, item)
        assert not refs.read(site.ctx.repo, f"refs/heads/wtman/{site.run}"), "whole or not at all"

    within(path, work)


def test_two_cleanings_of_one_task_are_both_kept_and_the_old_one_expires(path: Path) -> None:
    def work(site: Site) -> None:
        first = taken(site)
        branch = f"refs/heads/wtman/{site.run}/one"
        kit.run_git(path, "update-ref", branch, "main")
        second = taken(site)
        assert {first.head, second.head} == {item.event.head for item in removed(site)}
        assert len(refs.read(site.ctx.repo, "refs/wtman/trash")) == 2
        now = 2.0 + 13 * DAYS
        recorded = [
            Recorded(item.seq, now if item.event is second else item.at, item.event)
            for item in site.ctx.store.events(site.run)
        ]
        recorded[-1] = Recorded(recorded[-1].seq, now, recorded[-1].event)
        clean.expire(site.ctx.control, site.state, recorded, 2.0 + 14 * DAYS + 1, DiskTally())
        assert list(refs.read(site.ctx.repo, "refs/wtman/trash").values()) == [second.head]
        assert removed(site, 2.0 + 15 * DAYS) == ()

    within(path, work)


def test_what_is_cut_off_or_moved_aside_leaves_the_trash_too(path: Path) -> None:
    def work(site: Site) -> None:
        place = Path(clean.trash_of(site.state))
        kit.write_files(place, {"wtman-x-one-12/half": "x", "theirs": "x", "wtman-x-file": "x"})
        clean.expire(site.ctx.control, site.state, [], time.time() + 13 * DAYS, DiskTally())
        assert len(os.listdir(place)) == 3
        clean.expire(site.ctx.control, site.state, [], time.time() + 15 * DAYS, DiskTally())
        empty(str(place))
        assert os.listdir(place) == ["theirs"]

    within(path, work)


def test_a_branch_at_its_base_is_no_unmerged_work(path: Path) -> None:
    """Also where it was cut off before its start was journalled."""

    def work(site: Site) -> None:
        site.say(e.Cleaned(ONE, site.state.base))
        kit.run_git(path, "update-ref", f"refs/heads/wtman/{site.run}/one", "main")
        assert isinstance(clean.clean(site.ctx.control, site.state, ONE, forced=False), Cleaned)

    within(path, work, "exit 1")


def test_somebody_in_a_folder_is_seen(tmp_path: Path) -> None:
    inside, beside = tmp_path / "one/deep", tmp_path / "one-two"
    for folder in (inside, beside):
        folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], cwd=inside) as process:
        found = occupants([str(tmp_path / "one"), str(beside)])
        process.kill()
    assert found == {str(tmp_path / "one"): (process.pid, "sleep")}


def test_what_was_in_the_way_of_a_retry_is_named(path: Path) -> None:
    site = Site(path, {"one": "[ $WTMAN_ATTEMPT = 2 ] || { truncate -s 101M big; exit 3; }"})

    async def work() -> None:
        await site.play("one")
        await site.play("one")
        [item] = restore.moved_aside(site.state, time.time())
        assert item.task == ONE and Path(item.path).stat().st_size == 101 << 20
        assert removed(site) == ()

    site.within(work)


def test_the_work_of_a_replaced_attempt_becomes_a_branch(path: Path) -> None:
    site = Site(path, {"one": "[ $WTMAN_ATTEMPT = 2 ] && { echo 2 > new; exit 3; }; echo 1 > new"})

    async def work() -> None:
        first = (await site.play("one"))["one"]
        site.say(e.Requested("retry", ONE, once=True, keeps=first.head))
        second = (await site.play("one"))["one"]
        [item] = restore.replaced(site.ctx.control, site.state, 3.0)
        assert (item.attempt, item.commit) == (2, second.saved)
        assert restore.branch_off(site.ctx.control, item)
        assert not restore.branch_off(site.ctx.control, item)
        assert site.file(item.branch, "new") == "2" and site.file(first.head, "new") == "1"
        assert restore.replaced(site.ctx.control, site.state, 3.0 + 14 * DAYS) == ()

    site.within(work)


def test_only_what_may_be_work_is_kept(tmp_path: Path) -> None:
    ignored = "*.log\nnode_modules/\nbuild/\n.env\ndata/\n"
    path = kit.create_repo(
        tmp_path / "repo", {"a.txt": "a\n", "src/b": "b\n", ".gitignore": ignored}
    )
    kit.write_files(path, {".env": "secret\n"})
    script = (
        "echo 1 > new; mkdir -p node_modules build/repo/.git data src/.git own; echo x > x.log;"
        "echo m > node_modules/m; echo o > build/out; echo r > build/repo/r; echo d > data/d;"
        "echo g > src/.git/g; echo g > build/repo/.git/g; git init -q own; echo o > own/o"
    )
    site = Site(path, {"one": script}, copy=(".env",))

    async def work() -> None:
        await site.play("one")
        tree = path.parent / "worktrees" / site.run / "one"
        before = snapshot(tree)
        time.sleep(0.2)  # what was written at this very moment is kept, whatever it is
        event = taken(site)
        kept = snapshot(Path(event.folder) / "tree")
        assert {name for name in kept if not name.startswith(("own/.git", "src/b"))} == {
            *("data/d", "build/repo/r", "build/repo/.git/g", "src/.git/g", "own/o")
        }
        assert event.freed > 0 and len(kept) == event.files
        [item] = removed(site)
        restore.bring_back(site.ctx.control, site.state, item)
        after = snapshot(tree)
        assert {name: before[name] for name in after} == after
        assert before.keys() - after.keys() == {".env", "build/out", "node_modules/m", "x.log"}
        bare = Path(site.ctx.folder) / "tasks/one/bare"
        assert bare.exists(), "setup runs again"

    site.within(work)
