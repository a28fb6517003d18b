"""What planning does next, and that all of it together keeps its limit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.errors import UsageError
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import Planning, State
from wtman.model.actions import ActionKey, Pause
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.plan import Identity, Task
from wtman.model.scout import ScoutPart, ScoutReport
from wtman.model.session import Cap, Usage
from wtman.model.settings import Settings
from wtman.plan.actions import ChoosePlan, DraftPlan, MakeMap, MakePlan, PassOver, Scout
from wtman.plan.allowance import cut_words, planning_limit, planning_size, require_planning
from wtman.plan.decide import PlanningAction, planning_actions

TASK = Task(TaskId("a"), "do a")
NONE = frozenset[ActionKey]()


class World:
    """A journal of a planning, and what of it is running."""

    def __init__(self, parts: int = 3, **settings: object) -> None:
        self.state, self.parts, self.spent = State(), parts, 0.0
        self.running: dict[ActionKey, PlanningAction] = {}
        wanted = e.PlanWanted("planner", scout="scout", judge="judge")
        given = replace(Settings(agent="x"), **settings)  # type: ignore[arg-type]
        self.tell(
            e.RunCreated(
                RunId("r"), "all", Sha("b"), Branch("main"), given, Identity("n", "n@n.invalid")
            ),
            wanted,
        )

    def tell(self, *events: e.Event) -> None:
        self.state = replay([Recorded(self.state.seq + 1, 1.0, it) for it in events], self.state)

    def turn(self, slots: int = 16) -> tuple[PlanningAction, ...]:
        """Start what is wanted."""
        wanted = planning_actions(self.state, self.running.keys(), slots - len(self.running))
        for action in wanted:
            if isinstance(action, Pause):
                self.tell(e.Paused(action.reason, action.hint))
            elif isinstance(action, PassOver):
                self.tell(action.outcome)
            else:
                cap = getattr(action, "cap", Cap())
                self.tell(e.Intended(type(action).__name__, action.key, cap))
                self.running[action.key] = action
        return wanted

    def end(self, share: float = 0.0, ok: bool = True) -> None:
        """The oldest of what runs ends, having used this share of its cap."""
        key = next(iter(self.running))
        action = self.running.pop(key)
        usd = getattr(action, "cap", Cap()).usd * share
        used = Usage(10, 10, usd)
        self.spent += usd
        match action:
            case MakeMap(most=most):
                named = tuple(ScoutPart(f"p{n}") for n in range(min(self.parts, most)))
                self.tell(e.MapMade(named, 9))
            case Scout(part=part) if ok:
                self.tell(e.Scouted(part, "scout", ScoutReport(), usage=used, seconds=1.0))
            case Scout(part=part):
                self.tell(e.ScoutFailed(part, "scout", "no", usage=used, seconds=1.0))
            case DraftPlan(number=number) if ok:
                self.tell(e.PlanDrafted(number, 1, "x", (TASK,), usage=used, seconds=1.0))
            case DraftPlan(number=number):
                self.tell(e.DraftFailed(number, 1, "x", "no", usage=used, seconds=1.0))
            case ChoosePlan():
                made = bool(self.state.planning and self.state.planning.drafts)
                self.tell(e.PlansJudged(1 if made else 0, usage=used, seconds=1.0, sessions=1))
                self.tell(e.Planned(1, "x") if made else e.PlanFailed(1, "x", "none"))
            case MakePlan() if ok:
                self.tell(e.Planned(1, "x", usage=used, seconds=1.0))
            case _:
                self.tell(e.PlanFailed(1, "x", "no", usage=used, seconds=1.0))

    @property
    def over(self) -> bool:
        state = self.state
        made = state.planning is not None and state.planning.made is not None
        return made or state.paused is not None or state.failed is not None


def test_the_map_then_scouts_side_by_side_then_the_plan() -> None:
    world = World()
    assert world.turn() == (MakeMap(8, "scout"),)
    world.end()
    assert [type(item) for item in world.turn()] == [Scout] * 3
    assert world.turn() == ()
    for _ in range(3):
        world.end()
    (plan,) = world.turn()
    assert isinstance(plan, MakePlan) and world.state.sessions == 4


@pytest.mark.parametrize(
    "known, settings, one",
    [
        (e.Configured(), Settings(agent="a", scouts=8), False),
        (e.Configured(flags=("scouts",)), Settings(agent="a", scouts=1), True),
        (e.Configured(files={"scouts": 2}), Settings(agent="a", scouts=2), True),
        (e.Configured(environment={"scouts": 2}), Settings(agent="a", scouts=2), True),
        (e.Configured(files={"jobs": 2}), Settings(agent="a", roles={"scout": "b"}), True),
        (e.Configured(), Settings(agent="a", effort="ultra"), True),
    ],
)
def test_one_part_has_a_scout_only_where_scouts_are_asked_for(
    known: e.Configured, settings: Settings, one: bool
) -> None:
    planning = Planning(e.PlanWanted("planner", scout="scout"))
    state = State(settings=settings, planning=planning, configured=known)
    assert planning_actions(state, (), 8) == (MakeMap(settings.scouts, "scout", one),)


def test_no_more_scouts_at_once_than_there_are_slots() -> None:
    world = World(parts=5)
    world.turn()
    world.end()
    assert len(world.turn(slots=2)) == 2 and world.turn(slots=2) == ()
    world.end()
    assert len(world.turn(slots=2)) == 1


def test_a_used_up_limit_passes_scouts_over_and_plans_with_what_is_left() -> None:
    world = World(parts=4, max_sessions=10)
    world.turn()
    world.end()
    assert len(world.turn()) == 4
    (first, *_) = world.running.values()
    assert isinstance(first, Scout)
    world.tell(e.ScoutFailed(first.part, "scout", "no", sessions=2, seconds=1.0))
    world.running.pop(first.key)
    for _ in range(3):
        world.end()
    assert [type(item) for item in world.turn()] == [MakePlan]
    world = World(parts=4, max_sessions=10)
    world.turn()
    world.tell(e.MapMade(tuple(ScoutPart(f"p{n}") for n in range(6)), 9))
    world.running.clear()
    assert len(world.turn()) == 4, "half of the sessions and one for the planner are kept"
    for _ in range(4):
        world.end()
    (over,) = world.turn()
    assert isinstance(over, PassOver)
    assert over.outcome.reason == "the rest of the run's 10 sessions is kept for the tasks"
    assert [type(item) for item in world.turn()] == [PassOver]
    assert [type(item) for item in world.turn()] == [MakePlan]


@pytest.mark.parametrize(
    "settings, size",
    [
        ({}, (8, 3, 1)),
        ({"max_sessions": 24}, (8, 3, 1)),
        ({"max_sessions": 14}, (3, 3, 1)),
        ({"max_sessions": 8}, (2, 1, 0)),
        ({"max_sessions": 3}, (0, 1, 0)),
        ({"budget_usd": 100.0}, (8, 3, 1)),
        ({"budget_usd": 1.0}, (1, 1, 0)),
        ({"budget_usd": 0.01}, (0, 1, 0)),
        ({"plan_budget_usd": 0.2}, (2, 1, 0)),
        ({"budget_tokens": 400_000}, (2, 1, 0)),
    ],
)
def test_scouts_and_plans_are_cut_to_what_leaves_room_for_the_tasks(
    settings: dict[str, float], size: tuple[int, int, int]
) -> None:
    wanted = e.PlanWanted("planner", scout="scout", judge="judge")
    given = replace(Settings(agent="a", plans=3), **settings)  # type: ignore[arg-type]
    found = planning_size(wanted, given)
    assert (found.scouts, found.plans, found.judges) == size
    assert bool(cut_words(wanted, given)) is (size != (8, 3, 1))
    world = World(parts=8, plans=3, **settings)
    while not world.over:
        assert world.turn() or world.running
        if world.running:
            world.end()
    if world.state.paused is None:
        assert world.state.sessions <= max(world.state.settings.max_sessions // 2, 1)


def test_planning_never_takes_the_money_of_the_tasks() -> None:
    assert planning_limit(Settings(budget_usd=10.0)).usd == 1.0
    assert planning_limit(Settings(budget_usd=10.0, plan_budget_usd=4.0)).usd == 4.0
    assert planning_limit(Settings(budget_usd=10.0, plan_budget_usd=9.0)).usd == 5.0


def test_a_plan_without_a_session_for_a_task_of_it_is_not_made() -> None:
    world = World(parts=0, max_sessions=3)
    world.turn()
    world.end()
    assert [type(item) for item in world.turn()] == [MakePlan]
    world.end(ok=False)
    world.tell(e.Resumed(), e.PlanFailed(1, "x", "no", sessions=1, seconds=1.0), e.Resumed())
    (pause,) = world.turn()
    assert isinstance(pause, Pause)
    told = "the run has had 2 of its 3 sessions, and a plan with one task needs 2 more"
    assert pause.reason == told
    assert pause.hint == "raise the limit: wtman resume --max-sessions N"


@pytest.mark.parametrize("most, reviewers, ok", [(1, 0, False), (2, 0, True), (3, 2, False)])
def test_a_limit_that_no_plan_fits_is_refused_with_the_number_that_is_needed(
    most: int, reviewers: int, ok: bool
) -> None:
    wanted, given = e.PlanWanted("planner"), Settings(agent="a", max_sessions=most)
    if ok:
        return require_planning(wanted, given, reviewers)
    with pytest.raises(UsageError) as error:
        require_planning(wanted, given, reviewers)
    assert f"need at least {2 + reviewers} (1 planner" in error.value.message
    assert f"--max-sessions {2 + reviewers} or more" in error.value.hint


def test_without_money_for_a_plan_the_run_pauses_and_says_how_to_go_on() -> None:
    world = World(plan_budget_usd=1.0)
    world.turn()
    world.end()
    world.turn()
    while world.running:
        world.end(share=1.0)
    world.tell(e.PlanFailed(1, "x", "no", usage=Usage(1, 1, 0.9), seconds=1.0))
    world.tell(e.Resumed())
    (pause,) = world.turn()
    assert isinstance(pause, Pause) and "the limit of planning is used up: $1." in pause.reason
    assert pause.hint == "raise it: wtman resume r --plan-budget-usd N"


@pytest.mark.parametrize("plans", [1, 3])
@given(data=st.data())
def test_planning_never_uses_more_than_its_limit_and_comes_to_an_end(
    plans: int, data: st.DataObject
) -> None:
    limit = data.draw(st.sampled_from([0.01, 0.5, 7.0]))
    own = {"plan_budget_usd": limit} if data.draw(st.booleans()) else {"budget_usd": limit * 10}
    world = World(parts=data.draw(st.integers(2, 8)), plans=plans, **own)
    kills = 3
    for _ in range(150):
        if world.over:
            break
        begun = world.turn(slots=data.draw(st.integers(1, 6)))
        if world.running and (not begun or data.draw(st.booleans())):
            world.end(data.draw(st.sampled_from([0.0, 0.4, 1.0])), data.draw(st.booleans()))
        if world.running and kills and data.draw(st.integers(0, 9)) == 0:
            kills -= 1
            world.running.clear()  # the coordinator is killed, and what it had begun is asked again
            world.tell(e.Resumed())
        held = sum(cap.usd for cap in world.state.reserved.values())
        assert world.spent + held <= limit + 1e-6
    assert world.over
