"""What a request would start: flags, files and repository put together.

Reads and refuses, starts nothing and writes nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from wtman.agents.installed import first_agent
from wtman.config import Loaded, load, repository_commands, worktrees_folder
from wtman.config.roles import load_roles
from wtman.config.trust import approved
from wtman.coordinator.checks import typed
from wtman.coordinator.create import create
from wtman.coordinator.detected import of_repository
from wtman.coordinator.home import Home
from wtman.coordinator.start.agents import anchored_agents, assigned_agents, with_other_vendors
from wtman.coordinator.start.approval import commands_of, unapproved_of
from wtman.coordinator.start.configured import configured
from wtman.coordinator.start.disk import disk_forecast
from wtman.coordinator.start.memory import fitted, free_memory
from wtman.coordinator.start.proposal import (
    MOST_PAIRS,
    EffortPrices,
    Proposal,
    StartRequest,
    plan_of,
)
from wtman.coordinator.start.requirements import (
    in_sandbox,
    odd_files,
    require,
    require_repository,
    unkept,
    with_models,
)
from wtman.coordinator.start.roles import (
    agent_commands,
    assigned_roles,
    lead_in,
    plan_wanted,
    require_lead,
)
from wtman.errors import UsageError
from wtman.files import given
from wtman.formats.toml import MOST_BYTES
from wtman.git.control_dir import Control, call, prepare
from wtman.git.discovery import Repository
from wtman.git.objects.contents import entries, texts
from wtman.git.objects.history import files
from wtman.git.repo import head_branch, identity, is_dirty, resolve
from wtman.journal.events import Event, FindingsTaken, IssueNamed, Noted, PlanWanted, RolesAssigned
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.foreseen import ForeseenPair, Spread
from wtman.model.ids import RunId, Sha
from wtman.model.plan import Identity, Plan, Role, Task
from wtman.model.roles import (
    DEFAULT,
    JUDGE,
    PLANNER,
    REVIEWER,
    SCOUT,
    agent_of,
    review_agents,
    reviews_each,
)
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.model.values import dataclass
from wtman.plan.accuracy import calibration_of, known_rate
from wtman.plan.allowance import planning_size
from wtman.plan.attempts.store import load_attempts
from wtman.plan.attempts.table import Attempts, SessionKind, spread_of
from wtman.plan.base_places import known_places
from wtman.plan.conflicts.chance import conflict_chances
from wtman.plan.conflicts.facts import conflict_facts
from wtman.plan.file import MOST_TASKS, locate, parse, quick_task, validate
from wtman.plan.forecast import Forecast, Past, forecast, role_kind
from wtman.plan.planning_sessions import planning_facts, planning_warnings
from wtman.plan.rules import overlaps
from wtman.plan.simulation import seed_of, sums
from wtman.plan.static import PARSED, static_plan, wants_text, with_paths
from wtman.plan.touches import doubtful_touches, in_gaps
from wtman.tasks.edit import changes
from wtman.text.terminal import clean, count
from wtman.text.words import printable, quoted

_STATIC = "static"
_LARGEST = 1 << 20  # bytes of a file whose imports are read


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that could be made now. `given` are the commands that the user gave by hand,
    `notes` what its journal should say from the start."""

    proposal: Proposal
    identity: Identity
    kind: RunKind
    given: tuple[str, ...]
    notes: tuple[Noted, ...]
    begin: tuple[Event, ...]  # of the journal: the roles, who makes the plan
    findings_of: RunId = RunId("")  # the run whose findings the plan is to fix

    @property
    def wanted(self) -> PlanWanted | None:
        """Who is to make the plan, if anybody is."""
        return next((item for item in self.begin if isinstance(item, PlanWanted)), None)

    @property
    def planner(self) -> str:
        """The agent that is to make the plan, if one is."""
        return self.wanted.agent if self.wanted is not None else ""

    def create(self, store: Store) -> RunId:
        """Journal the run; the run whose findings it fixes names it from then on."""
        run = create(
            store,
            self.proposal.plan,
            self.proposal.settings,
            base=self.proposal.base,
            target=self.proposal.target,
            identity=self.identity,
            kind=self.kind,
            given=self.given,
            notes=self.notes,
            begin=self.begin,
        )
        if self.findings_of:
            store.append(self.findings_of, [FindingsTaken(run)], time.time())
        return run


def order(repo: Repository, request: StartRequest, environ: Mapping[str, str]) -> PreparedRun:
    """Everything about the run that would start. Refuses with the errors of SPEC section 2."""
    flags = {**request.flags, "check": typed(repo, request.flags.get("check", ()))}
    request = replace(request, flags=flags)
    loaded = load(repo.toplevel, environ, flags, None)
    base = resolve(repo, request.base)
    control = require_repository(repo, base, sessions=True)
    # git looks at every file of a large checkout, and meanwhile there is enough else to do.
    helper = ThreadPoolExecutor(1)
    uncommitted = helper.submit(_uncommitted, repo)
    helper.shutdown(wait=False)
    request = cut(repo, request, loaded.settings)
    plan, text = _plan(request)
    plan_check = plan.check
    check = flags["check"] or plan.check or loaded.settings.check
    plan = replace(plan, check=check)
    settings = replace(
        loaded.settings,
        agent=loaded.settings.agent or first_agent(environ),
        check=check,
        roles={role: agent for role, agent in loaded.settings.roles.items() if agent != _STATIC},
        worktrees=worktrees_folder(loaded.settings.worktrees, repo, environ),
    )
    tracked = files(control, base)
    own = frozenset(repository_commands(loaded))
    plan, settings = anchored_agents(plan, settings, repo.toplevel, frozenset(tracked), own)
    roles = load_roles(repo.toplevel)
    assigned = assigned_roles(roles, plan, settings, loaded.origin, code=request.code)
    plan = with_paths(plan, agent_of(settings, assigned.get(DEFAULT)), tracked)
    if lead := lead_in(plan):
        require_lead(lead, settings, assigned)
    builds = request.kind is not RunKind.PLAN
    require(plan, settings, assigned, environ, frozenset(tracked), builds=builds)
    named = {"check": check if flags["check"] or plan_check else (), "base": request.base != "HEAD"}
    begin: tuple[Event, ...] = (
        RolesAssigned(tuple(assigned.values())),
        configured(repo, environ, {**flags, **named}),
    )
    if request.issue is not None:
        begin = (IssueNamed(request.issue), *begin)
    if request.unplanned:
        begin = (*begin, plan_wanted(settings, assigned, request))
    settings = with_other_vendors(settings, assigned, environ)
    settings, notes = in_sandbox(settings, repo)
    agents = (spec for spec, _ in with_models(plan, settings, assigned))
    settings, more = fitted(
        settings,
        [*agents, *settings.other_vendors],
        free_memory(),
        insisted=bool(flags.get("jobs")),
    )
    notes = (*notes, *more)
    warnings: tuple[str, ...] = ()
    if not request.unplanned:
        warnings = validate(
            plan,
            max_sessions=settings.max_sessions,
            reviewers=reviews_each(settings, assigned.get(REVIEWER)),
            # A quick task cannot say what it owns: there an overlap is only worth a warning.
            allow_overlap=request.allow_overlap or bool(request.tasks),
            where=locate(text, request.plan) if text else None,
        )
    if any(task.touches for task in plan.tasks):
        places = known_places(control, base)
        warnings = (*warnings, *doubtful_touches(plan.tasks, places))
        plan = replace(plan, tasks=in_gaps(plan.tasks, places))
    theirs = (*_of_repository(loaded, check), *agent_commands(roles, assigned, settings))
    proposal = _propose(
        control,
        plan,
        settings,
        assigned,
        environ,
        base=base,
        target=head_branch(repo),
        commands=approved(theirs, environ, repo.common_dir),
        warnings=(
            *loaded.warnings,
            *unkept(loaded.extra),
            *(note.text for note in notes),
            *odd_files(control, base, tracked),
            *request.remarks,
            *warnings,
            *uncommitted.result(),
        ),
    )
    given = tuple(item for item in commands_of(settings, plan) if item not in theirs)
    proposal = replace(proposal, issue=request.issue)
    return PreparedRun(
        proposal, identity(repo), request.kind, given, notes, begin, request.findings_of
    )


def effort_prices(
    repo: Repository, prepared: PreparedRun, environ: Mapping[str, str]
) -> EffortPrices:
    """What the sessions of an effort cost, as past sessions say; the planning is played through."""
    proposal, wanted = prepared.proposal, prepared.wanted
    assert wanted is not None
    settings, attempts = proposal.settings, load_attempts(repo, environ)
    roles = next(it for it in prepared.begin if isinstance(it, RolesAssigned)).roles
    known = {role.name: role for role in roles}

    def kind(name: str, agent: str) -> SessionKind:
        return role_kind(name, agent, settings, known)

    size = planning_size(wanted, settings)
    planning = {kind(PLANNER, wanted.agent): size.plans}
    if size.scouts:
        planning[kind(SCOUT, wanted.scout)] = size.scouts
    if size.judges:
        planning[kind(JUDGE, wanted.judge)] = size.judges
    each = {it: attempts.spread(it, "usd") for it in planning}
    whole = next((price for price in each.values() if price.p50 is None), None)
    if whole is None:
        values = [(attempts.values(it, "usd"), count) for it, count in planning.items()]
        played = spread_of(sums(values, seed_of(proposal.plan.request)), "")
        least = min(price.samples for price in each.values())
        whole = Spread(played.p50, played.p90, least)
    looks = review_agents(settings, known.get(REVIEWER))
    after = {DEFAULT: ""} | ({REVIEWER: looks[0]} if looks else {})
    return EffortPrices(
        whole,
        {name: attempts.spread(kind(name, agent), "usd") for name, agent in after.items()},
    )


def edit_plan(home: Home, state: State, edit: Callable[[Plan], Plan]) -> State:
    """Let the user change the plan that a planner has made."""
    with home.store.lock(state.run):
        home.store.append(state.run, changes(state, edit(plan_of(state))), time.time())
    return home.state(state.run)


def proposal_of(repo: Repository, state: State, environ: Mapping[str, str]) -> Proposal:
    """The proposal of a plan that a planner has made."""
    proposal = _propose(
        prepare(repo),
        plan_of(state),
        state.settings,
        state.roles,
        environ,
        base=state.base,
        target=state.target,
        commands=unapproved_of(state, environ, repo.common_dir),
        warnings=(*planning_warnings(state), *state.notes),
    )
    made = state.planning.made if state.planning is not None else None
    if made is not None and made.shape == "session":
        # That one session would do is what the planner itself says.
        known = proposal.forecast
        advice = tuple(text for text in known.advice if text not in known.against)
        proposal = replace(proposal, forecast=replace(known, advice=advice, against=()))
    return replace(proposal, issue=state.issue, planning=tuple(planning_facts(state)))


def _propose(
    control: Control,
    plan: Plan,
    settings: Settings,
    roles: Mapping[str, Role],
    environ: Mapping[str, str],
    *,
    base: Sha,
    target: str,
    commands: tuple[str, ...],
    warnings: tuple[str, ...],
) -> Proposal:
    """The proposal of a plan; `commands` are those that nobody has approved."""
    attempts = load_attempts(control.repo, environ)
    subject = call(control, ["log", "-1", "--no-show-signature", "--format=%s", str(base)]).out
    with ThreadPoolExecutor(1) as helper:  # git tells the sizes of the files meanwhile
        disk = helper.submit(disk_forecast, control, plan, settings, base)
        foretold = _forecast(control, plan, settings, roles, base, attempts)
    return Proposal(
        plan=plan,
        forecast=foretold,
        settings=settings,
        base=base,
        subject=clean(subject.decode("utf-8", "replace").strip(), 200),
        target=target,
        disk=disk.result(),
        commands=commands,
        warnings=(*warnings, *_likely_checks(control.repo, plan, settings)),
        assigned_agents=assigned_agents(plan, settings, roles, environ),
        rate=known_rate(attempts.pairs),
    )


def forecast_of(
    repo: Repository, plan: Plan, settings: Settings, base: Sha, environ: Mapping[str, str]
) -> Forecast:
    """The forecast of a plan that is not to start now, with the roles as they are here."""
    roles = load_roles(repo.toplevel).known
    return _forecast(prepare(repo), plan, settings, roles, base, load_attempts(repo, environ))


def pairs_with(
    repo: Repository, state: State, added: Sequence[Task], environ: Mapping[str, str]
) -> tuple[ForeseenPair, ...]:
    """The pairs that tasks make which come to a run, as far as they can conflict; none where
    nothing was foreseen of the run."""
    if state.foretold is None:
        return ()
    tasks = (*plan_of(state).tasks, *added)
    control, new = prepare(repo), {task.id for task in added}
    facts = conflict_facts(control, state.base, files(control, state.base), tasks)
    known = calibration_of(load_attempts(repo, environ, state.run).pairs)
    return tuple(
        ForeseenPair(pair.tasks, pair.chance, pair.samples, pair.because)
        for pair in conflict_chances(tasks, facts, known)
        if pair.chance and new & {*pair.tasks}
    )[:MOST_PAIRS]


def _forecast(
    control: Control,
    plan: Plan,
    settings: Settings,
    roles: Mapping[str, Role],
    base: Sha,
    attempts: Attempts,
) -> Forecast:
    """What a run of the plan will be like, by all that is known before."""
    tracked = files(control, base)
    pairs = tuple(overlaps(plan.tasks))
    meeting = {task.id for one, other, _ in pairs for task in (one, other)}
    asked = [task for task in plan.tasks if task.id in meeting]
    facts = conflict_facts(control, base, tracked, asked)
    agents = review_agents(settings, roles.get(REVIEWER))
    looks = [agents[number % len(agents)] for number in range(settings.reviewers) if agents]
    chances = conflict_chances(plan.tasks, facts, calibration_of(attempts.pairs))
    return forecast(plan, settings, tracked, Past(attempts, chances, roles, looks, pairs))


def _likely_checks(repo: Repository, plan: Plan, settings: Settings) -> tuple[str, ...]:
    """Where nothing judges the tasks: what probably would. It is never assumed."""
    if plan.check or settings.check or all(task.check for task in plan.tasks):
        return ()
    likely = of_repository(repo).check if repo.toplevel else ()
    if not likely:
        return ()
    words = ", ".join(f"`{text}`" for text in likely[:3])
    return (
        f"no checks are configured; the tests here are probably {words}: "
        "`wtman init` tries and writes that, then start again",
    )


def cut(repo: Repository, request: StartRequest, settings: Settings) -> StartRequest:
    """The request, with its plan where `--planner static` is to make it, from the base alone.

    No session makes it, so nothing is journalled until the user has said yes to it.
    """
    if settings.roles.get(PLANNER) != _STATIC or not request.unplanned:
        if request.parts:
            raise UsageError("--parts says how --planner static cuts", hint="give both, or neither")
        return request
    if request.parts > MOST_TASKS:
        raise UsageError(f"--parts: expected {MOST_TASKS:,} or less, got {quoted(request.parts)}")
    base, control = resolve(repo, request.base), prepare(repo)
    found = entries(control, base)
    named = [item.path for item in found if wants_text(item.path)]
    read = texts(control, base, set(named), _LARGEST) if len(named) <= PARSED else {}
    parts = request.parts
    made = static_plan(
        request.request,
        found,
        read,
        parts or settings.jobs,
        agent=agent_of(settings, load_roles(repo.toplevel).known.get(DEFAULT), DEFAULT),
        exactly=bool(parts),
    )
    if not made.plan.tasks:
        raise UsageError("there is nothing to cut: the base has no files")
    return replace(request, made=made.plan, remarks=(made.note,) if made.note else ())


def _plan(request: StartRequest) -> tuple[Plan, str]:
    """The plan and, where it comes from a file, its text."""
    if request.plan and request.tasks:
        raise UsageError("--plan and --task are two ways to say the same", hint="use one of them")
    text = ""
    if request.plan:
        raw = read_plan(request.plan)
        plan = parse(raw, request.plan)
        text = raw.decode("utf-8", "replace")
    elif request.tasks:
        tasks = tuple(quick_task(item) for item in request.tasks)
        plan = Plan(request="; ".join(task.prompt for task in tasks)[:200], tasks=tasks)
    elif request.made is not None:
        plan = request.made
    elif request.unplanned:
        return Plan(request=request.request, tasks=()), ""
    else:
        raise UsageError(
            "there is nothing to do",
            hint='say what, or give a plan with --plan FILE, or tasks with --task "ID: PROMPT"',
        )
    plan = replace(plan, request=request.request or plan.request)
    return (request.edit(plan), "") if request.edit is not None else (plan, text)


def read_plan(path: str) -> bytes:
    """The bytes of a plan file."""
    try:
        return given(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read the plan {printable(path)}: {why}") from error


def _of_repository(loaded: Loaded, check: tuple[str, ...]) -> tuple[str, ...]:
    """The commands that this repository brought along and that the run would use."""
    # A check that a plan or a flag gave replaces the configured one.
    unused = set(loaded.settings.check) - set(check)
    return tuple(text for text in repository_commands(loaded) if text not in unused)


def _uncommitted(repo: Repository) -> tuple[str, ...]:
    dirty = is_dirty(repo, repo.toplevel) if repo.toplevel else ()
    return (
        (f"{count(len(dirty), 'uncommitted change')} here: tasks start without them",)
        if dirty
        else ()
    )
