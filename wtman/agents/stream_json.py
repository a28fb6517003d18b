"""The stream-json of Claude Code, and of wtman's own agent, which has the same shapes: one fold.

    init -> assistant, user, api_retry, ... -> result        one JSON object a line

Money is what results tell; messages after the last result have none yet, so that the whole is
unknown again until the next. Figures go on over a resumed conversation only where a result
has no `model_usage_since_last_result`. wtman's agent tells each message once, the cost of a
failed response with its `api_retry`, and in `terminal_reason` what a retry cannot mend.
"""

import json
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, text_of
from wtman.agents.stream import field, items, money, number, parsed, text, trouble_of
from wtman.model.command import Exit, ExitReason
from wtman.model.session import Outcome, Usage
from wtman.model.values import dataclass

EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
_KEPT_MESSAGES = 32
_LONGEST_WAIT = 86_400.0  # seconds
_TARGETS = "file_path notebook_path command pattern url query path description".split()
_UNMENDABLE = ("missing", "unpriced")  # a package, a price


@dataclass(frozen=True, slots=True)
class StreamJson:
    """What of the stream matters so far.

    `settled` is what results have told, `passed` and `recent` (by message) what messages
    after the last result have. `refused` is the status of a refusal that is being retried.
    """

    session: str = ""
    cwd: str = ""
    model: str = ""
    result: dict[str, Any] | None = None
    settled: Usage = Usage()
    cumulative: bool = False
    passed: Usage = Usage()
    recent: tuple[tuple[str, Usage], ...] = ()
    edits: frozenset[str] = frozenset()  # ids of edits without an answer yet
    edited: bool = False
    denied: bool = False
    refused: str = ""
    resets: int = 0  # when a quota that is used up is back, in seconds since the epoch


Step = tuple[StreamJson, tuple[Activity, ...]]


class ReadsStreamJson:
    """The half of an adapter that reads the stream."""

    __slots__ = ()

    def begin(self) -> StreamJson:
        return StreamJson()

    def step(self, state: StreamJson, line: bytes) -> Step:
        event = parsed(line)
        match text(event, "type"):
            case "system":
                return _system(state, event)
            case "assistant":
                return _assistant(state, event)
            case "user":
                return _answered(state, event), ()
            case "stream_event" if text(event, "event", "type") == "message_delta":
                return _written(state, event)
            case "rate_limit_event":
                info = field(event, "rate_limit_info")
                spent = text(info, "status") == "rejected"
                return replace(state, resets=number(info, "resetsAt") if spent else 0), ()
            case "result" if event is not None:
                return _result(state, event)
        return state, ()

    def end(self, state: StreamJson, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        answer = field(state.result, "structured_output")
        said = text(state.result, "result")
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=_used(state),
            session=state.session,
            fatal=_with_reset(reason, state.resets) if trouble == "fatal" else "",
            answer=said if answer is None else json.dumps(answer, ensure_ascii=True),
            model=state.model,
            limited=trouble == "limited",
            cumulative=state.cumulative,
        )


def _system(state: StreamJson, event: Any) -> Step:
    match text(event, "subtype"):
        case "init":
            state = replace(
                state,
                session=text(event, "session_id") or state.session,
                cwd=text(event, "cwd"),
                model=text(event, "model") or state.model,
            )
        case "api_retry":
            return _retry(state, event)
        case "permission_denied":
            tool = text(event, "tool_name")
            state = replace(state, denied=state.denied or tool in EDITS)
            return state, (Activity("does", _line(f"denied: {tool}")),)
    return state, ()


def _retry(state: StreamJson, event: Any) -> Step:
    status = number(event, "error_status")
    word = text(event, "error").replace("_", " ") or "no connection"
    said = f"{word} ({status})" if status else word
    billed = state.passed + _usage(field(event, "usage"))
    state = replace(state, refused=said, passed=billed)
    if status in (429, 529):
        wait = min(number(event, "retry_delay_ms") / 1000, _LONGEST_WAIT)
        return state, (Activity("retry", _line(f"waits: {said}"), wait=wait),)
    return state, (Activity("says", _line(f"tries again: {said}")),)


def _assistant(state: StreamJson, event: Any) -> Step:
    message = field(event, "message")
    model = text(message, "model")
    if model == "<synthetic>":  # its own words on an error; the result repeats them
        return state, ()
    activities = []
    edits = set(state.edits)
    for block in items(message, "content"):
        kind, name = text(block, "type"), text(block, "name")
        if kind == "text" and (said := _line(text(block, "text"))):
            activities.append(Activity("says", said))
        elif kind == "tool_use":
            activities.append(Activity("does", _line(f"{name} {_target(block, state.cwd)}")))
            # A shell can write too: after a denied edit it may have been the way round.
            if name in EDITS or (name == "Bash" and state.denied):
                edits.add(text(block, "id"))
    state = _counted(state, text(message, "id"), _usage(field(message, "usage")))
    # A subagent may be of another model.
    main = field(event, "parent_tool_use_id") is None
    state = replace(
        state, edits=frozenset(edits), refused="", model=(main and model) or state.model
    )
    return state, (*activities, Activity("usage", usage=_used(state)))


def _written(state: StreamJson, event: Any) -> Step:
    """The end of a message, with what it has written in all."""
    message = text(event, "api_message_id") or (state.recent[-1][0] if state.recent else "")
    state = _counted(state, message, _usage(field(event, "event", "usage")))
    return state, (Activity("usage", usage=_used(state)),)


def _counted(state: StreamJson, message: str, usage: Usage) -> StreamJson:
    """A message comes once for each of its blocks, each time with all of its usage so far."""
    usage = _most(dict(state.recent).get(message, Usage()), usage)
    kept = [item for item in state.recent if item[0] != message] + [(message, usage)]
    passed = state.passed
    while len(kept) > _KEPT_MESSAGES:
        passed = passed + kept.pop(0)[1]
    return replace(state, passed=passed, recent=tuple(kept))


def _answered(state: StreamJson, event: Any) -> StreamJson:
    if not state.edits:
        return state
    edits, edited = set(state.edits), state.edited
    for block in items(event, "message", "content"):
        if (known := text(block, "tool_use_id")) in edits:
            edits.discard(known)
            edited = edited or field(block, "is_error") is not True
    return replace(state, edits=frozenset(edits), edited=edited)


def _result(state: StreamJson, event: dict[str, Any]) -> Step:
    latest = field(event, "model_usage_since_last_result")
    if isinstance(latest, dict):
        settled, cumulative = state.settled + _priced(latest), False
    elif isinstance(models := field(event, "modelUsage"), dict):
        # An older version, or a conversation that could not be resumed.
        settled = replace(_priced(models), usd=money(event, "total_cost_usd"))
        cumulative = True
    else:  # another CLI with a stream like it: its result has figures of its own, or none
        told, live = _usage(field(event, "usage")), _live(state)
        # Those with a sum go on over a resumed conversation, but messages tell all of theirs.
        summed = field(event, "usage", "total_tokens") is not None
        told = live if summed and live.tokens else _most(told, live)
        settled = replace(state.settled + told, usd=money(event, "total_cost_usd"))
        cumulative = False
    state = replace(
        state, result=event, settled=settled, cumulative=cumulative, passed=Usage(), recent=()
    )
    return state, (Activity("usage", usage=_used(state)),)


def _usage(value: Any) -> Usage:
    cached = number(value, "cache_read_input_tokens")
    fresh = number(value, "input_tokens") + number(value, "cache_creation_input_tokens")
    wrote = number(value, "output_tokens")
    # Others tell a sum, and what came from a cache as a part of the input.
    within = number(value, "total_tokens") == fresh + wrote >= cached
    return Usage(fresh if within else fresh + cached, wrote, None, cached)


def _most(one: Usage, two: Usage) -> Usage:
    return Usage(
        max(one.input_tokens, two.input_tokens),
        max(one.output_tokens, two.output_tokens),
        None,
        max(one.cached_tokens, two.cached_tokens),
    )


def _priced(models: Any) -> Usage:
    """The sum over `{model: {inputTokens, ..., costUSD}}`."""
    total = Usage(usd=0.0)
    for value in models.values() if isinstance(models, dict) else ():
        cached = number(value, "cacheReadInputTokens")
        fresh = number(value, "inputTokens") + number(value, "cacheCreationInputTokens")
        one = Usage(fresh + cached, number(value, "outputTokens"), money(value, "costUSD"), cached)
        total = total + one
    return total


def _used(state: StreamJson) -> Usage:
    return state.settled + _live(state)


def _live(state: StreamJson) -> Usage:
    """What messages after the last result have told."""
    live = state.passed
    for _, usage in state.recent:
        live = live + usage
    return live


def _line(said: str) -> str:
    return text_of(said.encode())


def _target(block: Any, cwd: str) -> str:
    """What a tool is used on, in few words."""
    for name in _TARGETS:
        if found := text(block, "input", name):
            return found.removeprefix(f"{cwd}/") if cwd else found
    return ""


# --- the end ------------------------------------------------------------------------------------


def _judged(state: StreamJson, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    result = state.result
    if result is not None and field(result, "is_error") is not False:
        said = text(result, "result") or "; ".join(_errors(result))
        said = said or text(result, "error", "message")
        said = _line(said or text(result, "subtype") or "an error that it does not name")
        if text(result, "subtype") == "success":  # the API's words
            return trouble_of(said, number(result, "api_error_status")), said
        return "fatal" if text(result, "terminal_reason") in _UNMENDABLE else "", said
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        refused = state.refused if exit.reason is ExitReason.TIMEOUT else ""
        return trouble_of(refused), f"{ended}: {refused}" if refused else ended
    if result is None:
        return "", "it ended without a result"
    if text(result, "subtype") != "success":
        return "", _line(text(result, "subtype") or "a result that is no success")
    if text(result, "stop_reason") == "refusal":
        return "", "the model refused"
    denied = sorted({text(item, "tool_name") for item in items(result, "permission_denials")})
    if set(denied) & set(EDITS) and not state.edited:
        return "", _line(f"it was denied every change ({', '.join(denied)})")
    return "", ""


def _with_reset(reason: str, resets: int) -> str:
    """The refusal with when its quota is back, where events told that and its words do not."""
    return f"{reason} (resets at {resets})" if resets and "resets" not in reason else reason


def _errors(result: Any) -> tuple[str, ...]:
    errors = field(result, "errors")
    return tuple(text({"e": e}, "e") for e in errors) if isinstance(errors, list) else ()
