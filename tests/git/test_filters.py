"""Filters: which are run, and which are refused before anything is spent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit import write_files
from wtman.config.trust import approve, approved_texts
from wtman.errors import MissingError
from wtman.git import config, filters
from wtman.git.checkouts import snapshot
from wtman.git.control_dir import Control, call, prepare
from wtman.git.discovery import Repository, discover
from wtman.git.repo import resolve

Git = Callable[..., str]


def defined(git: Git, project: Path, **parts: str) -> None:
    for part, command in parts.items():
        git(project, "config", f"filter.hide.{part}", command)


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's global configuration."""
    path = tmp_path / "global"
    path.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))
    return path


def required(ctl: Control, *, always: bool = False) -> None:
    filters.require_served(ctl, (resolve(ctl.repo, "HEAD"),), always=always)


@pytest.fixture
def asked_for(project: Path, git: Git, ada: None) -> Path:
    write_files(project, {".gitattributes": "# filter=none\n[attr]secret filter=hide -text\n"})
    git(project, "add", "-A")
    git(project, "commit", "-qm", "attributes")
    return project


def test_of_the_repository_alone_it_is_refused_until_it_is_approved(
    asked_for: Path, git: Git, tmp_path: Path
) -> None:
    (asked_for / ".git/info").mkdir(exist_ok=True)
    (asked_for / ".git/info/attributes").write_text("*.key secret merge=mine\n")
    defined(git, asked_for, clean="tr a-z n-za-m", smudge="tr a-z n-za-m")
    here = discover(str(asked_for))
    with pytest.raises(MissingError, match="filter hide .* approved"):
        required(prepare(here))

    environ = {"HOME": str(tmp_path)}
    texts = config.filter_texts(config.entries(here.git_dir))
    assert texts == ("filter.hide.clean = tr a-z n-za-m", "filter.hide.smudge = tr a-z n-za-m")
    approve(texts, environ, here.common_dir)
    known = approved_texts(environ, here.common_dir)
    ctl = prepare(replace(here, approved=known))
    required(ctl, always=True)
    work = tmp_path / "work"
    head = resolve(here, "HEAD")
    snapshot.checkout(ctl, str(work), "", head)
    (work / "a.key").write_text("abc\n")
    tree = snapshot.snapshot(ctl, str(work), "", head).tree
    assert call(ctl, ["cat-file", "blob", f"{tree}:a.key"]).out == b"nop\n"

    defined(git, asked_for, smudge="cat; evil")
    with pytest.raises(MissingError):
        required(prepare(replace(here, approved=known)))


def test_one_that_nothing_asks_for_matters_where_sessions_write(
    here: Repository, project: Path, git: Git
) -> None:
    defined(git, project, clean="tr a-z n-za-m")
    required(prepare(here))
    with pytest.raises(MissingError):
        required(prepare(here), always=True)


@pytest.mark.parametrize("command", ["sh run.sh %f", "./tool", "npx prettier"])
def test_a_program_of_the_checkout_is_refused_wherever_it_is_named(
    asked_for: Path, users: Path, command: str
) -> None:
    users.write_text(f'[filter "hide"]\n\tclean = {command}\n')
    with pytest.raises(MissingError, match="a session could change"):
        required(prepare(discover(str(asked_for))))


@pytest.mark.parametrize("how", ["count", "parameters"])
def test_the_users_environment_may_define_one(
    asked_for: Path, git: Git, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "count":
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "Filter.hide.Clean")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "tr a-z n-za-m")
    else:
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'filter.hide.clean'='tr a-z n-za-m'")
    ctl = prepare(discover(str(asked_for)))
    required(ctl)
    assert 'clean = "tr a-z n-za-m"' in Path(ctl.path, "config").read_text()


def test_none_fails_open(asked_for: Path, users: Path) -> None:
    users.write_text('[filter "hide"]\n\tclean = /gone\n\trequired = false\n')
    text = Path(prepare(discover(str(asked_for))).path, "config").read_text()
    assert 'required = "true"' in text and 'smudge = "cat"' in text


def test_what_nothing_defines_is_told(asked_for: Path, git: Git) -> None:
    ctl = prepare(discover(str(asked_for)))
    assert filters.assigned(ctl, resolve(ctl.repo, "HEAD")) == {"hide"}
    assert filters.undefined(ctl, {"hide", "lfs"}) == ("hide", "lfs")
    git(asked_for, "config", "filter.lfs.process", "git-lfs filter-process")
    with pytest.raises(MissingError, match="git-lfs is not on PATH"):
        filters.undefined(ctl, {"lfs"})
