"""What branches stand on, and the words of the commits that they become."""

from wtman.integration.ancestry import ground, left_target, own, places, sole_author
from wtman.integration.message import external_text
from wtman.model.changes import Commit
from wtman.model.ids import Sha
from wtman.model.plan import Identity

ADA, BO = Identity("Ada", "ada@example.com"), Identity("Bo", "bo@example.com")


def grown(**parents: str) -> dict[Sha, Commit]:
    """A history from `child="parent parent"`; parents that are not in it are the target's."""
    return {
        Sha(name): Commit(tuple(Sha(item) for item in above.split()), ADA, name)
        for name, above in parents.items()
    }


def test_the_nearest_of_what_a_branch_contains_is_its_ground() -> None:
    history = grown(a="t", b="a", c="b", d="t", m="c d", x="m")
    tips = [Sha(name) for name in ("a", "c", "d", "x")]
    assert ground(history, tips, ()) == [(), ("a",), (), ("c", "d")]
    assert ground(history, tips, [Sha("b")]) == [(), ("b",), (), ("c", "d")]
    assert ground(history, [Sha("x")], [Sha("b"), Sha("a"), Sha("gone")]) == [("b",)]


def test_of_two_names_for_one_commit_the_second_stands_on_the_first() -> None:
    history = grown(a="t")
    assert ground(history, [Sha("a"), Sha("a")], ()) == [(), ("a",)]


def test_own_commits_are_those_above_the_ground_without_merges() -> None:
    history = grown(a="t", b="a", d="t", m="b d", x="m")
    place = places(history)
    assert [item.text for item in own(history, place, Sha("x"), ())] == ["a", "b", "d", "x"]
    below = [Sha("b"), Sha("d")]
    assert [item.text for item in own(history, place, Sha("x"), below)] == ["x"]


def test_a_commit_left_the_target_where_its_line_enters_it() -> None:
    history = grown(a="t", b="a", d="u", m="b d", x="m", free="", half="free a")
    assert left_target(history) == {
        "a": {"t"},
        "b": {"t"},
        "d": {"u"},
        "m": {"t", "u"},
        "x": {"t", "u"},
        "free": set(),
        "half": {"t"},
    }


def test_only_the_nearest_of_many_is_ground() -> None:
    history = grown(a="t", b="a", c="b", d="a", m="c d")
    tips = [Sha(name) for name in ("m", "d", "c", "b", "a")]
    assert ground(history, tips, ()) == [("d", "c"), ("a",), ("b",), ("a",), ()]


def test_an_author_is_kept_only_where_there_is_one() -> None:
    one, two = Commit((), BO, ""), Commit((), ADA, "")
    assert sole_author([one, one]) == BO
    assert sole_author([one, two]) is None
    assert sole_author([]) is None


def test_a_single_commit_keeps_its_message_trailers_and_all() -> None:
    text = "Fix it\n\nBecause.\n\nFixes: #3\nSigned-off-by: Bo <bo@example.com>\n"
    assert external_text("topic", [text]) == text


def test_what_would_break_the_mail_of_a_patch_is_moved_by_a_blank() -> None:
    text = "Fix it\n\nFrom: nobody\n---\ndiff -u\nFrom here on\n@@ -1 +1 @@\n+++ b/f\nFixes: #3\n"
    moved = (
        "Fix it\n\n From: nobody\n ---\n diff -u\n From here on\n"
        " @@ -1 +1 @@\n +++ b/f\nFixes: #3\n"
    )
    assert external_text("topic", [text]) == moved


def test_several_commits_become_a_list_below_the_name() -> None:
    texts = ["one\n\nmore\n", "two\n"]
    assert external_text("topic", texts, [BO]) == (
        "topic\n\n* one\n\nmore\n\n* two\n\nCo-authored-by: Bo <bo@example.com>\n"
    )
    assert external_text("topic", texts, merged=True) == "Merge branch 'topic'\n\n* one\n* two\n"
    assert external_text("topic", []) == "topic\n"
    assert "* and 20 more" in external_text("topic", [f"s{n}" for n in range(120)])
