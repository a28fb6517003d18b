"""A red is confirmed by its failing tests alone, where that says enough."""

from pathlib import Path

import pytest

from tests.checks.test_perform import GREEN, PYTEST, RED, SHOP, World
from tests.checks.test_perform import world as world  # noqa: PLC0414 -- its fixture

TESTS = """\
import os
import shop

def note(name):
    with open({runs!r}, "a") as file:
        file.write(name + chr(10))

def test_slow():
    note("slow")

def test_total():
    note("total")
    assert shop.total([1, 2]) == 3
"""


FLAKY = """\
import os

def test_flaky():
    seen = os.path.exists({mark!r})
    open({mark!r}, "w").close()
    assert seen
"""


def ran(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("options", ["", " -x", " tests"])
def test_only_what_failed_runs_again(world: World, tmp_path: Path, options: str) -> None:
    runs = tmp_path / "runs"
    tests = TESTS.format(runs=str(runs))
    base = world.commit({"tests/test_it.py": tests, "test_shop.py": ""})
    bad = world.commit({"shop.py": "def total(prices):\n    return 0\n"})
    command = PYTEST + options
    world.judge(command, now=base)
    runs.unlink()
    judged = world.judge(command, now=bad, against=base)
    assert judged.verdict is RED
    assert judged.results[0].new_failures == ("tests.test_it::test_total",)
    assert ran(runs) == ["slow", "total", "total"]


def test_one_that_fails_only_with_others_is_not_taken_for_flaky(
    world: World, tmp_path: Path
) -> None:
    base = world.commit(
        {
            "test_a.py": "def test_first():\n    pass\n",
            "test_b.py": "import os\n\ndef test_second():\n    assert 'SPOILT' not in os.environ\n",
        }
    )
    spoils = "import os\n\ndef test_first():\n    os.environ['SPOILT'] = '1'\n"
    bad = world.commit({"test_a.py": spoils})
    judged = world.judge(PYTEST, now=bad, against=base)
    assert judged.verdict is RED
    assert judged.results[0].flaky == ()


def test_a_flaky_one_is_found_out_by_the_whole_run(world: World, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    base = world.head()
    text = FLAKY.format(mark=str(mark))
    judged = world.judge(PYTEST, now=world.commit({"test_flaky.py": text}), against=base)
    assert judged.verdict is GREEN
    assert judged.results[0].flaky == ("test_flaky::test_flaky",)
    assert judged.results[0].collected == SHOP["test_shop.py"].count("def test") + 1
