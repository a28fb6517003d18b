"""What is longer than the screen goes through the pager, as with git."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

Opened = Callable[..., Terminal]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the pager writes what it is given to."""
    path = tmp_path / "paged"
    monkeypatch.setenv("PAGER", f"cat > {path}")
    monkeypatch.delenv("GIT_PAGER", raising=False)
    return path


def test_git_pager_wins_then_the_users_core_pager(
    terminal: Opened, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(f'[core]\n\tpager = "cat > {tmp_path}/core"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert terminal("help", "guide").end() == 0
    assert (tmp_path / "core").exists() and not kept.exists()
    monkeypatch.setenv("GIT_PAGER", f"cat > {tmp_path}/git")
    assert terminal("help", "flows").end() == 0
    assert (tmp_path / "git").read_text().startswith("# Flows")
    assert not kept.exists()


def test_a_repository_names_no_pager(terminal: Opened, repo: Path, kept: Path) -> None:
    kit.run_git(repo, "config", "core.pager", f"touch {repo}/planted; cat")
    assert terminal("help", "guide").end() == 0
    assert kept.exists() and not (repo / "planted").exists()


@pytest.mark.parametrize("option", ["-P", "--no-pager"])
def test_it_can_be_refused(terminal: Opened, kept: Path, option: str) -> None:
    shown = terminal(option, "help", "guide")
    assert shown.end() == 0
    assert "# Guide" in shown.raw and not kept.exists()


def test_what_fits_the_screen_is_printed_but_a_diff_is_for_the_pager(
    terminal: Opened, kept: Path, built: Callable[..., str]
) -> None:
    built("core")
    shown = terminal("status")
    assert shown.end() == 0
    assert "next: wtman merge" in shown.raw and not kept.exists()
    assert terminal("diff", colour=True).end() == 0
    assert "\x1b[32m+core\x1b[0m" in kept.read_text()


def test_a_pager_that_ends_early_is_no_error(
    terminal: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_PAGER", "head -1")
    shown = terminal("help", "commands")
    assert shown.end() == 0
    assert shown.raw.splitlines() == ["# Commands: the --help page of every command"]
