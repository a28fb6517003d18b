"""Sessions as they are started: caps, the network of their role, a HOME of their own."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from wtman.agents import Activity, Needs
from wtman.agents.command import CommandAgent
from wtman.context import Context
from wtman.coordinator.create import create, open_store
from wtman.coordinator.open import open_run
from wtman.errors import MissingError
from wtman.git.discovery import discover
from wtman.git.repo import identity, resolve
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Role, Task
from wtman.model.session import Cap, Outcome, Usage
from wtman.model.settings import Settings
from wtman.sandbox.choice import trouble
from wtman.sandbox.inside import HOME
from wtman.sessions.launch import Launch, launch

pytestmark = pytest.mark.skipif(bool(trouble("bubblewrap")), reason="bubblewrap does not work here")


@dataclass(frozen=True)
class Metered(CommandAgent):
    """Each line that it prints is a number of tokens that it has used in all."""

    name: str = "metered"
    needs: Needs = field(default=Needs(secrets=("A_KEY",), files=(".agent/auth",)))

    def step(self, state: None, line: bytes) -> tuple[None, tuple[Activity, ...]]:
        if not line.isdigit():
            return None, ()
        return None, (Activity("usage", usage=Usage(int(line), usd=int(line) / 100)),)


@dataclass
class Run:
    """A run in a real repository; `go` launches one session of a program text in it."""

    repo: Path
    settings: Settings = Settings(sandbox="bubblewrap", timeout=30)
    agent: type[CommandAgent] = CommandAgent

    def go(self, text: str, **more: object) -> tuple[Exit, Outcome, str]:
        async def main() -> tuple[Exit, Outcome]:
            repo = discover(str(self.repo))
            plan = Plan("x", (Task(TaskId("a"), "p"),))
            with open_store(repo) as store:
                run = create(
                    store, plan, self.settings, base=resolve(repo, "HEAD"), target="main",
                    identity=identity(repo),
                )  # fmt: skip
                async with open_run(repo, store, run, dict(os.environ)) as ctx:
                    made = self.agent(("python3", "-c", text))
                    ctx = replace(ctx, agent=lambda spec: made)
                    return await launch(ctx, self.settings, self.wanted(ctx, **more))

        exit_, outcome = asyncio.run(main())
        return exit_, outcome, (self.folder / "stdout").read_text()

    @property
    def folder(self) -> Path:
        return self.repo.parent / "evidence"

    def wanted(self, ctx: Context, **more: object) -> Launch:
        cwd = self.repo.parent / "checkout"
        cwd.mkdir(exist_ok=True)
        launched = Launch(
            id=f"{ctx.run}/a/1", folder=str(self.folder), agent="x", prompt="p", cwd=str(cwd),
            writable=True, home=str(self.repo.parent / "private"), task=TaskId("a"), attempt=1,
            env={"WTMAN_TASK": "a"}, grace=1,
        )  # fmt: skip
        return replace(launched, **more)  # type: ignore[arg-type]


@pytest.fixture
def run(repo: Path) -> Run:
    return Run(repo)


COUNT = "import time\nfor n in range(1, 200): print(n, flush=True); time.sleep(0.05)"


@pytest.mark.parametrize(
    ("cap", "reason"),
    [
        ({"cap": Cap(tokens=5)}, "reached its limit of 5 tokens"),
        ({"cap": Cap(0.05)}, "limit of $0.05"),
    ],
)
def test_a_session_over_its_cap_is_stopped(run: Run, cap: dict[str, object], reason: str) -> None:
    run.agent = Metered
    exit_, outcome, said = run.go(COUNT, **cap)
    assert (exit_.reason, outcome.ok) == (ExitReason.STOPPED, False)
    assert reason in outcome.reason
    assert exit_.detail == outcome.reason
    assert int(said.split()[-1]) < 100


@dataclass(frozen=True)
class Telling(Metered):
    """Whose stream tells its success, as that of most agents does, in the line of its use."""

    def begin(self) -> bytes:  # type: ignore[override]
        return b""

    def step(self, state: bytes, line: bytes) -> tuple[bytes, tuple[Activity, ...]]:  # type: ignore[override]
        number, _, word = line.partition(b" ")
        return word or state, super().step(None, number)[1]

    def end(self, state: bytes, exit: Exit) -> Outcome:  # type: ignore[override]
        ended = exit.reason is ExitReason.EXITED and exit.code == 0
        return Outcome(ok=state == b"done" and ended, reason="" if ended else "stopped")


@pytest.mark.parametrize("word", ["done", "still-at-it"])
def test_a_success_told_in_the_line_that_reaches_the_cap_counts(run: Run, word: str) -> None:
    run.agent = Telling
    text = f"import time; print('7 {word}', flush=True); time.sleep(60)"
    exit_, outcome, _ = run.go(text, cap=Cap(tokens=5))
    assert exit_.detail == "reached its limit of 5 tokens"
    assert (outcome.ok, outcome.reason) == (word == "done", "" if word == "done" else exit_.detail)


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_the_key_is_in_no_file_and_the_evidence_out_of_reach(
    run: Run, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if problem := trouble(tier):
        pytest.skip(problem)
    key = "sk-" + "0123456789" * 3
    monkeypatch.setenv("A_KEY", key)
    run.settings = replace(run.settings, sandbox=tier)
    run.agent = Metered
    places = [run.repo / ".git/wtman", run.folder, run.folder / "spec.json"]
    text = f"""
import os, time
open("began", "w").close()
for place in {[str(place) for place in places]}:
    try: print("read", os.listdir(place) if os.path.isdir(place) else open(place).read())
    except OSError as error: print("no")
print(os.environ["A_KEY"] == {key!r})
while not os.path.exists("go-on"): time.sleep(0.01)
"""
    while_alive: list[Path] = []

    def look() -> None:
        checkout = run.repo.parent / "checkout"
        until = time.monotonic() + 60
        while not (checkout / "began").exists() and time.monotonic() < until:
            time.sleep(0.01)
        while_alive.extend(holding(key, run.repo.parent))
        (checkout / "go-on").touch()

    watcher = threading.Thread(target=look)
    watcher.start()
    _, outcome, said = run.go(text.replace(key, "sk-" + "' + '0123456789' * 3 + '"))
    watcher.join()
    assert outcome.ok, (run.folder / "stderr").read_text()
    shown = ("no", "read []", "read ['prompt.md']")  # which it is meant to read
    assert [line for line in said.splitlines() if line not in shown] == ["True"]
    assert (run.folder / "spec.json").exists()
    assert while_alive == holding(key, run.repo.parent) == []


def holding(key: str, below: Path) -> list[Path]:
    """The files in which this text is found."""
    files = (path for path in below.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if key.encode() in path.read_bytes()]


def test_limits_of_a_session(run: Run) -> None:
    text = (
        "import resource\nprint(resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 64 << 30)\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY)\n"
        "print(int(open('/proc/self/oom_score_adj').read()) >= 300)\n"
    )
    assert run.go(text)[2].split() == ["True", "True", "True"]


def test_a_session_has_its_own_home_sign_in_and_key_and_no_others(
    run: Run, hermetic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hermetic / ".agent").mkdir()
    (hermetic / ".agent/auth").write_text("token")
    (hermetic / ".other").write_text("secret")
    monkeypatch.setenv("A_KEY", "k")
    monkeypatch.setenv("B_KEY", "k")
    text = (
        "import os\nhome = os.path.expanduser('~')\n"
        f"print(home == {HOME!r}, os.path.exists({str(hermetic)!r}))\n"
        "print(open(home + '/.agent/auth').read(), 'A_KEY' in os.environ, 'B_KEY' in os.environ)\n"
        "open(home + '/.agent/auth', 'w').write('changed')\n"
        "open('left', 'w').write('x')\n"
    )
    run.agent = Metered
    exit_, outcome, said = run.go(text)
    assert outcome.ok, (outcome, (run.folder / "stderr").read_text())
    assert said.split() == ["True", "False", "token", "True", "False"]
    assert (hermetic / ".agent/auth").read_text() == "token"
    assert exit_.reason is ExitReason.EXITED


def test_who_does_not_write_cannot(run: Run) -> None:
    _, outcome, _ = run.go("open('left', 'w')", writable=False)
    assert not outcome.ok
    assert "Read-only" in (run.folder / "stderr").read_text()


@pytest.fixture
def server() -> Callable[[], int]:
    """Starts a server on this machine that says hello to everybody; its port."""
    made: list[socket.socket] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            near.sendall(b"hello")
            near.close()

    def start() -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        made.append(listener)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        return int(listener.getsockname()[1])

    return start


REACH = """
import os, socket, sys
def said(port, first=b""):
    try:
        near = socket.create_connection(("127.0.0.1", port), 5)
        near.sendall(first)
        return b"".join(iter(lambda: near.recv(99), b"")).split(b"\\r\\n\\r\\n")[-1][:20].decode()
    except OSError as error:
        return type(error).__name__
listed, other = LISTED, OTHER
print(said(listed), said(other))
proxy = os.environ.get("HTTPS_PROXY", "")
if proxy:
    door = int(proxy.rpartition(":")[2])
    for port in (listed, other):
        print(said(door, b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\n\\r\\n" % port).split()[0])
"""


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("on", ["hello", "hello"]),
        ("off", ["hello", "ConnectionRefusedError"]),
        ("allow-list", ["hello", "ConnectionRefusedError", "hello", "wtman:"]),
    ],
)
def test_the_network_of_a_role(
    run: Run, server: Callable[[], int], network: str, expected: list[str]
) -> None:
    listed, other = server(), server()
    run.settings = replace(run.settings, hosts=(f"127.0.0.1:{listed}",))
    text = REACH.replace("LISTED", str(listed)).replace("OTHER", str(other))
    _, outcome, said = run.go(text, role=Role("r", "", network=network))
    assert outcome.ok, (run.folder / "stderr").read_text()
    assert said.split() == expected


def test_a_run_never_goes_on_in_a_weaker_sandbox(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble.cache_clear()
    for name in ("git", "python3", "sh"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    try:
        with pytest.raises(MissingError, match="confined by bubblewrap") as caught:
            run.go("pass")
        assert "wtman resume" in caught.value.hint
    finally:
        trouble.cache_clear()
