"""The package keeps the house plan, and the reader of it sees each breach."""

import re
from pathlib import Path

import pytest

import wtman
from tests.house import APART, RANK, violations
from tests.kit import ROOT, write_files

PACKAGE = ROOT / "wtman"


def test_the_package_keeps_the_plan():
    assert violations(PACKAGE) == []


def test_the_tests_import_this_checkout():
    assert Path(wtman.__file__).resolve() == PACKAGE / "__init__.py"


def test_the_map_at_the_front_door_names_every_room():
    text = wtman.__doc__ or ""
    here = {p.stem for p in PACKAGE.glob("*.py")} | {
        p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.[pm][yd]"))
    }
    for room in here - {"__init__"}:
        assert re.search(rf"(?m)^ +{room}/? |`{room}/`", text), f"{room} is not on the map"


GOOD = {
    "__init__.py": '"""Front."""\n__version__ = "1"\n',
    "__main__.py": '"""Run."""\nfrom wtman.cli import main\n',
    "errors.py": '"""E."""\n',
    "core/model.py": '"""M."""\nfrom pathlib import PurePosixPath\nfrom wtman.errors import X\n',
    "agents/replay.py": '"""R."""\nimport sys\nfrom . import step\nfrom ..core import model\n',
    "git/repo.py": '"""G."""\nfrom wtman.git.run import git\ndef f():\n    from git import Repo\n',
    "git/run.py": '"""G."""\nimport subprocess\n',
    "process.py": '"""P."""\nimport asyncio\nfrom wtman import keeper\n'
    "x = asyncio.create_subprocess_exec\n",
    "keeper.py": '"""K."""\nimport os\nimport subprocess\nos.fork\n',
    "apiagent/__main__.py": '"""A."""\nimport anthropic\nfrom wtman.core import model\n',
    "stages/one.py": '"""S."""\nfrom wtman import errors\nfrom wtman.context import Context\n',
    "store.py": '"""S."""\nimport sqlite3\n',
    "cli/__init__.py": '"""C."""\nimport typer\nfrom wtman import __version__, ui\n',
    "roles/author.md": "# Author\n",
}


def test_a_good_house_has_no_breach(tmp_path):
    write_files(tmp_path, GOOD)
    assert violations(tmp_path) == []


BREACHES = [
    ("core/a.py", "from wtman.git.run import git", "from core to git points up"),
    ("agents/a.py", "from wtman import store", "from agents to store points up"),
    ("git/a.py", "def f():\n    import wtman.pipeline", "from git to pipeline points up"),
    ("process.py", "from wtman.store import S", "process and store do not know each other"),
    ("sandbox/a.py", "from ..executors import local", "sandbox and executors do not know each"),
    ("errors.py", "from . import core", "from errors to core points up"),
    ("core/a.py", "import wtman", "from core to __init__ points up"),
    ("core/a.py", "import importlib\nimportlib.import_module('wtman.cli')", "points up"),
    (
        "core/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wtman.store import S",
        "points up",
    ),
    ("ui/a.py", "from wtman.flow import x", "ui and flow do not know each other"),
    ("cli/a.py", "from wtman import keeper", "nobody imports it"),
    ("executors/a.py", "import wtman.keeper", "nobody imports it"),
    ("collecting.py", "from wtman.stages import sessions", "from collecting to stages points up"),
    ("witness/a.py", "import wtman.errors", "stands apart"),
    ("cli/a.py", "from wtman.nowhere import x", "no place in the house"),
    ("keeper.py", "from wtman.core import model", "stands apart"),
    ("apiagent/a.py", "from wtman.config import load", "stands apart"),
    ("stages/a.py", "from wtman.stages.b import perform", "never import each other"),
    ("stages/a.py", "from . import b", "never import each other"),
    ("stages/a.py", "from wtman.stages import b", "never import each other"),
    ("brandnew.py", "", "brandnew has no place"),
    ("process.py", "def f():\n    import git", "only git may import git"),
    ("git/a.py", "import git", "slow to import"),
    ("cli/a.py", "import sqlite3", "only store may import sqlite3"),
    ("cli/a.py", "def f():\n    import anthropic", "only apiagent may import anthropic"),
    ("ui/a.py", "from typer import echo", "only cli may import typer"),
    ("git/repo.py", "import subprocess", "may import subprocess"),
    ("executors/a.py", "import multiprocessing.pool", "nobody may import multiprocessing"),
    ("executors/a.py", "import asyncio\nasyncio.create_subprocess_exec", "create_subprocess_exec"),
    ("stages/a.py", "from asyncio import create_subprocess_shell", "create_subprocess_shell"),
    ("stages/a.py", "import asyncio\nasyncio.subprocess.PIPE", "may subprocess"),
    ("cli/a.py", "import os\nos.system('x')", "may system"),
    ("cli/a.py", "from os import execvp", "may execvp"),
    ("core/a.py", "import os.path", "core is pure and may not import os"),
    ("core/a.py", "from datetime import datetime\ndatetime.now()", "no .now()"),
    ("core/a.py", "from pathlib import Path", "may not import pathlib"),
    ("core/a.py", "def f():\n    open('x')", "no open()"),
    ("core/a.py", "async def f(): ...", "no async"),
    ("core/a.py", "import pydantic", "standard library only, not pydantic"),
    ("agents/a.py", "import sys", "agents is pure and may not import sys"),
    ("agents/a.py", "import asyncio", "agents is pure and may not import asyncio"),
    ("core/utils.py", "", "a module named utils"),
    ("stages/manager/a.py", "", "a module named manager"),
    ("core/a.py", "class PlanManager: ...", "say what it is"),
    ("core/a.py", "def get_plan(): ...", "a noun"),
    ("core/events.py", "from __future__ import annotations", "real annotations"),
    ("core/a.py", "x = 1\n" * 500, "501 lines"),
]


@pytest.mark.parametrize(("path", "code", "message"), BREACHES)
def test_each_breach_is_seen(tmp_path, path, code, message):
    write_files(tmp_path, {path: f'"""Docstring."""\n{code}'})
    found = violations(tmp_path)
    assert len(found) == 1, found
    assert message in found[0]
    assert found[0].startswith(f"{path}:")


def test_a_module_without_docstring_is_seen(tmp_path):
    write_files(tmp_path, {"core/a.py": "x = 1\n"})
    assert violations(tmp_path) == ["core/a.py:1: no docstring"]


def test_no_room_is_both_in_the_house_and_apart():
    assert not set(RANK) & set(APART)
