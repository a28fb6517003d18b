"""A JSON answer in what a session said: found, and asked for once more where it does not fit.

Agents that cannot be held to a schema wrap their answer in words and fences, and programs
print a line before it. What is found here is still anybody's text: it is judged against
the schema and by the rules of whoever asked before anything is made of it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

_CAP = 1 << 20  # characters of an answer that are looked at, the last ones
_TRIES = 500  # places where a bare value may begin
_SAID = 6000  # characters of an unusable answer that its author is shown again
_PROBLEMS = 20
_NAME = 80  # characters of a key
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)\n[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)


def candidates(text: str) -> Iterator[Any]:
    """The JSON values in a text, the likeliest answer first: all of it, fenced, bare.

    Of several the last counts: people and models come to the point at the end.
    """
    text = text[-_CAP:].strip().removeprefix("\ufeff")
    yield from _whole(text)
    for found in reversed([match[2] for match in _FENCE.finditer(text)]):
        yield from _whole(found)
    yield from reversed(list(_bare(text)))


def _whole(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return


def _bare(text: str) -> Iterator[Any]:
    """Objects in the middle of words, outermost ones only."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def asked(prompt: str, schema: Mapping[str, Any], role: str = "") -> str:
    """A prompt for an agent that has no way of its own for a role or a schema."""
    parts = [role.strip(), prompt.strip(), in_words(schema)]
    return "\n\n".join(part for part in parts if part) + "\n"


def in_words(schema: Mapping[str, Any]) -> str:
    """The schema, for who cannot be held to it otherwise."""
    return (
        "Answer with one JSON value and nothing else: no words around it, no code fence. "
        f"It has to fit this JSON schema:\n{json.dumps(schema, indent=1, ensure_ascii=False)}"
    )


def problems_of(errors: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What pydantic finds wrong with a value, a line each with its place: `tasks[0].id: ...`."""
    return tuple(
        " ".join(f"{_place(error['loc']) or 'the answer'}: {error['msg']}".split())
        for error in islice(errors, _PROBLEMS)
    )


def _place(path: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:_NAME]}" for part in path)
    return "".join(parts).removeprefix(".")


def again(problems: Sequence[str], prompt: str = "", said: str = "") -> str:
    """What an author is told whose answer cannot be used.

    In a resumed conversation that is enough; a new session needs the `prompt` and what it
    `said` as well.
    """
    listed = "\n".join(f"- {problem}" for problem in problems[:_PROBLEMS])
    if len(problems) > _PROBLEMS:
        listed += f"\n- and {len(problems) - _PROBLEMS} more"
    told = (
        f"The answer cannot be used:\n{listed}\n\n"
        "Give the whole answer again, with this mended and everything else as it was."
    )
    if not prompt:
        return told + "\n"
    before = said.strip()[-_SAID:] or "(nothing)"
    return f"{prompt.rstrip()}\n\nYou have answered this before:\n{before}\n\n{told}\n"
