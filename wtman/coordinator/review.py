"""Reviews ordered: of a run, or of branches that wtman did not make.

For a run what is missing is carried on. Those of branches are journalled as runs of their own kind:
nothing is fixed there, for their authors have no session. The same order again finds the
same run, so that no reviewer is asked twice.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wtman.agents.installed import first_agent
from wtman.agents.program import content_of
from wtman.config import judged_flags, load, repository_commands, worktrees_folder
from wtman.config.roles import load_roles
from wtman.config.trust import approved
from wtman.coordinator.branches import heads_of
from wtman.coordinator.create import create
from wtman.coordinator.home import Home, newest_of, require_idle
from wtman.coordinator.start.agents import anchored_agents
from wtman.coordinator.start.approval import unapproved
from wtman.coordinator.start.proposal import after
from wtman.coordinator.start.requirements import in_sandbox, require_agents, require_repository
from wtman.errors import UsageError
from wtman.formats.codec import to_plain
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import files
from wtman.git.repo import identity, resolve
from wtman.integration.external import ExternalBranch, take
from wtman.journal.events import Approved, Event, Noted, Resumed, RolesAssigned, SettingsChanged
from wtman.journal.state import State, digest
from wtman.model.agent_definition import definition_texts
from wtman.model.ids import Sha
from wtman.model.plan import Plan, Role
from wtman.model.roles import key_of
from wtman.model.settings import Settings
from wtman.model.states import RunKind, RunState
from wtman.model.values import dataclass
from wtman.review.judgement import refuter, reviewers
from wtman.tasks.lifecycle import run_state

_REVIEWERS = 2
_TRUST = "approve what you read: wtman trust"
_LIMITS = ("jobs", "max_sessions", "budget_usd", "rounds")
_OF_RUN = (*_LIMITS, "reviewers")
# Settings that decide no answer: the same order again may change them.
_OF_THE_WORK = frozenset({*_LIMITS, "check_jobs", "budget_tokens", "plan_budget_usd", "worktrees"})


def reviewable(state: State) -> bool:
    """Whether reviews of the run can be carried on."""
    return state.approved and run_state(state) not in (RunState.MERGED, RunState.FAILED)


def review_of_run(repo: Repository, state: State, flags: Mapping[str, Any]) -> list[Event]:
    """The events that carry the reviews of a run on, under what `flags` change."""
    if not state.approved:
        raise UsageError(
            f"run {state.run} has not been started", hint=f"start it: wtman resume {state.run}"
        )
    if state.flow is not None:
        branches = [state.tasks[task].branch for task in state.flow.wanted][:3]
        again = f"review its branches: wtman review --branches {' '.join(branches)}"
        raise UsageError(
            f"run {state.run} is of a flow: its script says what is reviewed",
            hint=again if branches else f"what it found: wtman report {state.run}",
        )
    given = Settings(reviewed_by=flags.get("reviewed_by", ()), roles=flags.get("roles", {}))
    _, given = anchored_agents(Plan("", ()), given, repo.toplevel, frozenset())
    named, roles = given.reviewed_by, given.roles
    changed = {
        **{key: flags[key] for key in _OF_RUN if key in flags},
        **({"reviewed_by": named} if named else {}),
        **({"roles": {**state.settings.roles, **roles}} if roles else {}),
    }
    if "reviewers" not in flags and len(named) > state.settings.reviewers:
        changed["reviewers"] = max(len(named), _REVIEWERS)
    limits = SettingsChanged(judged_flags(changed))
    events: list[Event] = [Resumed("review")]
    if limits != SettingsChanged():
        events.append(limits)
    _require(repo, after(state, tuple(events)))
    return events


@dataclass(frozen=True, slots=True)
class BranchReview:
    """The reviews of branches, before there is a run."""

    request: str
    base: Sha
    branches: tuple[ExternalBranch, ...]
    notes: tuple[Noted, ...]
    settings: Settings
    roles: tuple[Role, ...]
    programs: dict[str, str]  # what reviewers and refuters are made of that are programs
    limits: SettingsChanged = SettingsChanged()
    apart: bool = False  # some of what was named cannot be reviewed

    @property
    def key(self) -> str:
        """What makes two orders the same reviews."""
        settings = to_plain(self.settings)
        told = [f"{item.name} {item.start} {item.head}" for item in self.branches]
        governed = [f"{key} {settings[key]!r}" for key in sorted(settings.keys() - _OF_THE_WORK)]
        texts = [f"{role.name} {key_of(role)} {role.model} {role.effort}" for role in self.roles]
        made_of = [f"{agent} {content}" for agent, content in sorted(self.programs.items())]
        said = (note.text for note in self.notes)
        return digest("review", self.base, *governed, *texts, *made_of, *told, *said)

    def state(self, home: Home) -> State:
        """The run of these very reviews, journalled if there is none."""
        known = newest_of(home, RunKind.REVIEW, self.key)
        if known is None:
            agents = (self.settings.agent, *self.settings.reviewed_by)
            defined = definition_texts(self.settings.agents).values()
            run = create(
                home.store,
                Plan(self.request, ()),
                self.settings,
                base=self.base,
                target="",
                identity=identity(home.repo),
                kind=RunKind.REVIEW,
                key=self.key,
                given=tuple(text for text in (*agents, *defined) if text),
                notes=self.notes,
                begin=(RolesAssigned(self.roles),),
                branches=self.branches,
                then=(Approved(),),
            )
            known = home.state(run)
        require_idle(home, known.run)
        _require(home.repo, known)
        return known

    @property
    def events(self) -> tuple[Event, ...]:
        """What carries them on: what has no verdict yet is asked again, within these limits."""
        limits = () if self.limits == SettingsChanged() else (self.limits,)
        return (Resumed("review"), *limits)


def review_of_branches(
    repo: Repository, names: Sequence[str], base: str, flags: Mapping[str, Any]
) -> BranchReview:
    """The reviews of the branches `names` against `base`."""
    commit = resolve(repo, base)
    roles = load_roles(repo.toplevel)
    assigned = tuple(roles.named(name) for name in ("reviewer", "refuter"))
    settings, notes = _settings(repo, flags)
    state = State(settings=settings, roles={item.name: item for item in assigned})
    if not reviewers(state):
        raise _no_reviewer()
    agents = {*reviewers(state), refuter(state)}
    # A role file that came with the repository may name a program.
    theirs = [agent for agent in roles.agent_commands().values() if agent in agents]
    if missing := approved(theirs, os.environ, repo.common_dir):
        raise unapproved(missing, _TRUST)
    made_of = {agent: content_of(agent, os.environ, settings.agents) for agent in agents}
    programs = {agent: content for agent, content in made_of.items() if content}
    limits = SettingsChanged(judged_flags({key: flags[key] for key in _LIMITS if key in flags}))
    governed = (settings, assigned, programs, limits)
    heads = heads_of(repo, names)
    require_repository(repo, commit, heads.values())
    found = take(prepare(repo), commit, heads, {})
    branches = tuple(item for item in found.branches if item.task not in found.apart)
    present = dict.fromkeys(found.present, f"{base} has all of it")
    apart = {item.name: found.apart[item.task] for item in found.branches if item not in branches}
    words = [f"{name} is not reviewed: {why}" for name, why in {**present, **apart}.items()]
    notes = (*notes, *(Noted(text, pressing=True) for text in words))
    request = "review " + ", ".join(item.name for item in branches)
    return BranchReview(request, commit, branches, notes, *governed, apart=bool(apart))


def _no_reviewer() -> UsageError:
    return UsageError(
        "no reviewer specified",
        hint="name one: --reviewer NAME; a program too: --reviewer 'command:ARGV'",
    )


def _require(repo: Repository, state: State) -> None:
    """Whoever reviews and refutes must be there."""
    if not reviewers(state):
        raise _no_reviewer()
    named = {*reviewers(state), refuter(state)} - {""}
    tracked = frozenset(files(prepare(repo), state.base))
    require_agents(named, state.settings, os.environ, tracked)


def _settings(repo: Repository, flags: Mapping[str, Any]) -> tuple[Settings, tuple[Noted, ...]]:
    """What the reviews run under: no check judges here, and no author is asked."""
    loaded = load(repo.toplevel, os.environ, flags, None)
    theirs = repository_commands(loaded)
    used = [text for text in theirs if text not in loaded.settings.check]
    if missing := approved(used, os.environ, repo.common_dir):
        raise unapproved(missing, _TRUST)
    settings, notes = in_sandbox(loaded.settings, repo)
    many = settings.reviewers
    if "reviewers" not in loaded.origin:
        many = max(_REVIEWERS, len(settings.reviewed_by))
    settings = replace(
        settings,
        agent=settings.agent or ("" if settings.reviewed_by else first_agent(os.environ)),
        check=(),
        reviewers=many,
        worktrees=worktrees_folder(settings.worktrees, repo, os.environ),
    )
    _, settings = anchored_agents(
        Plan("", ()), settings, repo.toplevel, frozenset(), frozenset(theirs)
    )
    return settings, notes
