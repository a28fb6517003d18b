"""wtman's own agent over the Messages API: `api`, or `api:MODEL`.

The program is `wtman/apiagent`, started by its path and isolated (`-I`), because the
folder that it starts in is a repository whose files must not be taken for modules. Its
events have the shapes of Claude Code's; its figures are of one session alone, also in a
conversation that goes on. A success is a result event that says so, and exit status 0.
"""

import json
import math
import posixpath
import sys
from dataclasses import dataclass, replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.model.command import Command, Exit
from wtman.model.session import Job, Outcome, Usage

_PROGRAM = posixpath.join(posixpath.dirname(posixpath.dirname(__file__)), "apiagent", "__main__.py")
_NEEDS = Needs(
    secrets=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    env=("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_CUSTOM_HEADERS"),
    endpoints=("ANTHROPIC_BASE_URL",),
    hosts=("api.anthropic.com",),
    install="pip install 'wtman[api]'",
    sign_in="set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL of a server that needs none",
)
# Asking again would not help before a person has done something.
_FATAL = {401: "sign-in", 402: "credit", 403: "rights"}
_FATAL_KINDS = {
    "authentication_failed": "sign-in",
    "billing_error": "credit",
    "permission_denied": "rights",
}
_TARGETS = ("file_path", "command", "pattern", "path")


@dataclass(frozen=True, slots=True)
class ApiStream:
    """What the stream has said so far. `result` is the last result event."""

    session: str = ""
    model: str = ""
    used: Usage = Usage()
    said: str = ""
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ApiAgent:
    """Runs the program; `model` is for jobs that name none."""

    model: str = ""
    name: str = "api"
    resumes: bool = True
    priced: bool = True
    structured: bool = True
    needs: Needs = _NEEDS

    def command(self, job: Job) -> Command:
        request = {"prompt": job.prompt, "system": job.system, "schema": job.schema}
        return Command(
            argv=(sys.executable, "-I", "-X", "utf8", _PROGRAM, "--request", *self._flags(job)),
            cwd=job.worktree,
            env={**job.env, "HOME": job.home} if job.home else {**job.env},
            stdin=json.dumps(request).encode(),
        )

    def _flags(self, job: Job) -> tuple[str, ...]:
        values: dict[str, str] = {
            "model": job.model or self.model,
            "effort": job.effort,
            "resume": job.resume,
            "tools": ",".join(job.tools),
            "max-usd": repr(job.max_usd) if job.max_usd else "",
            "max-tokens": str(job.max_tokens) if job.max_tokens else "",
            "max-turns": str(job.max_turns) if job.max_turns else "",
        }
        flags = tuple(f"--{name}={value}" for name, value in values.items() if value)
        return flags if job.writes else (*flags, "--read-only")

    def begin(self) -> ApiStream:
        return ApiStream()

    def step(self, state: ApiStream, line: bytes) -> tuple[ApiStream, tuple[Activity, ...]]:
        event = _event(line)
        session = event.get("session_id")
        if isinstance(session, str) and session:
            state = replace(state, session=session)
        match event.get("type"):
            case "assistant":
                return _assistant(state, _dict(event.get("message")))
            case "system" if event.get("subtype") == "init":
                return replace(state, model=_text(event.get("model"))), ()
            case "system" if event.get("subtype") == "api_retry":
                return _retry(state, event)
            case "result":
                return replace(state, result=event), ()
        return state, ()

    def end(self, state: ApiStream, exit: Exit) -> Outcome:
        result = state.result
        ended = exit.problem()
        if result is None:
            return Outcome(
                ok=False,
                reason=ended or "ended without a result",
                usage=state.used,
                session=state.session,
                model=state.model,
            )
        problem = _problem(result)
        # An exit that we asked for, or a limit of ours, explains more than its last words.
        reason = problem or ended
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=_usage(result, state.used),
            session=state.session,
            fatal=_fatal(result, problem),
            answer=_answer(result, state.said),
            model=state.model,
            limited=bool(problem) and result.get("api_error_status") in (429, 503, 529),
        )


def make(argument: str) -> ApiAgent:
    return ApiAgent(argument)


def _assistant(state: ApiStream, message: dict[str, Any]) -> tuple[ApiStream, tuple[Activity, ...]]:
    found: list[Activity] = []
    blocks = message.get("content")
    for block in map(_dict, blocks if isinstance(blocks, list) else ()):
        if block.get("type") == "text" and (text := _line(block.get("text"))):
            found.append(Activity("says", text))
            state = replace(state, said=_text(block.get("text")))
        if block.get("type") == "tool_use":
            given = _dict(block.get("input"))
            target = next((_line(given[key]) for key in _TARGETS if key in given), "")
            text = f"{_line(block.get('name'))} {target}".strip()
            found.append(Activity("does", text))
    # One event a response, unlike Claude Code's, so there is nothing to count twice.
    state = replace(state, used=_plus(state.used, _dict(message.get("usage"))))
    return state, (*found, Activity("usage", usage=state.used))


def _retry(state: ApiStream, event: dict[str, Any]) -> tuple[ApiStream, tuple[Activity, ...]]:
    state = replace(state, used=_plus(state.used, _dict(event.get("usage"))))
    if event.get("error_status") not in (429, 529):
        return state, (Activity("usage", usage=state.used),)
    wait = min(_number(event.get("retry_delay_ms")) / 1000, 86_400.0)
    return state, (Activity("retry", _line(event.get("error")), wait=wait),)


def _problem(result: dict[str, Any]) -> str:
    """Why a result is no success, one line; empty when it is one."""
    if result.get("is_error") is False and result.get("subtype") == "success":
        return ""
    errors = result.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else result.get("result")
    return _line(first) or _line(result.get("subtype")) or "failed"


def _fatal(result: dict[str, Any], problem: str) -> str:
    if not problem:
        return ""
    status, kind = result.get("api_error_status"), result.get("api_error_type")
    word = _FATAL.get(status, "") if isinstance(status, int) else ""
    word = word or (_FATAL_KINDS.get(kind, "") if isinstance(kind, str) else "")
    if not word and result.get("terminal_reason") in ("missing", "unpriced"):
        return problem
    return f"{word}: {problem}" if word else ""


def _answer(result: dict[str, Any], said: str) -> str:
    if "structured_output" in result:
        return json.dumps(result["structured_output"])
    return _text(result.get("result")) or said


def _usage(result: dict[str, Any], seen: Usage) -> Usage:
    """The result's figures, which also count what was cut off."""
    used = _plus(Usage(), _dict(result.get("usage"))) if result.get("usage") else seen
    usd = result.get("total_cost_usd")
    known = isinstance(usd, int | float) and not isinstance(usd, bool) and math.isfinite(usd)
    return replace(used, usd=float(usd) if known and usd >= 0 else None)  # type: ignore[arg-type, operator]


def _plus(used: Usage, more: dict[str, Any]) -> Usage:
    keys = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    fresh, written, cached = (int(_number(more.get(key))) for key in keys)
    return replace(
        used,
        input_tokens=used.input_tokens + fresh + written + cached,
        output_tokens=used.output_tokens + int(_number(more.get("output_tokens"))),
        cached_tokens=used.cached_tokens + cached,
    )


def _event(line: bytes) -> dict[str, Any]:
    try:
        return _dict(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    # JSON may name half a character, which nothing else takes.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _line(value: Any) -> str:
    return text_of(_text(value).encode("utf-8", "replace"))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < 1e15 and value > 0 else 0.0
