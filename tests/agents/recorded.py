"""Recorded streams of real agents, and what has to be made of them.

A recording is `tests/transcripts/AGENT-CASE.jsonl`, as the CLI wrote it, less some fields and
the places of a machine; what it wrote to stderr is beside it where that is read, too.
"""

from dataclasses import dataclass
from pathlib import Path

from wtman.agents import Activity, load
from wtman.model.command import Exit, ExitReason
from wtman.model.session import Outcome, Usage

FOLDER = Path(__file__).parent.parent / "transcripts"
OK = Exit(ExitReason.EXITED, code=0)
ONE = Exit(ExitReason.EXITED, code=1)
TERM = Exit(ExitReason.EXITED, signal=15)
KILLED = Exit(ExitReason.EXITED, signal=9)
LATE = Exit(ExitReason.TIMEOUT, signal=15, started=0, ended=60)


@dataclass(frozen=True)
class Want:
    """`why` is the beginning of the reason; `kind` is empty, `fatal` or `limited`."""

    exit: Exit = OK
    why: str = ""
    kind: str = ""
    usage: Usage = Usage()
    answer: str = "Fixed add() and committed."


def told(name: str, exit: Exit) -> tuple[Outcome, list[Activity]]:
    agent = load.load(name.partition("-")[0])
    state = agent.begin()
    seen: list[Activity] = []
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        state, activities = agent.step(state, line)
        seen += activities
    complained = FOLDER / f"{name}.stderr"
    complains = getattr(agent, "complains", None)
    if complains is not None and complained.exists():
        for line in complained.read_bytes().splitlines():
            state = complains(state, line)
    return agent.end(state, exit), seen


def assert_judged(name: str, want: Want) -> None:
    outcome, _ = told(name, want.exit)
    assert outcome.reason[: len(want.why)] == want.why
    assert outcome.ok == (want.why == "") == (outcome.reason == "")
    assert outcome.fatal == (outcome.reason if want.kind == "fatal" else "")
    assert outcome.limited == (want.kind == "limited")
    assert outcome.usage == want.usage
    if want.kind == "":
        assert outcome.answer == want.answer
