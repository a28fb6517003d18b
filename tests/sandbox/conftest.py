import os
from pathlib import Path

import pytest

from tests.sandbox.world import World
from wtman.execution.spawn import install_child_watcher
from wtman.sandbox import choice


@pytest.fixture(params=[name for name in choice.NAMES if name != "none"])
def tier(request: pytest.FixtureRequest) -> str:
    problem = choice.trouble(request.param)
    if problem:
        pytest.skip(problem)
    return str(request.param)


@pytest.fixture
def world(tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    install_child_watcher()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    return World(tmp_path, choice.load(tier))
