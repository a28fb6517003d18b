"""What a `split` or `resume` would start: flags, files and repository put together.

Reads and refuses, starts nothing and writes nothing but the plan that --edit opens.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wtman.agents.installed import first_agent
from wtman.cli import target
from wtman.cli.start.agents import anchored_agents, assigned_agents
from wtman.cli.start.request import StartRequest
from wtman.cli.start.requirements import in_sandbox, require, require_metered, unkept, with_models
from wtman.cli.start.roles import agent_commands, assigned_roles, plan_wanted
from wtman.cli.start.static_plan import without_static
from wtman.config import Loaded, default_worktrees, load, repository_commands
from wtman.config.roles import load_roles
from wtman.config.trust import approved
from wtman.errors import MissingError, UsageError
from wtman.execution.spawn import run_in_terminal
from wtman.formats.codec import to_plain
from wtman.git.control_dir import Control, call, prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import files
from wtman.git.repo import head_branch, identity, is_dirty, resolve
from wtman.journal.events import Event, LimitsChanged, Noted, RolesAssigned
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.ids import Sha
from wtman.model.plan import Identity, Plan
from wtman.model.roles import DEFAULT, PLANNER, REVIEWER
from wtman.model.roles import agent_of as agent_of_role
from wtman.model.settings import Settings
from wtman.model.states import SCHEMA
from wtman.plan.file import dump, locate, parse, quick_task, validate
from wtman.plan.forecast import forecast
from wtman.plan.static import with_paths
from wtman.review.judgement import reviews_each
from wtman.tasks.edit import changes, impact
from wtman.text.terminal import clean, count, fit
from wtman.ui.confirm import Proposal, screen


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that could be made now. `given` are the commands that the user gave by hand,
    `notes` what its journal should say from the start."""

    proposal: Proposal
    identity: Identity
    given: tuple[str, ...]
    notes: tuple[Noted, ...] = ()
    begin: tuple[Event, ...] = ()  # of the journal: who plays which role, who makes the plan


def order(repo: Repository, wanted: StartRequest, environ: Mapping[str, str]) -> PreparedRun:
    """Everything about the run that would start. Refuses with the errors of SPEC section 2."""
    plan, text = _plan(wanted, environ)
    base = resolve(repo, wanted.base)
    control = prepare(repo)
    flags = {key: value for key, value in wanted.flags.items() if value not in (None, "", ())}
    loaded = load(repo.toplevel, environ, flags, None)
    check = tuple(flags.get("check", ())) or plan.check or loaded.settings.check
    plan = replace(plan, check=check)
    settings = replace(
        loaded.settings,
        agent=loaded.settings.agent or first_agent(environ),
        check=check,
        allow_failing_base=wanted.allow_failing_base,
        worktrees=loaded.settings.worktrees
        or default_worktrees(repo.main or repo.common_dir, environ),
    )
    settings = without_static(settings)
    tracked = files(control, base)
    own = frozenset(repository_commands(loaded))
    plan, settings = anchored_agents(plan, settings, repo.toplevel, frozenset(tracked), own)
    roles = load_roles(repo.toplevel)
    assigned = assigned_roles(roles, plan, settings)
    plan = with_paths(plan, agent_of_role(settings, assigned.get(DEFAULT)), tracked)
    require(plan, settings, assigned, environ, frozenset(tracked))
    begin: tuple[Event, ...] = (RolesAssigned(tuple(assigned.values())),)
    if wanted.unplanned:
        begin = (*begin, plan_wanted(settings, assigned[PLANNER], wanted))
    settings, notes = in_sandbox(settings)
    warnings: tuple[str, ...] = ()
    if not wanted.unplanned:
        warnings = validate(
            plan,
            max_sessions=settings.max_sessions,
            reviewers=reviews_each(settings, assigned.get(REVIEWER)),
            # A quick task cannot say what it owns: there an overlap is only worth a warning.
            allow_overlap=wanted.allow_overlap or bool(wanted.tasks),
            where=locate(text, wanted.plan) if text else None,
        )
    theirs = (*_of_repository(loaded, check), *agent_commands(roles, assigned, settings))
    commands = approved(theirs, environ, repo.common_dir)
    proposal = Proposal(
        plan=plan,
        forecast=forecast(
            plan,
            settings,
            tracked,
            reviewers=reviews_each(settings, assigned.get(REVIEWER)),
            rounds=settings.rounds,
        ),
        settings=settings,
        base=base,
        subject=subject(control, base),
        target=head_branch(repo),
        commands=commands,
        warnings=(
            *loaded.warnings,
            *unkept(loaded.extra),
            *(note.text for note in notes),
            *warnings,
            *_uncommitted(repo),
        ),
        assigned_agents=assigned_agents(plan, settings, assigned, environ),
    )
    given = tuple(item for item in commands_of(settings, plan) if item not in theirs)
    return PreparedRun(proposal, identity(repo), given, notes, begin)


def _plan(wanted: StartRequest, environ: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan and, where it comes from a file, its text."""
    if wanted.plan and wanted.tasks:
        raise UsageError("--plan and --task are two ways to say the same", hint="use one of them")
    text = ""
    if wanted.plan:
        raw = read_plan(wanted.plan)
        plan = parse(raw, wanted.plan)
        text = raw.decode("utf-8", "replace")
    elif wanted.tasks:
        tasks = tuple(quick_task(item) for item in wanted.tasks)
        plan = Plan(request="; ".join(task.prompt for task in tasks)[:200], tasks=tasks)
    elif wanted.made is not None:
        plan = wanted.made
    elif wanted.unplanned:
        return Plan(request=wanted.request, tasks=()), ""
    else:
        raise UsageError(
            "there is nothing to do",
            hint='say what, or give a plan with --plan FILE, or tasks with --task "ID: PROMPT"',
        )
    plan = replace(plan, request=wanted.request or plan.request)
    return (edited_by_hand(plan, environ), "") if wanted.edit else (plan, text)


def read_plan(path: str) -> bytes:
    """The bytes of a plan file."""
    try:
        with open(path, "rb") as source:
            return source.read()
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror}") from error


def edited_by_hand(plan: Plan, environ: Mapping[str, str]) -> Plan:
    """The plan as the user leaves it in their editor; the file stays where it was wrong."""
    editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    descriptor, path = tempfile.mkstemp(prefix="wtman-plan-", suffix=".toml")
    with open(descriptor, "w", encoding="utf-8") as draft:
        draft.write(dump(plan))
    # As git calls an editor: by a shell, with the file as its argument.
    status = run_in_terminal(("sh", "-c", f'{editor} "$@"', editor, path))
    if status:
        raise UsageError(f"the editor ended with status {status}", hint=f"the plan is in {path}")
    edited = parse(read_plan(path), path)
    os.unlink(path)
    return edited


def commands_of(settings: Settings, plan: Plan) -> tuple[str, ...]:
    """Every command text that a run of the plan would give to a shell."""
    texts = [*settings.check, *settings.setup, *settings.cleanup, *plan.check, settings.agent]
    texts += [text for task in plan.tasks for text in task.check]
    texts += [*settings.roles.values(), *settings.reviewed_by]
    return tuple(text for text in dict.fromkeys(texts) if text)


def _of_repository(loaded: Loaded, check: tuple[str, ...]) -> tuple[str, ...]:
    """The commands that this repository brought along and that the run would use."""
    # A check that a plan or a flag gave replaces the configured one.
    unused = set(loaded.settings.check) - set(check)
    return tuple(text for text in repository_commands(loaded) if text not in unused)


def _uncommitted(repo: Repository) -> tuple[str, ...]:
    if not repo.toplevel:
        return ()
    dirty = is_dirty(repo, repo.toplevel)
    if not dirty:
        return ()
    return (f"{count(len(dirty), 'uncommitted change')} here: tasks start without them",)


def subject(control: Control, commit: Sha) -> str:
    """The first line of a commit's message."""
    out = call(control, ["log", "-1", "--no-show-signature", "--format=%s", str(commit)]).out
    return clean(out.decode("utf-8", "replace").strip(), 200)


def unapproved(commands: tuple[str, ...]) -> MissingError:
    """What `--yes` does not give."""
    shown = ", ".join(f"`{command}`" for command in commands)
    return MissingError(
        f"commands of this repository need your approval: {shown}",
        hint="approve what you read with `wtman trust --yes`, or start without --yes",
        code="approval",
    )


def show(order: PreparedRun, as_json: bool) -> None:
    """Print what would start."""
    proposal = order.proposal
    if not as_json:
        print("\n".join(screen(proposal, target.width(), target.colour())))
        return
    told = {
        "schema": SCHEMA,
        "dry_run": True,
        "base": proposal.base,
        "target": proposal.target,
        "plan": to_plain(proposal.plan),
        "settings": to_plain(proposal.settings),
        "agents": list(proposal.assigned_agents),
        "forecast": {
            "branches": proposal.forecast.branches,
            "sessions_least": proposal.forecast.sessions_least,
            "sessions_most": proposal.forecast.sessions_most,
            "waves": to_plain(proposal.forecast.waves),
            "critical_path": list(proposal.forecast.critical_path),
        },
        "approval": list(proposal.commands),
        "warnings": list(proposal.warnings),
    }
    print(json.dumps(told, ensure_ascii=True))


def edited(repo: Repository, state: State, path: str, allow_overlap: bool) -> tuple[Event, ...]:
    """The events that turn the run's plan into that of the file."""
    raw = read_plan(path)
    plan = parse(raw, path)
    validate(
        plan,
        max_sessions=state.settings.max_sessions,
        reviewers=reviews_each(state.settings, state.roles.get(REVIEWER)),
        allow_overlap=allow_overlap,
        where=locate(raw, path),
    )
    tracked = frozenset(files(prepare(repo), state.base))
    plan, _ = anchored_agents(plan, state.settings, repo.toplevel, tracked)
    # What the run has cast already stays as it was.
    new = {task.role: task.id for task in plan.tasks if task.role and task.role not in state.roles}
    roles = load_roles(repo.toplevel) if new else None
    assigned = [roles.named(name, f"task {task}: ") for name, task in new.items()] if roles else []
    return (*((RolesAssigned(tuple(assigned)),) if assigned else ()), *changes(state, plan))


def require_budget(state: State, limits: LimitsChanged) -> None:
    """Refuse budgets that a resume cannot keep."""
    if not limits.settings.keys() & {"budget_usd", "budget_tokens"}:
        return
    after = replay([Recorded(state.seq, state.updated, limits)], state)
    tasks = tuple(view.task for view in state.tasks.values() if not view.external)
    require_metered(with_models(Plan("", tasks), after.settings, state.roles), after.settings)


def unapproved_of(
    state: State, edited: tuple[Event, ...], environ: Mapping[str, str], common_dir: str
) -> tuple[str, ...]:
    """The run's commands that nobody approved. Those of a plan file count as given by hand."""
    settings = state.settings
    plan = Plan(state.request, tuple(view.task for view in state.tasks.values()))
    # Reviewers of this kind are only ever named by hand.
    by_hand = (*state.given, *settings.reviewed_by)
    asked = [text for text in commands_of(settings, plan) if text not in by_hand]
    return approved(asked, environ, common_dir)


def resumption(
    state: State, edited: tuple[Event, ...], commands: tuple[str, ...], width: int
) -> list[str]:
    """What a resume reuses and what it costs, as lines."""
    told = impact(state, edited)
    parts = (
        ("reused", told.reused),
        ("judged again", told.rechecked),
        ("sessions for", told.rerun),
        ("added", told.added),
        ("dropped", told.dropped),
    )
    after = replay([Recorded(state.seq, state.updated, event) for event in edited], state)
    lines = [fit(f"run {state.run}  {clean(after.request)}", width)]
    lines += [fit(f"  {word:<12}  {', '.join(names)}", width) for word, names in parts if names]
    if commands:
        lines += ["", "commands of this repository that need your approval:"]
        lines += [f"    {clean(command)}" for command in commands]
    return lines
