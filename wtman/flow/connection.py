"""The script's end of the pipe: calls out, answers in, one JSON object a line."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from wtman.flow import errors
from wtman.flow.errors import FlowError, OverLimit, Stopped
from wtman.flow.values import value_of

LINE_MOST = 1 << 20  # bytes of one line, its end included
CALLS_MOST = 20_000
_ERRORS = ("StepFailed", "BadAnswer", "GivenUp", "Rejected", "OverBudget", "ScriptError")


class Connection:
    """Numbers what goes out and hands each answer to who asked.

    `read` gives one line, empty at the end; `write` takes one. Both block.
    """

    def __init__(self, read: Callable[[], bytes], write: Callable[[bytes], None]) -> None:
        self._read = read
        self._write = write
        self._last = 0
        self._calls = 0
        self._heard = 0  # lines of the other end
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._early: deque[dict[str, Any]] = deque()
        self.budget: Mapping[str, Any] = {}

    def first(self) -> dict[str, Any]:
        """What the run begins with."""
        begin: dict[str, Any] = self._received()["begin"]
        self.budget = begin.get("budget") or {}
        return begin

    def call(self, fields: Mapping[str, Any]) -> "asyncio.Future[Any]":
        """Make a call; `fields` has no id yet. The future gets its answer."""
        self._calls += 1
        if self._calls > CALLS_MOST:
            raise OverLimit(f"a flow may have {CALLS_MOST:,} steps; this one has more")
        return self._asked("call", fields)

    def announce(self, fields: Mapping[str, Any]) -> "asyncio.Future[Any]":
        """Say how large a fan-out is; answered when it may begin."""
        return self._asked("announce", fields)

    def answer_of(self, question: str, fields: Mapping[str, Any]) -> Any:
        """Ask what is answered at once, and wait for just that."""
        number = self._sent(question, fields)
        while True:
            message = self._received()
            if number in (message.get("answer"), message.get("error")):
                self._learn(message)
                if "error" in message:
                    raise _error_of(message)
                return value_of(message.get("value"))
            self._early.append(message)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Say what needs no answer."""
        self._write(_bytes(message))

    def deliver(self) -> None:
        """Wait for one answer and hand it over. Raises FlowError where none can come."""
        if not self._open and not self._early:
            raise FlowError("the flow waits for something that no call will answer")
        if not self._early:
            self.tell({"idle": self._heard})
        message = self._early.popleft() if self._early else self._received()
        self._learn(message)
        future = self._open.pop(int(message.get("answer") or message["error"]), None)
        if future is None or future.done():
            return  # of a task that was cancelled meanwhile
        if "error" in message:
            future.set_exception(_error_of(message))
        else:
            future.set_result(message.get("value"))

    def _asked(self, word: str, fields: Mapping[str, Any]) -> "asyncio.Future[Any]":
        number = self._sent(word, fields)
        future = self._open[number] = asyncio.get_running_loop().create_future()
        return future

    def _sent(self, word: str, fields: Mapping[str, Any]) -> int:
        line = _bytes({word: self._last + 1, **fields})
        self._last += 1
        self._write(line)
        return self._last

    def _received(self) -> dict[str, Any]:
        line = self._read()
        if not line:
            raise Stopped("the run has ended")
        self._heard += 1
        message: dict[str, Any] = json.loads(line)
        return message

    def _learn(self, message: Mapping[str, Any]) -> None:
        self.budget = message.get("budget") or self.budget


def _bytes(message: Mapping[str, Any]) -> bytes:
    line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if len(line) > LINE_MOST:
        what = next(iter(message))
        raise OverLimit(f"{what}: {len(line):,} bytes, {LINE_MOST:,} at most; put it in a file")
    return line


def _error_of(message: Mapping[str, Any]) -> FlowError:
    text, more = str(message.get("message") or ""), dict(message.get("more") or {})
    name = message.get("type")
    if name == "StepFailed":
        return errors.StepFailed(text, **{"reason": "", **more})
    found: type[FlowError] = getattr(errors, name) if name in _ERRORS else FlowError
    return found(text)
