"""The real agents, installed once, and a scripted provider for each test."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit import ROOT
from tests.real.server import Provider, Script

PLACE = ROOT / ".venv/real-agents/node_modules/.bin"


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder with `claude`, `codex` and the server; skips where Node is missing."""
    if shutil.which("npm") is None:
        pytest.skip("the real agents need npm")
    # Outside the sealed environment of a test: npm has the user's own configuration.
    done = subprocess.run(
        [str(ROOT / "scripts/real-agents"), "--install"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return PLACE


@pytest.fixture
def provider(installed: Path, tmp_path: Path) -> Iterator[Callable[..., Provider]]:
    """`provider(Script(...), ...)`: a server that answers so."""
    running: list[Provider] = []

    def start(*scripts: Script) -> Provider:
        folder = tmp_path / "server"
        folder.mkdir(exist_ok=True)
        running.append(Provider(installed / "llmock", folder, scripts))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def signed_in(installed: Path) -> Callable[[Provider], dict[str, str]]:
    """The environment of a user who has both agents and a key, at this provider."""

    def environment(server: Provider) -> dict[str, str]:
        return {
            "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}",
            "ANTHROPIC_API_KEY": "key",
            "ANTHROPIC_BASE_URL": server.address,
            "OPENAI_API_KEY": "key",
            "OPENAI_BASE_URL": f"{server.address}/v1",
            "WTMAN_SANDBOX": "auto",
        }

    return environment
