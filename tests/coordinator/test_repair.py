"""Repairs: lists of events and what follows, amid crashes, limits and changes of the plan."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kit
from tests.coordinator.simulation import World, created, task
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.coordinator.outcome import exit_status, next_command
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.actions import ActionKey
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Plan, Task
from wtman.model.states import RunState, TaskState
from wtman.plan.authority import as_part
from wtman.tasks.edit import changes
from wtman.tasks.lifecycle import run_state, standings
from wtman.tasks.repair import asks_for, wrong_with
from wtman.ui.questions import question_lines
from wtman.ui.report import report
from wtman.ui.report_json import report_json
from wtman.ui.rows import Moment, rows
from wtman.ui.table import attention
from wtman.ui.tree import tree, tree_lines

Fate = Callable[[State, e.RepairDecided], e.RepairDecided | e.RepairFailed | str]


@dataclass
class Repaired(World):
    """A run with a repairer; `repair_fate` is what that decides."""

    repair_fate: Fate = lambda state, base: "no idea"
    asked: list[tuple[str, int]] = field(default_factory=list)

    def _outcome(self, action: a.Action, cancelled: bool) -> tuple[e.Event, ...]:
        if isinstance(action, a.CheckBase) and not cancelled:
            unfit = {text: "it is not there" for text in self.state.offered if text == "missing"}
            known = [*self.state.checks, *(it for it in self.state.offered if it not in unfit)]
            results = tuple(CheckResult(command, Verdict.GREEN) for command in known)
            return (e.BaseChecked(action.commit, results, unfit=unfit),)
        if not isinstance(action, a.DecideRepair):
            return super()._outcome(action, cancelled)
        if cancelled:
            return (e.Abandoned(action.key, "stopped"),)
        if (action.task, action.number) not in self.asked:
            self.asked.append((action.task, action.number))
        state, view = self.state, self.state.tasks[action.task]
        base = e.RepairDecided(
            action.task,
            action.number,
            action.agent,
            "give_up",
            "",
            fingerprint=view.fingerprint,
            last=view.last,
            start=view.start or state.base,
            needs=view.needs,
        )
        said = self.repair_fate(state, base)
        if isinstance(said, str):
            return (e.RepairFailed(action.task, action.number, action.agent, said, (said,)),)
        if isinstance(said, e.RepairDecided) and said.asks:
            question = e.QuestionAsked("q", action.task, "allow it?", said.asks, (), said.number)
            return (said, replace(question, key=f"repair-{action.task}-{said.number}"))
        return (said,)


REPAIRER = "command:repairer"


def repaired(
    *tasks: Task, fate: Fate = lambda state, base: "no idea", **options: object
) -> Repaired:
    world = Repaired(repair_fate=fate)
    options = {"repairs": 1, "attempts": 2, "roles": {"repairer": REPAIRER}, **options}
    world.append(created(*tasks, **options))
    return world


def first(number: int) -> int:
    return 0


def states(world: World) -> dict[str, str]:
    return {str(name): str(item.state) for name, item in standings(world.state).items()}


def fails(*names: str, until: int = 99) -> Callable[[TaskId, int], str]:
    return lambda name, attempt: "no luck" if name in names and attempt <= until else ""


def again(state: State, base: e.RepairDecided) -> e.RepairDecided:
    return replace(base, decision="again", reason="a word was missing", advice="say please")


def split(state: State, base: e.RepairDecided) -> e.RepairDecided:
    lead = state.tasks[base.task].planned
    parts = tuple(as_part(lead, item) for item in (task("x"), task("y", "x")))
    return replace(base, decision="split", reason="too much", parts=parts)


def test_a_task_that_fell_short_is_tried_again_with_advice_and_what_needs_it_waits() -> None:
    world = repaired(task("a"), task("b", "a"), fate=again)
    world.session_fate = fails("a", until=2)
    seen: list[str] = []
    world.repair_fate = lambda state, base: (seen.append(states(world)["b"]), again(state, base))[1]
    state = world.drive(first)
    assert seen == ["pending"], "it is no failure of what needs it"
    assert states(world) == {"a": "verified", "b": "verified"}
    assert world.asked == [("a", 1)] and state.sessions == 5
    assert state.tasks[TaskId("a")].advice == ("say please",)
    assert run_state(state) is RunState.READY


def test_without_anybody_to_ask_or_repairs_a_run_is_as_before() -> None:
    for options in ({"roles": {}}, {"repairs": 0}, {"max_sessions": 3}):
        world = repaired(task("a"), task("b"), fate=again, **options)
        world.session_fate = fails("a")
        state = world.drive(first)
        assert not world.asked and state.paused is None, options
        assert states(world) == {"a": "failed", "b": "verified"}
        assert run_state(state) is RunState.READY


def test_the_planner_repairs_where_nobody_else_is_named() -> None:
    world = repaired(task("a"), fate=again, roles={"planner": "command:p"})
    world.session_fate = fails("a", until=2)
    world.drive(first)
    assert world.asked and states(world) == {"a": "verified"}
    world = repaired(task("a"), fate=again, roles={}, agent="claude")
    world.session_fate = fails("a", until=2)
    world.drive(first)
    assert world.asked and states(world) == {"a": "verified"}


def test_a_split_task_is_a_lead_of_its_parts() -> None:
    world = repaired(task("a"), task("b", "a"), fate=split)
    world.session_fate = fails("a")
    world.drive(first)
    assert states(world) == dict.fromkeys(("a", "a_x", "a_y", "b"), "verified")
    assert world.state.tasks[TaskId("b")].needs == {"a": world.state.tasks[TaskId("a")].head}


@pytest.mark.parametrize("repairs", [1, 2, 5])
@pytest.mark.parametrize("fate", [again, split], ids=["again", "split"])
def test_who_decides_the_same_for_ever_is_asked_so_often(fate: Fate, repairs: int) -> None:
    world = repaired(task("a"), task("b"), fate=fate, repairs=repairs)
    world.session_fate = lambda name, attempt: "no luck"
    state = world.drive(first)
    if fate is again:
        assert len(world.asked) == 2 * repairs
        assert state.sessions == 2 * (2 + repairs * 3)
    assert run_state(state) is RunState.FAILED
    assert len(world.asked) <= 2 * repairs * 2
    assert all(number <= repairs for _, number in world.asked)


def test_a_program_that_cannot_repair_is_asked_once() -> None:
    world = repaired(task("a"), task("b"), task("c", "b"), jobs=1)
    world.session_fate = fails("a", "b")
    state = world.drive(first)
    assert len(world.asked) == 1 and state.paused is None
    assert states(world) == dict.fromkeys("abc", "failed")
    # Of the other one is said why it was not repaired; what failed only with its need is silent.
    told = {str(it.task): it.failed.reason for it in state.repairs if it.failed is not None}
    assert told == {"b": "no idea", "a": f"{REPAIRER} is not asked: it cannot repair (see b)"}
    assert state.sessions == 5
    world.append([e.Resumed(), e.Requested("retry", TaskId("a"), once=True)])
    assert len(world.drive(first).repairs) == 2


def chain(other: str) -> Fate:
    return lambda state, base: replace(
        base, decision="chain", reason="it needs it", other=TaskId(other)
    )


def test_a_task_follows_the_one_whose_work_it_lacked() -> None:
    world = repaired(task("a"), task("b"), fate=chain("a"))
    world.session_fate = fails("b", until=2)
    state = world.drive(first)
    assert states(world) == {"a": "verified", "b": "verified"}
    assert state.tasks[TaskId("b")].needs == {"a": state.tasks[TaskId("a")].head}


def join(state: State, base: e.RepairDecided) -> e.RepairDecided:
    return replace(base, decision="join", reason="one piece of work", other=TaskId("b"))


def test_two_tasks_that_are_one_are_joined_and_who_needed_either_needs_both() -> None:
    judged = task("a", check=("of a",))
    world = repaired(judged, task("b", "slow"), task("slow"), task("c", "a"), fate=join)
    world.session_fate = fails("a")
    keys = ("session/a", "worktree/a", "check/base", "repair/a")
    choose = lambda number: 0  # noqa: E731
    for _ in range(100):
        world.turn()
        if not world.running:
            break
        names = sorted(world.running)
        mine = [name for name in names if name in keys]
        world.finish(mine[0] if mine else names[choose(len(names))])
    state = world.state
    assert states(world) == {"b": "verified", "slow": "verified", "c": "verified"}
    assert "do a" in state.tasks[TaskId("b")].planned.prompt
    # What judged either judges both.
    judging = state.checks_of(TaskId("b"))
    assert "of a" in judging and {*state.settings.check} <= {*judging}
    assert state.tasks[TaskId("c")].planned.needs == ("b",)
    assert TaskId("a") in state.dropped


def asking(state: State, base: e.RepairDecided) -> e.RepairDecided:
    owned = replace(base, decision="owns", reason="it is there", owns=("b/**",))
    return replace(owned, asks=("a may change b/**",))


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_what_only_the_user_can_allow_waits_while_the_rest_goes_on(answer: str) -> None:
    world = repaired(task("a", owns=("a/**",)), task("c", "a"), task("d"), fate=asking)
    world.session_fate = fails("a", until=2)
    state = world.drive(first)
    assert states(world) == {"a": "fixing", "c": "pending", "d": "verified"}
    assert run_state(state) is RunState.WAITING and exit_status(state) == 4
    assert next_command(state, live=False) == "wtman answer run-1"
    assert not decide(state, frozenset())
    (question,) = state.questions
    asked = replace(question, show=(*(["check of a: x"] * 50), "check of a: true #\nevil\x1b[2K"))
    assert "  check of a: true #\\nevil\\u001b[2K" in question_lines(state, asked, 80)
    world.append([e.Answered("repair-a-1", answer)])
    assert states(world)["a"] == "fixing" and run_state(world.state) is RunState.RUNNING
    assert "! Run is answered, and goes on with a resume" in attention(
        world.state, standings(world.state), live=False
    )
    world.append([e.Resumed()])
    state = world.drive(first)
    if answer == "yes":
        assert set(states(world).values()) == {"verified"}
        assert state.tasks[TaskId("a")].planned.owns == ("b/**",)
    else:
        assert states(world) == {"a": "failed", "c": "failed", "d": "verified"}
        assert state.tasks[TaskId("a")].planned.owns == ("a/**",)
        assert state.repairs[-1].applied is not None
        assert "not allowed" in state.repairs[-1].applied.refused
    assert not state.asked and len(world.asked) == 1
    # Every view counts the attempts of the task, however its words changed.
    last = state.tasks[TaskId("a")].last
    known = standings(state)
    (row, *_) = rows(state, tree_lines(tree(state, known)), known, Moment(0.0))
    (told, *_) = report_json(state, live=False)["tasks"]
    assert (row.name, row.attempt, told["attempt"]) == ("a", f"#{last}", last) and last >= 2
    assert f"| {last} |" in report(state)
    assert f"### allow it? **answered {answer}**\n\n- a may change b/\\*\\*\n" in report(state)
    (asked_of,) = report_json(state, live=False)["asked"]
    assert (asked_of["text"], asked_of["answer"]) == ("allow it?", answer)


@pytest.mark.parametrize(("check", "answer"), [("missing", "yes"), ("other", "yes"), ("x", "no")])
def test_a_check_that_a_person_allows_is_tried_on_the_base_before_it_judges(
    check: str, answer: str
) -> None:
    def brings(state: State, base: e.RepairDecided) -> e.RepairDecided:
        decided = replace(base, decision="again", advice="please", check=(check,))
        return replace(decided, asks=(f"a is judged by: {check}",))

    world = repaired(task("a"), task("b"), fate=brings)
    world.session_fate = fails("a", until=2)
    world.drive(first)
    assert run_state(world.state) is RunState.WAITING
    world.append([e.Answered("repair-a-1", answer), e.Resumed()])
    state = world.drive(first)
    (repair,) = state.repairs
    assert repair.applied is not None and not state.asked and state.failed is None
    refused = {"missing": "it is not there", "x": "what it asks for was not allowed"}
    assert repair.applied.refused == refused.get(check, "")
    assert states(world) == {"a": "verified" if check == "other" else "failed", "b": "verified"}
    assert state.tasks[TaskId("a")].planned.check == (("other",) if check == "other" else ())


def test_a_question_that_something_has_overtaken_is_closed() -> None:
    world = repaired(task("a", owns=("a/**",)), task("d"), fate=asking)
    world.session_fate = fails("a", until=2)
    world.drive(first)
    world.append([e.Resumed("retry"), e.Requested("retry", TaskId("a"), once=True)])
    state = world.drive(first)
    assert states(world) == {"a": "verified", "d": "verified"}
    assert not state.questions and run_state(state) is RunState.READY


def test_a_limit_of_the_provider_is_no_repair_and_credentials_pause() -> None:
    tries: list[int] = []

    def fate(state: State, base: e.RepairDecided) -> e.RepairDecided | e.RepairFailed:
        tries.append(base.number)
        failed = e.RepairFailed(base.task, base.number, base.agent, "it was turned away")
        match len(tries):
            case 1:
                return replace(failed, limited=True)
            case 2:
                return replace(failed, fatal="not signed in")
            case _:
                return again(state, base)

    world = repaired(task("a"), fate=fate)
    world.session_fate = fails("a", until=2)
    state = world.drive(first)
    assert state.paused is not None and state.paused.reason == "not signed in"
    assert states(world) == {"a": "paused"} and exit_status(state) == 4
    world.append([e.Resumed()])
    world.drive(first)
    assert states(world) == {"a": "verified"} and tries == [1, 2, 3]


def unrepaired(world: Repaired) -> Callable[[TaskId, int], str]:
    """`a` fails until its repair is part of the plan, however often it is interrupted."""

    def fate(name: TaskId, attempt: int) -> str:
        done = any(isinstance(item.event, e.RepairApplied) for item in world.journal)
        return "no luck" if name == "a" and not done else ""

    return fate


@given(st.data())
@settings(max_examples=kit.examples(30), deadline=None)
def test_no_repair_that_was_decided_is_asked_for_again_whatever_is_killed(
    data: st.DataObject,
) -> None:
    fate = data.draw(st.sampled_from([again, split, chain("c"), asking]))
    tasks = (task("a", owns=("a/**",)), task("b", "a"), task("c"))
    undisturbed = repaired(*tasks, fate=fate)
    undisturbed.session_fate = unrepaired(undisturbed)
    undisturbed.drive(first)
    world = repaired(*tasks, fate=fate, jobs=data.draw(st.integers(1, 3)))
    world.session_fate = unrepaired(world)
    world.drive(lambda number: data.draw(st.integers(0, number - 1)), crashes=6)
    assert states(world) == states(undisturbed)
    assert world.asked == [("a", 1)]
    assert len(world.state.repairs) == 1


def test_a_task_that_is_dropped_or_stopped_while_it_is_decided_on() -> None:
    world = repaired(task("a"), task("b"), fate=again)
    world.session_fate = fails("a", until=2)
    while "repair/a" not in world.running:
        world.turn()
        if "repair/a" in world.running:
            break
        world.finish(sorted(world.running)[0])
    dropped = Plan("all", (task("b"),), "", ("test",))
    kept = list(world.journal)
    world.append(changes(world.state, dropped))
    assert a.Cancel(a.DecideRepair(TaskId("a"), 1, REPAIRER).key) in decide(world.state, world.keys)
    world.drive(first)
    assert states(world) == {"b": "verified"}
    stopped = repaired(fate=again)
    stopped.journal[:] = kept
    stopped.append([e.Requested("stop"), e.Abandoned(world_key("a")), e.Stopped()])
    assert run_state(stopped.state) is RunState.STOPPED
    stopped.folders.update((TaskId("a"), TaskId("b")))
    stopped.session_fate = fails("a", until=2)
    stopped.append([e.Resumed()])
    stopped.drive(first)
    assert states(stopped) == {"a": "verified", "b": "verified"}


def world_key(name: str) -> ActionKey:
    return a.DecideRepair(TaskId(name), 1, "").key


def test_a_part_is_repaired_beside_its_siblings_and_its_lead_is_not() -> None:
    world = repaired(task("a", lead=True), fate=again, roles={"repairer": REPAIRER, "lead": "x"})
    world.team_fate = lambda lead, attempt: (task("x"), task("y"))
    world.session_fate = fails("a_x", until=2)
    world.drive(first)
    assert states(world) == dict.fromkeys(("a", "a_x", "a_y"), "verified")
    assert world.asked == [("a_x", 1)]


def test_what_a_merge_excluded_is_repaired_by_a_resume_and_not_before() -> None:
    world = repaired(task("a"), task("b"), fate=chain("a"))
    world.drive(first)
    head = {name: view.head for name, view in world.state.tasks.items()}
    left = e.Excluded(TaskId("b"), "conflict", (TaskId("a"),), ("code.py",))
    world.append([e.MergeAsked(target=world.state.target, before=Sha("main"))])
    landed = {"a": Sha("landed")}
    told = {"commits": landed, "excluded": (left,), "moved": True}
    target = world.state.target
    world.append([e.Landed(target, Sha("main"), Sha("landed"), **told)])  # type: ignore[arg-type]
    state = world.state
    assert states(world) == {"a": "merged", "b": "excluded"} and not decide(state, frozenset())
    assert next_command(state, live=False) == "wtman resume run-1"
    world.append([e.Resumed()])
    assert states(world)["b"] == "fixing"
    world.repair_fate = lambda state, base: replace(
        chain("a")(state, base),
        onto=Sha("landed"),  # type: ignore[arg-type]
    )
    world.turn()
    assert set(world.running) == {"repair/b"}
    world.finish("repair/b")
    world.turn()
    view = world.state.tasks[TaskId("b")]
    assert view.onto == "landed" and view.excluded is None and view.head == head[TaskId("b")]
    assert states(world)["b"] == TaskState.PENDING


# --- rules ----------------------------------------------------------------------------------------


def ruled(decided: dict[str, object], *tasks: Task, protect: str = "") -> tuple[str, ...]:
    """What is wrong with a decision on `a`, or what it asks for."""
    world = repaired(*tasks, protect=(protect,) if protect else ())
    world.session_fate = fails("a")
    world.repair_fate = lambda state, base: "later"
    while "repair/a" not in world.running:
        world.turn()
        if "repair/a" in world.running:
            break
        names = {*world.running} - {"watch"}
        world.finish(min(names, key=lambda name: (name.endswith("/a"), name)))
    state, view = world.state, world.state.tasks[TaskId("a")]
    base = e.RepairDecided(
        TaskId("a"), 1, "x", "again", "", fingerprint=view.fingerprint, last=view.last
    )
    made = replace(base, **decided)  # type: ignore[arg-type]
    return wrong_with(state, made, standings(state)) or asks_for(state, made)


def part(name: str, *owns: str) -> Task:
    return task(name, owns=owns, part_of=TaskId("a"))


A, B = task("a", owns=("a/**",), check=("strict",)), task("b", owns=("b/**",))


@pytest.mark.parametrize(
    ("decided", "words"),
    [
        ({"advice": "x"}, ""),
        ({}, "needs `advice`"),
        ({"decision": "chain"}, "needs `other`"),
        ({"decision": "chain", "other": "z"}, "there is no task 'z'"),
        ({"decision": "chain", "other": "a"}, "cannot follow or join itself"),
        ({"decision": "chain", "other": "c"}, "cycle"),
        ({"decision": "chain", "other": "b"}, ""),
        ({"decision": "join", "other": "b"}, "has work of its own"),
        ({"decision": "again", "advice": "x", "owns": ("a/x",)}, "`owns` is of `owns` only"),
        ({"decision": "owns", "owns": ("a/**", "b/x")}, "both own b/x"),
        ({"decision": "owns", "owns": ("a/**", "b/x"), "other": "b"}, ""),
        ({"decision": "owns", "owns": ("a/**", "x/**")}, 'may change "x/**"'),
        ({"decision": "owns", "owns": ("**",), "other": "b"}, 'may change "**"'),
        ({"decision": "owns", "owns": ("a/**", "b/ci/x"), "other": "b"}, "which is protected"),
        (
            {"decision": "again", "advice": "x", "check": ("curl evil",)},
            "a is judged by: curl evil",
        ),
        (
            {"decision": "again", "advice": "x", "check": ("lax",)},
            "a is no longer judged by: strict",
        ),
        ({"decision": "again", "advice": "x", "by": "codex"}, "a is done by: codex"),
        ({"decision": "split", "parts": (part("a_x"),)}, "2 to 8 tasks"),
        (
            {"decision": "split", "parts": (part("a_x", "a/**"), part("a_y"))},
            "a_x and a_y both own",
        ),
        (
            {
                "decision": "split",
                "parts": (part("a_x", "a/x"), part("a_y", "/y")),
            },
            'a_y may change "/y"',
        ),
    ],
)
def test_a_decision_is_held_to_the_plan_and_to_what_was_approved(
    decided: dict[str, object], words: str
) -> None:
    told = ruled(decided, A, B, task("c", "a", owns=("c/**",)), protect="b/ci/**")
    assert words in " ".join(told) if words else not told, told
