"""The three-way rule of the proof, on plain values."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.rungs import Clash, texts
from wtman.formats.three_way import KEPT, OURS, weave
from wtman.formats.tokens import compared
from wtman.merge.proof.expected import FileChange, MemberStep, expected, plans
from wtman.merge.proof.proof import judge
from wtman.merge.proof.three_way import fit, same, whole, woven
from wtman.model.changes import Change, Comparison, Entry, Span
from wtman.model.ids import TaskId


def lines(text: str) -> list[bytes]:
    return [f"{word}\n".encode() for word in text.split()]


BASE = lines("a b c d e f")


def changed(new: str, *spans: tuple[int, int, int, int]) -> Comparison:
    return Comparison(BASE, lines(new), tuple(Span(*span) for span in spans))


def who(ours: Comparison, theirs: Comparison) -> list[str]:
    return [piece.who for piece in weave(ours, theirs)]


def test_hunks_apart_are_both_taken() -> None:
    ours, theirs = changed("a X c d e f", (1, 2, 1, 2)), changed("a b c d f", (4, 5, 4, 4))
    assert who(ours, theirs) == ["kept", "ours", "kept", "theirs", "kept"]
    assert woven(weave(ours, theirs), ours.new, theirs.new) == lines("a X c d f")
    assert woven(weave(theirs, ours), theirs.new, ours.new) == lines("a X c d f")


def test_hunks_that_touch_clash_and_equal_ones_do_not() -> None:
    ours, theirs = changed("a X c d e f", (1, 2, 1, 2)), changed("a b Y d e f", (2, 3, 2, 3))
    assert who(ours, theirs) == ["kept", "clash", "kept"]
    assert who(ours, ours) == ["kept", "both", "kept"]
    one = changed("a X Y d e f", (1, 3, 1, 3))
    two = changed("a X Y d e f", (1, 2, 1, 1), (3, 3, 1, 3))
    assert who(one, changed("X Y d e f", (0, 3, 0, 2))) == ["clash", "kept"]
    assert "theirs" not in who(one, two)


def test_one_hunk_over_several_of_the_other_side() -> None:
    many = changed("X b Y d Z f", (0, 1, 0, 1), (2, 3, 2, 3), (4, 5, 4, 5))
    one = changed("X b Y d e f", (0, 3, 0, 3))
    pieces = weave(many, one)
    assert [piece.who for piece in pieces] == ["both", "kept", "ours", "kept"]
    assert woven(pieces, many.new, one.new) == lines("X b Y d Z f")


def test_an_unchanged_side_gives_the_other() -> None:
    theirs = changed("b c Q d e f f", (0, 1, 0, 0), (3, 3, 2, 3), (6, 6, 6, 7))
    for one, two in ((same(BASE), theirs), (theirs, same(BASE))):
        assert woven(weave(one, two), one.new, two.new) == theirs.new


def test_only_insertions_fit_where_nobody_declared_the_clash() -> None:
    ours, theirs = changed("a X b c d e f", (1, 1, 1, 2)), changed("a Y b c d e f", (1, 1, 1, 2))
    pieces = weave(ours, theirs)

    def fits(text: str, free: bool = False) -> bool:
        return fit(pieces, ours, theirs, lines(text), free=free) is not None

    assert fits("a X Y b c d e f") and fits("a Y X b c d e f")
    assert not fits("a X b c d e f") and not fits("a X Y Y b c d e f")
    assert not fits("a X Y b c d e") and not fits("a X Y c b d e f")
    assert fits("a Z b c d e f", free=True) and fits("a b c d e f", free=True)
    assert not fits("a Z c d e f", free=True)
    ours, theirs = changed("a X c d e f", (1, 2, 1, 2)), changed("a Y c d e f", (1, 2, 1, 2))
    pieces = weave(ours, theirs)
    assert not fits("a X Y c d e f")


LINES = st.lists(st.sampled_from([b"a\n", b"f(b, c)\n", b"f(b, c, d)\n", b"\n"]), max_size=5)


@given(LINES, LINES, LINES)
def test_whatever_the_ladder_makes_of_a_clash_is_proved(
    base: list[bytes], ours: list[bytes], theirs: list[bytes]
) -> None:
    left, right = compared(base, ours), compared(base, theirs)
    assert left is not None and right is not None
    pieces = weave(left, right)
    parts = [
        Clash(base[item.b0 : item.b1], ours[item.o0 : item.o1], theirs[item.t0 : item.t1])
        if item.who == "clash"
        else (theirs[item.t0 : item.t1] if item.who == "theirs" else ours[item.o0 : item.o1])
        for item in pieces
    ]
    for made in texts(parts):
        assert fit(pieces, left, right, made.lines) is not None


WORDS = (b"from m import A, B\n", b"from m import A, B, X\n", b"from m import A, B, Y\n")


@pytest.mark.parametrize(
    "text, right",
    [
        (b"from m import A, B, X, Y\n", True),
        (b"from m import A, B, Y, X\n", True),
        (b"from m import A, B, X\n", False),
        (b"from m import A, B, Y\n", False),
        (b"from m import A, B, X, Y, Y\n", False),
        (b"from m import A, X, Y\n", False),
        (b"from m import A, B, X, Y, Z\n", False),
        (b"from n import A, B, X, Y\n", False),
        (b"from m import A, B, X\nfrom m import A, B, Y\n", False),
        (b"", False),
    ],
)
def test_words_of_both_fit_in_one_line_and_nothing_less(text: bytes, right: bool) -> None:
    base, ours, theirs = ([b"a\n", line, b"z\n"] for line in WORDS)
    left, other = compared(base, ours), compared(base, theirs)
    assert left is not None and other is not None
    result = [b"a\n", *text.splitlines(keepends=True), b"z\n"]
    assert (fit(weave(left, other), left, other, result) is not None) is right


def entry(name: str, mode: str = "100644") -> Entry:
    return Entry(mode, name)


def test_whole_entries_by_the_three_way_rule() -> None:
    a, b, c, x = entry("a"), entry("b"), entry("c"), entry("a", "100755")
    bx = entry("b", "100755")

    def rule(base: Entry | None, prev: Entry | None, head: Entry | None) -> object:
        return expected(FileChange("p", "p", "p", "p", base, head, prev, None))

    assert rule(a, a, b) == (True, b)
    assert rule(a, b, a) == rule(a, b, b) == (True, b)
    assert rule(a, x, b) == rule(a, b, x) == (True, bx)
    assert rule(a, b, c) == (False, None)
    assert rule(a, b, None) == rule(a, None, b) == rule(None, a, b) == (False, None)
    assert rule(a, a, None) == rule(a, None, None) == (True, None)


def step(name: str, own: list[Change], landed: list[Change]) -> MemberStep:
    return MemberStep(TaskId(name), (), tuple(own), tuple(landed), {})


def test_a_file_that_nobody_touched_may_not_change() -> None:
    a, b, c = entry("a"), entry("b"), entry("c")
    own = [Change("p", a, b)]
    steps = [step("one", own, own), step("two", [], [Change("q", c, None)])]
    pairs = {
        pair: whole([f"{pair[0]}\n".encode()], [f"{pair[1]}\n".encode()])
        for pair in chain.from_iterable(plan.pairs for plan in plans(steps))
    }
    pairs["c", ""] = whole([b"c\n"], [])
    proof = judge(plans(steps), pairs)
    assert [(item.kind, item.task, item.path) for item in proof.violations] == [
        ("lost", "two", "q")
    ]
    assert not proof.proven


def test_the_tip_is_followed_from_member_to_member() -> None:
    a, b, c = entry("a"), entry("b"), entry("c")
    first = [Change("p", a, b)]
    steps = [step("one", first, first), step("two", [Change("p", b, c)], [Change("p", b, c)])]
    assert [plan.claims["p"].prev for plan in plans(steps)] == [a, b]
    # The second was not built on the first and did not change that file: it is kept.
    steps = [step("one", first, first), step("two", [Change("q", None, c)], [Change("q", None, c)])]
    assert [len(plan.strays) for plan in plans(steps)] == [0, 0]


@given(st.data())
def test_a_coarse_weave_gives_what_a_fine_one_gives(data: st.DataObject) -> None:
    """One piece for many of ours: the same lines, the same places of theirs and of both."""

    def side() -> Comparison:
        old = [b"%d\n" % number for number in range(12)]
        new: list[bytes] = []
        spans: list[Span] = []
        for at, line in enumerate(old):
            kind = data.draw(st.sampled_from(("keep", "keep", "change", "remove", "insert")))
            if kind == "keep" or (spans and spans[-1].a1 == at):
                new.append(line)
                continue
            came = [] if kind == "remove" else [b"new %d\n" % data.draw(st.integers(0, 1))]
            spans.append(Span(at, at + (kind != "insert"), len(new), len(new) + len(came)))
            new += [*came, line] if kind == "insert" else came
        return Comparison(old, new, tuple(spans))

    ours, theirs = side(), side()
    fine, coarse = weave(ours, theirs), weave(ours, theirs, coarse=True)
    assert woven(coarse, ours.new, theirs.new) == woven(fine, ours.new, theirs.new)
    mine = (OURS, KEPT)
    assert [piece for piece in coarse if piece.who not in mine] == [
        piece for piece in fine if piece.who not in mine
    ]
    ends = [(0, 0, 0), *((piece.b1, piece.o1, piece.t1) for piece in coarse)]
    assert ends[:-1] == [(piece.b0, piece.o0, piece.t0) for piece in coarse]
