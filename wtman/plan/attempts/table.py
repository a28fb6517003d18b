"""The table of attempts: what sessions took, and how often tasks needed another one.

Pure. One row is one session that came to an end, in whatever role; it holds figures and names of
agents and models, no text of a task and no path. What a figure of the next session is drawn from
is the narrowest group of rows that has five of a kind: same role, agent, model and effort in this
repository, then without the effort, then in any repository, then role and agent alone. Where even
that has fewer, the figure is unknown, and says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from typing import Any

from wtman.model.foreseen import ObservedPair, Spread
from wtman.model.ids import TaskId
from wtman.model.roles import DEFAULT
from wtman.model.values import dataclass
from wtman.text.terminal import count

FIVE = 5  # of a kind
TELL = " that tell"
OK, REFUSED, FAILED, INTERRUPTED = "ok", "refused", "failed", "interrupted"
_LONGEST_NAME = 80
_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One session. None is unknown, or does not apply.

    `owns` counts the patterns of its task (0: the whole repository), `brief` the characters that
    it was asked with, `changed` the lines that it changed. `check_seconds` is how long the checks
    of its work took, `setup_seconds` how long its worktree took to make. `tries` and `rounds` are
    told by the last session of a task that is settled: how many sessions the task took, and how
    many rounds of reviews; `done` whether it was then good.
    """

    role: str
    agent: str
    model: str = ""
    effort: str = ""
    owns: int = 0
    brief: int = 0
    changed: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    usd: float | None = None
    seconds: float | None = None
    check_seconds: float | None = None
    setup_seconds: float | None = None
    rounds: int = 0
    tries: int = 0
    done: bool = False
    verdict: str = OK

    @property
    def tokens(self) -> int | None:
        """Read and written."""
        if self.tokens_in is None or self.tokens_out is None:
            return None
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class SessionKind:
    """Who does a session: the key that rows are grouped by."""

    role: str
    agent: str
    model: str = ""
    effort: str = ""


Figure = Callable[[AttemptRow], float | None]


@dataclass(frozen=True, slots=True)
class Attempts:
    """All rows that are known: of this repository, and of all others; each the oldest first.

    `pairs` are the pairs of tasks of this repository whose conflicts were foreseen and observed.
    """

    here: tuple[AttemptRow, ...] = ()
    elsewhere: tuple[AttemptRow, ...] = ()
    pairs: tuple[ObservedPair, ...] = ()
    _found: dict[tuple[SessionKind, str], tuple[float, ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def values(self, kind: SessionKind, name: str) -> tuple[float, ...]:
        """The known values of a figure for sessions of this kind, of the narrowest group that has
        five; else of the widest, which then has fewer."""
        known = self._found.get((kind, name))
        if known is None:
            known = self._found[kind, name] = self._narrowest(kind, FIGURES[name])
        return known

    def _narrowest(self, kind: SessionKind, figure: Figure) -> tuple[float, ...]:
        found: tuple[float, ...] = ()
        everywhere = (*self.elsewhere, *self.here)
        for rows, fits in (
            (self.here, lambda row: _who(row) == _key(kind) and row.effort == kind.effort),
            (self.here, lambda row: _who(row) == _key(kind)),
            (everywhere, lambda row: _who(row) == _key(kind)),
            (everywhere, lambda row: _who(row)[:2] == _key(kind)[:2]),
        ):
            found = tuple(
                value
                for row in rows
                if row.verdict != INTERRUPTED and fits(row) and (value := figure(row)) is not None
            )
            if len(found) >= FIVE:
                return found
        return found

    def here_of(self, name: str) -> tuple[float, ...]:
        """The known values of a figure of this repository, whoever worked."""
        figure = FIGURES[name]
        return tuple(value for row in self.here if (value := figure(row)) is not None)

    def spread(self, kind: SessionKind, name: str) -> Spread:
        """A figure of one session of this kind."""
        return spread_of(self.values(kind, name), wanted(kind, name))


# What is asked of a row.
FIGURES: dict[str, Figure] = {
    "seconds": lambda row: row.seconds,
    "tokens": lambda row: row.tokens,
    "usd": lambda row: row.usd,
    "check_seconds": lambda row: row.check_seconds,
    "setup_seconds": lambda row: row.setup_seconds,
    "tries": lambda row: row.tries or None,
    "rounds": lambda row: row.rounds if row.tries else None,
}


def wanted(kind: SessionKind, name: str) -> str:
    """What a figure lacks, in words."""
    # Most are of those who build: the name of the agent says it.
    role = "" if kind.role == DEFAULT else kind.role
    who = f"{role} {agent_name(kind.agent)}".strip() or kind.role
    told = {"tokens": f"{TELL} tokens", "usd": f"{TELL} money"}.get(name, "")
    return f"needs {FIVE} past sessions of {who}{told}"


def agent_name(agent: str) -> str:
    """An agent as people call it: of a program its words without the folders that they are in."""
    name, colon, rest = agent.partition(":")
    words = (word.rstrip("/").rpartition("/")[2] for word in rest.split())
    told = f"{name}{colon}{' '.join(words)}"
    return told if len(told) <= _LONGEST_SHOWN else f"{told[: _LONGEST_SHOWN - 1]}…"


def spread_of(values: Sequence[float], because: str) -> Spread:
    """Median and 90th percentile; unknown below five."""
    if len(values) < FIVE:
        return Spread(samples=len(values), because=because)
    ranked = sorted(values)
    return Spread(quantile(ranked, 0.5), quantile(ranked, 0.9), len(values))


def quantile(ranked: Sequence[float], share: float) -> float:
    """The quantile of sorted values, between two of them in proportion."""
    place = share * (len(ranked) - 1)
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


@lru_cache(maxsize=64)
def agent_key(agent: str) -> str:
    """An agent as rows name it: what follows its name can hold paths, and is told by a digest."""
    name, _, rest = agent.partition(":")
    if not rest:
        return name[:_LONGEST_NAME]
    return f"{name}:{sha256(rest.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _who(row: AttemptRow) -> tuple[str, str, str]:
    return row.role, row.agent, row.model


def _key(kind: SessionKind) -> tuple[str, str, str]:
    return kind.role, agent_key(kind.agent), kind.model


# --- as a file has it -----------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, type], ...] = (
    ("role", str),
    ("agent", str),
    ("model", str),
    ("effort", str),
    ("owns", int),
    ("brief", int),
    ("changed", int),
    ("tokens_in", int),
    ("tokens_out", int),
    ("tokens_cached", int),
    ("usd", float),
    ("seconds", float),
    ("check_seconds", float),
    ("setup_seconds", float),
    ("rounds", int),
    ("tries", int),
    ("done", bool),
    ("verdict", str),
)
_OPTIONAL = frozenset(
    "tokens_in tokens_out tokens_cached usd seconds check_seconds setup_seconds".split()
)
_LARGEST = 1e15


def rows_plain(rows: Iterable[AttemptRow], pairs: Iterable[ObservedPair]) -> dict[str, Any]:
    """Rows as lists, with the names of their columns once, and observed pairs without their tasks
    and paths, which mean nothing in another run."""
    names = [name for name, _ in _COLUMNS]
    return {
        "columns": names,
        "rows": [[_short(getattr(row, name)) for name in names] for row in rows],
        "pairs": [[round(it.chance, 4), it.conflicted] for it in pairs],
    }


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def rows_of(plain: Any) -> tuple[tuple[AttemptRow, ...], tuple[ObservedPair, ...]]:
    """What `rows_plain` wrote; a row that does not fit is left out.

    Raises ValueError for what is no such table at all.
    """
    if not isinstance(plain, dict) or not isinstance(plain.get("rows"), list):
        raise ValueError("not a table of attempts")
    columns = plain.get("columns")
    if not isinstance(columns, list):
        raise ValueError("a table of attempts without columns")
    kinds = dict(_COLUMNS)
    rows = []
    for cells in plain["rows"]:
        if not isinstance(cells, list) or len(cells) != len(columns):
            continue
        known = {name: cell for name, cell in zip(columns, cells, strict=True) if name in kinds}
        if all(_fits(name, kinds[name], cell) for name, cell in known.items()):
            if {"role", "agent"} <= known.keys():
                rows.append(AttemptRow(**known))
    pairs = [
        ObservedPair((TaskId(""), TaskId("")), cells[1], float(cells[0]))
        for cells in plain.get("pairs") or ()
        if isinstance(cells, list)
        and len(cells) == 2
        and _fits("usd", float, cells[0])
        and cells[0] is not None
        and cells[0] <= 1
        and isinstance(cells[1], bool)
    ]
    return tuple(rows), tuple(pairs)


def _fits(name: str, kind: type, cell: Any) -> bool:
    if cell is None:
        return name in _OPTIONAL
    if kind is bool:
        return isinstance(cell, bool)
    if kind is str:
        return isinstance(cell, str) and len(cell) <= 2 * _LONGEST_NAME
    if isinstance(cell, bool) or not isinstance(cell, int if kind is int else (int, float)):
        return False
    return isfinite(cell) and 0 <= cell <= _LARGEST


def samples_words(spread: Spread) -> str:
    """`12 past sessions`."""
    return count(spread.samples, "past session")
