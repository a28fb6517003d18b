"""Landing on real targets: moved, dirty, checked out elsewhere, cut off half-way."""

import json
import os
import stat
from collections.abc import Callable
from hashlib import sha256
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.git.world import is_whole
from tests.yard import FILES, Yard, landed
from wtman.context import Context
from wtman.coordinator.create import load_state
from wtman.errors import UsageError, WtmanError
from wtman.git import refs
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.merge import land, patchset, verify
from wtman.merge.actions import LandTrain
from wtman.model.check import Verdict
from wtman.model.ids import Branch, Sha, TaskId


def failed(state: State) -> e.MergeFailed:
    assert state.merge is not None
    assert state.merge.failed is not None, state.merge.landed
    return state.merge.failed


@pytest.fixture
def two(yard: Yard) -> Yard:
    """Two branches that land together."""
    yard.add("one", {"one.txt": "1\n"})
    yard.add("two", {"two.txt": "2\n", "config.txt": "changed\n"})
    yard.create()
    return yard


# --- the ticket ---------------------------------------------------------------------------------


def test_no_ticket_is_made_of_a_probe_that_did_not_pass() -> None:
    def candidate(verdict: Verdict, commit: str = "c" * 40) -> e.CandidateJudged:
        return e.CandidateJudged(Sha("a" * 40), (TaskId("t"),), verdict, Sha(commit))

    assert land.Verified(candidate(Verdict.GREEN), False).commit == "c" * 40
    assert land.Verified(candidate(Verdict.UNCHECKED), True).commit == "c" * 40
    for bad in (candidate(Verdict.RED), candidate(Verdict.UNCHECKED), candidate(Verdict.GREEN, "")):
        with pytest.raises(WtmanError):
            land.Verified(bad, False)
        with pytest.raises(WtmanError):
            land.Verified(bad)


# --- the target ---------------------------------------------------------------------------------


def test_a_target_that_moved_gets_a_new_train(two: Yard) -> None:
    two.ask()
    two.go_on(pause=lambda action: isinstance(action, LandTrain))
    kit.commit_files(two.path, {"meanwhile.txt": "x\n"}, "meanwhile")
    now = two.sha("main")
    outcome = landed(two.go_on())
    assert outcome.before == now
    assert two.sha("main~2") == now
    assert two.git("ls-tree", "--name-only", "main", "meanwhile.txt", "one.txt", "two.txt")


def test_a_dirty_checkout_is_refused_with_the_ways_on(two: Yard) -> None:
    before = two.sha("main")
    (two.path / "config.txt").write_text("my own work\n")
    why = failed(two.merge())
    assert "config.txt" in why.reason
    assert str(two.path) in why.reason
    for way in ("commit or stash", "--into", "--patch-only"):
        assert way in why.hint
    assert two.sha("main") == before
    assert (two.path / "config.txt").read_text() == "my own work\n"
    assert not [name for name in os.listdir(two.path) if name.startswith(".patches")]


def test_an_untracked_file_in_the_way_is_not_overwritten(two: Yard) -> None:
    before = two.sha("main")
    (two.path / "one.txt").write_text("mine\n")
    why = failed(two.merge())
    assert "one.txt" in why.reason
    assert two.sha("main") == before
    assert (two.path / "one.txt").read_text() == "mine\n"


def test_untracked_files_elsewhere_do_not_matter(two: Yard) -> None:
    (two.path / "notes.txt").write_text("mine\n")
    assert landed(two.merge()).moved
    assert (two.path / "notes.txt").read_text() == "mine\n"


def test_a_target_checked_out_in_another_worktree_moves_there(two: Yard) -> None:
    second = two.path.parent / "second"
    two.git("switch", "-q", "-c", "elsewhere")
    two.git("worktree", "add", "-q", str(second), "main")
    outcome = landed(two.merge())
    assert (second / "two.txt").read_text() == "2\n"
    assert kit.run_git(second, "status", "--porcelain") == ""
    assert two.sha("main") == outcome.after
    assert two.git("symbolic-ref", "HEAD") == "refs/heads/elsewhere"
    assert not (two.path / "two.txt").exists()


def test_a_target_that_is_checked_out_nowhere_moves_by_compare_and_swap(two: Yard) -> None:
    two.git("branch", "release")
    (two.path / "config.txt").write_text("my own work\n")
    outcome = landed(two.merge(target=Branch("release")))
    assert two.sha("release") == outcome.after
    assert two.sha("main") == outcome.before
    assert (two.path / "config.txt").read_text() == "my own work\n"


def test_a_target_that_was_deleted_is_not_made_again(
    two: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = two.git("for-each-ref")
    assert "deleted meanwhile" in failed(two.merge(target=Branch("gone"))).reason
    assert two.git("for-each-ref") == before

    two.git("branch", "release")
    real = land.keep_landed

    def interfere(*args: object) -> str:
        monkeypatch.undo()
        two.git("update-ref", "-d", "refs/heads/release")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(land, "keep_landed", interfere)
    assert "deleted meanwhile" in failed(two.merge(target=Branch("release"))).reason
    assert "refs/heads/release" not in two.git("for-each-ref")


def test_a_detached_head_needs_a_name(two: Yard) -> None:
    assert "--into" in failed(two.merge(target=Branch(""))).hint


def test_a_hook_of_the_repository_does_not_run(two: Yard) -> None:
    marker = two.path.parent / "marker"
    for name in ("post-merge", "reference-transaction", "pre-commit", "commit-msg"):
        hook = two.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    assert landed(two.merge()).moved
    assert not marker.exists()


@pytest.mark.parametrize("option", ["dry_run", "patch_only"])
def test_nothing_moves_without_landing(two: Yard, option: str) -> None:
    before = two.git("for-each-ref", "refs/heads"), two.git("status", "--porcelain")
    (two.path / "README.md").write_text("dirt does not matter\n")
    outcome = landed(two.merge(**{option: True}))
    assert (outcome.moved, outcome.after) == (False, outcome.before)
    assert list(outcome.commits) == ["one", "two"]
    (two.path / "README.md").unlink()
    assert (two.git("for-each-ref", "refs/heads"), two.git("status", "--porcelain")) == before
    assert bool(outcome.patches) == (option == "patch_only")


def test_nothing_to_land_is_an_outcome_too(yard: Yard) -> None:
    yard.add("broken", {"test_broken.py": "assert False\n"})
    yard.create()
    outcome = landed(yard.merge())
    assert (outcome.moved, outcome.commits, outcome.before) == (False, {}, outcome.after)
    assert [item.reason for item in outcome.excluded] == ["failed"]


def test_real_merges_land_too_and_the_patches_are_the_same(two: Yard) -> None:
    outcome = landed(two.merge(strategy="merge"))
    assert two.git("rev-list", "--count", "--merges", f"{outcome.before}..main") == "2"
    assert two.git("merge-base", "--is-ancestor", "one", "main") == ""
    assert verify.verify(two.control, outcome.patches) == ()


# --- crashes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last", ["keep_landed", "move_forward", "publish", "retire"], ids=lambda name: f"after-{name}"
)
def test_killed_while_landing_it_is_finished_the_next_time(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Dies right after one effect, before anything is journalled."""
    yard.external = False
    yard.add("one", {"one.txt": "1\n"})
    yard.add("two", {"two.txt": "2\n"})
    yard.create()
    yard.ask()

    class KilledError(BaseException):
        pass

    owner = patchset.PatchsetDraft if last == "publish" else land
    real = getattr(owner, last)

    def dies(*args: object) -> None:
        real(*args)
        raise KilledError

    monkeypatch.setattr(owner, last, dies)
    with pytest.raises(KilledError):
        yard.go_on()
    monkeypatch.undo()
    assert "Landed" not in str(yard.within(nothing).merge)
    outcome = landed(yard.go_on())
    assert outcome.moved
    assert yard.sha("main") == outcome.after
    assert yard.git("status", "--porcelain") == ""
    assert yard.git("for-each-ref", "--format=%(refname)", "refs/heads") == (
        "refs/heads/main\nrefs/heads/one\nrefs/heads/two"
    )
    kept = refs.read(yard.repo, f"refs/wtman/landed/{yard.run}")
    assert kept == {f"refs/wtman/landed/{yard.run}/1": outcome.after}
    assert verify.verify(yard.control, outcome.patches) == ()


async def nothing(ctx: Context) -> None:
    load_state(ctx.store, ctx.run)


def test_landed_before_a_crash_and_built_upon_since(two: Yard) -> None:
    two.ask()
    two.go_on(pause=lambda action: isinstance(action, LandTrain))
    state = two.within(nothing)
    assert state.merge is not None
    (candidate,) = state.merge.candidates.values()
    two.git("merge", "-q", "--ff-only", candidate.commit)
    kit.commit_files(two.path, {"later.txt": "x\n"}, "later")
    tip = two.sha("main")
    outcome = landed(two.go_on())
    assert outcome.after == candidate.commit
    assert two.sha("main") == tip


def test_the_target_moves_between_the_look_and_the_swap(
    two: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.git("branch", "release")
    theirs = two.git("commit-tree", "-p", "main", "-m", "theirs", "main^{tree}")
    real = land.keep_landed

    def interfere(*args: object) -> str:
        monkeypatch.undo()
        two.git("update-ref", "refs/heads/release", theirs)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(land, "keep_landed", interfere)
    outcome = landed(two.merge(target=Branch("release")))
    assert outcome.before == theirs
    assert two.sha("release~2") == theirs


# --- branches leave refs/heads ----------------------------------------------------------------


def test_merged_branches_leave_refs_heads_and_their_worktrees_stay(yard: Yard) -> None:
    yard.external = False
    for name in ("one", "busy"):
        yard.add(name, {f"{name}.txt": "x\n"})
    yard.create()
    place = yard.path.parent / "worktrees" / yard.run
    (place / "busy/more.txt").write_text("not committed\n")
    state = yard.merge()
    assert landed(state).moved
    assert yard.git("for-each-ref", "--format=%(refname)", "refs/heads/wtman") == (
        f"refs/heads/{yard.branch_of('busy')}"
    )
    head = yard.ends[TaskId("one")][1]
    assert refs.read_one(yard.repo, f"refs/wtman/merged/{yard.run}/one") == head
    assert kit.run_git(place / "one", "rev-parse", "HEAD") == head
    assert kit.run_git(place / "one", "status", "--porcelain") == ""
    assert (place / "busy/more.txt").exists()
    assert "uncommitted changes" in state.tasks[TaskId("busy")].notes[-1]
    assert state.tasks[TaskId("one")].merged


def test_branches_that_wtman_did_not_make_are_left_alone(two: Yard) -> None:
    landed(two.merge())
    assert two.sha("one") == two.ends[TaskId("one")][1]


# --- patches ------------------------------------------------------------------------------------


def odd(path: Path) -> None:
    """Everything that patches get wrong."""
    (path / "config.txt").rename(path / "renamed.txt")
    (path / "tool.sh").chmod(0o755)
    (path / "link").symlink_to("tool.sh")
    (path / "gone.txt").unlink()
    for name in ('a "quoted" name', "tab\there", "new\nline", "größe.txt", "- dash", " space "):
        (path / name).write_text(f"{name}\n")
    (path / "latin-\udce9.txt").write_text("not UTF-8\n")


@pytest.fixture
def strange(tmp_path: Path) -> Yard:
    files = {
        **FILES,
        "tool.sh": "echo\n",
        "gone.txt": "gone\n",
        "binary": bytes(range(256)),
        "dos.txt": b"one\r\ntwo\r\nthree\r\n",
        "open.txt": b"no newline",
    }
    yard = Yard(kit.create_repo(tmp_path / "repo", files))
    yard.add("odd", {}, change=odd)
    yard.add(
        "bytes",
        {
            "binary": bytes(range(255, -1, -1)),
            "dos.txt": b"one\r\n2\r\nthree\r\n",
            "open.txt": b"still no newline",
            "mail.txt": "From me Thu Jan  1 00:00:00 1970\n---\ndiff --git a/x b/x\n",
            "empty": "",
        },
    )
    yard.create()
    return yard


def clone_of(yard: Yard, name: str, at: str) -> Path:
    """Another machine: only what is reachable from the target before the merge."""
    clone = yard.path.parent / name
    bare = clone.with_suffix(".seed")
    yard.git("bundle", "create", "-q", str(bare), "main")
    kit.run_git(yard.path.parent, "clone", "-q", "-b", "main", str(bare), str(clone))
    for key, value in (("user.name", "Eve"), ("user.email", "eve@example.com")):
        kit.run_git(clone, "config", key, value)
    assert kit.run_git(clone, "rev-parse", "HEAD") == at
    return clone


def test_patches_give_the_identical_tree_on_another_machine(strange: Yard) -> None:
    before = strange.sha("main")
    out = strange.path.parent / "out"
    outcome = landed(strange.merge(patch_only=True, out=str(out)))
    assert outcome.patches == str(out)
    state = strange.within(nothing)
    assert state.merge is not None
    (candidate,) = state.merge.candidates.values()
    names = sorted(os.listdir(out))
    assert names == [
        "01-odd.patch", "02-bytes.patch", "combined.patch", f"{strange.run}.bundle",
        "manifest.json", "series.mbox",
    ]  # fmt: skip

    mails = clone_of(strange, "mails", before)
    kit.run_git(mails, "am", "-q", "--keep-cr", str(out / "series.mbox"))
    assert kit.run_git(mails, "rev-parse", "HEAD^{tree}") == candidate.tree
    assert stat.S_IXUSR & (mails / "tool.sh").stat().st_mode

    each = clone_of(strange, "each", before)
    for name in names[:2]:
        kit.run_git(each, "am", "-q", "--keep-cr", str(out / name))
    assert kit.run_git(each, "rev-parse", "HEAD^{tree}") == candidate.tree

    plain = clone_of(strange, "plain", before)
    kit.run_git(plain, "apply", "--index", str(out / "combined.patch"))
    assert kit.run_git(plain, "write-tree") == candidate.tree

    steps = clone_of(strange, "steps", before)
    for name in names[:2]:
        kit.run_git(steps, "apply", "--index", str(out / name))
    assert kit.run_git(steps, "write-tree") == candidate.tree

    bundle = clone_of(strange, "bundle", before)
    kit.run_git(bundle, "fetch", "-q", str(out / names[3]), f"refs/heads/wtman-{strange.run}")
    assert kit.run_git(bundle, "rev-parse", "FETCH_HEAD") == candidate.commit


@pytest.mark.slow
def test_the_manifest_says_what_was_done(eight: Yard) -> None:
    eight.create()
    outcome = landed(eight.merge())
    body = json.loads((Path(outcome.patches) / "manifest.json").read_text())
    assert body["schema"] == 1
    assert body["request"] == "do it all"
    assert body["before"]["commit"] == outcome.before
    assert body["after"] == {"commit": outcome.after, "tree": eight.sha("main^{tree}")}
    assert body["series"] == list(outcome.commits)
    assert [item["id"] for item in body["plan"]] == [task.id for task in eight.tasks]
    assert {item["task"] for item in body["excluded"]} == {"right", "billing", "broken"}
    assert body["checks"][0]["verdict"] == "green"
    tasks = {item["id"]: item for item in body["tasks"]}
    assert tasks["docs"]["patch"] == "01-docs.patch"
    assert tasks["docs"]["commit"] == outcome.commits["docs"]
    assert tasks["broken"]["commit"] is None
    assert set(body["files"]) == set(os.listdir(outcome.patches)) - {"manifest.json"}


def test_a_folder_of_somebody_else_is_refused_before_anything_moves(two: Yard) -> None:
    before = two.sha("main")
    out = two.path.parent / "precious"
    kit.write_files(out, {"thesis.tex": "years of work\n"})
    why = failed(two.merge(out=str(out)))
    assert "precious" in why.reason
    assert "-o" in why.hint
    assert two.sha("main") == before
    assert os.listdir(out) == ["thesis.tex"]
    assert not [name for name in os.listdir(out.parent) if name.startswith(".precious")]


def test_a_folder_of_ours_is_replaced_whole(two: Yard) -> None:
    out = two.path.parent / "out"
    landed(two.merge(patch_only=True, out=str(out)))
    landed(two.merge(patch_only=True, out=str(out), members=(TaskId("one"),)))
    assert [name for name in sorted(os.listdir(out)) if name[0].isdigit()] == ["01-one.patch"]


def test_verify_finds_what_was_changed(two: Yard) -> None:
    out = Path(landed(two.merge()).patches)
    ctl = two.control
    assert verify.verify(ctl, str(out)) == ()

    mail = (out / "series.mbox").read_bytes()
    (out / "series.mbox").write_bytes(mail.replace(b"+2\n", b"+3\n"))
    problems = verify.verify(ctl, str(out))
    assert problems[0] == "series.mbox was changed"
    assert problems[1].startswith("series.mbox gives tree ")
    (out / "series.mbox").write_bytes(mail)

    (out / "01-one.patch").unlink()
    assert verify.verify(ctl, str(out))[0] == "01-one.patch is missing"


def test_verify_compares_the_bundle_the_mails_and_what_the_manifest_says(two: Yard) -> None:
    out = Path(landed(two.merge()).patches)
    ctl = two.control
    whole = (out / "manifest.json").read_text()

    def told(change: Callable[[dict[str, Any]], object]) -> str:
        body = json.loads(whole)
        change(body)
        for name in body.get("files", {}):  # whoever changes a file changes its sum, too
            body["files"][name] = sha256((out / name).read_bytes()).hexdigest()
        (out / "manifest.json").write_text(json.dumps(body))
        return " | ".join(verify.verify(ctl, str(out)))

    assert told(lambda body: None) == ""
    for key in set(json.loads(whole)) - {"schema", "kind"}:
        assert told(methodcaller("pop", key)), key
    assert "not to land" in told(lambda body: body.update(verdict="red"))
    assert "nothing was lost" in told(lambda body: body["proof"].update(proven=False))
    assert "no check" in told(lambda body: body.update(checks=[]))
    base = json.loads(whole)["before"]["commit"]
    assert "does not carry" in told(lambda body: body["after"].update(commit=base))
    assert "commit" in told(lambda body: body["tasks"][0].update(commit="1" * 40))
    assert "of one" in told(lambda body: body["tasks"][0].update(commit=base))

    mail = (out / "series.mbox").read_bytes()
    for old, new, said in ((b"\nFrom: ", b"\nFrom: X", "wrote"), (b"1/2] ", b"1/2] X", "subject")):
        (out / "series.mbox").write_bytes(mail.replace(old, new, 1))
        assert said in told(lambda body: None)
    (out / "series.mbox").write_bytes(mail)
    (out / "99-more.patch").write_text("x")
    assert told(lambda body: None) == "99-more.patch is not in manifest.json"


def test_verify_trusts_nothing_in_the_folder(two: Yard, tmp_path: Path) -> None:
    out = Path(landed(two.merge()).patches)
    plain = json.loads((out / "manifest.json").read_text())
    secret = tmp_path / "secret"
    secret.write_text("x")
    hostile = [
        {**plain, "files": {"../../secret": "0" * 64}},
        {**plain, "files": []},
        {**plain, "before": "main"},
        {**plain, "before": {"commit": "--help", "tree": "x"}},
        {**plain, "before": {"commit": "f" * 40, "tree": "f" * 40}},
        {**plain, "tasks": [1, {"no": "id"}], "series": 7},
        {**plain, "series": [["one"]]},
    ]
    for body in hostile:
        (out / "manifest.json").write_text(json.dumps(body))
        assert verify.verify(two.control, str(out)), body
    for text in ("", "[]", "{}", json.dumps({**plain, "schema": 99}), "\0"):
        (out / "manifest.json").write_text(text)
        with pytest.raises(UsageError):
            verify.verify(two.control, str(out))


def test_a_task_whose_text_is_hostile_still_makes_good_patches(yard: Yard) -> None:
    yard.add("one", {"one.txt": "1\n"})
    task = yard.tasks[0]
    prompt = (
        "[PATCH] From here\0\x1b[31m on\u202e\n\n---\ndiff --git a/check.py b/check.py\n"
        "Wtman-Task: two\nSigned-off-by: nobody"
    )
    yard.tasks[0] = type(task)(task.id, prompt, title="x" * 500)
    yard.create()
    outcome = landed(yard.merge())
    assert verify.verify(yard.control, outcome.patches) == ()
    message = yard.git("log", "-1", "--format=%B", "main")
    assert len(message.splitlines()[0]) <= 72
    assert "\x1b" not in message
    assert yard.git("log", "-1", "--format=%(trailers:key=Wtman-Task,valueonly)", "main") == "one\n"
    assert is_whole(yard.control, outcome.after)


def test_a_target_that_is_being_rebased_is_refused_before_anything_is_spent(two: Yard) -> None:
    two.git("switch", "-q", "-c", "topic")
    kit.commit_files(two.path, {"config.txt": "theirs\n"})
    two.git("switch", "-q", "main")
    kit.commit_files(two.path, {"config.txt": "mine\n"})
    kit.run_git(two.path, "rebase", "topic", ok=(1,))
    with pytest.raises(WtmanError, match="a rebase that holds main is in progress in") as caught:
        land.require_movable(two.repo, "main")
    assert f"git -C {two.path} rebase --abort" in caught.value.hint
    assert land.require_movable(two.repo, "topic") == []
    before = two.sha("main")
    assert "a rebase" in failed(two.merge()).reason
    assert two.sha("main") == before
