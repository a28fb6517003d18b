"""The real program under every sandbox: what a script can do there, and what it cannot."""

import os
from pathlib import Path

import pytest

from tests.flow.hosts import start
from wtman.sandbox import choice


@pytest.fixture(params=["bubblewrap", "landlock", "none"])
def tier(request: pytest.FixtureRequest) -> str:
    problem = choice.trouble(request.param)
    if problem:
        pytest.skip(problem)
    return str(request.param)


CONFINED = pytest.mark.parametrize(
    "tier", [name for name in ("bubblewrap", "landlock") if not choice.trouble(name)]
)


def body(text: str) -> str:
    """A flow whose main is this."""
    lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
    return f"from wtman.flow import *\n\nasync def main(flow):\n{lines}"


def test_a_flow_runs_to_its_end(tier: str) -> None:
    ended = start(
        tier,
        '''
        """A flow."""
        from dataclasses import dataclass
        from pydantic import BaseModel
        from wtman.flow import Flow, Inputs

        class Args(Inputs):
            most: int = 2

        @dataclass
        class Answer:
            text: str

        async def main(flow: Flow, args: Args):
            print("hello")
            async def one(path):
                answer = await flow.ask(f"look at {path}", returns=Answer)
                return await flow.session(answer.text, owns=[path])
            done = await flow.map(flow.files("*.py"), one)
            train = await flow.merge(done.values)
            return train
        ''',
        lambda call: {
            "ask": {"text": f"do {call.scope[-1:]}"},
            "session": {
                "work": {"task": f"t{call.call}", "branch": "b", "commit": f"{call.call:040x}"}
            },
            "merge": {"train": {"landed": ["t1"], "excluded": [], "work": None}},
        }[call.kind],
        files={"a.py": "", "b.py": ""},
        args={"most": 3},
    )
    assert ended.status == 0, ended
    assert ended.played.value == {"train": {"landed": ["t1"], "excluded": [], "work": None}}
    assert [call.scope for call in ended.played.calls] == [
        ("a.py",),
        ("b.py",),
        ("a.py",),
        ("b.py",),
        (),
    ]
    assert "hello" in ended.printed


def test_nothing_of_the_environment_is_there_and_sets_have_one_order(tier: str) -> None:
    text = body(
        "import os, sys\n"
        "return [dict(os.environ), sys.flags.hash_randomization, list({'a', 'b', 'c', 'd'})]"
    )
    first = start(tier, text, env={"SECRET": "1", "PYTHONHASHSEED": "7"}).played.value
    assert first[:2] == [{}, 0]
    assert start(tier, text, beside=True).played.value == first


@pytest.mark.parametrize(
    "line, name",
    [
        ("import time; time.time()", "flow.now()"),
        ("import time; time.sleep(1)", "await the call"),
        ("import time; time.strftime('%Y')", "flow.now()"),
        ("from datetime import datetime; datetime.now()", "flow.now()"),
        ("import datetime; datetime.date.today()", "flow.now()"),
        ("import random; random.choice([1])", "flow.random()"),
        ("import random; random.Random()", "flow.random()"),
        ("import uuid; uuid.uuid4()", "flow.uuid()"),
        ("import os; os.urandom(3)", "flow.random()"),
        ("import secrets; secrets.token_hex()", "flow.random()"),
        ("import asyncio; await asyncio.sleep(1)", "await the call"),
        ("import asyncio\nasync with asyncio.timeout(1): pass", "await the call"),
        ("import asyncio; await asyncio.wait_for(flow.ask('x'), 1)", "await the call"),
        ("import asyncio; await asyncio.to_thread(print)", "call the function"),
        ("import threading; threading.Thread(target=print).start()", "asyncio.gather"),
    ],
)
def test_clock_and_chance_are_refused_with_what_to_use(line: str, name: str) -> None:
    error = start("none", body(line)).played.error
    assert (error.type, name in error.message) == ("NotReproducible", True), error
    assert error.lines[-1].file == "flow.py" and error.lines[-1].line >= 4


def test_dates_stay_dates() -> None:
    text = body(
        "import datetime, random\n"
        "from pydantic import BaseModel\n"
        "class When(BaseModel):\n"
        "    at: datetime.datetime\n"
        "    day: datetime.date\n"
        "when = When(at='2026-01-02T03:04:05', day='2026-01-02')\n"
        "assert isinstance(when.at, datetime.datetime) and isinstance(when.day, datetime.date)\n"
        "assert not isinstance('x', datetime.date)\n"
        "made = datetime.datetime(2026, 1, 2) + datetime.timedelta(days=1)\n"
        "return [str(made), str(when.at), random.Random(3).random(), str(flow.now())]"
    )
    assert start("none", text).played.value == [
        "2026-01-03 00:00:00",
        "2026-01-02 03:04:05",
        0.23796462709189137,
        "2001-09-09 01:46:40+00:00",
    ]


def test_only_python_pydantic_and_flows_can_be_imported(tier: str) -> None:
    text = body(
        "import json, pydantic, wtman.flow\n"
        "found = []\n"
        "for name in ('typer', 'anthropic', 'git', 'wtman.cli', 'wtman.git.run', 'pytest'):\n"
        "    try:\n"
        "        __import__(name)\n"
        "        found.append(name)\n"
        "    except ImportError:\n"
        "        pass\n"
        "return found"
    )
    assert start(tier, text).played.value == []


# --- scripts that mean harm -------------------------------------------------------------------


@CONFINED
def test_no_file_of_the_user(tier: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    text = body(
        f"found = []\n"
        f"for path in ({str(secret)!r}, '/etc/shadow'):\n"
        "    try:\n"
        "        found.append(open(path).read())\n"
        "    except OSError:\n"
        "        pass\n"
        f"for path in ({str(tmp_path / 'new')!r}, {str(secret)!r}, '/etc/new', '/usr/new'):\n"
        "    try:\n"
        "        open(path, 'w').write('x')\n"
        "        found.append(path)\n"
        "    except OSError:\n"
        "        pass\n"
        "return found"
    )
    ended = start(tier, text)
    # What is private to the sandbox may be written: it is gone with it.
    assert not [it for it in ended.played.value if "SECRET" in it], ended
    assert secret.read_text() == "SECRET"
    assert os.listdir(tmp_path) == ["secret"]


def test_no_network_no_program_no_thread_no_signal(tier: str) -> None:
    text = body(
        "import os, socket, subprocess, _thread, signal, _posixsubprocess\n"
        "done = []\n"
        "def attempt(name, what):\n"
        "    try:\n"
        "        what()\n"
        "        done.append(name)\n"
        "    except (OSError, RuntimeError) as error:\n"
        "        pass\n"
        "attempt('socket', lambda: socket.socket())\n"
        "attempt('unix', lambda: socket.socket(socket.AF_UNIX))\n"
        "attempt('run', lambda: subprocess.run(['true']))\n"
        "attempt('system', lambda: os.posix_spawn('/bin/true', ['true'], {}))\n"
        "attempt('exec', lambda: os.execv('/bin/true', ['true']))\n"
        "attempt('fork', lambda: os.fork() or os._exit(0))\n"
        "attempt('thread', lambda: _thread.start_new_thread(print, ()))\n"
        "attempt('kill', lambda: os.kill(os.getppid(), 0))\n"
        "return done"
    )
    ended = start(tier, text)
    assert ended.played.value == [], ended


def test_no_file_is_changed_and_no_limit_raised(tier: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    kept.chmod(0o600)
    text = body(
        "import mmap, os, resource\n"
        f"kept, new = {str(kept)!r}, {str(tmp_path / 'new')!r}\n"
        "more = resource.RLIM_INFINITY\n"
        "done = []\n"
        "def attempt(name, what):\n"
        "    try:\n"
        "        what()\n"
        "        done.append(name)\n"
        "    except (OSError, ValueError):\n"
        "        pass\n"
        "attempt('write', lambda: open(new, 'w'))\n"
        "attempt('append', lambda: open(kept, 'a'))\n"
        "attempt('change', lambda: open(kept, 'r+'))\n"
        "attempt('nameless', lambda: os.open('/tmp', os.O_TMPFILE | os.O_RDWR))\n"
        "attempt('folder', lambda: os.mkdir(new))\n"
        "attempt('link', lambda: os.symlink(kept, new))\n"
        "attempt('remove', lambda: os.unlink(kept))\n"
        "attempt('rename', lambda: os.rename(kept, new))\n"
        "attempt('mode', lambda: os.chmod(kept, 0o777))\n"
        "attempt('times', lambda: os.utime(kept))\n"
        "attempt('empty', lambda: os.truncate(kept, 0))\n"
        "attempt('memory file', lambda: os.memfd_create('x'))\n"
        "attempt('data', lambda: resource.setrlimit(resource.RLIMIT_DATA, (more, more)))\n"
        "attempt('files', lambda: resource.prlimit(0, resource.RLIMIT_NOFILE, (9, 9)))\n"
        "attempt('of another', lambda: resource.prlimit(1, resource.RLIMIT_CPU, (9, 9)))\n"
        "attempt('shared memory', lambda: mmap.mmap(-1, 1 << 30))\n"
        "return [done, resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20]"
    )
    ended = start(tier, text)
    assert ended.played.value == [[], 512], ended
    assert kept.read_text() == "kept" and os.listdir(tmp_path) == ["kept"]


def test_a_fork_bomb_forks_nothing(tier: str) -> None:
    ended = start(tier, body("import os\nwhile True:\n    os.fork()"))
    assert ended.played.error.type == "PermissionError"
    assert [line.text for line in ended.played.error.lines] == ["os.fork()"]


def test_memory_is_bounded(tier: str) -> None:
    error = start(
        tier, body("held = []\nwhile True:\n    held.append(bytes(1 << 24))")
    ).played.error
    assert (error.type, "512 MB" in error.message) == ("MemoryError", True)
    assert error.lines[-1].text.startswith("held.append")


@pytest.mark.parametrize(
    "text, reason",
    [
        (
            "for _ in range(2000): send({'log': 'x' * 9000, 'scope': []})",
            "told more than 16 MiB of lines",
        ),
        pytest.param(
            'while True: os.write(fd, b\'{"log": "x", "scope": []}\\n\' * 1000)',
            "told more than 100,000 lines",
            marks=pytest.mark.slow,
        ),
        ("os.write(fd, b'x' * (2 << 20))", "a line of more than 1 MiB"),
        ("os.write(fd, b'no json\\n')", "no JSON"),
        ("os.write(fd, b'\\xff\\xfe\\n')", "no JSON"),
        ("os.write(fd, b'[' * 100000 + b'\\n')", "no JSON"),
        ("send({'return': None}); send({'return': 1})", "went on after its end"),
        ("send({'log': 'x', 'scope': [], 'more': 1})", "log: more"),
        ("send({'order': 'x'})", "of no known kind: 'order'"),
        ("send({'read': 7, 'path': 'a'})", "id 7 came after id 0"),
        ("send({'read': 1, 'path': '../a'})", "outside of the repository"),
        ("send({'read': 1, 'path': 'a', 'at': 'c' * 40})", "never given the commit"),
        ("flow.session('x', on=Work('t', 'b', 'c' * 40))", "never given the work 't'"),
        ("flow.merge([Work('t', 'b', 'not a commit')])", "call merge: works.0.commit"),
        ("return Work('t', 'b', 'c' * 40)", "never given the work 't'"),
        ("send({'announce': 1, 'scope': [], 'items': 5000, 'name': ''})", "announce: items"),
    ],
)
def test_the_pipe_is_judged(text: str, reason: str) -> None:
    head = (
        "import os, json, gc, io\n"
        "[fd] = [it.fileno() for it in gc.get_objects() "
        "if isinstance(it, io.BufferedWriter) and it.fileno() > 2]\n"
        "def send(it): os.write(fd, json.dumps(it).encode() + b'\\n')\n"
    )
    ended = start("none", body(head + text))
    assert reason in ended.refused, ended


def test_forged_numbers_and_repeated_calls_are_refused() -> None:
    text = body(
        "fields = dict(kind='command', scope=[], number=0, key=None, title='', limits={},\n"
        "    spec={'argv': ['a'], 'at': None})\n"
        "flow._connection.call(fields)\n"
        "flow._connection.call(fields)"
    )
    assert "the same command was asked for twice" in start("none", text).refused


def test_a_loop_without_end_is_ended_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Sixty seconds are too long to wait for: the script shortens its own time.
    text = body(
        "import signal\n"
        "signal.setitimer(signal.ITIMER_PROF, 0.2)\n"
        "while True:\n"
        "    try:\n"
        "        pass\n"
        "    except Exception:\n"
        "        pass"
    )
    error = start("none", text).played.error
    assert (error.type, error.message) == (
        "OverLimit",
        "the script computed for 60 s between two calls",
    )
    assert error.lines[-1].line >= 6


def test_one_that_no_signal_reaches_is_killed(tier: str) -> None:
    text = body(
        "import resource, time\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))\n"
        "10 ** (10 ** 9)"
    )
    ended = start(tier, text)
    assert ended.status in (-24, 128 + 24), ended
