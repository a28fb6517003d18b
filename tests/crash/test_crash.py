"""Kill -9 at every effect of a run and of a merge; resume; nothing is lost or done twice."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import kit
from tests.crash.world import STRIDE, World, assert_whole, kept, make, points, untouched
from wtman.sandbox.choice import trouble

# Enough for every effect; a hang is seen sooner, for each command has its own limit.
LONG = pytest.mark.timeout(6 * 3600)


@pytest.fixture
def world(tmp_path: Path, wtman: kit.Program) -> World:
    return make(tmp_path, wtman)


def worlds(tmp_path: Path, wtman: kit.Program, shared: bool = False) -> Iterator[tuple[int, World]]:
    """One world to count in, then a fresh one for each point."""
    for number in range(10_000):
        yield number, make(tmp_path / str(number), wtman, shared)


def finish(world: World, main: str) -> None:
    """Resume (or split, where nothing was journalled) and check everything."""
    done = world.completed()
    before = world.starts
    run = world.run
    if run is None:
        world.wtman(*world.split, cwd=world.repo)
    else:
        world.wtman("resume", run, "--yes", cwd=world.repo)
    for task in done:
        assert world.starts[task] == before[task], f"{task} was complete and ran again"
    assert_whole(world, main)


@pytest.mark.slow
@LONG
@pytest.mark.parametrize(
    "shared, share",
    [(False, "1/3"), (False, "2/3"), (False, "3/3"), (True, "1/2"), (True, "2/2")],
)
def test_a_split_killed_at_any_effect_is_resumed_without_loss(
    tmp_path: Path, wtman: kit.Program, shared: bool, share: str
) -> None:
    if shared and trouble("bubblewrap"):
        pytest.skip("bubblewrap does not work here")
    fresh = worlds(tmp_path, wtman, shared)
    _, first = next(fresh)
    effects = first.effects(first.split)
    assert effects > 50
    stride = STRIDE * 8 if shared and STRIDE > 1 else STRIDE  # walls take their time
    for at, (_, world) in zip(points(effects, share, stride), fresh, strict=False):
        main = kit.run_git(world.repo, "rev-parse", "main")
        if not world.killed(world.split, at):
            continue
        finish(world, main)


@pytest.mark.slow
@LONG
def test_a_merge_killed_at_any_effect_is_whole_or_not_at_all(
    tmp_path: Path, wtman: kit.Program
) -> None:
    world = make(tmp_path / "split", wtman)
    world.wtman(*world.split, cwd=world.repo)
    as_split = kept(tmp_path / "split")
    for at in points(world.effects(["merge"])):
        as_split()
        if not world.killed(["merge"], at):
            continue
        answer = world.wtman("merge", "--json", cwd=world.repo, check_status=None)
        assert answer.code == 0, f"effect {at}\n{answer}"
        log = kit.run_git(
            world.repo, "log", "--first-parent", "--format=%(trailers:key=Wtman-Task)"
        )
        landed = sorted(line.split()[1] for line in log.splitlines() if line)
        assert landed == ["alpha", "beta", "gamma"], f"effect {at}: landed {landed}"
        for task in landed:
            assert (world.repo / f"{task}.txt").read_text() == f"by {task}\n"
        untouched(world, kit.run_git(world.repo, "rev-parse", "main"))


@pytest.mark.slow
@LONG
@pytest.mark.parametrize("strategy", ["squash", "merge"])
def test_a_merge_of_branches_killed_at_any_effect_is_whole_or_not_at_all(
    tmp_path: Path, wtman: kit.Program, strategy: str
) -> None:
    """The same words again end it; each change lands once, a line changed twice too."""
    check = "test -f base.txt"
    words = ["merge", "--branches", "low", "high", "other", "--check", check]
    words += ["--strategy", strategy]
    fresh = worlds(tmp_path, wtman)
    _, first = next(fresh)
    _branches(first.repo)
    effects = first.effects(words)
    for at, (_, world) in zip(points(effects), fresh, strict=False):
        repo = world.repo
        _branches(repo)
        before = kit.run_git(repo, "rev-parse", "main")
        if not world.killed(words, at):
            continue
        assert kit.run_git(repo, "rev-list", "--count", "--first-parent", f"{before}..main") in (
            "0",
            "3",
        ), f"effect {at}: a part landed"
        answer = wtman(*words, "--json", cwd=repo, check_status=None)
        assert answer.code == 0, f"effect {at}\n{answer}"
        told = answer.json()
        # Killed behind the last word of its journal it was over: then the target has them.
        assert sorted(told["landed"] or told["present"]) == ["high", "low", "other"], f"effect {at}"
        subjects = kit.run_git(repo, "log", "--first-parent", "--format=%s", f"{before}..main")
        assert len(subjects.splitlines()) == 3, f"effect {at}: {subjects}"
        assert (repo / "line.txt").read_text() == "2\n"
        untouched(world, kit.run_git(repo, "rev-parse", "main"))


def _branches(repo: Path) -> None:
    for name, on, files in (
        ("low", "main", {"line.txt": "1\n"}),
        ("high", "low", {"line.txt": "2\n"}),
        ("other", "main", {"other.txt": "o\n"}),
    ):
        kit.run_git(repo, "switch", "-q", "-c", name, on)
        kit.commit_files(repo, files, name)
    kit.run_git(repo, "switch", "-q", "main")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_random_kills_one_after_the_other(world: World) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    choose = random.Random(seed)
    main = kit.run_git(world.repo, "rev-parse", "main")
    process = world.wtman.start(*world.split, cwd=world.repo)
    for _ in range(12):
        time.sleep(choose.uniform(0.05, 1.2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        run = world.run
        args = ["resume", run, "--yes"] if run else world.split
        process = world.wtman.start(*args, cwd=world.repo)
    process.communicate()
    finish(world, main)
