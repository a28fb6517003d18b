"""One run with all seven agents, two tasks each, at providers that fail in every way at once.

Faults have the shape of what stands between, not of an API: pages, resets, streams that are
empty, slow or cut. One key is dead until it is mended.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.agents.cli import AIDER, CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE, PI, SEVEN, Cli
from tests.real.agents.conftest import folder_of
from tests.real.agents.faults import broken_off, busy, nothing, page, refusal, slowly
from tests.real.ledger import READ, USED, WROTE, Asked, Ledger, Part, serving, words
from tests.real.runs import KEY, assert_clean, listing, status, task

pytestmark = [pytest.mark.slow, pytest.mark.agents, pytest.mark.timeout(1200)]
Answer = Callable[[Asked], Turn]
_DONE = "WRITTEN-BY-THE-AGENT"


@dataclass(frozen=True)
class Case:
    """A task. `faults` come first, one for each request; `why` is of one that fails, in its
    only attempt; `cut`: an answer broke off, which is billed and may be told by nobody."""

    id: str
    cli: Cli
    faults: tuple[Answer, ...] = ()
    why: str = ""
    cut: bool = False

    @property
    def word(self) -> str:
        return f"QQ-{self.id}-QQ"

    def answer(self, asked: Asked) -> Turn:
        """As a model would: it writes the file, and says so once it sees that it has."""
        if asked.nth < len(self.faults):
            return self.faults[asked.nth](asked)
        if _DONE in json.dumps(asked.body):
            return words(asked, "done")
        return slowly(self.cli.writes(asked, f"{self.id}.txt", _DONE))


_REFUSED = refusal(400, "invalid_request_error", "this is not allowed here")
CASES = (
    Case("claude-busy", CLAUDE, (refusal(529, "overloaded_error", "Overloaded"), page(500, "Oh"))),
    Case("claude-reset", CLAUDE, (broken_off("reset"),), cut=True),
    Case("codex-page", CODEX, (page(502, "Bad Gateway"), page(503, "Maintenance"))),
    Case("codex-cut", CODEX, (broken_off("close"),), cut=True),
    Case("gemini-empty", GEMINI, (nothing,)),
    Case("gemini-no", GEMINI, (_REFUSED,) * 9, "this is not allowed here"),
    Case("pi-busy", PI, (busy("soon"),)),
    Case("pi-empty", PI, (nothing,), "the provider gave an empty answer"),
    Case("opencode-past", OPENCODE, (busy("Wed, 21 Oct 2015 07:28:00 GMT"),)),
    Case("opencode-no", OPENCODE, (_REFUSED,) * 9, "this is not allowed here"),
    Case("copilot-reset", COPILOT, (broken_off("reset"),), cut=True),
    Case("copilot-idle", COPILOT, (lambda asked: words(asked, "It is done."),), "nothing"),
    Case("aider-part", AIDER, (busy("0.5"),)),
)
DEAD = Case("aider-dead", AIDER)


def test_right_work_is_verified_wrong_work_fails_and_all_of_it_is_counted(
    wtman: kit.Program,
    repo: Path,
    hermetic: Path,
    tmp_path: Path,
    real_environment: tuple[tuple[str, str], ...],
) -> None:
    mended: list[bool] = []

    def dead(asked: Asked) -> Turn:
        """A page for a key, once everybody else has come to an end: it pauses the run."""
        if mended:
            return DEAD.answer(asked)
        until = time.monotonic() + 600
        while len(_ended(repo)) < len(CASES) and time.monotonic() < until:
            time.sleep(0.5)
        return page(401, "Authorization Required")(asked)

    parts = [*(Part(case.word, case.answer) for case in CASES), Part(DEAD.word, dead)]
    with serving(parts) as ledger:
        env = _surroundings(hermetic, ledger.address, real_environment)
        before = listing(hermetic)
        flags = ("--yes", "--reviewers", "0", "--repairs", "0", "--attempts", "1", "-j", "5")
        done = wtman(
            "split", "--plan", _plan(tmp_path), *flags, cwd=repo, env=env, check_status=4,
            timeout=900,
        )  # fmt: skip
        told = status(wtman, repo, env)
        wanted = {case.id: "failed" if case.why else "verified" for case in CASES}
        found = {item["id"]: item["state"] for item in told["tasks"]}
        assert found == {**wanted, DEAD.id: "paused"}, str(done)
        for case in CASES:
            assert case.why in (task(told, case.id)["reason"] or ""), (case.id, str(done))
        assert "401 Authorization Required" in told["run"]["reason"], str(done)
        assert "<" not in told["run"]["reason"], "a page is not told as it is"
        assert "OPENAI_API_KEY" in done.out and "wtman resume" in done.out, str(done)

        mended.append(True)
        wtman("resume", "--yes", cwd=repo, env=env, check_status=1, timeout=300)
        told = status(wtman, repo, env)
        assert task(told, DEAD.id)["state"] == "verified"
        for case in (*CASES, DEAD):
            _assert_counted(told, case, ledger)
        spent = told["run"]["usage"]
        each = [item["usage"] for item in told["tasks"]]
        for kind in ("input_tokens", "output_tokens"):
            assert spent[kind] == sum(one[kind] for one in each)
        merged = wtman("merge", "--json", cwd=repo, env=env, timeout=200, check_status=1).json()
        right = {case.id for case in (*CASES, DEAD) if not case.why}
        assert set(merged["landed"]) == right
    assert {path.stem for path in repo.glob("*-*.txt")} == right
    assert listing(hermetic) == before, "nothing of the user's HOME is changed"
    assert_clean(repo)


def _assert_counted(told: Mapping[str, Any], case: Case, ledger: Ledger) -> None:
    usage = task(dict(told), case.id)["usage"]
    whole = [one for one in ledger.billed[case.word] if one == USED]
    asked = (len(whole) * READ, len(whole) * WROTE)
    counted = (usage["input_tokens"], usage["output_tokens"])
    read, _, wrote = ledger.took(case.word)
    if not case.cut:
        assert counted == asked == (read, wrote), case.id
    else:  # of what had come some tell nothing, and some what they guess
        assert counted[0] in (asked[0], read) and counted[1] >= asked[1], (case.id, counted)


def _surroundings(home: Path, address: str, environ: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Those of a user who has all of them, each signed in."""
    env, places = {"WTMAN_SANDBOX": "auto"}, dict[str, None]()
    for cli in SEVEN:
        kit.write_files(home, cli.files(address, KEY))
        env |= cli.env(address, KEY)
        places[str(folder_of(cli.name, environ))] = None
    return {**env, "PATH": os.pathsep.join([*places, os.environ["PATH"]])}


def _plan(tmp_path: Path) -> Path:
    lines = ['request = "seven agents"', 'check = ["true"]']
    for case in (*CASES, DEAD):
        lines += [
            "[[task]]",
            f'id = "{case.id}"',
            f'agent = "{case.cli.name}"',
            f'model = "{case.cli.model}"',
            f'prompt = "{case.word}: write {case.id}.txt"',
            f'owns = ["{case.id}*.txt"]',
        ]
    path = tmp_path / "plan.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _ended(repo: Path) -> set[str]:
    """The tasks whose sessions are over, as the journal has it."""
    with closing(sqlite3.connect(repo / ".git/wtman/state.db")) as store:
        rows = store.execute("select body from events where kind = 'SessionFinished'").fetchall()
    return {json.loads(body)["task"] for (body,) in rows}
