"""What the configuration of a run says now, held against what it said when that was last read.

A run keeps what it was started with. What was changed since in a file or in the environment is
taken by a resume, as are its flags. What a flag gave at the start outlives a change in a file,
unless that names other work or another judge: whoever edits a check means this run, too.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, replace
from typing import Any

from wtman.config import Kind, Loaded, Source, load, repository_commands
from wtman.config.keys import ANY, at, named
from wtman.config.settings import raised
from wtman.coordinator.start.agents import anchored
from wtman.coordinator.start.approval import commands_of
from wtman.coordinator.start.requirements import in_sandbox
from wtman.files import working_folder
from wtman.formats.codec import from_plain, to_plain
from wtman.git.discovery import Repository
from wtman.journal.events import Configured, Event, PlanWanted, SettingsChanged
from wtman.journal.state import State
from wtman.model.agent_definition import AgentDefinition
from wtman.model.plan import Plan
from wtman.model.settings import ULTRA, Settings
from wtman.model.values import dataclass
from wtman.text.terminal import clean, command, duration

_WORK = ("check", "agent", "model", "effort", "roles")  # an edit counts, whatever a flag said
_FIXED = {
    "worktrees": "the worktrees of a run stay in the folder where they began",
}
_TIMES = ("timeout", "check_timeout", "grace")
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Edits:
    """What was changed since. `told` are lines for people, `openings` what of it the repository
    asks for that needs approval, besides its commands."""

    changed: SettingsChanged = SettingsChanged()
    configured: Configured | None = None
    told: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()
    planner: tuple[PlanWanted, ...] = ()  # who plans now, where there is no plan yet

    @property
    def events(self) -> tuple[Event, ...]:
        """As the journal has them."""
        changed = (self.changed,) if self.changed != SettingsChanged() else ()
        known = (self.configured,) if self.configured is not None else ()
        return (*changed, *known, *self.planner)


def configured(
    repo: Repository, environ: Mapping[str, str], given: Mapping[str, Any]
) -> Configured:
    """What the sources say now; `given` is what flags or a plan gave, by key, if anything."""
    names = {key for key, value in given.items() if value or (value == 0 and value is not False)}
    names |= {f"roles.{role}" for role in given.get("roles") or ()}
    return _read(repo, environ, names)[0]


def edits(
    repo: Repository,
    state: State,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    tracked: Set[str],
) -> Edits:
    """What was changed since the run's configuration was read, and what `flags` change.

    `flags` are fields of settings; `tracked` the files of its base. Raises UsageError for a
    configuration that does not read.
    """
    was = state.configured or Configured()
    now, filed, loaded = _read(repo, environ, frozenset(was.flags))
    if state.configured is None:
        # It cannot be told what was changed, and nothing is guessed.
        was = replace(was, files=now.files, environment=now.environment)
    values: dict[str, tuple[Any, str]] = {}
    told: list[str] = []
    for key in dict.fromkeys((*was.files, *now.files, *now.environment)):
        source = _source(was, now, key)
        if not source or key.partition(".")[0] in flags:
            continue
        if key in _FIXED:
            told.append(f"{key} stays as it was: {_FIXED[key]}")
        elif _is_held(was, now, key, source):
            way = named(key.partition(".")[0]).spellings[-1] if named(key).help else ""
            said = f"; change it: {way}" if named(key).resumable else ""
            told.append(f"{key} in {source} is not used: the run was started with another{said}")
        else:
            origin = loaded if source == named_variable(key) else filed
            values[key] = (_value(origin.settings, key), source)
    for key, value in flags.items():
        for name, one in _flat(key, value):
            values[name] = (one, named(key).spellings[-1])
    changed, lines, hand = _changed(repo, state, values, loaded, tracked)
    asked = tuple("agents." if key == "agents" else f"{key} = " for key in changed)
    kept = tuple(key for key in was.flags if key not in values)
    by_flag = tuple(key for key, (_, source) in values.items() if source.startswith("--"))
    return Edits(
        SettingsChanged(changed, tuple(hand)) if changed else SettingsChanged(),
        replace(now, flags=(*kept, *by_flag)),
        (*lines, *told),
        tuple(text for text in repository_commands(loaded) if text.startswith(asked) and asked),
    )


def named_variable(key: str) -> str:
    """The variable that gives a key."""
    return named(key.partition(".")[0]).variable


def _read(
    repo: Repository, environ: Mapping[str, str], given: Set[str]
) -> tuple[Configured, Loaded, Loaded]:
    """What the sources say, the files alone, and all of them."""
    plain = {name: text for name, text in environ.items() if not name.startswith("WTMAN_")}
    filed, loaded = load(repo.toplevel, plain, {}), load(repo.toplevel, environ, {})
    own, all_of = _by_key(filed), _by_key(loaded)
    theirs = [key for key, source in all_of.items() if source.kind is Kind.ENVIRONMENT]
    return (
        Configured(
            {key: _value(filed.settings, key) for key in own},
            {key: _value(loaded.settings, key) for key in theirs},
            tuple(sorted(given)),
            {key: source.name for key, source in own.items()},
        ),
        filed,
        loaded,
    )


def _by_key(loaded: Loaded) -> dict[str, Source]:
    """The source of each key that governs a run, by the name of its field."""
    found: dict[str, Source] = {}
    known = {field.name for field in fields(Settings)}
    for place, source in loaded.origin.items():
        key = at(tuple(place.split(".", 1))) or at((place,))
        if place.startswith("agents."):
            found["agents"] = source  # definitions count as one
        elif key is not None and key.name in known:
            role = place.partition(".")[2] if ANY in key.place else ""
            found[f"{key.name}.{role}" if role else key.name] = source
    return found


def _value(settings: Settings, key: str) -> Any:
    """The plain value of a key."""
    name, _, role = key.partition(".")
    if name == "roles" and role:
        return settings.roles.get(role, "")
    if key == "network":
        return list(settings.hosts) if settings.network == "allow-list" else settings.network
    return to_plain(getattr(settings, name))


def _source(was: Configured, now: Configured, key: str) -> str:
    """Who says something new of the key: a variable, or a file; empty: nobody does."""
    if key in now.environment:
        return named_variable(key) if now.environment[key] != was.environment.get(key) else ""
    if now.files.get(key) == was.files.get(key):
        return ""
    return now.sources.get(key) or was.sources.get(key, "")


def _is_held(was: Configured, now: Configured, key: str, source: str) -> bool:
    """Whether what the start of the run said, by a flag or in its environment, still counts."""
    name = key.partition(".")[0]
    if name in _WORK:
        return False
    return key in was.flags or (key in was.environment and source != named_variable(key))


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if key == "roles":
        yield from ((f"roles.{role}", agent) for role, agent in value.items())
    else:
        yield key, value


def _changed(
    repo: Repository,
    state: State,
    values: Mapping[str, tuple[Any, str]],
    loaded: Loaded,
    tracked: Set[str],
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Fields of the settings that differ, a line on each, and the commands given by hand."""
    settings, lines, hand = state.settings, list[str](), list[str]()
    here = working_folder()
    for key, (value, source) in values.items():
        theirs = source in ("wtman.toml", "pyproject.toml")
        name, _, role = key.partition(".")
        if name in ("agent", "roles") and value and not theirs:
            value = anchored(value, here, repo.toplevel, tracked)
        if name == "agent" and not value:
            continue  # nobody is named any more: who works goes on
        before = _value(settings, key)
        if name == "agents":
            lines += [_defined_no_more(one) for one in before if one not in value]
            value = {**before, **value}  # who works goes on
        if key == "sandbox":
            settings = in_sandbox(replace(settings, sandbox=value), repo)[0]
        elif key == "network":
            listed = isinstance(value, list)
            hosts = tuple(value) if listed else ()
            settings = replace(settings, network="allow-list" if listed else value, hosts=hosts)
        elif role:
            roles = {**settings.roles, role: value}
            settings = replace(settings, roles={name: one for name, one in roles.items() if one})
        else:
            field_of: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value}
            if name == "agents":
                field_of = {name: from_plain(dict[str, AgentDefinition], value)}
            settings = replace(settings, **field_of)
            if key == "effort" and value == ULTRA:
                kept = {*values, *(state.configured or Configured()).flags}
                more: dict[str, Any] = raised(settings.reviewed_by)
                settings = replace(settings, **{k: v for k, v in more.items() if k not in kept})
        after = _value(settings, key)
        if after == before:
            continue
        lines += (
            [f"agents: {', '.join(_differing(before, after))} ({source})"]
            if key == "agents"
            else [f"{key}: {_shown(name, before)} -> {_shown(name, after)} ({source})"]
        )
        if not theirs:
            hand += commands_of(
                replace(Settings(), **{name: getattr(settings, name)}), Plan("", ())
            )
    names = (field.name for field in fields(Settings))
    changed = {
        name: to_plain(getattr(settings, name))
        for name in names
        if getattr(settings, name) != getattr(state.settings, name)
    }
    return changed, lines, hand


def _defined_no_more(name: str) -> str:
    return f"agents: {name} is defined no more; this run keeps it as it was (another: --agent)"


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The definitions that are not what they were, with the keys that differ."""
    told = []
    for name, now in after.items():
        was = before.get(name)
        if was is None:
            told.append(f"{name} defined")
        elif was != now:
            keys = [key for key in dict.fromkeys((*was, *now)) if was.get(key) != now.get(key)]
            told.append(f"{name} ({', '.join(keys)})")
    return told


def _shown(key: str, value: Any) -> str:
    """A value as a line of a change has it."""
    if isinstance(value, list):
        return "; ".join(command(str(item)) for item in value) or _NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _TIMES:
        return duration(value)
    return clean(str(value), 200) or _NONE
