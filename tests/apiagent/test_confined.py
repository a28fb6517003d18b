"""wtman's own agent in the sandboxes that work here, through the whole program: it finds its
libraries in a virtual environment, and its model on a port of this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import kit
from tests.apiagent.server import Server, call, says, serving
from wtman.sandbox.choice import trouble

KEY = "sk-confined-0001"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.mark.parametrize(
    ("tier", "network"),
    [
        ("bubblewrap", "allow-list"),
        pytest.param("bubblewrap", "off", marks=pytest.mark.slow),
        pytest.param("landlock", "allow-list", marks=pytest.mark.slow),
        ("landlock", "off"),
    ],
)
@pytest.mark.slow
def test_split_with_the_api_agent(
    wtman: kit.Program, repo: Path, server: Server, tier: str, network: str
) -> None:
    if problem := trouble(tier):
        pytest.skip(problem)
    server.script = [says(call("write", file_path="new.txt", content="new\n")), says("done")]
    done = wtman(
        "split", "all", "--task", "one: write new.txt", "--agent", "api", "--sandbox", tier,
        "--check", "test -f README.md", "--attempts", "1", "--reviewers", "0", "--yes", cwd=repo,
        env={
            "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": KEY, "WTMAN_NETWORK": network,
        },
        check_status=None,
    )  # fmt: skip
    told = wtman("status", "--json", cwd=repo).json()
    assert told["tasks"][0]["state"] == "verified", f"{json.dumps(told, indent=1)}\n{done}"
    assert done.code == 0 and len(server.requests) == 2
    holders = [path for path in (repo / ".git/wtman").rglob("*") if path.is_file()]
    assert holders
    assert [path for path in holders if KEY.encode() in path.read_bytes()] == []
