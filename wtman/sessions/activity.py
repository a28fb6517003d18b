"""What each task is doing now, told to other processes through a small file.

The coordinator writes it at most once a second, by replacing it; it is no journal,
and losing it loses nothing. The words are an agent's: whoever shows them cleans them.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from wtman import files
from wtman.model.ids import TaskId
from wtman.model.session import Usage
from wtman.model.values import dataclass

_NAME = "activity.json"
_SECONDS = 1.0
_TASKS, _WORDS, _CAP = 256, 200, 1 << 20  # newest tasks, characters of each, bytes read


class ActivityLog:
    """Takes in what tasks do, and writes it now or a little later. Lives in an event loop.

    `later` is the loop's `call_later`, `clock` its `time`; `used` says what live sessions
    have used so far, by `RUN/TASK/ATTEMPT`.
    """

    def __init__(
        self,
        folder: str,
        later: Callable[[float, Callable[[], None]], Any],
        clock: Callable[[], float],
        used: Callable[[], Mapping[str, Usage]] = dict,
    ) -> None:
        self._path = os.path.join(folder, _NAME)
        self._later, self._clock, self._used = later, clock, used
        self._said: dict[TaskId, str] = {}
        self._since: dict[TaskId, float] = {}
        self._written = float("-inf")
        self._due: Any = None

    def tell(self, task: TaskId, words: str) -> None:
        """Take in what a task does now."""
        words = words[:_WORDS]
        if self._said.pop(task, None) != words:
            self._since[task] = time.time()
        self._said[task] = words  # the newest last
        if len(self._said) > _TASKS:
            oldest = next(iter(self._said))
            del self._said[oldest], self._since[oldest]
        if self._due is None:
            wait = max(self._written + _SECONDS - self._clock(), 0.0)
            self._due = self._later(wait, self._write)

    def close(self) -> None:
        """Write no more: what was done is over."""
        if self._due is not None:
            self._due.cancel()
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    def _write(self) -> None:
        self._due = None
        self._written = self._clock()
        spent = {
            session.split("/")[1]: [usage.input_tokens, usage.output_tokens, usage.usd]
            for session, usage in self._used().items()
            if session.count("/") == 2
        }
        told = {"said": self._said, "since": self._since, "used": spent}
        # Not worth ending anything for: a full disk is met by others, too.
        with contextlib.suppress(OSError):
            files.replace(self._path, json.dumps(told).encode("ascii"))


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """What the tasks of a live run do now and since when (seconds since the epoch), and what
    their live sessions have used."""

    said: dict[TaskId, str] = field(default_factory=dict)
    since: dict[TaskId, float] = field(default_factory=dict)
    used: dict[TaskId, Usage] = field(default_factory=dict)


def load_activity(folder: str) -> ActivityReport:
    """What is told of a live run; empty where nobody says."""
    try:
        told = json.loads(files.head(os.path.join(folder, _NAME), _CAP) or b"")
    except (ValueError, RecursionError):
        return ActivityReport()
    if not isinstance(told, dict):
        return ActivityReport()
    said, since, used = told.get("said"), told.get("since"), told.get("used")
    return ActivityReport(
        {TaskId(task): words for task, words in _items(said) if isinstance(words, str)},
        {TaskId(task): float(at) for task, at in _items(since) if isinstance(at, int | float)},
        {TaskId(task): usage for task, value in _items(used) if (usage := _usage(value))},
    )


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _usage(value: Any) -> Usage | None:
    match value:
        case [int(read), int(written), None]:
            return Usage(read, written)
        case [int(read), int(written), int(usd) | float(usd)]:
            return Usage(read, written, float(usd))
        case _:
            return None
