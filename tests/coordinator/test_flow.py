"""A flow's steps as tasks, questions and commands: lists of events and what follows from them."""

from typing import Any

import pytest

from tests.coordinator.simulation import World, created
from wtman.coordinator.decide import decide
from wtman.coordinator.outcome import exit_status, next_command
from wtman.flow.steps import CallRefused, StepCall, asked, filled
from wtman.journal import events as e
from wtman.journal.state import FlowStep, FlowView
from wtman.journal.units import units
from wtman.model.check import Verdict
from wtman.model.finding import Claim, Reproducer
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Role
from wtman.model.states import RunState, TaskState
from wtman.tasks.lifecycle import landable, run_state, standings

ROLES = (
    Role("implementer", "build"),
    Role("scout", "look", writes=False),
)


class FlowWorld(World):
    """A world with a script that says what the test lets it say."""

    def call(self, key: str, kind: str = "session", scope: str = "", **spec: Any) -> None:
        """The script makes a call of this key."""
        known = self.flow.steps.get(key)
        if known is not None and known.error is None:
            self.append([e.StepsAskedAgain((key,))])
            return
        limits = spec.pop("limits", {})
        title = spec.pop("title", key)
        call = StepCall(kind, (scope,) if scope else (), title, {"prompt": key, **spec}, limits)
        self.append(asked(self.state, call, key))

    @property
    def flow(self) -> FlowView:
        flow = self.state.flow
        assert flow is not None
        return flow

    def step(self, key: str) -> FlowStep:
        return self.flow.steps[key]

    def task_of(self, key: str) -> TaskId:
        return self.step(key).task

    def work(self, key: str) -> dict[str, str]:
        """The work that a step was answered with, as the script names it."""
        held = self.step(key).value["work"]
        return {"task": held["task"], "commit": held["commit"]}

    def done(self) -> None:
        """All goes on until only the script is left."""
        for _ in range(1000):
            self.turn()
            others = sorted(set(self.running) - {"script"})
            if not others:
                return
            self.finish(others[0])
        raise AssertionError("it does not come to rest")

    def ends(self, value: Any = None, **error: Any) -> None:
        """The script returns, or raises; what follows from that is done."""
        del self.running["script"]
        self.append([e.ScriptEnded(value, error)])
        self.done()

    def again(self) -> None:
        """The coordinator dies, and the script is played from its beginning."""
        self.crash(lambda most: 0)
        self.turn()
        self.append([e.ScriptBegan()])


@pytest.fixture
def world() -> FlowWorld:
    return begun()


def begun(**settings: object) -> FlowWorld:
    """A run whose script has begun."""
    made = FlowWorld()
    first, approved = created(attempts=2, reviewers=1, **settings)
    flow = e.FlowAdded("port", "async def main(flow, args): ...", "d1")
    made.append([first, e.RolesAssigned(ROLES), flow, approved])
    made.turn()
    made.append([e.ScriptBegan()])
    return made


def test_a_session_is_a_task_and_its_verified_work_answers_the_step(world: FlowWorld) -> None:
    assert "script" in world.running
    assert run_state(world.state) is RunState.RUNNING
    world.call("a1b2c3d4", scope="src/A.py")
    world.done()
    step = world.step("a1b2c3d4")
    assert step.task == "a1b2c3d4-a1b2c3"
    head = world.state.tasks[step.task].head
    assert step.value == {
        "work": {
            "task": step.task,
            "branch": f"wtman/run-1/{step.task}",
            "commit": head,
            "parent": "base",
            "title": "a1b2c3d4",
        }
    }
    assert run_state(world.state) is RunState.RUNNING, "the script may ask for more"
    world.ends(step.value)
    assert run_state(world.state) is RunState.READY
    assert landable(world.state) == (step.task,)
    assert exit_status(world.state) == 0


def test_a_session_goes_on_with_the_branch_of_a_work_and_a_second_one_forks(
    world: FlowWorld,
) -> None:
    world.call("first")
    world.done()
    first = world.work("first")
    world.call("second", on=first)
    world.call("third", on=first)
    assert world.task_of("second") == first["task"]
    assert world.task_of("third") != first["task"]
    world.done()
    second, third = world.work("second"), world.work("third")
    assert second["commit"] != first["commit"] != third["commit"]
    assert world.step("second").value["work"]["parent"] == first["commit"]
    forked = world.state.tasks[world.task_of("third")]
    assert forked.start == "base", "its change is all of the chain's"
    assert forked.attempts[0].at == first["commit"]
    # Both of a chain are one branch: the last lands.
    world.ends([{"work": first}, {"work": second}])
    assert landable(world.state) == (world.task_of("first"),)
    assert world.state.tasks[world.task_of("first")].head == second["commit"]


def test_an_earlier_work_that_is_returned_is_what_its_branch_goes_back_to(
    world: FlowWorld,
) -> None:
    world.call("first")
    world.done()
    first = world.work("first")
    world.call("second", on=first)
    world.done()
    world.ends({"work": first})
    view = world.state.tasks[world.task_of("first")]
    assert view.head == first["commit"]
    assert standings(world.state)[view.planned.id].state is TaskState.VERIFIED
    assert run_state(world.state) is RunState.READY
    assert not world.running


def test_a_work_stands_as_it_was_where_going_on_with_it_fails(world: FlowWorld) -> None:
    world.call("first")
    world.done()
    first = world.work("first")
    world.check_fate = lambda task, head: Verdict.GREEN if head == first["commit"] else Verdict.RED
    world.call("second", on=first)
    world.done()
    step = world.step("second")
    assert step.error is not None and step.error.type == "StepFailed"
    assert step.error.more["attempts"] == 2, "a step has all its attempts"
    view = world.state.tasks[world.task_of("first")]
    assert view.head == first["commit"]
    assert standings(world.state)[view.planned.id].state is TaskState.VERIFIED
    # Another session goes on from there, on the same branch.
    world.check_fate = lambda task, head: Verdict.GREEN
    world.call("third", on=first)
    world.done()
    assert world.work("third")["task"] == first["task"]


def test_what_a_session_needs_is_the_work_that_was_given_and_no_later_one(
    world: FlowWorld,
) -> None:
    world.call("base-work")
    world.done()
    early = world.work("base-work")
    world.call("later", on=early)
    world.done()
    world.call("user", needs=[early])
    world.done()
    view = world.state.tasks[world.task_of("user")]
    assert view.needs == {early["task"]: early["commit"]}
    world.ends({"work": world.work("user")})
    # What it started from lands with it, as it was then.
    assert set(landable(world.state)) == {view.planned.id, early["task"]}
    assert world.state.tasks[TaskId(early["task"])].head == early["commit"]


def test_what_failed_is_run_again_by_the_next_play_and_what_succeeded_is_not(
    world: FlowWorld,
) -> None:
    world.session_fate = lambda task, attempt: "broken" if task.startswith("bad") else ""
    world.call("good")
    world.call("bad")
    world.done()
    assert world.step("bad").error is not None
    ran = list(world.ran)
    world.ends(message="it gave up")
    assert run_state(world.state) is RunState.FAILED
    assert exit_status(world.state) == 1
    world.session_fate = lambda task, attempt: ""
    world.again()
    assert world.flow.ended is None
    world.call("good")
    world.call("bad")
    world.done()
    assert world.step("bad").answered
    assert world.step("good").reused and not world.step("bad").reused
    assert len(world.ran) == len(ran) + 1


def test_what_no_play_asks_for_any_more_rests(world: FlowWorld) -> None:
    world.call("wanted")
    world.call("dropped")
    world.turn()
    world.finish("base")
    world.again()
    world.call("wanted")
    world.done()
    assert world.step("wanted").answered
    assert world.step("dropped").open
    assert not world.state.tasks[world.task_of("dropped")].attempts
    world.ends()
    standing = standings(world.state)[world.task_of("dropped")]
    assert standing.state is TaskState.FAILED and "ended" in standing.reason
    assert run_state(world.state) is RunState.READY


def test_a_question_of_an_earlier_play_holds_nothing_up(world: FlowWorld) -> None:
    world.session_fate = lambda task, attempt: "broken"
    world.call("ask", "approve", question="Keep it?", options=["yes", "no"])
    world.turn()
    world.again()
    world.call("bad")
    world.done()
    assert world.step("ask").open, "this play has not come so far"
    assert world.step("bad").error is not None


def test_a_session_that_had_ended_when_wtman_was_killed_is_not_run_again(world: FlowWorld) -> None:
    world.call("slow")
    world.turn()
    for key in ("base", "worktree/slow-slow"):
        world.finish(key)
    world.turn()
    task = world.task_of("slow")
    world.finished.add((task, 1))
    world.running.clear()
    world.append([e.Resumed()])
    world.turn()
    world.append([e.ScriptBegan()])
    world.call("slow")
    world.done()
    assert world.step("slow").answered, "its session had come to its end"
    assert len(world.ran) == 1


def test_a_question_waits_for_a_person_however_often_the_run_is_taken_up(
    world: FlowWorld,
) -> None:
    world.call("ask", "approve", question="Keep it?", options=["yes", "no"])
    world.done()
    assert run_state(world.state) is RunState.RUNNING
    world.running.clear()
    world.append([e.ScriptHeld()])
    world.turn()
    assert not world.running
    assert run_state(world.state) is RunState.WAITING
    assert exit_status(world.state) == 4
    assert next_command(world.state, False) == "wtman answer run-1 yes"
    world.append([e.Answered("ask", "perhaps")])
    assert world.step("ask").open, "it is none of the options"
    world.append([e.Answered("ask", "yes"), e.Answered("ask", "no")])
    assert world.step("ask").value == "yes", "the first answer counts"
    world.turn()
    assert "script" in world.running


def test_no_is_an_error_of_the_script_and_is_asked_again_after_it(world: FlowWorld) -> None:
    world.call("ask", "approve", question="Keep it?", options=["yes", "no"])
    world.append([e.Answered("ask", "no")])
    error = world.step("ask").error
    assert error is not None and error.type == "Rejected"
    world.ends(message="Rejected")
    world.again()
    world.call("ask", "approve", question="Keep it?", options=["yes", "no"])
    assert world.step("ask").open


def test_questions_take_slots_as_sessions_do_and_commands_none(world: FlowWorld) -> None:
    world.append([e.SettingsChanged({"jobs": 2})])
    for number in range(3):
        world.call(f"q{number}", "ask")
        world.call(f"c{number}", "command", argv=["ls"])
    world.turn()
    assert sum(name.startswith("ask/") for name in world.running) == 2
    assert sum(name.startswith("command/") for name in world.running) == 3
    world.done()
    assert all(step.answered for step in world.flow.current)
    assert world.state.sessions == 3


def test_a_question_that_a_provider_turned_away_is_asked_by_a_session_of_its_own(
    world: FlowWorld,
) -> None:
    world.call("aaaaaaaa", "ask")
    world.turn()
    stopped = e.StepDeferred("aaaaaaaa", "stopped", sessions=1)
    world.append([stopped])
    assert world.step("aaaaaaaa").tries == 1, "what was cut off is gone on with"
    world.append([e.StepDeferred("aaaaaaaa", "429", sessions=1, limited=True)])
    assert world.step("aaaaaaaa").tries == 2 and world.step("aaaaaaaa").open
    world.append([e.StepDeferred("aaaaaaaa", "no key", sessions=1, fatal="no key")])
    assert world.step("aaaaaaaa").tries == 3 and world.state.paused is not None


def test_a_paused_run_ends_the_script_once_nothing_else_goes_on(world: FlowWorld) -> None:
    world.call("one")
    world.turn()
    world.append([e.Paused("no money")])
    world.turn()
    assert "script" not in world.cancelled
    for key in sorted(set(world.running) - {"script"}):
        world.finish(key)
    world.turn()
    assert "script" in world.cancelled
    world.finish("script")
    assert not decide(world.state, world.keys)
    assert run_state(world.state) is RunState.PAUSED


def test_a_pause_that_comes_when_nothing_goes_on_ends_the_script_too() -> None:
    world = begun(max_sessions=1)
    world.call("one")
    world.done()
    world.call("two")
    world.done()
    assert world.state.paused is not None
    assert "script" in world.cancelled
    # Taken up under the same limit: it asks first, so that it is seen what waits.
    world.crash(lambda most: 0)
    world.append([e.Resumed("resume")])
    world.turn()
    assert world.state.paused is None and "script" in world.running
    world.append([e.ScriptBegan()])
    world.call("one")
    world.call("two")
    world.done()
    assert world.state.paused is not None
    assert [step.key for step in world.flow.current] == ["one", "two"]


def test_a_step_that_may_cost_more_than_is_left_is_an_error_of_the_script(
    world: FlowWorld,
) -> None:
    world.append([e.SettingsChanged({"budget_usd": 8.0, "jobs": 4})])
    world.call("small", limits={"usd": 5.0})
    world.call("second", limits={"usd": 5.0})
    world.call("large", limits={"usd": 9.0})
    world.call("question", "ask", limits={"usd": 9.0})
    world.turn()
    for key in ("large", "question"):
        error = world.step(key).error
        assert error is not None and error.type == "OverBudget"
        assert error.message == "it may cost $9.00, and $8.00 of the budget is left"
    assert not world.state.tasks[world.task_of("large")].attempts
    world.done()
    # What another one holds and may give back is waited for.
    assert world.step("small").answered and world.step("second").answered
    world.append([e.SettingsChanged({"budget_usd": 0.0})])
    world.again()
    world.call("large", limits={"usd": 9.0})
    world.done()
    assert world.step("large").answered


def test_calls_that_the_run_cannot_serve_are_refused(world: FlowWorld) -> None:
    state = world.state

    def call(kind: str, **spec: Any) -> StepCall:
        return StepCall(kind, (), "t", {"prompt": "p", **spec}, {})

    with pytest.raises(CallRefused, match="no role 'nobody'"):
        filled(state, call("session", role="nobody"))
    with pytest.raises(CallRefused, match=r"owns: the pattern '\.\./x' has a segment"):
        asked(state, call("session", owns=["src/**", "../x"]), "key")
    with pytest.raises(CallRefused, match="only reads"):
        filled(state, call("session", role="scout"))
    with pytest.raises(CallRefused, match="literal"):
        filled(state, call("session", agent="command:rm -rf /"))
    assert filled(state, call("ask"))["agent"] == "command:x"


def test_ids_keep_their_digits_and_never_name_two_steps(world: FlowWorld) -> None:
    world.call("abcdef01", title="one two")
    world.call("abcdef02", title="one two")
    first, second = world.task_of("abcdef01"), world.task_of("abcdef02")
    assert first != second
    assert first.endswith("-abcdef") and second.endswith("-abcdef02")
    assert max(map(len, (first, second))) <= 40


def test_a_work_that_is_in_no_step_lands_nothing(world: FlowWorld) -> None:
    forged = {"work": {"task": "x", "commit": Sha("f" * 40)}}
    world.ends(forged)
    assert world.flow.wanted == {}
    assert landable(world.state) == ()


def train(world: FlowWorld, key: str, *works: str) -> dict[str, Any]:
    """A train of works that were found to go together, as the script has it."""
    values = [world.step(work).value for work in works]
    named = [value.get("work") or value["train"]["work"] for value in values]
    world.call(key, "merge", works=named)
    commit, inside = Sha(f"tree-{key}"), world.flow.views(world.step(key).commits)
    landed = [task for task in inside if not task.startswith("train-")]
    work = {"task": f"train-{key}", "commit": commit, "title": key}
    value = {"train": {"landed": landed, "excluded": [], "work": work}}
    world.append([e.StepAnswered(key, value)])
    return value


def test_a_train_that_a_script_returns_is_one_unit_and_holds_the_trains_in_it(
    world: FlowWorld,
) -> None:
    for key in ("one", "two", "six"):
        world.call(key)
    world.done()
    one, two, six = (world.task_of(key) for key in ("one", "two", "six"))
    inner = train(world, "inner", "one", "two")
    assert units(world.state) == {}, "nothing is returned yet"
    world.call("user", needs=[inner["train"]["work"]])
    world.done()
    user = world.task_of("user")
    outer = train(world, "outer", "inner", "user")
    world.ends([outer, world.step("six").value])
    assert units(world.state) == {"train-outer": (one, two, user)}
    assert six in world.flow.wanted


def test_a_train_of_which_one_work_stays_behind_leads_to_a_retry_of_that(
    world: FlowWorld,
) -> None:
    for key in ("one", "two", "lost"):
        world.call(key)
    world.done()
    _, two, lost = (world.task_of(key) for key in ("one", "two", "lost"))
    world.ends([train(world, "first", "one", "two")])
    assert next_command(world.state, False) == "wtman merge run-1"
    left = tuple(e.Excluded(name, "interaction", evidence="red") for name in (lost, two))
    world.append([e.MergeAsked("main", Sha("b")), e.Landed("main", Sha("b"), Sha("b"), {}, left)])
    assert landable(world.state) == ()
    assert next_command(world.state, False) == f"wtman retry run-1/{two}"


def test_trains_that_share_a_work_are_one_unit(world: FlowWorld) -> None:
    for key in ("one", "two", "six"):
        world.call(key)
    world.done()
    first, second = train(world, "first", "two", "one"), train(world, "second", "two", "six")
    world.ends([first, second])
    names = tuple(world.task_of(key) for key in ("one", "two", "six"))
    assert units(world.state) == {"train-first": names}


def test_reviews_of_two_works_of_a_branch_share_no_findings(world: FlowWorld) -> None:
    world.append(
        [e.RolesAssigned((*ROLES, Role("reviewer", "look", writes=False, agent="command:r")))]
    )
    world.call("first")
    world.done()
    first = world.work("first")
    world.call("second", on=first)
    world.done()
    second = world.work("second")
    task = world.task_of("first")
    proof = Reproducer("pytest -q test_x.py")
    claims = {
        first["commit"]: Claim("only first says it", "major", (task,), "so"),
        second["commit"]: Claim("new in second", "major", (task,), "so", reproducer=proof),
    }
    world.review_fate = lambda unit: (claims[unit.tips[task]],)
    shown: list[Sha] = []

    def shows(_: str, tips: dict[TaskId, Sha]) -> str:
        shown.append(tips[task])
        return "regression"

    world.proof_fate = shows
    for key, of in (("a", [first]), ("b", [second]), ("again", [second])):
        world.call(key, "review", works=of, reviewers=1)
    world.done()
    found = {key: world.step(key).value["review"] for key in ("a", "b", "again")}
    assert [it["title"] for it in found["a"]["concerns"]] == ["only first says it"]
    assert not found["a"]["confirmed"] and not found["a"]["no_verdict"]
    for key in ("b", "again"):
        assert [it["title"] for it in found[key]["confirmed"]] == ["new in second"]
        assert not found[key]["concerns"], "it was not claimed of the second"
    assert shown == [second["commit"]], "run once, and on nothing else"
    # What was shown of a work has to be gone from the works that go on from it.
    world.call("third", on=second)
    world.done()
    world.review_fate = lambda unit: ()
    world.call("c", "review", works=[world.work("third")], reviewers=1)
    world.done()
    assert [it["title"] for it in world.step("c").value["review"]["confirmed"]] == ["new in second"]
