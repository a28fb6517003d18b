"""The flags of configuration keys, made from the table of keys.

A command says which keys it takes and gets those that were given, by the names of the keys;
what their values may be is judged with all the other sources of the configuration.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from wtman.config.keys import KEYS, Key, named

Flags = Mapping[str, Any]
Command = Callable[..., int]
FLAGGED = tuple(key.name for key in KEYS if key.help)
RESUMABLE = tuple(key.name for key in KEYS if key.resumable)

_TYPES = {"integer": int, "money": float, "switch": bool, "texts": list[str]}
_METAVARS = {"integer": "N", "money": "N", "time": "TIME", "text": "NAME", "texts": "TEXT"}


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
