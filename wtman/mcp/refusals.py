"""Errors of a tool in words for its client: arguments in place of options, and whose turn it is.

A command's error speaks to who types it. A client calls tools; what only a person can do is
told as what its user types in a terminal, in the folder of the repository. Pure.
"""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from wtman.errors import UsageError
from wtman.text.words import did_you_mean, quoted, shown

_LONGEST = 32_000  # characters of what becomes an argument of a program
_LONG = frozenset({"request", "context", "tasks"})  # that reach the command in a file
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)(?:=(?=\S))?")
_COMMAND = re.compile(r"(?<![\w./-])wtman [a-z]")
_ABSENT = re.compile(r'start one: wtman split "what you want"; or see how it goes: wtman demo')
_TRUST = re.compile(r"approve what you read with `wtman trust --yes`.*", re.DOTALL)
_OURS = ((re.compile(r"the request on stdin is empty"), "`request` is empty"),)
# Options whose argument has another name, of all tools and of one.
_NAMED = {"plan": "tasks", "task": "tasks"}
_NAMED_OF = {"review": {"reviewer": "agent"}}
_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
}


def require_text(tool: str, arguments: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise UsageError for arguments that the tool does not have, or that are no text."""
    for name in arguments:
        if name not in known:
            listed = ", ".join(f"`{it}`" for it in known)
            raise UsageError(
                f"`{tool}` has no argument {quoted(name)}{did_you_mean(name, known)}",
                hint=f"its arguments: {listed}",
            )
    for place, text in _texts("", arguments):
        if "\0" in text:
            raise UsageError(f"`{place}` holds a NUL character", hint="leave it out")
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise UsageError(f"`{place}` is no valid Unicode", hint="leave out lone surrogates")
        if len(text) > _LONGEST and re.split(r"[.\[]", place)[0] not in _LONG:
            raise UsageError(
                f"`{place}` has {len(text):,} characters", hint=f"at most {_LONGEST:,} fit"
            )


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{place}.{name}".lstrip("."), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(f"{place}[{number}]", item)


def wrong_argument(tool: str, first: Mapping[str, Any]) -> UsageError:
    """The error for the first of pydantic's."""
    place = ""
    for part in first["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    place, kind, context = place.lstrip("."), str(first["type"]), first.get("ctx", {})
    if kind == "missing":
        what = "is missing"
    elif kind == "extra_forbidden":
        what = "is not known"
    elif kind in _EXPECTED:
        what = f"expected {_EXPECTED[kind].format(**context)}, got {shown(first['input'])}"
    else:
        what = str(first["msg"])
    joint = " " if what.startswith("is ") else ": "
    return UsageError(f"`{place}`{joint}{what}", hint=f"see the input schema of `{tool}`")


def for_client(
    tool: str, known: Collection[str], folder: str, error: Mapping[str, Any]
) -> dict[str, Any]:
    """A command's error as the client of a tool with these arguments can use it."""
    names = {**_NAMED, **_NAMED_OF.get(tool, {})}

    def argument(found: re.Match[str]) -> str:
        name = names.get(found[1], found[1].replace("-", "_"))
        return f"`{name}`{' ' if found[0].endswith('=') else ''}" if name in known else found[0]

    def spoken(text: str) -> str:
        """With arguments for options; a command that is to be typed stays as it is."""
        typed = _COMMAND.search(text)
        at = typed.start() if typed else len(text)
        return _OPTION.sub(argument, text[:at]) + text[at:]

    message, hint = str(error.get("message", "")), str(error.get("hint", ""))
    place = shlex.quote(folder)
    for pattern, ours in _OURS:
        if pattern.search(message):
            message, hint = ours, ""
    if _ABSENT.search(hint):
        hint = _ABSENT.sub("start one with the tool `split`", hint)
    elif _TRUST.search(hint):
        instead = "; or `check` replaces its checks" if "check" in known else ""
        hint = f"your user reads them, and types in {place}: wtman trust --yes{instead}"
    else:
        hint = spoken(hint.replace("--plan FILE", "`tasks`"))
        if _COMMAND.search(hint) and "your user" not in hint:
            hint += f" (what begins with `wtman` is for your user, in a terminal in {place})"
    return {**error, "message": spoken(message), "hint": hint}
