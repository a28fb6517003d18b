"""`python -m unittest`, with its results in a file: `unittest_junit.py FILE [ARGS...]`.

Stands alone, because it runs in the interpreter of the checked repository, which may be
an old one: standard library only. ARGS mean what they mean to unittest, and so do the
output and the exit status. The file is JUnit XML, written when all tests have run.
"""

import os
import sys
import unittest
from typing import Any, Dict, List, Tuple  # noqa: UP035 -- old interpreters too
from xml.sax.saxutils import quoteattr


class _Recorder(unittest.TextTestResult):
    """Notes how each test ended; a test that is both run and failed in a part failed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends: List[Tuple[str, str]] = []  # noqa: UP006

    def _note(self, test: Any, end: str) -> None:
        self.ends.append((test.id(), end))

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self._note(test, "")

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, "failure")

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._note(test, "error")

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, "")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "failure")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            # The test gets no end of its own then; which parts there are may change by the day.
            self._note(test, "failure")


class _Runner(unittest.TextTestRunner):
    resultclass = _Recorder
    place = ""

    def run(self, test: Any) -> Any:
        result: Any = super().run(test)
        _write(self.place, result.ends)
        return result


def _write(place: str, ends: List[Tuple[str, str]]) -> None:  # noqa: UP006
    """One test case a test: a part of it that failed makes it a failed one."""
    worst: Dict[str, str] = {}  # noqa: UP006
    order = ("", "skipped", "failure", "error")
    for name, end in ends:
        worst[name] = max(worst.get(name, ""), end, key=order.index)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuite>"]
    for name, end in worst.items():
        owner, _, own = name.rpartition(".")
        if " (" in name:
            owner, own = "", name  # setUpClass (module.Class)
        mark = f"<{end}/>" if end else ""
        owner, own = quoteattr(_plain(owner)), quoteattr(_plain(own))
        lines.append(f"<testcase classname={owner} name={own}>{mark}</testcase>")
    lines.append("</testsuite>\n")
    with open(place, "w", encoding="utf-8", errors="backslashreplace") as out:
        out.write("\n".join(lines))


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def main() -> None:
    _Runner.place = os.path.abspath(sys.argv[1])
    # As `-m unittest` has it: the folder it is started in, not the one of this file.
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path[0] = os.getcwd()
    program = os.path.basename(sys.executable) + " -m unittest"
    unittest.main(module=None, testRunner=_Runner, argv=[program] + sys.argv[2:])


if __name__ == "__main__":
    main()
