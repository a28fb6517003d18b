"""Which sets of branches a proof is run on, and that the smallest that fails is to blame."""

from collections.abc import Callable
from itertools import chain, combinations

import pytest

from wtman.model.finding import BASE, Cell
from wtman.model.ids import TaskId
from wtman.review.combinations import wanted
from wtman.review.matrix import MatrixResult, combined, holds, judge

World = Callable[[frozenset[str]], bool | None]  # whether it passes there; None: no such tree


def cell(world: World, tree: str, below: dict[TaskId, frozenset[TaskId]]) -> Cell:
    passes = world(frozenset(holds(tree, below)))
    if passes is None:
        return Cell(tree, "unrun", 0, 0, "they do not merge")
    return Cell(tree, "passed" if passes else "failed", 1, int(not passes))


def settled(
    world: World, names: str, below: dict[TaskId, frozenset[TaskId]] | None = None
) -> tuple[MatrixResult, list[str]]:
    """The verdict once nothing more is to be run, and the sets that were run for it."""
    members, below = tuple(map(TaskId, names)), below or {}
    cells = [cell(world, tree, below) for tree in (BASE, *members)]
    tried: list[str] = []
    while sets := wanted(cells, members, below):
        assert len(tried) < 60
        for one in sets:
            tried.append("".join(one))
            cells.append(cell(world, combined(one), below))
    assert len(set(tried)) == len(tried)
    return judge(cells, members, below), tried


def fails_with(*sets: str) -> World:
    """It passes everywhere but where all of one of these meet."""
    return lambda held: not any(set(one) <= held for one in sets)


def kept_by(keeper: str, *breakers: str) -> World:
    """It passes only where the keepers are, and not with one of these sets."""
    return lambda held: set(keeper) <= held and fails_with(*breakers)(held)


@pytest.mark.parametrize(
    ("world", "names", "kind", "culprits"),
    [
        (fails_with("ab"), "ab", "interaction", "ab"),
        (fails_with("ab"), "abc", "interaction", "ab"),
        (fails_with("bc"), "abc", "interaction", "bc"),
        (fails_with("abc"), "abc", "interaction", "abc"),
        (fails_with("abc"), "abcd", "interaction", "abc"),
        (fails_with("bcd", "ab"), "abcd", "interaction", "ab"),
        (fails_with("abcd"), "abcd", "interaction", "abcd"),
        (fails_with("ce"), "abcde", "interaction", "ce"),
        (fails_with("ace"), "abcde", "interaction", "ace"),
        (fails_with("cg"), "abcdefgh", "interaction", "cg"),
        (fails_with("bfh"), "abcdefgh", "interaction", "bfh"),
        (fails_with("b"), "abc", "regression", "b"),
        (fails_with("a", "c"), "abc", "regression", "ac"),
        (fails_with(), "abc", "not reproduced", ""),
        # What the base lacks: somebody brings it, another one breaks it.
        (kept_by("b", "a"), "ab", "interaction", "ab"),
        (kept_by("b", "c"), "abc", "interaction", "bc"),
        (kept_by("b", "ac"), "abc", "interaction", "abc"),
        (kept_by("ab", "c"), "abc", "interaction", "abc"),
        (kept_by("ab", "c"), "abcd", "interaction", "abc"),
        (kept_by("c", "g"), "abcdefgh", "interaction", "cg"),
        (kept_by("ab"), "abc", "base", ""),
        (kept_by("z"), "abc", "invalid", ""),
    ],
)
def test_the_smallest_set_that_fails_is_blamed(
    world: World, names: str, kind: str, culprits: str
) -> None:
    shown, _ = settled(world, names)
    assert (shown.kind, "".join(shown.culprits)) == (kind, culprits), shown.reason


def test_only_where_all_of_them_fail_together_smaller_sets_are_run() -> None:
    assert settled(fails_with(), "abcdef")[1] == ["abcdef"]
    assert settled(fails_with("b"), "abc")[1] == ["abc"]
    assert settled(fails_with("ab"), "ab")[1] == ["ab"]
    assert settled(fails_with("bc"), "abc")[1] == ["abc", "ab", "ac", "bc"]
    assert len(settled(fails_with("cg"), "abcdefgh")[1]) <= 9


def test_who_does_not_merge_with_all_is_tried_with_some() -> None:
    def world(held: frozenset[str]) -> bool | None:
        return None if {"a", "c"} <= held else fails_with("ab")(held)

    assert settled(world, "abc")[0].culprits == ("a", "b")
    shown, _ = settled(lambda held: None if len(held) > 1 else True, "abc")
    assert shown.kind == "unproven" and "do not merge" in shown.reason


def test_a_set_that_is_a_branch_by_itself_is_not_run_again() -> None:
    """c was built on b, so that b and c together are c."""
    below = {TaskId("c"): frozenset({TaskId("b")})}
    shown, tried = settled(fails_with("ab"), "abc", below)
    assert shown.culprits == ("a", "b") and "bc" not in tried
    assert settled(fails_with("bc"), "abc", below)[0] == settled(fails_with("c"), "abc", below)[0]


def test_every_truth_of_three_branches() -> None:
    """Where it fails on all of them and passes on less, somebody is blamed, and rightly so."""
    sets = [frozenset(one) for n in range(4) for one in combinations("abc", n)]
    for number in range(2 ** len(sets)):
        truth = {one: bool(number >> at & 1) for at, one in enumerate(sets)}
        shown, _ = settled(lambda held, truth=truth: truth[held], "abc")  # type: ignore[misc]
        blamed = frozenset(shown.culprits)
        less = chain.from_iterable(combinations(blamed, n) for n in range(len(blamed)))
        if shown.kind == "interaction":
            assert not truth[blamed] and any(truth[frozenset(one)] for one in less)
        elif shown.kind == "regression":
            assert truth[frozenset()] and not any(truth[frozenset(name)] for name in blamed)
        else:
            whole = frozenset("abc")
            assert truth[whole] or not any(truth[one] for one in sets if one != whole)
