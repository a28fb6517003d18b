"""Results of jest, go and cargo as these runners really write them."""

import json

import pytest

from wtman.checks.runners import UNITTEST, form_of, with_results
from wtman.formats.junit import Status
from wtman.formats.test_output import read_cargo, read_go, read_jest, readable_go
from wtman.provision.command_text import JUNIT, argv

PASSED, FAILED, SKIPPED, ERROR = Status.PASSED, Status.FAILED, Status.SKIPPED, Status.ERROR


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, asked, form",
    [
        ("pytest -q", "pytest --junitxml={junit} -q", "junit"),
        ("uv run python -m pytest", "uv run python -m pytest --junitxml={junit}", "junit"),
        ("python -m unittest -q", f"python {UNITTEST} {{junit}} -q", "junit"),
        ("python3 -B -m unittest", f"python3 -B {UNITTEST} {{junit}}", "junit"),
        ("npx jest src", "npx jest --json --outputFile={junit} src", "jest"),
        ("node_modules/.bin/jest", "node_modules/.bin/jest --json --outputFile={junit}", "jest"),
        (
            "yarn vitest run web",
            "yarn vitest run --reporter=default --reporter=junit --outputFile.junit={junit} web",
            "junit",
        ),
        ("go test ./...", "go test -json ./...", "go"),
        ("CGO_ENABLED=0 go test -race ./...", "CGO_ENABLED=0 go test -json -race ./...", "go"),
        ("command:cargo test --all", "command:cargo test --no-fail-fast --all", "cargo"),
    ],
)
def test_a_runner_that_is_called_plainly_is_asked(command: str, asked: str, form: str) -> None:
    assert with_results(command) == asked
    assert with_results(asked) == asked
    assert form_of(asked) == form


@pytest.mark.parametrize(
    "command",
    [
        "npm test",
        "jest --json",
        "jest --watch",
        "vitest",
        "vitest run --reporter=dot",
        "go test -c ./x",
        "go test -bench=. ./x",
        "go vet ./...",
        "cargo test -- --nocapture",
        "cargo test --no-run",
        "cargo build",
        "python -m unittesting",
        "python test.py -m unittest",
        "go test ./... | tee log",
        "make test",
    ],
)
def test_what_is_not_certain_stays_as_it_is(command: str) -> None:
    assert with_results(command) == command
    assert form_of(command) == ""


def test_what_the_user_asked_for_is_read() -> None:
    assert form_of("go test -json ./...") == "go"
    assert form_of("cargo test --no-fail-fast") == "cargo"
    assert form_of("make test OUT={junit}") == "junit"


def test_places_are_filled_in_quoted_for_the_shell() -> None:
    text = with_results("python -m unittest -q")
    fill = {JUNIT: "/a b/j.xml", UNITTEST: "/w/u.py"}
    assert argv(text, fill)[2] == "python /w/u.py '/a b/j.xml' -q"
    direct = argv("command:" + text, fill)
    assert direct == ("python", "/w/u.py", "/a b/j.xml", "-q")


# --- jest ---------------------------------------------------------------------------------------


def case(title: str, status: str, *above: str) -> dict[str, object]:
    return {"ancestorTitles": list(above), "title": title, "status": status, "duration": 1}


JEST = {
    "numTotalTests": 4,
    "success": False,
    "testResults": [
        {
            "name": "/checkout/t/a.test.js",
            "status": "failed",
            "message": "...",
            "assertionResults": [
                case("adds", "passed", "sum"),
                case("fails", "failed", "sum", "inner"),
                case("later", "pending"),
                case("some day", "todo"),
            ],
        },
        {
            "name": "/checkout/t/b.test.js",
            "status": "failed",
            "message": "does not load",
            "assertionResults": [],
        },
    ],
}


def test_jest_tests_are_known_by_file_and_titles_wherever_they_ran() -> None:
    assert read_jest(json.dumps(JEST).encode(), "/checkout").tests == {
        "t/a.test.js::sum > adds": PASSED,
        "t/a.test.js::sum > inner > fails": FAILED,
        "t/a.test.js::later": SKIPPED,
        "t/a.test.js::some day": SKIPPED,
        "t/b.test.js": ERROR,
    }


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"{}", b'{"testResults": [1]}', b"[" * 10**5])
def test_jest_files_that_are_none(raw: bytes | None) -> None:
    run = read_jest(raw, "/checkout")
    assert run.problem and not run.tests


# --- go -----------------------------------------------------------------------------------------


def event(action: str, package: str = "shop/cart", **more: object) -> str:
    name = {"Time": "2026-01-02T03:04:05.6Z", "Action": action, "Package": package, **more}
    return json.dumps(name)


GO = "\n".join(
    [
        event("start"),
        event("run", Test="TestTotal"),
        event("output", Test="TestTotal", Output="=== RUN   TestTotal\n"),
        event("run", Test="TestTotal/empty"),
        event("output", Test="TestTotal/empty", Output="    cart_test.go:9: 1 != 0\n"),
        event("fail", Test="TestTotal/empty", Elapsed=0),
        event("fail", Test="TestTotal", Elapsed=0),
        event("run", Test="TestFine"),
        event("pass", Test="TestFine", Elapsed=0),
        event("run", Test="TestLater"),
        event("skip", Test="TestLater", Elapsed=0),
        event("output", Output="FAIL\tshop/cart\t0.003s\n"),
        event("fail", Elapsed=0.003),
        event("run", "shop/panics", Test="TestGone"),
        event("output", "shop/panics", Test="TestGone", Output="panic: oh\n"),
        event("fail", "shop/panics", Elapsed=0.003),
        event("skip", "shop/empty", Elapsed=0),
        "# shop/broken [shop/broken.test]",
        "broken/b_test.go:5:2: undefined: x",
        "FAIL\tshop/broken [build failed]",
        '{"ImportPath":"shop/new","Action":"build-output","Output":"new/n.go:1: no\\n"}',
        event("fail", "shop/new", Elapsed=0, FailedBuild="shop/new"),
    ]
)


def test_go_events_become_tests_and_packages_that_could_not_run() -> None:
    run, said = read_go(GO.encode())
    assert run.tests == {
        "shop/cart::TestTotal": FAILED,
        "shop/cart::TestTotal/empty": FAILED,
        "shop/cart::TestFine": PASSED,
        "shop/cart::TestLater": SKIPPED,
        "shop/panics::TestGone": ERROR,
        "shop/broken": ERROR,
        "shop/new": ERROR,
    }
    assert "    cart_test.go:9: 1 != 0\n" in said
    assert "undefined: x" in said and "new/n.go:1: no" in said
    assert '"Action"' not in said


def test_go_that_says_nothing_has_no_results() -> None:
    assert read_go(b"go: no module\n")[0].problem
    assert read_go(event("skip").encode())[0].problem == ""


# --- cargo --------------------------------------------------------------------------------------

CARGO = """
running 4 tests
test tests::adds ... ok
test tests::later ... ignored, slow
test tests::known ... FAILED
test tests::panics - should panic ... ok

failures:

---- tests::known stdout ----
test fake ... ok

thread 'tests::known' panicked at src/lib.rs:11:56:


failures:
    tests::known

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.33s


running 1 test
test adds ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s


running 1 test
test src/lib.rs - total (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

all doctests ran in 1.12s; merged doctests compilation took 1.11s
"""


def test_cargo_lines_become_tests_and_what_tests_print_does_not() -> None:
    run = read_cargo(CARGO.encode())
    assert run is not None
    assert run.tests == {
        "tests::adds": PASSED,
        "tests::later": SKIPPED,
        "tests::known": FAILED,
        "tests::panics": PASSED,
        "adds": PASSED,
        "src/lib.rs - total": PASSED,
    }


def test_cargo_lines_that_do_not_add_up_say_nothing_of_tests() -> None:
    """Output between the lines, or a program that never ended: the exit status decides."""
    assert read_cargo(CARGO.replace("test adds ... ok", "test adds ... hello\nok").encode()) is None
    assert read_cargo(CARGO.partition("failures:")[0].encode()) is None
    assert read_cargo(CARGO.replace("2 passed", "3 passed").encode()) is None
    empty = read_cargo(b"error: could not compile\n")
    assert empty is not None and empty.problem


def test_what_go_prints_for_people() -> None:
    lines = (
        '{"Action":"run","Package":"p","Test":"TestA"}',
        '{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\\n"}',
        '{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no\\n"}',
        '{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\\n"}',
        '{"Action":"output","Package":"p","Test":"TestB","Output":"--- PASS: TestB (0.00s)\\n"}',
        '{"Action":"fail","Package":"p","Elapsed":0.1}',
        "exit status 1",
        '{"level": "info"}',
    )
    assert [readable_go(line.encode()) for line in lines] == [
        (),
        (),
        ("    a_test.go:7: no",),
        ("--- FAIL: TestA (0.00s)",),
        (),
        (),
        None,
        None,
    ]
