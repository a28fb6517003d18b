"""Desktop notifications: programs that write down what they are told stand in for the desktop."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from wtman.cli import notify
from wtman.cli.desktop import notification
from wtman.git.discovery import discover
from wtman.journal.state import State
from wtman.model.ids import RunId

RECORDS = """\
#!{python}
import json, os, sys
with open({path!r} + ".part", "w") as out:
    json.dump(sys.argv[1:], out)
os.rename({path!r} + ".part", {path!r})
{then}
"""
STATE = State(run=RunId("all-1234"))
WORDS = 'run all-1234 is ready to merge: check `a && <b>` "$(rm)"; next: wtman merge all-1234'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Both programs on PATH, and a session bus; where they write what they were told."""
    for name in ("SSH_CONNECTION", "SSH_TTY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    def make(name: str = "notify-send", then: str = "") -> Path:
        told = tmp_path / "told"
        text = RECORDS.format(python=sys.executable, path=str(told), then=then)
        kit.write_files(tmp_path, {f"bin/{name}": text})
        return told

    return make


def told_in(path: Path) -> list[str]:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    return list(json.loads(path.read_text()))


def call(repo: Path, seconds: float) -> None:
    notify.call(discover(str(repo)), STATE, "ready", WORDS, time.monotonic() - seconds)


def test_what_took_a_minute_comes_up_on_the_desktop(repo: Path, desk: Callable[..., Path]) -> None:
    told = desk()
    call(repo, 61)
    assert told_in(told) == [
        "--app-name=wtman",
        "--",
        "wtman all-1234",
        'is ready to merge: check `a &amp;&amp; &lt;b&gt;` "$(rm)"; next: wtman merge all-1234',
    ]


def test_a_program_that_hangs_or_fails_holds_nothing_up(
    repo: Path, desk: Callable[..., Path], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    told = desk(
        then=f"import time\nwhile not os.path.exists({str(gone)!r}): time.sleep(0.05)\n"
        "print('noise'); sys.exit(7)"
    )
    call(repo, 61)  # comes back although it has not ended
    told_in(told)
    gone.touch()
    assert capfd.readouterr() == ("", "")
    (tmp_path / "bin/notify-send").write_text("no program")
    call(repo, 61)


@pytest.mark.parametrize(
    ("config", "seconds", "shown"),
    [
        ("", 30, False),
        ('notify = "off"', 61, False),
        ('notify = "true"', 61, False),
        ('notify = ["on", "true"]', 61, True),
        ('notify = "on"', 61, True),
    ],
)
def test_when_it_comes_up_and_who_may_say(
    repo: Path,
    desk: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    seconds: float,
    shown: bool,
) -> None:
    desk()
    kit.write_files(repo, {"wtman.toml": config})
    seen: list[str] = []
    monkeypatch.setattr(notify, "show", lambda title, words: seen.append(words))
    call(repo, seconds)
    assert bool(seen) is shown


def test_words_for_on_and_off_need_no_approval(repo: Path) -> None:
    from wtman.config import load, repository_commands

    kit.write_files(repo, {"wtman.toml": 'notify = ["on", "say done"]'})
    assert repository_commands(load(str(repo), {}, {})) == ("say done",)


def test_a_mac_gets_the_words_as_arguments_of_a_fixed_script() -> None:
    def argv(words: str) -> tuple[str, ...]:
        found = {"osascript": "/usr/bin/osascript"}.get
        return notification("wtman r", words, "darwin", {}, found, lambda path: False)

    *script, title, words = argv('" & do shell script "x')
    assert (title, words) == ("wtman r", '" & do shell script "x')
    assert script == [*argv("other")[:-2]]


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({}, False),
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:x"}, True),
        ({"XDG_RUNTIME_DIR": "/run/user/1"}, True),
        ({"XDG_RUNTIME_DIR": "/run/user/2"}, False),
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:x", "SSH_CONNECTION": "1"}, False),
    ],
)
def test_nothing_where_there_is_no_desktop(environ: dict[str, str], shown: bool) -> None:
    argv = notification(
        "wtman r", "x", "linux", environ, lambda name: name, lambda path: path == "/run/user/1/bus"
    )
    assert bool(argv) is shown
    assert not notification("wtman r", "x", "linux", environ, lambda name: None, lambda path: True)


# The real program, to which every run is a long one.
LONG = """
import sys, wtman.cli.notify
wtman.cli.notify._LEAVES = 0.0
sys.exit(wtman.cli.main())
"""


@pytest.mark.slow
def test_a_run_tells_the_desktop_how_it_ended_and_what_comes_next(
    repo: Path, desk: Callable[..., Path], agent: str
) -> None:
    told = desk()
    wtman = kit.Program(repo, (sys.executable, "-c", LONG))
    words = ("--agent", agent, "--attempts", "1", "--check", "true", "--yes", "--json")
    first = wtman("split", "one", "--task", "good: x", *words).jsonl()[0]["run"]
    assert told_in(told)[2:] == [f"wtman {first}", f"is ready to merge; next: wtman merge {first}"]
    told.unlink()
    failed = wtman("split", "two", "--task", "bad: x", *words, check_status=1).jsonl()[0]["run"]
    again = f'wtman retry {failed}/bad -m "what to do differently"'
    assert told_in(told)[2:] == [f"wtman {failed}", f"has failed; next: {again}"]
    told.unlink()
    # A run of a moment says nothing, nor does one whose user sits elsewhere or wants no word.
    kit.Program(repo)("split", "three", "--task", "good: x", *words)
    wtman("split", "four", "--task", "good: x", *words, env={"SSH_CONNECTION": "1"})
    kit.write_files(repo, {"wtman.toml": 'notify = "off"\n'})
    wtman("split", "five", "--task", "good: x", *words)
    kit.write_files(repo, {"wtman.toml": 'notify = "on"\n'})
    last = wtman("split", "six", "--task", "good: x", *words).jsonl()[0]["run"]
    assert told_in(told)[2] == f"wtman {last}"
