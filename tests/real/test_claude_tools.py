"""wtman as a tool of the real Claude Code: its MCP server, and the plugin of examples/."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.real.runs import listing, states, status
from tests.real.server import Provider, Script, calls, says

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PLUGIN = kit.ROOT / "examples/claude-plugin"
TASKS = [
    {"id": "one", "prompt": "make one", "owns": ["one.py"]},
    {"id": "two", "prompt": "make two", "owns": ["two.py"]},
]
Start = Callable[..., Provider]
SignedIn = Callable[[Provider], dict[str, str]]


class Claude:
    """`claude` of a user who has wtman on PATH and an agent of their own."""

    def __init__(self, home: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self.cwd = cwd
        path = f"{home / 'bin'}{os.pathsep}{env.get('PATH', os.environ['PATH'])}"
        # A server that is slow to start is waited for, so that the first event names its tools.
        waits = {"MCP_CONNECTION_NONBLOCKING": "0", "MCP_TIMEOUT": "60000"}
        self.env = {**os.environ, **waits, **env, "PATH": path}

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["claude", *words],
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def session(self, prompt: str, *words: str) -> list[dict[str, Any]]:
        """The events of a headless session."""
        told = self("-p", prompt, "--output-format=stream-json", "--verbose", *words)
        return [json.loads(line) for line in told.splitlines()]


@pytest.fixture
def claude(
    repo: Path,
    hermetic: Path,
    installed: Path,
    program_environment: Mapping[str, str],
) -> Callable[[Mapping[str, str]], Claude]:
    config = '[agents.mine]\ncommand = "~/bin/mine"\n'
    shim = f'#!/bin/sh\nexec "{sys.executable}" -m wtman "$@"\n'
    agent = '#!/bin/sh\necho "x = 1" > $WTMAN_TASK.py\n'
    written = {".config/wtman/config.toml": config, "bin/wtman": shim, "bin/mine": agent}
    kit.write_files(hermetic, written)
    for name in ("wtman", "mine"):
        (hermetic / "bin" / name).chmod(0o755)
    path = f"{installed}{os.pathsep}{os.environ['PATH']}"

    def start(env: Mapping[str, str]) -> Claude:
        return Claude(hermetic, repo, {"PATH": path, **program_environment, **env})

    return start


def results(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the tools answered, in their order."""
    said = [event["message"]["content"] for event in events if event["type"] == "user"]
    blocks = [block for content in said for block in content if block["type"] == "tool_result"]
    told = []
    for block in blocks:
        assert not block.get("is_error"), block
        content = block["content"]
        told.append(json.loads(content if isinstance(content, str) else content[0]["text"]))
    return told


def test_claude_drives_a_run_by_the_tools(
    wtman: kit.Program,
    repo: Path,
    provider: Start,
    signed_in: SignedIn,
    tmp_path: Path,
    claude: Callable[[Mapping[str, str]], Claude],
) -> None:
    """Split and merge: the run is there afterwards, verified, and nothing has landed."""
    given = {"agent": "mine", "reviewers": 0, "check": ["true"]}
    server = provider(
        Script(
            "QQ-tools-QQ",
            [
                calls("mcp__wtman__split", tasks=TASKS, request="two files", **given),
                calls("mcp__wtman__merge"),
                says("done"),
            ],
        )
    )
    wtman("trust", "--yes", "--command", "true", cwd=repo)
    config = tmp_path / "mcp.json"
    config.write_text((PLUGIN / ".mcp.json").read_text())
    before = kit.run_git(repo, "rev-parse", "HEAD")
    events = claude(signed_in(server)).session(
        "QQ-tools-QQ: build two files",
        f"--mcp-config={config}",
        "--strict-mcp-config",
        "--allowedTools=mcp__wtman",
    )
    split, merged = results(events)
    assert split["run"]["state"] == "ready"
    assert merged["dry_run"] and sorted(merged["landed"]) == ["one", "two"]
    assert merged["your_user_types"].startswith("wtman merge")
    told = status(wtman, repo, {})
    assert told["run"]["id"] == split["run"]["id"]
    assert states(told) == {"one": "verified", "two": "verified"}
    assert kit.run_git(repo, "rev-parse", "HEAD") == before
    assert not (repo / "one.py").exists()
    (ended,) = [event for event in events if event["type"] == "result"]
    assert ended["result"] == "done" and not ended["is_error"]


def test_the_plugin_passes_the_validation_of_claude(
    claude: Callable[[Mapping[str, str]], Claude],
) -> None:
    run = claude({})
    for path in (PLUGIN, PLUGIN / ".claude-plugin/plugin.json"):
        told = run("plugin", "validate", "--strict", str(path))
        assert "Validation passed" in told
        assert "mcpServers: wtman stdio wtman" in told
        for name in ("merge", "split", "status"):
            assert f"commands: wtman:{name}" in told
        assert "skills: wtman:wtman" in told


def test_the_installed_plugin_has_commands_a_skill_and_the_tools(
    repo: Path,
    provider: Start,
    signed_in: SignedIn,
    claude: Callable[[Mapping[str, str]], Claude],
) -> None:
    """A command is given to the model with what was typed, and the tool it names answers."""
    tool = "mcp__plugin_wtman_wtman__plan"
    server = provider(
        Script("QQ-plugin-QQ", [calls(tool, tasks=TASKS, agent="mine"), says("done")])
    )
    run = claude(signed_in(server))
    before = listing(PLUGIN)
    run("plugin", "marketplace", "add", str(PLUGIN))
    run("plugin", "install", "wtman@wtman")
    events = run.session("/wtman:split QQ-plugin-QQ two files")
    begun = events[0]
    assert {"wtman:split", "wtman:status", "wtman:merge"} <= set(begun["slash_commands"])
    assert "wtman:wtman" in begun["skills"]
    assert "wtman@wtman" in [plugin["source"] for plugin in begun["plugins"]]
    states = {one["name"]: one["status"] for one in begun["mcp_servers"]}
    assert states == {"plugin:wtman:wtman": "connected"}
    served = {name for name in begun["tools"] if name.startswith("mcp__plugin_wtman_wtman__")}
    assert {name.rpartition("__")[2] for name in served} == {
        *("plan", "split", "status", "logs", "report", "review", "merge", "answer", "stop")
    }
    allowed = allowed_tools()
    assert allowed and allowed <= served, "commands allow what there is"
    # The plan is allowed by the command itself; nobody was there to ask.
    (planned,) = results(events)
    assert [task["id"] for task in planned["plan"]["tasks"]] == ["one", "two"]
    (asked, *_) = server.requests("QQ-plugin-QQ")
    assert "Build this with wtman, by its tools" in json.dumps(asked)
    assert listing(PLUGIN) == before


def allowed_tools() -> set[str]:
    """The tools that the commands allow themselves."""
    heads = [path.read_text().split("---")[1] for path in (PLUGIN / "commands").glob("*.md")]
    lines = [line for head in heads for line in head.splitlines() if "allowed-tools:" in line]
    return {name.strip() for line in lines for name in line.partition(":")[2].split(",")}
