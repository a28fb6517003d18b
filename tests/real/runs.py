"""Runs of real agents as the tests start them, and what must hold after each of them."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests import kit

# Looked for in whatever a run leaves: neither may be in any file of it.
KEY, NEXT_KEY = "sk-ant-api03-a-secret-0123456789", "sk-ant-api03-another-9876543210"


def plan_of(tmp_path: Path, tasks: Mapping[str, str], check: str = "true") -> Path:
    """A plan of tasks (id: agent), each told the word of its script."""
    lines = ['request = "real agents"', f"check = ['{check}']"]
    for name, agent in tasks.items():
        lines += [
            "[[task]]",
            f'id = "{name}"',
            f'agent = "{agent}"',
            f'prompt = "QQ-{name}-QQ: write {name}.txt"',
            f'owns = ["{name}*.txt"]',
        ]
    path = tmp_path / "plan.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def split(
    wtman: kit.Program,
    repo: Path,
    plan: Path,
    env: dict[str, str],
    *more: str,
    reviewers: int = 0,
) -> tuple[int, dict[str, Any]]:
    """Its exit status, and what `status` then says."""
    flags = ("--yes", "--reviewers", str(reviewers), "--repairs", "0", *more)
    done = wtman("split", "--plan", plan, *flags, cwd=repo, env=env, check_status=None, timeout=300)
    assert done.code not in (2, 3), str(done)  # there is no run
    return done.code, {**status(wtman, repo, env), "said": str(done)}


def status(wtman: kit.Program, repo: Path, env: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = wtman("status", "--json", cwd=repo, env=env).json()
    return told


def task(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in told["tasks"] if item["id"] == name)


def states(told: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["state"] for item in told["tasks"]}


def listing(home: Path) -> dict[str, bytes]:
    """All files of a home but wtman's own table of attempts, which no session can write."""
    own = home / ".local/state/wtman/attempts"
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and own not in path.parents
    }


def agents_alive(below: Path) -> Iterator[str]:
    """The real agents that live with something below this folder in their surroundings."""
    import psutil  # type: ignore[import-untyped]

    for process in psutil.process_iter():
        try:
            line, environ = " ".join(process.cmdline()), process.environ()
            named = "real-agents" in line or process.name() in ("claude", "codex", "bwrap")
        except (psutil.Error, OSError):
            continue
        if named and any(str(below) in text for text in (line, *environ.values())):
            yield f"{process.pid} {line[:200]}"


def assert_clean(repo: Path, patience: float = 5.0) -> None:
    """No agent is alive, and no file of the run has the key in it."""
    until = time.monotonic() + patience
    while left := list(agents_alive(repo.parent)):
        assert time.monotonic() < until, left
        time.sleep(0.05)
    keys = (KEY.encode(), NEXT_KEY.encode())
    for folder in (repo, repo.parent / "repo.worktrees"):
        for path in folder.rglob("*") if folder.exists() else ():
            if path.is_file() and not path.is_symlink():
                held = path.read_bytes()
                assert not any(key in held for key in keys), path


def surroundings(place: Path, address: str, key: str = KEY, **more: str) -> dict[str, str]:
    """The environment of a user who has both agents and a key, at this provider."""
    import os

    return {
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "ANTHROPIC_API_KEY": key,
        "ANTHROPIC_BASE_URL": address,
        "OPENAI_API_KEY": key,
        "OPENAI_BASE_URL": f"{address}/v1",
        "WTMAN_SANDBOX": "auto",
        **more,
    }
