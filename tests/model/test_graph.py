"""Order, cycles and chains of tasks."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wtman.model.graph import closure, critical, critical_path, cycle, dependents, order, unordered
from wtman.model.ids import TaskId
from wtman.model.plan import Task


def tasks(**needs: str) -> tuple[Task, ...]:
    """Tasks by name, each with the names that it needs."""
    return tuple(
        Task(id=TaskId(name), prompt="x", needs=tuple(TaskId(n) for n in wanted.split()))
        for name, wanted in needs.items()
    )


DIAMOND = tasks(docs="api web", web="core", api="core", core="", alone="")


def test_order_follows_needs_then_the_plan() -> None:
    assert order(DIAMOND) == ("core", "web", "api", "docs", "alone")
    assert order(tasks(b="", a="", c="a")) == ("b", "a", "c")


def test_a_need_named_twice_or_unknown_does_not_stop_a_task() -> None:
    assert order(tasks(a="ghost", b="a a")) == ("a", "b")


def test_a_cycle_is_a_closed_path_from_its_first_task() -> None:
    assert cycle(DIAMOND) == ()
    assert cycle(tasks(x="", c="a", a="b", b="c")) == ("c", "a", "b", "c")
    assert cycle(tasks(a="a")) == ("a", "a")
    assert cycle(tasks(waits="p", p="q", q="p")) == ("p", "q", "p")


def test_closure_is_all_that_is_needed_in_plan_order() -> None:
    assert closure(DIAMOND, [TaskId("api")]) == ("api", "core")
    assert closure(DIAMOND, [TaskId("docs"), TaskId("ghost")]) == ("docs", "web", "api", "core")


def test_dependents_are_direct() -> None:
    assert dependents(DIAMOND) == {
        "docs": (),
        "web": ("docs",),
        "api": ("docs",),
        "core": ("web", "api"),
        "alone": (),
    }


def test_the_longest_chain_of_dependents_ranks() -> None:
    assert critical(DIAMOND) == {"docs": 1, "web": 2, "api": 2, "core": 3, "alone": 1}
    assert critical_path(DIAMOND) == ("core", "web", "docs")


def test_unordered_pairs_need_each_other_in_no_way() -> None:
    pairs = [(one.id, other.id) for one, other in unordered(DIAMOND)]
    assert pairs == [
        ("docs", "alone"),
        ("web", "api"),
        ("web", "alone"),
        ("api", "alone"),
        ("core", "alone"),
    ]


def test_a_chain_of_five_thousand_tasks_is_ordinary() -> None:
    chain = tuple(
        Task(TaskId(f"t{n}"), "x", needs=(TaskId(f"t{n - 1}"),) if n else ()) for n in range(5000)
    )
    back = tuple(reversed(chain))
    assert order(back) == tuple(task.id for task in chain)
    assert len(critical_path(back)) == len(closure(back, [chain[-1].id])) == 5000
    ring = (Task(TaskId("t0"), "x", needs=(chain[-1].id,)), *chain[1:])
    assert len(cycle(ring)) == 5001


@given(st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=1, max_size=8))
def test_order_and_cycle_agree_with_the_definitions(needs: list[set[int]]) -> None:
    made = tuple(
        Task(TaskId(str(n)), "x", needs=tuple(TaskId(str(need)) for need in sorted(wanted)))
        for n, wanted in enumerate(needs)
    )
    known = {task.id: task for task in made}
    ordered = order(made)
    place = {task: number for number, task in enumerate(ordered)}
    for task in ordered:
        assert all(place[need] < place[task] for need in known[task].needs if need in known)
    ring = cycle(made)
    assert bool(ring) is (len(ordered) < len(made))
    assert all(following in known[task].needs for task, following in itertools.pairwise(ring))
    if not ring:
        apart = {frozenset((a.id, b.id)) for a, b in unordered(made)}
        for a, b in itertools.combinations(made, 2):
            related = a.id in closure(made, [b.id]) or b.id in closure(made, [a.id])
            assert (frozenset((a.id, b.id)) in apart) is not related
        rank = critical(made)
        for task in made:
            for need in task.needs:
                assert need not in known or rank[need] > rank[task.id]
