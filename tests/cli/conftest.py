"""Real repositories and scripted agents for the commands."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

AGENT = """\
#!/bin/sh
# What it does for a task stands in the environment of the whole test: FILE by name.
set -eu
echo "working on $WTMAN_TASK"
case "$WTMAN_TASK" in
  slow*) echo started; while :; do sleep 0.05; done ;;
  bad*) echo "no luck" >&2; exit 3 ;;
  idle*) exit 0 ;;
esac
printf 'a \\033[31mred\\033[0m word\\n'
echo "$WTMAN_TASK" > "$WTMAN_TASK.txt"
"""


@pytest.fixture
def agent(tmp_path: Path) -> str:
    """`--agent` value: writes TASK.txt; tasks called bad*, idle* and slow* do what they say."""
    path = tmp_path / "agent.sh"
    path.write_text(AGENT)
    return f"command:sh {path}"


@pytest.fixture
def built(wtman: kit.Program, repo: Path, agent: str) -> Callable[..., str]:
    """Split these tasks to their end; the run's id."""

    def build(*tasks: str, code: int = 0, more: tuple[str, ...] = ()) -> str:
        words = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
        done = wtman(
            "split",
            "one and all",
            *words,
            "--agent",
            agent,
            "--attempts",
            "1",
            "--check",
            "true",
            "--allow-overlap",
            "--json",
            "--yes",
            *more,
            cwd=repo,
            check_status=code,
        )
        return str(done.jsonl()[0]["run"])

    return build


@pytest.fixture
def masked(tmp_path: Path) -> Callable[[str], str]:
    """Output with what differs from run to run replaced."""

    def mask(text: str) -> str:
        text = text.replace(str(tmp_path), "TMP")
        text = re.sub(r"one-and-all-[0-9a-f]{4}\b", "RUN", text)
        text = re.sub(r"\b[0-9a-f]{10}\b(\.\.[0-9a-f]{10})?", "SHA", text)
        text = re.sub(r"[\d,.]+ [MG]B free", "FREE free", text)
        text = re.sub(r"freed [\d,.]+ [MG]B", "freed SIZE", text)
        text = re.sub(r"(\(| ) *[\d.]+ s\b", r"\1N s", text)
        text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:]{8}Z", "TIME", text)
        return re.sub(r"\.trash\S*", ".trash", text)

    return mask


@pytest.fixture
def terminal(repo: Path, wtman: kit.Program) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*words: str, colour: bool = False) -> Terminal:
        env = {**os.environ, **(wtman.extra or {}), "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", *(("NO_COLOR",) if colour else ())):
            env.pop(name, None)
        opened.append(Terminal(repo, env, *words))
        return opened[-1]

    yield start
    for item in opened:
        item.child.close(force=True)
