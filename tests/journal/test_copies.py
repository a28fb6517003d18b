"""A changed copy is what `dataclasses.replace` gives, with slots and without."""

import dataclasses

import pytest

from wtman.journal.copies import replace
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task


def test_it_changes_what_is_named_and_leaves_the_value_as_it_was() -> None:
    view = TaskView(Task(TaskId("a"), "do it"), "f1", head=Sha("c1"))
    assert replace(view, head=Sha("c2")) == dataclasses.replace(view, head=Sha("c2"))
    state = State(sessions=3)
    assert replace(state, sessions=4) == dataclasses.replace(state, sessions=4)
    assert (view.head, state.sessions) == ("c1", 3)
    with pytest.raises(TypeError, match="State has no field sesions"):
        replace(state, sesions=4)
