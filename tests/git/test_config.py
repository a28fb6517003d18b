"""What of the user's configuration may be taken over, and what not."""

from pathlib import Path

import pytest

from wtman.git import config
from wtman.git.config import ConfigEntry
from wtman.git.run import git

LFS = (
    ConfigEntry("local", "filter.lfs.clean", "git-lfs clean -- %f"),
    ConfigEntry("local", "filter.lfs.smudge", "git-lfs smudge -- %f"),
    ConfigEntry("local", "filter.lfs.process", "git-lfs filter-process"),
    ConfigEntry("local", "filter.lfs.required", "true"),
)


def read_back(text: str, path: Path) -> dict[str, str]:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    out = git(["config", "--file", str(path), "--list", "-z"], git_dir="").out
    return dict(item.decode().partition("\n")[::2] for item in out.split(b"\0") if item)


def test_what_is_taken_over(tmp_path: Path) -> None:
    odd = 'filter.o"d\\ .x.clean'
    settings = (
        ConfigEntry("global", "core.autocrlf", "input"),
        ConfigEntry("local", "core.autocrlf", "true"),
        ConfigEntry("local", "core.eol", "lf\n[core]\n\tfsmonitor=evil"),
        ConfigEntry("local", "core.fsmonitor", "evil"),
        ConfigEntry("system", odd, 'sed "s/a\\b/c/" # not a comment; \t'),
        ConfigEntry("global", "filter.mine.clean", "good"),
        ConfigEntry("local", "filter.mine.clean", "evil"),
        ConfigEntry("worktree", "filter.other.smudge", "evil"),
        ConfigEntry("local", "core.attributesfile", "/evil"),
        *LFS,
    )
    found = read_back(config.clean(settings), tmp_path / "config")
    assert "evil" not in "".join(found.values())
    assert found["core.autocrlf"] == "true"
    assert found[odd] == 'sed "s/a\\b/c/" # not a comment; \t'
    assert found["filter.mine.clean"] == "good"
    assert found["filter.lfs.process"] == "git-lfs filter-process"


@pytest.mark.parametrize("value", ["git-lfs clean -- %f; evil", "./git-lfs clean -- %f", ""])
def test_almost_git_lfs_is_not_git_lfs(value: str) -> None:
    settings = (*LFS[1:], ConfigEntry("local", "filter.lfs.clean", value))
    assert "filter.lfs.clean" not in config.clean(settings) and value not in (
        line.partition(" = ")[2].strip('"') for line in config.clean(settings).splitlines() if value
    )
    assert config.planted_filters(settings) == {"lfs"}
    assert config.planted_filters(LFS) == frozenset()


def test_planted_filters_go_back_to_the_users_own() -> None:
    settings = (
        ConfigEntry("global", "filter.a=b.clean", "good"),
        ConfigEntry("local", "filter.a=b.clean", "evil"),
        ConfigEntry("local", "filter.new.process", "evil"),
    )
    env = config.without_planted(settings)
    pairs = {
        env[f"GIT_CONFIG_KEY_{i}"]: env[f"GIT_CONFIG_VALUE_{i}"]
        for i in range(int(env["GIT_CONFIG_COUNT"]))
    }
    assert pairs["filter.a=b.clean"] == "good"
    assert pairs["filter.new.process"] == "" and pairs["filter.new.required"] == "0"
    assert config.without_planted(()) == {"GIT_CONFIG_COUNT": "0"}
