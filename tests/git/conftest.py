"""A real repository for each test; the root conftest has sealed home, identity and dates."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wtman.git import control_dir, repo
from wtman.git.discovery import Repository, discover

FILES: dict[str, str | bytes] = {
    "README.md": "# Project\n",
    "src/a.py": "one\ntwo\nthree\n",
    "src/b.py": "b\n",
    "run.sh": "#!/bin/sh\necho run\n",
    ".gitignore": "*.log\nbuild/\n",
}


@pytest.fixture
def project(make_repo: Callable[..., Path]) -> Path:
    return make_repo(FILES, name="project")


@pytest.fixture
def here(project: Path) -> Repository:
    return discover(str(project))


@pytest.fixture
def ctl(here: Repository) -> control_dir.Control:
    return control_dir.prepare(here)


@pytest.fixture
def head(here: Repository) -> str:
    return repo.resolve(here, "HEAD")


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    """An identity from the environment, for repositories that have none of their own."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
