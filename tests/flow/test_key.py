"""Keys of steps: what is in them, and how little runs again after an edit."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from tests.flow.hosts import BASE, Pick, backwards, forwards, play, work
from wtman.flow.key import step_key
from wtman.flow.messages import ScriptCall

# For each item one find, three that verify what was found, three skeptics that all get the
# same prompt; then one that sums up: 57 calls of 8 items.
SCRIPT = """
import asyncio
from wtman.flow import Flow, Inputs

class Args(Inputs):
    items: list[str]
    edited: str = ""

async def main(flow: Flow, args: Args):
    async def one(item):
        found = await flow.ask(f"find in {item}{' carefully' if item == args.edited else ''}")
        verify = [flow.ask(f"verify: {found}") for _ in range(3)]
        skeptics = [flow.ask("Read FINDING.md and refute it.") for _ in range(3)]
        return [found, *await asyncio.gather(*verify, *skeptics)]
    done = await flow.map(args.items, one)
    return await flow.ask("sum up: " + " ".join(sorted(str(it) for it in done.values)))
"""
ITEMS = [f"item-{number}" for number in range(8)]


class Journal:
    """Answers by key; what is not there runs, and says where it ran."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.answers = dict(answers or {})
        self.live: list[ScriptCall] = []
        self.strays = 0

    def __call__(self, call: ScriptCall) -> str:
        key = step_key(call, {"base": BASE}, {})
        if key not in self.answers:
            self.live.append(call)
            self.answers[key] = f"{'/'.join(call.scope)}: {call.spec.prompt[:30]}"
        value = self.answers[key]
        self.strays += not value.startswith("/".join(call.scope) + ": ")
        return value


def resumed(journal: Journal, items: list[str], edited: str = "", pick: Pick = forwards) -> int:
    """How many calls run when the script is resumed; none may take another item's answer."""
    again = Journal(journal.answers)
    play(SCRIPT, again, args={"items": items, "edited": edited}, pick=pick)
    assert again.strays == 0
    return len(again.live)


def one_failed(seed: int) -> Journal:
    """A run in which one call failed, and the one that sums up did not run."""
    journal = Journal()
    play(SCRIPT, journal, args={"items": ITEMS})
    assert len(journal.live) == 57
    for call in (random.Random(seed).choice(journal.live[:-1]), journal.live[-1]):
        del journal.answers[step_key(call, {"base": BASE}, {})]
    return journal


@pytest.mark.parametrize("pick, other", [(forwards, backwards), (backwards, forwards)])
def test_the_least_runs_again(pick: Pick, other: Pick) -> None:
    whole = Journal()
    play(SCRIPT, whole, args={"items": ITEMS}, pick=pick)
    mixed = random.Random(3).sample(ITEMS, 8)
    assert resumed(whole, ITEMS) == 0
    assert resumed(whole, mixed, pick=other) == 0
    assert resumed(whole, ITEMS, edited=ITEMS[0]) == 5
    assert resumed(whole, ["new", *ITEMS]) == 8
    assert resumed(whole, ITEMS[1:]) == 1


@pytest.mark.parametrize("seed", range(10))
def test_after_one_failure_it_and_what_follows_runs(seed: int) -> None:
    journal = one_failed(seed)
    assert resumed(journal, ITEMS) == 2
    assert resumed(journal, random.Random(seed).sample(ITEMS, 8), pick=backwards) == 2


# --- what is in a key -------------------------------------------------------------------------


def keys(body: str, filled: Mapping[str, Any] | None = None) -> list[str]:
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    text = f"from wtman.flow import *\n\nasync def main(flow):\n{lines}"
    played = play(text, lambda call: work(f"t{call.call}") if call.kind == "session" else "x")
    return [step_key(call, filled or {}, {}) for call in played.calls]


def test_what_does_not_decide_the_answer_is_not_in_it() -> None:
    plain = keys("await flow.session('p')")
    assert plain == keys(
        "flow.log('more')\nawait flow.session('p', title='t', timeout=1, usd=1, attempts=1)"
    )


@pytest.mark.parametrize(
    "call",
    [
        "flow.session('other')",
        "flow.session('p', owns=['a'])",
        "flow.session('p', expect='x')",
        "flow.session('p', role='tester')",
        "flow.session('p', agent='codex')",
        "flow.session('p', model='m')",
        "flow.session('p', effort='high')",
        "flow.session('p', tools=['Read'])",
        "flow.session('p', context='c')",
        "flow.session('p', check=False)",
        "flow.session('p', key='k')",
        "flow.ask('p')",
    ],
)
def test_everything_that_decides_the_answer_is_in_it(call: str) -> None:
    assert keys(f"await {call}") != keys("await flow.session('p')")


def test_scope_number_and_what_the_coordinator_fills_in_are_in_it() -> None:
    found = keys(
        "await flow.session('p')\n"
        "await flow.session('p')\n"
        "with flow.scope('s'):\n"
        "    await flow.session('p')"
    )
    assert len(set(found)) == 3
    assert keys("await flow.session('p')", {"role_text": "x"})[0] not in found
    # A default that is filled in is the same as the same thing said.
    same = {"model": "m"}
    assert keys("await flow.session('p')", same) == keys("await flow.session('p', model='m')", same)


def test_later_steps_follow_from_trees_not_from_commits() -> None:
    text = (
        "from wtman.flow import *\n\nasync def main(flow):\n"
        "    first = await flow.session('a')\n"
        "    await flow.session('b', needs=[first])\n"
        "    await flow.session('c', on=first)\n"
    )

    def found(task: str, commit: str) -> list[str]:
        played = play(text, lambda call: work(task if call.call == 1 else "t", commit))
        return [step_key(call, {}, {commit: "tree"}) for call in played.calls]

    first, later = found("a", "a" * 40), found("a", "c" * 40)
    assert first == later
    # To go on with a branch is to go on in its conversation.
    other = found("b", "a" * 40)
    assert other[1] == first[1] and other[2] != first[2]
