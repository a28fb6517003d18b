"""Only what failed, run again: the ids of result files traced to tests, and the command."""

import json

from wtman.checks.rerun import lastfailed, only_failed

FILES = frozenset({"tests/test_a.py", "test_top.py", "pkg/sub/test_b.py"})


def test_ids_of_a_result_file_become_those_of_pytest() -> None:
    failing = ("tests.test_a::test_x[a-b::c]", "pkg.sub.test_b.TestOne.TestTwo::test_y", "test_top")
    assert json.loads(lastfailed(failing, FILES)) == {
        "tests/test_a.py::test_x[a-b::c]": True,
        "pkg/sub/test_b.py::TestOne::TestTwo::test_y": True,
        "test_top.py": True,
    }


def test_what_cannot_be_traced_claims_nothing() -> None:
    assert lastfailed(("tests.test_a::test_x", "elsewhere.test_c::test_x"), FILES) == ""
    assert lastfailed((), FILES) == ""
    assert lastfailed([f"test_top::test_{number}" for number in range(300)], FILES) == ""


def test_the_command_stays_what_the_user_wrote() -> None:
    told = only_failed("X=1 python3 -m pytest -q -p no:cacheprovider tests", "/r/c")
    assert told == ("X=1 python3 -m pytest --lf -o cache_dir=/r/c --junitxml={junit} -q tests")
    assert only_failed("pytest --junitxml={junit}", "c") == (
        "pytest --lf -o cache_dir=c --junitxml={junit}"
    )
    assert only_failed("command:pytest -q", "c").startswith("command:pytest --lf ")


def test_other_runners_and_scripts_have_no_such_form() -> None:
    for command in ("go test ./...", "python3 -m unittest", "cd x && pytest", "make test"):
        assert only_failed(command, "c") == ""
    assert only_failed("pytest", "/a folder/c") == ""
