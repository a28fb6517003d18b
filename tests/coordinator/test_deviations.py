"""Who hears where a task deviates from the contract, and who does not."""

import json
from dataclasses import replace

from tests.journal.runs import A_RUN, finished, journal, played, started
from wtman.coordinator.next_session import next_session
from wtman.coordinator.prompt import task_prompt
from wtman.journal import events as e
from wtman.journal.deviations import told_to, unaware
from wtman.journal.state import State, Unit
from wtman.model.ids import TaskId
from wtman.model.session import Deviation, Ended
from wtman.review.prompts import review_prompt, review_request

CORE, BILLING, PORTAL, DOCS = map(TaskId, ("core", "billing", "portal", "docs"))
NOTE = Deviation("token_of", "token_of(user) -> str", "token_of(user_id) -> str", "no user there")
SAID = {"deviated": True, "deviations": (NOTE,)}
CONTRACT = "token_of(user: User) -> str in core/tokens.py"


def noted(*more: e.Event, context: str = "", **said: object) -> State:
    return replace(
        played(journal(*A_RUN, *finished("core", 1, **{**SAID, **said}), *more)), context=context
    )


def hears(state: State) -> set[str]:
    return {
        task for task in state.tasks if "no user there" in task_prompt(state, state.tasks[task])
    }


def test_who_needs_the_task_is_told_and_others_where_it_is_about_the_contract() -> None:
    assert hears(noted()) == {"core", "billing", "portal"}
    assert hears(noted(context=CONTRACT)) == {"core", "billing", "portal", "docs"}
    assert hears(noted(context="Prices are integers.")) == {"core", "billing", "portal"}


def test_who_touches_the_same_file_is_told() -> None:
    state = noted()
    for name in (CORE, DOCS):
        view = state.tasks[name]
        task = replace(view.planned, touches=("core/tokens.py::token_of",))
        state.tasks[name] = replace(view, planned=task)
    assert hears(state) == {"core", "billing", "portal", "docs"}


def test_the_next_session_is_another_one_only_for_whom_it_concerns() -> None:
    before = played(journal(*A_RUN, *finished("core", 1)))
    after = noted()
    keys = [
        next_session(state, state.tasks[name]).cache_key
        for state in (before, after)
        for name in (BILLING, DOCS)
    ]
    assert keys[0] != keys[2] and keys[1] == keys[3]


def test_notes_of_a_failed_attempt_count_and_newer_ones_take_their_place() -> None:
    failed = noted(ended=Ended.FAILED)
    assert told_to(failed, BILLING) == ((CORE, (NOTE,)),)
    silent = noted(*finished("core", 2)[:])
    assert told_to(silent, BILLING) == ((CORE, (NOTE,)),)
    taken_back = noted(*finished("core", 2, deviated=True))
    assert told_to(taken_back, BILLING) == ()


def test_work_that_begins_anew_has_no_notes_of_the_work_before() -> None:
    conflict = e.Followed(CORE, "c2", "c2", {}, conflicts=("a.py",))
    state = noted(conflict, started("core", 2), e.SessionFinished("core", 2, Ended.OK, "c3"))
    assert state.tasks[CORE].deviations == ()


def test_what_could_not_be_read_is_told_once_to_its_author() -> None:
    state = noted(deviated=False, deviations=(), unread="its notes are nonsense")
    assert "its notes are nonsense" in task_prompt(state, state.tasks[CORE])
    assert "its notes are nonsense" not in task_prompt(state, state.tasks[BILLING])
    later = noted(
        *finished("core", 2), deviated=False, deviations=(), unread="its notes are nonsense"
    )
    assert "its notes are nonsense" not in task_prompt(later, later.tasks[CORE])


def test_the_prompts_of_a_run_with_a_contract_still_begin_alike() -> None:
    state = noted(context=CONTRACT)
    prompts = [task_prompt(state, view) for view in state.tasks.values()]
    (shared,) = {prompt.partition("Your task:\n")[0] for prompt in prompts}
    assert "WTMAN_NOTES" in shared
    alone = noted(deviated=False, deviations=())
    assert "WTMAN_NOTES" in task_prompt(alone, alone.tasks[CORE])
    assert "WTMAN_NOTES" not in task_prompt(alone, alone.tasks[DOCS])


def test_a_reviewer_holds_the_whole_against_the_contract_and_hears_who_could_not_know() -> None:
    early = finished("billing", 1)
    state = played(journal(*A_RUN, *early, *finished("core", 1, **SAID)))
    state = replace(state, context=CONTRACT)
    assert unaware(state, CORE) == (BILLING,)
    seen = {CORE: "+a\n", BILLING: "+b\n"}
    unit = Unit("k", "completeness", "completeness", "claude", (CORE, BILLING), {})
    told = review_prompt(state, unit, seen)
    assert f"The contract, which all branches were told to keep to:\n{CONTRACT}" in told
    assert "item by item" in told and '"unaware": ["billing"]' in told
    asked = json.loads(review_request(state, unit, seen))
    assert asked["contract"] == CONTRACT
    assert [item["unaware"] for item in asked["deviations"]] == [["billing"]]
    assert asked["deviations"][0]["instead"] == NOTE.instead
