"""A forecast as people and programs read it: before a run, and how well it held after it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from wtman.formats.codec import to_plain
from wtman.journal.events import ConflictsObserved, Foreseen
from wtman.journal.state import State
from wtman.model.foreseen import ObservedPair, Spread
from wtman.plan.accuracy import MERGES, Accuracy, accuracy, placed
from wtman.plan.attempts.table import FIVE, TELL, samples_words
from wtman.text.terminal import clean, count, duration, fold, roughly
from wtman.text.words import listed
from wtman.ui.document import Facts, Line, Table, Words, line

if TYPE_CHECKING:
    from wtman.model.plan import Plan
    from wtman.plan.conflicts.chance import PairChance
    from wtman.plan.forecast import Forecast

_WORST = 5  # pairs that are named


# --- before ---------------------------------------------------------------------------------------


def forecast_facts(plan: "Plan", known: "Forecast") -> Iterator[tuple[str, str]]:
    """The lines of a start's screen, each with its name; a line that goes on has none."""
    least, most = known.sessions_least, known.sessions_most
    sessions = f"{least} to {most} sessions" if least != most else count(least, "session")
    if least != most and known.sessions.p50 is not None:
        sessions += f" ({_range(known.sessions, lambda value: f'{value:.0f}')})"
    chain = f": {' -> '.join(known.critical_path)}" if len(known.critical_path) > 1 else ""
    yield (
        "forecast",
        f"{count(len(plan.tasks), 'branch')}, {sessions}, "
        f"{count(len(known.waves), 'stage')}{_why_stages(known)}{chain}",
    )
    lacks: dict[str, list[str]] = {}
    for name, spread, words in (
        ("time", known.seconds, roughly),
        ("tokens", known.tokens, lambda value: f"{value:,.0f}"),
        ("money", known.usd, lambda value: f"${value:,.2f}"),
    ):
        if spread.p50 is not None:
            yield name, f"{_range(spread, words)} ({samples_words(spread)})"
        elif spread.because:
            lacks.setdefault(spread.because.partition(TELL)[0], []).append(name)
    for why, names in lacks.items():
        untold = f"{TELL} them" if "time" not in names and "tokens" in names else ""
        yield "unknown", f"{', '.join(names)}: {why}{untold}"
    for number, text in enumerate(_conflicts(known.conflicts)):
        yield ("" if number else "conflicts", text)


def _why_stages(known: "Forecast") -> str:
    """That fewer sessions run at once than could, where this makes stages; empty: needs do."""
    most = max(map(len, known.waves), default=0)
    if len(known.waves) <= max(known.depth, 1):
        return ""
    return f" of up to {most} in parallel (--jobs; by needs {known.depth})"


def _range(spread: Spread, words: Callable[[float], str]) -> str:
    """Median and 90th percentile: `about 4 min, 9 in 10 below 7 min`."""
    low, high = words(spread.p50 or 0.0), words(spread.p90 or 0.0)
    return f"about {low}" if low == high else f"about {low}, 9 in 10 below {high}"


def _conflicts(pairs: "Sequence[PairChance]") -> Iterator[str]:
    """The worst pairs, with chance and reason."""
    likely = [pair for pair in pairs if pair.predicted]
    if not pairs:
        return
    if not likely:
        worst = pairs[0]
        seen = f" ({_known(worst)})" if worst.samples else ""
        yield f"none likely in {count(len(pairs), 'pair')}: at most {worst.chance:.0%}{seen}"
        return
    yield from map(_pair, likely[:_WORST])
    if len(likely) > _WORST:
        yield f"+{len(likely) - _WORST} more"


def _pair(pair: "PairChance") -> str:
    seen = f", {_known(pair)}" if pair.samples else ""
    return f"{' and '.join(pair.tasks)} {pair.chance:.0%} ({pair.because}{seen})"


def _known(pair: "PairChance") -> str:
    return count(pair.samples, "known pair")


def advice_of(plan: "Plan", known: "Forecast") -> tuple[str, ...]:
    """What a forecast advises; that one task is one task is no warning."""
    return known.advice if len(plan.tasks) > 1 else known.advice[len(known.against) :]


def forecast_lines(plan: "Plan", known: "Forecast", width: int = 80) -> list[str]:
    """A forecast by itself; nothing of it is cut."""
    facts = folded(forecast_facts(plan, known), width - 11)
    lines = [f"{name:<10} {text}" for name, text in facts]
    return lines + [it for text in advice_of(plan, known) for it in fold(f"! {text}", width)]


def folded(facts: Iterable[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """Facts on as many lines as they need: what a figure rests on stands at its end."""
    for name, text in facts:
        for number, part in enumerate(wrap(clean(text), max(width, 20))):
            yield ("" if number else name, part)


def forecast_json(plan: "Plan", known: "Forecast") -> dict[str, Any]:
    """The `forecast` of `split --dry-run --json` and `plan --json`; unknown figures are null."""
    from wtman.coordinator.start.proposal import MOST_PAIRS

    return {
        "branches": len(plan.tasks),
        "conflicts": [
            {
                "tasks": list(pair.tasks),
                "chance": round(pair.chance, 4),
                "samples": pair.samples,
                "because": pair.because,
            }
            for pair in known.conflicts[:MOST_PAIRS]
        ],
        "sessions": {
            "least": known.sessions_least,
            "most": known.sessions_most,
            **_spread(known.sessions, 0),
        },
        "tokens": _spread(known.tokens, 0),
        "usd": _spread(known.usd, 4),
        "seconds": _spread(known.seconds, 0),
        "waves": to_plain(known.waves),
        "critical_path": list(known.critical_path),
        "worth_splitting": known.worth_splitting,
        "advice": list(known.advice),
    }


def _spread(spread: Spread, digits: int) -> dict[str, Any]:
    def short(value: float | None) -> float | None:
        return value if value is None else round(value, digits) if digits else round(value)

    return {
        "p50": short(spread.p50),
        "p90": short(spread.p90),
        "samples": spread.samples,
        "because": spread.because or None,
    }


# --- after ----------------------------------------------------------------------------------------


def held_blocks(state: State) -> Iterator[Facts | Table]:
    """How well the forecast of a run held."""
    if state.foretold is None:
        return
    foreseen, observed = state.foretold.event, state.observed
    if observed is None:
        yield Facts([line("Not measured yet: some tasks have not come to an end")])
        return
    figures: tuple[tuple[str, Spread, float | None, Callable[[float], str]], ...] = (
        ("sessions", foreseen.sessions, float(observed.sessions), lambda it: f"{it:.0f}"),
        ("time", foreseen.seconds, observed.seconds, duration),
        ("tokens", foreseen.tokens, _tokens(observed), lambda it: f"{it:,.0f}"),
        ("dollars", foreseen.usd, observed.usage.usd, lambda it: f"{it:,.2f}"),
    )
    known = any(spread.p50 is not None for _, spread, _, _ in figures)
    if not known and accuracy(foreseen, observed) is None and not observed.reason:
        return  # nothing was foreseen that could have held
    yield Facts(list(_pairs_told(foreseen, observed)))
    rows = [_figure(*figure) for figure in figures]
    yield Table(("", "foreseen", "came to", ""), rows)


def _tokens(observed: ConflictsObserved) -> float | None:
    return float(observed.usage.tokens) if observed.usage.tokens else None


def _figure(
    name: str, spread: Spread, value: float | None, words: Callable[[float], str]
) -> tuple[Line, ...]:
    lacks = spread.because.partition(TELL)[0] or f"needs {FIVE} past sessions"
    foreseen = f"unknown ({lacks}; {spread.samples} known)"
    if spread.p50 is not None:
        foreseen = f"{_range(spread, words)} ({samples_words(spread)})"
    came = words(value) if value is not None else "not reported"
    where = placed(spread, value)
    told = {"within": "as foreseen", "": ""}.get(where, where)
    return line(name), line(foreseen), line(came), line(told)


def _pairs_told(foreseen: Foreseen, observed: ConflictsObserved) -> Iterator[Line]:
    if observed.reason:
        yield line(f"Conflicts: not measured: {observed.reason}")
        return
    found = accuracy(foreseen, observed)
    if found is None:
        yield line("Conflicts: no pair of tasks to compare")
        return
    known = count(found.rate_samples, "pair")
    yield line(
        f"Conflicts: Brier score {found.brier:.3f} over {count(found.pairs, 'pair')}; "
        f"the base rate ({found.rate:.1%}, {known} seen here and {MERGES:,} merges elsewhere) "
        f"{found.base_brier:.3f}"
    )
    if not found.beats_base_rate:
        yield line(Words("The forecast of conflicts did not beat the base rate", "warn"))
    for words, pairs in (
        ("predicted, and conflicted", found.happened),
        ("predicted, and did not conflict", found.absent),
        ("not predicted, and conflicted", found.missed),
    ):
        if pairs:
            yield line(f"{words}: {_named(pairs)}")


def _named(pairs: Sequence[ObservedPair]) -> str:
    return listed([f"{' and '.join(it.tasks)} ({it.chance:.0%})" for it in pairs], _WORST)


def held_json(state: State) -> dict[str, Any] | None:
    """How well the forecast of a run held; None: nothing was foreseen."""
    if state.foretold is None:
        return None
    foreseen, observed = state.foretold.event, state.observed
    found = accuracy(foreseen, observed) if observed is not None else None
    came: dict[str, float | None] = {}
    if observed is not None:
        came = {"sessions": float(observed.sessions), "seconds": observed.seconds}
        came |= {"tokens": _tokens(observed), "usd": observed.usage.usd}
    return {
        "measured": observed is not None,
        "conflicts": _accuracy_json(found) if found is not None else None,
        "sessions": _held(foreseen.sessions, came.get("sessions")),
        "seconds": _held(foreseen.seconds, came.get("seconds")),
        "tokens": _held(foreseen.tokens, came.get("tokens")),
        "usd": _held(foreseen.usd, came.get("usd")),
    }


def _accuracy_json(found: Accuracy) -> dict[str, Any]:
    return {
        "pairs": found.pairs,
        "brier": round(found.brier, 6),
        "base_rate": round(found.rate, 6),
        "base_rate_samples": found.rate_samples,
        "base_rate_brier": round(found.base_brier, 6),
        "beats_base_rate": found.beats_base_rate,
        "predicted": [_pair_json(it) for it in found.happened],
        "absent": [_pair_json(it) for it in found.absent],
        "missed": [_pair_json(it) for it in found.missed],
    }


def _pair_json(pair: ObservedPair) -> dict[str, Any]:
    return {
        "tasks": list(pair.tasks),
        "chance": round(pair.chance, 4),
        "paths": list(pair.paths),
    }


def _held(spread: Spread, value: float | None) -> dict[str, Any]:
    came = round(value, 6) if value is not None else None
    return {**_spread(spread, 4), "came": came, "place": placed(spread, value) or None}
