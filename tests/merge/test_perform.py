"""Trains of real branches: assembled without a checkout, judged, and the culprits named."""

from pathlib import Path

import pytest

from tests import kit
from tests.git.world import is_whole
from tests.yard import CHECK, FILES, Yard, landed
from wtman.coordinator.create import load_state, open_store
from wtman.integration.assemble import Assembled, assemble, train_of
from wtman.journal import events as e
from wtman.model.check import Verdict
from wtman.model.ids import RunId, TaskId


def made(yard: Yard, *names: str, **options: object) -> Assembled:
    if not yard.run:
        yard.create()
        yard.ask(**options)
    with open_store(yard.repo) as store:
        state = load_state(store, yard.run)
    members = tuple(TaskId(name) for name in names)
    return assemble(yard.control, train_of(state, yard.sha("main"), members))


@pytest.mark.slow
def test_eight_branches_land_but_for_the_culprits(eight: Yard) -> None:
    before = eight.sha("main")
    eight.create()
    state = eight.merge()
    outcome = landed(state)

    assert list(outcome.commits) == ["docs", "rename", "left", "lib", "chain"]
    assert outcome.moved
    assert eight.sha("main") == outcome.after
    assert eight.git("status", "--porcelain", "-uno") == ""
    out = {item.task: item for item in outcome.excluded}
    assert {task: (item.reason, item.others) for task, item in out.items()} == {
        "billing": ("interaction", ("rename",)),
        "right": ("conflict", ("left",)),
        "broken": ("failed", ()),
    }
    assert out[TaskId("right")].paths == ("config.txt",)
    assert "test_billing.py" in out[TaskId("billing")].why()
    assert "arithmetic" in out[TaskId("broken")].why()

    # The result passes in a clone that knows nothing of wtman, and is linear.
    clone = eight.path.parent / "clone"
    eight.git("clone", "-q", "--no-local", str(eight.path), str(clone))
    kit.run_git(clone, "rev-parse", "HEAD")
    assert (clone / "config.txt").read_text().splitlines()[10] == "left"
    assert eight.git("rev-list", "--count", "--merges", f"{before}..main") == "0"
    assert eight.git("rev-list", "--count", f"{before}..main") == "5"


@pytest.mark.slow
def test_the_commands_that_reproduce_a_failure_do(eight: Yard) -> None:
    eight.create()
    out = {item.task: item for item in landed(eight.merge()).excluded}
    for name in ("billing", "broken", "right"):
        script = out[TaskId(name)].reproduce
        done = kit_shell(eight.path, script)
        assert done == 1, (name, script)


def kit_shell(path: Path, script: str) -> int:
    import subprocess

    return subprocess.run(
        ["sh", "-c", script], cwd=path, capture_output=True, check=False, timeout=60
    ).returncode


def test_all_green_is_one_run_and_its_verdict_is_kept(yard: Yard) -> None:
    for name in ("one", "two", "three"):
        yard.add(name, {f"{name}.py": "x = 1\n"})
    yard.create()
    outcome = landed(yard.merge(dry_run=True))
    assert (outcome.checks, outcome.moved) == (1, False)
    again = landed(yard.merge(dry_run=True))
    assert again.checks == 0  # the tree was judged already
    assert again.commits == outcome.commits


def test_a_train_is_the_same_whoever_assembles_it_and_touches_nothing(eight: Yard) -> None:
    one = made(eight, "docs", "rename", "left")
    before = eight.git("for-each-ref"), eight.git("status", "--porcelain")
    two = made(eight, "docs", "rename", "left")
    assert one == two
    assert (eight.git("for-each-ref"), eight.git("status", "--porcelain")) == before
    parents = eight.git("rev-list", "--parents", f"main..{one.commit}").splitlines()
    assert [line.split()[1] for line in parents][-1] == eight.sha("main")


def test_a_squashed_commit_says_whose_it_is(yard: Yard) -> None:
    yard.external = False
    yard.add("core", {"core.py": "def total(x):\n    return x + x\n"})
    train = made(yard, "core")
    said = yard.git("log", "-1", "--format=%an <%ae>|%cn|%at|%B", train.commit)
    assert said.rstrip() == (
        f"{kit.NAME} <{kit.EMAIL}>|{kit.NAME}|1767100000|Do core.\n\n"
        f"Wtman-Run: {yard.run}\nWtman-Task: core\nWtman-Attempt: 1\nAssisted-by: robot"
    )


def test_the_merge_strategy_keeps_the_branches_as_second_parents(eight: Yard) -> None:
    train = made(eight, "docs", "left", strategy="merge")
    tip = eight.git("rev-list", "--parents", "-1", train.commit).split()
    assert tip[2] == eight.ends[TaskId("left")][1]
    squashed = made(eight, "docs", "left")
    assert squashed.tree == train.tree


def test_a_change_that_is_in_the_target_already_makes_no_commit(yard: Yard) -> None:
    yard.add("same", {"config.txt": "changed\n"})
    yard.add("twin", {"config.txt": "changed\n"})
    train = made(yard, "same", "twin")
    assert train.commits[TaskId("twin")] == train.commits[TaskId("same")] == train.commit


def test_a_conflict_with_the_target_names_nobody(yard: Yard) -> None:
    lines = FILES["config.txt"]
    yard.add("far", {"far.txt": "x\n"})
    yard.add("late", {"config.txt": lines.replace("line 3\n", "late\n")})
    kit.commit_files(yard.path, {"config.txt": lines.replace("line 3\n", "target\n")})
    train = made(yard, "far", "late")
    assert train.conflict is not None
    assert (train.conflict.task, train.conflict.others) == ("late", ())
    assert train.conflict.paths == ("config.txt",)


def test_a_conflict_names_the_partner_through_what_it_needs(yard: Yard) -> None:
    lines = FILES["config.txt"]
    yard.add("quiet", {"config.txt": lines.replace("line 0\n", "quiet\n")})
    yard.add("root", {"root.txt": "x\n"})
    yard.add("leaf", {"config.txt": lines.replace("line 19\n", "leaf\n")}, needs=("root",))
    yard.add("clash", {"config.txt": lines.replace("line 19\n", "clash\n")})
    train = made(yard, "quiet", "root", "leaf", "clash")
    assert train.conflict is not None
    assert (train.conflict.task, train.conflict.others) == ("clash", ("leaf",))


def move(path: Path) -> None:
    (path / "config.txt").rename(path / "moved.txt")


def test_a_conflict_behind_a_rename_names_its_partner(yard: Yard) -> None:
    """No path that the two changed is the one that conflicts."""
    lines = FILES["config.txt"]
    yard.add("mover", {}, change=move)
    yard.add("other", {"other.txt": "x\n"})
    yard.add("editor", {"config.txt": lines.replace("line 5\n", "edited\n")})
    yard.add("blocker", {"config.txt": lines.replace("line 5\n", "blocked\n")})
    train = made(yard, "mover", "other", "editor", "blocker")
    assert train.conflict is not None
    assert (train.conflict.task, train.conflict.others) == ("blocker", ("editor",))
    assert train.conflict.paths == ("moved.txt",)


def conflict_of_three(yard: Yard) -> None:
    """A rename and a large edit hide the file from the third, though each alone does not."""
    lines = FILES["config.txt"].splitlines(keepends=True)
    tail = "".join([*lines[:14], *(f"tail {number}\n" for number in range(6))])

    def rename(path: Path) -> None:
        (path / "config.txt").unlink()

    yard.add("quiet", {"quiet.txt": "x\n"})
    yard.add("edit", {"config.txt": "".join([*(f"top {n}\n" for n in range(6)), *lines[6:]])})
    yard.add("rename", {"moved.txt": tail}, change=rename)
    yard.add("third", {"config.txt": "".join([*lines[:10], "third\n", *lines[11:]])})


def test_a_conflict_of_three_names_both_others_and_nobody_else(yard: Yard) -> None:
    conflict_of_three(yard)
    assert made(yard, "quiet", "edit", "third").conflict is None
    assert made(yard, "quiet", "rename", "third").conflict is None
    train = made(yard, "quiet", "edit", "rename", "third")
    assert train.conflict is not None
    assert (train.conflict.task, train.conflict.others) == ("third", ("edit", "rename"))


def test_a_stacked_branch_brings_only_its_own_change(eight: Yard) -> None:
    train = made(eight, "chain")
    assert eight.git("diff", "--name-only", "main", train.commit) == "test_lib.py"


def test_no_check_at_all_boards_only_where_that_is_allowed(yard: Yard) -> None:
    yard.check = ()
    yard.add("one", {"one.txt": "x\n"})
    yard.create()
    refused = landed(yard.merge())
    assert (refused.moved, [item.reason for item in refused.excluded]) == (False, ["unverified"])
    allowed = yard.merge(unchecked=True)
    assert landed(allowed).moved
    assert allowed.merge is not None
    assert {candidate.verdict for candidate in allowed.merge.candidates.values()} == {
        Verdict.UNCHECKED
    }


def test_the_checks_of_the_boarded_tasks_judge_the_train_too(yard: Yard) -> None:
    yard.add("picky", {"one.txt": "x\n"}, check=("test ! -e two.txt",))
    yard.add("two", {"two.txt": "x\n"})
    yard.create()
    outcome = landed(yard.merge())
    (left,) = outcome.excluded
    assert (left.task, left.others) == ("two", ("picky",))
    assert list(outcome.commits) == ["picky"]


def test_another_check_may_be_asked_for(yard: Yard) -> None:
    yard.add("one", {"one.txt": "x\n"})
    yard.add("two", {"two.txt": "x\n"})
    yard.create()
    outcome = landed(yard.merge(check=(CHECK, "test ! -e two.txt")))
    assert list(outcome.commits) == ["one"]


@pytest.mark.slow
def test_what_was_red_can_be_looked_at_later(eight: Yard) -> None:
    eight.create()
    state = eight.merge()
    assert state.merge is not None
    candidates = state.merge.candidates.values()
    shown = " ".join(item.reproduce for item in landed(state).excluded)
    wanted = {
        sha
        for candidate in candidates
        for sha in (candidate.commit, *candidate.sides)
        if sha and sha[:12] in shown
    }
    eight.git("-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now")
    assert len(wanted) == 3
    assert all(is_whole(eight.control, commit) for commit in wanted)


def test_all_conflicts_of_a_train_are_told_at_once(yard: Yard) -> None:
    lines = FILES["config.txt"]
    yard.add("far", {"far.txt": "x\n"})
    for name in ("a", "b", "c", "d"):
        yard.add(name, {"config.txt": lines.replace("line 7\n", f"{name}\n")})
    yard.add("e", {"config.txt": lines.replace("line 19\n", "e\n")})
    train = made(yard, "far", "a", "b", "c", "d", "e")
    found = {(conflict.task, conflict.others) for conflict in train.conflicts}
    assert found == {
        ("b", ("a",)), ("c", ("a",)), ("c", ("b",)), ("d", ("a",)), ("d", ("b",)), ("d", ("c",)),
    }  # fmt: skip
    assert train.conflict is not None and train.conflict.task == "b"
    assert yard.git("count-objects", "-v") and not yard.git("fsck", "--no-dangling")
    yard.run = RunId("")
    yard.create()
    state = yard.merge()
    assert list(landed(state).commits) == ["far", "a", "e"]
    assert state.merge is not None and len(state.merge.candidates) == 2


def test_who_needs_one_that_conflicts_is_not_accused_with_it(yard: Yard) -> None:
    lines = FILES["config.txt"]
    yard.add("root", {"config.txt": lines.replace("line 3\n", "root\n")})
    yard.add("leaf", {"config.txt": lines.replace("line 3\n", "root\nleaf\n")}, needs=("root",))
    yard.add("clash", {"config.txt": lines.replace("line 3\n", "clash\n")})
    train = made(yard, "root", "leaf", "clash")
    assert [(item.task, item.others) for item in train.conflicts] == [("clash", ("root",))]


def test_the_line_that_shows_a_conflict_of_three_does(yard: Yard) -> None:
    conflict_of_three(yard)
    yard.create()
    (item,) = landed(yard.merge()).excluded
    assert item.reason == "conflict"
    assert len(item.others) == 2
    assert kit_shell(yard.path, item.reproduce) == 1, item.reproduce


# --- union ------------------------------------------------------------------------------------


def grown(text: str) -> str:
    """The changelog with this line put below its heading."""
    return LOG.replace("## Next\n", f"## Next\n{text}")


LOG = "# Changes\n\n## Next\n\n## 1.0\n\n- first\n"


def test_two_insertions_at_one_place_are_both_kept_and_said(yard: Yard) -> None:
    kit.commit_files(yard.path, {"CHANGES.md": LOG})
    yard.add("one", {"CHANGES.md": grown("- one\n"), "one.py": "x = 1\n"})
    yard.add("two", {"CHANGES.md": grown("- two\n- more\n")})
    yard.add("three", {"CHANGES.md": grown("- three\n")})
    yard.create()
    outcome = landed(yard.merge())
    assert list(outcome.commits) == ["one", "two", "three"]
    assert outcome.adapted == (e.Adapted("two", "CHANGES.md"), e.Adapted("three", "CHANGES.md"))
    assert (yard.path / "CHANGES.md").read_text() == grown("- one\n- two\n- more\n- three\n")


def test_headings_that_look_like_conflict_markers_do_not_mislead(yard: Yard) -> None:
    log = "Changes\n=======\n\n<<<<<<< not\n=======\n>>>>>>> one\n"
    kit.commit_files(yard.path, {"CHANGES.rst": log})
    yard.add("one", {"CHANGES.rst": log.replace("\n\n", "\n\n0.1\n===\n=======\n", 1)})
    yard.add("two", {"CHANGES.rst": log.replace("\n\n", "\n\n0.2\n||||||| x\n=======\n", 1)})
    train = made(yard, "one", "two")
    assert train.adapted == (e.Adapted("two", "CHANGES.rst"),)
    joined = "\n\n0.1\n===\n=======\n0.2\n||||||| x\n=======\n"
    text = yard.git("show", f"{train.commit}:CHANGES.rst")
    assert text.strip() == log.replace("\n\n", joined, 1).strip()


def test_a_union_is_only_a_candidate_for_the_checks(yard: Yard) -> None:
    kit.commit_files(yard.path, {"CHANGES.md": LOG})
    yard.add("one", {"CHANGES.md": grown("- one\n")})
    yard.add(
        "two", {"CHANGES.md": grown("- two\n")}, check=("test $(grep -c '^-' CHANGES.md) -le 2",)
    )
    yard.create()
    outcome = landed(yard.merge())
    assert len(outcome.commits) == 1
    (item,) = outcome.excluded
    assert item.reason == "interaction"
    assert outcome.adapted == ()


PYTHON = "def one():\n    return 1\n"
REFUSED = {
    "an edit on both sides": ("a.txt", "a\nb\nc\n", "a\nb2\nnew\nc\n", "a\nb3\nother\nc\n"),
    "a deletion on one side": ("a.txt", "a\nb\nc\n", "a\nc\n", "a\nb\nother\nc\n"),
    "the end taken away": ("a.txt", "a\n", "a\none", "a\ntwo"),
    "a binary file": ("a.bin", "a\n\0\n", "a\n\0\none\n", "a\n\0\ntwo\n"),
    "Python that would not parse": (
        "a.py", "x = [\n]\n", "x = [\n    1\n]\n", "x = [\n    2\n]\n",
    ),
    "JSON that would not parse": ("a.json", "[\n]\n", "[\n1\n]\n", "[\n2\n]\n"),
    "a file that is not merged as text": ("kept.lock", "a\n", "a\none\n", "a\ntwo\n"),
    "a file with a driver of its own": ("own.txt", "a\n", "a\none\n", "a\ntwo\n"),
    "a function that both add": (
        "new.py", None, "def f():\n    return 1\n", "def f():\n    return 2\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_else_is_kept_on_both_sides(yard: Yard, name: str) -> None:
    path, base, one, two = REFUSED[name]
    attributes = "*.lock -merge\nown.txt merge=ours\n"
    files = {".gitattributes": attributes} | ({path: base} if base is not None else {})
    kit.commit_files(yard.path, files)
    yard.add("one", {path: one})
    yard.add("two", {path: two})
    train = made(yard, "one", "two")
    assert [(item.task, item.others) for item in train.conflicts] == [("two", ("one",))]


SIX = ("one", "two", "three", "four", "five", "six")


def test_six_branches_that_add_a_name_to_one_line_all_land(yard: Yard) -> None:
    kit.commit_files(yard.path, {"p.py": "from m import A, B\n\nx = 1\n"})
    for name in SIX:
        yard.add(name, {"p.py": f"from m import A, B, {name}\n\nx = 1\n"})
    yard.create()
    outcome = landed(yard.merge())
    assert list(outcome.commits) == list(SIX)
    assert outcome.adapted == tuple(e.Adapted(name, "p.py", "same line") for name in SIX[1:])
    names = ", ".join(SIX)
    assert (yard.path / "p.py").read_text() == f"from m import A, B, {names}\n\nx = 1\n"
    assert "6 of 6" not in outcome.proof and "5 adapted" in outcome.proof


@pytest.mark.parametrize("path, lands", [("steps.py", True), ("steps.md", False)])
def test_the_other_order_is_tried_where_it_can_matter(yard: Yard, path: str, lands: bool) -> None:
    kit.commit_files(yard.path, {path: "first\nlast\n"})
    yard.add("one", {path: "first\none\nlast\n"})
    second = f"! grep -A1 one {path} | grep two"
    yard.add("two", {path: "first\ntwo\nlast\n"}, check=(second,))
    yard.create()
    outcome = landed(yard.merge())
    assert (list(outcome.commits) == ["one", "two"]) is lands
    assert ((yard.path / path).read_text() == "first\ntwo\none\nlast\n") is lands
    assert (outcome.checks == 2) is lands


@pytest.mark.parametrize("where", [".gitattributes", ".git/info/attributes"])
def test_what_attributes_want_of_merging_holds(yard: Yard, where: str) -> None:
    texts = {"both.txt": "a\n", "none.txt": "a\n", "own.txt": "a\nb\nc\nd\n"}
    kit.commit_files(yard.path, texts)
    attributes = "both.txt merge=union\nnone.txt -merge\nown.txt merge=mine\n"
    if where == ".gitattributes":
        kit.commit_files(yard.path, {where: attributes})
    else:
        (yard.path / where).parent.mkdir(exist_ok=True)
        (yard.path / where).write_text(attributes)
    yard.add("one", {"both.txt": "a1\n", "own.txt": "A\nb\nc\nd\n"})
    yard.add("two", {"both.txt": "a2\n", "own.txt": "a\nb\nc\nD\n"})
    yard.add("left", {"none.txt": "a\nb\n"})
    yard.add("right", {"none.txt": "a\nc\n"})
    yard.create()
    outcome = landed(yard.merge())
    assert list(outcome.commits) == ["one", "two", "left"]
    assert (yard.path / "both.txt").read_text() == "a1\na2\n"
    union = e.Adapted("two", "both.txt", "union")
    told = e.Adapted("two", "own.txt", "merge driver mine does not run")
    assert set(outcome.adapted) == ({union, told} if where == ".gitattributes" else {union})
    assert [item.task for item in outcome.excluded] == ["right"]


@pytest.mark.parametrize("attributes", ["", "*.py merge\n", "*.py merge=text\n"])
def test_python_that_grows_at_one_place_is_joined(yard: Yard, attributes: str) -> None:
    kit.commit_files(yard.path, {"test_x.py": PYTHON, ".gitattributes": attributes})
    yard.add("one", {"test_x.py": PYTHON + "\n\ndef two():\n    return 2\n"})
    yard.add("two", {"test_x.py": PYTHON + "\n\ndef three():\n    return 3\n"})
    train = made(yard, "one", "two")
    assert train.adapted == (e.Adapted("two", "test_x.py"),)
    text = yard.git("show", f"{train.commit}:test_x.py")
    assert text + "\n" == PYTHON + "".join(
        f"\n\ndef {name}():\n    return {number}\n" for number, name in ((2, "two"), (3, "three"))
    )
