"""What the program was asked for: flags, and the prompt on stdin.

With `--request` stdin is one JSON object with `prompt` and maybe `system` and
`schema`, because the text of a role or a schema may be longer than an argument.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtman.errors import UsageError

DEFAULT_MODEL = "claude-opus-5-5"
EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class Options:
    """One session. Caps of 0 are none; `response_tokens` bounds a single response."""

    prompt: str
    model: str = ""
    effort: str = ""
    system: str = ""
    schema: dict[str, Any] | None = None
    resume: str = ""  # a session id, or the file of one
    read_only: bool = False
    tools: tuple[str, ...] = ()  # names as in Claude Code; empty is all
    base_url: str = ""
    max_usd: float = 0.0
    max_tokens: int = 0  # of input and output together
    max_turns: int = 0
    response_tokens: int = 32_000
    retries: int = 10  # of one response
    clear_above: int = 150_000  # tokens of prompt from which old tool results may be cleared


def parse(argv: Sequence[str], stdin: bytes) -> Options:
    """The options of a command line; UsageError where they make no sense."""
    given = vars(_parser().parse_args(argv))
    request = _request(stdin) if given.pop("request") else {"prompt": _text(stdin)}
    system_file = given.pop("system_file")
    if system_file:
        given["system"] = _read(system_file)
    schema = given.pop("schema")
    given["schema"] = _schema(schema) if schema else None
    given["tools"] = tuple(name.strip() for name in given["tools"].split(",") if name.strip())
    options = Options(**{**given, **request})
    if not options.prompt.strip():
        raise UsageError("the prompt is empty", hint="write it to stdin")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wtman.apiagent", allow_abbrev=False)
    parser.description = "A coding agent over the Messages API; the prompt is read from stdin."
    add = parser.add_argument
    add("--model", default="", help=f"default: ANTHROPIC_MODEL, else {DEFAULT_MODEL}")
    add("--effort", default="", choices=("", *EFFORTS))
    add("--max-tokens", type=count, default=0, help="of the whole session, input and output")
    add("--max-turns", type=count, default=0, help="responses of the model")
    add("--max-usd", type=dollars, default=0.0)
    add("--response-tokens", type=count, default=32_000, help="of one response, at most")
    add("--system", default="", help="the text of a role")
    add("--system-file", default="")
    add("--schema", default="", help="JSON schema of the answer, or a file with one")
    add("--resume", default="", help="session id, or the file of a conversation")
    add("--read-only", action="store_true", help="no tool that writes")
    add("--tools", default="", help="names, comma separated; default: all")
    add("--base-url", default="", help="any server of the Messages API")
    add("--retries", type=count, default=10, help="of one response")
    add("--clear-above", type=count, default=150_000, help="tokens; old tool results are cleared")
    add("--request", action="store_true", help="stdin is JSON: prompt, system, schema")
    return parser


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def dollars(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def _text(data: bytes) -> str:
    # The API takes no lone surrogates, and a prompt may quote file names of any bytes.
    return data.decode("utf-8", "replace")


def _clean(text: str) -> str:
    return _text(text.encode("utf-8", "surrogateescape" if _escaped(text) else "replace"))


def _escaped(text: str) -> bool:
    return all(not 0xD800 <= ord(c) <= 0xDFFF or 0xDC80 <= ord(c) <= 0xDCFF for c in text)


def _request(stdin: bytes) -> dict[str, Any]:
    try:
        value = json.loads(stdin)
    except ValueError as error:
        raise UsageError(f"stdin is no JSON: {error}", hint="leave out --request") from error
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise UsageError("the request on stdin has no prompt", hint='write {"prompt": "..."}')
    found: dict[str, Any] = {"prompt": _clean(value["prompt"])}
    if value.get("system"):
        found["system"] = _clean(str(value["system"]))
    if value.get("schema"):
        schema = value["schema"]
        found["schema"] = schema if isinstance(schema, dict) else _schema(str(schema))
    return found


def _schema(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        text = _read(text)
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the schema is no JSON: {error}", hint="check it") from error
    if not isinstance(schema, dict):
        raise UsageError("the schema is no JSON object", hint='begin with {"type": "object"')
    return schema


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise UsageError(
            f"{path}: {os.strerror(error.errno or 0)}", hint="is the path right?"
        ) from error
