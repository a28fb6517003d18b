"""How far two requests begin alike, as a provider that caches prefixes takes them.

A provider reads tools, then the system text, then the conversation, whatever the order of
the keys; what it keeps ends at a mark (`cache_control`) of the Messages API. So requests are
compared block by block in that order. Pure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What is said about a block, and no part of what the model reads.
_NOT_READ = ("cache_control", "id")
_SHOWN = 80  # characters of where they part


@dataclass(frozen=True)
class Block:
    """A tool, a piece of the system text or of a message: `text` is all that is said of it."""

    place: str
    text: str
    marked: bool = False


@dataclass(frozen=True)
class CommonPrefix:
    """`alike` bytes are the same in whole blocks, `kept` of them lie before the last mark there.

    `size` are the bytes of each prompt; `where` names the first block that differs, `inside`
    is how many bytes of it are the same, and `first`, `second` what follows there. `options`
    are the keys beside the prompt that differ.
    """

    alike: int
    kept: int
    size: tuple[int, int]
    where: str = ""
    inside: int = 0
    first: str = ""
    second: str = ""
    options: tuple[str, ...] = ()


def compare(one: Mapping[str, Any], two: Mapping[str, Any]) -> CommonPrefix:
    """Two bodies of the same API: of Messages, or of Responses."""
    left, right = list(blocks(one)), list(blocks(two))
    size = (sum(map(_bytes, left)), sum(map(_bytes, right)))
    alike = kept = 0
    prompt = ("tools", "system", "messages", "instructions", "input")
    options = tuple(
        key for key in {**one, **two} if key not in prompt and one.get(key) != two.get(key)
    )
    for first, second in zip(left, right, strict=False):
        if first != second:
            same = _same(first.text, second.text)
            ends = [text.text[same : same + _SHOWN] for text in (first, second)]
            where = first.place if first.place == second.place else f"{first.place}, {second.place}"
            inside = len(first.text[:same].encode())
            return CommonPrefix(alike, kept, size, where, inside, ends[0], ends[1], options)
        alike += _bytes(first)
        kept = alike if first.marked else kept
    return CommonPrefix(alike, kept, size, options=options)


def blocks(body: Mapping[str, Any]) -> Iterator[Block]:
    """What the model reads, in the order in which it does."""
    for number, tool in enumerate(body.get("tools") or ()):
        yield _block(f"tools[{number}] {tool.get('name', '')}".strip(), tool)
    if instructions := body.get("instructions"):
        yield Block("instructions", instructions)
    yield from _texts("system", body.get("system") or ())
    for number, message in enumerate(body.get("messages") or body.get("input") or ()):
        content = message.get("content")
        place = f"{message.get('role', message.get('type'))}[{number}]"
        if content is None:
            yield _block(place, message)
        else:
            yield from _texts(place, content)


def _texts(place: str, content: Any) -> Iterator[Block]:
    if isinstance(content, str):
        yield Block(place, content)
        return
    for number, part in enumerate(content):
        yield _block(f"{place}.{number}", part)


def _block(place: str, value: Mapping[str, Any]) -> Block:
    said = {key: item for key, item in value.items() if key not in _NOT_READ}
    text = said["text"] if set(said) == {"type", "text"} else json.dumps(said, sort_keys=True)
    return Block(place, text, "cache_control" in value)


def _bytes(block: Block) -> int:
    return len(block.text.encode())


def _same(one: str, two: str) -> int:
    for number, (first, second) in enumerate(zip(one, two, strict=False)):
        if first != second:
            return number
    return min(len(one), len(two))
