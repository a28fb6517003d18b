"""What setup left in its HOME goes into that of a task, and out of it again."""

import os
from pathlib import Path

import pytest

from wtman.provision import environment_store as store


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A HOME that has got what setup left in one with a tool and a link to it."""
    source = Path(store.home_in(str(tmp_path / "run/environments/key")))
    (source / ".local/bin").mkdir(parents=True)
    (source / ".local/bin/tool").write_text("tool\n")
    (source / "link").symlink_to(".local/bin/tool")
    place = tmp_path / "home"
    place.mkdir()
    (place / "conversation").write_text("said\n")
    store.give_home(str(tmp_path / "run"), "key", str(place))
    assert (place / "link").read_text() == "tool\n"
    return place


def test_it_goes_and_what_a_session_wrote_stays(tmp_path: Path, home: Path) -> None:
    (home / ".local/bin/own").write_text("own\n")
    store.take_home_back(str(tmp_path / "run"), "key", str(home))
    left = sorted(str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir())
    assert left == [".local/bin/own", "conversation"]
    store.give_home(str(tmp_path / "run"), "key", str(home))
    assert (home / "link").read_text() == "tool\n"


def test_what_a_session_changed_stays(tmp_path: Path, home: Path) -> None:
    (home / ".local/bin/tool").write_text("another\n")
    store.take_home_back(str(tmp_path / "run"), "key", str(home))
    assert (home / ".local/bin/tool").read_text() == "another\n"


def test_no_link_of_a_session_is_followed(tmp_path: Path, home: Path) -> None:
    precious = tmp_path / "precious"
    os.rename(home / ".local", precious)
    (home / ".local").symlink_to(precious)
    store.take_home_back(str(tmp_path / "run"), "key", str(home))
    assert (precious / "bin/tool").read_text() == "tool\n"
