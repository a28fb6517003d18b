"""What a value of a file, a variable or a flag may be, and how a refusal is put.

pydantic's core judges. Its models and type adapters would cost three times as much to
import, and there is a table of keys already. Imported late all the same.
"""

import math
import re
import shlex
from collections.abc import Callable, Container, Mapping
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from wtman.config.keys import Key
from wtman.formats.durations import seconds
from wtman.formats.gitignore import flaw
from wtman.model.agent_definition import STREAMS
from wtman.model.check import CheckCommand, folder_flaw, normalized
from wtman.model.settings import EFFORTS, SEVERITIES, ULTRA
from wtman.sandbox.hosts import rule
from wtman.text.words import did_you_mean, printable, quoted, shown

_EXPECTED = {
    "string_type": "a string",
    "string_unicode": "text in UTF-8",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list of strings",
    "dict_type": "a table",
    "greater_than_equal": "{ge:,} or more",
    "less_than_equal": "{le:,} or less",
    "string_too_long": "at most {max_length:,} characters",
}


def judged(key: Key, value: object) -> Any:
    """A key's value in its type; ValueError says what is wrong with it."""
    kind = _KINDS.get(key.kind, schema.any_schema())
    if key.kind == "integer":
        kind = schema.int_schema(strict=True, ge=key.least, le=key.most)
    try:
        return SchemaValidator(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(refusal(error)[2]) from None


def refusal(error: ValidationError) -> tuple[tuple[str | int, ...], str, str]:
    """Where the first wrong value stands, pydantic's name for what is wrong, and our words."""
    first = error.errors(include_url=False)[0]
    context, kind = first.get("ctx", {}), first["type"]
    if kind == "value_error":
        what = printable(str(context["error"]))
    elif kind in _EXPECTED:
        what = f"expected {_EXPECTED[kind].format(**context)}, got {shown(first['input'])}"
    else:
        what = printable(first["msg"])
    return first["loc"], kind, what


def _then(check: Callable[[Any], Any], kind: CoreSchema) -> CoreSchema:
    return schema.no_info_after_validator_function(check, kind)


def several(kind: CoreSchema) -> CoreSchema:
    """A list; one value is a list of one."""
    single = schema.no_info_before_validator_function
    return single(lambda value: [value] if isinstance(value, (str, dict)) else value, texts(kind))


def texts(kind: CoreSchema) -> CoreSchema:
    """A list as a tuple."""
    return _then(tuple, schema.list_schema(kind))


def record(kinds: Mapping[str, CoreSchema], required: Container[str]) -> CoreSchema:
    """A table with these keys and no others."""
    fields = {
        name: schema.typed_dict_field(kind, required=name in required)
        for name, kind in kinds.items()
    }
    return schema.typed_dict_schema(fields, extra_behavior="forbid", total=False)


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("is an empty string")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _check(value: object) -> object:
    """A check as one text: it is one, or a table that says where it runs."""
    if not isinstance(value, dict):
        return value
    run, folder = value.get("run"), value.get("in", ".")
    if set(value) - {"run", "in"} or not isinstance(run, str) or not isinstance(folder, str):
        raise ValueError(f'expected {{run = "COMMAND", in = "FOLDER"}}, got {shown(value)}')
    if what := folder_flaw(folder):
        raise ValueError(f"in = {quoted(folder)} {what}")
    return CheckCommand(_some(run), normalized(folder)).text


def _pattern(text: str) -> str:
    if what := flaw(text):
        raise ValueError(f"pattern {quoted(text)} {what}")
    return text


def _some_time(length: float) -> float:
    if not length:
        raise ValueError("expected more than 0")
    return length


def _amount(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"expected a finite number above 0, got {value}")
    return value


def _network(value: object) -> object:
    """On, off, `allow-list` (the agents' providers), or the hosts that may be reached besides."""
    words = {"on": True, "off": False, "allow-list": ()}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in words:
        return words[value]
    # One bare word is rather a slip than the name of a machine.
    one = isinstance(value, str) and ("." in value or ":" in value or value == "localhost")
    hosts = [value] if one else value
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise ValueError(
            f'expected true, false, "allow-list" or a list of hosts, got {shown(value)}'
        )
    for host in hosts:
        try:
            rule(host)
        except ValueError as error:
            raise ValueError(f"host {quoted(host)} {error}") from None
    return tuple(hosts)


def _word(known: tuple[str, ...]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in known:
            near = did_you_mean(text, known)
            raise ValueError(f"expected one of {', '.join(known)}, got {shown(text)}{near}")
        return text

    return check


def _words(value: object) -> object:
    """The words of a command, as a shell would split its text; no shell runs it."""
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"{quoted(value)}: {error}") from None


def _entry(text: str) -> str:
    """`NAME`, which is handed in where it is set, or `NAME=VALUE`."""
    _variable(text.partition("=")[0])
    return text


def _host(text: str) -> str:
    try:
        rule(text)
    except ValueError as error:
        raise ValueError(f"host {quoted(text)} {error}") from None
    return text


def _variable(text: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError(f"{quoted(text)} is not the name of a variable")
    if text == "HOME" or text.startswith(("WTMAN_", "LD_", "GIT_")):
        raise ValueError(f"{quoted(text)} cannot be handed in")
    return text


TEXT = schema.str_schema(strict=True)
SWITCH = schema.bool_schema(strict=True)
TIME = schema.no_info_plain_validator_function(seconds)
_COMMAND = _then(_some, schema.str_schema(strict=True, max_length=65536))
CHECK = schema.no_info_before_validator_function(_check, TEXT)
_KINDS: dict[str, CoreSchema] = {
    "money": _then(_amount, schema.float_schema(strict=True)),
    "switch": SWITCH,
    "time": _then(_some_time, TIME),
    "text": _COMMAND,
    "texts": several(_COMMAND),
    "checks": several(schema.no_info_before_validator_function(_check, _COMMAND)),
    "patterns": several(_then(_pattern, TEXT)),
    "effort": _then(_word((*EFFORTS, ULTRA)), TEXT),
    "severities": several(_then(_word((*SEVERITIES, "concern")), TEXT)),
    "variables": several(_then(_variable, TEXT)),
    "words": schema.no_info_before_validator_function(_words, texts(_COMMAND)),
    "stream": _then(_word(STREAMS), TEXT),
    "entries": several(_then(_entry, TEXT)),
    "hosts": several(_then(_host, TEXT)),
    "network": _then(_network, schema.any_schema()),
}
