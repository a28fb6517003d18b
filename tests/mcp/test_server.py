"""`wtman mcp`, by a real client: a whole run, and what stays with a person."""

import asyncio
import json
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests import kit

TASKS = [
    {"id": "one", "prompt": "make one", "owns": ["one.py"]},
    {"id": "two", "prompt": "make two", "owns": ["two.py"], "needs": ["one"]},
]
Call = Callable[..., Awaitable[dict[str, Any]]]


class Tools:
    """The tools of a server, called as a client calls them; `heard` is the progress it told."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self.heard: list[str] = []

    async def __call__(self, name: str, error: str = "", **arguments: object) -> dict[str, Any]:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            self.heard.append(message or "")

        told = await self._session.call_tool(name, arguments, progress_callback=hear)
        held: dict[str, Any] = told.structured_content
        assert json.loads(told.content[0].text) == held, "words and structure say the same"
        code = held.get("error", {}).get("code", "")
        assert (code, told.is_error) == (error, bool(error)), held
        return held


@pytest.fixture
def serve(
    repo: Path, hermetic: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Tools], Awaitable[None]]], None]:
    """Run a client's part against the server of the repository, whose user has an agent."""
    monkeypatch.setenv("PYTHONPATH", str(kit.ROOT))
    agent = '#!/bin/sh\nsleep 0.3\necho "x = 1" > $WTMAN_TASK.py\n'
    config = '[agents.mine]\ncommand = "~/bin/mine"\n'
    kit.write_files(hermetic, {"bin/mine": agent, ".config/wtman/config.toml": config})
    (hermetic / "bin/mine").chmod(0o755)

    def run(part: Callable[[Tools], Awaitable[None]]) -> None:
        import os

        asked = StdioServerParameters(
            command=sys.executable, args=["-m", "wtman", "mcp"], cwd=repo, env=dict(os.environ)
        )

        async def client() -> None:
            async with (
                stdio_client(asked) as (read, write),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                await part(Tools(session))

        try:
            asyncio.run(asyncio.wait_for(client(), 120))
        except BaseExceptionGroup as group:
            raise _first(group) from None

    return run


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


Serve = Callable[[Callable[[Tools], Awaitable[None]]], None]


def test_a_client_drives_a_whole_run(serve: Serve, wtman: kit.Program, repo: Path) -> None:
    wtman("trust", "--yes", "--command", "test -f one.py || true", cwd=repo)

    async def part(tools: Tools) -> None:
        await tools("status", error="missing")
        told = await tools("plan", tasks=TASKS, agent="mine")
        assert len(told["plan"]["tasks"]) == 2 <= told["forecast"]["sessions"]["least"]
        words = {"agent": "mine", "check": ["test -f one.py || true"], "reviewers": 0}
        told = await tools("split", tasks=TASKS, request="two files", **words)
        assert told["run"]["state"] == "ready" and not told["run"]["live"]
        assert any("one verified" in words for words in tools.heard)
        run = told["run"]["id"]
        assert "attempt 1" in (await tools("logs", task="one"))["lines"]
        assert "two files" in (await tools("report", run=run))["report"]
        tried = await tools("merge", run=run)
        assert tried["dry_run"] and tried["landed"] == ["one", "two"]
        assert tried["your_user_types"] == f"wtman merge -- {run}"
        await tools("answer", error="nothing")
        await tools("stop", run=run)

    serve(part)
    assert len(kit.run_git(repo, "log", "--oneline").splitlines()) == 1, "nothing has landed"


def test_a_run_goes_on_while_nobody_waits(serve: Serve, repo: Path, hermetic: Path) -> None:
    agent = '#!/bin/sh\nsleep 3\necho "x = 1" > $WTMAN_TASK.py\n'
    kit.write_files(hermetic, {"bin/mine": agent})

    async def part(tools: Tools) -> None:
        told = await tools("split", tasks=TASKS[:1], agent="mine", reviewers=0, wait_seconds=1)
        assert told["run"]["live"]
        told = await tools("status", wait_seconds=60)
        assert told["run"]["state"] == "ready"

    serve(part)


def test_planning_goes_on_when_its_client_is_gone(
    serve: Serve, wtman: kit.Program, repo: Path, hermetic: Path
) -> None:
    plan = json.dumps({"tasks": TASKS})
    config = "".join(f'[agents.{name}]\ncommand = "~/bin/{name}"\n' for name in ("mine", "slow"))
    program = f"#!/bin/sh\ncat >/dev/null\nsleep 8\necho '{plan}'\n"
    kit.write_files(hermetic, {"bin/slow": program, ".config/wtman/config.toml": config})
    (hermetic / "bin/slow").chmod(0o755)

    async def part(tools: Tools) -> None:
        words = {"planner": "slow", "agent": "mine", "reviewers": 0}
        asked = asyncio.ensure_future(tools("split", request="two files", **words))
        while not any(words.startswith("run ") for words in tools.heard):
            await asyncio.sleep(0.1)
        asked.cancel()

    serve(part)
    until = time.monotonic() + 100
    while (told := wtman("status", "--json", cwd=repo).json()["run"])["state"] != "ready":
        assert time.monotonic() < until, told
        time.sleep(0.5)


def test_a_question_is_shown_with_what_a_person_types(
    serve: Serve, wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    flow = tmp_path / "ask.py"
    flow.write_text(
        "from wtman.flow import Flow\n"
        "async def main(flow: Flow):\n"
        "    flow.log(await flow.approve('Which?', options=['a; touch ran', 'no']))\n"
    )
    wtman("run", flow, "--agent", "mine", "--yes", cwd=repo, check_status=4)

    async def part(tools: Tools) -> None:
        first, _ = (await tools("answer"))["your_user_types"]
        words = shlex.split(first)
        assert words[:2] == ["wtman", "answer"] and words[-1] == "a; touch ran"

    serve(part)


def test_commands_in_arguments_wait_for_a_person(
    serve: Serve, wtman: kit.Program, repo: Path
) -> None:
    marks = repo.parent / "ran"
    evil = f"touch {marks}"

    async def part(tools: Tools) -> None:
        for name, arguments in (
            ("split", {"tasks": TASKS, "agent": "mine", "check": [evil]}),
            ("split", {"tasks": [{**TASKS[0], "check": [evil]}], "agent": "mine"}),
            ("split", {"tasks": [{**TASKS[0], "agent": f"command:{evil}"}], "agent": "mine"}),
            ("split", {"request": "x", "agent": "mine", "planner": f"command:{evil}"}),
            ("split", {"tasks": TASKS, "agent": f"command:{evil}"}),
            ("plan", {"request": "x", "agent": f"command:{evil}"}),
            ("plan", {"request": "x", "agent": "os:system"}),
            ("plan", {"request": "x", "agent": "wtman.agents.claude:make"}),
            ("merge", {"branches": ["a", "b"], "check": [evil]}),
            ("review", {"branches": ["a"], "agent": f"command:{evil}"}),
        ):
            told = await tools(name, error="approval", **arguments)
            assert "wtman trust --command" in told["error"]["hint"]
        await tools("status", error="missing")

    serve(part)
    assert not marks.exists()


def test_no_argument_is_an_option(serve: Serve, repo: Path) -> None:
    async def part(tools: Tools) -> None:
        await tools("status", error="missing", run="--all")
        await tools("logs", error="missing", task="--record=/tmp/x")
        await tools("merge", error="usage", branches=["--unchecked"])
        told = await tools("split", error="usage", tasks=TASKS, run="x")
        assert told["error"]["message"] == "`tasks`, `run` exclude one another"
        told = await tools("plan", error="usage", tasks=[TASKS[1]], agent="mine")
        assert told["error"]["message"].startswith("task "), "no file that nobody knows"

    serve(part)


@pytest.mark.parametrize(("place", "allowed"), [("user", True), ("repository", False)])
def test_only_the_users_own_configuration_allows_a_merge(
    serve: Serve, wtman: kit.Program, repo: Path, hermetic: Path, place: str, allowed: bool
) -> None:
    config = '[agents.mine]\ncommand = "~/bin/mine"\n'
    if allowed:
        config = f"mcp_merge = true\n{config}"
    kit.write_files(hermetic, {".config/wtman/config.toml": config})

    async def part(tools: Tools) -> None:
        await tools("split", tasks=TASKS[:1], agent="mine", reviewers=0)
        told = await tools("merge", unchecked=True)
        assert told["dry_run"] is not allowed

    serve(part)
    assert (repo / "one.py").exists() is allowed
    if not allowed:
        kit.write_files(repo, {"wtman.toml": "mcp_merge = true\n"})
        refused = wtman("mcp", cwd=repo, check_status=2).err
        assert "wtman.toml:1: mcp_merge: only your own configuration" in refused
