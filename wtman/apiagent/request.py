"""The parameters of one request, from the conversation and what its model takes.

A schema is what the server is asked to hold the model to (`output_config.format`), which it
may ignore: whoever wants the answer judges it.

The conversation itself is never changed: tools, system text and earlier turns stay as
they are, so that each request reads the one before from the cache. Old results of
tools are cleared by the server, once the prompt is long.
"""

from typing import Any

from wtman.apiagent.models import traits
from wtman.apiagent.options import Options
from wtman.apiagent.transcript import Transcript

CLEAR_BETA = "context-management-2025-06-27"
RESPONSE_TOKENS = 32_000  # of one response, at most
KEPT_USES = 6  # the latest results of tools that are never cleared

UNATTENDED = """\
You are a software engineer working alone in the current folder, a git checkout of your own. \
Nobody reads along and nobody answers: decide yourself, and say in the end what you assumed.
Look before you change. Keep to the style that you find. Change what the task asks for, \
nothing else. Run the tests that concern your change, where you can.
Leave your changes in the files: do not commit, do not switch branches, do not touch .git.
Your last message is your report, a few lines: what is done, and what is not."""

READ_ONLY = """\
You are a software engineer working alone in the current folder, a git checkout that you can \
read and not change. Nobody reads along and nobody answers: decide yourself.
Look at the files before you claim something about them.
Your last message is your answer."""


def system_text(role: str, read_only: bool) -> str:
    """The top-level system text of a conversation, fixed for all of it.

    It names no path and no task, so that all sessions of a role begin alike, and what one
    has written to the cache the others read.
    """
    base = READ_ONLY if read_only else UNATTENDED
    return f"{base}\n\n{role.strip()}" if role.strip() else base


def parameters(
    options: Options, talk: Transcript, tools: list[dict[str, Any]], clear_above: int
) -> dict[str, Any]:
    """Keyword arguments for the SDK's `messages.stream`.

    `clear_above`, in tokens of prompt, asks for old results of tools to be cleared; 0 does not.
    """
    takes = traits(talk.model)
    block: dict[str, Any] = {"type": "text", "text": talk.system}
    found: dict[str, Any] = {
        "model": talk.model,
        "max_tokens": RESPONSE_TOKENS,
        "system": [block],
        "messages": talk.messages,
    }
    if tools:
        found["tools"] = tools
    if takes.caches:
        # One mark behind tools and system, which all sessions of a role share, and one that
        # moves along with the conversation.
        block["cache_control"] = {"type": "ephemeral"}
        found["cache_control"] = {"type": "ephemeral"}
    if takes.thinks:
        # What is said between calls of tools comes as thinking, and is to be seen.
        found["thinking"] = {"type": "adaptive", "display": "summarized"}
    output: dict[str, Any] = {}
    if level := takes.effort(options.effort):
        output["effort"] = level
    if options.answer_schema is not None:
        output["format"] = {"type": "json_schema", "schema": _known(options.answer_schema)}
    if output:
        found["output_config"] = output
    if clear_above and takes.clears and tools:
        found["extra_headers"] = {"anthropic-beta": CLEAR_BETA}
        found["extra_body"] = {"context_management": {"edits": [_clearing(clear_above)]}}
    return found


def _known(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the server takes it: what it does not know goes into descriptions."""
    from anthropic import transform_schema

    try:
        return transform_schema(schema)
    except (ValueError, TypeError, KeyError):
        return schema


def _clearing(above: int) -> dict[str, Any]:
    return {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "input_tokens", "value": above},
        "keep": {"type": "tool_uses", "value": KEPT_USES},
        # Clearing breaks the cache, so it has to be worth it.
        "clear_at_least": {"type": "input_tokens", "value": max(above // 5, 1)},
    }
