"""JUnit XML to test results, whoever wrote it.

Promises the same ids for the same tests in whatever order they ran, and one
plain reason where the file says nothing. Refuses document types and entities:
no result file needs them, and an entity bomb would be judged by a test that the
branch brings along.
"""

from collections import Counter
from dataclasses import field
from enum import StrEnum
from xml.parsers import expat

from wtman.model.values import dataclass

NO_FILE = "the check wrote no result file"


class Status(StrEnum):
    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    ERROR = "error"  # never got as far as its own assertions: collection, fixtures

    @property
    def bad(self) -> bool:
        return self in (Status.FAILED, Status.ERROR)


@dataclass(frozen=True, slots=True)
class TestRun:
    """What the tests of one tree said, by id. `problem` set: there are no results."""

    __test__ = False  # not a test class, whatever its name says to pytest

    tests: dict[str, Status] = field(default_factory=dict)
    problem: str = ""

    @property
    def failing(self) -> frozenset[str]:
        return frozenset(name for name, status in self.tests.items() if status.bad)

    @property
    def skipped(self) -> frozenset[str]:
        return frozenset(name for name, status in self.tests.items() if status is Status.SKIPPED)


def read_junit(raw: bytes | None) -> TestRun:
    """The results in a JUnit file; None stands for a file that was never written."""
    if raw is None:
        return TestRun(problem=NO_FILE)
    if not raw.strip():
        return TestRun(problem="the check's result file is empty")
    reader = _Reader()
    try:
        reader.parse(raw)
    except _Refused as error:
        return TestRun(problem=f"the check's result file is refused: {error}")
    except (expat.ExpatError, LookupError, ValueError) as error:
        return TestRun(problem=f"the check's result file is not well-formed: {error}")
    if not reader.suites:
        return TestRun(problem="the check's result file holds no test suite")
    return TestRun(numbered(reader.cases))


def numbered(cases: list[tuple[str, Status]]) -> dict[str, Status]:
    """Ids made unique: the n-th of one name is `name#n`, the worst status first.

    Sorting by status makes that independent of the order in which equals ran.
    """
    tests: dict[str, Status] = {}
    seen: Counter[str] = Counter()
    for name, status in sorted(cases, key=lambda case: (case[0], _RANK[case[1]])):
        seen[name] += 1
        count = seen[name]
        tests[name if count == 1 else f"{name}#{count}"] = status
    return tests


_RANK = {Status.ERROR: 0, Status.FAILED: 1, Status.SKIPPED: 2, Status.PASSED: 3}
_MARKS = {"failure": Status.FAILED, "error": Status.ERROR, "skipped": Status.SKIPPED}


class _Refused(Exception):
    pass


class _Reader:
    """Collects test cases from expat's events; suites may be nested to any depth."""

    def __init__(self) -> None:
        self.suites = 0
        self.cases: list[tuple[str, Status]] = []
        self._name = ""
        self._status = Status.PASSED
        self._path: list[str] = []

    def parse(self, raw: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.EntityDeclHandler = self._refuse_entity
        parser.Parse(raw, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent = self._path[-1] if self._path else ""
        self._path.append(tag)
        if tag in ("testsuite", "testsuites"):
            self.suites += 1
        elif tag == "testcase":
            owner = attributes.get("classname") or attributes.get("file") or ""
            name = attributes.get("name", "")
            self._name = f"{owner}::{name}" if owner else name
            self._status = Status.PASSED
        elif parent == "testcase" and tag in _MARKS:
            self._status = min(self._status, _MARKS[tag], key=_RANK.__getitem__)

    def _end(self, tag: str) -> None:
        self._path.pop()
        if tag == "testcase":
            self.cases.append((self._name, self._status))

    def _refuse_doctype(self, *_: object) -> None:
        raise _Refused("it declares a document type")

    def _refuse_entity(self, *_: object) -> None:
        raise _Refused("it declares an entity")
