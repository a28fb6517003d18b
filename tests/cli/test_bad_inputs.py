"""Bad inputs, for every option and argument that the table of commands has: refused in a line.

A new command or option is covered as soon as it is in the table. What is refused by the rules
of one option alone stands in the tables below.
"""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from wtman.cli import main
from wtman.cli.catalog import COMMANDS
from wtman.cli.root import app

Judge = Callable[..., int]

# Before a value is judged, a command wants these.
BEFORE = {
    "split": ["--plan", "absent.toml"],
    "plan": ["x", "--planner", "static", "--parts", "1"],
}
# It would do its work whatever a text says.
ACTS = {"demo"}
NUMBERS = ("x", "-1", "1e9", "10x", "nan", "inf", "9" * 400, "１２x", "--", "\x1b[1m")
FLOATS = ("1e9", "nan", "inf")
TEXTS = ("\x1b[31mred\n\x07", "-x", "../b", "\u202eｍain", "\udcff", "x" * 100_000)


@pytest.fixture
def judge(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Judge:
    """Run a command in this process; its exit status, if what it printed can be shown."""
    monkeypatch.chdir(repo)

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))  # for who serves
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        status = main(list(words))
        out, err = capsys.readouterr()
        said = (words, status, err[:500])
        assert "internal error" not in err, said
        assert "Traceback" not in out + err, said
        assert status in (0, 1, 2, 3), said
        assert all(line.isprintable() for line in err.splitlines()), said
        assert max(map(len, [*err.splitlines(), ""])) < 2100, said
        if status in (2, 3):
            assert err.startswith("wtman: ") or "--json" in words or out, said
            assert len(err.splitlines()) <= 6, said
        return status

    return run


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return {name: group.get_command(None, name) for name in COMMANDS}


def options(command: Any) -> Iterator[Any]:
    return (item for item in command.params if not getattr(item, "is_flag", True))


def before(name: str, command: Any, but: Any = None) -> list[str]:
    wanted = [item for item in command.params if item.param_type_name == "argument"]
    return BEFORE.get(name) or ["a" for item in wanted if item.required and item is not but]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_takes_what_it_says(name: str, judge: Judge) -> None:
    command = commands()[name]
    words = [name, *before(name, command)]
    assert judge(name, "--no-such-option") == 2
    for item in options(command):
        option = item.opts[-1]
        if option != "-C":
            assert judge(*words, option, "") == 2, option
            assert judge(*words, f"{option}=") == 2 or not option.startswith("--"), option
        assert judge(*words, option) == 2, option
        kind = item.type_descriptor.annotation
        if kind in (int, float):
            for text in NUMBERS:
                status = judge(*words, option, text)
                # Some limits are judged where there is a run.
                read = text in ("-1", "9" * 400) or (kind is float and text in FLOATS)
                fine = (2, 3) if read else (2,)
                assert status in fine or (text == "1e9" and kind is float), (option, text)
        elif name not in ACTS:
            for text in TEXTS:
                judge(*words, option, text)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - ACTS))
def test_an_argument_that_names_nothing_is_refused(name: str, judge: Judge) -> None:
    command = commands()[name]
    assert judge(name, "") == 2
    assert judge(name, *before(name, command), *["more"] * 3) in (2, 3)
    for item in command.params:
        if item.param_type_name != "argument" or name in ("split", "plan"):
            continue
        for text in TEXTS:
            assert judge(name, text) in (2, 3), text


def test_what_is_typed_for_split_is_refused_with_its_place(judge: Judge, repo: Path) -> None:
    quick = ["split", "x", "--agent", "command:true", "--dry-run"]
    for text in ("docs", ":", "a:", ": b", "A: b", "a b: c", "-a: b", "../a: b", "а: b"):
        assert judge(*quick, "--task", text) == 2, text
    for text in ("no", "x=", "=x", "x=y", "planner=nope", "planner=command:", "\n=\n"):
        assert judge(*quick, "--task", "a: b", "--role", text) == 2, text
    for option, texts in {
        "--timeout": ("0", "-1", "10x", "1e9h", "nan", "inf", "5 m", "m", "9" * 40),
        "--check-timeout": ("0", "x"),
        "--budget-usd": ("0", "-1", "nan", "inf", "1e400"),
        "--effort": ("x", "LOW", "lo w"),
        "--sandbox": ("docker", "BWRAP", "..", "os.path"),
        "--agent": ("nope", "command:", "command:'", "replay:", "nope.nope:x"),
        "--base": ("-x", "a..b", "HEAD^{tree}", "refs/heads/none", "@{-1}", "0" * 40),
        "--check": (" ", "\n"),
    }.items():
        for text in texts:
            code = judge("split", "x", "--task", "a: b", "--dry-run", option, text)
            assert code in (2, 3), (option, text)
    files = {
        "empty": b"",
        "binary": b"\xff\xfe\x00",
        "bom": b"\xef\xbb\xbfx=1",
        "deep": b"x=" + b"[" * 100_000,
        "dots": b".".join([b"a"] * 40_000) + b"=1",
        "json": b'{"task": []}',
        "large": b"#" * (9 << 20),
        "nested": b"[" * 1_000_000,
        "latin": b"request='\xe9'",
        "number": b"x = " + b"9" * 100_000,
        "open": b'x = """',
        "twice": b"x=1\nx=1",
        "cycle": b"[[task]]\nid='a'\nprompt='p'\nneeds=['a']",
        "many": b"[[task]]\nid='a'\nprompt='p'\nneeds=[" + b"'b'," * 100_000 + b"]",
    }
    for name, content in files.items():
        (repo / name).write_bytes(content)
        assert judge("split", "--plan", name, "--agent", "command:true", "--dry-run") == 2, name
        assert judge("split", "--plan", name, "--edit", "--dry-run", "--json") == 2, name
        (repo / "manifest.json").write_bytes(content)
        assert judge("verify", ".") == 2, name
    for path in (".", "absent", "/dev/zero", "/dev/null/x", "x" * 5000, "\udcff"):
        assert judge("split", "--plan", path, "--agent", "command:true", "--dry-run") == 2, path
