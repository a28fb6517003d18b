"""A forecast and how well it held, as people and programs read it."""

from tests.journal.runs import A_RUN, finished, played
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.foreseen import ForeseenPair, ObservedPair, Spread
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.session import Usage
from wtman.plan.conflicts.chance import PairChance
from wtman.plan.forecast import Forecast
from wtman.ui.forecast import forecast_json, forecast_lines, held_json
from wtman.ui.report import report
from wtman.ui.report_json import report_json

PLAN = Plan("r", tuple(Task(TaskId(name), "x") for name in ("a", "b", "c", "d")))
SAID = "needs 5 past sessions of claude"


def foretold(**more: object) -> Forecast:
    waves = (tuple(task.id for task in PLAN.tasks),)
    return Forecast(4, 12, waves, (TaskId("a"),), (), **more)  # type: ignore[arg-type]


def lines(**more: object) -> list[str]:
    return forecast_lines(PLAN, foretold(**more), 200)


def test_known_figures_have_their_range_and_their_number() -> None:
    known = lines(
        sessions=Spread(4, 6, 9),
        seconds=Spread(240, 420, 9),
        tokens=Spread(81_000, 140_000, 9),
        usd=Spread(1.2, 1.2, 7),
    )
    assert known == [
        "forecast   4 branches, 4 to 12 sessions (about 4, 9 in 10 below 6), 1 stage",
        "time       about 4 min, 9 in 10 below 7 min (9 past sessions)",
        "tokens     about 81,000, 9 in 10 below 140,000 (9 past sessions)",
        "money      about $1.20 (7 past sessions)",
    ]


def test_unknown_figures_are_one_line_with_the_reason() -> None:
    none = Spread(because=SAID)
    untold = Spread(because=f"{SAID} that tell money")
    assert lines(seconds=none, tokens=none, usd=none)[1:] == [
        f"unknown    time, tokens, money: {SAID}"
    ]
    assert lines(seconds=Spread(60, 60, 5), tokens=untold, usd=untold)[2:] == [
        f"unknown    tokens, money: {SAID} that tell them"
    ]


def test_the_worst_five_pairs_are_named_and_the_rest_counted() -> None:
    pairs = tuple(
        PairChance(("a", "b"), 0.9 - at / 20, 609, "both change App.run") for at in range(7)
    )
    told = lines(conflicts=pairs)[1:]
    assert told[0] == "conflicts  a and b 90% (both change App.run, 609 known pairs)"
    assert len(told) == 6 and told[5] == "           +2 more"
    low = PairChance(("a", "b"), 0.06, 100, "nothing in common")
    assert lines(conflicts=(low, low))[1] == (
        "conflicts  none likely in 2 pairs: at most 6% (100 known pairs)"
    )


def test_what_is_unknown_is_null() -> None:
    told = forecast_json(PLAN, foretold(usd=Spread(because=SAID), against=("because",)))
    assert told["usd"] == {"p50": None, "p90": None, "samples": 0, "because": SAID}
    assert told["sessions"]["least"] == 4 and told["sessions"]["p50"] is None
    assert told["worth_splitting"] is False and told["conflicts"] == []


# --- after ----------------------------------------------------------------------------------------

FORESEEN = e.Foreseen(
    sessions=Spread(2, 2, 8),
    seconds=Spread(10, 20, 8),
    usd=Spread(1.0, 2.0, 8),
    pairs=(ForeseenPair(("core", "docs"), 0.8), ForeseenPair(("docs", "portal"), 0.7)),
    rate=0.1,
    rate_samples=30,
)


def held(*pairs: ObservedPair, reason: str = "", measured: bool = True) -> State:
    seen = e.ConflictsObserved({}, pairs, 2, 50.0, Usage(90, 10, 1.5), reason)
    return played(
        (*A_RUN[:5], FORESEEN, A_RUN[5], *finished("core", 1), *([seen] if measured else ()))
    )


GOOD = (
    ObservedPair(("core", "docs"), True, 0.8, ("a.py",)),
    ObservedPair(("docs", "portal"), False, 0.7),
    ObservedPair(("core", "portal"), True, 0.2),
)


def test_the_report_says_what_came_true() -> None:
    text = report(held(*GOOD))
    assert "## How well the forecast held" in text
    assert "Brier score 0.390 over 3 pairs; the base rate (10.0%, 30 pairs seen here" in text
    assert "did not beat" not in text
    for words in (
        "- predicted, and conflicted: core and docs (80%)",
        "- predicted, and did not conflict: docs and portal (70%)",
        "- not predicted, and conflicted: core and portal (20%)",
        "| sessions | about 2 (8 past sessions) | 2 | as foreseen |",
        "| time | about 10 s, 9 in 10 below 20 s (8 past sessions) | 50 s | above |",
        "| tokens | unknown (needs 5 past sessions; 0 known) | 100 |  |",
        "| dollars | about 1.00, 9 in 10 below 2.00 (8 past sessions) | 1.50 | as foreseen |",
    ):
        assert words in text, text


def test_one_that_does_not_beat_the_base_rate_says_so() -> None:
    assert "did not beat the base rate" in report(held(*GOOD[1:2]))


def test_what_was_not_measured_is_said_and_what_was_not_foreseen_is_not_there() -> None:
    assert "Not measured yet" in report(held(measured=False))
    assert "not measured: git is gone" in report(held(reason="git is gone"))
    assert "no pair of tasks to compare" in report(held())
    assert "forecast held" not in report(played(A_RUN))
    assert report_json(played(A_RUN), live=False)["forecast"] is None


def test_the_same_as_facts() -> None:
    told = held_json(held(*GOOD))
    assert told is not None and told["measured"]
    assert told["seconds"]["came"] == 50.0 and told["seconds"]["place"] == "above"
    assert told["usd"]["place"] == "within"
    conflicts = told["conflicts"]
    assert (conflicts["pairs"], conflicts["beats_base_rate"]) == (3, True)
    assert conflicts["predicted"] == [{"tasks": ["core", "docs"], "chance": 0.8, "paths": ["a.py"]}]
    assert [item["tasks"] for item in conflicts["missed"]] == [["core", "portal"]]


def test_a_narrow_terminal_folds_and_cuts_nothing() -> None:
    narrow = forecast_lines(PLAN, foretold(), 50)
    assert max(map(len, narrow)) <= 50
    assert " ".join(narrow).split() == " ".join(lines()).split()
