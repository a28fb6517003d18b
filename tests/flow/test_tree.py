"""Files of a commit, as a script finds and reads them."""

from pathlib import Path

import pytest

from tests import kit
from wtman.flow.tree import FileTrees, NoFile, glob
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.model.ids import Sha


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("*.py", ["a.py"], ["src/a.py", "a.pyc"]),
        ("src/**/*.py", ["src/a.py", "src/b/c/a.py"], ["a.py", "lib/src/a.py"]),
        ("**/*.py", ["a.py", "x/y.py"], ["a.txt"]),
        ("src/**", ["src/a", "src/b/c"], ["src"]),
        ("src/?[ab].t+t", ["src/xa.t+t"], ["src/xc.t+t", "src/xa.ttt"]),
        ("[!a]", ["b"], ["a"]),
    ],
)
def test_a_glob_means_what_it_means_to_pathlib(
    pattern: str, fits: list[str], fails: list[str]
) -> None:
    assert all(glob(pattern).fullmatch(path) for path in fits)
    assert not any(glob(pattern).fullmatch(path) for path in fails)


def test_files_are_those_of_the_commit(tmp_path: Path) -> None:
    files = {"a.py": "import requests\n", "b/c.py": "x = 1\n", "big.py": "x" * (1 << 20)}
    repo = kit.create_repo(tmp_path / "repo", files)
    commit = Sha(kit.run_git(repo, "rev-parse", "HEAD"))
    kit.write_files(repo, {"new.py": "import requests\n"})
    trees = FileTrees(prepare(discover(str(repo))))
    assert trees.search(commit, "**/*.py", None) == ("a.py", "b/c.py", "big.py")
    assert trees.search(commit, "**/*.py", "import requests") == ("a.py",)
    assert trees.text(commit, "b/c.py") == "x = 1\n"
    for path in ("new.py", "../a.py", "b", "big.py"):
        with pytest.raises(NoFile):
            trees.text(commit, path)
