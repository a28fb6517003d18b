"""`merge --branches` where a branch bends the tests that judge it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

CHECK = "python3 -B -m unittest -q"
TEST = """\
import unittest
import shop

class TestShop(unittest.TestCase):
    def test_total(self):
        self.assertEqual(shop.total([1, 2]), {total})
"""
SHOP = "def total(prices):\n    return sum(prices){more}\n"


@pytest.fixture
def shop(make_repo: Callable[..., Path]) -> Path:
    return make_repo({"shop.py": SHOP.format(more=""), "test_shop.py": TEST.format(total=3)})


def branch(repo: Path, name: str, files: dict[str, str]) -> None:
    kit.run_git(repo, "switch", "-q", "-c", name, "main")
    kit.commit_files(repo, files, name)
    kit.run_git(repo, "switch", "-q", "main")


@pytest.mark.slow
def test_a_branch_green_only_with_its_own_tests_is_told(shop: Path, wtman: kit.Program) -> None:
    branch(
        shop,
        "Fix/bent",
        {"shop.py": SHOP.format(more=" + 1"), "test_shop.py": TEST.format(total=4)},
    )
    branch(shop, "setup", {"setup.cfg": "[metadata]\n"})
    branch(shop, "plain", {"other.py": "x = 1\n"})
    words = ("merge", "--branches", "Fix/bent", "setup", "plain", "--check", CHECK)
    told = wtman(*words, "--dry-run", cwd=shop)
    assert "! Fix/bent: changed expectation: with test_shop.py as at the start" in told.out
    told = wtman(*words, "--json", cwd=shop).json()
    assert told["landed"] == ["Fix/bent", "setup", "plain"]
    (note,) = told["notes"]
    assert note.startswith("Fix/bent: changed expectation: with test_shop.py as at the start")


def test_who_only_adds_tests_costs_one_run_and_no_word(shop: Path, wtman: kit.Program) -> None:
    more = (
        TEST.format(total=3)
        + "\n    def test_none(self):\n        self.assertEqual(shop.total([]), 0)\n"
    )
    branch(shop, "more", {"test_shop.py": more})
    branch(shop, "new", {"test_new.py": TEST.format(total=3)})
    words = ("merge", "--branches", "more", "new", "--check", CHECK, "--json")
    told = wtman(*words, cwd=shop).json()
    assert (told["notes"], told["checks"]) == ([], 1)
