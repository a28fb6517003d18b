"""A merge taken back: target, checkout, branches and tasks are as they were before it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.yard import FILES, Yard, landed
from wtman.coordinator.create import load_state, open_store
from wtman.coordinator.home import Home
from wtman.coordinator.merge_undo import MergeRestored, undo_merge
from wtman.errors import UsageError, WtmanError
from wtman.git import refs
from wtman.journal.state import State
from wtman.model.states import RunState
from wtman.tasks.lifecycle import run_state


@pytest.fixture
def two(tmp_path: Path) -> Yard:
    """A run of two tasks that has landed."""
    yard = Yard(kit.create_repo(tmp_path / "repo", FILES), check=("true",))
    yard.external = False
    yard.add("one", {"one.txt": "1\n"})
    yard.add("two", {"two.txt": "2\n", "config.txt": "changed\n"})
    yard.create()
    return yard


def undo(yard: Yard) -> MergeRestored:
    with open_store(yard.repo) as store:
        return undo_merge(Home(yard.repo, store), yard.run)


def state_of(yard: Yard) -> State:
    with open_store(yard.repo) as store:
        return load_state(store, yard.run)


def test_all_is_as_before_and_the_same_lands_again(two: Yard) -> None:
    before = two.sha("main"), two.git("for-each-ref", "refs/heads", "refs/wtman/merged")
    first = landed(two.merge())
    done = undo(two)
    assert (done.event.before, done.event.after) == (first.before, first.after)
    assert (two.sha("main"), two.git("for-each-ref", "refs/heads", "refs/wtman/merged")) == before
    assert two.git("status", "--porcelain") == ""
    assert run_state(state_of(two)) is RunState.READY
    with pytest.raises(UsageError, match="nothing to take back"):
        undo(two)
    again = landed(two.merge())
    assert list(again.commits) == ["one", "two"]
    assert two.sha("main") == again.after


def changed(yard: Yard) -> None:
    (yard.path / "config.txt").write_text("mine\n")


def rebased(yard: Yard) -> None:
    yard.git("switch", "-q", "-c", "topic", "main~1")
    kit.commit_files(yard.path, {"config.txt": "theirs\n"})
    yard.git("switch", "-q", "main")
    kit.run_git(yard.path, "rebase", "topic", ok=(1,))


def went_on(yard: Yard) -> None:
    kit.commit_files(yard.path, {"later.txt": "later\n"})


@pytest.mark.parametrize(
    ("meanwhile", "why", "hint"),
    [
        (changed, "has uncommitted changes: config.txt", "then run the same command again"),
        (rebased, "a rebase that holds main", "rebase --abort"),
        (went_on, "something came after it", "git revert"),
    ],
)
def test_nothing_of_the_users_is_lost(
    two: Yard, meanwhile: Callable[[Yard], None], why: str, hint: str
) -> None:
    landed(two.merge())
    meanwhile(two)
    now = two.sha("main"), two.git("status", "--porcelain")
    with pytest.raises(WtmanError, match=why) as caught:
        undo(two)
    assert hint in caught.value.hint
    assert (two.sha("main"), two.git("status", "--porcelain")) == now
    if meanwhile is went_on:
        command = caught.value.hint.partition("on main: git ")[2]
        kit.run_git(two.path, *command.split(" ", 1)[:1], "--no-edit", *command.split()[1:])
        assert not (two.path / "two.txt").exists()


def test_killed_before_it_could_say_so_it_is_said_the_next_time(
    two: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = landed(two.merge())

    class KilledError(BaseException):
        pass

    def die(*args: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(refs, "update", die)  # right after the checkout has moved
        with pytest.raises(KilledError):
            undo(two)
    assert two.sha("main") == first.before
    undo(two)
    assert run_state(state_of(two)) is RunState.READY
    assert list(landed(two.merge()).commits) == ["one", "two"]


def test_a_target_that_is_checked_out_nowhere_goes_back_too(two: Yard) -> None:
    two.git("branch", "release")
    two.git("update-ref", "refs/remotes/origin/release", "main")
    outcome = landed(two.merge(target="release"))
    two.git("update-ref", "refs/remotes/origin/release", outcome.after)
    assert undo(two).pushed == ("origin/release",)
    assert two.sha("release") == outcome.before
