"""Runners that are known test by test, for real where they are installed."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checks.test_perform import GREEN, PYTHON, RED, World
from tests.kit import ROOT
from wtman.execution.spawn import install_child_watcher
from wtman.model.settings import Settings

UNITTEST = f"{PYTHON} -B -m unittest -q"
PRODUCT = "def total(prices):\n    return sum(prices)\n"
TESTS = """\
import unittest
from pkg import shop

class TestShop(unittest.TestCase):
    def test_total(self):
        self.assertEqual(shop.total([1, 2]), 3)

    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertEqual(shop.total([number]), number)

    def test_known(self):
        self.fail("known")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("expected")

    @unittest.skip("later")
    def test_later(self):
        pass
"""
FILES = {
    "pkg/__init__.py": "",
    "pkg/shop.py": PRODUCT,
    "tests/__init__.py": "",
    "tests/test_shop.py": TESTS,
}
LIB = """\
pub fn total(a: i32, b: i32) -> i32 { a + b }

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn adds() { assert_eq!(total(1, 2), 3); }
    #[test]
    fn known() { assert_eq!(total(1, 2), 4); }
}
"""


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path) -> World:
    install_child_watcher()
    settings = Settings(check_jobs=2, check_timeout=100, grace=1, worktrees=str(tmp_path / "trees"))
    return World(make_repo(FILES), tmp_path, settings)


def test_unittest_is_judged_test_by_test(world: World) -> None:
    base = world.head()
    event = world.base(UNITTEST)
    assert event.problem == ""
    assert (event.results[0].collected, event.results[0].known_failures) == (5, 1)
    fine = world.commit({"more.txt": "more\n"})
    (result,) = world.judge(UNITTEST, now=fine, against=base).results
    assert (result.verdict, result.known_failures) == (GREEN, 1)
    broken = world.commit({"pkg/shop.py": PRODUCT.replace("sum(prices)", "sum(prices) + 1")})
    judged = world.judge(UNITTEST, now=broken, against=base)
    assert judged.verdict is RED
    assert judged.results[0].new_failures == (
        "tests.test_shop.TestShop::test_parts",
        "tests.test_shop.TestShop::test_total",
    )
    assert "AssertionError: 4 != 3" in judged.evidence


def test_what_unittest_cannot_load_or_finish_is_red(world: World) -> None:
    base = world.head()
    unloadable = world.commit({"tests/test_more.py": "import nowhere\n"})
    (result,) = world.judge(UNITTEST, now=unloadable, against=base).results
    assert result.verdict is RED
    assert result.new_failures == ("unittest.loader._FailedTest.tests::test_more",)
    gone = world.commit({"tests/test_more.py": "import os\nos._exit(0)\n"})
    (result,) = world.judge(UNITTEST, now=gone, against=base).results
    assert (result.verdict, result.reason) == (RED, "the check wrote no result file")


@pytest.mark.parametrize(
    "words", [[], ["-v", "tests.test_shop"], ["discover", "-s", "tests", "-t", "."]]
)
def test_the_program_says_and_does_what_unittest_does(
    tmp_path: Path, make_repo: Callable[..., Path], words: list[str]
) -> None:
    repo = make_repo(FILES, name="same")
    program = ROOT / "wtman/checks/probe/unittest_junit.py"
    calls = (["-m", "unittest"], [str(program), str(tmp_path / "out.xml")])
    ends = []
    for call in calls:
        done = subprocess.run(
            [sys.executable, "-B", *call, *words],
            cwd=repo,
            capture_output=True,
            text=True,
            check=False,
        )
        report = done.stderr.split("\nRan ")[0]
        ends.append((done.returncode, report.replace(str(program), ""), done.stdout))
    assert ends[0] == ends[1]
    assert (tmp_path / "out.xml").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_cargo_is_judged_test_by_test(world: World) -> None:
    manifest = '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n'
    base = world.commit({"Cargo.toml": manifest, "src/lib.rs": LIB})
    broken = world.commit({"src/lib.rs": LIB.replace("a + b", "a - b")})
    # The toolchain of rustup is found from the home folder.
    home = Path(shutil.which("cargo") or "").parent.parent
    if (home / "toolchains").exists() or (home.parent / ".rustup").exists():
        rustup = str(home.parent / ".rustup")
        world = replace(world, environ={"CARGO_HOME": str(home), "RUSTUP_HOME": rustup})
    judged = world.judge("cargo test --offline", now=broken, against=base)
    assert judged.results[0].new_failures == ("tests::adds",)
    assert judged.results[0].known_failures == 1
