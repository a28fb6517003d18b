"""The search of a merge against brute force, on worlds whose truth is known."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations, permutations
from math import comb, log2
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kit
from wtman.journal.events import CandidateJudged, Conflict
from wtman.merge.combinations import Decision
from wtman.merge.culprits import Key
from wtman.merge.search import Ask, next_step, passed, search
from wtman.merge.selection import Member, arrange, kept
from wtman.merge.units import grouped
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId

Group = frozenset[TaskId]
units_of = lru_cache(maxsize=None)(grouped)


@dataclass
class World:
    """Branches with a known truth, which counts what it is asked.

    `carries`: a branch that is red unless one of each of these groups is included too.
    `telling`: its checks say what failed, so that one failure can be told from another.
    """

    members: tuple[Member, ...]
    reds: tuple[Group, ...] = ()
    conflicts: tuple[Group, ...] = ()
    carries: dict[TaskId, tuple[Group, ...]] = field(default_factory=dict)
    unjudged: bool = False
    telling: bool = False
    tells: bool = False  # a failed assembly names all conflicts, not only the first
    # Whom a red candidate points at: the culprits of what it holds, then these, true or not.
    pointing: bool = False
    pointed: tuple[TaskId, ...] = ()
    runs: int = 0
    rounds: int = 0

    @property
    def ids(self) -> tuple[TaskId, ...]:
        return units_of(self.members).leaves.ids

    def whole(self, key: Iterable[TaskId]) -> bool:
        """Whether no unit is in it with some of its parts only."""
        chosen, units = set(key), units_of(self.members)
        return all(chosen.issuperset(units.parts[name]) for name in units.of(chosen))

    def closed(self, key: Iterable[TaskId]) -> bool:
        chosen, known = set(key), set(self.ids)
        return all(
            need in chosen
            for member in self.members
            if member.id in chosen
            for need in member.needs
            if need in known
        )

    def red(self, key: Iterable[TaskId]) -> bool:
        return bool(self.failing(key))

    def failing(self, key: Iterable[TaskId]) -> tuple[str, ...]:
        chosen = frozenset(key)
        lacking = (
            f"{name} lacks"
            for name, groups in self.carries.items()
            if name in chosen and not all(helpers & chosen for helpers in groups)
        )
        return (*lacking, *(f"{min(group)} fails" for group in self.reds if group <= chosen))

    def torn(self, key: Iterable[TaskId]) -> bool:
        chosen = frozenset(key)
        return any(group <= chosen for group in self.conflicts)

    def told(self, key: Key) -> tuple[Conflict, ...]:
        found = []
        for group in self.conflicts if self.tells else ():
            if group <= frozenset(key):
                *others, last = (name for name in key if name in group)
                found.append(Conflict(last, tuple(others), ("a.py",)))
        return tuple(found)

    def candidate(self, key: Key) -> CandidateJudged:
        assert key, "the empty set was judged"
        assert self.closed(key), f"{key} is not closed under needs"
        assert key == tuple(name for name in self.ids if name in key), "not in dependency order"
        on = Sha("0" * 40)
        for end in range(1, len(key) + 1):
            for group in self.conflicts:
                if group <= frozenset(key[:end]):
                    last = key[end - 1]
                    others = tuple(name for name in key[:end] if name in group and name != last)
                    conflict = Conflict(last, others, ("a.py",))
                    return CandidateJudged(
                        on, key, Verdict.RED, conflict=conflict, conflicts=self.told(key)
                    )
        self.runs += 1
        commit = Sha("%040x" % (hash(key) % 16**40))
        if self.unjudged:
            return CandidateJudged(on, key, Verdict.UNCHECKED, commit)
        failing = self.failing(key)
        verdict = Verdict.RED if failing else Verdict.GREEN
        told = failing if self.telling else ("test_it",)
        result = CheckResult("make test", verdict, "exit 1", new_failures=told)
        suspects = self.suspects(key) if failing else ()
        return CandidateJudged(on, key, verdict, commit, results=(result,), suspects=suspects)

    def suspects(self, key: Key) -> tuple[TaskId, ...]:
        chosen = frozenset(key)
        culprits = [sorted(group, reverse=True) for group in self.reds if group <= chosen]
        found = [name for group in culprits if self.pointing for name in group]
        return tuple(dict.fromkeys([*found, *(name for name in self.pointed if name in chosen)]))

    def decide(self, width: int = 1, unchecked: bool = False) -> Decision:
        candidates: dict[Key, CandidateJudged] = {}
        while True:
            step = next_step(self.members, candidates, width, unchecked=unchecked)
            if isinstance(step, Decision):
                for key, candidate in candidates.items():
                    assert step.landing != key or passed(candidate, unchecked=unchecked)
                assert not step.landing or step.landing in candidates
                return step
            assert step.candidates
            assert len(step.candidates) <= width
            self.rounds += 1
            for key in step.candidates:
                assert key not in candidates
                candidates[key] = self.candidate(key)


def names(count: int) -> tuple[TaskId, ...]:
    return tuple(TaskId(f"t{number:04d}") for number in range(count))


def plain(count: int) -> tuple[Member, ...]:
    return tuple(Member(name, Sha("a"), Sha(f"head-{name}")) for name in names(count))


def group(*numbers: int) -> Group:
    return frozenset(names(max(numbers) + 1)[number] for number in numbers)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(1, 10))
    ids = names(count)
    members = []
    for number, name in enumerate(ids):
        earlier = ids[:number]
        needs = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        use = draw(st.booleans())
        members.append(Member(name, Sha("a"), Sha(f"head-{name}"), tuple(needs) if use else ()))

    def groups(sizes: Sequence[int], most: int) -> tuple[Group, ...]:
        found = []
        for _ in range(draw(st.integers(0, most))):
            size = min(draw(st.sampled_from(sizes)), count)
            chosen = st.lists(st.sampled_from(ids), min_size=size, max_size=size, unique=True)
            found.append(frozenset(draw(chosen)))
        return tuple(dict.fromkeys(found))

    reds, conflicts = groups((1, 2, 2, 3), 4), groups((1, 2, 2), 4)
    return World(
        tuple(members),
        reds,
        conflicts,
        tells=draw(st.booleans()),
        pointing=draw(st.booleans()),
        pointed=tuple(draw(st.lists(st.sampled_from(ids), max_size=4, unique=True))),
    )


def below(world: World, chosen: Group) -> Group:
    return frozenset().union(*(arrange(world.members).below[name] for name in chosen))


def best(world: World) -> int:
    for size in range(len(world.ids), 0, -1):
        for key in combinations(world.ids, size):
            if (
                world.closed(key)
                and world.whole(key)
                and not world.red(key)
                and not world.torn(key)
            ):
                return size
    return 0


@settings(max_examples=kit.examples(400))
@given(worlds(), st.integers(1, 8))
def test_the_most_that_can_land_lands_and_only_the_culprits_are_named(
    world: World, width: int
) -> None:
    decision = world.decide(width)
    landing = frozenset(decision.landing)

    assert world.closed(landing)
    assert not world.red(landing)
    assert not world.torn(landing)
    assert len(landing) == best(world)

    for culprit in decision.culprits:
        whole = below(world, culprit.members)
        if culprit.kind == "conflict":
            assert culprit.members in world.conflicts
            continue
        # Smallest: the accused with what they need are red; without any one of them, green.
        assert world.red(whole)
        for name in culprit.members:
            left = frozenset(
                other for other in whole if name not in below(world, frozenset({other}))
            )
            assert not world.red(left)
        assert frozenset(culprit.candidate) == whole
        assert (culprit.kind == "failed") == (len(culprit.members) == 1)

    left_out = {item.task: item for item in decision.excluded}
    assert set(left_out) == set(world.ids) - landing
    for name, item in left_out.items():
        if item.reason == "unverified":
            assert set(item.others) == below(world, frozenset({name})) - {name} - landing
            assert item.others
        else:
            assert frozenset({name, *item.others}) in {
                culprit.members for culprit in decision.culprits
            }
            assert item.why()
            assert item.reproduce


@st.composite
def unit_worlds(draw: st.DrawFn) -> World:
    world = draw(worlds())
    names = st.sampled_from(["", "", "u", "v", "w"])
    members = (replace(member, unit=TaskId(draw(names))) for member in world.members)
    return replace(world, members=tuple(members))


@settings(max_examples=kit.examples(400))
@given(unit_worlds(), st.integers(1, 8))
def test_of_units_the_most_land_whole_and_the_guilty_part_is_named(
    world: World, width: int
) -> None:
    decision = world.decide(width)
    landing, units = frozenset(decision.landing), units_of(world.members)
    assert decision.landing == units.leaves.key(landing)
    assert world.closed(landing) and world.whole(landing)
    assert not world.red(landing) and not world.torn(landing)
    assert len(landing) == best(world)
    left = {item.task: item for item in decision.excluded}
    assert set(left) == set(world.ids) - landing
    for name in units.of(left):
        parts = units.parts[name]
        told = [left[part] for part in parts]
        guilty = [item for item in told if item.reason != "unverified"]
        assert {item.unit for item in told} == {name if parts != (name,) else ""}
        for item in guilty:
            accused = frozenset({item.task, *item.others})
            if item.reason == "conflict":
                assert accused in world.conflicts
                continue
            whole = below(world, accused)
            assert world.red(whole), "smallest, part by part"
            for other in accused:
                gone = [one for one in whole if other in below(world, frozenset({one}))]
                assert not world.red(whole - frozenset(gone))
        for item in told:
            if item not in guilty and guilty:
                assert set(item.others) <= {one.task for one in guilty}, "it follows its unit"
            elif item not in guilty:
                assert item.others and not set(item.others) & set(units.of(landing))


@settings(max_examples=kit.examples(150))
@given(unit_worlds(), st.integers(1, 4))
def test_the_search_goes_on_from_any_journal(world: World, width: int) -> None:
    """It is re-run from the start each turn, so answers may come one at a time."""
    whole = world.decide(width)
    candidates: dict[Key, CandidateJudged] = {}
    while isinstance(step := next_step(world.members, candidates, width), Ask):
        candidates[step.candidates[-1]] = world.candidate(step.candidates[-1])
    assert step == whole


def test_all_green_is_one_probe() -> None:
    world = World(plain(128))
    assert world.decide(8).landing == world.ids
    assert (world.runs, world.rounds) == (1, 1)


def test_nobody_asks_to_board() -> None:
    assert next_step((), {}) == Decision(())


def test_textual_conflicts_cost_no_check_run() -> None:
    world = World(plain(8), conflicts=(group(0, 5), group(5, 7), group(2)))
    decision = world.decide()
    assert world.runs == 1
    out = {item.task: item for item in decision.excluded}
    assert set(out) == {"t0002", "t0005"}
    assert out[TaskId("t0005")].reason == "conflict"
    assert out[TaskId("t0005")].paths == ("a.py",)
    assert "the target" in out[TaskId("t0002")].why()


def test_the_member_of_two_clashes_goes_and_not_two_others() -> None:
    world = World(plain(6), reds=(group(1, 3), group(1, 5)))
    decision = world.decide()
    assert [item.task for item in decision.excluded] == ["t0001"]


def test_whoever_was_freed_by_a_drop_comes_back() -> None:
    world = World(plain(4), conflicts=(group(0, 3),), reds=(group(0),))
    decision = world.decide()
    assert decision.landing == names(4)[1:]
    assert decision.excluded[0].reason == "failed"


def test_a_dependent_is_left_out_with_its_need_and_not_accused() -> None:
    members = list(plain(4))
    members[2] = Member(TaskId("t0002"), Sha("a"), Sha("b"), (TaskId("t0001"),))
    decision = World(tuple(members), reds=(group(1),)).decide()
    first, second = decision.excluded
    assert (first.task, first.reason, first.others) == ("t0001", "failed", ())
    assert (second.task, second.reason, second.others) == ("t0002", "unverified", ("t0001",))


def test_red_alone_but_green_in_combination_lands_and_the_dependence_is_named() -> None:
    ids = names(6)
    world = World(plain(6), reds=(group(3),), carries={ids[1]: (group(4),)})
    decision = world.decide()
    assert decision.landing == tuple(name for name in ids if name != ids[3])
    assert decision.needs == {ids[1]: (ids[4],)}
    assert [item.task for item in decision.excluded] == [ids[3]]


def needing(count: int, **needs: tuple[int, ...]) -> World:
    """`needing(3, t0=(1,), t1=(0,))`: each is red unless all of these are included too."""
    ids = names(count)
    carries = {
        ids[int(name[1:])]: tuple(frozenset({ids[other]}) for other in others)
        for name, others in needs.items()
    }
    return World(plain(count), carries=carries)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_two_that_need_each_other_land_beside_one_that_is_red(order: tuple[int, ...]) -> None:
    world = needing(3, t0=(1,), t1=(0,))
    world.reds = (group(2),)
    world.members = tuple(world.members[number] for number in order)
    decision = world.decide()
    assert set(decision.landing) == group(0, 1)
    assert [(item.task, item.reason) for item in decision.excluded] == [("t0002", "failed")]


def test_one_that_needs_two_others_lands_and_both_are_named() -> None:
    world = needing(6, t1=(3, 5))
    world.reds = (group(2),)
    decision = world.decide()
    assert set(decision.landing) == group(0, 1, 3, 4, 5)
    assert decision.needs == {TaskId("t0001"): ("t0003", "t0005")}


def test_a_member_is_exchanged_where_more_land_that_way() -> None:
    """p v w q r: p needs q and r, and v, w and q are red together."""
    world = needing(5, t0=(3, 4))
    world.reds = (group(1, 2, 3),)
    decision = world.decide()
    assert len(decision.landing) == 4
    assert {TaskId("t0000"), TaskId("t0003"), TaskId("t0004")} <= set(decision.landing)
    (item,) = decision.excluded
    assert item.reason == "interaction"


def test_failing_tests_tell_who_is_beyond_help_in_one_run() -> None:
    """Of six that are red alone two need each other: nobody is tried one by one."""
    world = needing(40, t7=(30,), t30=(7,))
    world.reds = tuple(group(number) for number in (3, 11, 19, 25))
    told = World(world.members, world.reds, carries=world.carries, telling=True)
    assert len(world.decide().landing) >= 34
    assert len(told.decide().landing) == 36
    assert told.runs <= world.runs - 4
    assert told.decide().needs == {
        TaskId("t0007"): ("t0030",),
        TaskId("t0030"): ("t0007",),
    }


def test_whoever_needs_one_that_was_cured_lands_with_it() -> None:
    members = list(plain(4))
    members[2] = Member(TaskId("t0002"), Sha("a"), Sha("b"), (TaskId("t0001"),))
    world = needing(4, t1=(3,))
    world.members = tuple(members)
    assert world.decide().landing == names(4)


def test_a_combination_does_not_hide_who_clashes() -> None:
    """h, a, x: a is red without h; a and x are red together. Nobody else is accused."""
    world = needing(3, t1=(0,))
    world.reds = (group(1, 2),)
    decision = world.decide()
    assert len(decision.landing) == 2
    for culprit in decision.culprits:
        assert not any(world.red(culprit.members - {name}) for name in culprit.members)


@st.composite
def needy_worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(2, 6))
    ids = names(count)
    carries: dict[TaskId, tuple[Group, ...]] = {}
    for name in draw(st.lists(st.sampled_from(ids), max_size=3, unique=True)):
        others = st.sampled_from([other for other in ids if other != name])
        groups = st.lists(st.frozensets(others, min_size=1, max_size=2), min_size=1, max_size=2)
        carries[name] = tuple(draw(groups))
    clashes = st.lists(st.frozensets(st.sampled_from(ids), min_size=1, max_size=3), max_size=2)
    return World(
        plain(count),
        tuple(dict.fromkeys(draw(clashes))),
        tuple(dict.fromkeys(group for group in draw(clashes) if len(group) == 2)),
        carries,
        telling=draw(st.booleans()),
        tells=draw(st.booleans()),
        pointed=tuple(draw(st.lists(st.sampled_from(ids), max_size=3, unique=True))),
    )


@settings(max_examples=kit.examples(400))
@given(needy_worlds(), st.integers(1, 4))
def test_with_combinations_what_lands_is_green_and_each_accused_set_is_smallest(
    world: World, width: int
) -> None:
    decision = world.decide(width)
    landing = frozenset(decision.landing)
    assert not world.red(landing) and not world.torn(landing)
    assert {item.task for item in decision.excluded} == set(world.ids) - landing
    for culprit in decision.culprits:
        if culprit.kind == "conflict":
            assert culprit.members in world.conflicts
            continue
        assert world.red(culprit.members)
        assert not any(world.red(culprit.members - {name}) for name in culprit.members)
    for name, needed in decision.needs.items():
        combination = frozenset({name, *needed})
        assert combination <= landing
        assert world.red({TaskId(name)})
        for other in needed:
            assert world.red(combination - {other})


def test_with_combinations_nearly_the_most_that_can_land_does() -> None:
    """The tries are bounded: in one world of a hundred one less lands than could."""
    draw = random.Random(5)
    most = landed = runs = 0
    for number in range(400):
        ids = names(draw.randint(2, 6))
        carries = {
            name: (frozenset(draw.sample([other for other in ids if other != name], 1)),)
            for name in draw.sample(ids, draw.randint(0, 2))
        }
        reds = tuple(frozenset(draw.sample(ids, draw.randint(1, 2))) for _ in range(2))
        world = World(plain(len(ids)), reds, carries=carries, telling=bool(number % 2))
        landed += len(world.decide().landing)
        most += best(world)
        runs += world.runs
    assert landed >= 0.99 * most
    assert runs <= 8.5 * 400


def test_a_red_branch_is_excluded_with_its_failing_tests_and_a_way_to_see_it() -> None:
    decision = World(plain(3), reds=(group(0, 2),)).decide()
    (item,) = decision.excluded
    assert (item.task, item.reason, item.others) == ("t0002", "interaction", ("t0000",))
    assert "test_it" in item.why()
    assert item.reproduce.startswith("git worktree add --detach ")
    assert item.reproduce.endswith("(make test)")


def test_an_unchecked_tree_boards_only_where_that_is_allowed() -> None:
    refused = World(plain(2), unjudged=True).decide()
    assert refused.landing == ()
    assert {item.reason for item in refused.excluded} == {"unverified"}
    assert World(plain(2), unjudged=True).decide(unchecked=True).landing == names(2)


def test_where_all_clash_the_search_does_not_look_at_every_pair() -> None:
    pairs = tuple(frozenset(pair) for pair in combinations(names(16), 2))
    world = World(plain(16), reds=pairs)
    assert len(world.decide().landing) == 1
    assert world.runs <= 6 * 16
    torn = World(plain(24), conflicts=tuple(frozenset(p) for p in combinations(names(24), 2)))
    assert len(torn.decide().landing) == 1
    assert torn.rounds < 160


def test_told_of_all_conflicts_at_once_the_choice_takes_one_assembly_more() -> None:
    pairs = tuple(frozenset(pair) for pair in combinations(names(24), 2))
    clique = World(plain(40), conflicts=pairs, tells=True)
    assert len(clique.decide().landing) == 17
    assert (clique.rounds, clique.runs) == (2, 1)
    star = World(plain(9), conflicts=tuple(group(4, other) for other in (1, 2, 7)), tells=True)
    (item,) = star.decide().excluded
    assert (item.task, star.rounds) == ("t0004", 2)
    assert "without it 3 that conflict with it land: t0001, t0002, t0007" in item.why()


@pytest.mark.parametrize("reds, most", [((3,), 3), ((3, 8), 5)])
def test_one_clash_that_its_failing_tests_point_at_is_a_few_runs(
    reds: tuple[int, ...], most: int
) -> None:
    """The whole, all without the suspect, which lands, and the naming."""
    for shift in range(12):
        clash = group(*((number + shift) % 12 for number in reds))
        world = World(plain(12), reds=(clash,), pointing=True)
        decision = world.decide()
        assert len(decision.landing) == 11
        assert {culprit.members for culprit in decision.culprits} == {clash}
        assert world.runs <= most


def test_of_many_that_are_red_alone_and_pointed_at_each_is_one_run_more() -> None:
    """Where failing tests are left that none explains, the whole without one is red again."""
    reds = tuple(group(number) for number in (2, 5, 9))
    world = World(plain(12), reds, pointing=True, telling=True)
    assert len(world.decide().landing) == 9
    assert world.runs == 5


def test_a_wrong_suspicion_costs_a_few_runs_at_most() -> None:
    for wrong in range(64):
        blind = World(plain(64), reds=(group(20),))
        misled = World(plain(64), reds=(group(20),), pointed=(names(64)[wrong],))
        assert (
            blind.decide().culprits[0].members == misled.decide().culprits[0].members == group(20)
        )
        assert misled.runs <= blind.runs + 3, wrong


def test_a_large_tangle_is_answered_in_bounded_time() -> None:
    order = arrange(plain(60))
    draw = random.Random(7)
    clashes = [frozenset(draw.sample(order.ids, 2)) for _ in range(150)]
    chosen = kept(order, clashes)
    assert not any(clash <= chosen for clash in clashes)
    for name in set(order.ids) - chosen:
        assert any(clash <= chosen | {name} for clash in clashes)


def bits(count: int, bad: int, pairs: int) -> float:
    """What naming them costs at least, as facts/merging A3 has it in its column `bits`."""
    return log2(comb(count, bad)) + (log2(comb(comb(count - bad, 2), pairs)) if pairs else 0)


def landing_runs(world: World) -> int:
    """Runs of the search for what lands; naming and confirming are counted apart."""
    walk = search(world.members, 1)
    runs = 0
    candidates: dict[Key, CandidateJudged] = {}
    batch = next(walk, ())
    while batch:
        new = [key for key in batch if key not in candidates]
        candidates |= {key: world.candidate(key) for key in new}
        runs += 0 if _naming(walk) else len(new)
        try:
            batch = walk.send({key: candidates[key] for key in batch})
        except StopIteration as stop:
            found, batch = stop.value, ()
    assert len(found.landing) >= len(world.ids) - len(world.reds)
    return runs


def _naming(walk: object) -> bool:
    """Whether the generator names who it was, confirms it, or gives a second chance."""
    while walk is not None:
        if getattr(walk, "__name__", "") in ("explain", "_smallest", "retried"):
            return True
        walk = getattr(walk, "gi_yieldfrom", None)
    return False


@pytest.mark.parametrize(
    "count, bad, pairs", [(12, 1, 0), (12, 0, 1), (12, 2, 1), (100, 1, 0), (100, 0, 1), (100, 2, 2),
                          (100, 5, 2), (100, 30, 5)]
)  # fmt: skip
def test_runs_stay_within_one_and_a_half_times_the_bound(count: int, bad: int, pairs: int) -> None:
    draw = random.Random(11)
    total = 0
    worlds = 200 if count < 50 else 20
    for _ in range(worlds):
        chosen = draw.sample(names(count), bad)
        rest = [name for name in names(count) if name not in chosen]
        reds = [frozenset({name}) for name in chosen]
        while len(reds) < bad + pairs:
            pair = frozenset(draw.sample(rest, 2))
            if pair not in reds:
                reds.append(pair)
        total += landing_runs(World(plain(count), tuple(reds)))
    assert total / worlds <= 1.5 * bits(count, bad, pairs)


@st.composite
def crowded_worlds(draw: st.DrawFn) -> World:
    """Half of the branches or so are red by themselves; some need others, some clash."""
    count = draw(st.integers(5, 11))
    ids = names(count)
    members = list(plain(count))
    for at in range(1, count):
        if draw(st.integers(0, 3)) == 0:
            needs = draw(st.lists(st.sampled_from(ids[:at]), max_size=2, unique=True))
            members[at] = replace(members[at], needs=tuple(needs))
    bad = draw(st.lists(st.sampled_from(ids), min_size=3, max_size=count, unique=True))
    pairs = st.lists(st.frozensets(st.sampled_from(ids), min_size=2, max_size=2), max_size=2)
    reds = [*(frozenset({name}) for name in bad), *draw(pairs)]
    return World(
        tuple(members), tuple(dict.fromkeys(reds)), tuple(draw(pairs)), telling=draw(st.booleans())
    )


@settings(max_examples=kit.examples(100))
@given(crowded_worlds(), st.integers(1, 4))
def test_where_many_are_red_alone_the_most_land_and_only_the_culprits_are_named(
    world: World, width: int
) -> None:
    with patch("wtman.merge.one_by_one._MANY", 0):  # the smallest worlds go wrong first
        decision = world.decide(width)
    assert not world.red(decision.landing) and not world.torn(decision.landing)
    assert len(decision.landing) == best(world)
    for culprit in decision.culprits:
        if culprit.kind == "failed":
            (name,) = culprit.members
            needed = below(world, culprit.members) - {name}
            assert world.red(needed | {name}) and not world.red(needed)


@pytest.mark.parametrize(
    "count, bad, width, most",
    [(100, 40, 1, 140), (100, 40, 4, 45)],
)
def test_where_every_third_is_red_alone_each_is_looked_at_once(
    count: int, bad: int, width: int, most: int
) -> None:
    """`most` is of the mean of the rounds, which one wide is that of the runs."""
    draw = random.Random(11)
    rounds = 0
    worlds = 40 if count < 50 else 2
    for _ in range(worlds):
        reds = tuple(frozenset({name}) for name in draw.sample(names(count), bad))
        world = World(plain(count), reds)
        assert len(world.decide(width).landing) == count - bad
        rounds += world.rounds
    assert rounds <= most * worlds
