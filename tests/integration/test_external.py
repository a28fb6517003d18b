"""Branches of every shape made fit for a train, in real repositories."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from wtman.git import branches, control_dir
from wtman.git.discovery import discover
from wtman.integration.external import ExternalBranches, take, task_ids

Git = Callable[..., str]


class Grove:
    """A repository to grow branches in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.control = control_dir.prepare(discover(str(path)))

    def git(self, *args: str) -> str:
        return kit.run_git(self.path, *args)

    def grow(self, name: str, files: dict[str, str], on: str = "main") -> str:
        known = self.git("branch", "--list", name)
        self.git("switch", "-q", *((name,) if known else ("-c", name, on)))
        return kit.commit_files(self.path, files, f"work on {name}")

    def take(self, *names: str, landed: dict[str, str] | None = None) -> ExternalBranches:
        heads = {name: self.git("rev-parse", name) for name in names}
        target = self.git("rev-parse", "main")
        return take(self.control, target, heads, landed or {})  # type: ignore[arg-type]


@pytest.fixture
def grove(repo: Path) -> Grove:
    return Grove(repo)


def test_a_branch_on_two_others_starts_from_both(grove: Grove) -> None:
    grove.grow("a", {"a.txt": "a\n"})
    grove.grow("b", {"b.txt": "b\n"})
    grove.git("merge", "-q", "--no-edit", "a")
    grove.git("branch", "both")
    grove.git("reset", "-q", "--hard", "HEAD~1")
    grove.grow("both", {"c.txt": "c\n"})
    external = {item.name: item for item in grove.take("both", "b", "a").branches}
    assert external["both"].needs == ("b", "a")
    assert grove.git("diff", "--name-only", external["both"].start, "both") == "c.txt"
    assert external["both"].message == "work on both\n"
    assert external["a"].start == grove.git("rev-parse", "main")


def test_what_two_others_clash_in_makes_a_branch_stand_alone(grove: Grove) -> None:
    grove.grow("a", {"x.txt": "a\n"})
    grove.grow("b", {"x.txt": "b\n"})
    grove.git("merge", "-q", "-s", "ours", "--no-edit", "a")
    grove.git("branch", "both")
    grove.git("reset", "-q", "--hard", "HEAD~1")
    both = grove.take("a", "b", "both").branches[2]
    assert both.needs == ()
    assert both.start == grove.git("rev-parse", "main")


def test_a_branch_that_took_in_the_target_later_starts_from_there(grove: Grove) -> None:
    """Else newer lines of the target would look like the branch's own."""
    grove.grow("low", {"low.txt": "1\n"})
    grove.grow("high", {"high.txt": "1\n"}, on="low")
    grove.git("switch", "-q", "main")
    kit.commit_files(grove.path, {"news.txt": "new\n"}, "news")
    grove.git("switch", "-q", "high")
    grove.git("merge", "-q", "--no-edit", "main")
    high = grove.take("low", "high").branches[1]
    assert high.needs == ("low",)
    assert grove.git("diff", "--name-only", high.start, "high") == "high.txt"


def test_what_landed_as_a_squash_counts_only_while_the_target_has_it(grove: Grove) -> None:
    tip = grove.grow("a", {"a.txt": "1\n"})
    grove.grow("a", {"a.txt": "2\n"})
    grove.git("switch", "-q", "main")
    squash = kit.commit_files(grove.path, {"a.txt": "1\n"}, "landed")
    base = grove.git("rev-parse", "main~1")
    assert grove.take("a", landed={tip: squash}).branches[0].start != base
    grove.git("reset", "-q", "--hard", base)
    assert grove.take("a", landed={tip: squash}).branches[0].start == base


def test_a_foreign_history_is_told_apart_and_the_others_are_taken(grove: Grove) -> None:
    grove.grow("a", {"a.txt": "a\n"})
    grove.git("switch", "-q", "--orphan", "island")
    kit.commit_files(grove.path, {"i.txt": "i\n"}, "island")
    external_branches = grove.take("island", "a")
    assert [item.name for item in external_branches.branches] == ["island", "a"]
    assert list(external_branches.apart) == ["island"]
    assert "no history in common" in external_branches.apart[external_branches.branches[0].task]
    assert external_branches.branches[0].start == external_branches.branches[0].head


def test_a_branch_comes_before_a_tag_of_its_name(grove: Grove) -> None:
    head = grove.grow("v1", {"a.txt": "1\n"})
    grove.git("tag", "v1", "main")
    repo = grove.control.repo
    assert branches.tips(repo, ("v1", "tags/v1", "no such", "-x")) == {
        "v1": head,
        "tags/v1": grove.git("rev-parse", "main"),
        "no such": None,
        "-x": None,
    }


def test_ids_are_slugs_and_never_the_same() -> None:
    names = ("Feature/OAuth", "feature-oauth", "ünï", "日本", "x" * 60, "x" * 50)
    assert list(task_ids(names).values()) == [
        "feature-oauth",
        "feature-oauth-2",
        "uni",
        "branch",
        "x" * 40,
        "x" * 38 + "-2",
    ]
