"""The kit itself: a hermetic fixture that leaks is worse than none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import kit
from tests.conftest import REAL_HOME, TouchedHomeError


def test_nothing_of_the_parents_environment_gets_in(hermetic):
    parent = {
        "PATH": "/bin",
        "HOME": "/elsewhere",
        "GIT_DIR": "/elsewhere/.git",
        "GIT_AUTHOR_NAME": "Someone Else",
        "WTMAN_JOBS": "3",
        "ANTHROPIC_API_KEY": "secret",
        "PYTHONPATH": "/elsewhere",
        "XDG_CONFIG_HOME": "/elsewhere/.config",
        "FORCE_COLOR": "1",
    }
    got = kit.hermetic_environment(hermetic, parent)
    assert got["PATH"] == "/bin"
    assert not [value for value in got.values() if "elsewhere" in value or "secret" in value]
    assert {k for k in got if k.startswith("GIT_")} == {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}
    assert set(got) <= set(kit.hermetic_environment(hermetic, {})) | {"PATH"}


def test_every_test_has_it(hermetic, tmp_path):
    assert Path.home() == hermetic
    assert not list(hermetic.iterdir())
    assert not hermetic.is_relative_to(tmp_path)
    assert "ANTHROPIC_API_KEY" not in os.environ


def test_writing_into_the_real_home_fails_loudly(hermetic):
    with pytest.raises(TouchedHomeError, match="real home"):
        (REAL_HOME / ".wtman-test").write_text("x")
    with pytest.raises(TouchedHomeError, match="real home"):
        (REAL_HOME / ".wtman-test").mkdir()
    (hermetic / "fine").write_text("x")


def test_repositories_are_real_and_have_stable_hashes(make_repo, git, commit):
    files = {"a.txt": "a\n", "deep/run.sh": "#!/bin/sh\n", "b.bin": b"\0\xff"}
    one, two = make_repo(files, name="one"), make_repo(files, name="two")
    assert git(one, "rev-parse", "HEAD") == git(two, "rev-parse", "HEAD")
    assert git(one, "ls-files", "-s", "deep/run.sh").startswith("100755")
    assert git(one, "log", "-1", "--format=%an <%ae>") == f"{kit.NAME} <{kit.EMAIL}>"
    assert git(one, "status", "--porcelain") == ""
    commit(one, {"a.txt": "changed\n"}, "second")
    assert git(one, "log", "--format=%s") == "second\nfirst"


def test_a_repository_without_commit_or_identity(make_repo, git):
    empty = make_repo({}, name="empty", branch="trunk")
    assert git(empty, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    git(empty, "rev-parse", "--verify", "-q", "HEAD", ok=[1])
    nobody = make_repo(None, name="nobody", identity=False)
    git(nobody, "config", "user.name", ok=[1])
    assert git(nobody, "log", "--format=%s") == "first"


def python(tmp_path: Path, code: str) -> kit.Program:
    return kit.Program(tmp_path, argv=(sys.executable, "-c", code))


def test_a_program_answers_with_its_output(tmp_path):
    run = python(tmp_path, "import sys; print(sys.stdin.read() + '[1]'); sys.exit(3)")
    result = run(input="", check_status=3)
    assert (result.code, result.json(), result.jsonl()) == (3, [1], [[1]])
    assert python(tmp_path, "import os; print(os.getcwd())")().out.strip() == str(tmp_path)


def test_a_program_may_not_trace_back_nor_end_otherwise_nor_hang(tmp_path):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        python(tmp_path, "1/0")(check_status=None)
    with pytest.raises(AssertionError, match="exit 3"):
        python(tmp_path, "raise SystemExit(3)")()
    with pytest.raises(pytest.fail.Exception, match="did not end"):
        python(tmp_path, "import time; time.sleep(60)")(timeout=0.5)
    with pytest.raises(pytest.fail.Exception, match="not JSON"):
        python(tmp_path, "print('{')")().json()


def test_a_session_that_is_left_behind_is_found_and_killed(tmp_path):
    environ = {**os.environ, "WTMAN_SESSION": "run/task/1"}
    argv = [sys.executable, "-c", "print(flush=True); input()", str(tmp_path)]
    left = subprocess.Popen(
        argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with left:
        left.stdout.readline()
        with pytest.raises(pytest.fail.Exception, match="outlived"):
            kit.assert_no_leftover_processes(tmp_path, patience=0.1)
        assert left.wait(10) == -9
    kit.assert_no_leftover_processes(tmp_path)
