"""A whole run with a package manager: base, setups, sessions and checks download each package once.

One agent adds a package, and its check has it; another tries to leave something for the others.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import kit
from tests.provision.registry import Registry, serving
from wtman.sandbox.choice import trouble

NPM = {
    "package.json": '{"name": "shop", "version": "1.0.0", "dependencies": {"wtalpha": "^1.0.0"}}\n',
    ".gitignore": "node_modules\n",
}
UV = {
    "pyproject.toml": (
        '[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.9"\n'
        'dependencies = ["wtalpha"]\n[tool.uv]\npackage = false\n[[tool.uv.index]]\n'
        'url = "URL/simple"\ndefault = true\n'
    ),
    ".gitignore": ".venv\n",
}
# What it may find to spoil: what the others would be given, and what they would run.
AGENT = """\
set -e
echo $WTMAN_TASK > $WTMAN_TASK.txt
if [ $WTMAN_TASK = adds ]; then
    INSTALL_MORE
elif [ $WTMAN_TASK = spoils ]; then
    for file in $(find /wtman/cache/ /wtman/packages/ -type f -o -type l); do
        echo spoilt > $file || true
        rm -f $file || true
    done
    echo spoilt > ~/.npmrc
    ! ln /wtman/packages/* . 2>/dev/null
fi
"""
CHECK_NPM = "npm ls >/dev/null && node -e \"require('wtalpha'); require('wtbeta')\""
CHECK_UV = "uv run python -c 'import wtalpha, wtbeta'"


def run(
    wtman: kit.Program, tmp_path: Path, registry: Registry, files: dict[str, str], *how: str
) -> tuple[Path, dict[str, object]]:
    """A run of four tasks, at most two at once; its repository and what status says."""
    lock, setup, check, add = how
    files = {path: text.replace("URL", registry.url) for path, text in files.items()}
    repo = kit.create_repo(tmp_path / "shop", files)
    kit.run_git(repo, "config", "user.name", "Ada")
    env = {"npm_config_registry": f"{registry.url}/npm/"}
    subprocess.run(lock, shell=True, cwd=repo, env={**os.environ, **env}, check=True)
    (repo / "wtman.toml").write_text(
        f"setup = [{json.dumps(setup)}]\nenv = ['npm_config_registry']\nnetwork = 'on'\n"
    )
    kit.commit_files(repo, {}, "lock")
    registry.take()
    script = tmp_path / "agent.sh"
    script.write_text(AGENT.replace("INSTALL_MORE", add))
    wtman("trust", "--yes", cwd=repo)
    tasks = [
        word for name in ("spoils", "adds", "one", "two") for word in ("--task", f"{name}: do")
    ]
    wtman(
        "split", "it", *tasks, "-j", "2", "--agent", f"command:sh {script}", "--yes", "--attempts",
        "1", "--check", check, "--sandbox", "bubblewrap",
        cwd=repo, env=env, timeout=400,
    )  # fmt: skip
    return repo, wtman("status", "--json", cwd=repo).json()


@pytest.fixture
def registry() -> Registry:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    with serving() as registry:
        yield registry


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("program", "files", "how"),
    [
        (
            "npm",
            NPM,
            ("npm install --package-lock-only", "npm ci", CHECK_NPM, "npm install wtgamma"),
        ),
        ("uv", UV, ("uv lock", "uv sync", CHECK_UV, "uv add wtgamma")),
    ],
)
def test_a_run_downloads_each_package_once(
    wtman: kit.Program,
    tmp_path: Path,
    registry: Registry,
    program: str,
    files: dict[str, str],
    how: tuple[str, ...],
) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    repo, told = run(wtman, tmp_path, registry, files, *how)
    states = {task["id"]: task["state"] for task in told["tasks"]}
    assert set(states.values()) == {"verified"}, states
    counts = registry.take()
    added = [count for path, count in counts.items() if "wtgamma" in path]
    assert [count for path, count in counts.items() if "wtgamma" not in path] == [1, 1], counts
    # Once by the agent that added it, and once by each setup of its tree, which reaches nobody.
    assert len(added) == 1
    assert added[0] >= 2
    cache = repo / ".git/wtman/cache/packages"
    assert not any(path.read_bytes() == b"spoilt\n" for path in cache.rglob("*") if path.is_file())
    assert not list((repo / ".git/wtman/runs").rglob("*-packages"))
