"""`wtman demo`: the story that it tells is what happens."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

DEMO = kit.ROOT / "wtman/demo"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    source = DEMO / "project"
    files = [p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    content: dict[str, str | bytes] = {str(p.relative_to(source)): p.read_bytes() for p in files}
    return kit.create_repo(tmp_path / "shop", content)


def play(shop: Path, task: str, prompt: str = "do it") -> None:
    subprocess.run(
        [sys.executable, str(DEMO / "agent.py"), "--fast"],
        cwd=shop,
        env={**os.environ, "WTMAN_TASK": task},
        input=prompt,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def judged(shop: Path, *names: str) -> tuple[int, str]:
    """Exit status and output of the project's tests."""
    argv = [sys.executable, "-m", "unittest", "-q", *names]
    done = subprocess.run(argv, cwd=shop, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_first_attempt_is_red_and_its_own_failure_mends_it(shop: Path) -> None:
    assert judged(shop)[0] == 0
    play(shop, "vouchers")
    code, said = judged(shop)
    assert code
    play(shop, "vouchers", said)
    assert judged(shop)[0] == 0


def test_two_branches_are_green_alone_and_red_together(shop: Path) -> None:
    play(shop, "receipt")
    assert judged(shop)[0] == 0
    play(shop, "subtotal")
    assert judged(shop)[0]
    kit.run_git(shop, "checkout", "-q", ".")
    kit.run_git(shop, "clean", "-qfd")
    play(shop, "subtotal")
    assert judged(shop)[0] == 0
    play(shop, "receipt")
    assert judged(shop)[0] == 0, "on what has landed it calls the new name"


def test_one_objection_holds_until_it_is_mended_and_the_other_never(shop: Path) -> None:
    base = kit.run_git(shop, "rev-parse", "HEAD")
    play(shop, "stock")
    assert judged(shop)[0] == 0
    branch = {"task": "stock", "diff": kit.run_git(shop, "diff")}
    done = subprocess.run(
        [sys.executable, str(DEMO / "reviewer.py")],
        input=json.dumps({"branches": [branch]}),
        capture_output=True,
        text=True,
        check=True,
    )
    right, wrong = json.loads(done.stdout)["findings"]
    for finding in (right, wrong):
        kit.run_git(shop, "apply", input=finding["reproducer"]["patch"])
    (length, prices) = ("tests.test_length", "tests.test_prices")
    assert (judged(shop, length)[0], judged(shop, prices)[0]) == (1, 0)
    play(shop, "stock", right["title"])
    assert judged(shop)[0] == 0
    kit.run_git(shop, "checkout", "-q", base, "--", "shop", "tests/test_catalog.py")
    assert judged(shop)[0] == 0, "it passes on the base"


@pytest.mark.slow
def test_the_story_is_true(wtman: kit.Program, tmp_path: Path) -> None:
    """In a pipe, where no repository is, with nothing left behind but what was asked for."""
    env = {"COLUMNS": "80", "TMPDIR": str(tmp_path), "WTMAN_AGENT": "nobody"}
    done = wtman("demo", "--fast", "--keep", "kept", cwd=tmp_path, env=env, timeout=120)
    out = done.out
    assert "vouchers  session 2 finished" in out
    assert re.search(r"confirmed \(\w+\): len\(catalog\) counts pieces", out)
    assert re.search(r"not reproduced: Prices get lost", out)
    assert re.search(r"2 findings on `stock`.*1 was confirmed", " ".join(out.split()))
    assert "Not merged:\n  receipt  fails only together with subtotal" in out
    assert "reproduce: git worktree add" in out
    assert "1 task landed on main" in out
    assert "wtman doctor" in out[out.index("repository of yours") :]
    told = [line for line in out.splitlines() if line.startswith("$ ")]
    assert all(len(line) <= 80 for line in told)
    repo = tmp_path / "kept/shop"
    subjects = kit.run_git(repo, "log", "--format=%s").splitlines()
    assert (len(subjects), subjects[0]) == (6, "A receipt as text")
    assert kit.run_git(repo, "status", "--porcelain") == ""
    assert (tmp_path / "kept/patches/manifest.json").is_file()
    assert sorted(item.name for item in tmp_path.glob("*") if item.name.startswith("wtman-")) == []


def test_a_folder_with_something_in_it_is_refused(wtman: kit.Program, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/mine").write_text("")
    done = wtman("demo", "--keep", "kept", cwd=tmp_path, check_status=2)
    assert "kept already exists" in done.err
    assert os.listdir(tmp_path / "kept") == ["mine"]


@pytest.mark.slow
def test_on_a_terminal_it_fits_and_ctrl_c_leaves_nothing(
    wtman: kit.Program, tmp_path: Path
) -> None:
    env = {**os.environ, **(wtman.extra or {}), "TERM": "xterm-256color", "TMPDIR": str(tmp_path)}
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    shown = Terminal(tmp_path, env, "demo")
    shown.until(r"● vouchers +running")
    shown.child.sendintr()
    assert shown.end() == 130
    assert not list(tmp_path.glob("wtman-demo-*"))
