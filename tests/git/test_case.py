"""Two names of one file, where the file system does not tell case."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import write_files
from wtman.errors import MissingError
from wtman.git.case import require_distinct
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.model.ids import Sha


def test_what_two_branches_or_branch_and_target_add(
    project: Path, ada: None, git: Callable[..., str]
) -> None:
    base = Sha(git(project, "rev-parse", "main"))
    heads = {}
    for name in ("new.py", "New.py", "SRC/a.py", "other.py"):
        git(project, "checkout", "-q", "-f", "--detach", base)
        write_files(project, {name: "x"})
        git(project, "add", "-A")
        git(project, "commit", "-qm", name)
        heads[name] = Sha(git(project, "rev-parse", "HEAD"))
    git(project, "checkout", "-q", "-f", "--detach", base)
    git(project, "mv", "src/b.py", "src/B.py")
    git(project, "commit", "-qm", "renamed")
    renamed = Sha(git(project, "rev-parse", "HEAD"))
    ctl = prepare(discover(str(project)))
    require_distinct(ctl, base, tuple(heads.values()))
    git(project, "config", "core.ignorecase", "true")
    require_distinct(ctl, base, (heads["new.py"], heads["other.py"], renamed))
    for names in (("new.py", "New.py"), ("SRC/a.py",)):
        with pytest.raises(MissingError, match=names[-1]):
            require_distinct(ctl, base, [heads[name] for name in names])
