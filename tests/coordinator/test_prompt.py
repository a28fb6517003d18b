"""In which order a session is told what: what all tasks share first, its own task after that."""

from dataclasses import replace

from tests.journal.runs import A_RUN, journal, played
from wtman.coordinator.prompt import task_prompt
from wtman.model.ids import TaskId


def test_the_prompts_of_a_run_begin_alike_up_to_the_task() -> None:
    """A provider's cache reads from the start, and one agent makes a hash of the first words."""
    state = replace(played(journal(*A_RUN)), context="Prices are integers, in cents.")
    names = [TaskId(name) for name in ("core", "billing", "docs")]
    prompts = {name: task_prompt(state, state.tasks[name], "it failed") for name in names}
    (shared,) = {prompt.partition("Your task:\n")[0] for prompt in prompts.values()}
    assert state.request in shared and state.context in shared and len(shared) > 21
    for name, prompt in prompts.items():
        assert prompt.index(state.tasks[name].task.prompt.strip()) >= len(shared)
        assert prompt.endswith("it failed\n")


def test_a_task_that_is_the_whole_request_is_told_nothing_else() -> None:
    state = played(journal(*A_RUN))
    view = state.tasks[TaskId("core")]
    alone = replace(state, request=view.task.prompt, context="")
    assert "larger request" not in task_prompt(alone, view)
