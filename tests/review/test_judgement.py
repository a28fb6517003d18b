"""Reviews in the loop: a world of scripted reviewers is driven through `decide` and `replay`."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from wtman.checks.actions import CheckTask
from wtman.coordinator.actions import Action
from wtman.coordinator.decide import decide
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.events import Coupled, Coupling, Refuted, Reproduced, Reviewed
from wtman.journal.replay import replay
from wtman.journal.state import Finding, MergeView, State
from wtman.merge.decide import eligible
from wtman.model.check import CheckResult, Verdict
from wtman.model.finding import MEANT, Cell, Claim, Reproducer
from wtman.model.ids import Branch, Sha
from wtman.model.plan import Identity, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings
from wtman.model.states import RunState, TaskState
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.review.judgement import judgement
from wtman.sessions.actions import RunSession
from wtman.tasks.lifecycle import run_state, standings
from wtman.ui.findings import blind, outcome
from wtman.worktrees.actions import MakeWorktree

PROOF = Reproducer("pytest -q tests/test_x.py", "diff")
Says = Callable[[Review], tuple[Claim, ...] | None]


def nothing(action: Review) -> tuple[Claim, ...]:
    return ()


class World:
    """Performs every action at once; `says` reviews, `shows` runs proofs, `thinks` refutes."""

    def __init__(self, tasks: tuple[Task, ...], says: Says, **settings: object) -> None:
        governed = Settings(agent="claude", check=("true",), reviewers=2, rounds=3)
        self.says, self.log = says, list[Action]()
        self.shows: Callable[[Reproduce], tuple[str, tuple[str, ...]]] = lambda a: (
            "not reproduced",
            (),
        )
        self.thinks: Callable[[Refute], str] = lambda a: "cannot tell"
        self.meets: tuple[Coupling, ...] = ()
        self.meant = ""
        self.seq = 0
        self.state = State()
        self.tell(
            e.RunCreated(
                "run",
                "request",
                "base",
                "main",
                replace(governed, **settings),  # type: ignore[arg-type]
                Identity("Ada", "ada@example.com"),
            ),
            *(e.TaskAdded(task) for task in tasks),
            e.Approved(),
            e.BaseChecked("base", (CheckResult("true", Verdict.GREEN),)),
        )

    def tell(self, *events: e.Event) -> None:
        records = []
        for event in events:
            self.seq += 1
            records.append(record.Recorded(self.seq, float(self.seq), event))
        self.state = replay(records, self.state)

    def run(self, most: int = 400) -> State:
        for _ in range(most):
            actions = decide(self.state, frozenset())
            if not actions:
                return self.state
            self.log += actions
            for action in actions:
                self.perform(action)
        raise AssertionError("it does not come to an end")

    def perform(self, action: Action) -> None:
        match action:
            case MakeWorktree(task, needs):
                name = f"wtman/run/{task}"
                self.tell(e.WorktreeMade(task, f"/w/{task}", name, "base", dict(needs)))
            case RunSession(task, number):
                head = f"{task}-{number}"
                self.tell(
                    e.Intended("RunSession", action.key, attempt=action.begins),
                    e.SessionFinished(task, number, Ended.OK, head, session=f"s-{task}"),
                )
            case CheckTask(task, start, head):
                done = (CheckResult("true", Verdict.GREEN),)
                self.tell(e.Checked(task, head, start, Verdict.GREEN, done))
            case Couple(tips):
                self.tell(Coupled(dict(tips), self.meets))
            case Review(unit, number):
                said = self.says(action)
                self.tell(
                    e.Intended("Review", action.key),
                    Reviewed(
                        unit.key,
                        unit.kind,
                        unit.lens,
                        unit.agent,
                        unit.members,
                        unit.tips,
                        said is not None,
                        number,
                        claims=said or (),
                    ),
                )
            case Reproduce(finding, tips):
                members = tuple(tips)
                kind, culprits = self.shows(action)
                proof = self.state.reviews.findings[finding].reproducer
                assert proof is not None
                cells = (Cell("base", "passed"), *(Cell(name, "failed") for name in members))
                self.tell(
                    Reproduced(
                        *(finding, proof.key, members, tips, cells, kind, culprits, "shown"),
                        meant=self.meant,
                    )
                )
            case Refute(finding, lens, agent, _, tips):
                answer = self.thinks(action)
                self.tell(
                    e.Intended("Refute", action.key),
                    Refuted(finding, lens, agent, tips, answer, "evidence"),
                )

    def of(self, kind: type) -> list[Action]:
        return [item for item in self.log if isinstance(item, kind)]

    def stands(self, task: str) -> TaskState:
        return standings(self.state)[task].state


A, B = Task("a", "do a"), Task("b", "do b")


def once(claim: Claim, when: Callable[[Review], bool]) -> Says:
    """A reviewer that claims it of what `when` picks, and of nothing else."""
    return lambda action: (claim,) if when(action) else ()


def first_tip(action: Review) -> bool:
    return action.unit.kind == "branch" and action.unit.tips.get("a") == "a-1"


def test_without_findings_each_branch_is_reviewed_once_and_the_whole_at_the_end() -> None:
    world = World((A, B), nothing)
    state = world.run()
    kinds = [item.unit.kind for item in world.of(Review)]
    assert sorted(kinds) == ["branch"] * 4 + ["completeness"]
    assert kinds[-1] == "completeness"
    assert {world.stands("a"), world.stands("b")} == {TaskState.VERIFIED}
    assert run_state(state) is RunState.READY
    assert state.sessions == 2 + 5


def test_a_proven_defect_goes_back_to_its_author_and_the_loop_ends() -> None:
    claim = Claim("it crashes", "minor", ("a",), "because", reproducer=PROOF)
    world = World((A, B), once(claim, first_tip))
    world.shows = lambda act: (
        ("regression", ("a",)) if act.tips["a"] == "a-1" else ("not reproduced", ())
    )
    state = world.run()
    sessions = [item for item in world.of(RunSession) if item.task == "a"]
    assert [item.attempt for item in sessions] == [1, 2]
    assert "it crashes" in sessions[1].prompt and PROOF.command in sessions[1].prompt
    assert sessions[1].resume == "s-a"
    assert [item.tips["a"] for item in world.of(Reproduce)] == ["a-1", "a-2"]
    assert world.stands("a") is TaskState.VERIFIED
    finding = next(iter(state.reviews.findings.values()))
    assert judgement(state, finding).verdict == "confirmed"
    assert not judgement(state, finding).open


def test_what_is_not_mended_is_rejected_with_its_finding() -> None:
    claim = Claim("it crashes", "major", ("a",), "because", reproducer=PROOF)
    world = World((A, B), once(claim, first_tip), rounds=2)
    world.shows = lambda act: ("regression", ("a",))
    world.run()
    assert world.stands("a") is TaskState.REJECTED
    assert world.stands("b") is TaskState.VERIFIED
    assert len([item for item in world.of(RunSession) if item.task == "a"]) == 2


@pytest.mark.parametrize("kind", ["not reproduced", "base", "invalid"])
def test_a_claim_whose_proof_shows_nothing_is_thrown_out(kind: str) -> None:
    claim = Claim("it crashes", "blocker", ("a",), "because", reproducer=PROOF)
    world = World((A, B), once(claim, first_tip))
    world.shows = lambda act: (kind, ())
    world.run()
    assert world.stands("a") is TaskState.VERIFIED
    assert not world.of(Refute)
    assert len([item for item in world.of(RunSession) if item.task == "a"]) == 1


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (("refuted", "refuted"), "refuted"),
        (("refuted", "cannot tell"), "refuted"),
        (("confirmed", "refuted"), "no verdict"),
        (("confirmed", "confirmed"), "no verdict"),
        (("", ""), "no verdict"),
    ],
)
def test_opinions_alone_never_block(answers: tuple[str, str], verdict: str) -> None:
    claim = Claim("it smells", "blocker", ("a",), "because")
    world = World((A, B), once(claim, first_tip))
    world.thinks = lambda act: answers[0 if act.lens == "does it happen" else 1]
    state = world.run()
    finding = next(iter(state.reviews.findings.values()))
    assert judgement(state, finding).verdict == verdict
    assert world.stands("a") is TaskState.VERIFIED
    # One that gave no verdict is asked once more, and then no more.
    assert len(world.of(Refute)) == 2 + 2 * (answers == ("", ""))


def test_a_concern_blocks_where_the_user_says_so() -> None:
    claim = Claim("it smells", "major", ("a",), "because")
    world = World((A, B), once(claim, first_tip), block_on=("major",))
    world.run()
    assert len([item for item in world.of(RunSession) if item.task == "a"]) == 2
    assert world.stands("a") is TaskState.VERIFIED  # nobody claims it of the new tip


def test_a_crashed_reviewer_is_asked_again_and_then_said() -> None:
    world = World((A, B), lambda act: None if act.unit.lens == "security" else ())
    world.run()
    tries = [act for act in world.of(Review) if act.unit.lens == "security"]
    assert len(tries) == 2 * 2
    standing = standings(world.state)["a"]
    assert standing.state is TaskState.VERIFIED and "security" in standing.reason


def test_an_interaction_is_given_to_the_later_branch_and_reviewed_again() -> None:
    claim = Claim("they disagree", "major", ("a", "b"), "because", reproducer=PROOF)
    world = World((A, B), lambda act: (claim,) if act.unit.kind == "interaction" else ())
    world.meets = (Coupling(("a", "b"), "both change x"),)
    world.shows = lambda act: (
        ("interaction", ("a", "b")) if act.tips["b"] == "b-1" else ("not reproduced", ())
    )
    world.run()
    assert [item.task for item in world.of(RunSession)] == ["a", "b", "b"]
    met = [act.unit.tips["b"] for act in world.of(Review) if act.unit.kind == "interaction"]
    assert met == ["b-1", "b-2"]
    assert world.stands("b") is TaskState.VERIFIED
    reviewed = [act.unit.key for act in world.of(Review)]
    assert len(reviewed) == len(set(reviewed)), "nothing is reviewed twice for the same tips"


def test_a_settled_claim_does_not_come_back() -> None:
    """Refuted once, claimed again in other words of the mended branch: nobody is asked again."""
    proven = Claim("it crashes", "major", ("a",), "because", path="x.py", reproducer=PROOF)
    smell = Claim("the names in this file are confusing", "major", ("a",), "because", path="y.py")
    again = replace(smell, title="Confusing names in this file")

    def says(action: Review) -> tuple[Claim, ...]:
        if action.unit.kind != "branch" or "a" not in action.unit.members:
            return ()
        return (proven, smell) if action.unit.tips["a"] == "a-1" else (again,)

    world = World((A, B), says)
    world.shows = lambda act: (
        ("regression", ("a",)) if act.tips["a"] == "a-1" else ("not reproduced", ())
    )
    world.thinks = lambda act: "refuted"
    state = world.run()
    assert len(state.reviews.findings) == 2
    assert len(world.of(Refute)) == 2
    assert world.stands("a") is TaskState.VERIFIED


def test_what_the_base_lacks_blocks_only_when_every_refuter_takes_the_test_to_be_right() -> None:
    claim = Claim("wrong sum", "major", ("a",), "because", reproducer=PROOF)
    for answer, blocked in (("confirmed", True), ("cannot tell", False), ("refuted", False)):
        world = World((A,), once(claim, first_tip), rounds=1)
        world.shows = lambda act: ("promise", ())
        world.thinks = lambda act, answer=answer: answer  # type: ignore[misc]
        world.run()
        state = TaskState.REJECTED if blocked else TaskState.VERIFIED
        assert world.stands("a") is state, answer


def test_programs_are_not_reviewers_unless_they_are_named() -> None:
    silent = World((A, B), nothing, agent="command:fix")
    silent.run()
    assert not silent.of(Review) and silent.stands("a") is TaskState.VERIFIED
    named = World((A, B), nothing, agent="command:fix", reviewed_by=("command:lint", "claude"))
    named.run()
    agents = {act.unit.agent for act in named.of(Review) if act.unit.kind == "branch"}
    assert agents == {"command:lint", "claude"}


def test_reviews_keep_to_the_jobs_and_the_ceiling_of_sessions() -> None:
    world = World((A, B), nothing, jobs=1)
    seen = decide(world.state, frozenset())
    assert sum(isinstance(item, Review | RunSession) for item in seen) <= 1
    world.run()
    capped = World((A, B), nothing, max_sessions=4)
    state = capped.state
    for _ in range(50):
        actions = decide(capped.state, frozenset())
        if not actions or capped.state.paused is not None:
            break
        for action in actions:
            if type(action).__name__ == "Pause":
                capped.tell(e.Paused(action.reason, action.hint))  # type: ignore[union-attr]
            else:
                capped.perform(action)
    state = capped.state
    assert state.sessions == 4 and state.paused is not None
    assert run_state(state) is RunState.PAUSED


def test_a_proof_that_passes_nowhere_any_more_is_no_mending() -> None:
    claim = Claim("it crashes", "major", ("a",), "because", reproducer=PROOF)
    world = World((A, B), once(claim, first_tip), rounds=2)
    world.shows = lambda act: ("regression", ("a",)) if act.tips["a"] == "a-1" else ("invalid", ())
    state = world.run()
    assert world.stands("a") is TaskState.REJECTED
    finding = next(iter(state.reviews.findings.values()))
    assert judgement(state, finding).open


def test_the_refuter_who_answers_sooner_does_not_decide() -> None:
    """Killed between two refuters, the second is still asked."""
    claim = Claim("it smells", "major", ("a",), "because")
    world = World((A,), once(claim, first_tip))
    world.thinks = lambda act: "refuted" if act.lens == "does it happen" else "confirmed"
    while not world.of(Refute):
        actions = decide(world.state, frozenset())
        first = next((item for item in actions if isinstance(item, Refute)), None)
        for action in [first] if first is not None else actions:
            world.log.append(action)
            world.perform(action)
    state = world.run()
    assert {act.lens for act in world.of(Refute) if isinstance(act, Refute)} == {
        "does it happen",
        "is it meant",
    }
    finding = next(iter(state.reviews.findings.values()))
    assert judgement(state, finding).verdict == "no verdict"


@pytest.mark.parametrize("kind", ["promise", MEANT])
def test_what_only_refuters_can_tell_blocks_only_if_all_of_them_confirm(kind: str) -> None:
    claim = Claim("wrong text", "blocker", ("a",), "because", reproducer=PROOF)
    for answer, verdict, blocked in (
        ("confirmed", "confirmed", True),
        ("cannot tell", "no verdict", False),
        ("refuted", "refuted", False),
    ):
        world = World((A,), once(claim, first_tip), rounds=1)
        world.shows = lambda act: (kind, ("a",))
        world.thinks = lambda act, answer=answer: answer  # type: ignore[misc]
        judged = judgement(world.run(), only(world))
        assert (judged.verdict, judged.blocking) == (verdict, blocked)
    alone = World((A,), once(claim, first_tip), agent="command:fix", reviewed_by=("command:look",))
    alone.shows = lambda act: (kind, ("a",))
    judged = judgement(alone.run(), only(alone))
    assert (judged.verdict, judged.blocking, judged.open) == ("no verdict", False, True)


def test_a_regression_that_may_be_meant_blocks_unless_refuters_throw_it_out() -> None:
    claim = Claim("wrong text", "major", ("a",), "because", reproducer=PROOF)
    for answer, verdict in (("refuted", "refuted"), ("cannot tell", "confirmed")):
        world = World((A,), once(claim, first_tip), rounds=1)
        world.shows = lambda act: ("regression", ("a",))
        world.meant = "a changed its own tests of it too"
        world.thinks = lambda act, answer=answer: answer  # type: ignore[misc]
        judged = judgement(world.run(), only(world))
        assert (judged.verdict, judged.blocking) == (verdict, verdict == "confirmed")
    alone = World((A,), once(claim, first_tip), agent="command:fix", reviewed_by=("command:look",))
    alone.shows, alone.meant = world.shows, world.meant
    alone.run()
    assert judgement(alone.state, only(alone)).blocking


@pytest.mark.parametrize("then", [MEANT, "promise", "flaky", "unproven", "invalid"])
def test_a_confirmed_defect_is_not_fixed_by_making_it_doubtful(then: str) -> None:
    """An author who changes the test that said so has not mended the code."""
    claim = Claim("it crashes", "major", ("a",), "because", reproducer=PROOF)
    world = World((A, B), once(claim, first_tip), rounds=2)
    world.shows = lambda act: ("regression", ("a",)) if act.tips["a"] == "a-1" else (then, ())
    world.run()
    assert world.stands("a") is TaskState.REJECTED
    assert "not fixed" in judgement(world.state, only(world)).why


def test_a_proof_that_was_settled_for_one_branch_settles_nothing_for_two() -> None:
    """Who is shown one branch hands it in for that, then for two of them, then for three."""
    one, two = Claim("limit", "major", ("a",), "", reproducer=PROOF), ("a", "b")

    def says(action: Review) -> tuple[Claim, ...]:
        wanted = {("a",): ("a",), ("b",): two, ("c",): ("a", "b", "c")}
        names = wanted.get(action.unit.members)
        return (replace(one, branches=names),) if names else ()

    world = World((A, B, Task("c", "do c")), says, reviewers=1, rounds=1)
    world.shows = lambda act: (
        ("interaction", two) if act.tips.keys() == set(two) else ("not reproduced", ())
    )
    state = world.run()
    ran = {tuple(act.tips) for act in world.of(Reproduce) if isinstance(act, Reproduce)}
    assert ran == {("a",), two, ("a", "b", "c")}
    verdicts = {item.subjects: judgement(state, item).verdict for item in all_of(world)}
    assert verdicts == {("a",): "refuted", two: "confirmed", ("a", "b", "c"): "refuted"}
    # The last of the two has to mend it; a merge names the other one.
    assert world.stands("b") is TaskState.REJECTED
    asked = e.MergeAsked(Branch("main"), Sha("0" * 40))
    left = eligible(replace(state, merge=MergeView(asked, 0.0, asked.before)))[1]
    assert [(item.task, item.others) for item in left] == [("b", ("a",))]


def test_two_proofs_of_one_title_are_both_run() -> None:
    other = replace(PROOF, patch="another")
    claims = tuple(
        Claim("it crashes", "major", ("a",), "", reproducer=proof) for proof in (PROOF, other)
    )
    world = World((A,), lambda act: claims if first_tip(act) else (), reviewers=1, rounds=1)

    def shows(action: Reproduce) -> tuple[str, tuple[str, ...]]:
        proof = world.state.reviews.findings[action.finding].reproducer
        return ("regression", ("a",)) if proof == other else ("not reproduced", ())

    world.shows = shows
    state = world.run()
    assert sorted(judgement(state, item).verdict for item in all_of(world)) == [
        "confirmed",
        "refuted",
    ]


def test_what_an_edited_program_said_it_has_not_said() -> None:
    smell = Claim("it smells", "major", ("a",), "because")
    shown = Claim("it crashes", "major", ("b",), "because", path="y", reproducer=PROOF)
    said = {"a": (smell,), "b": (shown,)}

    def says(action: Review) -> tuple[Claim, ...]:
        return said.get("".join(action.unit.members), ())

    programs = {"agent": "command:fix", "reviewed_by": ("command:look",)}
    world = World((A, B), says, reviewers=1, rounds=1, roles={"refuter": "command:no"}, **programs)
    world.shows = lambda act: ("regression", ("b",))
    world.thinks = lambda act: "confirmed"
    world.tell(e.ProgramsSeen({"command:look": "1", "command:no": "1"}))
    world.run()
    asked = len(world.of(Review)), len(world.of(Refute))
    world.tell(e.Resumed("review"), e.ProgramsSeen({"command:look": "1", "command:no": "1"}))
    world.run()
    assert (len(world.of(Review)), len(world.of(Refute))) == asked, "nothing has changed"
    said.clear()
    world.tell(e.ProgramsSeen({"command:look": "2"}))
    state = world.run()
    assert len(world.of(Review)) == asked[0] + 2
    found = {item.claim.title: judgement(state, item) for item in all_of(world)}
    # What ran is what it was, whoever claimed it.
    assert found["it crashes"].verdict == "confirmed"
    assert not found["it smells"].open
    said["a"] = (smell,)
    world.tell(e.ProgramsSeen({"command:look": "3", "command:no": "2"}))
    world.run()
    assert len(world.of(Refute)) == asked[1] + 2, "an edited refuter is asked again"


def test_where_every_reviewer_failed_there_is_no_verdict() -> None:
    world = World((A, B), lambda act: None if "b" in act.unit.members else (), rounds=1)
    state = world.run()
    assert outcome(state) == "no verdict"
    assert blind(state) == ["no reviewer gave a verdict on b as it is"]
    tries = len(world.of(Review))
    assert world.run() is state and len(world.of(Review)) == tries
    # A new order asks them again, and only them.
    world.says = nothing
    world.tell(e.Resumed("review"))
    assert outcome(world.run()) == "nothing confirmed"
    assert [act.unit.kind for act in world.of(Review)[tries:]] == ["branch"] * 2 + ["completeness"]
    partly = World((A,), lambda act: None if act.unit.lens == "security" else ())
    assert outcome(partly.run()) == "nothing confirmed"


def all_of(world: World) -> list[Finding]:
    return list(world.state.reviews.findings.values())


def only(world: World) -> Finding:
    (found,) = all_of(world)
    return found
