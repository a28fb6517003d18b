"""Two small hosts: one in this process, for flows; one that starts the real program."""

import os
import selectors
import subprocess
import tempfile
import textwrap
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from wtman.flow import execution
from wtman.flow.connection import Connection
from wtman.flow.messages import (
    Announcement,
    FileRead,
    FileSearch,
    FlowLoad,
    Message,
    Raised,
    Returned,
    ScriptCall,
)
from wtman.flow.pipe import Pipe, PipeRefused
from wtman.flow.start import script_command, script_policy
from wtman.sandbox import choice

BASE = "b" * 40
Script = Callable[[ScriptCall], Any]
Pick = Callable[[int], int]


def forwards(waiting: int) -> int:
    """The call that was made first."""
    return 0


def backwards(waiting: int) -> int:
    """The call that was made last."""
    return waiting - 1


@dataclass(frozen=True)
class Failure:
    """An answer that is an error."""

    kind: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Played:
    """What a script said, in order."""

    messages: list[Message] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    @property
    def calls(self) -> list[ScriptCall]:
        return [it for it in self.messages if isinstance(it, ScriptCall)]

    @property
    def end(self) -> Returned | Raised:
        last = self.messages[-1]
        assert isinstance(last, Returned | Raised), last
        return last

    @property
    def value(self) -> Any:
        assert isinstance(self.end, Returned), self.end
        return self.end.value

    @property
    def error(self) -> Raised:
        assert isinstance(self.end, Raised), self.end
        return self.end

    def told(self, kind: type) -> list[Any]:
        return [it for it in self.messages if isinstance(it, kind)]


def work(task: str, commit: str = "", title: str = "") -> dict[str, Any]:
    """A work as it goes over the pipe; the commit follows from the task."""
    made = commit or task.encode().hex()[:40].ljust(40, "0")
    facts = {"task": task, "branch": f"wtman/run/{task}", "commit": made, "parent": BASE}
    return {"work": facts | {"title": title}}


def review(*confirmed: str) -> dict[str, Any]:
    found = [{"title": title, "verdict": "confirmed", "proof": title} for title in confirmed]
    return {"review": {"confirmed": found, "concerns": [], "no_verdict": []}}


class _Host:
    """Answers a script; `pick` chooses which of so many open calls is answered next."""

    def __init__(
        self,
        answer: Script,
        files: Mapping[str, str],
        flows: Mapping[str, str],
        pick: Pick = forwards,
    ) -> None:
        self.pipe = Pipe()
        self.played = Played()
        self._answer = answer
        self._files = files
        self._flows = flows
        self._pick = pick
        self.waiting: list[ScriptCall | Announcement] = []
        self.out: deque[bytes] = deque()

    def take(self, data: bytes) -> None:
        for message in self.pipe.feed(data):
            self.played.messages.append(message)
            match message:
                case ScriptCall() | Announcement():
                    self.waiting.append(message)
                case FileRead(read=number, path=path):
                    if path in self._files:
                        self.out.append(self.pipe.answer(number, self._files[path]))
                    else:
                        text = f"there is no file {path}"
                        self.out.append(self.pipe.error(number, "FlowError", text))
                case FileSearch(files=number, containing=containing):
                    found = [p for p, text in self._files.items() if (containing or "") in text]
                    self.out.append(self.pipe.answer(number, sorted(found)))
                case FlowLoad(load=number, flow=name):
                    value = {"name": name, "text": textwrap.dedent(self._flows[name])}
                    self.out.append(self.pipe.answer(number, value))

    def next(self) -> bytes:
        """The next line for the script; empty where nothing is open."""
        if self.out:
            return self.out.popleft()
        if not self.waiting:
            return b""
        message = self.waiting.pop(self._pick(len(self.waiting)))
        if isinstance(message, Announcement):
            return self.pipe.answer(message.announce, True)
        value = self._answer(message)
        if isinstance(value, Failure):
            return self.pipe.error(message.call, value.kind, value.message, value.more)
        return self.pipe.answer(message.call, value)


def _begun(host: _Host, text: str, args: Mapping[str, Any]) -> bytes:
    budget = {"usd": {"total": 40, "spent": 1}, "tokens": {"total": None, "spent": 5}}
    return host.pipe.begin(
        run="run-1",
        base=BASE,
        name="flow.py",
        text=text,
        args=args,
        seed="seed",
        now=1_000_000_000.0,
        budget=budget,
    )


def plain_text(call: ScriptCall) -> Any:
    """Answers every kind of call with something that fits."""
    match call.kind:
        case "session":
            return work(f"t{call.call}")
        case "review":
            return review()
        case "merge":
            return {"train": {"landed": ["a"], "excluded": [], "work": work("train")["work"]}}
        case "command":
            return {"ran": {"status": 0, "output": "", "tests": {}}}
        case "plan":
            return [work("p1"), work("p2")]
        case "approve":
            return "yes"
    return "text"


def play(
    text: str,
    answer: Script = plain_text,
    *,
    args: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    flows: Mapping[str, str] | None = None,
    pick: Pick = forwards,
) -> Played:
    """Run a script in this process, over the real codec of both ends."""
    host = _Host(answer, files or {}, flows or {}, pick)
    first = [_begun(host, textwrap.dedent(text), args or {})]
    execution.run(Connection(lambda: first.pop() if first else host.next(), host.take))
    return host.played


@dataclass
class Ended:
    """How the real program ended: its `status` as subprocess tells it, `refused` by the codec."""

    played: Played
    status: int
    refused: str
    printed: str


def start(
    tier: str, text: str, answer: Script = plain_text, *, seconds: float = 60, **more: Any
) -> Ended:
    """Run a script in the real program, confined by the sandbox of this name."""
    host = _Host(answer, more.get("files") or {}, more.get("flows") or {})
    source, to_script = os.pipe()
    from_script, sink = os.pipe()
    # As standard input and output, or as any other descriptors.
    standard = not more.get("beside")
    given = script_command() if standard else script_command(source, sink)
    command = choice.load(tier).wrap(given, script_policy())
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**command.env, **more.get("env", {})},
            stdin=source if standard else subprocess.DEVNULL,
            stdout=sink if standard else printed,
            stderr=printed,
            pass_fds=(source, sink),
            start_new_session=True,
        )
        os.close(source)
        os.close(sink)
        begin = _begun(host, textwrap.dedent(text), more.get("args") or {})
        with open(to_script, "wb", buffering=0) as out, open(from_script, "rb") as said:
            refused = _talk(out, said.fileno(), host, begin, time.monotonic() + seconds)
            if refused:
                process.kill()
        status = process.wait(20)
        printed.seek(0)
        words = printed.read().decode("utf-8", "replace")
    return Ended(host.played, status, refused, words)


def _talk(out: IO[bytes], said: int, host: _Host, begin: bytes, deadline: float) -> str:
    """Until the script has no more to say; what was refused, empty if nothing.

    Neither side may wait for the other to read: both pipes can be full.
    """
    os.set_blocking(out.fileno(), False)
    todo = begin
    with selectors.DefaultSelector() as ready:
        ready.register(said, selectors.EVENT_READ)
        ready.register(out, selectors.EVENT_WRITE)
        try:
            while True:
                events = ready.select(max(0.0, deadline - time.monotonic()))
                if not events:
                    return "it said nothing for too long"
                if any(key.fd == said for key, _ in events):
                    data = os.read(said, 1 << 16)
                    if not data:
                        return ""
                    host.take(data)
                todo = todo or host.next()
                if todo and any(key.fd != said for key, _ in events):
                    todo = todo[os.write(out.fileno(), todo) :]
                wanted = selectors.EVENT_WRITE if todo else 0
                if wanted and out not in ready.get_map():
                    ready.register(out, wanted)
                elif not wanted and out in ready.get_map():
                    ready.unregister(out)
        except PipeRefused as error:
            return str(error)
        except BrokenPipeError:
            return ""
