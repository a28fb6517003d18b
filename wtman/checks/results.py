"""What a check has written, read: its tests one by one, and where its imports came from."""

import glob
import os
from dataclasses import replace

from wtman import files
from wtman.formats.junit import TestRun, read_junit
from wtman.formats.test_output import read_cargo, read_go, read_jest
from wtman.provision.command_result import CommandResult, excerpt

_MOST = 64 * 1024 * 1024  # bytes of one file
_MOST_RECORDS = 1000


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


def import_records(folder: str) -> list[bytes]:
    """What the import probe left, a file a process."""
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.json")))[:_MOST_RECORDS]:
        try:
            found.append(files.read(path, _MOST)[0])
        except OSError:
            continue
    return found
