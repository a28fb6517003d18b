"""One whole response of the model, asked for again where that helps.

The SDK's own retries are off: they are silent, and never come after the first byte of a
stream. It promises that each failed response is told as `api_retry` and counted in the
meter, that no wait is longer than `Patience.longest`, and that all of them together are
bounded; a server that wants more is not waited for, and the session ends as limited.
"""

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import Any

from anthropic import AsyncAnthropic

from wtman.apiagent.errors import CAUGHT, MALFORMED, Fault, fault_of, truncated, unreadable
from wtman.apiagent.events import Ending, EventWriter
from wtman.apiagent.meter import Meter, priced
from wtman.apiagent.options import Options


@dataclass(frozen=True)
class Patience:
    """Seconds: the first wait, doubled each time up to `longest`; `total` for one response."""

    retries: int = 10
    first: float = 0.5
    longest: float = 120.0
    total: float = 900.0


@dataclass(frozen=True)
class Reply:
    """A response that is complete. `content` is fit to be sent back."""

    id: str
    model: str
    content: list[dict[str, Any]]
    stop: str
    usage: dict[str, int] = field(default_factory=dict)
    refusal: str = ""

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [block for block in self.content if block["type"] == "tool_use"]


async def ask(
    client: AsyncAnthropic,
    request: dict[str, Any],
    options: Options,
    meter: Meter,
    tell: EventWriter,
    patience: Patience,
) -> Reply | Ending:
    """The response to `request`, or the end of the session where there is none to be had."""
    waited, attempt = 0.0, 0
    while True:
        attempt += 1
        found, usage = await _once(client, request, meter)
        if isinstance(found, Reply):
            return found
        wait = _wait(found, attempt, patience)
        if (
            not found.again
            or attempt > patience.retries
            or meter.reached(options)
            or wait > patience.longest
            or waited + wait > patience.total
        ):
            return _unanswered(found, attempt)
        tell.event(
            "system",
            subtype="api_retry",
            attempt=attempt,
            max_retries=patience.retries,
            retry_delay_ms=round(wait * 1000),
            error_status=found.status,
            error=found.error,
            usage=usage,  # what the failed one has cost
        )
        waited += wait
        await asyncio.sleep(wait)


def _unanswered(fault: Fault, attempts: int) -> Ending:
    tries = f" (asked {attempts} times)" if attempts > 1 else ""
    status = "" if fault.status is None else f" {fault.status}"
    return Ending(
        error=f"API error{status}: {' '.join(fault.message.split())}{tries}",
        terminal="api_error",
        status=fault.status,
        kind=fault.error,
    )


def _wait(fault: Fault, attempt: int, patience: Patience) -> float:
    if fault.wait is not None:
        return fault.wait
    # Many sessions fail at once: they must not all come back at once.
    return min(patience.first * 2.0 ** min(attempt - 1, 16), 32.0) * random.uniform(0.75, 1.0)


async def _once(
    client: AsyncAnthropic, request: dict[str, Any], meter: Meter
) -> tuple[Reply | Fault, dict[str, int] | None]:
    """One response or why there is none, with what it was billed for."""
    message: Any = None
    found: Reply | Fault | None = None
    billed: dict[str, int] | None = None
    begun = False
    try:
        async with client.messages.stream(**request) as stream:
            begun = True
            async for _ in stream:
                message = stream.current_message_snapshot
        if message is not None and message.stop_reason is not None:
            found = _reply(message)
    except CAUGHT as error:
        found = fault_of(error)
    except MALFORMED as error:
        if not begun:
            raise  # it is our request that is wrong
        found = unreadable(error)
    finally:
        # Also when the session is stopped in the middle of it.
        if message is not None:
            # A server may name the model more exactly than we did, or otherwise.
            said = str(getattr(message, "model", ""))
            model = said if priced(said) else request["model"]
            billed = meter.add(model, getattr(message, "usage", None))
    if isinstance(found, Reply) and billed is not None:
        return replace(found, usage=billed), billed
    return found or truncated(), billed


def _reply(message: Any) -> Reply:
    details = message.stop_details if message.stop_reason == "refusal" else None
    words = [getattr(details, name, None) for name in ("category", "explanation")]
    return Reply(
        id=str(message.id),
        model=str(message.model),
        content=[block for block in map(_sendable, message.content) if block is not None],
        stop=str(message.stop_reason),
        refusal=": ".join(str(word) for word in words if word),
    )


def _sendable(block: Any) -> dict[str, Any] | None:
    """A block of a response as the request takes it; None for one that says nothing."""
    match block.type:
        case "text":
            return {"type": "text", "text": block.text} if block.text else None
        case "tool_use":
            given = block.input if isinstance(block.input, dict) else {}
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": given}
        case "thinking":
            if not block.signature:  # cut off before it was complete: it would be refused
                return None
            fields = {"thinking": block.thinking, "signature": block.signature}
            return {"type": "thinking", **fields}
        case "redacted_thinking":
            return {"type": "redacted_thinking", "data": block.data}
        case _:
            whole: dict[str, Any] = block.to_dict(mode="json", exclude_none=True)
            return whole
