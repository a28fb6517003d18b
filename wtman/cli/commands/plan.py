"""`wtman plan`: the planning alone, and its plan as a file that can be read, edited and split."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import target as where
from wtman.cli.start import request as request_module

if TYPE_CHECKING:
    from wtman.model.plan import Plan


def plan(
    ctx: typer.Context,
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="In words; - is stdin.")],
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Write the plan there.")
    ] = "",
    agent: Annotated[str, typer.Option(metavar="NAME", help="NAME, or command:ARGV.")] = "",
    planner: Annotated[
        str, typer.Option(metavar="NAME", help="Who plans; `static` cuts without a model.")
    ] = "",
    parts: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tasks of `--planner static`.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=AGENT", help="Who plays a role; repeatable.")
    ] = None,
    base: Annotated[str, typer.Option(metavar="REF", help="Where tasks start from.")] = "HEAD",
    check: Annotated[
        list[str] | None, typer.Option(metavar="CMD", help="Judges a tree; repeatable.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="Sessions at once.")
    ] = None,
    max_sessions: Annotated[int | None, typer.Option(min=1, help="Sessions in all.")] = None,
    plan_budget_usd: Annotated[
        float | None, typer.Option(metavar="N", help="Dollars of the planning.")
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Of one session: 90s, 15m, 2h.")
    ] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="For every session.")] = "",
    effort: Annotated[str, typer.Option(metavar="LEVEL", help="From low to max.")] = "",
    sandbox: Annotated[str, typer.Option(metavar="TIER", help="What sessions may reach.")] = "",
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Tasks may own the same path.")
    ] = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Cut a request into tasks and stop there. The plan goes to stdout, or with -o to a file."""
    from wtman.cli.start import propose
    from wtman.cli.start.roles import parsed_roles
    from wtman.cli.start.static_plan import cut
    from wtman.plan.file import dump

    repo = where.repository(ctx, directory)
    wanted = request_module.StartRequest(
        request=sys.stdin.read().strip() if request == "-" else request.strip(),
        plan="",
        tasks=(),
        base=base,
        edit=False,
        allow_overlap=allow_overlap,
        allow_failing_base=False,
        flags={
            "agent": agent,
            "roles": parsed_roles(role or (), planner) or None,
            "check": tuple(check or ()),
            "jobs": jobs,
            "max_sessions": max_sessions,
            "plan_budget_usd": plan_budget_usd,
            "timeout": timeout,
            "model": model,
            "effort": effort,
            "sandbox": sandbox,
        },
        # Whoever reads the file approves what is in it.
        may_ask=True,
        aside=True,
    )
    target = os.path.join(os.getcwd(), out) if out and out != "-" else ""
    propose.require_writable(target)
    wanted = cut(repo, wanted, os.environ, parts or 0)
    if wanted.made is not None:
        return _written(wanted.made, dump(wanted.made), target, "", as_json)
    # Without a file stdout is the plan and nothing else.
    manner = propose.Manner(as_json=as_json, only=True, out=sys.stderr)
    home, run = propose.begin(repo, wanted, manner)
    with home.store:
        state = propose.planned(home, run, [], None, sys.stderr)
        propose.put_away(state)
        if state.planning is None or state.planning.made is None:
            return propose.unplanned(state, as_json)
        made = propose.plan_of(state)
        text = propose.annotated(state, dump(made))
    if target and not as_json:
        for line in propose.of_planner(state):
            print(line)
    return _written(made, text, target, run, as_json)


def _written(made: "Plan", text: str, target: str, run: str, as_json: bool) -> int:
    """The plan where it is wanted: in a file, on stdout, or as JSON; `run` has it, if any."""
    import json

    from wtman.formats.codec import to_plain
    from wtman.model.states import SCHEMA

    if target:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    if as_json:
        told = {
            "schema": SCHEMA,
            "run": run or None,
            "plan": to_plain(made),
            "file": target or None,
        }
        print(json.dumps(told, ensure_ascii=True))
    elif target:
        print(f"next: wtman split --plan {os.path.relpath(target)}")
    else:
        print(text, end="")
    return 0
