"""Two tasks in one file are sent to different places, and told of each other."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.journal.runs import A_RUN, journal, played
from wtman.coordinator.anchors import anchor_text, anchors, neighbours, words
from wtman.coordinator.prompt import task_prompt
from wtman.model.ids import TaskId
from wtman.model.plan import Task

A, B, C, D = (TaskId(name) for name in "abcd")


def task(name: TaskId, *touches: str, needs: tuple[TaskId, ...] = ()) -> Task:
    return Task(name, f"do {name}", touches=touches, needs=needs)


def test_each_author_is_told_its_place_and_that_of_its_neighbour() -> None:
    tasks = (task(A, "src/app.py::after X"), task(B, "src/app.py::after Y", "src/app.py::Y.run"))
    told = anchor_text(tasks, A)
    assert "  src/app.py: put new code right after `X`\n" in told
    assert "  task b: src/app.py: puts new code right after `Y`" in told
    assert "  task b: src/app.py: changes `Y.run`" in told
    assert "task a: src/app.py: puts new code right after `X`" in anchor_text(tasks, B)


def test_nothing_is_told_of_tasks_in_other_files_or_that_wait_for_each_other() -> None:
    tasks = (
        task(A, "app.py::after X"),
        task(B, "other.py::after X"),
        task(C, "app.py::after X", needs=(A,)),
        task(D),
    )
    assert neighbours(tasks, A) == () and "Other tasks" not in anchor_text(tasks, A)
    assert str(anchors(tasks)[C][0].place) == "app.py::after X", "it starts from the work of a"
    assert anchor_text(tasks, D) == ""


def test_one_place_of_several_becomes_several_by_their_order() -> None:
    tasks = tuple(task(name, "app.py::after X@7") for name in (A, B, C, D))
    places = [str(anchors(tasks)[name][0].place) for name in (A, B, C, D)]
    assert places == [
        "app.py::after X@7",
        "app.py::before X",
        "app.py::at end",
        "app.py::at start",
    ]
    fifth = anchors((*tasks, task(TaskId("e"), "app.py::after X")))[TaskId("e")][0]
    assert fifth.shared and "another task has to add there too" in words(fifth)


def test_a_place_that_becomes_another_one_of_its_task_is_told_once() -> None:
    tasks = (task(A, "app.py::after X"), task(B, "app.py::before X"))
    tasks = (*tasks, task(C, "app.py::after X", "app.py::at end"))
    assert [str(item.place) for item in anchors(tasks)[C]] == ["app.py::at end"]


def test_members_of_one_class_go_to_its_ends() -> None:
    tasks = tuple(task(name, "app.py::in X") for name in (A, B))
    told = [words(anchors(tasks)[name][0]) for name in (A, B)]
    assert told == [
        "app.py: put new code as the last member of `X`",
        "app.py: put new code as the first member of `X`",
    ]


def test_the_place_is_in_the_prompt_behind_what_all_tasks_share() -> None:
    state = played(journal(*A_RUN))
    view = state.tasks[TaskId("core")]
    plain = task_prompt(state, view)
    state.tasks[TaskId("core")] = replace(
        view, planned=replace(view.planned, touches=("core.py::after Money",))
    )
    told = task_prompt(state, state.tasks[TaskId("core")])
    shared = plain.partition("Your task:\n")[0]
    assert told.startswith(shared) and "right after `Money`" in told
    assert "right after `Money`" not in plain


places = st.sampled_from(
    [
        f"{path}::{where}"
        for path in ("a.py", "b.py")
        for where in ("X", "after X", "before X", "in X", "after Y", "at end", "at start")
    ]
)


@given(st.lists(st.lists(places, max_size=4), min_size=2, max_size=6))
def test_no_two_tasks_put_new_code_at_one_place_unless_they_are_told(
    wanted: list[list[str]],
) -> None:
    tasks = tuple(task(TaskId(f"t{at}"), *found) for at, found in enumerate(wanted))
    found = anchors(tasks)
    assert found == anchors(tasks)
    seen: dict[str, TaskId] = {}
    for name, items in found.items():
        for item in items:
            if item.place.insert and not item.shared:
                told = f"{item.place.path} {item.place.insert} {item.place.definition} {item.order}"
                assert seen.setdefault(told, name) == name


def test_the_gap_in_front_of_a_definition_may_be_behind_another() -> None:
    tasks = (task(A, "a.py::after one"), task(B, "a.py::after two"), task(C, "a.py::after two"))
    assert str(anchors(tasks)[C][0].place) == "a.py::at end", "before two may be after one"
