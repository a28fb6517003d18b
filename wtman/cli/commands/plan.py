"""`wtman plan`: the planning alone, and its plan as a file that can be read, edited and split."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import target as where
from wtman.cli.options import Flags, with_keys
from wtman.cli.start import request as request_module

if TYPE_CHECKING:
    from wtman.model.plan import Plan


@with_keys(
    *("agent", "check", "jobs", "max_sessions", "plan_budget_usd"),
    *("timeout", "model", "effort", "sandbox"),
)
def plan(
    ctx: typer.Context,
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="In words; - is stdin.")],
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Write the plan there.")
    ] = "",
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
    *,
    flags: Flags,
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
        flags={**flags, "roles": parsed_roles(role or (), planner)},
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
