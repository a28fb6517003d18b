"""The package keeps the house plan, and the reader of it sees each breach."""

import re
from pathlib import Path

import pytest

import wtman
from tests import house
from tests.kit import ROOT, write_files

PACKAGE = ROOT / "wtman"


def test_the_package_keeps_the_plan():
    assert house.violations(PACKAGE) == []


def test_no_package_holds_too_much():
    shares = house.shares(PACKAGE)
    assert {name: share for name, share in shares.items() if share > house.MOST_SHARE} == {}


def test_the_tests_import_this_checkout():
    assert Path(wtman.__file__).resolve() == PACKAGE / "__init__.py"


def test_the_map_at_the_front_door_names_every_package():
    text = wtman.__doc__ or ""
    here = {p.stem for p in PACKAGE.glob("*.py")} | {
        p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.[pm][yd]"))
    }
    for name in here - {"__init__"}:
        assert re.search(rf"(?m)\b{name}(/|\.py| )", text), f"{name} is not on the map"


GOOD = {
    "__init__.py": '"""Front."""\n__version__ = "1"\n',
    "__main__.py": '"""Run."""\nfrom wtman.cli import main\n',
    "errors.py": '"""E."""\n',
    "model/ids.py": '"""M."""\nfrom pathlib import PurePosixPath\nfrom wtman.errors import X\n',
    "agents/replay.py": '"""R."""\nimport sys\nfrom . import step\nfrom ..model import ids\n',
    "git/repo.py": '"""G."""\nfrom wtman.git.run import git\ndef f():\n    from git import Repo\n',
    "git/run.py": '"""G."""\nimport subprocess\n',
    "execution/spawn.py": '"""P."""\nimport asyncio\nfrom wtman.execution import keeper\n'
    "x = asyncio.create_subprocess_exec\n",
    "execution/keeper.py": '"""K."""\nimport os\nimport subprocess\nos.fork\n',
    "apiagent/__main__.py": '"""A."""\nimport anthropic\nfrom wtman.model import ids\n',
    "merge/perform.py": '"""S."""\nimport asyncio\nfrom wtman.context import Context\n',
    "merge/decide.py": '"""S."""\nfrom typing import TYPE_CHECKING\n'
    "if TYPE_CHECKING:\n    from wtman.context import Context\n",
    "context.py": '"""C."""\n',
    "journal/store.py": '"""S."""\nimport sqlite3\n',
    "cli/__init__.py": '"""C."""\nimport typer\nfrom wtman import __version__, ui\n',
    "roles/author.md": "# Author\n",
}


def found_in(folder: Path) -> list[str]:
    """The breaches, but those of files that a small house does not have."""
    return [line for line in house.violations(folder) if "effects.py and not there" not in line]


def test_a_good_house_has_no_breach(tmp_path):
    write_files(tmp_path, GOOD)
    assert found_in(tmp_path) == []


BREACHES = [
    ("model/a.py", "from wtman.journal.replay import r", "from model to journal points up"),
    ("agents/a.py", "from wtman.budget import limits", "from agents to budget points up"),
    ("git/run.py", "def f():\n    import wtman.coordinator", "from git to coordinator points up"),
    ("errors.py", "from . import model", "from errors to model points up"),
    ("model/a.py", "import wtman", "from model to __init__ points up"),
    (
        "cli/start.py",
        "import importlib\nimportlib.import_module('wtman.__main__')",
        "points up",
    ),
    (
        "model/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wtman.journal import S",
        "points up",
    ),
    ("sandbox/confine_command.py", "import wtman.execution.keeper", "nobody imports it"),
    ("cli/start.py", "from wtman.apiagent import x", "nobody imports it"),
    ("checks/probe/sitecustomize.py", "import wtman.errors", "may not import wtman.errors"),
    ("cli/a.py", "from wtman.nowhere import x", "no place in the house"),
    ("execution/keeper.py", "from wtman.model import ids", "may not import wtman.model"),
    ("apiagent/a.py", "from wtman.config import load", "stands apart"),
    ("brandnew.py", "", "brandnew has no place"),
    ("execution/spawn.py", "def f():\n    import git", "only git may import git"),
    ("git/run.py", "import git", "slow to import"),
    ("cli/a.py", "from dataclasses import dataclass", "from wtman.model.values"),
    ("cli/target.py", "import sqlite3", "only journal/store.py may import sqlite3"),
    ("cli/target.py", "def f():\n    import anthropic", "only apiagent may import anthropic"),
    ("ui/a.py", "from typer import echo", "only cli may import typer"),
    ("git/repo.py", "import subprocess", "may import subprocess"),
    ("execution/local.py", "import multiprocessing.pool", "nobody may import multiprocessing"),
    ("execution/local.py", "import asyncio\nasyncio.create_subprocess_exec", "create_subprocess"),
    ("merge/perform.py", "from asyncio import create_subprocess_shell", "create_subprocess_shell"),
    ("merge/perform.py", "import asyncio\nasyncio.subprocess.PIPE", "may subprocess"),
    ("cli/target.py", "import os\nos.system('x')", "may system"),
    ("cli/target.py", "from os import execvp", "may execvp"),
    ("merge/a.py", "import os.path", "is pure and may not import os"),
    ("merge/a.py", "from datetime import datetime\ndatetime.now()", "no .now()"),
    ("merge/a.py", "from pathlib import Path", "may not import pathlib"),
    ("merge/a.py", "def f():\n    open('x')", "no open()"),
    ("merge/a.py", "async def f(): return 1", "no async"),
    ("model/a.py", "import pydantic", "standard library only, not pydantic"),
    ("agents/a.py", "import sys", "is pure and may not import sys"),
    ("agents/a.py", "import asyncio", "is pure and may not import asyncio"),
    ("model/utils.py", "", "a module named utils"),
    ("merge/manager/a.py", "", "a module named manager"),
    ("merge/landing.py", "", "a module is a noun"),
    ("model/a.py", "class PlanManager: ...", "say what it is"),
    ("model/a.py", "def get_plan(): ...", "a noun"),
    ("model/plan.py", "from __future__ import annotations", "real annotations"),
    ("merge/a.py", "n = 1\ndef f():\n    global n\n    n = 2", "n: no state in a module"),
    ("merge/a.py", "seen = {}\ndef f(x):\n    seen[x] = 1", "seen: no state in a module"),
    ("merge/a.py", "_seen = set()\ndef f(x):\n    _seen.add(x)", "_seen: no state in a module"),
]


@pytest.mark.parametrize(("path", "code", "message"), BREACHES)
def test_each_breach_is_seen(tmp_path, path, code, message):
    write_files(tmp_path, {path: f'"""Docstring."""\n{code}'})
    found = found_in(tmp_path)
    assert len(found) == 1, found
    assert message in found[0]
    assert found[0].startswith(f"{path}:")


def test_pure_code_does_not_import_a_file_with_effects(tmp_path):
    write_files(
        tmp_path,
        {"git/run.py": '"""G."""', "merge/a.py": '"""A."""\nfrom wtman.git.run import git'},
    )
    assert found_in(tmp_path) == [
        "merge/a.py:2: is pure and may not import wtman.git.run, which has effects"
    ]


def test_a_circle_is_seen(tmp_path):
    write_files(
        tmp_path,
        {
            "merge/a.py": '"""A."""\nfrom wtman.merge.b import f',
            "merge/b.py": '"""B."""\ndef f():\n    from wtman.merge import a',
        },
    )
    assert found_in(tmp_path) == ["merge/a.py:1: a circle: wtman.merge.a -> wtman.merge.b"]


def test_the_top_stays_small(tmp_path):
    names = ("__init__", "__main__", "context", "files", "errors", "cli", "ui", "git", "model")
    write_files(tmp_path, {f"{name}.py": '"""D."""' for name in names})
    assert found_in(tmp_path) == ["ui.py:1: 9 files at the top, 8 at most"]


def test_a_module_without_docstring_is_seen(tmp_path):
    write_files(tmp_path, {"model/a.py": "x = 1\n"})
    assert found_in(tmp_path) == ["model/a.py:1: no docstring"]


def test_nothing_is_both_in_the_house_and_apart():
    assert not set(house.ORDER) & set(house.APART)
