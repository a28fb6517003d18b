"""Each agent of the battery, installed where a test is about to run it: never skipped."""

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.kit import ROOT, write_files
from tests.real.agents.cli import CLIS, Cli
from tests.real.runs import KEY

PLACE = ROOT / ".venv/real-agents"
SignedIn = Callable[..., dict[str, str]]


@cache
def folder_of(name: str, environ: tuple[tuple[str, str], ...]) -> Path:
    """The folder of the agent's program; fails the test where it cannot be installed."""
    default = name in ("claude", "codex")
    done = subprocess.run(
        [str(ROOT / "scripts/real-agents"), "--install", "default" if default else name],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if default:
        return PLACE / "node_modules/.bin"
    of_python = PLACE / name / "bin"
    return of_python if of_python.is_dir() else PLACE / name / "node_modules/.bin"


@pytest.fixture(scope="session")
def real_environment() -> tuple[tuple[str, str], ...]:
    """That of a user, before a test seals it: npm and pip have their own configuration."""
    return tuple(os.environ.items())


@pytest.fixture(params=CLIS, ids=str)
def cli(request: pytest.FixtureRequest) -> Cli:
    found: Cli = request.param
    return found


@pytest.fixture
def signed_in(cli: Cli, hermetic: Path, real_environment: tuple[tuple[str, str], ...]) -> SignedIn:
    """`signed_in(address)`: the environment of a user with this agent, its files in the HOME."""
    place = folder_of(cli.name, real_environment)

    def environment(address: str, key: str = KEY, **more: str) -> dict[str, str]:
        write_files(hermetic, cli.files(address, key))
        return {
            "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
            "WTMAN_SANDBOX": "auto",
            **cli.env(address, key),
            **more,
        }

    return environment
