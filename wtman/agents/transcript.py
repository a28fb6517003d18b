"""A line of an agent's stream as lines for people: what was said, done and answered.

Pure. Told by the shape of the event, not by the agent's name, so that a recording reads like the
session that it is of. Any other line is its program's own and stays as it is.
"""

from collections.abc import Iterator
from typing import Any

from wtman.agents.other_transcripts import readable_other
from wtman.agents.stream import field, items, number, parsed, text
from wtman.agents.transcript_lines import answer_lines, error_lines, first_line, target_of

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
            return tuple(error_lines(text(event, "error", "message")))
        case "error" if text(event, "message"):
            return tuple(error_lines(text(event, "message")))
        case "item.started" | "item.updated" | "item.completed" as stage if isinstance(
            field(event, "item"), dict
        ):
            return tuple(_item(field(event, "item"), stage))
        case kind if kind in _SILENT:
            return ()
    return readable_other(event)


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
                target = first_line(target_of(field(block, "input")))
                yield f"> {text(block, 'name')} {target}".rstrip()
            case "tool_result":
                yield from answer_lines(_plain(field(block, "content")))


def _result(event: Any) -> Iterator[str]:
    if field(event, "is_error") is not False:
        errors = field(event, "errors")
        told = [str(item) for item in errors] if isinstance(errors, list) else []
        yield from error_lines(text(event, "result") or "; ".join(told) or text(event, "subtype"))


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
            yield f"> Bash {first_line(text(item, 'command'))}"
        case "command_execution" if done:
            yield from answer_lines(text(item, "aggregated_output"))
        case "file_change" if stage == "item.started":
            paths = [text(change, "path") for change in items(item, "changes")]
            yield f"> Edit {', '.join(paths)}"
        case "mcp_tool_call" | "web_search" as kind if stage == "item.started":
            yield f"> {kind} {text(item, 'tool') or text(item, 'query')}"
        case "error" if done:
            yield from error_lines(text(item, "message"))
