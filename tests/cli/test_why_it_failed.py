"""`logs --failed`, its JSON and the report, for everything that can fail."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.kit import run_git as git

Split = Callable[..., str]
pytestmark = pytest.mark.slow

AGENT = """
case $WTMAN_TASK in
  bad) sed -i s/-/+/ stock.py; echo "changed the sign" ;;
  die) echo "thinking about it"; echo "no key is set" >&2; exit 3 ;;
  node) printf '%s\\n' '[eval]:1' 'TypeError: x is null' '    at [eval]:1:6' '' 'Node.js v20' >&2
     exit 1 ;;
  idle) echo "nothing to do" ;;
  wide) sed -i "s/have, count)/have, count, least)/; s/3, 2)/3, 2, 0)/" stock.py test_stock.py ;;
  twice) printf 'from stock import take\\n\\n\\ndef twice(have):\\n' > twice.py
     printf '    return take(have, 2)\\n' >> twice.py
     printf 'import unittest\\nfrom twice import twice\\n\\n\\nclass T(unittest.TestCase):\\n'"\\
    def test_twice(self):\\n        self.assertEqual(twice(4), 2)\\n" > test_twice.py ;;
  again) test -e first || { touch first; sed -i s/-/+/ stock.py; } ;;
esac
"""
STOCK = "def take(have, count):\n    return have - count\n"
TEST = """import unittest
from stock import take


class StockTest(unittest.TestCase):
    def test_take(self):
        self.assertEqual(take(3, 2), 1)
"""


@pytest.fixture
def shop(repo: Path) -> Path:
    (repo / "stock.py").write_text(STOCK)
    (repo / "test_stock.py").write_text(TEST)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "shop")
    return repo


@pytest.fixture
def split(wtman: kit.Program, shop: Path, tmp_path: Path) -> Split:
    """Split into these tasks to their end; the run's id."""
    path = tmp_path / "agent.sh"
    path.write_text(AGENT)

    def run(*tasks: str, code: int = 0, more: tuple[str, ...] = (), attempts: str = "1") -> str:
        words = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
        check = f"{sys.executable} -m unittest -q"
        done = wtman("split", "x", *words, "--agent", f"command:sh {path}", "--attempts", attempts,
                     "--check", check, "--allow-overlap", "--json", "--yes", *more,
                     cwd=shop, check_status=code)  # fmt: skip
        return str(done.jsonl()[0]["run"])

    return run


def test_a_check_a_session_and_idleness(wtman: kit.Program, shop: Path, split: Split) -> None:
    run = split("bad", "die", "idle", code=1)
    bad = wtman("logs", "bad", "--failed", cwd=shop).out
    assert bad.startswith("== check `") and "1 new failing test" in bad.splitlines()[0]
    assert "AssertionError: 5 != 1" in bad.splitlines()
    assert "changed the sign" not in bad
    die = wtman("logs", "die", "--failed", cwd=shop).out
    assert die == (
        "== session 1 failed: exit status 3: no key is set ==\n"
        "thinking about it\n-- stderr --\nno key is set\n"
    )
    assert "it changed nothing" in wtman("logs", "idle", "--failed", cwd=shop).out
    whole = wtman("logs", "--failed", cwd=shop).out
    assert all(f"# {run}/{task}\n" in whole for task in ("bad", "die", "idle"))
    assert bad in whole and die in whole
    assert wtman("logs", "--failed", run, cwd=shop).out == whole
    told = wtman("logs", "--json", "bad", cwd=shop).json()
    assert [item["kind"] for item in told["failures"]] == ["check"]
    assert told["failures"][0]["excerpt"][-1] == "AssertionError: 5 != 1"
    assert all(Path(path).is_file() for path in told["failures"][0]["files"])
    assert told["attempts"][0]["files"] and told["commands"][0]["status"] == "failed"
    every = wtman("logs", "--failed", "--json", cwd=shop).json()
    assert [item["task"] for item in every["tasks"]] == ["bad", "die", "idle"]
    lost = wtman("logs", cwd=shop, check_status=2)
    assert lost.err.splitlines()[0] == "wtman: name a task"


def test_the_report_shows_the_assertion_and_folds_the_rest(
    wtman: kit.Program,
    shop: Path,
    split,
    tmp_path: Path,
) -> None:
    run = split("bad", code=1)
    text = wtman("report", cwd=shop).out
    shown, _, folded = text.partition("<details><summary>Output</summary>\n")
    assert "\n    AssertionError: 5 != 1\n" in shown
    assert "\n    FAILED (failures=1)\n\n</details>\n" in folded
    assert f"all of it: `wtman logs --failed {run}/bad`" in folded
    page = tmp_path / "page.html"
    wtman("report", "--html", str(page), cwd=shop)
    html = page.read_text()
    pre = html.partition('<pre class="telling">')[2].partition("</pre>")[0]
    assert pre.splitlines()[-1] == "AssertionError: 5 != 1"
    assert "<details><summary>Output</summary><pre>" in html


def test_what_failed_before_an_attempt_that_changed_nothing(
    wtman: kit.Program,
    shop: Path,
    split,
) -> None:
    split("again", code=1, attempts="2")
    out = wtman("logs", "again", "--failed", cwd=shop).out
    assert "AssertionError: 5 != 1" in out
    assert "== session 2: it changed nothing ==" in out


def test_a_stream_of_json_reads_as_what_was_said_and_done(
    wtman: kit.Program, shop: Path, tmp_path: Path
) -> None:
    stream = Path(__file__).parent.parent / "transcripts" / "claude-edit.jsonl"
    agent = tmp_path / "talks.sh"
    agent.write_text(f"cat {stream}; echo plain words; echo '{{\"a\": 1}}'; exit 3\n")
    words = ("--task", "one: do one", "--agent", f"command:sh {agent}", "--attempts", "1", "--yes")
    wtman("split", "x", *words, cwd=shop, check_status=1)
    run = wtman("status", "--json", cwd=shop).json()["run"]["id"]
    lines = wtman("logs", "one", cwd=shop).out.splitlines()
    assert lines[1:3] == ["I will read the file.", "> Read calc.py"]
    assert lines[-3:] == ["Fixed add() and committed.", "plain words", '{"a": 1}']
    failed = wtman("logs", "--failed", run[:-2], cwd=shop).out
    assert "Fixed add() and committed." in failed and '"type"' not in failed
    raw = wtman("logs", "--raw", "one", cwd=shop).out
    assert raw.startswith(stream.read_text())


def test_a_setup_is_called_that(wtman: kit.Program, shop: Path, split: Split) -> None:
    command = 'if [ "$WTMAN_TASK" != "${WTMAN_TASK#on}" ]; then echo why-not >&2; exit 1; fi'
    (shop / "wtman.toml").write_text(f"setup = [{json.dumps(command)}]\n")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "setup")
    wtman("trust", "-y", cwd=shop)
    run = split("one", code=1)
    out = wtman("logs", "--failed", f"{run}/one", cwd=shop).out
    assert out.startswith("== setup failed: `if ")
    assert "why-not\n" in out
    told = wtman("logs", "--json", "one", cwd=shop).json()
    assert [item["kind"] for item in told["failures"]] == ["setup"]
    assert "\n" not in told["reason"]


def test_the_base(wtman: kit.Program, shop: Path, split: Split) -> None:
    (shop / "wtman.toml").write_text('setup = ["echo cannot-fetch; exit 7"]\n')
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "setup")
    wtman("trust", "-y", cwd=shop)
    run = split("one", code=3)
    for words in (("--failed",), ("--failed", "one"), ("one",)):
        out = wtman("logs", *words, cwd=shop).out
        assert out.startswith("== setup failed: ") and "cannot-fetch\n" in out
    told = wtman("logs", "--failed", "--json", run, cwd=shop).json()
    assert [item["kind"] for item in told["failures"]] == ["setup"]
    report = wtman("report", cwd=shop).out
    assert "## Why it does not go on\n" in report and "\n    cannot-fetch\n" in report


def test_a_crashed_agent_is_told_by_its_error_not_by_its_last_line(
    wtman: kit.Program, shop: Path, split: Split
) -> None:
    out = wtman("status", split("node", code=1), cwd=shop).out
    assert "✗ node: session failed: exit status 1: TypeError: x is null" in out


def test_the_base_is_told_by_its_assertion_not_by_its_counts(
    wtman: kit.Program, shop: Path, split: Split
) -> None:
    said = "Traceback (most recent call last):\n  a\nValueError: no stock\n1 failed, 1 passed"
    (shop / "check.sh").write_text(f"cat <<'E'\n{said}\nE\nexit 1\n")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "check")
    run = split("one", code=3, more=("--check", "sh check.sh"))
    out = " ".join(wtman("status", run, cwd=shop).out.split())
    assert "it printed: ValueError: no stock" in out and "1 failed" not in out


def test_the_merge(wtman: kit.Program, shop: Path, split: Split) -> None:
    run = split("wide", "twice")
    merged = wtman("merge", cwd=shop, check_status=1).out
    left = "twice" if f"{run}/twice" in merged else "wide"
    assert f"    output: wtman logs --failed {run}/{left}\n" in merged
    out = wtman("logs", "--failed", f"{run}/{left}", cwd=shop).out
    assert out.startswith("== Not merged: fails only together with ")
    assert "TypeError: take() missing 1 required positional argument: 'least'" in out
    told = wtman("logs", "--json", f"{run}/{left}", cwd=shop).json()
    assert [item["kind"] for item in told["failures"]] == ["merge"]
    assert told["failures"][0]["files"]
