"""The keys of the configuration, one row each: all else about a key follows from its row.

Loading, `WTMAN_*`, flags and their help, what a message calls a key, and what a resume may
change. A new key is a row here and a field of `Settings`. `kinds` has the kinds of values;
it costs pydantic, which a short command cannot afford.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wtman.model.values import dataclass

Path = tuple[str, ...]  # where a file has a value: ("jobs",), ("roles", "planner")
ANY = "*"  # in a key's path: a name that the user chooses


@dataclass(frozen=True, slots=True)
class Key:
    """`name` is a key's field in `Settings`, its flag, and behind WTMAN_ its variable.

    A key without `help` has no flag; `flag` is its spelling where it is another one, `path`
    its place in a file where that is not the name.
    """

    name: str
    kind: str
    help: str = ""
    flag: str = ""
    path: str = ""
    least: int = 1
    most: int = 1_000_000
    in_files: bool = True  # and in the environment; else only a flag says it
    resumable: bool = False  # `resume` may change it

    @property
    def spellings(self) -> tuple[str, ...]:
        """Of its flag; the last one is the long one."""
        return tuple((self.flag or f"--{self.name.replace('_', '-')}").split("/"))

    @property
    def variable(self) -> str:
        """Its variable of the environment."""
        return f"WTMAN_{self.name.upper()}"

    @property
    def place(self) -> Path:
        """Where a file has it."""
        return tuple((self.path or self.name).split("."))


KEYS = (
    Key("agent", "text", "Agent of every role: a name, or command:ARGV.", resumable=True),
    Key("model", "text", "Model of every session.", resumable=True),
    Key("effort", "effort", "Effort of every session, low to max; ultra: of the run.",
        resumable=True),
    Key("roles", "text", path="roles.*"),
    Key("reviewed_by", "texts", "Agent that reviews; repeatable.", "--reviewer", in_files=False),
    Key("reviewers", "integer", "Reviewers of each branch; 0: no reviews.", least=0,
        resumable=True),
    Key("rounds", "integer", "Most rounds of reviews.", resumable=True),
    Key("check", "checks", "Command that must pass; repeatable.", resumable=True),
    Key("jobs", "integer", "Most sessions at once.", "-j/--jobs", resumable=True),
    Key("check_jobs", "integer", "Most checks at once.", resumable=True),
    Key("max_sessions", "integer", "Most sessions of the run.", resumable=True),
    Key("attempts", "integer", "Most sessions of a task.", resumable=True),
    Key("repairs", "integer", "Most repairs of a task that fell short; 0: none.", least=0,
        resumable=True),
    Key("budget_usd", "money", "Maximum spend for this run (USD).", path="budget.usd",
        resumable=True),
    Key("budget_tokens", "integer", "Maximum tokens for this run.", path="budget.tokens",
        most=10**12, resumable=True),
    Key("plan_budget_usd", "money", "Maximum spend for planning (USD).", path="budget.plan_usd",
        resumable=True),
    Key("scouts", "integer", "Most scouts that look at the repository first, at most 32; 0: none.",
        least=0, most=32, resumable=True),
    Key("session_budget_usd", "money", path="budget.session_usd"),
    Key("session_budget_tokens", "integer", path="budget.session_tokens", most=10**12),
    Key("wait_for_reset", "switch",
        "Where a quota is used up, wait until its provider says that it is back.",
        resumable=True),
    Key("timeout", "time", "Most time of a session: 90s, 15m, 2h.", resumable=True),
    Key("check_timeout", "time", "Most time of a check: 90s, 15m, 2h.", resumable=True),
    Key("grace", "time"),
    Key("setup", "texts"),
    Key("setup_inputs", "patterns"),
    Key("cleanup", "texts"),
    Key("copy", "patterns"),
    Key("symlink", "patterns"),
    Key("protect", "patterns"),
    Key("worktrees", "text"),
    Key("keep_worktrees", "switch", "Keep the worktree of every task.", resumable=True),
    Key("sandbox", "text", "Isolation of sessions, setup and checks.", resumable=True),
    Key("network", "network"),
    Key("check_network", "switch"),
    Key("env", "variables"),
    Key("block_on", "severities"),
    Key("allow_failing_base", "switch",
        "Continue on a base that fails a check (results are not verified).", in_files=False,
        resumable=True),
    # What `Settings` has no field for, as it does not govern a run.
    Key("notify", "texts"),
    Key("mcp_merge", "switch"),
    # Agents of the user's own.
    *(
        Key("agents", kind, path=f"agents.*.{name}")
        for kind, names in (
            ("words", ("command", "model", "resume", "system", "read_only")),
            ("stream", ("stream",)),
            ("entries", ("env",)),
            ("texts", ("sign_in",)),
            ("hosts", ("hosts",)),
            ("text", ("provider", "install")),
            ("integer", ("memory",)),
        )
        for name in names
    ),
)  # fmt: skip


def named(name: str) -> Key:
    """The key of a flag, or of a field of `Settings`."""
    return next(key for key in KEYS if key.name == name)


def at(place: Path) -> Key | None:
    """The key of a file's value."""
    return next((key for key in _at(place) if key.in_files), None)


def below(table: Path) -> tuple[str, ...]:
    """What a table of a file may hold; nothing where the path is no table."""
    depth = len(table)
    found = (key for key in KEYS if key.in_files and len(key.place) > depth)
    names = (key.place[depth] for key in found if _within(table, key))
    return tuple(dict.fromkeys(names))


def flag_only(place: Path) -> Key | None:
    """The key that a file has at this place in vain: only its flag says it."""
    return next((key for key in _at(place) if not key.in_files), None)


def by_name(values: Mapping[Path, Any]) -> dict[str, Any]:
    """Values at their places in a file, by the names of their keys."""
    found: dict[str, Any] = {}
    for place, value in values.items():
        key = next(_at(place))
        *tables, last = (key.name, *place[1:]) if ANY in key.place else (key.name,)
        inner = found
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[last] = value
    return found


def _at(place: Path) -> Iterator[Key]:
    return (key for key in KEYS if len(key.place) == len(place) and _within(place, key))


def _within(path: Path, key: Key) -> bool:
    return all(own in (ANY, part) for part, own in zip(path, key.place, strict=False))
