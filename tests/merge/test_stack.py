"""Which pull request stands on which."""

from hypothesis import given
from hypothesis import strategies as st

from wtman.merge.stack import stacks
from wtman.model.ids import TaskId

A, B, C, D = (TaskId(name) for name in "abcd")


def test_what_needs_nothing_stands_on_the_target_and_the_rest_on_what_it_needs() -> None:
    found = stacks((A, B, C, D), {B: (A,), C: (A,), D: (B,)})
    assert found == {A: (A,), B: (A, B), C: (A, C), D: (A, B, D)}


def test_what_needs_two_has_the_later_of_them_on_the_earlier() -> None:
    found = stacks((A, B, C), {C: (A, B)})
    assert found == {A: (A,), B: (A, B), C: (A, B, C)}


def test_what_did_not_land_is_not_stood_on() -> None:
    assert stacks((B,), {B: (A,)}) == {B: (B,)}


@given(st.data())
def test_each_stands_on_one_branch_that_holds_all_that_it_needs(data: st.DataObject) -> None:
    order = [TaskId(f"t{number}") for number in range(data.draw(st.integers(1, 9)))]
    needs = {
        task: tuple(data.draw(st.sets(st.sampled_from(order[:at])))) if at else ()
        for at, task in enumerate(order)
    }
    found = stacks(order, needs)
    assert list(found) == order
    for task, chain in found.items():
        assert chain[-1] == task and {*needs[task]} <= {*chain}
        assert len(chain) == 1 or found[chain[-2]] == chain[:-1]
