"""The conservation proof over real git: honest trains pass it, every sabotage is found."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests import kit
from wtman.errors import ExternalError
from wtman.formats.codec import from_plain, to_plain
from wtman.git import control_dir
from wtman.git.control_dir import Control, call
from wtman.git.discovery import discover
from wtman.git.merges import merge_tree
from wtman.git.objects import compare, history
from wtman.integration.assemble import Assembled, Part, Train
from wtman.merge.proof.proof import Proof, summary
from wtman.merge.proof.prove import prove
from wtman.merge.proof.violations import violation_text
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Identity

File = tuple[str, bytes]  # mode, content
Files = dict[str, File]
Factory = pytest.TempPathFactory
ADA = Identity("Ada Tester", "ada@example.com")


@dataclass
class World:
    """Trees written straight into a repository's objects, and trains of them."""

    path: Path
    ctl: Control
    known: dict[bytes, Sha] = field(default_factory=dict)

    def commit(self, files: Files, parent: str = "") -> Sha:
        script = [b"reset refs/heads/made\ncommit refs/heads/made\n"]
        script.append(b"committer Ada <ada@example.com> 1700000000 +0000\ndata 1\nx\n")
        if parent:
            script.append(b"from %s\ndeleteall\n" % parent.encode())
        for path, (mode, content) in sorted(files.items()):
            octal = (b"\\%03o" % byte for byte in path.encode("utf-8", "surrogateescape"))
            name = b'"' + b"".join(octal) + b'"'
            if mode == "160000":
                script.append(b"M 160000 %s %s\n" % (content, name))
            else:
                head = b"M %s inline %s\ndata %d\n" % (mode.encode(), name, len(content))
                script.append(head + content + b"\n")
        text = b"".join(script)
        if text not in self.known:
            argv = ["git", "fast-import", "--quiet", "--force"]
            subprocess.run(argv, cwd=self.path, input=text, check=True, capture_output=True)
            self.known[text] = Sha(kit.run_git(self.path, "rev-parse", "refs/heads/made"))
        return self.known[text]

    def files(self, commit: str) -> Files:
        found: Files = {}
        listed = subprocess.run(
            ["git", "ls-tree", "-r", "-z", commit], cwd=self.path, check=True, capture_output=True
        ).stdout
        for item in filter(None, listed.split(b"\0")):
            facts, _, name = item.partition(b"\t")
            mode, _, oid = facts.decode().split()
            content = oid.encode()
            if mode != "160000":
                argv = ["git", "cat-file", "blob", oid]
                content = subprocess.run(
                    argv, cwd=self.path, check=True, capture_output=True
                ).stdout
            found[name.decode("utf-8", "surrogateescape")] = (mode, content)
        return found

    def train(self, on: Files, *members: tuple[str, Files, Files], needs: object = ()) -> Train:
        """Members as (name, start, head)."""
        needed = dict(needs)  # type: ignore[call-overload]
        parts = tuple(
            Part(
                TaskId(name),
                self.commit(start),
                self.commit(head),
                tuple(TaskId(item) for item in needed.get(name, ())),
                name,
            )
            for name, start, head in members
        )
        return Train(self.commit(on), parts, ADA, 1.7e9)

    def assemble(self, train: Train, skip: bool = False) -> tuple[Train, Assembled]:
        """By git's own merge; with `skip` without those who conflict."""
        tip, commits, parts = train.on, {}, []
        for part in train.parts:
            merged = self.merged(part, tip)
            if merged is None:
                assert skip, part
                continue
            tip = history.commit(self.ctl, merged, (tip,), part.message, ADA, 1.7e9)
            commits[part.task] = tip
            parts.append(part)
        tree = history.tree_of(self.ctl, tip)
        return replace(train, parts=tuple(parts)), Assembled(tip, tree, commits)

    def merged(self, part: Part, tip: Sha) -> Sha | None:
        """The tree; None on a conflict, and where git 2.39 stumbles over its own assertion."""
        try:
            return merge_tree.merge(self.ctl, part.start, tip, part.head).tree
        except ExternalError as error:
            if "Assertion" not in error.stderr:
                raise
            return None

    def tampered(self, train: Train, made: Assembled, at: int, files: Files) -> Assembled:
        """The same train with another tree after its member `at`; the rest merged onto that."""
        tip = self.commit(files, train.on)
        commits = dict(list(made.commits.items())[:at])
        commits[train.parts[at].task] = tip
        for part in train.parts[at + 1 :]:
            merged = self.merged(part, tip)
            assume(merged is not None)
            assert merged is not None
            tip = history.commit(self.ctl, merged, (tip,), part.message, ADA, 1.7e9)
            commits[part.task] = tip
        return Assembled(tip, history.tree_of(self.ctl, tip), commits)

    def proof(self, on: Files, *members: tuple[str, Files, Files], needs: object = ()) -> Proof:
        train, made = self.assemble(self.train(on, *members, needs=needs))
        return prove(self.ctl, train, made)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "world")


def new_world(path: Path) -> World:
    kit.create_repo(path, {"README": "x\n"})
    return World(path, control_dir.prepare(discover(str(path))))


def text(*lines: str) -> File:
    return "100644", "".join(f"{line}\n" for line in lines).encode()


def numbered(count: int = 20, **other: str) -> File:
    """Lines `n0` to ..., some of them replaced (n3="three")."""
    return text(*(other.get(f"n{n}", f"n{n}") for n in range(count)))


def told(proof: Proof) -> set[tuple[str, str, str, str, str]]:
    return {(v.kind, v.task, v.path, v.line, v.owner) for v in proof.violations}


def test_two_clean_edits(world: World) -> None:
    base = {"a": numbered(), "b": numbered()}
    one = {**base, "a": numbered(n3="three")}
    two = {**base, "a": numbered(n9="nine"), "c": text("new")}
    proof = world.proof(base, ("one", base, one), ("two", base, two))
    assert proof.proven, proof.violations
    assert (proof.hunks, proof.present, proof.lines, proof.kept, proof.deleted) == (3, 3, 20, 18, 2)
    assert [item.deleted for item in proof.members] == [1, 1]


def test_the_same_change_twice_is_there_once(world: World) -> None:
    base = {"a": numbered()}
    head = {"a": numbered(n3="three")}
    proof = world.proof(base, ("one", base, head), ("two", base, head))
    assert proof.proven, proof.violations
    assert (proof.present, proof.kept, proof.deleted) == (2, 19, 1)
    assert [item.deleted for item in proof.members] == [1, 0]


def test_a_later_member_that_reverts_an_earlier_one_is_named(world: World) -> None:
    base = {"a": numbered(), "gone": text("x", "y")}
    one = {"a": numbered(n3="three")}
    one["a"] = ("100644", one["a"][1].replace(b"n15\n", b""))
    proof = world.proof(base, ("one", base, one), ("two", one, base), needs={"two": ["one"]})
    assert proof.proven, proof.violations
    first, second = proof.members
    assert (first.hunks, first.present, first.superseded) == (3, 0, 3)
    assert [(item.by, item.hunks) for item in first.superseded_by] == [("two", 3)]
    assert (second.present, second.deleted) == (3, 0)


def test_a_file_renamed_by_one_and_edited_by_others(world: World) -> None:
    base = {"a": numbered(), "b": numbered(5)}
    edit, same = {**base, "a": numbered(n3="three")}, {**base, "a": numbered(n3="three")}
    move = {"d/z": base["a"], "b": base["b"]}
    late = {**base, "a": numbered(n9="nine")}
    both = {"d/z": numbered(n14="fourteen"), "b": base["b"]}
    members = {"edit": edit, "move": move, "same": same, "late": late, "both": both}
    proof = world.proof(base, *((name, base, head) for name, head in members.items()))
    assert proof.proven, proof.violations
    assert (proof.lines, proof.kept, proof.deleted) == (20, 17, 3)
    assert [item.deleted for item in proof.members] == [1, 0, 0, 1, 1]
    assert all(not item.deleted_files for item in proof.members)


@pytest.mark.parametrize("first", ["mover", "newcomer"])
def test_a_link_that_two_moved_and_one_put_a_file_in_its_stead(world: World, first: str) -> None:
    link, file = ("120000", b"x"), text("new", "words")
    base = {"link": link, "x": text("x")}
    heads = {
        "mover": {"moved": link, "x": text("x")},
        "newcomer": {"moved": link, "link": file, "x": text("x")},
    }
    names = sorted(heads, key=lambda name: name != first)
    train, made = world.assemble(world.train(base, *((name, base, heads[name]) for name in names)))
    assert prove(world.ctl, train, made).proven
    assert world.files(made.commit) == heads["newcomer"]


def test_a_target_that_moved_on_keeps_its_newer_lines(world: World) -> None:
    base = {"a": numbered(), "b": numbered()}
    on = {"new": numbered(n1="one"), "b": numbered(n0="target"), "c": text("c")}
    head = {"a": numbered(n9="nine"), "b": numbered(n19="head")}
    on["new"] = numbered(n1="one")
    proof = world.proof(on, ("one", base, head))
    assert proof.proven, proof.violations
    assert (proof.lines, proof.kept) == (40, 38)


def test_modes_links_binaries_endings_and_odd_names(world: World) -> None:
    crlf = ("100644", b"a\r\nb\r\nc\r\nd\r\ne")
    odd = "odd \udcff\n name"
    base = {"m": numbered(), "s": ("120000", b"m"), "x": ("100644", b"\0bin"), "w": crlf}
    base |= {odd: text("o"), "sub": ("160000", b"1" * 40), "empty": ("100644", b"")}
    one = {**base, "m": ("100755", base["m"][1]), "s": ("120000", b"w"), "x": ("100644", b"\0b")}
    two = {**base, "m": numbered(n2="two"), "w": ("100644", b"a\r\nb\r\nc\r\nd\r\ne\n")}
    three = {**base, "w": ("100644", crlf[1].replace(b"a\r\n", b"a\n")), odd: text("p")}
    three |= {"sub": ("160000", b"2" * 40), "none": text("n")}
    del three["empty"]
    proof = world.proof(base, ("one", base, one), ("two", base, two), ("three", base, three))
    assert proof.proven, proof.violations
    assert [item.hunks for item in proof.members] == [3, 2, 5]
    assert proof.members[2].deleted_files == ("empty",)


def test_who_deleted_a_file_is_said(world: World) -> None:
    base = {"a": numbered(7), "b": numbered(8)}
    proof = world.proof(base, ("one", base, {"a": base["a"]}), ("two", base, {"b": base["b"]}))
    assert proof.proven, proof.violations
    assert [item.deleted_files for item in proof.members] == [("b",), ("a",)]
    assert (proof.lines, proof.kept, proof.deleted) == (15, 0, 15)


def test_a_train_of_nobody_is_proven(world: World) -> None:
    train, made = world.assemble(world.train({"a": numbered()}))
    assert prove(world.ctl, train, made).proven


# --- what was lost is named -----------------------------------------------------------------------


def two_edits(world: World) -> tuple[Train, Assembled]:
    base = {"a": numbered()}
    on = {"a": numbered(n0="target")}
    one, two = {"a": numbered(n6="six")}, {"a": numbered(n12="twelve")}
    return world.assemble(world.train(on, ("one", base, one), ("two", base, two)))


def test_a_lost_line_is_named_with_its_owner_and_step(world: World) -> None:
    train, made = two_edits(world)

    def harm(**lines: str) -> set[tuple[str, str, str, str, str]]:
        files = {"a": numbered(**{"n0": "target", "n6": "six", "n12": "twelve"} | lines)}
        return told(prove(world.ctl, train, world.tampered(train, made, 1, files)))

    assert harm(n0="n0") == {("lost", "two", "a", "target", ""), ("foreign", "two", "a", "n0", "")}
    assert harm(n6="n6") == {("lost", "two", "a", "six", "one"), ("back", "two", "a", "n6", "")}
    assert harm(n12="n12") == {
        ("lost", "two", "a", "twelve", "two"),
        ("back", "two", "a", "n12", ""),
    }
    assert harm(n12="twelve\ntwelve") == {("twice", "two", "a", "twelve", "")}
    assert harm(n12="n13", n13="twelve") == {("order", "two", "a", "twelve", "two")}


def test_a_tip_that_is_not_what_was_checked(world: World) -> None:
    train, made = two_edits(world)
    first = made.commits[TaskId("one")]
    for wrong in (
        replace(made, tree=history.tree_of(world.ctl, first)),
        replace(made, commit=first),
        replace(made, commit=first, tree=history.tree_of(world.ctl, first)),
        replace(made, commits={TaskId("one"): first}),
    ):
        assert "tip" in {item.kind for item in prove(world.ctl, train, wrong).violations}


def test_what_git_itself_loses_is_found(world: World) -> None:
    """The target keeps a copy and goes on in the old file; a member renames that file."""
    old = numbered()
    base = {"a": old, "b": text("b")}
    on = {"a": numbered(40, n3="newer"), "copy": old, "b": text("b")}
    head = {"copy": old, "b": text("c")}
    train, made = world.assemble(world.train(on, ("move", base, head)))
    assert "a" not in world.files(made.commit), "git keeps the file: this test can go"
    assert told(prove(world.ctl, train, made)) == {("clash", "move", "a", "", "")}


# --- clashes --------------------------------------------------------------------------------------


def clashing(world: World, base: File, ours: File, theirs: File, made: bytes) -> Proof:
    """The proof of a train whose only member came out as `made`."""
    return prove(world.ctl, *clash(world, base, ours, theirs, made))


def clash(
    world: World, base: File, ours: File, theirs: File, made: bytes
) -> tuple[Train, Assembled]:
    train = world.train({"a": ours}, ("one", {"a": base}, {"a": theirs}))
    tip = world.commit({"a": ("100644", made)}, train.on)
    return train, Assembled(tip, history.tree_of(world.ctl, tip), {TaskId("one"): tip})


def merge_file(world: World, how: str, *sides: File) -> bytes:
    for name, side in zip(("ours", "base", "theirs"), sides, strict=True):
        (world.path / name).write_bytes(side[1])
    argv = ["git", "merge-file", "-p", how, "ours", "base", "theirs"]
    return subprocess.run(argv, cwd=world.path, check=True, capture_output=True).stdout


def test_union_of_insertions_is_adapted_and_nothing_less(world: World) -> None:
    base = text("a", "b")
    ours, theirs = text("a", "one", "", "b"), text("a", "two", "", "b")
    union = merge_file(world, "--union", ours, base, theirs)
    for made in (union, b"a\none\n\ntwo\n\nb\n", b"a\ntwo\n\none\n\nb\n"):
        proof = clashing(world, base, ours, theirs, made)
        assert proof.proven, (made, proof.violations)
        assert [(item.task, item.path, item.how, item.lost) for item in proof.adaptations] == [
            ("one", "a", "union", ())
        ]
        assert (proof.hunks, proof.adapted, proof.kept) == (1, 1, 4)
    for how in ("--ours", "--theirs"):
        made = merge_file(world, how, ours, base, theirs)
        kinds = {(v.kind, v.line) for v in clashing(world, base, ours, theirs, made).violations}
        assert ("clash", "") in kinds
        assert ("lost", "two" if how == "--ours" else "one") in kinds
    for made in (b"a\none\n\ntwo\n\ntwo\n\nb\n", b"a\none\n\ntwo\n\nx\nb\n"):
        assert not clashing(world, base, ours, theirs, made).proven


def test_a_union_of_edits_keeps_both_sides_and_is_refused(world: World) -> None:
    base, ours, theirs = numbered(9), numbered(9, n4="ours"), numbered(9, n4="theirs")
    for how in ("--union", "--ours", "--theirs"):
        made = merge_file(world, how, ours, base, theirs)
        proof = clashing(world, base, ours, theirs, made)
        assert "clash" in {item.kind for item in proof.violations}


def test_what_a_resolver_decided_is_listed_and_the_rest_proved(world: World) -> None:
    base, ours = numbered(9), numbered(9, n0="target", n4="ours")
    theirs = numbered(9, n4="theirs", n8="eight")
    resolved = {TaskId("one"): ("a",)}
    good = numbered(9, n0="target", n4="together", n8="eight")
    train, made = clash(world, base, ours, theirs, good[1])
    assert not prove(world.ctl, train, made).proven
    proof = prove(world.ctl, train, made, resolved=resolved)
    assert proof.proven, proof.violations
    assert (proof.hunks, proof.present, proof.adapted) == (2, 1, 1)
    assert [(item.how, item.lost) for item in proof.adaptations] == [
        ("resolved", ("ours", "theirs"))
    ]
    for harm in ({"n0": "n0"}, {"n8": "n8"}, {"n2": "odd"}):
        lines = {"n0": "target", "n4": "together", "n8": "eight"} | harm
        train, made = clash(world, base, ours, theirs, numbered(9, **lines)[1])
        assert not prove(world.ctl, train, made, resolved=resolved).proven


def test_one_side_deleted_what_the_other_changed(world: World) -> None:
    base, on = {"a": numbered(), "b": text("b")}, {"a": numbered(n3="x"), "b": text("b")}
    train = world.train(on, ("one", base, {"b": text("b")}))
    tip = world.commit({"b": text("b")}, train.on)
    made = Assembled(tip, history.tree_of(world.ctl, tip), {TaskId("one"): tip})
    assert told(prove(world.ctl, train, made)) == {("clash", "one", "a", "", "")}
    proof = prove(world.ctl, train, made, resolved={TaskId("one"): ["a"]})
    assert proof.proven and proof.adapted == 1


def test_a_proof_is_plain_and_says_what_it_is(world: World) -> None:
    train, made = two_edits(world)
    proof = prove(world.ctl, train, made)
    assert from_plain(Proof, json.loads(json.dumps(to_plain(proof)))) == proof
    assert summary(proof) == (
        "Integrity check passed: 2 of 2 hunks merged, no unrelated line removed"
    )
    files = {"a": numbered(n0="target", n6="six")}
    broken = prove(world.ctl, train, world.tampered(train, made, 1, files))
    assert summary(broken) == "Integrity check failed: 2 violations"
    assert [violation_text(item) for item in broken.violations] == [
        "two: `a`: line `twelve` of two is gone",
        "two: `a`: line `n12` is there although it was removed",
    ]


def test_many_members_take_four_processes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {f"f{n}": numbered(50) for n in range(40)}
    heads = [{**base, f"f{n % 40}": numbered(50, **{f"n{n}": "x"})} for n in range(0, 48, 2)]
    members = [(f"m{n}", base, head) for n, head in enumerate(heads)]
    train, made = world.assemble(world.train(base, *members))
    calls: list[list[str]] = []

    def counted(ctl: Control, args: list[str], **more: object) -> object:
        calls.append(args)
        return call(ctl, args, **more)  # type: ignore[arg-type]

    for module in (history, compare):
        monkeypatch.setattr(module, "call", counted)
    assert prove(world.ctl, train, made).proven
    assert len(calls) == 4


# --- honest trains --------------------------------------------------------------------------------

WORDS = ["", "x", "return", "    x", "}", *(f"w{n}" for n in range(30))]
NAMES = ["a.py", "b.py", "d/a.py", "d/c.txt", "e/f/g.py", "long name.txt"]


def random_lines(r: Random, most: int) -> list[bytes]:
    return [r.choice(WORDS).encode() + b"\n" for _ in range(r.randint(0, most))]


def random_file(r: Random) -> File:
    kind = r.randint(0, 11)
    if kind == 0:
        return "100644", b"\0\1" + bytes(r.randrange(256) for _ in range(20))
    if kind == 1:
        return "120000", r.choice([b"a.py", b"b.py", b"nowhere"])
    if kind == 2:
        return "160000", b"1" * 40
    lines = random_lines(r, 25)
    if kind == 3:
        lines = [line[:-1] + b"\r\n" for line in lines]
    content = b"".join(lines)
    if kind == 4:
        content = content[:-1]
    return ("100755" if kind == 5 else "100644"), content


def split(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def edit_lines(r: Random, content: bytes) -> bytes:
    lines = split(content)
    at = r.randint(0, len(lines))
    to = min(len(lines), at + r.randint(0, 3))
    kind = r.randint(0, 5)
    if kind == 0:
        del lines[at:to]
    elif kind == 1:
        lines[at:at] = random_lines(r, 3)
    elif kind == 2:
        lines[at:to] = random_lines(r, 4)
    elif kind == 3:
        lines[at:to] = [b"    " + line for line in lines[at:to]]
    elif kind == 4:
        block = lines[at:to]
        del lines[at:to]
        place = r.randint(0, len(lines))
        lines[place:place] = block
    else:
        lines[at:at] = lines[at:to]
    return b"".join(lines)


def edited(r: Random, files: Files, times: int, fresh: Iterator[str]) -> Files:
    """Every name that comes is a new one: where names change hands git itself loses files."""
    files = dict(files)
    for _ in range(times):
        kind = r.randint(0, 13)
        path = r.choice(sorted(files)) if files else ""
        if not path or kind == 0:
            files[next(fresh)] = random_file(r)
        elif kind == 1:
            del files[path]
        elif kind in (2, 3):
            files[next(fresh)] = files.pop(path)
        elif kind == 4 and files[path][0].startswith("100"):
            mode, content = files[path]
            files[path] = ("100644" if mode == "100755" else "100755", content)
        elif files[path][0].startswith("100"):
            mode, content = files[path]
            files[path] = (mode, edit_lines(r, content))
        else:
            files[path] = random_file(r)
    return files


def random_train(world: World, r: Random) -> tuple[Train, Assembled]:
    base = {name: random_file(r) for name in r.sample(NAMES, r.randint(1, 5))}
    fresh = (f"{r.choice(['', 'd/', 'new/'])}{r.choice(['', 'x'])}{n}" for n in count())
    on = edited(r, base, r.randint(0, 4), fresh)
    members: list[tuple[str, Files, Files]] = []
    needs: dict[str, list[str]] = {}
    for number in range(r.randint(1, 5)):
        name = f"m{number}"
        kind = r.randint(0, 5)
        if kind == 0 and members:
            other = r.choice(members)
            needs[name] = [other[0]]
            start = other[2]
            head = other[1] if r.randint(0, 2) == 0 else edited(r, start, r.randint(1, 5), fresh)
        elif kind == 1 and members:
            _, start, head = r.choice(members)
            head = edited(r, head, r.randint(0, 2), fresh)
        else:
            start = on if kind == 2 else base
            head = edited(r, start, r.randint(1, 5), fresh)
        members.append((name, start, head))
    train = world.train(on, *members, needs=needs)
    return world.assemble(train, skip=True)


many = settings(
    max_examples=kit.examples(40),
    # A seed does not shrink to a smaller train.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(st.integers(0, 2**32))
@pytest.mark.slow
def test_what_git_merges_cleanly_is_proven(tmp_path_factory: Factory, seed: int) -> None:
    world = shared_world(tmp_path_factory)
    train, made = random_train(world, Random(seed))
    proof = prove(world.ctl, train, made)
    assert proof.proven, proof.violations
    assert not proof.adaptations
    assert proof.lines == proof.kept + proof.deleted
    for item in proof.members:
        assert item.hunks == item.present + item.superseded + item.adapted


_worlds: dict[int, World] = {}


def shared_world(factory: Factory) -> World:
    """One repository for all examples of a process: objects are only ever added."""
    if os.getpid() not in _worlds:
        _worlds[os.getpid()] = new_world(factory.mktemp("shared") / "world")
    return _worlds[os.getpid()]


# --- sabotage -------------------------------------------------------------------------------------


def opcodes(old: bytes, new: bytes) -> list[tuple[str, int, int, int, int]]:
    matcher = SequenceMatcher(None, split(old), split(new), autojunk=False)
    return [item for item in matcher.get_opcodes() if item[0] != "equal"]


def sabotaged(r: Random, how: str, prev: Files, head: Files, after: Files) -> Files:
    """The tree after a step, harmed; the same where this harm cannot be done here."""
    texts = [
        path
        for path, (mode, content) in sorted(after.items())
        if mode.startswith("100") and b"\0" not in content and content
    ]
    changed = [path for path in texts if after[path] != prev.get(path)]
    out = dict(after)
    if how in ("drop hunk", "repeat hunk", "line back") and changed:
        path = r.choice(changed)
        before = prev.get(path, ("", b""))[1]
        old, new = split(before), split(after[path][1])
        codes = opcodes(before, after[path][1])
        codes = [
            item for item in codes if how == "drop hunk" or item[2 if how == "line back" else 4]
        ]
        if not codes:
            return out
        _, a0, a1, b0, b1 = r.choice(codes)
        if how == "drop hunk":
            new[b0:b1] = old[a0:a1]
        elif how == "repeat hunk":
            new[b1:b1] = new[b0:b1]
        else:
            new[b0:b0] = old[a0:a1][:1]
        out[path] = (after[path][0], b"".join(new))
    elif how == "drop line" and texts:
        path = r.choice(texts)
        lines = split(after[path][1])
        del lines[r.randrange(len(lines))]
        out[path] = (after[path][0], b"".join(lines))
    elif how == "drop file" and out:
        del out[r.choice(sorted(out))]
    elif how == "file back":
        out |= {path: file for path, file in prev.items() if path not in after}
    elif how in ("ours whole", "theirs whole"):
        side = prev if how == "ours whole" else head
        for path in after:
            if path in side and after[path] != side[path] and r.randint(0, 1):
                out[path] = side[path]
    elif how == "whatever":
        out = edited(r, out, r.randint(1, 2), (f"odd{n}" for n in count()))
    return out


SABOTAGE = (
    "drop hunk",
    "repeat hunk",
    "line back",
    "drop line",
    "drop file",
    "file back",
    "ours whole",
    "theirs whole",
    "whatever",
)


def harmed_train(world: World, r: Random, how: str) -> tuple[Train, Assembled, Assembled] | None:
    train, made = random_train(world, r)
    if not train.parts:
        return None
    at = r.randrange(len(train.parts))
    line = [train.on, *(made.commits[part.task] for part in train.parts)]
    after = world.files(line[at + 1])
    head = world.files(train.parts[at].head)
    harmed = sabotaged(r, how, world.files(line[at]), head, after)
    if harmed == after:
        return None
    return train, made, world.tampered(train, made, at, harmed)


@many
@given(st.integers(0, 2**32), st.sampled_from(SABOTAGE))
@pytest.mark.slow
def test_sabotage_is_found(tmp_path_factory: Factory, seed: int, how: str) -> None:
    world = shared_world(tmp_path_factory)
    made = harmed_train(world, Random(seed), how)
    assume(made is not None)
    assert made is not None
    proof = prove(world.ctl, made[0], made[2])
    assert not proof.proven
