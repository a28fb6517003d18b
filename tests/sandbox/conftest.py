import os
from pathlib import Path

import pytest

from tests.sandbox.world import World
from wtman import sandbox
from wtman.execution.spawn import install_child_watcher


@pytest.fixture(params=[name for name in sandbox.TIERS if name != "none"])
def tier(request: pytest.FixtureRequest) -> str:
    problem = sandbox.trouble(request.param)
    if problem:
        pytest.skip(problem)
    return str(request.param)


@pytest.fixture
def world(tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    install_child_watcher()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    return World(tmp_path, sandbox.load(tier))
