"""The telling lines of a program's output: why it failed, without banner and counts.

Pure. Knows how test runners, compilers, linters and build tools of many languages tell of a
failure; of any other program it shows the lines that call themselves errors, else the last
ones. Outputs may be huge, coloured, redrawn with carriage returns, and hostile.
"""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from wtman.text.terminal import clean

if TYPE_CHECKING:
    from wtman.checks.failure import Failure

_HEAD, _TAIL = 256 * 1024, 768 * 1024  # characters of a huge output that are read
_FRAME = re.compile(r"\s+at .*:\d+:\d+\)?$|\s+\w+: \d+$|\}$")  # below what a Node program throws
_WIDEST = 400  # characters of a line that are shown


def excerpt(output: str, most: int = 12, wanted: Collection[str] = ()) -> tuple[str, ...]:
    """At most `most` lines that say why a program failed; none of an output without words.

    The first failure is told whole, the others by a line each. Tests of the names in `wanted`
    (the new failures of a check) come first.
    """
    lines = _lines(output)
    found = _failures(lines, wanted)
    if not found:
        said = [line for line in lines if line.strip()]
        return tuple(_shown(said[-most:]))
    first, others = found[0], found[1:]
    room = most - min(len(others), max(most // 3, 1))
    kept = _shown(_cut(first, room))
    left = most - len(kept)
    listed = [item.named for item in others[:left]]
    if len(others) > left:
        listed = [item.named for item in others[: left - 1]]
        listed.append(f"… and {len(others) - len(listed)} more")
    return (*kept, *_shown(listed))


def _cut(failure: "Failure", room: int) -> list[str]:
    """At most so many of its lines: how it begins and ends, and its reason wherever that is."""
    lines = list(failure.lines)
    if len(lines) <= room:
        return lines
    reason = next((at for at, line in enumerate(lines) if failure.why in line), 0)
    if reason < room - 1 or room < 3:
        return [*lines[: room - 1], lines[-1]]
    end = min(reason + 2, len(lines) - 1)
    return [lines[0], *lines[max(end - room + 2, 1) : end], lines[-1]]


def summary(output: str, wanted: Collection[str] = ()) -> str:
    """The one line that says most of why a program failed; empty of an output without words."""
    lines = _lines(output)
    if found := _failures(lines, wanted):
        return found[0].line[:_WIDEST].strip()
    said = (line.strip() for line in reversed(lines) if not _FRAME.match(line))
    return next(filter(None, said), "")[:_WIDEST]


def causes(output: str, most: int = 60) -> tuple[str, ...]:
    """The lines in which the cause of a failure may be: the telling ones, and all where no
    failed test, compiler or crash says for itself why."""
    from wtman.checks.failure import Rank

    lines = _lines(output)
    found = _failures(lines, ())
    if not found or found[0].rank > Rank.CRASH:
        return tuple(line for line in lines if line.strip())
    return tuple(line for item in found[:most] for line in (*item.lines, item.why))


def failures(output: str) -> "list[Failure]":
    """What a program tells of why it failed, of the kind that says most; none: it does not."""
    return _failures(_lines(output), ())


def _lines(output: str) -> list[str]:
    """Cleaned lines; of a line that was redrawn what stood there last."""
    if len(output) > _HEAD + _TAIL:
        output = f"{output[:_HEAD]}\n…\n{output[-_TAIL:]}"
    if '{"' in output and '"Action":"' in output:
        from wtman.formats.test_output import read_go

        output = read_go(output.encode("utf-8", "replace"))[1]
    return [_line(line) for line in output.replace("\r\n", "\n").split("\n")]


def _line(line: str) -> str:
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    if "\t" in line:
        line = line.expandtabs(4) if not line.startswith("\t") else "\t" + line[1:].expandtabs(4)
    if line.startswith("\t"):
        return "\t" + clean(line[1:]).rstrip()
    return clean(line).rstrip()


def _failures(lines: Sequence[str], wanted: Collection[str]) -> list["Failure"]:
    """What is said best of why, in the order of the output, each once."""
    from wtman.checks import compiler_errors, failed_tests

    text = "\n".join(lines)
    told = {
        failed_tests.pytest: "___ ",
        failed_tests.pytest_summary: ("FAILED ", "ERROR "),
        failed_tests.unittest: ("FAIL: ", "ERROR: "),
        failed_tests.jest: "● ",
        failed_tests.vitest: "FAIL ",
        failed_tests.tap: "not ok ",
        failed_tests.node_spec: "✖ ",
        failed_tests.numbered: "1) ",
        failed_tests.cargo: "---- ",
        failed_tests.go: "--- FAIL: ",
        failed_tests.surefire: "<<< ",
        failed_tests.gradle: " FAILED",
        failed_tests.dotnet: "ailed ",
        failed_tests.c_tests: ("Failure", "FAILED"),
        failed_tests.ctest: "***",
        compiler_errors.one_line: ":",
        compiler_errors.arrows: "--> ",
        compiler_errors.eslint: "error",
        compiler_errors.cmake: "CMake Error",
        compiler_errors.python_crash: "Traceback",
        compiler_errors.js_crash: " at ",
        compiler_errors.ruby_crash: ":in ",
        compiler_errors.java_crash: ("Exception in", "Caused by: ", "Unhandled"),
        compiler_errors.native_crash: "",
        compiler_errors.anything: "",
    }
    found: list[Failure] = []
    for reader, marks in told.items():
        if any(mark in text for mark in ((marks,) if isinstance(marks, str) else marks)):
            found += reader(lines)
    best = min((item.rank for item in found), default=None)
    once: dict[tuple[str, str, str], Failure] = {}
    for item in sorted((item for item in found if item.rank is best), key=lambda item: item.at):
        once.setdefault((item.name, item.why, item.place), item)
    return sorted(once.values(), key=lambda item: not _is_wanted(item.name, wanted))


def _is_wanted(name: str, wanted: Collection[str]) -> bool:
    """Whether a test is one of those by their full names."""
    if not name:
        return False
    last = name.replace(" › ", " > ").split(" > ")[-1].split("::")[-1].split(".")[-1]
    return any(name in item or item.endswith(last) for item in wanted)


def _shown(lines: Sequence[str]) -> list[str]:
    """The lines without the space that all of them begin with, none too wide."""
    plain = [line.expandtabs(4) for line in lines]
    indent = min((len(line) - len(line.lstrip()) for line in plain if line.strip()), default=0)
    return [line[indent : indent + _WIDEST] for line in plain]
