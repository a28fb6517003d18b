"""The rows of the table that a journal comes to."""

from dataclasses import replace

from tests.journal.runs import A_RUN, START, finished
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.session import Ended, Usage
from wtman.plan.attempts.rows import attempt_rows
from wtman.plan.attempts.table import FAILED, INTERRUPTED, OK, REFUSED, AttemptRow, agent_key
from wtman.tasks.lifecycle import standings

USED = Usage(900, 100, 0.5, 800)
CHECKED = replace(A_RUN[0], settings=replace(A_RUN[0].settings, check=("pytest",)))


def rows(*timed: tuple[float, e.Event]) -> list[AttemptRow]:
    begin = (CHECKED, *A_RUN[1:])
    recorded = [Recorded(seq, START, event) for seq, event in enumerate(begin, 1)]
    recorded += [
        Recorded(seq, START + at, event) for seq, (at, event) in enumerate(timed, len(begin) + 1)
    ]
    state = replay(recorded)
    return [*attempt_rows(state, standings(state), recorded)]


def session(attempt: int, at: float, ended: Ended = Ended.OK, **more: object) -> list:
    """Placed at once, a session of ten seconds."""
    *before, begun, over = finished("core", attempt, ended, **more)
    setup = e.Intended("MakeWorktree", ActionKey(ActionKind.WORKTREE, "core"))
    made = [(at, setup), *((at + 2, event) for event in before)] if before else []
    return [*made, (at + 2, begun), (at + 12, over)]


def check(at: float, verdict: Verdict, *, cached: bool = False) -> list:
    wanted = e.Intended("CheckTask", ActionKey(ActionKind.CHECK, "core"))
    result = CheckResult("pytest", verdict, cached=cached)
    return [(at, wanted), (at + 5, e.Checked("core", "c1", "base", verdict, (result,)))]


def test_a_task_that_took_two_sessions() -> None:
    found = rows(
        *session(1, 0, usage=USED, insertions=30, deletions=4),
        *check(20, Verdict.RED),
        *session(2, 30, usage=Usage()),
        *check(50, Verdict.GREEN),
    )
    first, last = found
    assert first == AttemptRow(
        "implementer",
        agent_key("command:build"),
        owns=0,
        brief=len("build the core"),
        changed=34,
        tokens_in=900,
        tokens_out=100,
        tokens_cached=800,
        usd=0.5,
        seconds=10.0,
        check_seconds=5.0,
        setup_seconds=2.0,
        verdict=REFUSED,
    )
    assert (last.tries, last.done, last.verdict) == (2, True, OK)
    assert (last.tokens, last.usd, last.setup_seconds) == (None, None, None)


def test_a_task_that_fell_short_tells_its_sessions_and_that_it_did() -> None:
    found = rows(*session(1, 0, Ended.FAILED), *session(2, 30, Ended.FAILED))
    assert [(row.verdict, row.tries, row.done) for row in found] == [
        (FAILED, 0, False),
        (FAILED, 2, False),
    ]


def test_one_that_goes_on_is_not_settled_and_a_known_verdict_took_no_time() -> None:
    (row,) = rows(*session(1, 0, Ended.INTERRUPTED))
    assert (row.verdict, row.tries) == (INTERRUPTED, 0)
    (row,) = rows(*session(1, 0), *check(20, Verdict.GREEN, cached=True))
    assert row.check_seconds is None and row.tries == 1


def test_reviewers_and_planners_have_rows_of_their_own() -> None:
    seen = e.Reviewed("u", "branch", "correctness", "claude", ("core",), {"core": "c1"}, True)
    cut = e.Planned(1, "codex", usage=USED, seconds=7.0)
    found = rows(
        *session(1, 0),
        (20, replace(seen, seconds=3.0, usage=USED)),
        (21, replace(seen, unit="v", ok=False, seconds=3.0)),
        (22, replace(seen, unit="w", ok=False, limited=True, seconds=1.0)),
        (23, seen),  # none ran
        (24, cut),
    )
    assert [(row.role, row.agent, row.verdict, row.tokens) for row in found[1:]] == [
        ("reviewer", "claude", OK, 1000),
        ("reviewer", "claude", FAILED, None),
        ("reviewer", "claude", INTERRUPTED, None),
        ("planner", "codex", OK, 1000),
    ]


def test_judges_drafts_refuters_and_repairers_have_rows_of_their_own() -> None:
    doubt = e.Refuted("f", "correctness", "claude", {"core": "c1"}, "refuted", seconds=2.0)
    found = rows(
        (0, e.PlanWanted("codex")),
        (1, e.PlanDrafted(1, 1, "codex", (), usage=USED, seconds=4.0)),
        (2, e.DraftFailed(2, 1, "codex", "no plan", seconds=4.0)),
        (3, e.PlansJudged(1, agent="claude", compared=2, seconds=5.0, sessions=1)),
        (4, e.PlansJudged(1, compared=1)),  # by the forecast: no session
        (5, doubt),
        (6, e.RepairDecided("core", 1, "claude", "again", "why", seconds=6.0)),
        (7, e.RepairFailed("core", 2, "claude", "nonsense", seconds=7.0)),
    )
    assert [(row.role, row.agent, row.verdict, row.seconds) for row in found] == [
        ("planner", "codex", OK, 4.0),
        ("planner", "codex", FAILED, 4.0),
        ("judge", "claude", OK, 5.0),
        ("refuter", "claude", OK, 2.0),
        ("repairer", "claude", OK, 6.0),
        ("repairer", "claude", FAILED, 7.0),
    ]


def test_a_resolver_is_no_author() -> None:
    found = rows(
        *session(1, 0),
        *check(20, Verdict.GREEN),
        (30, e.Resolving("core", "m1", "command:mend", "both sides")),
        (35, e.Followed("core", "m1", "c1", {}, onto="m1")),
        *session(2, 40),
        (60, replace(check(0, Verdict.GREEN)[1][1], start="m1")),
    )
    assert [(row.role, row.tries) for row in found] == [("implementer", 1), ("resolver", 0)]
