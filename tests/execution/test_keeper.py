"""The keeper when things die around it, and what it costs."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.execution import keeper
from wtman.execution.spawn import keeper_command, program_of
from wtman.execution.sweep import sweep

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
STUBBORN = str(HERE / "stubborn.py")
PYTHON = [sys.executable, "-I", "-S", "-E"]


def until(true: Callable[[], object], what: str, seconds: float = 30) -> float:
    """Wait for it; how long that took."""
    begin = time.monotonic()
    while not true():
        assert time.monotonic() < begin + seconds, f"still not: {what}"
        time.sleep(0.01)
    return time.monotonic() - begin


def of_session(prefix: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            environ = process.environ()
            marks = (environ.get("WTMAN_SESSION", ""), environ.get("WTMAN_KEEPER", ""))
            if any(mark.startswith(prefix) for mark in marks):
                found.append(process)
        except psutil.Error:
            continue
    return found


def alive(pids: list[int]) -> list[int]:
    """Those that are no zombies; a container's first process may reap late or never."""
    return [pid for pid in pids if (known := keeper.process(pid)) and known[2] not in "ZX"]


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


class Kept:
    """A keeper started by hand, its lease in our hands."""

    def __init__(self, folder: Path, *argv: str, **spec: Any) -> None:
        self.folder = folder
        self.session = f"test-{os.getpid()}-{folder.name}"
        whole = {
            "id": self.session,
            "argv": argv,
            "cwd": str(folder),
            "timeout": None,
            "grace": 5,
            "output_cap": 1 << 20,
            "nofile": None,
        }
        (folder / "spec.json").write_text(json.dumps({**whole, **spec}))
        environment = {"PATH": os.environ["PATH"], "WTMAN_SESSION": self.session}
        lease, self.lease = os.pipe()
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(environment).encode())
            file.seek(0)
            self.process = subprocess.Popen(
                [*keeper_command(), str(folder / "spec.json"), str(lease)],
                pass_fds=(lease,),
                stdin=file,
                env={"WTMAN_KEEPER": self.session},
                start_new_session=True,
            )
        os.close(lease)

    def said(self, text: str) -> None:
        path = self.folder / "stdout"
        until(lambda: path.exists() and text in path.read_text(), f"said {text!r}")

    def let_go(self) -> None:
        if self.lease >= 0:
            os.close(self.lease)
            self.lease = -1

    def end(self) -> dict[str, Any] | None:
        """Wait for the keeper; what it recorded."""
        self.process.wait(timeout=30)
        path = self.folder / "exit.json"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    kept: list[Kept] = []

    def start(*argv: str, **spec: Any) -> Kept:
        kept.append(Kept(tmp_path, *argv, **spec))
        return kept[-1]

    yield start
    for one in kept:
        one.let_go()
        one.process.wait(timeout=30)
        sweep(one.session)


def test_broken_lease_kills_everything_and_leaves_no_record(
    keep: Callable[..., Kept], tmp_path: Path
) -> None:
    kept = keep(*PYTHON, STUBBORN, "pids", "stay")
    kept.said("ready")
    pids = pids_in(tmp_path / "pids")
    assert len(alive(pids)) == 6
    kept.let_go()
    assert kept.end() is None
    assert kept.process.returncode == 0
    assert alive(pids) == []


def test_broken_lease_during_a_polite_stop_kills_at_once(keep: Callable[..., Kept]) -> None:
    script = "trap 'echo heard' INT; echo ready; while :; do sleep 0.05; done"
    kept = keep("sh", "-c", script, grace=600)
    kept.said("ready")
    os.write(kept.lease, b"S")
    kept.said("heard")
    kept.let_go()
    assert kept.end() is None


def test_success_before_the_lease_broke_is_a_success(keep: Callable[..., Kept]) -> None:
    """While the keeper still ends a daemon, the coordinator dies: the session is done."""
    kept = keep("sh", "-c", "trap '' TERM; (echo daemon; sleep 600) & exit 0")
    kept.said("daemon")
    kept.let_go()
    ended = kept.end()
    assert ended is None or (ended["reason"], ended["code"]) == ("exited", 0)


@pytest.mark.parametrize("script, recorded", [("exit 0", True), ("exit 9", False)])
def test_end_together_with_the_lease(
    keep: Callable[..., Kept], script: str, recorded: bool
) -> None:
    """The keeper is frozen while both happen, so that it sees them at the same time."""
    kept = keep("sh", "-c", f"echo ready; while ! [ -e go ]; do sleep 0.01; done; {script}")
    kept.said("ready")
    child = psutil.Process(kept.process.pid).children()[0]
    kept.process.send_signal(signal.SIGSTOP)
    (kept.folder / "go").touch()
    until(lambda: not alive([child.pid]), "the program has ended")
    kept.let_go()
    kept.process.send_signal(signal.SIGCONT)
    ended = kept.end()
    assert (ended is not None) == recorded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_keeper_is_a_polite_stop(keep: Callable[..., Kept], number: int) -> None:
    kept = keep("sh", "-c", "echo ready; exec sleep 600")
    kept.said("ready")
    kept.process.send_signal(number)
    ended = kept.end()
    assert ended is not None
    assert (ended["reason"], ended["signal"]) == ("stopped", signal.SIGINT)


def test_killed_keeper_takes_the_program_along_and_a_sweep_the_rest(
    keep: Callable[..., Kept], tmp_path: Path
) -> None:
    kept = keep(*PYTHON, STUBBORN, "pids", "stay")
    kept.said("ready")
    pids = pids_in(tmp_path / "pids")
    kept.process.kill()
    assert kept.end() is None
    program = next(pid for pid in pids if pid == min(pids))
    until(lambda: not alive([program]), "the program has ended with its keeper")
    assert alive(pids) != []
    assert sweep(kept.session) >= 4
    # The daemon that has neither a parent nor an environment is out of a sweep's reach.
    nameless = [pid for pid in alive(pids) if psutil.Process(pid).name() == "sleep"]
    assert alive(pids) == nameless
    for pid in nameless:
        os.kill(pid, signal.SIGKILL)


def test_fork_storm_is_put_down(keep: Callable[..., Kept]) -> None:
    """Processes that replace each other faster than one could look at them."""
    storm = (
        "import os, signal, time\n"
        "signal.signal(15, signal.SIG_IGN); signal.signal(2, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        while True:\n"
        "            os.setsid() if os.getsid(0) != os.getpid() else None\n"
        "            if os.fork(): os._exit(0)\n"
        "time.sleep(600)"
    )
    kept = keep(*PYTHON, "-c", storm)
    kept.said("ready")
    kept.let_go()
    assert kept.end() is None
    assert of_session(kept.session) == []


def test_program_gets_the_former_limit_of_open_files(keep: Callable[..., Kept]) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    kept = keep("sh", "-c", "ulimit -n", nofile=min(soft, 321))
    assert kept.end()
    assert (kept.folder / "stdout").read_text() == f"{min(soft, 321)}\n"


def test_own_trouble_is_told_by_status_and_file(keep: Callable[..., Kept], tmp_path: Path) -> None:
    (tmp_path / "exit.json.tmp").mkdir()
    kept = keep("true")
    assert kept.end() is None
    assert kept.process.returncode == 21  # EISDIR
    assert "IsADirectoryError" in (tmp_path / "keeper.err").read_text()


def test_unreadable_spec_is_its_own_trouble(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"id"')
    done = subprocess.run([*keeper_command(), str(tmp_path / "spec.json"), "0"], check=False)
    assert done.returncode == 1
    assert (tmp_path / "keeper.err").exists()


def test_environment_cannot_be_read_from_the_keeper_again(keep: Callable[..., Kept]) -> None:
    kept = keep("sh", "-c", "readlink /proc/$PPID/fd/0; env | grep -c WTMAN_SESSION")
    assert kept.end()
    assert (kept.folder / "stdout").read_text() == "/dev/null\n1\n"


def test_a_compiled_program_is_started_only_where_it_fits_its_source(tmp_path: Path) -> None:
    import importlib.util
    import py_compile

    source = tmp_path / "tool.py"
    source.write_text("x = 1\n")
    spec = importlib.util.spec_from_file_location("tool", source)
    assert spec is not None and spec.cached is not None
    module = importlib.util.module_from_spec(spec)
    assert program_of(module) == str(source)
    py_compile.compile(str(source), cfile=spec.cached)
    assert program_of(module) == spec.cached
    source.write_text("x = 10\n")
    assert program_of(module) == str(source)
    py_compile.compile(str(source), cfile=spec.cached)
    content = Path(spec.cached).read_bytes()
    Path(spec.cached).write_bytes(b"\0\0\r\n" + content[4:])  # another interpreter's
    assert program_of(module) == str(source)


def test_killed_coordinator_leaves_no_process(tmp_path: Path) -> None:
    """Sixteen sessions that refuse every signal, daemons and all; then SIGKILL."""
    number, prefix = 16, f"storm-{os.getpid()}-"
    coordinator = subprocess.Popen(
        [sys.executable, str(HERE / "coordinator.py"), str(tmp_path), str(number), prefix],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        outputs = [tmp_path / str(n) / "stdout" for n in range(number)]
        until(lambda: all(o.exists() and b"ready" in o.read_bytes() for o in outputs), "ready", 60)
        pids = [pid for n in range(number) for pid in pids_in(tmp_path / f"pids{n}")]
        assert len(alive(pids)) == 6 * number
        assert len(of_session(prefix)) == 6 * number  # a nameless one less, a keeper more
        coordinator.kill()
        took = until(lambda: not alive(pids) and not of_session(prefix), "all are gone", 10)
        print(f"{7 * number} processes gone {took * 1000:.0f} ms after the coordinator was killed")
        assert not list(tmp_path.glob("*/exit.json"))
    finally:
        coordinator.kill()
        coordinator.wait()
        sweep(prefix)


def test_a_start_costs_little_more_than_two_of_python(
    keep: Callable[..., Kept], tmp_path: Path
) -> None:
    """In processor time, least of several, so that a busy machine does not matter."""

    def spent(run: Callable[[], object]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    bare = min(spent(lambda: subprocess.run([*PYTHON, "-c", ""], check=True)) for _ in range(10))
    kept = min(spent(lambda: keep("true").end()) for _ in range(10))
    print(f"keeper and `true`: {kept * 1000:.1f} ms; bare python: {bare * 1000:.1f} ms")
    assert kept < 4 * bare


# --- its own JSON, its view of processes -----------------------------------------------------

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_PLAIN)
def test_loads_is_that_of_json(value: Any) -> None:
    text = json.dumps(value)
    assert repr(keeper.loads(text)) == repr(json.loads(text))


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.floats(0, 1e12)))
def test_dumps_is_that_of_json(facts: dict[str, Any]) -> None:
    assert keeper.dumps(facts) == json.dumps(facts)


def test_names_of_processes_do_not_confuse(tmp_path: Path) -> None:
    name = tmp_path / "x) Z 1 (y"
    name.symlink_to("/bin/sleep")
    sleeper = subprocess.Popen([str(name), "600"])
    try:
        until(lambda: psutil.Process(sleeper.pid).name().startswith("x)"), "executed")
        known = keeper.process(sleeper.pid)
        assert known is not None
        assert known[0] == os.getpid()
        assert known[2] in "SRD"
    finally:
        sleeper.kill()
        sleeper.wait()


def test_descendants_are_those_below() -> None:
    tree = {1: (0, "", "S"), 2: (1, "", "S"), 3: (2, "", "S"), 4: (1, "", "S"), 9: (9, "", "S")}
    assert sorted(keeper.descendants(1, tree)) == [2, 3, 4]
    assert keeper.descendants(3, tree) == []
    assert math.isfinite(len(keeper.descendants(9, tree)))


def test_who_has_the_id_but_not_the_start_time_is_not_struck() -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        known = keeper.process(sleeper.pid)
        assert known is not None
        assert not keeper.strike(sleeper.pid, "1", signal.SIGKILL)
        assert sleeper.poll() is None
        assert keeper.strike(sleeper.pid, known[1], signal.SIGKILL)
    finally:
        sleeper.kill()
        assert sleeper.wait() == -signal.SIGKILL
