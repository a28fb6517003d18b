"""A flow from the command line: its inputs read, shown without being run, held against a run."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import typer

from wtman.cli import run_options, target
from wtman.config import judged_flags
from wtman.coordinator.home import Home, a_run
from wtman.coordinator.start.flow import find
from wtman.coordinator.start.flow_proposal import FlowRequest, FlowScript
from wtman.coordinator.start.flow_replay import rehearsed
from wtman.coordinator.start.proposal import after
from wtman.coordinator.start.resumption import ResumeRequest
from wtman.errors import UsageError
from wtman.flow.options import option_lines
from wtman.flow.outline import Outline, limits_told, outline_lines, read_script
from wtman.flow.tree import FileTrees
from wtman.formats.codec import to_plain
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.repo import resolve
from wtman.journal.events import FlowAdded
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, count
from wtman.ui.flow_start import difference


def script_of(ctx: typer.Context, repo: Repository, source: str) -> FlowScript:
    """The script that is meant."""
    path = target.path_of(source) if source.endswith(".py") or os.sep in source else source
    return find(repo, path, run_options.reserved(ctx.command))


def theirs(script: FlowScript, flags: dict[str, Any]) -> list[str]:
    """Options of the command that are inputs of this flow: taken out of `flags`, as words."""
    named = {item.name for item in script.outline.inputs}
    found = [name for name in run_options.THEIRS if name in named and name in flags]
    return [word for name in found for word in (f"--{name}", str(flags.pop(name)))]


def help_lines(script: FlowScript) -> list[str]:
    """What a flow is for, and its inputs as options."""
    options = option_lines(script.outline.inputs)
    width = max((len(name) for name, _ in options), default=0)
    lines = [script.name, *(f"  {line}" for line in script.outline.about.splitlines())]
    lines += ["", "Inputs:"] if options else []
    return lines + [f"  {name:<{width}}  {about}".rstrip() for name, about in options]


def dry_run(
    repo: Repository, script: FlowScript, args: Mapping[str, Any], base: str, as_json: bool
) -> int:
    """Show what a flow may ask for with these inputs, without running any of it."""
    outline = read_script(script.text, script.outline.name, args=args)
    script = replace(script, outline=outline)
    sizes = sizes_in(repo, outline, base)
    if as_json:
        plain = plain_outline(outline, sizes)
        print(json.dumps({"schema": SCHEMA, "flow": plain}, ensure_ascii=True, default=str))
        return 0
    print("\n".join([*shown(script, sizes), "", "nothing was started"]))
    return 0


def sizes_in(repo: Repository, outline: Outline, base: str) -> dict[int, int]:
    """How many items the fan-outs over searches have in the base, by line."""
    trees, commit = FileTrees(prepare(repo)), resolve(repo, base)
    return {
        site.line: len(trees.search(commit, site.files.pattern, site.files.containing))
        for site in outline.fan_outs
        if site.files is not None
    }


def shown(script: FlowScript, sizes: Mapping[int, int]) -> list[str]:
    """All that a script says before it is run: what it is for, inputs, calls, loops, limits."""
    outline = script.outline
    lines = [
        *help_lines(script),
        "",
        *outline_lines(outline)[1 + len(outline.about.splitlines()) :],
    ]
    lines += [f"line {line}: {count(size, 'item')} in the base" for line, size in sizes.items()]
    return [clean(line) for line in (*lines, "", *limits_told(outline, sizes))]


def plain_outline(outline: Outline, sizes: Mapping[int, int]) -> dict[str, Any]:
    """The same as JSON."""
    limits = limits_told(outline, sizes)
    return {
        **to_plain(outline),
        "fan_out_sizes": {str(line): size for line, size in sizes.items()},
        "limits": limits,
    }


def resumed_with(
    home: Home, request: FlowRequest, run: str
) -> tuple[State, ResumeRequest, FlowAdded]:
    """A run, what of it changes, and its script as it is now in place of the recorded one."""
    state = _flow_run(home, run)
    change = ResumeRequest(state.run, flags=judged_flags(_changes(request)))
    return state, change, _edited(home, state, request)


def replay_check(
    ctx: typer.Context, directory: str, request: FlowRequest, run: str, as_json: bool
) -> int:
    """Play a script against a run that has been, with nothing begun; 1 where it differs."""
    with target.journal(ctx, directory) as home:
        state = _flow_run(home, run)
        found = rehearsed(home, after(state, (_edited(home, state, request),)), failures=True)
    differs = found.differs
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


def _of_flow(state: State) -> bool:
    return state.flow is not None


def _flow_run(home: Home, run: str) -> State:
    state = home.state(a_run(home, run, _of_flow))
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
        path=script.path,
        args=dict(request.args) or was.args,
    )


def _changes(request: FlowRequest) -> dict[str, Any]:
    """The limits that the command line names anew; a run keeps all else as it was begun."""
    return {key: value for key, value in request.flags.items() if key in run_options.RESUMABLE}
