"""What is unusual about a repository and matters to whoever works in many checkouts of it.

Facts only, each with what to do about it; whether a run can start is for others to say.
"""

import os
import shutil
from collections.abc import Iterator

from wtman import files
from wtman.formats.git_output import text
from wtman.git import partial
from wtman.git.config import entries, value_of
from wtman.git.discovery import Repository
from wtman.git.disk import file_system, on_network
from wtman.git.refs import read_one
from wtman.git.run import git
from wtman.model.values import dataclass

_UNDERWAY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "BISECT_LOG": "a bisect",
}


@dataclass(frozen=True, slots=True)
class UnusualFeature:
    """`fix` is what to do; empty where there is nothing to do."""

    text: str
    fix: str = ""


def oddities(repo: Repository) -> tuple[UnusualFeature, ...]:
    """Everything unusual that can be told without reading a file's content."""
    settings = entries(repo.git_dir)
    found = [*_place(repo), *_history(repo)]
    if value_of(settings, "core.sparsecheckout").lower() == "true":
        found.append(
            UnusualFeature(
                "the checkout is sparse: worktrees of tasks hold everything, checks see it all"
            )
        )
    if value_of(settings, "core.ignorecase").lower() == "true":
        said = "the file system does not tell case: two branches may not add A.py and a.py"
        found.append(UnusualFeature(said))
    if repo.toplevel:
        found += _attributes(repo, value_of(settings, "filter.lfs.process", trusted=True))
    return tuple(found)


def _place(repo: Repository) -> Iterator[UnusualFeature]:
    if not repo.toplevel:
        yield UnusualFeature(
            "a bare repository: worktrees work, and `merge` lands without a checkout"
        )
    elif repo.git_dir != repo.common_dir:
        yield UnusualFeature(
            f"a linked worktree; the main checkout is {repo.main or repo.common_dir}"
        )
    if on_network(repo.common_dir):
        kind = file_system(repo.common_dir)
        said = f"on a network file system ({kind}): slower, and one machine at a time"
        yield UnusualFeature(said, "a clone on a local disk is safer")


def _history(repo: Repository) -> Iterator[UnusualFeature]:
    if partial.is_partial(repo):
        said = "a partial clone: what a run needs is fetched before it begins"
        yield UnusualFeature(said)
    if read_one(repo, "refs/heads/wtman") is not None:
        said = "a branch named wtman: no branch wtman/RUN/TASK can be made"
        yield UnusualFeature(said, "git branch -m wtman NAME")
    if os.path.exists(os.path.join(repo.common_dir, "shallow")):
        said = "a shallow clone: branches may lack the commit that they share"
        yield UnusualFeature(said, "git fetch --unshallow")
    for name, what in _UNDERWAY.items():
        if os.path.exists(os.path.join(repo.git_dir, name)):
            said = f"{what} is in progress: tasks start from HEAD, without uncommitted changes"
            yield UnusualFeature(said, "finish or abort it first")


def _attributes(repo: Repository, lfs: str) -> Iterator[UnusualFeature]:
    listed = git(["ls-files", "-z", "--stage"], git_dir="", cwd=repo.toplevel).out
    modules = [item for item in listed.split(b"\0") if item.startswith(b"160000 ")]
    if modules:
        first = text(modules[0].partition(b"\t")[2])
        said = f"submodules ({first}{' …' if modules[1:] else ''}): empty in a fresh worktree"
        yield UnusualFeature(said, 'setup = ["git submodule update --init"] in wtman.toml')
    if _uses_lfs(repo) and not (lfs and shutil.which("git-lfs")):
        said = "files in Git LFS, and git-lfs is not set up: checkouts hold pointers instead"
        yield UnusualFeature(said, "install git-lfs, then: git lfs install")


def _uses_lfs(repo: Repository) -> bool:
    held = files.head(os.path.join(repo.toplevel, ".gitattributes"), 1 << 20, follow=True)
    return b"filter=lfs" in (held or b"")
