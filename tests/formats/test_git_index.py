"""The names in an index, as git writes it in every version."""

from pathlib import Path

import pytest

from tests import kit
from wtman.formats.git_index import index_paths

PATHS = ("a", "ab/c", "ab/cdefgh", "b/\N{SNOWMAN}", "exactly-8", "x" * 200 + "/" + "y" * 200)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_every_path_is_found(tmp_path: Path, version: int) -> None:
    repo = kit.create_repo(tmp_path / "repo", dict.fromkeys(PATHS, "1\n"))
    if version == 3:
        kit.write_files(repo, {"later": ""})
        kit.run_git(repo, "add", "--intent-to-add", "later")
    else:
        kit.run_git(repo, "update-index", "--index-version", str(version))
    data = (repo / ".git/index").read_bytes()
    assert data[7] == version
    found = [path.decode() for path in index_paths(data, 20)]
    assert found == sorted([*PATHS, *(["later"] if version == 3 else [])])
    for end in range(0, len(data) - 40, 7):
        index_paths(data[:end], 20)  # half an index breaks nothing
    assert index_paths(b"DIRC" + b"\xff" * 40, 20) == ()
