"""Lines for people of the streams of other CLIs, told by their shape."""

from collections.abc import Iterator
from typing import Any

from wtman.agents.stream import field, items, text
from wtman.agents.transcript_lines import answer_lines, error_lines, first_line, target_of

# What says nothing, or says again what another event does.
_SILENT = (
    "agent_start agent_end turn_start turn_end message_start message_update "
    "tool_execution_update auto_retry_end step_start step_finish"
).split()

_COPILOT = ("abort", "agent.", "assistant.", "model.", "session.", "tool.", "user.")


def readable_other(event: Any) -> tuple[str, ...] | None:
    """As `readable`, for an event."""
    match text(event, "type"):
        # Gemini CLI
        case "init" if text(event, "session_id"):
            return ()
        case "message" if text(event, "role"):
            said = text(event, "content") if text(event, "role") == "assistant" else ""
            return tuple(said.splitlines())
        case "tool_use" if text(event, "tool_name"):
            return (_tool(text(event, "tool_name"), field(event, "parameters")),)
        case "tool_result" if text(event, "tool_id"):
            said = text(event, "error", "message") or text(event, "output")
            return tuple(answer_lines(said))
        case "result" if text(event, "status"):
            return tuple(error_lines(text(event, "error", "message")))
        # pi
        case "session" if text(event, "id"):
            return ()
        case "message_end" if isinstance(field(event, "message"), dict):
            return tuple(_message(field(event, "message")))
        case "tool_execution_start" if text(event, "toolName"):
            return (_tool(text(event, "toolName"), field(event, "args")),)
        case "tool_execution_end" if text(event, "toolName"):
            return tuple(answer_lines(_texts(field(event, "result"))))
        case "auto_retry_start" if text(event, "errorMessage"):
            return (f"! {first_line(text(event, 'errorMessage'))}: tries again",)
        # OpenCode
        case "text" if isinstance(field(event, "part"), dict):
            return tuple(text(event, "part", "text").splitlines())
        case "tool_use" if text(event, "part", "tool"):
            return tuple(_tool_part(field(event, "part")))
        case "error" if isinstance(field(event, "error"), dict):
            said = text(event, "error", "data", "message") or text(event, "error", "name")
            return tuple(error_lines(said))
        # Copilot
        case "result" if text(event, "sessionId"):
            return ()
        case "span" | "metric" if text(event, "name"):
            return ()
        case kind if kind.startswith(_COPILOT) and isinstance(field(event, "data"), dict):
            return tuple(_copilot(kind, field(event, "data")))
        # aider: its words are its own, these are the figures between them
        case "" if text(event, "user_id") and isinstance(field(event, "properties"), dict):
            return ()
        case kind if kind in _SILENT:
            return ()
    return None


def _tool(name: str, given: Any) -> str:
    return f"> {name} {first_line(target_of(given))}".rstrip()


def _message(message: Any) -> Iterator[str]:
    if text(message, "role") == "assistant":
        yield from _texts(message).splitlines()
        yield from error_lines(text(message, "errorMessage"))


def _texts(holder: Any) -> str:
    return "\n".join(filter(None, (text(one, "text") for one in items(holder, "content"))))


def _tool_part(part: Any) -> Iterator[str]:
    yield _tool(text(part, "tool"), field(part, "state", "input"))
    failed = text(part, "state", "error")
    yield from error_lines(failed) if failed else answer_lines(text(part, "state", "output"))


def _copilot(kind: str, data: Any) -> Iterator[str]:
    match kind:
        case "assistant.message":
            yield from text(data, "content").splitlines()
        case "tool.execution_start":
            given = field(data, "arguments")
            target = given if isinstance(given, str) else target_of(given)
            yield f"> {text(data, 'toolName')} {first_line(target)}".rstrip()
        case "tool.execution_complete":
            yield from answer_lines(text(data, "result", "content"))
            yield from error_lines(text(data, "error", "message"))
        case "model.call_failure":
            yield from error_lines(text(data, "errorMessage"))
        case "session.error":
            yield from error_lines(text(data, "message"))
