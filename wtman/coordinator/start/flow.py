"""What a flow would start: its script found, its commands named, settings and roles put together.

A script that the user names by its path is the user's own. One that the repository keeps in
`.wtman/flows/` was written by anybody, and counts as a command of the repository: it runs after
its very text was approved. Reads and refuses, starts nothing and writes nothing.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from wtman.agents.installed import first_agent
from wtman.config import load, repository_commands, worktrees_folder
from wtman.config.roles import Roles, load_roles
from wtman.config.trust import approved
from wtman.coordinator.checks import typed
from wtman.coordinator.create import create
from wtman.coordinator.start.agents import anchored_agents, with_other_vendors
from wtman.coordinator.start.approval import commands_of
from wtman.coordinator.start.configured import configured
from wtman.coordinator.start.flow_proposal import (
    FlowRequest,
    FlowScript,
    PreparedFlow,
    digest_of,
)
from wtman.coordinator.start.memory import fitted, free_memory
from wtman.coordinator.start.requirements import (
    in_sandbox,
    odd_files,
    require,
    require_agents,
    require_repository,
    unkept,
    with_models,
)
from wtman.coordinator.start.roles import agent_commands, require_lead
from wtman.errors import UsageError
from wtman.files import given
from wtman.files import replace as replace_file
from wtman.flow.outline import CallSite, Outline, read_script
from wtman.flow.steps import agents_in
from wtman.git.discovery import Repository
from wtman.git.objects.history import files
from wtman.git.repo import head_branch, identity, resolve
from wtman.journal.events import FlowAdded, RolesAssigned
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.model.plan import Plan, Role
from wtman.model.roles import RESOLVER, REVIEWER, review_agents
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.review.judgement import refuter, reviewers
from wtman.text.words import did_you_mean, listed, printable, quoted

FOLDER = os.path.join(".wtman", "flows")
_SHIPPED = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "flow", "shipped"
)
_MOST_BYTES = 1 << 20
_WRITTEN = "written"  # folder of what planners wrote, by digest: where it lies
_DEEP = 3  # flows inside flows
_MAKES = frozenset({"session", "plan"})  # calls that change files


def create_flow(store: Store, prepared: PreparedFlow) -> RunId:
    """Journal the run of a flow."""
    return create(
        store,
        Plan(prepared.request, (), check=prepared.settings.check),
        prepared.settings,
        base=prepared.base,
        target=prepared.target,
        identity=prepared.identity,
        kind=RunKind.FLOW,
        given=prepared.given,
        notes=prepared.notes,
        begin=(RolesAssigned(prepared.roles), prepared.configured, prepared.added),
    )


def flow_order(repo: Repository, request: FlowRequest, environ: Mapping[str, str]) -> PreparedFlow:
    """Everything about the run that would start."""
    script = request.script
    flags = {**request.flags, "check": typed(repo, request.flags.get("check", ()))}
    loaded = load(repo.toplevel, environ, flags, None)
    base = resolve(repo, request.base)
    control = require_repository(repo, base, sessions=True)
    kinds = _kinds(script)
    # Where nothing is changed there is nothing that a check could judge, and nobody to do it.
    check = flags["check"] or (loaded.settings.check if kinds & _MAKES else ())
    alone = bool(loaded.settings.reviewed_by) and not kinds & {*_MAKES, "ask"}
    settings = replace(
        loaded.settings,
        agent=loaded.settings.agent or ("" if alone else first_agent(environ)),
        check=check,
        reviewers=max(loaded.settings.reviewers, 1),  # where its script asks for a review
        worktrees=worktrees_folder(loaded.settings.worktrees, repo, environ),
    )
    tracked = frozenset(files(control, base))
    own = frozenset(repository_commands(loaded))
    plan, settings = anchored_agents(Plan("", ()), settings, repo.toplevel, tracked, own)
    roles = load_roles(repo.toplevel)
    assigned = _usable(roles, settings)
    _require_roles(script, roles, assigned)
    programs = _programs(script)
    if alone:
        judges = State(settings=settings, roles=assigned)
        programs = (*programs, *({*reviewers(judges), refuter(judges)} - {""}))
    else:
        require(plan, settings, assigned, environ, tracked)
    require_agents(programs, settings, environ, tracked, builders=_builders(script))
    if "plan" in kinds:
        require_lead(f"the flow {script.name} has a planner cut a part", settings, assigned)
    if "review" in kinds:
        _require_reviewer(script, settings, assigned.get(REVIEWER))
    settings = with_other_vendors(settings, assigned, environ)
    settings, notes = in_sandbox(settings, repo)
    agents = {*programs, *(spec for spec, _ in with_models(plan, settings, assigned))}
    settings, more = fitted(
        settings,
        [*agents, *settings.other_vendors],
        free_memory(),
        insisted=bool(flags.get("jobs")),
    )
    notes = (*notes, *more)
    unused = set(loaded.settings.check) - set(check)
    theirs = (
        *(text for text in repository_commands(loaded) if text not in unused),
        *agent_commands(roles, assigned, settings),
        *script.theirs,
    )
    added = FlowAdded(
        name=script.name,
        text=script.text,
        digest=script.digest,
        args=dict(request.args),
        sources=dict(script.sources),
        theirs=script.theirs,
        confirm_above=request.confirm_above,
        path=script.path,
    )
    return PreparedFlow(
        script=script,
        added=added,
        settings=settings,
        roles=tuple(assigned.values()),
        base=base,
        target=head_branch(repo),
        identity=identity(repo),
        commands=approved(theirs, environ, repo.common_dir),
        programs=programs,
        given=tuple(item for item in commands_of(settings, plan) if item not in theirs),
        notes=notes,
        configured=configured(repo, environ, {**flags, "base": request.base != "HEAD"}),
        warnings=(
            *loaded.warnings,
            *unkept(loaded.extra),
            *(note.text for note in notes),
            *odd_files(control, base, tuple(tracked)),
            *(f"line {it.line}: {it.message}" for it in script.outline.problems if it.hint),
        ),
    )


def _usable(roles: Roles, settings: Settings) -> dict[str, Role]:
    """The roles that a script may name: all of them, fixed as they are now."""
    names = (name for name in roles.known if name != RESOLVER or RESOLVER in settings.roles)
    return {name: roles.known[name] for name in names}


def _require_reviewer(script: FlowScript, settings: Settings, role: Role | None) -> None:
    """Refuse a script that asks for reviews where nobody reviews: all its work would fail."""
    if not review_agents(settings, role):
        raise UsageError(
            f"the flow {script.name} asks for reviews: no reviewer specified",
            hint="name one: --reviewer NAME; a program too: --reviewer 'command:ARGV'",
        )


def _require_roles(script: FlowScript, roles: Roles, assigned: Mapping[str, Role]) -> None:
    """Refuse roles that are written out in the script and that there are not."""
    for call in script.outline.calls:
        if call.role.replace("-", "").isalnum() and call.role not in assigned:
            roles.named(call.role, f"{script.name}:{call.line}: ")


def _calls(script: FlowScript) -> tuple[CallSite, ...]:
    """The calls that a script and what it loads may make."""
    texts = (script.text, *script.sources.values())
    return tuple(call for text in texts for call in read_script(text, "").calls)


def _kinds(script: FlowScript) -> frozenset[str]:
    return frozenset(call.kind for call in _calls(script))


def _builders(script: FlowScript) -> frozenset[str]:
    """The agents that it names for building and for nothing else."""
    calls = _calls(script)
    others = {call.agent for call in calls if call.kind != "session"}
    return frozenset(call.agent for call in calls) - others


def _programs(script: FlowScript) -> tuple[str, ...]:
    texts = (script.text, *script.sources.values())
    return tuple(dict.fromkeys(agent for text in texts for agent in agents_in(text)))


# --- scripts ------------------------------------------------------------------------------------


def find(repo: Repository, source: str, taken: frozenset[str] = frozenset()) -> FlowScript:
    """The script of a path or name, with the flows that it loads by a literal name.

    `taken` are names that no input of it may have. Raises UsageError for one that cannot run.
    """
    if source.endswith(".py") or os.sep in source:
        name, text = os.path.basename(source), _read(source, source)
        path = os.path.abspath(source)
        theirs = os.path.exists(_written(repo, text))
    else:
        name, text, theirs = _named(repo, source)
        path = ""
    outline = _outline(text, os.path.basename(source), taken)
    sources: dict[str, str] = {}
    approvals = [_told(name.removesuffix(".py"), text)] if theirs else []
    wanted = [(item, 1) for item in outline.flows]
    while wanted:
        inner, depth = wanted.pop(0)
        if inner in sources or depth > _DEEP:
            continue
        _, content, is_theirs = _named(repo, inner)
        sources[inner] = content
        approvals += [_told(inner, content)] if is_theirs else []
        inside = _outline(content, inner, frozenset())
        wanted += [(item, depth + 1) for item in inside.flows]
    return FlowScript(name, text, outline, sources, tuple(approvals), path)


def repository_flows(repo: Repository) -> tuple[str, ...]:
    """The scripts that the repository keeps or a planner wrote, each as it is approved."""
    found = [_told(name, _read(path, path)) for name, path in _kept(repo)]
    folder = os.path.join(repo.wtman_dir, _WRITTEN)
    for digest in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        with open(os.path.join(folder, digest), encoding="utf-8") as file:
            path = file.read()
        if os.path.isfile(path) and digest_of(_read(path, path)) == digest:
            found.append(_told(os.path.basename(path).removesuffix(".py"), _read(path, path)))
    return tuple(dict.fromkeys(found))


def remember_written(repo: Repository, path: str, text: str) -> None:
    """Remember that a planner wrote this text: wherever it lies, it is not the user's own until
    the user has approved or changed it."""
    place = _written(repo, text)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    replace_file(place, path.encode())


def _written(repo: Repository, text: str) -> str:
    return os.path.join(repo.wtman_dir, _WRITTEN, digest_of(text))


def _outline(text: str, name: str, taken: frozenset[str]) -> Outline:
    """A script, read. Raises UsageError with the first line that keeps it from being run."""
    outline = read_script(text, name, taken=taken)
    for problem in outline.errors:
        raise UsageError(f"{printable(name)}:{problem.line}: {problem.message}")
    return outline


def _named(repo: Repository, name: str) -> tuple[str, str, bool]:
    """Name and text of a flow, and whether it came with the repository."""
    kept = dict(_kept(repo))
    if name in kept:
        return name, _read(kept[name], name), True
    ours = dict(_scripts(_SHIPPED))
    if name in ours:
        return name, _read(ours[name], name), False
    known = (*kept, *ours)
    raise UsageError(
        f"there is no flow {quoted(name)}{did_you_mean(name, known)}",
        hint=f"known: {listed(sorted(set(known)), 20)}; or name a file: ./{printable(name, 64)}.py"
        if known
        else f"write {FOLDER}/{printable(name, 64)}.py, or name a file",
    )


def _kept(repo: Repository) -> Iterator[tuple[str, str]]:
    if repo.toplevel:
        yield from _scripts(os.path.join(repo.toplevel, FOLDER))


def _scripts(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(".py") and not name.startswith(("_", ".")):
            yield name.removesuffix(".py").replace("_", "-"), os.path.join(folder, name)


def _read(path: str, shown: str) -> str:
    try:
        return given(path, _MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read the flow {printable(shown)}: {why}") from error


def _told(name: str, text: str) -> str:
    """A script of the repository as it is approved: another text is another one."""
    return f"flow {name} (sha256 {digest_of(text)})"
