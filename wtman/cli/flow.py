"""A flow from the command line: its inputs read, shown without being run, held against a run."""

import json
import os
from dataclasses import replace
from typing import Any

import typer

from wtman.cli import run_options, target
from wtman.cli.start import Console
from wtman.config import judged_flags
from wtman.coordinator.home import Home, a_run
from wtman.coordinator.start.flow import find
from wtman.coordinator.start.flow_proposal import FlowRequest, FlowScript
from wtman.coordinator.start.flow_replay import rehearsed
from wtman.coordinator.start.proposal import after
from wtman.coordinator.start.resumption import ResumeRequest
from wtman.errors import UsageError
from wtman.flow.options import option_lines
from wtman.flow.outline import outline_lines
from wtman.flow.tree import FileTrees
from wtman.formats.codec import to_plain
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.repo import resolve
from wtman.journal.events import FlowAdded, LimitsChanged
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, count
from wtman.ui.flow_start import difference

# Nothing is reviewed in a flow unless its script says so, how often and by how many.
_THEIRS = ("reviewers", "rounds")


def script_of(ctx: typer.Context, repo: Repository, source: str) -> FlowScript:
    """The script that is meant; none of its inputs is named like an option of the command, but for
    those that say nothing of a flow (`theirs`).
    """
    path = target.path_of(source) if source.endswith(".py") or os.sep in source else source
    names = (name for param in ctx.command.params for name in getattr(param, "opts", ()))
    taken = {name.lstrip("-") for name in names if name[:1] == "-"}
    return find(repo, path, frozenset(taken - set(_THEIRS)))


def theirs(script: FlowScript, flags: dict[str, Any]) -> list[str]:
    """Options of the command that are inputs of this flow: taken out of `flags`, as words."""
    named = {item.name for item in script.outline.inputs}
    found = [name for name in _THEIRS if name in named and name in flags]
    return [word for name in found for word in (f"--{name}", str(flags.pop(name)))]


def help_lines(script: FlowScript) -> list[str]:
    """What a flow is for, and its inputs as options."""
    options = option_lines(script.outline.inputs)
    width = max((len(name) for name, _ in options), default=0)
    lines = [script.name, *(f"  {line}" for line in script.outline.about.splitlines())]
    lines += ["", "Inputs:"] if options else []
    return lines + [f"  {name:<{width}}  {about}".rstrip() for name, about in options]


def dry_run(repo: Repository, script: FlowScript, base: str, as_json: bool) -> int:
    """Show what a flow may ask for, without running any of it."""
    outline = script.outline
    trees, commit = FileTrees(prepare(repo)), resolve(repo, base)
    sizes = {
        site.line: len(trees.search(commit, site.files.pattern, site.files.containing))
        for site in outline.fan_outs
        if site.files is not None
    }
    if as_json:
        plain = {**to_plain(outline), "fan_out_sizes": {str(k): n for k, n in sizes.items()}}
        print(json.dumps({"schema": SCHEMA, "flow": plain}, ensure_ascii=True, default=str))
        return 0
    lines = [
        *help_lines(script),
        "",
        *outline_lines(outline)[1 + len(outline.about.splitlines()) :],
    ]
    lines += [f"line {line}: {count(size, 'item')} in the base" for line, size in sizes.items()]
    print("\n".join([*(clean(line) for line in lines), "", "nothing was started"]))
    return 0


def resume_with(
    ctx: typer.Context, directory: str, request: FlowRequest, run: str, console: Console
) -> int:
    """Go on with a run, with the script as it is now in place of the recorded one."""
    with target.journal(ctx, directory) as home:
        state = _flow_run(home, run)
        edited = _edited(home, state, request)
        limits = LimitsChanged(judged_flags(_changes(request)))
        change = ResumeRequest(state.run, limits=limits)
        return console.resume_flow(home, state, change, edited)


def replay_check(
    ctx: typer.Context, directory: str, request: FlowRequest, run: str, as_json: bool
) -> int:
    """Play a script against a run that has been, with nothing begun; 1 where it differs."""
    with target.journal(ctx, directory) as home:
        state = _flow_run(home, run)
        found = rehearsed(home, after(state, (_edited(home, state, request),)), failures=True)
    differs = bool(found.wanted or found.unused or found.error)
    if as_json:
        told = {
            "run": state.run,
            "same": not differs,
            "reused": len(found.reused),
            "wanted": [step.key for step in found.wanted],
            "unused": [step.key for step in found.unused],
        }
        print(json.dumps({"schema": SCHEMA, **told}, ensure_ascii=True))
        return int(differs)
    if found.error:
        print(clean(f"the flow failed: {found.error.get('message', '')}", 500))
    if not differs:
        print(f"no difference: {count(len(found.reused), 'step')} as in run {state.run}")
    for line in difference(found):
        print(clean(line, 500))
    return int(differs)


def _flow_run(home: Home, run: str) -> State:
    state = home.state(a_run(home, run))
    if state.flow is None:
        raise UsageError(f"run {state.run} is no run of a flow")
    return state


def _edited(home: Home, state: State, request: FlowRequest) -> FlowAdded:
    """The script as it is now; its inputs stay as they were, unless some are given."""
    assert state.flow is not None
    script, was = request.script, state.flow.added
    return replace(
        was,
        name=script.name,
        text=script.text,
        digest=script.digest,
        sources=dict(script.sources),
        theirs=script.theirs,
        args=dict(request.args) or was.args,
    )


def _changes(request: FlowRequest) -> dict[str, Any]:
    """The limits that the command line names anew; a run keeps all else as it was begun."""
    return {key: value for key, value in request.flags.items() if key in run_options.RESUMABLE}
