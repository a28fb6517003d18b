"""Test results as runners of other languages tell them, made into the same `TestRun`.

Pure. What a check prints may be anything: where it does not add up nothing is claimed
of single tests (None), and the exit status alone decides.
"""

import json
from collections.abc import Iterator
from typing import Any

from wtman.formats.junit import NO_FILE, Status, TestRun, numbered
from wtman.text.late_pattern import late

Case = tuple[str, Status]


_JEST = {
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "pending": Status.SKIPPED,
    "skipped": Status.SKIPPED,
    "todo": Status.SKIPPED,
    "disabled": Status.SKIPPED,
}


def read_jest(raw: bytes | None, root: str) -> TestRun:
    """The file of `jest --json --outputFile`; paths are told from `root` on."""
    if raw is None:
        return TestRun(problem=NO_FILE)
    try:
        body = json.loads(raw)
        return TestRun(numbered(list(_jest(body, root.rstrip("/") + "/"))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return TestRun(problem="the check's result file is not what jest writes")


def _jest(body: dict[str, Any], root: str) -> Iterator[Case]:
    for suite in body["testResults"]:
        name = str(suite["name"]).removeprefix(root)
        cases = suite["assertionResults"]
        for case in cases:
            title = " > ".join([*map(str, case.get("ancestorTitles") or ()), str(case["title"])])
            yield f"{name}::{title}", _JEST.get(case["status"], Status.ERROR)
        if suite["status"] == "failed" and not any(case["status"] == "failed" for case in cases):
            yield name, Status.ERROR  # it did not even load


_GO = {"pass": Status.PASSED, "fail": Status.FAILED, "skip": Status.SKIPPED}
_GO_BROKEN = late(r"FAIL\s+(\S+)\s+\[(?:build|setup) failed\]")


def read_go(out: bytes) -> tuple[TestRun, str]:
    """The events that `go test -json` prints, and the words that it would have printed."""
    ended: dict[tuple[str, str], Status] = {}
    begun: set[tuple[str, str]] = set()
    said: list[str] = []
    broken: set[str] = set()
    packages: set[str] = set()
    for line in out.decode("utf-8", "replace").splitlines():
        event = _event(line)
        if event is None:
            said.append(line + "\n")
            if match := _GO_BROKEN.match(line):
                broken.add(match[1])
            continue
        action, package = str(event.get("Action")), str(event.get("Package", ""))
        name = str(event.get("Test", ""))
        if action in ("output", "build-output"):
            said.append(str(event.get("Output", "")))
        elif not name and action in _GO:
            packages.add(package)
            if action == "fail":
                broken.add(package)
        elif action == "run":
            begun.add((package, name))
        elif name and action in _GO:
            ended[package, name] = _GO[action]
    for key in begun - ended.keys():
        ended[key] = Status.ERROR  # its program ended before it did
    failing = {package for (package, _), status in ended.items() if status.bad}
    cases = {f"{package}::{name}": status for (package, name), status in ended.items()}
    cases |= dict.fromkeys(broken - failing, Status.ERROR)
    if not cases and not packages:
        return TestRun(problem="go test told of no package"), "".join(said)
    return TestRun(cases), "".join(said)


_GO_NOISE = late(r"=== (?:RUN|PAUSE|CONT|NAME) |\s*--- (?:PASS|SKIP): |PASS$")


def readable_go(line: bytes) -> tuple[str, ...] | None:
    """The lines for people in a line of `go test -json`: none of what it tells of tests that
    passed; None for what is no event."""
    event = _event(line.decode("utf-8", "replace"))
    if event is None:
        return None
    said = event.get("Output") if event.get("Action") in ("output", "build-output") else None
    if not isinstance(said, str) or _GO_NOISE.match(said):
        return ()
    return (said.removesuffix("\n"),)


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "Action" in event else None


_CARGO_BEGIN = late(r"running (\d+) tests?")
_CARGO_TEST = late(
    r"test (?P<name>.+?)(?: \(line \d+\))?(?P<kind> - [a-z ]+)? \.\.\. "
    r"(?P<end>ok|FAILED|ignored|bench:)(?:$|[ ,<])"
)
_CARGO_END = late(r"test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored")
_CARGO = {
    "ok": Status.PASSED,
    "bench:": Status.PASSED,
    "FAILED": Status.FAILED,
    "ignored": Status.SKIPPED,
}


def read_cargo(out: bytes) -> TestRun | None:
    """The lines that `cargo test` prints. None where they do not add up."""
    cases: list[Case] = []
    lines = iter(out.decode("utf-8", "replace").splitlines())
    programs = 0
    for line in lines:
        begin = _CARGO_BEGIN.fullmatch(line)
        if begin is None:
            continue
        programs += 1
        found = _cargo_program(lines, int(begin[1]))
        if found is None:
            return None
        cases += found
    if not programs:
        return TestRun(problem="cargo test ran no test program")
    return TestRun(numbered(cases))


def _cargo_program(lines: Iterator[str], announced: int) -> list[Case] | None:
    """The tests of one test program; None where it did not end as it should."""
    cases: list[Case] = []
    listing = True
    for line in lines:
        if end := _CARGO_END.match(line):
            return cases if len(cases) == announced == sum(map(int, end.groups())) else None
        listing = listing and line not in ("", "failures:", "successes:")
        if listing and (test := _CARGO_TEST.match(line)):
            cases.append((test["name"], _CARGO[test["end"]]))
    return None
