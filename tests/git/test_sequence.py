"""Changes put on a tree the short way give the very trees that merging each in turn gives."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import kit
from tests.git.world import WHEN, is_whole
from wtman.formats.git_output import text
from wtman.git import control_dir, run
from wtman.git.control_dir import Control
from wtman.git.discovery import discover
from wtman.git.merges import merge_tree
from wtman.git.merges.draft_tree import DraftTree
from wtman.git.merges.ladder import Ladder
from wtman.git.merges.sequence import Joiner
from wtman.git.objects import history as git_history
from wtman.git.objects import writer
from wtman.git.objects import writer as objects_module
from wtman.git.objects.writer import Objects
from wtman.model.changes import Change, Entry
from wtman.model.ids import Sha
from wtman.model.plan import Identity

WHO = Identity("Ada", "ada@example.com")
Tree = dict[bytes, tuple[bytes, bytes]]  # path -> mode, content (a commit's name for 160000)


def made(objects: Objects, tree: Tree, root: Sha, parents: Sequence[Sha] = ()) -> Sha:
    """A commit of this tree, written object by object."""
    draft = DraftTree(root, objects)
    changes = [
        Change(
            text(path),
            None,
            Entry(
                mode.decode(),
                content.decode() if mode == b"160000" else objects.add("blob", content),
            ),
        )
        for path, (mode, content) in sorted(tree.items())
    ]
    draft.apply(changes)
    return objects.commit(draft.tree(), parents, "made", WHO, WHO, WHEN)


@pytest.fixture(autouse=True)
def _identity(ada: None) -> None:
    pass


# --- random histories -------------------------------------------------------------------------

LINES = [f"{number}\n" for number in range(12)]
TEXTS = tuple(
    "".join(f"{name} {line}" for line in LINES).encode() for name in ("one", "two", "three")
)
NAMES = (b"a", b"b", b"c", b"d", b"e")
FOLDERS = (b"", b"p/", b"q/", b"p/s/", b"q/t/u/")
PATHS = tuple(folder + name for folder in FOLDERS for name in NAMES)
COMMIT = b"1" * 40


def clear(tree: Tree, path: bytes) -> None:
    """Make room for `path`: nothing above or below it stays."""
    for other in list(tree):
        if other == path or other.startswith(path + b"/") or path.startswith(other + b"/"):
            del tree[other]


@dataclass
class Editor:
    """Edits a tree by the choices that hypothesis makes."""

    draw: st.DrawFn

    def pick(self, tree: Tree) -> bytes:
        return self.draw(st.sampled_from(sorted(tree)))

    def edit(self, tree: Tree) -> None:
        kinds = ("write", "line", "line", "delete", "rename", "folder", "mode", "link", "sub", "up")
        kind = self.draw(st.sampled_from(kinds))
        if kind != "write" and not tree:
            return
        match kind:
            case "write":
                path = self.draw(st.sampled_from(PATHS))
                clear(tree, path)
                tree[path] = (b"100644", self.draw(st.sampled_from(TEXTS)))
            case "line":
                self.line(tree)
            case "delete":
                del tree[self.pick(tree)]
            case "rename":
                old, new = self.pick(tree), self.draw(st.sampled_from(PATHS))
                entry = tree.pop(old)
                clear(tree, new)
                tree[new] = entry
            case "folder":
                self.folder(tree)
            case "mode":
                path = self.pick(tree)
                if tree[path][0] == b"100644":
                    tree[path] = (b"100755", tree[path][1])
            case "link":
                tree[self.pick(tree)] = (b"120000", self.draw(st.sampled_from((b"a", b"p/b"))))
            case "sub":
                tree[self.pick(tree)] = (b"160000", COMMIT)
            case "up":
                # A file where there was a folder, or a folder where there was a file.
                path = self.pick(tree)
                above = path.rpartition(b"/")[0]
                entry = tree[path]
                new = above if above and self.draw(st.booleans()) else path + b"/x"
                clear(tree, new)
                tree[new] = entry

    def line(self, tree: Tree) -> None:
        path = self.pick(tree)
        mode, content = tree[path]
        lines = content.splitlines(keepends=True)
        if mode in (b"120000", b"160000") or not lines:
            return
        at = self.draw(st.integers(0, len(lines) - 1))
        new = self.draw(st.sampled_from((b"x\n", b"y\n", b"")))
        lines[at : at + self.draw(st.integers(0, 1))] = [new]
        tree[path] = (mode, b"".join(lines))

    def folder(self, tree: Tree) -> None:
        old = self.draw(st.sampled_from(FOLDERS[1:]))
        new = self.draw(st.sampled_from((b"r/", b"p/", b"q/t/", b"z/y/")))
        for path in [path for path in tree if path.startswith(old)]:
            entry = tree.pop(path)
            target = new + path[len(old) :]
            clear(tree, target)
            tree[target] = entry


@st.composite
def histories(draw: st.DrawFn) -> tuple[Tree, Tree, list[Tree], list[int | None]]:
    """A base, the target it became, branches, and what each is stacked on (None: the base)."""
    editor = Editor(draw)
    chosen = draw(st.lists(st.sampled_from(PATHS), min_size=3, max_size=14, unique=True))
    base: Tree = {}
    for number, path in enumerate(chosen):
        clear(base, path)
        base[path] = (b"100644", TEXTS[number % 3] + b"%d\n" % number)
    target = dict(base)
    for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
        editor.edit(target)
    branches: list[Tree] = []
    stacked: list[int | None] = []
    for number in range(draw(st.integers(1, 5))):
        on = draw(st.sampled_from((None, None, *range(number))))
        tree = dict(base if on is None else branches[on])
        for _ in range(draw(st.integers(0, 3))):
            editor.edit(tree)
        branches.append(tree)
        stacked.append(on)
    return base, target, branches, stacked


def plain(**texts: bytes) -> Tree:
    """A tree of ordinary files; `__` stands for a slash."""
    return {name.replace("__", "/").encode(): (b"100644", text) for name, text in texts.items()}


ONE, TWO, THREE = TEXTS
# git 2.39.5 dies of an assertion (merge-ort.c, handle_content_merge) on the last branch.
KILLER = (
    plain(p__a=ONE + b"0\n", p__b=TWO + b"1\n", a=THREE + b"2\n", b=ONE + b"3\n", p__c=TWO),
    plain(p__a=ONE + b"0\n", p__b=TWO + b"1\n", a=b"x\n" + ONE, b=ONE + b"3\n", p__c=TWO),
    [
        plain(p__a__x=ONE + b"0\n", p__b=TWO + b"1\n", a=ONE, b=ONE + b"3\n", p__c=TWO),
        plain(r__a__x=ONE + b"0\n", r__b=TWO + b"1\n", a=ONE, b=ONE + b"3\n", r__c=TWO),
    ],
    [None, 0],
)


@example(KILLER)
@settings(
    max_examples=kit.examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories())
@pytest.mark.slow
def test_the_short_way_gives_what_merging_gives(
    ctl: Control, head: Sha, history: tuple[Tree, Tree, list[Tree], list[int | None]]
) -> None:
    base, target, branches, stacked = history
    steps: list[tuple[Sha, Sha]] = []
    with writer.quarantine(ctl, head) as objects:
        root = objects.tree({})
        start = made(objects, base, root)
        on = made(objects, target, root, (start,))
        for tree, below in zip(branches, stacked, strict=True):
            begin = start if below is None else steps[below][1]
            steps.append((begin, made(objects, tree, root, (begin,))))
        objects.keep((on, *(end for _, end in steps)))

    changes = git_history.changes_many(ctl, steps, folders=True)
    with (
        writer.quarantine(ctl, head) as objects,
        writer.quarantine(ctl, head) as others,
        Joiner(objects, on, changes) as joiner,
    ):
        slow = Ladder(others, on)
        tip = git_history.tree_of(ctl, on)
        for (begin, end), change in zip(steps, changes, strict=True):
            (wanted,) = slow.join_many((merge_tree.merge(others.ctl, begin, tip, end),))
            joined = joiner.add(begin, end, change)
            assert joined == wanted
            assert joiner.tree == (wanted.tree or tip)
            tip = joiner.tree
            others.spill()
        commit = objects.commit(tip, (on,), "tip", WHO, WHO, WHEN)
        objects.keep((commit,))
    assert is_whole(ctl, commit)


# --- the objects ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [WHO, Identity("Ä ' z", "a@x"), Identity(" .Ada <x>, ", "<ada@x>;"), Identity("a\nb", "c")],
)
@pytest.mark.parametrize("message", ["one", "one\n\nbody\n", "", "Ünï\n\n\n", "\n lead \n\n"])
def test_a_commit_made_here_is_the_commit_that_git_makes(
    ctl: Control, head: Sha, who: Identity, message: str
) -> None:
    tree = git_history.tree_of(ctl, head)
    env = git_history.dated("AUTHOR", who, WHEN) | git_history.dated("COMMITTER", WHO, WHEN)
    args = ["commit-tree", tree, "-p", head, "-p", head, "-F", "-"]
    data = (message or "\n").encode()
    wanted = control_dir.call(ctl, args, env=env, input=data).out.decode().strip()
    with writer.quarantine(ctl, head) as objects:
        assert objects.commit(tree, (head, head), message, who, WHO, WHEN) == wanted


def test_nothing_reaches_the_repository_but_what_is_kept(
    ctl: Control, head: Sha, project: Path
) -> None:
    def names() -> set[str]:
        args = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]
        return set(control_dir.call(ctl, args).out.decode().split())

    before = names()
    with writer.quarantine(ctl, head) as objects:
        tree = objects.tree({b"a": Entry("100644", objects.add("blob", b"kept\n"))})
        dropped = objects.commit(tree, (), "dropped", WHO, WHO, WHEN)
        merged = merge_tree.merge(objects.ctl, head, git_history.tree_of(ctl, head), head)
        assert merged.tree == git_history.tree_of(ctl, head)
        commit = objects.commit(tree, (head,), "kept", WHO, WHO, WHEN)
        objects.spill()
        assert names() == before
        objects.keep((commit,))
    assert dropped not in names()
    assert len(names() - before) == 3
    assert is_whole(ctl, commit)


def test_what_a_killed_process_left_is_swept_up_and_nothing_else(
    ctl: Control, head: Sha, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_module, "_MEMORY", str(tmp_path))
    monkeypatch.setattr(objects_module, "_PLENTY", 0)
    dead = 2**22 + 1  # more than a process can be numbered
    left, fresh = tmp_path / f"wtman-new-{dead}-a", tmp_path / f"wtman-new-{os.getpid()}-a"
    other = tmp_path / f"other-{dead}-a"
    for folder in (left, fresh, other):
        (folder / "aa").mkdir(parents=True)
    with writer.quarantine(ctl, head) as first:
        writer.sweep_quarantines(ctl)
        assert Path(first.ctl.aside).exists()
    assert not left.exists() and other.exists()
    assert sorted(path.name for path in tmp_path.glob("wtman-new-*")) == [fresh.name]


def test_many_new_objects_are_one_pack(ctl: Control, head: Sha, project: Path) -> None:
    with writer.quarantine(ctl, head) as objects:
        entries = {
            b"%d" % number: Entry("100644", objects.add("blob", b"%d" % number * 99))
            for number in range(300)
        }
        commit = objects.commit(objects.tree(entries), (), "many", WHO, WHO, WHEN)
        objects.keep((commit,))
        objects.keep((commit,))
    assert len(list((project / ".git/objects/pack").glob("*.pack"))) == 1
    assert len(git_history.files(ctl, commit)) == 300


def test_a_tree_that_git_would_not_write_takes_the_long_way(ctl: Control, head: Sha) -> None:
    """Old programs wrote group-writable files; git reads them and writes 100644."""
    with writer.quarantine(ctl, head) as objects:
        blob = objects.add("blob", b"x\n")
        odd = objects.add("tree", b"100664 a\0" + bytes.fromhex(blob))
        start = objects.commit(odd, (), "odd", WHO, WHO, WHEN)
        more = objects.tree({name: Entry("100644", blob) for name in (b"a", b"b")})
        end = objects.commit(more, (start,), "more", WHO, WHO, WHEN)
        objects.keep((end,))
    changes = git_history.changes_many(ctl, [(start, end)], folders=True)
    with writer.quarantine(ctl, head) as objects, Joiner(objects, start, changes) as joiner:
        joined = joiner.add(start, end, changes[0])
    assert joined.tree == merge_tree.merge(ctl, start, start, end).tree


def test_a_git_that_keeps_its_answers_back_is_asked_merge_by_merge(
    ctl: Control, head: Sha, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.Conversation, "answers", lambda self, seconds: False)
    tree = git_history.tree_of(ctl, head)
    with writer.quarantine(ctl, head) as objects:
        merger = merge_tree.Merger(objects)
        assert merger.merge(head, tree, head).tree == tree
        assert merger.merge(head, tree, head).tree == tree


def test_trees_and_commits_of_a_sha256_repository(
    make_repo: Callable[..., Path], git: Callable[..., str]
) -> None:
    path = make_repo({"a": "1\n"}, name="long")
    shutil.rmtree(path / ".git")
    git(path, "init", "-q", "-b", "main", "--object-format=sha256")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "first")
    ctl = control_dir.prepare(discover(str(path)))
    start = Sha(git(path, "rev-parse", "HEAD").strip())
    (path / "d").mkdir()
    (path / "d/b").write_text("2\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "second")
    end = Sha(git(path, "rev-parse", "HEAD").strip())
    changes = git_history.changes_many(ctl, [(start, end)], folders=True)
    with writer.quarantine(ctl, start) as objects:
        with Joiner(objects, start, changes) as joiner:
            joined = joiner.add(start, end, changes[0])
        assert joined.tree == git_history.tree_of(ctl, end)
        with closing(merge_tree.Merger(objects)) as merger:
            assert merger.merge(start, git_history.tree_of(ctl, start), end).tree == joined.tree
        commit = objects.commit(joined.tree, (start,), "m", WHO, WHO, WHEN)
        objects.keep((commit,))
    assert git_history.commit(ctl, joined.tree, (start,), "m", WHO, WHEN) == commit


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=9))))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_git_reads_a_pack_of_differences(
    ctl: Control, head: Sha, first: bytes, edits: list[tuple[int, bytes]]
) -> None:
    """One object after the other, each a little other than the one before."""
    with writer.quarantine(ctl, head) as objects:
        texts, name = [first * 300], ""
        for at, piece in edits:
            texts.append(texts[-1][:at] + piece + texts[-1][at + len(piece) // 2 :])
        blobs = {}
        for text_ in texts:
            name = objects.add("blob", text_, near=name)
            blobs[name] = text_
        entries = {b"%d" % at: Entry("100644", blob) for at, blob in enumerate(blobs)}
        tree = objects.tree(entries)
        objects.keep((tree,))
    assert git_history.contents(ctl, list(blobs), 1 << 30) == blobs
