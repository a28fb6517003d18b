"""Lines of streams as people read them, from recorded sessions of real agents."""

import json
from pathlib import Path

import pytest

from wtman.agents.transcript import readable

RECORDED = Path(__file__).parent.parent / "transcripts"


def told(name: str) -> list[str]:
    lines = (RECORDED / f"{name}.jsonl").read_bytes().splitlines()
    said = [readable(line) for line in lines]
    assert None not in said, "every event of a recorded stream is known"
    return [line for some in said for line in some or ()]


def test_what_claude_said_and_did() -> None:
    assert told("claude-edit") == [
        "I will read the file.",
        "> Read calc.py",
        "    1\tdef add(a, b):",
        "    2\t    return a - b",
        "    3",
        "> Edit calc.py",
        "    The file calc.py has been updated successfully. (file state is current in your "
        "context — no need to Read it back)",
        "> Bash git add -A && git commit -q -m 'fix add' && git log --oneline",
        "    caa2714 fix add",
        "    5857814 init",
        "Fixed add() and committed.",
    ]


def test_what_codex_said_and_did() -> None:
    assert told("codex-edit")[1:] == [
        "> Bash /bin/bash -lc 'cat calc.py'",
        "    def add(a, b):",
        "        return a - b",
        "> Edit /w/repo/calc.py",
        "> Bash /bin/bash -lc \"git add -A && git commit -q -m 'fix add' && git log --oneline\"",
        "    74dbbde fix add",
        "    2d9ab73 init",
        "Fixed add() and committed.",
    ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("claude-401", "! authentication failed (401): tries again"),
        ("claude-budget", "! Reached maximum budget ($0.02)"),
        ("codex-429", "Fixed add() and committed."),
    ],
)
def test_trouble(name: str, last: str) -> None:
    assert told(name)[-1] == last


def test_a_long_answer_of_a_tool_is_cut() -> None:
    answer = {"type": "tool_result", "content": "\n".join(map(str, range(30)))}
    event = {"type": "user", "message": {"content": [answer]}}
    assert readable(json.dumps(event).encode())[-2:] == ("    9", "    … and 20 more lines (--raw)")


@pytest.mark.parametrize(
    "line",
    [b"plain words", b'{"a": 1}', b'{"type": "result", "ok": true}', b"{broken", b"", b"[1]"],
)
def test_anything_else_is_the_programs_own(line: bytes) -> None:
    assert readable(line) is None
