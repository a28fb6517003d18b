"""The program itself, started as wtman starts it: by the adapter's command, in a worktree."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import ValidationError

from tests.apiagent.conftest import Yard
from tests.apiagent.server import call, says
from tests.apiagent.test_shell import alive, gone
from tests.kit import ROOT
from wtman.agents.api import ApiAgent
from wtman.apiagent.options import Options
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Outcome

AGENT = ApiAgent("claude-opus-5-5")
KEY = "sk-program-0001"


def job(yard: Yard, **more: object) -> Job:
    env = yard.environ(MARK=yard.work.parent.name, ANTHROPIC_API_KEY=KEY)
    plain = Job(TaskId("t"), 1, "do it\udcff", "", str(yard.work), str(yard.home), env)
    return replace(plain, **more)  # type: ignore[arg-type]


@contextmanager
def started(one: Job) -> Iterator[subprocess.Popen[bytes]]:
    command = AGENT.command(one)
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(command.stdin)
        process.stdin.close()
        process.stdin = None
        yield process
    finally:
        process.kill()
        process.communicate()


def outcome(process: subprocess.Popen[bytes]) -> tuple[Outcome, bytes]:
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err, err.decode()
    state = AGENT.begin()
    for line in out.splitlines():
        state, _ = AGENT.step(state, line)
    code = process.returncode
    ended = Exit(ExitReason.EXITED, code if code >= 0 else None, -code if code < 0 else None)
    return AGENT.end(state, ended), out


def mark(yard: Yard) -> str:
    return yard.work.parent.name


def until_marked(yard: Yard, number: int, patience: float = 40.0) -> None:
    end = time.monotonic() + patience
    while len(alive(mark(yard))) < number:
        assert time.monotonic() < end, "the command was not started"
        time.sleep(0.02)


SLEEPS = "setsid sleep 300 & sleep 300"


@pytest.mark.slow
def test_a_whole_session_through_the_adapter(yard: Yard) -> None:
    """A repository with files named like modules, a model that looks for the key, a schema."""
    evil = "raise SystemExit('a module of the repository was imported')\n"
    for name in ("json.py", "anthropic.py", "wtman/__init__.py", "sitecustomize.py"):
        (yard.work / name).parent.mkdir(exist_ok=True)
        (yard.work / name).write_text(evil)
    # The agent is the parent of the shell's parent; its key, without saying it here.
    look = "agent=$(cut -d' ' -f4 /proc/$PPID/stat); cat /proc/$agent/environ | tr '\\0' '\\n'"
    count = f"grep -c {KEY[:-1]}[{KEY[-1]}]"
    yard.server.script = [
        says("Looking.", call("bash", 1, command=f"{look} > seen; env >> seen; {count} seen")),
        says('{"ok": true}'),
    ]
    schema = json.dumps({"type": "object", "properties": {"ok": {"type": "boolean"}}})
    with started(job(yard, schema=schema, system="The role.", effort="high")) as process:
        found, out = outcome(process)
    assert found.ok, found
    assert json.loads(found.answer) == {"ok": True}
    assert (found.usage.input_tokens, found.usage.output_tokens) == (2 * 1140, 40)
    assert found.usage.cached_tokens == 2000
    assert found.usage.usd == pytest.approx(yard.server.usd)
    assert found.model == "claude-opus-5-5"
    assert found.session in str(list((yard.home / ".wtman-api").iterdir()))
    result = yard.last["messages"][-1]["content"][0]
    assert result["content"].split()[0] == "0", "the key is nowhere to be read"
    assert "ANTHROPIC_API_KEY=-----" in (yard.work / "seen").read_text(), "where it was looked for"
    assert KEY.encode() not in out
    assert yard.server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "The role." in yard.server.requests[0]["system"][0]["text"]
    assert yard.server.requests[0]["messages"][0]["content"][0]["text"] == "do it�"


def test_killed_it_leaves_no_process(yard: Yard) -> None:
    yard.server.script = [says(call("bash", command=SLEEPS))]
    with started(job(yard)) as process:
        until_marked(yard, 5)  # agent, guard, shell and the two
        process.kill()
        found, _ = outcome(process)
        assert gone(mark(yard)), alive(mark(yard))
    assert not found.ok
    assert found.usage.input_tokens == 1140, "as far as it was seen"


@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_stopped_it_says_so_and_can_go_on(yard: Yard, number: signal.Signals, code: int) -> None:
    yard.server.script = [says("a", call("bash", 9, command=SLEEPS))]
    with started(job(yard)) as process:
        until_marked(yard, 5)
        process.send_signal(number)
        found, _ = outcome(process)
        until = time.monotonic() + 60
        while alive(mark(yard)) and time.monotonic() < until:
            time.sleep(0.05)  # killed with it; who buries them may be busy
        assert not alive(mark(yard))
    assert process.returncode == code
    assert (found.ok, found.reason) == (False, f"stopped by {number.name}")
    assert found.usage.input_tokens == 1140
    yard.counted()
    told = yard.run(says("ok"), resume=found.session)
    assert told.code == 0
    assert yard.last["messages"][2]["content"][0]["tool_use_id"] == "toolu_09"


@pytest.mark.slow
def test_stopped_in_a_response_it_counts_what_was_billed(yard: Yard) -> None:
    body = says("one two three", call("bash", command="true"))
    yard.server.script = [body.cut_at(len(body.body) // 2, "stall")]
    with started(job(yard)) as process:
        assert yard.server.stalled.wait(60)
        time.sleep(0.5)  # its bytes are on the way
        process.terminate()
        found, _ = outcome(process)
    assert found.usage.input_tokens == 1140


@pytest.mark.slow
def test_stopped_while_it_loads(yard: Yard) -> None:
    with started(job(yard)) as process:
        time.sleep(0.4)
        process.terminate()
        found, _ = outcome(process)
    assert process.returncode in (143, -15)
    assert not found.ok


def program(stdin: bytes, *flags: str) -> tuple[int, str]:
    path = ROOT / "wtman/apiagent/__main__.py"
    done = subprocess.run(
        [sys.executable, "-I", *flags, str(path)],
        input=stdin,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, (done.stdout + done.stderr).decode()


def test_without_its_packages_it_says_how_to_get_them() -> None:
    code, said = program(b"", "-S")
    assert code == 3
    assert "cannot import pydantic: pip install wtman" in said
    line = said.splitlines()[0].encode()
    state, _ = AGENT.step(AGENT.begin(), line)
    assert "pip install" in AGENT.end(state, Exit(ExitReason.EXITED, 3)).fatal


@pytest.mark.parametrize(
    "request_text, words",
    [
        ("x", "JSON"),
        ("{}", "prompt"),
        ('{"prompt": " "}', "prompt"),
        ('{"prompt": "x", "answer_schema": "[1"}', "answer_schema"),
        ('{"prompt": "x", "effort": "huge"}', "effort"),
        ('{"prompt": "x", "max_turns": -1}', "max_turns"),
        ('{"prompt": "x", "max_usd": NaN}', "max_usd"),
        ('{"prompt": "x", "system_file": "/nowhere/x"}', "system_file"),
    ],
)
def test_a_request_that_makes_no_sense(request_text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Options.model_validate_json(request_text)


def test_the_program_says_what_is_wrong_with_its_request() -> None:
    code, said = program(b'{"prompt": "x", "max_turns": -1}')
    assert (code, "max_turns" in said) == (2, True)
