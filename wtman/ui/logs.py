"""What a session printed, from its evidence files, as text that is safe on a terminal.

The JSON of a session's stream and of `go test` is told as what it means. Promises whole lines in
the order of each file (stdout first, then stderr where nothing is followed), with controls and
escapes taken out; a line that never ends is cut, not collected. A checkout is called `.` and a
private HOME `~`, where they are seen at places of the sandbox (`told`). `raw` bytes are for
whoever reads the agent's own stream.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, TextIO

from wtman import files
from wtman.agents.transcript import readable
from wtman.execution.output import stream
from wtman.formats.test_output import readable_go
from wtman.git.discovery import Repository
from wtman.journal.state import Attempt, State
from wtman.model.check import Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.model.values import dataclass
from wtman.plan.planning_sessions import PlanningSession
from wtman.sandbox.inside import SANDBOXES, view
from wtman.text.terminal import clean, command, duration
from wtman.text.words import listed
from wtman.ui.answers import answer_lines
from wtman.ui.causes import Cause

Told = Callable[[str], str]

_CHUNK = 1 << 16
_LONGEST = 1 << 16  # bytes of one line that are shown
_COLLECTED = 1 << 20  # bytes of one line that are read: an event may hold a whole file
_SHORT = 25  # lines of an output that is shown without its telling lines apart
_READ = 1 << 20  # bytes of an output in which these are looked for
_STREAMS = ("stdout", "stderr")
SPOKEN = ("session", "planning")  # kinds of causes that are an agent's own stream


def heading(attempt: Attempt, now: float) -> str:
    """The line above an attempt's output."""
    outcome = attempt.outcome
    words = [f"== attempt {attempt.number}: {clean(attempt.agent, 200)}"]
    if attempt.ended is None:
        words.append(f"running for {duration(now - attempt.started)}")
    else:
        word = {Ended.OK: "finished", Ended.FAILED: "failed"}.get(attempt.ended, "interrupted")
        seconds = outcome.seconds if outcome else attempt.finished - attempt.started
        words.append(f"{word} after {duration(seconds)}")
        if outcome is not None and outcome.reason:
            words.append(clean(outcome.reason, 200))
    lines = [", ".join(words) + " =="]
    if attempt.request.told:
        lines.append(f"-- you said: {clean(attempt.request.told, 2000)} --")
    if outcome is not None and outcome.ignored:
        lines.append(f"-- files that git ignores: {clean(listed(outcome.ignored))} --")
    if outcome is not None:
        notes = [f"deviates from what was agreed: {item.words}" for item in outcome.deviations]
        notes += [outcome.unread] if outcome.unread else []
        lines += [f"-- {clean(note, 2000)} --" for note in notes]
    return "\n".join(lines)


def teller(repo: Repository, state: State, task: TaskId) -> Told:
    """How what programs of a task printed is told to who reads it outside of their sandbox."""
    checkout = state.tasks[task].worktree
    return view(state.settings.sandbox in SANDBOXES, repo.main or repo.common_dir, checkout).told


def passed(state: State, task: TaskId) -> list[str]:
    """A line each for what did not fail: its setup, and the checks of its newest tip."""
    view = state.tasks[task]
    lines = [view.setup] if view.setup else []
    results = view.checked.results if view.checked is not None else ()
    for item in results:
        if item.verdict is not Verdict.RED:
            word = "passed" if item.verdict is Verdict.GREEN else f"not checked: {item.reason}"
            lines.append(f"check `{command(item.command)}`: {word}")
    return [f"== {clean(line, 300)} ==" for line in lines]


def log_of(cause: Cause, folder: str) -> str:
    """The folder with all that a cause printed; empty: nothing is there (any more).

    `folder` is the evidence of the run.
    """
    if not cause.log:
        return ""
    if cause.kind == "setup":
        place, name = os.path.split(os.path.join(folder, cause.log))
        return _newest(place, name)
    path = os.path.join(folder, cause.log)
    return path if os.path.isdir(path) else ""


def output_of(cause: Cause, folder: str, told: Told = str) -> str:
    """What a cause printed, the end of it where it is huge; what the journal kept, else."""
    log = log_of(cause, folder)
    raw = [files.tail(os.path.join(log, name), _READ) for name in _STREAMS] if log else []
    raw = [_readable(text, cause.kind in SPOKEN) for text in raw]
    said = told(b"\n".join(filter(None, raw)).decode("utf-8", "replace"))
    return said if said.strip() else cause.said


def _readable(raw: bytes, spoken: bool) -> bytes:
    """The output of a session or a command with its events as lines for people."""
    lines = raw.split(b"\n")
    told = ((readable if spoken else readable_go)(line) for line in lines)
    return b"\n".join(
        line if said is None else "\n".join(said).encode()
        for line, said in zip(lines, told, strict=True)
        if said != ()
    )


def print_cause(
    cause: Cause, folder: str, out: TextIO, told: Told = str, *, apart: bool = True
) -> None:
    """What failed, the lines that say why (`apart`, where there are many), then all it printed."""
    out.write(f"== {clean(cause.title, 500)} ==\n")
    if cause.hint and cause.hint not in cause.title:
        out.write(f"-- {clean(cause.hint, 500)} --\n")
    log, said = log_of(cause, folder), output_of(cause, folder, told)
    number = said.count("\n")
    if apart and number > _SHORT:
        out.write("".join(f"{clean(line)}\n" for line in cause.lines(said)))
        out.write("-- all of its output --\n")
    if log:
        print_attempt(log, out, told, spoken=cause.kind in SPOKEN)
    else:
        out.write("".join(f"{clean(line)}\n" for line in said.splitlines()))
    out.flush()


def planning_heading(item: PlanningSession, word: str) -> str:
    """What stands above the output of a session of the planning; `word` is how it stands."""
    words = [f"{item.name}: {clean(item.agent, 200)}"]
    words.append(f"{word} after {duration(item.seconds)}" if item.seconds else word)
    words += [f"attempt {item.attempt}"] if item.attempt > 1 else []
    words += [clean(item.told, 300)] if item.told else []
    return ", ".join(words)


def report_lines(state: State, item: PlanningSession) -> list[str]:
    """What a scout has found, where no session of this run says so."""
    planning = state.planning
    assert planning is not None
    report = planning.scouted[item.about].report
    kinds = (
        ("would change", report.changes),
        ("new code", report.adds),
        ("used by", report.used_by),
        ("tests", report.tests),
    )
    lines = [f"{word}: {it.place} {it.why}".rstrip() for word, found in kinds for it in found]
    return [clean(text, 500) for text in (report.summary, *lines, report.unsure) if text]


def planning_folders(folder: str, lead: TaskId) -> list[str]:
    """The evidence of the sessions that cut a lead, the oldest first; `folder` is the run's."""
    return _sessions_in(os.path.join(folder, "teams", lead))


def repair_folders(folder: str, task: TaskId) -> list[str]:
    """The same of the sessions that decided what becomes of a task."""
    return _sessions_in(os.path.join(folder, "repairs", task))


def _sessions_in(place: str) -> list[str]:
    return [
        folder
        for number in _numbered(place)
        for folder in numbered_folders(os.path.join(place, number))
    ]


def numbered_folders(place: str) -> list[str]:
    """The folders there whose names are numbers, in their order."""
    return [os.path.join(place, number) for number in _numbered(place)]


def _numbered(folder: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(filter(str.isdecimal, os.listdir(folder)), key=int)
    return []


def _newest(folder: str, name: str) -> str:
    """The evidence of the last command that ran under this name; empty: of none."""
    numbers = [0]
    with contextlib.suppress(FileNotFoundError):
        for entry in os.listdir(folder):
            stem, _, number = entry.rpartition("-")
            if stem == name and number.isdecimal():
                numbers.append(int(number))
    return os.path.join(folder, f"{name}-{max(numbers)}") if max(numbers) else ""


def print_attempt(
    folder: str, out: TextIO, told: Told = str, *, spoken: bool = True, answers: bool = False
) -> None:
    """All that an attempt printed so far; a command that is no session is not `spoken`, one that
    was asked something `answers`."""
    for name in _STREAMS:
        tail = Tail(os.path.join(folder, name), told, spoken=spoken, answers=answers)
        lines = [*tail.lines(), *tail.rest()]
        if lines and name == "stderr":
            out.write("-- stderr --\n")
        for line in lines:
            out.write(line + "\n")
    out.flush()


def follow_attempt(
    folder: str,
    out: TextIO,
    over: Callable[[], bool],
    told: Told = str,
    *,
    answers: bool = False,
) -> Iterator[None]:
    """Print what comes, once for every step of the iterator, until the attempt is over."""
    tails = [
        Tail(os.path.join(folder, name), told, spoken=True, answers=answers) for name in _STREAMS
    ]
    ended = False
    while not ended:
        # Asked before reading, so that what came last is still read.
        ended = over()
        for tail in tails:
            for line in tail.lines():
                out.write(line + "\n")
        out.flush()
        if not ended:
            yield
    for tail in tails:
        for line in tail.rest():
            out.write(line + "\n")
    out.flush()


def follow_raw(folder: str, out: BinaryIO, over: Callable[[], bool]) -> Iterator[None]:
    """Copy the bytes of the agent's own stream as they come, until the attempt is over."""
    offset = 0
    ended = False
    while not ended:
        ended = over()
        offset = copy_raw(folder, out, offset)
        if not ended:
            yield


def copy_raw(folder: str, out: BinaryIO, offset: int = 0) -> int:
    """Copy the bytes of the agent's own stream from `offset` on; where they end."""
    with contextlib.suppress(FileNotFoundError), stream(os.path.join(folder, "stdout")) as it:
        it.seek(offset)
        while chunk := it.read(_CHUNK):
            out.write(chunk)
            offset += len(chunk)
    out.flush()
    return offset


@dataclass(slots=True)
class Tail:
    """A growing file, read by whole lines from where it was left. `spoken`: it is the stream of
    a session. Events, of a session or of `go test -json`, are told as what they mean."""

    path: str
    told: Told = str
    spoken: bool = False
    answers: bool = False  # it may print an answer as JSON
    offset: int = 0
    begun: bytes = b""

    def lines(self) -> Iterator[str]:
        """The lines that have been completed since the last call."""
        with contextlib.suppress(FileNotFoundError), stream(self.path) as source:
            source.seek(self.offset)
            while chunk := source.read(_CHUNK):
                self.offset += len(chunk)
                *whole, rest = (self.begun + chunk).split(b"\n")
                for line in whole:
                    yield from self._shown(line)
                self.begun = rest[:_COLLECTED]

    def rest(self) -> Iterator[str]:
        """The last line, where it has no end."""
        if self.begun:
            yield from self._shown(self.begun)
            self.begun = b""

    def _shown(self, line: bytes) -> Iterator[str]:
        said = readable(line) if self.spoken else readable_go(line)
        if self.answers and (answer := answer_lines(line)) is not None:
            said = tuple(answer)
        if said is None:
            yield self._one(line[:_LONGEST].rstrip(b"\r").decode("utf-8", "replace"), len(line))
            return
        for text in said:
            yield self._one(text[:_LONGEST], len(text))

    def _one(self, text: str, whole: int) -> str:
        return clean(self.told(text).expandtabs(4)) + ("…" if whole > _LONGEST else "")
