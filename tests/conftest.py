"""The hermetic fixtures, on every test: see `tests.kit` for what they promise."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from tests import kit

REAL_HOME = Path(os.path.expanduser("~")).resolve()

# Example times mean nothing on a shared machine; a failure must say how to see it again.
settings.register_profile("house", max_examples=kit.examples(100), deadline=None, print_blob=True)
settings.load_profile("house")

# Where a test may write although it is below the real home folder: this checkout, its
# interpreter (byte code) and the folder for temporary files.
_ALLOWED = tuple(
    str(Path(place).resolve())
    for place in (kit.ROOT, sys.prefix, sys.base_prefix, tempfile.gettempdir())
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_sealed = False


class TouchedHomeError(AssertionError):
    """A test was about to write into the home folder of whoever runs it."""


def _seal(event: str, args: tuple[object, ...]) -> None:
    """Audit hook: stop writes below the real home folder, whatever code makes them."""
    # Who has no home folder but the root of the file system has nothing to protect.
    if (
        not _sealed
        or REAL_HOME == Path("/")
        or event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")
    ):
        return
    if event == "open" and not (isinstance(args[2], int) and args[2] & _WRITES):
        return
    path = args[1] if event == "os.rename" else args[0]
    if not isinstance(path, str | bytes):
        return
    full = os.path.realpath(os.fsdecode(path))
    if Path(full).is_relative_to(REAL_HOME) and not full.startswith(_ALLOWED):
        raise TouchedHomeError(f"{event} of {full}, in the real home folder")


sys.addaudithook(_seal)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is given most time, so that at the end no worker is alone with it."""

    def given(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0]) if mark is not None else 0.0

    items.sort(key=given, reverse=True)


@pytest.fixture(autouse=True)
def hermetic(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """An empty home folder and a fixed environment; the home folder is the value."""
    global _sealed  # noqa: PLW0603 -- an audit hook cannot be removed, only told to rest
    home = tmp_path_factory.mktemp("home")
    wanted = kit.hermetic_environment(home, os.environ)
    if "PATH" in wanted:
        wanted["PATH"] = kit.direct_path(wanted["PATH"])
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    _sealed = True
    yield home
    _sealed = False


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Path]:
    """`make_repo({"a.py": "..."}, name="repo", branch="main")`: a real repository in tmp_path."""

    def make(
        files: Mapping[str, str | bytes] | None = None, *, name: str = "repo", **more: object
    ) -> Path:
        content = {"README.md": "# A repository\n"} if files is None else files
        return kit.create_repo(tmp_path / name, content, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def repo(make_repo: Callable[..., Path]) -> Path:
    """A repository with one commit."""
    return make_repo()


@pytest.fixture
def git() -> Callable[..., str]:
    """`git(repo, "log", ...)`: its stdout; see `kit.run_git`."""
    return kit.run_git


@pytest.fixture
def commit() -> Callable[..., str]:
    """`commit(repo, {"a.py": "..."}, "message")`: the sha; see `kit.commit_files`."""
    return kit.commit_files


@pytest.fixture(scope="session")
def program_environment() -> Mapping[str, str]:
    """What `python -m wtman` needs so that it runs this checkout and no other.

    Nothing where this checkout is installed, as scripts/install does: a PYTHONPATH
    would reach the sessions too and hide a missing one.
    """
    probe = "import wtman, sys; sys.stdout.write(wtman.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", probe], capture_output=True, text=True, check=False
    ).stdout
    here = str(kit.ROOT / "wtman/__init__.py")
    return {} if os.path.realpath(found) == here else {"PYTHONPATH": str(kit.ROOT)}


@pytest.fixture
def wtman(tmp_path: Path, program_environment: Mapping[str, str]) -> Iterator[kit.Program]:
    """`wtman("status", "--json", cwd=repo)` as a process; no session may outlive the test."""
    yield kit.Program(tmp_path, extra=program_environment)
    kit.assert_no_leftover_processes(tmp_path)
