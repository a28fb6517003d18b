"""Options of the commands that start or continue a run.

The flags of configuration keys are made from the table of keys: a command says which keys it
takes and gets those that were given, by the names of the keys; what their values may be is
judged with all the other sources of the configuration.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from wtman.config.keys import KEYS, Key, named
from wtman.errors import UsageError
from wtman.model.roles import PLANNER
from wtman.text.words import quoted

Flags = Mapping[str, Any]
Command = Callable[..., int]
FLAGGED = tuple(key.name for key in KEYS if key.help)
RESUMABLE = tuple(key.name for key in KEYS if key.resumable)

_TYPES = {"integer": int, "money": float, "switch": bool, "texts": list[str], "checks": list[str]}
_METAVARS = {
    "integer": "N",
    "money": "N",
    "time": "TIME",
    "text": "NAME",
    "effort": "NAME",
    "texts": "TEXT",
    "checks": "CMD",
}


AllowOverlap = Annotated[
    bool, typer.Option("--allow-overlap", help="Allow tasks to own the same path.")
]
Base = Annotated[str, typer.Option(metavar="REF", help="Ref that tasks start from.")]
Detach = Annotated[bool, typer.Option("--detach", help="Run in the background once confirmed.")]
Findings = Annotated[
    str, typer.Option(metavar="RUN", help="Fix the confirmed findings of an audit or review.")
]
IssueNumber = Annotated[
    str, typer.Option(metavar="N", help="Issue as the request, by gh: a number or an address.")
]
Parts = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Number of tasks for --planner static.")
]
Planner = Annotated[
    str, typer.Option(metavar="NAME", help="Agent that plans; `static` plans without a model.")
]
Role = Annotated[
    list[str] | None, typer.Option(metavar="ROLE=AGENT", help="Agent for a role; repeatable.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Skip confirmation (does not approve repository commands)."),
]


def with_keys(*names: str) -> Callable[[Command], Command]:
    """Give a command the flags of these keys, at the place of its parameter `flags`."""

    def declared(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> int:
            flags = {name: given.pop(name) for name in names}
            return command(**given, flags={k: v for k, v in flags.items() if _was_given(v)})

        own = inspect.signature(command, eval_str=True)
        parameters = []
        for name, parameter in own.parameters.items():
            if name == "flags":
                parameters += [_parameter(named(key)) for key in names]
            else:
                parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return declared


def _was_given(value: object) -> bool:
    return value is not None and value is not False and value not in ("", [], ())


def _parameter(key: Key) -> inspect.Parameter:
    option = typer.Option(*key.spellings, metavar=_METAVARS.get(key.kind), help=key.help)
    kind: Any = _TYPES.get(key.kind, str)
    default = False if kind is bool else None
    return inspect.Parameter(
        key.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind if kind is bool else kind | None, option],
    )


def roles_of(roles: Sequence[str] | None, planner: str = "") -> dict[str, str]:
    """`--role ROLE=AGENT` and its short forms."""
    assigned = {PLANNER: planner}
    for text in roles or ():
        role, equals, agent = text.partition("=")
        if not equals or not role.strip() or not agent.strip():
            raise UsageError(
                f"--role {quoted(text)} is not of the form ROLE=AGENT",
                hint="for example --role tester=codex",
            )
        assigned[role.strip()] = agent.strip()
    return {role: agent for role, agent in assigned.items() if agent}


def require_alone(findings: str, **others: object) -> None:
    """Refuse `--findings` beside another way to say what is to be done; `_` stands for `-`."""
    given = next((name for name, value in others.items() if value), "")
    if findings and given:
        words = given.upper() if given == "request" else f"--{given.replace('_', '-')}"
        raise UsageError(
            f"--findings and {words} are two ways to say what is to be done",
            hint=f"leave {words} out, no planner is needed; or edit the tasks by hand: wtman plan "
            f"--findings {findings} -o repair.toml, then: wtman split --plan repair.toml",
        )


# Nothing is reviewed in a flow unless its script says so, how often and by how many.
THEIRS = ("reviewers", "rounds")


def reserved(run: Any) -> frozenset[str]:
    """Names that no input may have: those of options of the command `run`, but for those that say
    nothing of a flow (`theirs`)."""
    names = (name for param in run.params for name in getattr(param, "opts", ()))
    taken = {name.lstrip("-") for name in names if name[:1] == "-"}
    return frozenset(taken - set(THEIRS))


def reserved_in(ctx: Any) -> tuple[str, ...]:
    """The same in order, found from another command, for a planner that may write a flow."""
    return tuple(sorted(reserved(ctx.parent.command.get_command(ctx, "run"))))
