"""Scripts that mean harm, run by the real program: nothing outside, and one clear error each."""

import re
from pathlib import Path

import pytest

from tests import kit
from tests.cli.test_flows import events_of
from wtman.journal import events as e
from wtman.sandbox import choice

# What the lint refuses is reached in another way: the lint is for honest scripts.
HEAD = """\
import builtins
from wtman.flow import Flow

loaded = vars(builtins)["__imp" + "ort__"]
gc, io, json, os, signal = map(loaded, ("gc", "io", "json", "os", "signal"))
opened = vars(builtins)["op" + "en"]
[pipe] = [
    it.fileno()
    for it in gc.get_objects()
    if isinstance(it, io.BufferedWriter) and it.fileno() > 2
]

def send(it):
    os.write(pipe, json.dumps(it).encode() + b"\\n")

async def main(flow: Flow):
"""
SLOW = pytest.mark.slow
CASES = [
    ("opened(KEPT).read()", "No such file or directory|Permission denied"),
    ("opened(NEW, 'w')", "Operation not permitted"),
    pytest.param("while [1]: os.fork()", "Operation not permitted", marks=SLOW),
    pytest.param("os.kill(os.getppid(), signal.SIGKILL)", "Operation not permitted", marks=SLOW),
    pytest.param("os.kill(os.getpid(), 9)", "not permitted", marks=SLOW),
    pytest.param("held = bytes(1 << 30)", "more memory than it may have", marks=SLOW),
    pytest.param(
        "signal.setitimer(signal.ITIMER_PROF, 0.2)\nwhile [1]: pass",
        "computed for 60 s between two calls",
        marks=SLOW,
    ),
    pytest.param("os.write(pipe, b'x' * (2 << 20))", "a line of more than 1 MiB", marks=SLOW),
    pytest.param("send({'idle': 7})", "rests without having been told", marks=SLOW),
    pytest.param("send({'answer': 1})", "of no known kind: 'answer'", marks=SLOW),
    pytest.param("os._exit(5)", "its process ended: exit status 5", marks=SLOW),
    pytest.param(
        "fields = dict(call=1, kind='session', scope=[], number=0, key='x', title='t', limits={},\n"
        "    spec=dict(prompt='p', on={'task': 'x', 'commit': 'c' * 40}, needs=[], owns=[],\n"
        "    expect=None, role='implementer', agent=None, model=None, effort=None, tools=None,\n"
        "    context='', check=True))\n"
        "send(fields)\nawait flow.ask('x')",
        "never given the work 'x'",
        marks=SLOW,
    ),
    pytest.param(
        "os.write(2, b'\\x1b]0;title\\x07\\x1b[31mred'); os._exit(4)",
        "its process ended: red",
        marks=SLOW,
    ),
]


def hostile(tmp_path: Path, text: str) -> Path:
    places = f"KEPT, NEW = {str(tmp_path / 'secret')!r}, {str(tmp_path / 'new')!r}\n"
    lines = "".join(f"    {line}\n" for line in (places + text).splitlines())
    path = tmp_path / "hostile.py"
    path.write_text(HEAD + lines)
    return path


@pytest.mark.parametrize(("text", "told"), CASES)
def test_a_hostile_script_reaches_nothing_and_ends_with_one_error(
    wtman: kit.Program, tmp_path: Path, text: str, told: str
) -> None:
    if choice.trouble("bubblewrap") and choice.trouble("landlock"):
        pytest.skip("no sandbox works here")  # then its script runs in none, too
    _ends(wtman, tmp_path, text, told, "none")


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_so_it_is_where_sessions_are_confined_too(
    wtman: kit.Program, tmp_path: Path, tier: str
) -> None:
    if problem := choice.trouble(tier):
        pytest.skip(problem)
    _ends(
        wtman, tmp_path, "opened(KEPT).read()", "No such file or directory|Permission denied", tier
    )


def _ends(wtman: kit.Program, tmp_path: Path, text: str, told: str, tier: str) -> None:
    repo = kit.create_repo(tmp_path / "repo", {"a.txt": "a\n"})
    (tmp_path / "secret").write_text("SECRET")
    before = sorted(path.name for path in tmp_path.iterdir())
    words = ("run", hostile(tmp_path, text), "--agent", "command:true", "--yes")
    done = wtman(*words, "--sandbox", tier, cwd=repo, check_status=1)
    flat = " ".join(done.out.split())
    assert re.search(told, flat) and "SECRET" not in flat and "\x1b" not in done.out, done
    assert flat.count("failed: ") >= 1 and "Traceback" not in done.out + done.err
    [run] = [path.name for path in (repo / ".git/wtman/runs").iterdir()]
    ends = [item for item in events_of(repo, run) if isinstance(item, e.ScriptEnded)]
    assert len(ends) == 1 and re.search(told, ends[0].error["message"])
    left = {path.name for path in tmp_path.iterdir()} - {*before, "hostile.py", "repo.worktrees"}
    assert not left
    kit.assert_no_leftover_processes(repo)
