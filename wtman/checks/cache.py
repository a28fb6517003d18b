"""Runs of checks in the plain form in which the store keeps them.

A big suite has tens of thousands of tests and nearly all of them pass, so the
ids of one status are kept as one compressed text.
"""

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

from wtman.checks.import_probe import ImportOrigin
from wtman.formats.codec import from_plain, to_plain
from wtman.formats.junit import Status, TestRun
from wtman.provision.command_result import CommandResult


def pack(ran: CommandResult, sight: ImportOrigin | None) -> dict[str, Any]:
    """The run, and what was seen of the program's imports, if anybody looked."""
    body: dict[str, Any] = {"ran": to_plain(replace(ran, tests=None, cached=False))}
    if ran.tests is not None:
        body["problem"] = ran.tests.problem
        body["tests"] = _squeeze(ran.tests.tests)
    if sight is not None:
        body["sight"] = to_plain(sight)
    return body


def unpack(body: dict[str, Any]) -> tuple[CommandResult, ImportOrigin | None]:
    """What `pack` was given. Raises ValueError, TypeError or KeyError for anything else."""
    ran: CommandResult = from_plain(CommandResult, body["ran"])
    tests = TestRun(_expand(body["tests"]), body["problem"]) if "tests" in body else None
    sight = from_plain(ImportOrigin, body["sight"]) if "sight" in body else None
    return replace(ran, tests=tests, cached=True), sight


def _squeeze(tests: dict[str, Status]) -> str:
    groups: dict[str, list[str]] = {}
    for name, status in tests.items():
        groups.setdefault(status.value, []).append(name)
    return base64.b64encode(zlib.compress(json.dumps(groups).encode(), 6)).decode()


def _expand(text: str) -> dict[str, Status]:
    groups = json.loads(zlib.decompress(base64.b64decode(text)))
    return {name: Status(status) for status, names in groups.items() for name in names}
