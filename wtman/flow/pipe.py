"""The coordinator's end of a script's pipe: what may come over it, and what goes back.

The script's process is hostile. Whatever it sends becomes one of the values of messages.py, or
the conversation is over with one reason (PipeRefused): lines too long, no JSON, unknown fields,
ids out of order, calls numbered wrongly, works that it was never given, floods. Pure: bytes in,
values out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wtman.flow.identity import NoJson, canonical, checked, digest
from wtman.flow.messages import (
    Announcement,
    ApproveSpec,
    AskSpec,
    CommandSpec,
    FailureLine,
    FileRead,
    FileSearch,
    FlowLoad,
    IdleLine,
    LogLine,
    MergeSpec,
    Message,
    PhaseLine,
    PlanSpec,
    Raised,
    Returned,
    ReviewSpec,
    ScriptCall,
    SessionSpec,
    Spec,
    WorkRef,
)

LINE_MOST = 1 << 20  # bytes
BYTES_MOST = 128 << 20  # of a whole run
CALLS_MOST = 20_000
QUESTIONS_MOST = 50_000  # answered at once, or announcements
TOLD_MOST = 100_000  # lines that are never answered
TOLD_BYTES_MOST = 16 << 20  # of these: they are kept, and shown

_SPECS: Mapping[str, TypeAdapter[Any]] = {
    "session": TypeAdapter(SessionSpec),
    "ask": TypeAdapter(AskSpec),
    "command": TypeAdapter(CommandSpec),
    "review": TypeAdapter(ReviewSpec),
    "merge": TypeAdapter(MergeSpec),
    "approve": TypeAdapter(ApproveSpec),
    "plan": TypeAdapter(PlanSpec),
}
_CALL = TypeAdapter(ScriptCall)
_RAISED = TypeAdapter(Raised)
_QUESTIONS: Mapping[str, TypeAdapter[Any]] = {
    "announce": TypeAdapter(Announcement),
    "read": TypeAdapter(FileRead),
    "files": TypeAdapter(FileSearch),
    "load": TypeAdapter(FlowLoad),
}
_IDLE = TypeAdapter(IdleLine)
_TOLD: Mapping[str, TypeAdapter[Any]] = {
    "log": TypeAdapter(LogLine),
    "phase": TypeAdapter(PhaseLine),
    "failed": TypeAdapter(FailureLine),
}


class PipeRefused(Exception):
    """The script said what none may say; the message is the reason, one line."""


class Pipe:
    """One conversation with a script, from `begin` to its end.

    `feed` takes what was read and gives the whole messages in it; `answer` and `error` give the
    bytes to send. What it has refused once it refuses for good.
    """

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._bytes = self._last = self._calls = self._questions = 0
        self._told = self._told_bytes = 0
        self._sent = self._rested = 0  # lines to the script; those after which it last rested
        self._open: set[int] = set()
        self._counts: dict[str, int] = {}
        self._works: set[tuple[str, str]] = set()
        self._trees: set[str] = set()

    # --- to the script --------------------------------------------------------------------

    def begin(
        self,
        *,
        run: str,
        base: str,
        name: str,
        text: str,
        args: Mapping[str, Any],
        seed: str,
        now: float,
        budget: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The first line: the script and what it is given. `now` is seconds since the epoch."""
        script = {"name": name, "text": text}
        self._trees.add(base)
        self._sent += 1
        facts = {"run": run, "base": base, "args": dict(args), "seed": seed, "now": now}
        return _line({"begin": {**facts, "budget": dict(budget or {}), "script": script}})

    def answer(self, number: int, value: Any, budget: Mapping[str, Any] | None = None) -> bytes:
        """The answer to a call or question that is open. Works in it may be named from now on."""
        self._close(number)
        for held in _works_in(value):
            self._works.add((held["task"], held["commit"]))
            self._trees.add(held["commit"])
        more = {} if budget is None else {"budget": dict(budget)}
        return _line({"answer": number, "value": value, **more})

    def error(
        self, number: int, kind: str, message: str, more: Mapping[str, Any] | None = None
    ) -> bytes:
        """An error to be raised where the call stands; `kind` is a name of wtman.flow.errors."""
        self._close(number)
        facts = {"error": number, "type": kind, "message": message}
        return _line({**facts, "more": dict(more or {})})

    def _close(self, number: int) -> None:
        if number not in self._open:
            raise ValueError(f"nothing with the id {number} waits for an answer")
        self._open.remove(number)
        self._sent += 1

    @property
    def open(self) -> frozenset[int]:
        """The ids that wait for an answer."""
        return frozenset(self._open)

    # --- from the script ------------------------------------------------------------------

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now, in order. Raises PipeRefused."""
        self._bytes += len(data)
        if self._bytes > BYTES_MOST:
            raise PipeRefused(f"it sent more than {BYTES_MOST >> 20} MiB")
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest)), default=0) >= LINE_MOST:
            raise PipeRefused(f"it sent a line of more than {LINE_MOST >> 20} MiB")
        return [self._judged(line) for line in lines]

    def _judged(self, line: bytes) -> Message:
        if self.ended:
            raise PipeRefused("it went on after its end")
        try:
            said = json.loads(line, parse_constant=_refuse, object_pairs_hook=_once)
            checked(said)
        except (ValueError, RecursionError, NoJson) as error:
            raise PipeRefused(f"it sent a line that is no JSON: {str(error)[:200]}") from None
        if not isinstance(said, dict) or not said:
            raise PipeRefused("it sent a line that is no JSON object")
        word = next(iter(said))
        if word == "call":
            return self._call(said)
        if word in _QUESTIONS:
            return self._question(word, said)
        if word in _TOLD:
            self._told += 1
            self._told_bytes += len(line)
            if self._told > TOLD_MOST:
                raise PipeRefused(f"it told more than {TOLD_MOST:,} lines")
            if self._told_bytes > TOLD_BYTES_MOST:
                raise PipeRefused(f"it told more than {TOLD_BYTES_MOST >> 20} MiB of lines")
            told: Message = _fitted(_TOLD[word], said, word)
            return told
        if word == "idle":
            return self._rest_after(_fitted(_IDLE, said, word))
        if word in ("return", "raise") and len(said) == 1:
            self.ended = True
            return self._end(word, said[word])
        raise PipeRefused(f"it sent a message of no known kind: {word[:40]!r}")

    def _call(self, said: dict[str, Any]) -> ScriptCall:
        self._calls += 1
        if self._calls > CALLS_MOST:
            raise PipeRefused(f"it made more than {CALLS_MOST:,} calls")
        adapter = _SPECS.get(str(said.get("kind")))
        if adapter is None or not isinstance(said.get("spec"), dict):
            raise PipeRefused(f"it made a call of no known kind: {str(said.get('kind'))[:40]!r}")
        if "given" in said:
            raise PipeRefused("call: given: unexpected")
        spec: Spec = _fitted(adapter, said["spec"], f"call {said['kind']}")
        given = canonical(said["spec"])
        call: ScriptCall = _fitted(_CALL, said | {"given": given}, "call")
        self._opened(call.call)
        for work in works_of(spec):
            self._must_know(work)
        equal = digest(call.kind, list(call.scope), given, call.key)
        count = self._counts.get(equal, 0)
        if call.number != count or (count and call.key is not None):
            raise PipeRefused(f"call {call.call}: the same {call.kind} was asked for twice")
        self._counts[equal] = count + 1
        return call

    def _rest_after(self, message: IdleLine) -> IdleLine:
        if not self._rested < message.idle <= self._sent:
            raise PipeRefused("it rests without having been told something")
        self._rested = message.idle
        return message

    def _question(self, word: str, said: dict[str, Any]) -> Message:
        self._questions += 1
        if self._questions > QUESTIONS_MOST:
            raise PipeRefused(f"it asked more than {QUESTIONS_MOST:,} questions")
        message: Message = _fitted(_QUESTIONS[word], said, word)
        self._opened(said[word])
        match message:
            case FileRead(path=path, at=at) | FileSearch(glob=path, at=at):
                _inside(path)
                if at is not None and at not in self._trees:
                    raise PipeRefused(f"{word}: it was never given the commit {at[:12]}")
        return message

    def _opened(self, number: int) -> None:
        if number != self._last + 1:
            raise PipeRefused(f"id {number} came after id {self._last}")
        self._last = number
        self._open.add(number)

    def _must_know(self, work: WorkRef) -> None:
        if (work.task, work.commit) not in self._works:
            raise PipeRefused(f"it was never given the work {work.task!r} at {work.commit[:12]}")

    def _end(self, word: str, held: Any) -> Message:
        if word == "raise":
            lines = held.get("lines") if isinstance(held, dict) else None
            if not isinstance(lines, list) or any(
                not isinstance(line, list) or len(line) != 3 for line in lines
            ):
                raise PipeRefused("raise: its lines do not fit")
            named = [dict(zip(("file", "line", "text"), line, strict=True)) for line in lines]
            raised: Raised = _fitted(_RAISED, held | {"lines": named}, "raise")
            return raised
        works = tuple(_reference(work) for work in _works_in(held))
        for work in works:
            self._must_know(work)
        return Returned(held, works)


def works_of(spec: Spec) -> tuple[WorkRef, ...]:
    """The works that a spec names."""
    match spec:
        case SessionSpec(on=on, needs=needs):
            return (*needs, *((on,) if on is not None else ()))
        case AskSpec(at=at) | CommandSpec(at=at):
            return () if at is None else (at,)
        case ReviewSpec(works=works) | MergeSpec(works=works):
            return works
    return ()


def _works_in(value: Any) -> Iterator[dict[str, Any]]:
    """The works of a value of the pipe, those in lists, trains and outcomes included."""
    if isinstance(value, list):
        for item in value:
            yield from _works_in(item)
    if not isinstance(value, dict) or len(value) != 1:
        return
    [(tag, held)] = value.items()
    if not isinstance(held, dict):
        return
    if tag == "work":
        yield held
    elif tag == "train" and isinstance(held.get("work"), dict):
        yield held["work"]
    elif tag == "outcome":
        yield from _works_in(held.get("value"))


def _reference(held: Mapping[str, Any]) -> WorkRef:
    try:
        return WorkRef(task=held["task"], commit=held["commit"])
    except (KeyError, ValidationError):
        raise PipeRefused("return: it names a work that is none") from None


def _inside(path: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise PipeRefused(f"it asked for a path outside of the repository: {path[:200]!r}")


def _fitted(adapter: TypeAdapter[Any], said: Mapping[str, Any], what: str) -> Any:
    try:
        # As JSON, so that lists become tuples and nothing else changes its type.
        return adapter.validate_json(json.dumps(said))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise PipeRefused(f"{what}: {where or 'it'}: {first['msg']}"[:300]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that names nothing twice: readers differ in which of the two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
