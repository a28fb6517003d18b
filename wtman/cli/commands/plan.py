"""`wtman plan`: the planning alone, and its plan as a file that can be read, edited and split."""

import io
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from wtman.cli import options, run_options, streams, terminal
from wtman.cli import target as where
from wtman.errors import UsageError

if TYPE_CHECKING:
    from wtman.model.plan import Plan
    from wtman.plan.forecast import Forecast


@run_options.with_keys(
    *("agent", "check", "jobs", "max_sessions", "plan_budget_usd", "scouts"),
    *("timeout", "model", "effort", "sandbox"),
)
def plan(
    ctx: typer.Context,
    request: Annotated[
        str,
        typer.Argument(metavar="REQUEST", show_default=False, help="What to plan; - is stdin."),
    ] = "",
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="File to write the plan to.")
    ] = "",
    *,
    findings: run_options.Findings = "",
    issue: run_options.IssueNumber = "",
    flags: run_options.Flags,
    planner: run_options.Planner = "",
    parts: run_options.Parts = None,
    role: run_options.Role = None,
    base: run_options.Base = "HEAD",
    allow_overlap: run_options.AllowOverlap = False,
    as_code: Annotated[
        bool, typer.Option("--as-code", help="Write a flow, a plan in code, not a plan file.")
    ] = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Cut a request into tasks and stop there. The plan goes to stdout, or with -o to a file.

    With --as-code the planner writes a flow (`wtman help flows`): it is checked, shown with all
    that it may ask for, and kept in .wtman/flows/ or the file of -o. It runs once you approve it.
    """
    from wtman.cli.issue import with_issue
    from wtman.cli.start import approve_planner, confirmed_ultra, planned, unplanned, unplanned_json
    from wtman.config import load
    from wtman.coordinator.create import open_store
    from wtman.coordinator.home import Home
    from wtman.coordinator.start.findings import plan_of_findings
    from wtman.coordinator.start.order import cut, forecast_of, order, proposal_of
    from wtman.coordinator.start.proposal import StartRequest, is_planned, plan_of
    from wtman.git.repo import resolve
    from wtman.model.states import RunKind
    from wtman.plan.file import dump
    from wtman.text.terminal import clean, fold
    from wtman.ui.proposal import annotated, announced, planning_lines
    from wtman.worktrees.clean import remove_traces

    repo = where.repository(ctx, directory)
    target = where.path_of(out) if out != "-" else ""
    _require_writable(target)
    ways = {"issue": issue, "planner": planner, "parts": parts, "as_code": as_code}
    run_options.require_alone(findings, request=request, **ways)
    if not (request or issue or findings):
        raise UsageError("there is nothing to plan", hint="say what: wtman plan REQUEST")
    words, named = with_issue(repo, issue, streams.requested(request))
    found = plan_of_findings(repo, findings, base) if findings else None
    wanted = StartRequest(
        request=words,
        made=found.plan if found is not None else None,
        reserved=run_options.reserved_in(ctx),
        remarks=found.remarks if found is not None else (),
        issue=named,
        base=base,
        parts=parts or 0,
        allow_overlap=allow_overlap,
        flags={**flags, "roles": run_options.roles_of(role, planner)},
        kind=RunKind.PLAN,
        may_ask=True,  # whoever reads the file approves what is in it
    )
    if as_code:
        from wtman.cli.written_flow import write

        return write(repo, wanted, target, as_json)
    settings = load(repo.toplevel, os.environ, wanted.flags, None).settings
    wanted = cut(repo, wanted, settings)
    agent = str(flags.get("agent") or "")
    if wanted.made is not None:
        for remark in wanted.remarks:
            print("\n".join(fold(f"! {clean(remark)}", terminal.width())), file=sys.stderr)
        base_sha = resolve(repo, base)
        foretold = forecast_of(repo, wanted.made, settings, base_sha, os.environ)
        return _written(wanted.made, dump(wanted.made), target, "", as_json, agent, foretold)
    # Without a file stdout is the plan and nothing else.
    prepared = order(repo, wanted, os.environ)
    approve_planner(repo, prepared, may_ask=not (yes or as_json))
    if not confirmed_ultra(repo, prepared, sys.stderr, yes=yes, as_json=as_json):
        print("nothing was started", file=sys.stderr)
        return 0
    if not as_json and prepared.wanted is not None:
        lines = announced(prepared.wanted, prepared.proposal.settings, terminal.width())
        print("\n".join(lines), file=sys.stderr, flush=True)
    with open_store(repo) as store:
        home = Home(repo, store)
        told: TextIO = io.StringIO() if as_json else sys.stderr
        state = planned(home, home.state(prepared.create(store)), [], told)
        remove_traces(state)
        if not is_planned(state):
            return unplanned_json(state) if as_json else unplanned(state)
        if state.planning is not None and state.planning.flow is not None:
            from wtman.cli.saved_flow import kept

            return kept(home, state, "", as_json)
    if target and not as_json:
        print("\n".join(planning_lines(state)))
    made, foretold = plan_of(state), proposal_of(repo, state, os.environ).forecast
    text = annotated(state, dump(made))
    return _written(made, text, target, state.run, as_json, agent, foretold)


def _require_writable(path: str) -> None:
    """Refuse a file that could not be written, before a session is paid for."""
    if not path:
        return
    folder = os.path.dirname(path)
    place = path if os.path.exists(path) else folder
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(place, os.W_OK):
        raise UsageError(f"cannot write {path}", hint="name a file in a folder that exists")


def _written(
    made: "Plan",
    text: str,
    target: str,
    run: str,
    as_json: bool,
    agent: str,
    foretold: "Forecast",
) -> int:
    """The plan where it is wanted: in a file, on stdout, or as JSON; `run` has it, if any.

    Its forecast is told beside it, on stderr. `agent` is the one that the command named.
    """
    from wtman.formats.codec import to_plain
    from wtman.model.states import SCHEMA
    from wtman.ui.forecast import forecast_json, forecast_lines

    if target:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    if as_json:
        told = {
            "schema": SCHEMA,
            "run": run or None,
            "plan": to_plain(made),
            "file": target or None,
            "forecast": forecast_json(made, foretold),
        }
        print(json.dumps(told, ensure_ascii=True))
        return 0
    lines = forecast_lines(made, foretold, terminal.width())
    print("\n".join(lines), file=sys.stderr)
    if target:
        by = f" --agent {shlex.quote(agent)}" if agent else ""
        print(where.here(f"next: wtman split --plan {where.typed(target)}{by}"))
    else:
        print(text, end="")
    return 0
