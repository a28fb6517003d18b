"""What a check has written, read: its tests one by one, and where its imports came from."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from wtman import files
from wtman.checks.excerpt import excerpt as telling_lines
from wtman.formats.junit import TestRun, read_junit
from wtman.formats.test_output import read_cargo, read_go, read_jest
from wtman.provision.command_result import CommandResult, excerpt

_MOST = 64 * 1024 * 1024  # bytes of one file
_MOST_RECORDS = 1000
_READ = 1024 * 1024  # bytes of an output in which the telling lines are looked for
_KEPT = 3 * 1024  # characters of it that are kept


def with_tests(
    ran: CommandResult, form: str, stdout: str, junit: str, checkout: str
) -> CommandResult:
    """The run with its results test by test; what the check wrote may be anything.

    `checkout` is what the check called the folder that it ran in, without links.
    """
    try:
        raw = files.read(stdout if form in ("go", "cargo") else junit, _MOST)[0]
    except FileNotFoundError:
        raw = None
    except OSError as error:
        problem = f"the check's result file cannot be read: {error.strerror}"
        return replace(ran, tests=TestRun(problem=problem))
    match form:
        case "go":
            tests, said = read_go(raw or b"")
            return replace(ran, tests=tests, output=excerpt(said.encode(), ran.output.encode()))
        case "cargo":
            return replace(ran, tests=read_cargo(raw or b""))
        case "jest":
            return replace(ran, tests=read_jest(raw, checkout))
        case _:
            return replace(ran, tests=read_junit(raw))


def with_telling_lines(ran: CommandResult, log: str, told: Callable[[str], str]) -> CommandResult:
    """A run that failed, with the lines that say why before the last ones.

    `log` is the folder of its outputs; `told` puts paths as people see them. What of a longer
    output is kept otherwise are its last lines, and these are mostly counts.
    """
    outputs = [files.tail(os.path.join(log, name), _READ) for name in ("stdout", "stderr")]
    said = told(b"\n".join(outputs).decode("utf-8", "replace"))
    if len(said) <= _KEPT:
        return ran  # all of it is kept
    return replace(ran, output=shortened(ran.output, telling_lines(said), _KEPT))


def shortened(output: str, lines: Sequence[str], most: int) -> str:
    """The telling lines of an output, then as much of its end as there is room for."""
    kept = {" ".join(line.split()) for line in output.splitlines()}
    if len(output) <= most and all(" ".join(line.split()) in kept for line in lines):
        return output
    told = "\n".join(lines)[: most // 2]
    end = output[-(most - len(told) - 5) :]
    return f"{told}\n...\n{end[end.find(chr(10)) + 1 :]}"


def import_records(folder: str) -> list[bytes]:
    """What the import probe left, a file a process."""
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.json")))[:_MOST_RECORDS]:
        try:
            found.append(files.read(path, _MOST)[0])
        except OSError:
            continue
    return found
