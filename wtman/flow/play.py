"""A script played: its process, what it asks for, and the answers that go back to it.

One play begins at the script's first line. What was answered before is answered at once, in the
order in which it was answered then: a script whose loops and conditions hang on that order finds
it again. What is new becomes events, and their outcomes are found in the state.

The process is not trusted. It talks through a pipe that `pipe` reads, and sees files of commits.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, field
from typing import Any

from wtman.execution.spawn import PipedProcess
from wtman.flow import steps
from wtman.flow.announcement import announcement, announcement_words, needs_answer
from wtman.flow.identity import digest
from wtman.flow.key import step_key
from wtman.flow.messages import (
    Announcement,
    FailureLine,
    FileRead,
    FileSearch,
    FlowLoad,
    IdleLine,
    LogLine,
    Message,
    PhaseLine,
    Raised,
    Returned,
    ScriptCall,
)
from wtman.flow.pipe import Pipe, PipeRefused
from wtman.flow.run_handle import RunHandle
from wtman.flow.start import reason_of_end
from wtman.flow.tree import FileTrees, NoFile
from wtman.flow.watchdog import EVERY, Watchdog
from wtman.git.control_dir import Control
from wtman.git.objects.history import trees_of
from wtman.git.run import Threaded
from wtman.journal import events as e
from wtman.journal.state import FlowStep, FlowView, State
from wtman.model.ids import ScopePath, Sha
from wtman.model.session import Cap
from wtman.model.values import dataclass

_PIECE = 1 << 16


@dataclass
class Play:
    """One play. `rehearses`: nothing is begun, it ends where the journal has no answer; with
    `failures` what had failed fails again.
    """

    handle: RunHandle
    process: PipedProcess
    control: Control
    git: Threaded
    rehearses: bool = False
    failures: bool = False
    asked: dict[str, int] = field(default_factory=dict)  # key to the call's number in the pipe
    delivered: set[str] = field(default_factory=set)
    ended: e.ScriptEnded | None = None

    async def run(self) -> tuple[e.Event, ...]:
        """Play it to its end, or until nothing but a person's answer is missing."""
        self._files = FileTrees(self.control)
        self._trees: dict[str, str] = {}
        self._fresh: list[e.Event] = []
        self._idle = False
        self._written = 1  # lines to the script, the first included
        self.handle.journal([e.ScriptBegan()])
        state, flow = self.handle.state, self._flow
        self._recorded = deque(
            step.key
            for step in sorted(flow.steps.values(), key=lambda item: item.ended)
            if step.settled or (self.failures and not step.open)
        )
        self._told = set(flow.lines)
        self._pipe = Pipe()
        self._begin(state)
        loop = asyncio.get_running_loop()
        self._watchdog, self._looked_at = Watchdog(loop.time()), loop.time()
        reading = asyncio.ensure_future(self.process.read(_PIECE))
        try:
            while True:
                changing = asyncio.ensure_future(self.handle.changed.wait())
                try:
                    self._deliver()
                    await asyncio.wait(
                        (reading, changing), timeout=EVERY, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    changing.cancel()
                if complaint := self._look(loop.time()):
                    return (_broken(complaint, by_us=True),)
                if reading.done():
                    self._idle = False
                    await self._take_in(reading.result())
                    if self.ended is not None:
                        return (self.ended,)
                    reading = asyncio.ensure_future(self.process.read(_PIECE))
                if self._idle and self._is_held():
                    return () if self.rehearses else (e.ScriptHeld(),)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await reading

    @property
    def _flow(self) -> FlowView:
        flow = self.handle.state.flow
        assert flow is not None
        return flow

    # --- what the script says ---------------------------------------------------------------

    def _look(self, now: float) -> str:
        """Why it has to be ended, if it has; it is looked at every few seconds."""
        if now < self._looked_at + EVERY:
            return ""
        self._looked_at = now
        return self._watchdog.complaint(now, *self.process.used(), waits=self._idle)

    async def _take_in(self, data: bytes) -> None:
        if not data:
            self.ended = _broken(reason_of_end(*await self.process.ended()))
            return
        try:
            messages = self._pipe.feed(data)
            for message in messages:
                await self._heard(message)
                if self.ended is not None:
                    break
        except PipeRefused as error:
            self.ended = _broken(str(error), by_us=True)
        self._flush()

    async def _heard(self, message: Message) -> None:
        # A line for people is no call: who computes and talks has not got further.
        if not isinstance(message, LogLine | PhaseLine | FailureLine):
            self._watchdog.talked = True
        match message:
            case ScriptCall():
                await self._step(message)
            case Announcement():
                await self._announced(message)
            case FileRead() | FileSearch():
                await self._looked(message)
            case FlowLoad():
                self._loaded(message)
            case IdleLine():
                self._idle = message.idle >= self._written
            case LogLine():
                self._tell(e.ScriptTold("log", message.log, message.scope))
            case PhaseLine():
                self._tell(e.ScriptTold("phase", message.phase, message.scope))
            case FailureLine():
                self._fresh.append(e.ItemFailed(item_of(message.path), message.failed))
            case Returned():
                self.ended = e.ScriptEnded(message.value)
            case Raised():
                lines = [[line.file, line.line, line.text] for line in message.lines]
                told = f"{message.type}: {message.message}" if message.message else message.type
                self.ended = e.ScriptEnded(
                    error={"type": message.type, "message": told, "lines": lines}
                )

    def _tell(self, line: e.ScriptTold) -> None:
        if line not in self._told:
            self._told.add(line)
            self._fresh.append(line)

    async def _announced(self, message: Announcement) -> None:
        """A fan-out is told before it begins; above the limit of the run somebody is asked."""
        self._flush()
        state, path = self.handle.state, message.path
        key = self._unasked(digest("announce", list(message.scope), message.items, message.name))
        told = self._flow.fan_outs.get(path)
        begun = told is not None and told.items == message.items
        if told is None or not begun:
            past = await self.handle.past()
            told = announcement(state, path, message.items, past)
            self._fresh.append(told)
        asked = key in self._flow.steps
        if not asked and (begun or not needs_answer(state, told)):
            self._send(self._pipe.answer(message.announce, True))
            return
        words = announcement_words(told)
        self._ask(message.announce, steps.announced(message.scope, path, message.items, words), key)

    async def _step(self, message: ScriptCall) -> None:
        self._flush()
        call = steps.StepCall(
            message.kind,
            message.scope,
            message.title,
            json.loads(message.given),
            {name: value for name, value in asdict(message.limits).items() if value is not None},
            message.path,
        )
        try:
            added = steps.filled(self.handle.state, call)
            trees = await self._trees_of(call)
            base = trees[self.handle.state.base]
            self._ask(message.call, call, step_key(message, {**added, "base": base}, trees))
        except steps.CallRefused as error:
            # A mistake in the script: that of each item of a fan-out, kept, would end as success.
            self._send(self._pipe.error(message.call, "ScriptError", str(error)))

    def _ask(self, number: int, call: steps.StepCall, key: str) -> None:
        """Take up a step: its events, unless it has its answer or goes on already."""
        key = self._unasked(key)
        known = self._flow.steps.get(key)
        if known is None or not (known.open or known.settled or self.failures):
            self._fresh += steps.asked(self.handle.state, call, key)
        else:
            self._fresh.append(e.StepsAskedAgain((key,)))
        self.asked[key] = number

    def _unasked(self, key: str) -> str:
        """The key of one more call that is equal by what decides its result: about another work
        of the same tree, or the same items in a later round."""
        while key in self.asked:
            key = digest("again", key)
        return key

    async def _trees_of(self, call: steps.StepCall) -> dict[str, str]:
        named = (self.handle.state.base, *steps.commits_of(call))
        wanted = [commit for commit in named if commit not in self._trees]
        if wanted:
            found = await self.git(trees_of, self.control, wanted)
            self._trees.update(zip(wanted, found, strict=True))
        return self._trees

    async def _looked(self, message: FileRead | FileSearch) -> None:
        at = Sha(message.at) if message.at else self.handle.state.base
        number = message.read if isinstance(message, FileRead) else message.files
        try:
            if isinstance(message, FileRead):
                value: Any = await self.git(self._files.text, at, message.path)
            else:
                found = (self._files.search, at, message.glob, message.containing)
                value = list(await self.git(*found))
        except NoFile as error:
            self._send(self._pipe.error(number, "FlowError", str(error)))
            return
        self._send(self._pipe.answer(number, value))
        # Asked without end by one that does not listen, whole files would pile up here.
        await self.process.heeded()

    def _loaded(self, message: FlowLoad) -> None:
        text = self._flow.added.sources.get(message.flow)
        if text is None:
            told = f"there is no flow {message.flow!r} that was approved with this one"
            self._send(self._pipe.error(message.load, "FlowError", told))
        else:
            self._send(self._pipe.answer(message.load, {"name": message.flow, "text": text}))

    # --- what goes back ---------------------------------------------------------------------

    def _begin(self, state: State) -> None:
        flow = self._flow
        self.process.write(
            self._pipe.begin(
                run=state.run,
                base=state.base,
                args=flow.added.args,
                seed=state.run,
                now=state.created,
                budget=_budget(state, Cap()),
                name=flow.added.name,
                text=flow.added.text,
            )
        )

    def _send(self, line: bytes) -> None:
        self._written += 1
        self._idle, self._watchdog.talked = False, True
        self.process.write(line)

    def _deliver(self) -> None:
        """Hand out what has an outcome, in the order of outcomes.

        One that came later has to wait while an earlier one may still be asked for.
        """
        self._flush()
        flow = self._flow
        due = [flow.steps[key] for key in self.asked if key not in self.delivered]
        due = sorted((step for step in due if not step.open), key=lambda step: step.ended)
        for step in due:
            if not self._is_next(step):
                return
            self.delivered.add(step.key)
            self._send(self._line(step))

    def _is_next(self, step: FlowStep) -> bool:
        """Whether everything that was answered before it has been handed out, or is not wanted."""
        while self._recorded:
            first = self._recorded[0]
            if first not in self.delivered:
                if self._flow.steps[first].ended >= step.ended:
                    return True
                if first in self.asked:
                    return True  # it is due as well, and comes first
                if not self._idle:
                    return False
            self._recorded.popleft()
        return True

    def _line(self, step: FlowStep) -> bytes:
        number = self.asked[step.key]
        if step.error is not None:
            error = step.error
            return self._pipe.error(number, error.type, error.message, error.more)
        value = True if step.kind == "announce" else step.value
        return self._pipe.answer(number, value, _budget(self.handle.state, step.spent))

    def _flush(self) -> None:
        if self._fresh:
            events, self._fresh = _joined(self._fresh), []
            self.handle.journal(events)

    def _is_held(self) -> bool:
        """Whether nothing goes on but by an answer that is not here."""
        flow = self._flow
        waiting = [flow.steps[key] for key in self.asked if key not in self.delivered]
        if not waiting:
            return False  # it computes, or comes to its end
        if self.rehearses:
            return all(step.open for step in waiting)
        return all(step.open and step.asks_person for step in waiting)


def _joined(events: Sequence[e.Event]) -> list[e.Event]:
    """Steps that are asked for again, told in one event where nothing stands between them."""
    out: list[e.Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, e.StepsAskedAgain) and isinstance(last, e.StepsAskedAgain):
            out[-1] = e.StepsAskedAgain((*last.keys, *event.keys))
        else:
            out.append(event)
    return out


def item_of(path: ScopePath) -> ScopePath:
    """The innermost item of a fan-out that a path stands in."""
    ends = [number for number, (kind, _) in enumerate(path, 1) if kind == "item"]
    return path[: ends[-1]] if ends else path


def _broken(why: str, *, by_us: bool = False) -> e.ScriptEnded:
    how = "was ended" if by_us else "ended"
    return e.ScriptEnded(error={"type": "Ended", "message": f"its process {how}: {why}"})


def _budget(state: State, spent: Cap) -> dict[str, Any]:
    """What the run may spend and had spent, as the script sees it."""
    settings = state.settings
    return {
        "usd": {"total": settings.budget_usd or None, "spent": spent.usd},
        "tokens": {"total": settings.budget_tokens or None, "spent": spent.tokens},
    }
