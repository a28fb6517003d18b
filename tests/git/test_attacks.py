"""Nothing that a session can plant is run by any function that wtman calls afterwards.

Each trick of the catalogue is written where a session without a sandbox could write it;
then everything is done that a run does. A file that must not appear is the alarm, and
the same trick under plain git shows that the alarm works.
"""

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import WHEN, is_whole
from wtman.errors import ExternalError
from wtman.git import control_dir, fingerprint, refs, repo
from wtman.git.checkouts import snapshot, standalone, worktrees
from wtman.git.discovery import Repository, discover
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.git.patches import series
from wtman.git.untrusted import gate, private
from wtman.model.ids import Sha
from wtman.worktrees import trash

Git = Callable[..., str]
HOOKS = (
    "pre-commit post-commit post-checkout post-merge post-index-change post-rewrite "
    "pre-merge-commit prepare-commit-msg commit-msg reference-transaction applypatch-msg "
    "pre-applypatch fsmonitor-watchman"
).split()
EVERY_FILE = "* filter=evil diff=evil merge=evil\n"


class Attack:
    """One session's worktree, and what a trick may write to."""

    def __init__(self, project: Path, tree: Path, script: Path) -> None:
        self.project, self.tree, self.script = project, tree, script
        self.common = project / ".git"
        self.admin = self.common / "worktrees/evil"

    def config(self, *pairs: str) -> None:
        with open(self.common / "config", "a") as file:
            for pair in pairs:
                key, _, value = pair.partition("=")
                section, _, name = key.rpartition(".")
                top, _, sub = section.partition(".")
                head = f'[{top} "{sub}"]' if sub else f"[{top}]"
                file.write(f"{head}\n\t{name} = {value or self.script}\n")

    def hooks(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            (folder / name).write_text(f"#!/bin/sh\nexec {self.script}\n")
            (folder / name).chmod(0o755)

    def attributes(self, *, committed: bool) -> None:
        place = self.tree / ".gitattributes" if committed else self.common / "info/attributes"
        place.parent.mkdir(exist_ok=True)
        place.write_text(EVERY_FILE)


Trick = Callable[[Attack], None]


def hooks(on: Attack) -> None:
    on.hooks(on.common / "hooks")


def hooks_path(on: Attack) -> None:
    on.hooks(on.tree / "myhooks")
    on.config(f"core.hooksPath={on.tree}/myhooks")


def fsmonitor(on: Attack) -> None:
    on.config("core.fsmonitor")


def included(on: Attack) -> None:
    (on.tree / "more.cfg").write_text(f"[core]\n\tfsmonitor = {on.script}\n")
    on.config(f"include.path={on.tree}/more.cfg")


def filters(on: Attack) -> None:
    on.config("filter.evil.clean", "filter.evil.smudge", "filter.evil.required=true")
    on.attributes(committed=True)


def filter_process(on: Attack) -> None:
    on.config("filter.evil.process", "filter.evil.required=true")
    on.attributes(committed=False)


def filter_lfs(on: Attack) -> None:
    on.config("filter.lfs.clean", "filter.lfs.smudge", "filter.lfs.process")
    (on.tree / ".gitattributes").write_text("* filter=lfs\n")


def diff_programs(on: Attack) -> None:
    on.config("diff.external", "diff.evil.textconv", "diff.evil.command")
    on.attributes(committed=True)


def merge_driver(on: Attack) -> None:
    on.config("merge.evil.driver", "merge.default=evil")
    on.attributes(committed=True)


def signing(on: Attack) -> None:
    on.config("gpg.program", "commit.gpgSign=true", "merge.verifySignatures=true")


def trailers(on: Attack) -> None:
    on.config("trailer.evil.cmd", "trailer.evil.ifmissing=add", "trailer.evil.key=Evil")


def transports(on: Attack) -> None:
    on.config("core.sshCommand", "core.alternateRefsCommand", "protocol.allow=always")
    on.config("remote.origin.uploadpack", f"remote.origin.url={on.project}")


def partial_clone(on: Attack) -> None:
    on.config("core.repositoryformatversion=1", "extensions.partialClone=origin")
    on.config("remote.origin.uploadpack", f"remote.origin.url={on.project}")
    on.config("remote.origin.promisor=true")


def pointer_file(on: Attack) -> None:
    elsewhere = on.tree.parent / "elsewhere"
    subprocess.run(["git", "init", "-q", str(elsewhere)], check=True)
    on.hooks(elsewhere / ".git/hooks")
    with open(elsewhere / ".git/config", "a") as file:
        file.write(f'[core]\n\tfsmonitor = {on.script}\n[filter "evil"]\n\tclean = {on.script}\n')
    (on.tree / ".git").unlink()
    (on.tree / ".git").write_text(f"gitdir: {elsewhere}/.git\n")
    on.attributes(committed=True)


def pointer_folder(on: Attack) -> None:
    (on.tree / ".git").unlink()
    subprocess.run(["git", "init", "-q", str(on.tree)], check=True)
    with open(on.tree / ".git/config", "a") as file:
        file.write(f'[core]\n\tfsmonitor = {on.script}\n[filter "evil"]\n\tclean = {on.script}\n')
    on.attributes(committed=True)


def common_dir(on: Attack) -> None:
    elsewhere = on.tree.parent / "elsewhere"
    subprocess.run(["git", "init", "-q", str(elsewhere)], check=True)
    with open(elsewhere / ".git/config", "a") as file:
        file.write(f"[core]\n\tfsmonitor = {on.script}\n")
    (on.admin / "commondir").write_text(f"{elsewhere}/.git\n")


def worktree_config(on: Attack) -> None:
    on.config("core.repositoryformatversion=1", "extensions.worktreeConfig=true")
    for place in (on.admin, on.common):
        (place / "config.worktree").write_text(
            f'[core]\n\tfsmonitor = {on.script}\n[filter "evil"]\n\tclean = {on.script}\n'
        )
    on.attributes(committed=True)


def nested(on: Attack) -> None:
    for place in (on.tree / "nested", on.tree / "src"):
        place.mkdir(exist_ok=True)
        subprocess.run(["git", "init", "-q", str(place)], check=True)
        with open(place / ".git/config", "a") as file:
            file.write(
                f'[core]\n\tfsmonitor = {on.script}\n[filter "evil"]\n\tclean = {on.script}\n'
            )
        (place / ".gitattributes").write_text(EVERY_FILE)
        (place / "inner").write_text("x")


def programs(on: Attack) -> None:
    on.config("core.pager", "core.editor", "core.askPass", "credential.helper", "sequence.editor")
    on.config("alias.status=!" + str(on.script), "pager.status", "tar.tar.command", "gc.auto=1")


TRICKS: tuple[Trick, ...] = (
    hooks, hooks_path, fsmonitor, included, filters, filter_process, filter_lfs, diff_programs,
    merge_driver, signing, trailers, transports, partial_clone, pointer_file, pointer_folder,
    common_dir, worktree_config, nested, programs,
)  # fmt: skip
# Plain git in the worktree runs these at once; the rest need a network, a terminal or an option.
LOUD: set[Trick] = {hooks, hooks_path, fsmonitor, included, filters, filter_process, filter_lfs,
        diff_programs, signing, pointer_file, pointer_folder, worktree_config,
        nested}  # fmt: skip


def named(trick: object) -> str:
    return str(getattr(trick, "__name__", trick))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def attack(
    project: Path, here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path,
    marker: Path,
) -> Attack:  # fmt: skip
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    refs.update(here, [refs.RefChange("refs/heads/evil", head, None)])
    spec = worktrees.WorktreeSpec("evil", str(tmp_path / "trees/evil"), "evil")
    (made,) = worktrees.create(here, [spec])
    snapshot.checkout(ctl, made.path, made.index, head)
    return Attack(project, Path(made.path), script)


def whole_run(project: Path, tree: Path, head: Sha, tmp_path: Path) -> Sha:
    """Everything that is done with a session's worktree, in the order of a run."""
    here = discover(str(project))
    ctl = control_dir.prepare(here)
    index = os.path.join(here.common_dir, "worktrees/evil/index")
    (tree / "src/a.py").write_text("one\ntwo\nTHREE\n")
    seen = fingerprint.take(ctl)
    place = worktrees.Worktree(str(tree), str(Path(index).parent))
    lent = private.make(ctl, place, "evil", head, str(tmp_path / "git"), mounted=False)
    assert gate.take(ctl, lent) == gate.Imported(head)
    external = snapshot.snapshot(ctl, str(tree), index, head)
    message = "work\n\nWtman-Task: t\n"
    tip = history.commit(ctl, external.tree, (head,), message, ctl.identity, WHEN)
    assert is_whole(ctl, tip) and history.is_ancestor(ctl, head, tip)
    assert history.numstat(ctl, head, tip).files >= 1
    assert history.merge_base(ctl, head, tip) == head
    refs.update(here, [refs.RefChange("refs/heads/evil", tip, head)])
    assert fingerprint.difference(seen, fingerprint.take(ctl, seen))
    other_tree = series.apply(
        ctl, history.tree_of(ctl, head), series.diff(ctl, head, tip, "src/a.py")
    )
    other = history.commit(ctl, other_tree, (head,), "other", ctl.identity, WHEN)
    assert merge_tree.merge(ctl, head, tip, other).tree
    series.diff(ctl, head, tip, stat=True)
    assert series.am(ctl, head, series.mbox(ctl, [other])) == other_tree
    series.bundle(ctl, head, tip, "refs/heads/evil")
    standalone.make(ctl, str(tmp_path / "check"), tip)
    assert standalone.reuse(ctl, str(tmp_path / "check"), head)
    snapshot.checkout(ctl, str(tree), index, tip)
    made = worktrees.Worktree(str(tree), str(Path(index).parent))
    worktrees.repair_head(made, "evil")
    assert repo.head_branch(here) == "main"
    repo.checkouts(here)
    repo.is_dirty(here, str(project))
    with contextlib.suppress(ExternalError):  # says so where it would need a planted filter
        repo.fast_forward(here, str(project), head, tip)
    trash.drop(ctl, made, str(tmp_path / "trees/.trash"))
    return tip


@pytest.mark.parametrize("trick", TRICKS, ids=named)
def test_no_planted_program_runs(
    attack: Attack, head: Sha, tmp_path: Path, marker: Path, trick: Trick
) -> None:
    trick(attack)
    marker.unlink(missing_ok=True)
    tip = whole_run(attack.project, attack.tree, head, tmp_path)
    assert not marker.exists()
    here = discover(str(attack.project))
    assert history.blob(control_dir.prepare(here), tip, "src/a.py", 99) == b"one\ntwo\nTHREE\n"


@pytest.mark.parametrize("trick", sorted(LOUD, key=TRICKS.index), ids=named)
def test_the_alarm_works(attack: Attack, marker: Path, trick: Trick) -> None:
    (attack.tree / "src/b.py").write_text("before\n")
    trick(attack)
    (attack.tree / "src/a.py").write_text("one\ntwo\nTHREE\n")
    places = [attack.tree, attack.tree / "nested"] if trick is nested else [attack.tree]
    for place in places:
        for args in (["status"], ["diff"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run(["git", *args], cwd=place, check=False, capture_output=True)
    assert marker.exists()
