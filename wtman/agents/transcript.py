"""A line of an agent's stream as lines for people: what was said, done and answered.

Pure. Told by the shape of the event, not by the agent's name, so that a recording reads like the
session that it is of. Any other line is its program's own and stays as it is.
"""

import json
from collections.abc import Iterator
from typing import Any

from wtman.agents.stream import field, items, number, parsed, text

_ANSWER = 10  # lines of what a tool answered
_GIVEN = 400  # columns of what a tool was given, where nothing of it says what it is for
_TARGETS = "file_path notebook_path path command pattern url query description".split()
_SILENT = ("rate_limit_event", "thread.started", "turn.started", "turn.completed")


def readable(line: bytes) -> tuple[str, ...] | None:
    """The lines for people, none where the event has nothing for them; None for what is no event
    of a stream that is known here."""
    event = parsed(line)
    match text(event, "type"):
        case "system" if text(event, "subtype"):
            return tuple(_system(event))
        case "assistant" | "user" if isinstance(field(event, "message"), dict):
            return tuple(_message(event))
        case "stream_event" if isinstance(field(event, "event"), dict):
            return ()
        case "result" if text(event, "subtype"):
            return tuple(_result(event))
        case "turn.failed" if isinstance(field(event, "error"), dict):
            return tuple(_error(text(event, "error", "message")))
        case "error" if text(event, "message"):
            return tuple(_error(text(event, "message")))
        case "item.started" | "item.updated" | "item.completed" as stage if isinstance(
            field(event, "item"), dict
        ):
            return tuple(_item(field(event, "item"), stage))
        case kind if kind in _SILENT:
            return ()
    return None


# --- Claude Code's, and wtman's own agent's ---------------------------------------------------


def _system(event: Any) -> Iterator[str]:
    match text(event, "subtype"):
        case "api_retry":
            word = text(event, "error").replace("_", " ") or "no connection"
            status = number(event, "error_status")
            yield f"! {word}{f' ({status})' if status else ''}: tries again"
        case "permission_denied":
            yield f"! denied: {text(event, 'tool_name')}"


def _message(event: Any) -> Iterator[str]:
    message = field(event, "message")
    if text(message, "model") == "<synthetic>":  # its result says the same
        return
    for block in items(message, "content"):
        match text(block, "type"):
            case "text":
                yield from text(block, "text").splitlines()
            case "tool_use":
                target = _first_line(_target(field(block, "input")))
                yield f"> {text(block, 'name')} {target}".rstrip()
            case "tool_result":
                yield from _answer(_plain(field(block, "content")))


def _result(event: Any) -> Iterator[str]:
    if field(event, "is_error") is not False:
        errors = field(event, "errors")
        told = [str(item) for item in errors] if isinstance(errors, list) else []
        yield from _error(text(event, "result") or "; ".join(told) or text(event, "subtype"))


def _target(given: Any) -> str:
    found = next((found for name in _TARGETS if (found := text(given, name))), "")
    return found or (json.dumps(given)[:_GIVEN] if given else "")


def _plain(content: Any) -> str:
    """What a tool answered, which is a text or a list of blocks."""
    if isinstance(content, str):
        return content
    parts = [text(item, "text") for item in items({"content": content}, "content")]
    return "\n".join(filter(None, parts))


# --- Codex's ----------------------------------------------------------------------------------


def _item(item: Any, stage: str) -> Iterator[str]:
    done = stage == "item.completed"
    match text(item, "type"):
        case "agent_message" if done:
            yield from text(item, "text").splitlines()
        case "command_execution" if stage == "item.started":
            yield f"> Bash {_first_line(text(item, 'command'))}"
        case "command_execution" if done:
            yield from _answer(text(item, "aggregated_output"))
        case "file_change" if stage == "item.started":
            paths = [text(change, "path") for change in items(item, "changes")]
            yield f"> Edit {', '.join(paths)}"
        case "mcp_tool_call" | "web_search" as kind if stage == "item.started":
            yield f"> {kind} {text(item, 'tool') or text(item, 'query')}"
        case "error" if done:
            yield from _error(text(item, "message"))


# --- both -------------------------------------------------------------------------------------


def _error(said: str) -> Iterator[str]:
    try:  # some providers put their JSON into it
        inner = json.loads(said)
    except (ValueError, RecursionError):
        inner = None
    said = text(inner, "error", "message") or text(inner, "message") or said
    yield from (f"! {line}" for line in said.splitlines())


def _answer(said: str) -> Iterator[str]:
    lines = said.rstrip().splitlines()
    yield from (f"    {line}" for line in lines[:_ANSWER])
    if len(lines) > _ANSWER:
        yield f"    … and {len(lines) - _ANSWER} more lines (--raw)"


def _first_line(said: str) -> str:
    first, *more = said.strip().splitlines() or [""]
    return f"{first} …" if more else first
