"""The real package managers with the package cache of a repository: each package is fetched once.

For each tool that is installed here: a setup of the base downloads, and nobody after it does,
neither a setup of what an agent wrote nor a check without a network; what an agent adds is
fetched, and reaches nobody; no checkout has a link into the cache.
"""

import asyncio
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.checks.test_perform import World
from tests.kit import run_git, write_files
from tests.provision.registry import Registry, serving
from wtman.checks.judge import judge
from wtman.execution.spawn import install_child_watcher
from wtman.git.discovery import discover
from wtman.model.check import Verdict
from wtman.model.ids import TaskId
from wtman.model.settings import Settings
from wtman.provision.package_cache_folder import folder_of
from wtman.provision.setup import provision
from wtman.sandbox import choice

LOCKS = (
    "uv.lock poetry.lock package-lock.json pnpm-lock.yaml yarn.lock bun.lock Cargo.lock go.sum"
).split()
SEEDED = ("poetry", "npm", "yarn-berry", "cargo", "go")
# Where rustup is, which finds its toolchain by the real HOME.
RUSTUP = os.environ.get("RUSTUP_HOME") or os.path.expanduser("~/.rustup")
PYTHON = shlex.quote(sys.executable)
PACKAGE_JSON = '{"name": "shop", "version": "1.0.0", "dependencies": {"wtalpha": "^1.0.0"}}\n'
PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["wtalpha"]
"""
UV = '[tool.uv]\npackage = false\n[[tool.uv.index]]\nurl = "URL/simple"\ndefault = true\n'
POETRY = (
    '[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "local"\n'
    'url = "URL/simple"\npriority = "primary"\n'
)
BERRY = (
    "npmRegistryServer: URL/npm\nunsafeHttpWhitelist: [127.0.0.1]\nenableTelemetry: false\n"
    "enableImmutableInstalls: false\n"
)
GO = "module example.com/shop\n\ngo 1.16\n\nrequire example.com/wtalpha v1.0.0\n"
MAIN_GO = 'package main\n\nimport "example.com/wtalpha"\n\nfunc main() { println(wtalpha.Value) }\n'
CARGO = (
    '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n'
    'wtalpha = { version = "1", registry = "local" }\n'
)
GRADLE = """\
apply plugin: 'java'
repositories { maven { url 'URL/maven' } }
dependencies { compile 'com.example:wtalpha:1.0.0' }
task show { doLast { println configurations.compile.files.collect { it.name } } }
"""
NODE = "node -e \"require('wtalpha')\""


@dataclass(frozen=True)
class Tool:
    """`lock` makes what a user would have committed; `check` is run without a network.

    `offline`: a check can install anew what is in the cache.
    """

    name: str
    program: str
    files: dict[str, str]
    install: str
    check: str
    add: str
    lock: str = "true"
    offline: bool = True
    env: dict[str, str] = field(default_factory=dict)


def node(name: str, install: str, add: str, **more: object) -> Tool:
    files = {"package.json": PACKAGE_JSON, ".npmrc": "registry=URL/npm/\n"}
    program, check = str(more.pop("program", name)), f"{install} && {NODE}"
    return Tool(name, program, files, install, check, add, **more)  # type: ignore[arg-type]


# With the pip of the tests: to put one into each environment takes most of the time.
VENV = f"test -e .venv || {PYTHON} -m venv --without-pip .venv; {PYTHON} -m pip --python .venv"
VENV += " install -q"
TOOLS = (
    Tool(
        "uv",
        "uv",
        {"pyproject.toml": PYPROJECT + UV},
        "uv sync",
        "rm -rf .venv; uv run python -c 'import wtalpha'",
        "uv add wtgamma",
        "uv lock",
    ),
    Tool(
        "pip",
        "pip",
        {},
        f"{VENV} wtalpha",
        ".venv/bin/python -c 'import wtalpha'",
        f"{VENV} wtgamma",
        offline=False,
        env={
            "PIP_INDEX_URL": "URL/simple",
            "PIP_TRUSTED_HOST": "HOST",
            "PIP_CONFIG_FILE": "/dev/null",
        },
    ),
    Tool(
        "poetry",
        "poetry",
        {"pyproject.toml": PYPROJECT + POETRY},
        "poetry install",
        "rm -rf .venv; poetry install && poetry run python -c 'import wtalpha'",
        "poetry add wtgamma",
        "poetry lock",
    ),
    node("npm", "npm ci", "npm install wtgamma", lock="npm install --package-lock-only"),
    node(
        "pnpm",
        "pnpm install --frozen-lockfile",
        "pnpm add wtgamma",
        lock="pnpm install --lockfile-only --no-frozen-lockfile",
    ),
    node("yarn", "yarn install", "yarn add wtgamma", lock="yarn install"),
    Tool(
        "yarn-berry",
        "yarn-berry",
        {"package.json": PACKAGE_JSON, ".yarnrc.yml": BERRY, "yarn.lock": ""},
        "yarn-berry install",
        "yarn-berry install && yarn-berry node -e \"require('wtalpha')\"",
        "yarn-berry add wtgamma",
        "yarn-berry install",
    ),
    node("bun", "bun install", "bun add wtgamma", lock="bun install"),
    Tool(
        "cargo",
        "cargo",
        {
            "Cargo.toml": CARGO,
            "src/main.rs": 'fn main() { println!("{}", wtalpha::value()) }\n',
            ".cargo/config.toml": '[registries.local]\nindex = "sparse+URL/cargo/"\n',
        },
        "cargo fetch",
        "cargo run -q && cargo vendor -q",
        "cargo add wtgamma --registry local && cargo build",
        "cargo generate-lockfile",
        env={"RUSTUP_HOME": RUSTUP},
    ),
    Tool(
        "go",
        "go",
        {"go.mod": GO, "main.go": MAIN_GO},
        "go mod download && go mod tidy",
        "go run . && go mod verify",
        "go get example.com/wtgamma",
        env={"GOSUMDB": "off", "GOFLAGS": "-mod=mod", "GOPROXY": "URL/go"},
    ),
    Tool(
        "gradle",
        "gradle",
        {"build.gradle": GRADLE},
        "gradle --no-daemon -q show",
        "gradle --no-daemon -q show",
        "sed -i s/wtalpha/wtgamma/ build.gradle && gradle --no-daemon -q show",
    ),
)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as registry:
        yield registry


@pytest.fixture(params=TOOLS, ids=lambda tool: tool.name)
def tool(request: pytest.FixtureRequest, registry: Registry) -> Tool:
    wanted: Tool = request.param
    if problem := choice.trouble("bubblewrap"):
        pytest.skip(problem)
    if not shutil.which(wanted.program):
        pytest.skip(f"no {wanted.program} here")

    def here(text: str) -> str:
        return text.replace("URL", registry.url).replace("HOST", registry.url.split("/")[2])

    return replace(
        wanted,
        files={path: here(text) for path, text in wanted.files.items()},
        env={name: here(text) for name, text in wanted.env.items()},
    )


@pytest.fixture
def world(tool: Tool, make_repo: Callable[..., Path], tmp_path: Path) -> World:
    install_child_watcher()
    settings = Settings(
        grace=1, check_timeout=300, env=tuple(tool.env), worktrees=str(tmp_path / "trees")
    )
    repo = make_repo({**tool.files, ".gitignore": "node_modules\n.venv\n"})
    return World(repo, tmp_path, settings, dict(tool.env))


def set_up(world: World, name: str, command: str, *, unwritten: str = "") -> str:
    """Set up a checkout of HEAD that is called so; says what went wrong."""
    folder = world.tmp / "trees" / name
    if not folder.exists():
        run_git(world.repo, "worktree", "add", "-q", "--detach", str(folder))

    async def go() -> str:
        async with world.ctx() as ctx:
            return await provision(
                replace(ctx, sandbox=choice.load("bubblewrap")),
                replace(world.settings, setup=(command,)),
                str(folder),
                task=TaskId(name),
                branch="",
                home=str(world.tmp / "homes" / name),
                unwritten=unwritten,
            )

    return asyncio.run(go())


def check(world: World, command: str, *, setup: str) -> Verdict:
    settings = replace(world.settings, setup=(setup,))

    async def go() -> Verdict:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load("bubblewrap"))
            judged = await judge(ctx, settings, (command,), world.head(), None, stem="t")
            if judged.verdict is not Verdict.GREEN:
                print(judged)
            return judged.verdict

    return asyncio.run(go())


def contents(folder: Path) -> dict[str, tuple[int, ...]]:
    """Every file below, by what would change if somebody wrote it or gave it another name."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            facts = os.lstat(os.path.join(place, name))
            known = (facts.st_ino, facts.st_mode, facts.st_nlink, facts.st_size, facts.st_mtime_ns)
            found[os.path.relpath(os.path.join(place, name), folder)] = known
    return found


def links_out_of(folder: Path, cache: Path) -> list[str]:
    """What in a checkout leads into the cache, or is the very file."""
    inodes = {known[0] for known in contents(cache).values()}
    found = []
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = os.path.join(place, name)
            facts = os.lstat(path)
            if stat.S_ISLNK(facts.st_mode):
                target = os.path.normpath(os.path.join("/wtman/work/x", os.readlink(path)))
                if target.startswith(("/wtman/cache", "/wtman/packages", "/wtman/home")):
                    found.append(path)
                if "packages/" in os.readlink(path):
                    found.append(path)
            elif facts.st_ino in inodes and stat.S_ISREG(facts.st_mode):
                found.append(path)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_package_is_downloaded_once(world: World, tool: Tool, registry: Registry) -> None:
    made = world.tmp / "trees/lock"
    assert set_up(world, "lock", tool.lock) == ""
    for path in LOCKS:
        if (made / path).exists():
            shutil.copy(made / path, world.repo / path)
    world.commit({})
    registry.take()

    cache = Path(folder_of(discover(str(world.repo))).packages)
    commit = world.head()
    assert set_up(world, "base", tool.install, unwritten=commit) == ""
    fetched = registry.take()
    assert set(fetched.values()) == {1}, fetched
    assert len(fetched) == 2, fetched
    before = contents(cache)
    assert before

    assert set_up(world, "next", tool.install, unwritten=commit) == ""
    assert set_up(world, "agents", tool.install) == ""
    assert registry.take() == {}
    for name in ("base", "next", "agents"):
        assert links_out_of(world.tmp / "trees" / name, cache) == []

    # Without a network: setup has one.
    assert check(world, tool.check, setup="true" if tool.offline else tool.install) is Verdict.GREEN
    assert registry.take() == {}

    assert set_up(world, "agents", tool.add) == ""
    added = registry.take()
    assert list(added.values()) == [1], added
    assert contents(cache) == before
    assert links_out_of(world.tmp / "trees/agents", cache) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "tool",
    [tool for tool in TOOLS if tool.name in SEEDED],
    ids=lambda tool: tool.name,
    indirect=True,
)
def test_what_the_user_has_is_not_downloaded_again(
    world: World, tool: Tool, registry: Registry, hermetic: Path
) -> None:
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    subprocess.run(
        ["/bin/sh", "-c", f"{tool.lock}; {tool.install}"],
        cwd=world.repo,
        env={**theirs, **tool.env},
        check=True,
    )
    write_files(hermetic, dict.fromkeys((".cargo/credentials.toml", ".npmrc"), "SECRET"))
    world.commit({".gitignore": "node_modules\n.venv\n.yarn\n.pnp.*\n"})
    users = contents(hermetic)
    assert registry.take() != {}
    assert set_up(world, "base", tool.install, unwritten=world.head()) == ""
    assert registry.take() == {}
    assert contents(hermetic) == users
    cache = Path(folder_of(discover(str(world.repo))).packages)
    assert links_out_of(cache, hermetic) == []
    assert not [
        file for file in cache.rglob("*") if file.is_file() and b"SECRET" in file.read_bytes()
    ]
