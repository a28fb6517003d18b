"""Chances of conflicts: what is nearer is likelier, and the words say why."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from wtman.model.ids import TaskId
from wtman.model.places import Definition
from wtman.model.plan import Task
from wtman.plan.conflicts import chance as conflict
from wtman.plan.conflicts.chance import (
    Calibration,
    PairChance,
    RepositoryFacts,
    conflict_chances,
)
from wtman.plan.conflicts.model import PLACES
from wtman.plan.conflicts.places import common

CORE = (
    Definition("VERSION", "constant", 3, 3),
    Definition("Session", "class", 10, 400),
    Definition("Session.open", "function", 20, 30),
    Definition("Session.close", "function", 32, 40),
    Definition("Session.run", "function", 100, 380),
    Definition("helper", "function", 410, 420),
)
FACTS = RepositoryFacts(
    files=("src/core.py", "src/other.py", "README.md"),
    definitions={"src/core.py": CORE, "src/other.py": (Definition("Pool", "class", 1, 50),)},
)


def task(name: str, *touches: str, prompt: str = "Do it", **more: object) -> Task:
    return Task(TaskId(name), prompt, touches=touches, **more)  # type: ignore[arg-type]


def pair(one: Sequence[str], other: Sequence[str], facts: RepositoryFacts = FACTS) -> PairChance:
    [found] = conflict_chances((task("a", *one), task("b", *other)), facts)
    return found


def brief(one: str, other: str) -> PairChance:
    tasks = task("a", prompt=one), task("b", prompt=other)
    [found] = conflict_chances(tasks, FACTS)
    return found


def test_what_is_nearer_is_likelier() -> None:
    """From one small function over a big one and neighbours down to other files."""
    falling = (
        pair(["src/core.py::Session.open"], ["src/core.py::Session.open"]),
        pair(["src/core.py::Session.run"], ["src/core.py::Session.run"]),
        pair(["src/core.py::Session.open"], ["src/core.py::helper"]),
        pair(["src/core.py::Session.open"], ["src/other.py::Pool"]),
    )
    assert all(one.chance > other.chance for one, other in pairwise(falling)), falling
    assert [found.predicted for found in (falling[0], *falling[2:])] == [True, False, False]


@pytest.mark.parametrize(
    ("one", "other", "because"),
    [
        (
            "src/core.py::Session.open",
            "src/core.py::Session.open",
            "both change `Session.open` in src/core.py",
        ),
        (
            "src/core.py::after Session.close",
            "src/core.py::after Session.close",
            "both add code after `Session.close` in src/core.py",
        ),
        (
            "src/core.py::in Session",
            "src/core.py::in Session",
            "both add code in `Session` in src/core.py",
        ),
        (
            "src/core.py::at end",
            "src/core.py::after helper",
            "both add code after `helper` in src/core.py",
        ),
        ("src/core.py", "src/core.py", "both change src/core.py"),
        (
            "src/core.py::Session",
            "src/core.py::Session.run",
            "one changes `Session`, the other `Session.run` in it, in src/core.py",
        ),
        ("src/core.py", "src/other.py", "they change different files"),
    ],
)
def test_the_reason_names_the_place(one: str, other: str, because: str) -> None:
    assert pair([one], [other]).because == because


def test_both_at_one_point_conflict() -> None:
    """Two texts put at one and the same place have no order that git could know."""
    for point in ("after Session.close", "before Session.run", "at end", "at start"):
        assert pair([f"src/core.py::{point}"], [f"src/core.py::{point}"]).chance > 0.3, point


@pytest.mark.parametrize(
    "one, other",
    [
        ("in Session", "after Session.run"),  # its last member, in front of a closing bracket
        ("in Pool", "after Pool.get"),  # which ends where its class does
        ("in Pool", "after Pool"),
        ("at start", "before Pool"),
        ("at end", "after Pool"),
    ],
)
def test_one_place_with_two_names_has_one_chance(one: str, other: str) -> None:
    pool = Definition("Pool", "class", 1, 50), Definition("Pool.get", "function", 9, 50)
    path = "src/core.py" if "Session" in one else "src/pool.py"
    facts = RepositoryFacts((path,), {path: CORE if "Session" in one else pool})
    named = [pair([f"{path}::{x}"], [f"{path}::{y}"], facts) for x, y in ((one, other), (one, one))]
    mirrored = pair([f"{path}::{other}"], [f"{path}::{one}"], facts)
    assert named[0].chance == pytest.approx(mirrored.chance)
    assert named[0].chance == pytest.approx(named[1].chance) and named[0].chance > 0.3


def test_only_the_last_member_is_where_a_new_one_goes() -> None:
    found = pair(["src/core.py::in Session"], ["src/core.py::after Session.open"])
    assert not found.predicted


def test_lines_tell_more_than_names() -> None:
    """Both change one long function: at its two ends, or the same lines."""
    name = "src/core.py::Session.run"
    far = pair([f"{name}@110-112"], [f"{name}@300-320"])
    same = pair([f"{name}@110-115"], [f"{name}@112-120"])
    assert far.chance < pair([name], [name]).chance < same.chance
    assert (far.predicted, same.predicted) == (False, True)


def test_the_lines_of_a_whole_definition_narrow_nothing() -> None:
    name = "src/core.py::Session.run"
    assert pair([f"{name}@100-380"], [f"{name}@100-380"]) == pair([name], [name])


def test_names_are_found_however_they_are_spelled() -> None:
    plain = pair(["src/core.py::Session.open"], ["src/core.py::Session.open"])
    for spelled in (
        "Session::open",
        "Session#open",
        "def Session.open(self)",
        "open",
        "`open`",
        "session.open",
        "self.open",
        "core.Session.open",
        "the method Session.open",
        "Session.open method",
    ):
        found = pair([f"src/core.py::{spelled}"], ["src/core.py::Session.open"])
        assert found.chance == plain.chance, spelled
    for path in ("./src/core.py", "src//core.py", "src/Core.py"):
        found = pair([f"{path}::Session.open"], ["src/core.py::Session.open"])
        assert found == plain, path


def test_of_two_definitions_of_a_name_the_one_that_the_other_changes_is_meant() -> None:
    twice = (*CORE, Definition("Pool", "class", 430, 500), Definition("Pool.open", "f", 440, 450))
    facts = RepositoryFacts(("src/core.py",), {"src/core.py": twice})
    plain = pair(["src/core.py::Pool.open"], ["src/core.py::Pool.open"], facts)
    assert pair(["src/core.py::open"], ["src/core.py::Pool.open"], facts).chance == plain.chance
    assert pair(["src/core.py::open"], ["src/core.py::open"], facts).predicted


def test_a_place_that_is_not_known_is_not_held_for_far_apart() -> None:
    """A name that no definition has, or a file whose definitions nobody has read."""
    share = PLACES.cell("")[0]
    lied = pair(["src/core.py::Session.open"], ["src/core.py::gone"])
    unread = pair(["src/core.py::Session.open"], ["src/core.py::helper"], RepositoryFacts())
    assert min(lied.chance, unread.chance) >= round(share, 4) > 0.3
    assert "`gone` stands in it is not known" in lied.because
    far = pair(["src/core.py::Session.open"], ["src/core.py::helper"])
    assert far.chance < lied.chance


def test_what_starts_from_the_other_cannot_conflict() -> None:
    """Also through a third task."""
    tasks = (
        task("a", "src/core.py::helper"),
        task("b", "src/core.py::helper", needs=(TaskId("a"),)),
        task("c", "src/core.py::helper", needs=(TaskId("b"),)),
    )
    assert [found.chance for found in conflict_chances(tasks, FACTS)] == [0, 0, 0]


def test_who_owns_other_files_does_not_conflict() -> None:
    words = "Change Session.open in src/core.py"
    shared = conflict_chances((task("a", prompt=words), task("b", prompt=words)), FACTS)
    owned = conflict_chances(
        (task("a", prompt=words, owns=("src/**",)), task("b", prompt=words, owns=("docs/**",))),
        FACTS,
    )
    assert owned[0].chance < 0.05 < shared[0].chance


def test_briefs_that_name_one_thing_are_likelier_to_conflict() -> None:
    same = brief("Let `Session.open` retry", "Let `Session.open` log each try")
    other = brief("Let `Session.open` retry", "Give Pool a limit")
    assert same.chance > other.chance
    assert same.because == "both name `Session.open` in src/core.py"


def test_one_side_may_say_places_and_the_other_only_words() -> None:
    placed = task("a", "src/core.py::Session.open", prompt="Retry")
    near = conflict_chances((placed, task("b", prompt="Let `Session.open` log")), FACTS)
    far = conflict_chances((placed, task("b", prompt="Give `Pool` a limit")), FACTS)
    assert near[0].chance > far[0].chance


def test_no_chance_without_the_pairs_that_it_rests_on() -> None:
    found = [
        pair([one], [other])
        for one in ("src/core.py", "src/core.py::Session.open", "src/core.py::at end")
        for other in ("src/core.py", "src/core.py::Session.open", "src/other.py")
    ]
    found += [brief("Session", "Session"), brief("x", "y")]
    assert all(each.samples > 0 and 0 < each.chance < 1 for each in found)


def test_the_past_of_a_repository_shifts_its_chances() -> None:
    """Little after few pairs, and in the direction of what came."""
    tasks = task("a", "src/core.py::Session.run"), task("b", "src/core.py::Session.run")

    def chance(pairs: int, expected: float, conflicts: int) -> float:
        past = Calibration(pairs, expected, conflicts)
        return conflict_chances(tasks, FACTS, past)[0].chance

    plain = chance(0, 0, 0)
    assert chance(10, 5, 5) == pytest.approx(plain, abs=0.001)
    assert chance(100, 50, 10) < chance(5, 2.5, 0) < plain < chance(5, 2.5, 5) < chance(100, 50, 95)
    for hostile in ((1, -5.0, 900), (10**9, 1e300, -3), (-4, 2.0, 1)):
        assert 0 < chance(*hostile) < 1


def hostile() -> Iterator[str]:
    yield ""
    yield "::" * 5000
    yield "../../etc/passwd::x"
    yield "src/core.py::" + "A." * 20_000
    yield "src/core.py::Session@99999999"
    yield "src/core.py::Session@5-2"
    yield "`" * 50_000
    yield "a.b" * 20_000
    yield "/" * 50_000
    yield "a/" * 20_000 + ".py"
    yield "\x1b[2J\x00 \u202e src/core.py"
    yield "aA" * 30_000


@pytest.mark.parametrize("text", list(hostile()), ids=range(len(list(hostile()))))
def test_no_text_breaks_it(text: str) -> None:
    """Places and briefs come from a model: whatever they are, there is an answer."""
    tasks = task("a", text, prompt=text), task("b", "src/core.py", text, prompt=text + "x")
    [found] = conflict_chances(tasks, FACTS)
    assert 0 < found.chance < 1
    assert not set(found.because) & set("\x1b\x00\u202e\n")


def test_a_thousand_tasks_cost_what_they_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs without a common file are not looked at, and those that share are few enough."""
    looked: list[int] = []

    def counted(*sides: object) -> object:
        looked.append(1)
        return common(*sides)  # type: ignore[arg-type]

    monkeypatch.setattr(conflict, "common", counted)
    tasks = [task(f"t{n}", f"src/f{n // 2}.py::x") for n in range(1000)]
    assert len(conflict_chances(tasks, FACTS)) == 500
    assert len(looked) == 500
    looked.clear()
    crowd = [task(f"t{n}", "src/core.py::helper") for n in range(400)]
    assert len(conflict_chances(crowd, FACTS)) == conflict.MOST_LISTED
    assert len(looked) <= conflict.MOST_WEIGHED
