"""What of a tree the result of setup follows from: too much is slow, too little is wrong."""

import json
from collections.abc import Mapping

import pytest

from wtman.provision.inputs.commands import SetupParts, inputs_of, parts
from wtman.provision.inputs.model import Inputs, TreeFiles

PROJECT = """
[project]
name = "app"
version = "1"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
SETUPTOOLS = """
[project]
name = "app"
version = "1"
[build-system]
requires = ["setuptools>=61", "wheel"]
build-backend = "setuptools.build_meta"
"""
PYTHON = {
    "pyproject.toml": PROJECT,
    "uv.lock": "",
    "src/app/__init__.py": "",
    "src/app/core.py": "",
    "tests/test_core.py": "",
}
NODE = {
    "package.json": json.dumps({"name": "app", "scripts": {"test": "node --test"}}),
    "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": {}}),
    "src/index.js": "",
}


def tree(files: Mapping[str, str]) -> TreeFiles:
    return TreeFiles(files, lambda path: files.get(path, ""))


def found(files: Mapping[str, str], text: str) -> Inputs:
    return inputs_of(text, tree(files))


def paths(files: Mapping[str, str], text: str) -> set[str]:
    inputs = found(files, text)
    assert not inputs.whole, inputs.whole
    return set(inputs.paths)


def package(**facts: object) -> dict[str, str]:
    return NODE | {"package.json": json.dumps({"name": "app", **facts})}


def locked(**packages: dict[str, object]) -> dict[str, str]:
    found = {f"node_modules/{name}": facts for name, facts in packages.items()}
    return NODE | {"package-lock.json": json.dumps({"lockfileVersion": 3, "packages": found})}


# --- Python -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["uv sync -q", "uv sync --frozen --all-extras", "cd . && uv sync"])
def test_uv_follows_from_manifests_and_folders_of_modules(text: str) -> None:
    inputs = found(PYTHON, text)
    assert inputs == Inputs(
        frozenset({"pyproject.toml", "uv.lock"}), frozenset({"src/app", "tests"})
    )


@pytest.mark.parametrize(
    "text",
    [
        "python3 -m venv .venv && echo '*' > .venv/.gitignore && .venv/bin/python -m pip install"
        " -q -e . -r requirements.txt",
        "pip install -r requirements.txt -c limits.txt -e '.[dev]' wheel requests==2",
        "uv venv && uv pip install --requirement=requirements.txt -climits.txt",
    ],
)
def test_requirements_are_read_with_what_they_name(text: str) -> None:
    files = PYTHON | {
        "requirements.txt": "-r deps/dev.txt\nflask>=2  # web\n-c limits.txt\n",
        "deps/dev.txt": "-c ../limits.txt\npytest \\\n  >=7\nx @ git+https://example.com/x.git\n",
        "limits.txt": "flask==2",
        "other.txt": "",
    }
    read = paths(files, text)
    assert {"requirements.txt", "deps/dev.txt", "limits.txt"} <= read
    assert "other.txt" not in read and "src/app/core.py" not in read


@pytest.mark.parametrize(
    ("project", "more"),
    [
        (SETUPTOOLS, {}),
        ("", {"setup.py": "from setuptools import setup\nsetup(name='app', version='1')\n"}),
        ("", {"setup.py": "from setuptools import *\nsetup()", "setup.cfg": "[metadata]\nn=a\n"}),
        (PROJECT.replace("version =", "dynamic = ['version'] #") + '[tool.hatch.version]\n'
         'path = "src/app/__init__.py"\n', {}),
        (SETUPTOOLS.replace("version =", "dynamic = ['version'] #")
         + "[tool.setuptools.dynamic]\nversion = {attr = 'app.core.VERSION'}\n",
         {"src/app/core.py": "VERSION = '1'\n"}),
        (SETUPTOOLS.replace("version =", "dynamic = ['version'] #")
         + "[tool.setuptools.dynamic]\nversion = {file = 'VERSION'}\n", {"VERSION": "1"}),
    ],
)  # fmt: skip
def test_an_editable_install_follows_from_what_its_manifests_say(
    project: str, more: dict[str, str]
) -> None:
    files = PYTHON | {"pyproject.toml": project} | more
    if not project:
        del files["pyproject.toml"]
    inputs = found(files, "pip install -e .")
    assert not inputs.whole, inputs.whole
    assert inputs.names == {"src/app", "tests"} | ({"setup.py"} & set(more))
    named = {path for path in files if path in project or path in more}
    assert named - {"src/app/core.py"} <= inputs.paths
    assert ("src/app/core.py" in inputs.paths) == ("src/app/core.py" in more)


@pytest.mark.parametrize(
    "project",
    [
        PROJECT.replace('"hatchling"]', '"maturin"]').replace("hatchling.build", "maturin"),
        PROJECT.replace('"hatchling"]', '"hatchling", "hatch-vcs"]'),
        SETUPTOOLS.replace('"wheel"', '"cython"'),
        SETUPTOOLS.replace('"wheel"', '"setuptools_scm"'),
        PROJECT + "[tool.hatch.build.hooks.custom]\n",
        PROJECT + '[tool.hatch.build.targets.wheel.force-include]\n"a" = "b"\n',
        SETUPTOOLS + "[[tool.setuptools.ext-modules]]\nname = 'x'\n",
        SETUPTOOLS + "[tool.setuptools.data-files]\netc = ['x']\n",
        PROJECT.replace("[build-system]", "[build-system]\nbackend-path = ['.']"),
        PROJECT.replace("version =", "dynamic = ['version'] #"),
        PROJECT + '[tool.hatch.version]\nsource = "vcs"\n[dependency-groups]\nd = ["x @ file:x"]\n',
        SETUPTOOLS.replace("version =", "dynamic = ['version'] #")
        + "[tool.setuptools.dynamic]\nversion = {attr = 'app.core.make'}\n",
        "not TOML",
    ],
)
def test_what_builds_or_generates_follows_from_the_whole_tree(project: str) -> None:
    assert found(PYTHON | {"pyproject.toml": project}, "pip install -e .").whole
    assert found(PYTHON | {"pyproject.toml": project}, "uv sync").whole


@pytest.mark.parametrize(
    "setup",
    [
        "from setuptools import setup, Extension\nsetup(ext_modules=[Extension('x', ['x.c'])])\n",
        "from setuptools import setup\nimport app\nsetup(version=app.VERSION)\n",
        "from setuptools import setup\nsetup(version=open('VERSION').read())\n",
        "from setuptools import setup\nsetup(scripts=['bin/x'])\n",
        "from setuptools import setup\nsetup(**options)\n",
        "import os; os.system('make')\n",
        "not python (",
    ],
)
def test_a_setup_py_that_is_code_follows_from_the_whole_tree(setup: str) -> None:
    files = {"setup.py": setup, "app/__init__.py": ""}
    assert found(files, "pip install -e .").whole


def test_a_setup_cfg_that_copies_follows_from_the_whole_tree() -> None:
    files = {"setup.py": "from setuptools import setup\nsetup()\n"}
    assert not found(files, "pip install -e .").whole
    for cfg in ("[options]\nscripts = x\n", "[options.data_files]\netc = x\n", "[metadata"):
        assert found(files | {"setup.cfg": cfg}, "pip install -e .").whole
    cfg = "[metadata]\nversion = attr: app.VERSION\nlong_description = file: README.md, NEWS\n"
    more = {"setup.cfg": cfg, "README.md": "", "NEWS": "", "app/__init__.py": "VERSION = '1'"}
    assert {"NEWS", "app/__init__.py"} <= paths(files | more, "pip install -e .")
    assert found(files | more | {"app/__init__.py": ""}, "pip install -e .").whole


@pytest.mark.parametrize(
    "text",
    [
        "pip install .",
        "pip install '.[dev]'",
        "pip install ./src",
        "pip install -e ../other",
        "pip install -r missing.txt",
        "pip install -r copies.txt",
        "uv sync --no-editable",
        "uv run --script x.py",
        "uv run pytest",
        "uv pip install .",
        "python setup.py develop",
        "python -c 'import os'",
        "python -m build",
        "poetry run make",
        "UV_NO_EDITABLE=1 uv sync",
        "PATH=bin:/usr/bin uv sync",
        "PYTHONPATH=src pip install requests",
        "UV_PROJECT=src uv sync",
    ],
)
def test_a_copy_of_the_tree_follows_from_all_of_it(text: str) -> None:
    files = PYTHON | {"copies.txt": "flask\n./src\n"}
    assert found(files, text).whole


def test_projects_of_a_workspace_are_all_looked_at() -> None:
    root = PROJECT + "[tool.uv.workspace]\nmembers = ['libs/*']\n"
    files = PYTHON | {"pyproject.toml": root, "libs/a/pyproject.toml": PROJECT, "libs/a/a.py": ""}
    assert paths(files, "uv sync") == {"pyproject.toml", "uv.lock", "libs/a/pyproject.toml"}
    native = PROJECT.replace("hatchling", "maturin")
    assert found(files | {"libs/a/pyproject.toml": native}, "uv sync").whole
    source = PROJECT + "[tool.uv.sources]\na = {path = 'libs/a'}\n"
    assert found(files | {"pyproject.toml": source}, "uv sync").whole
    source = PROJECT + "[tool.uv.sources]\na = {path = 'libs/a', editable = true}\n"
    assert not found(files | {"pyproject.toml": source}, "uv sync").whole
    wheel = PROJECT + "[tool.uv.sources]\na = {path = 'libs/a.whl'}\n"
    assert "libs/a.whl" in paths(files | {"pyproject.toml": wheel, "libs/a.whl": ""}, "uv sync")


def test_a_project_that_is_no_package_has_no_editable_install() -> None:
    files = {"pyproject.toml": "[project]\nname='a'\nversion='1'\n", "uv.lock": "", "a.py": ""}
    assert found(files, "uv sync").names == frozenset()
    assert found(files, "poetry install").names == {"a.py"}


def test_pipenv_follows_from_its_file() -> None:
    files = {"Pipfile": "[packages]\nflask = '*'\n", "Pipfile.lock": "{}", "app.py": ""}
    assert paths(files, "pipenv sync --dev") == {"Pipfile", "Pipfile.lock"}
    assert found(files | {"Pipfile": "[packages]\na = {path='.'}\n"}, "pipenv sync").whole
    editable = files | {"Pipfile": "[packages]\na = {path='.', editable=true}\n"}
    assert not found(editable, "pipenv sync").whole


# --- JavaScript -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["npm ci", "npm install --no-audit", "yarn", "pnpm i --frozen-lockfile", "bun install"]
)
def test_installers_follow_from_manifests(text: str) -> None:
    assert paths(NODE, text) == {"package.json", "package-lock.json"}


def test_settings_patches_and_plug_ins_count() -> None:
    more = [".npmrc", ".nvmrc", "patches/a+1.patch", ".yarn/releases/yarn.cjs", ".yarnrc.yml"]
    files = NODE | dict.fromkeys(more, "")
    assert paths(files, "npm ci") == {"package.json", "package-lock.json", *more}


@pytest.mark.parametrize(
    "text",
    [
        "npm run build",
        "npm ci && npm run build",
        "npx tsc",
        "yarn build",
        "npm install ./lib",
        "npm install file:lib",
        "npm link",
        "npm test",
        "node scripts/x.js",
        "NODE_OPTIONS='-r ./x' npm ci",
    ],
)
def test_what_runs_the_project_follows_from_the_whole_tree(text: str) -> None:
    assert found(NODE, text).whole


@pytest.mark.parametrize("name", ["preinstall", "install", "postinstall", "prepare", "prepublish"])
def test_scripts_at_install_run_the_project(name: str) -> None:
    files = package(scripts={name: "tsc"})
    assert found(files, "npm ci").whole
    assert not found(files, "npm ci --ignore-scripts").whole


def test_scripts_that_are_known_to_build_nothing() -> None:
    files = package(scripts={"prepare": "husky || true", "postinstall": "patch-package"})
    more = {".husky/pre-commit": "npm test", "patches/x.patch": ""}
    assert {".husky/pre-commit", "patches/x.patch"} <= paths(files | more, "npm ci")
    assert found(package(scripts={"prepare": "husky && tsc"}), "npm ci").whole


def test_workspaces_are_looked_at_and_other_manifests_are_not() -> None:
    inner = {"packages/a/package.json": json.dumps({"scripts": {"prepare": "tsc"}})}
    assert not found(NODE | inner, "npm ci").whole
    assert found(package(workspaces=["packages/*"]) | inner, "npm ci").whole
    assert found(NODE | inner | {"pnpm-workspace.yaml": ""}, "pnpm install").whole
    assert found(NODE | inner, "cd packages/a && npm ci").whole
    assert found(NODE | inner, "npm ci --prefix packages/a").whole


def test_what_npm_builds_links_or_copies() -> None:
    assert found(NODE | {"binding.gyp": ""}, "npm ci").whole
    assert found(package(dependencies={"a": "file:lib/a"}), "npm ci").whole
    packed = {**package(dependencies={"a": "file:lib/a.tgz"}), "lib/a.tgz": ""}
    assert "lib/a.tgz" in found(packed, "npm ci").paths and not found(packed, "npm ci").whole
    assert found(NODE | {"package.json": "{"}, "npm ci").whole
    programs = package(bin={"app": "./cli.js", "gone": "dist/gone.js"}) | {"cli.js": ""}
    assert found(programs, "npm ci").names == {"cli.js"}


def test_scripts_of_packages_may_look_around() -> None:
    plain, script = {"version": "1"}, {"hasInstallScript": True}
    assert not found(locked(left=plain, esbuild=script), "npm ci").whole
    assert found(locked(someone=script), "npm ci").whole
    assert not found(locked(someone=script), "npm ci --ignore-scripts").whole
    files = locked(**{"@prisma/client": script}) | {"prisma/schema.prisma": ""}
    assert "prisma/schema.prisma" in paths(files, "npm ci")
    yarn = {"package.json": "{}", "yarn.lock": '"@prisma/client@^5":\n', "db/x.prisma": ""}
    assert "db/x.prisma" in paths(yarn, "yarn install")
    assert found(yarn | {"yarn.lock": "nx@1:\n"}, "yarn install").whole


# --- others -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "files", "read"),
    [
        ("cargo fetch --locked", ["Cargo.toml", "a/Cargo.toml", "Cargo.lock", ".cargo/config.toml"],
         ["Cargo.toml", "a/Cargo.toml", "Cargo.lock", ".cargo/config.toml"]),
        ("go mod download", ["go.mod", "go.sum", "main.go"], ["go.mod", "go.sum"]),
        ("bundle install", ["Gemfile", "Gemfile.lock", "app.rb"], ["Gemfile", "Gemfile.lock"]),
        ("composer install", ["composer.json", "a.php"], ["composer.json"]),
        ("mvn -B dependency:go-offline", ["a/pom.xml", "A.java"], ["a/pom.xml"]),
        ("./gradlew dependencies", ["gradlew", "build.gradle", "gradle/wrapper/x.jar", "A.java"],
         ["gradlew", "build.gradle", "gradle/wrapper/x.jar"]),
        ("dotnet restore", ["a/a.csproj", "NuGet.Config", "a.cs"], ["a/a.csproj", "NuGet.Config"]),
        ("cp .env.example .env", [".env.example", "a"], [".env.example"]),
        ("mkdir -p build && echo hi > build/x", ["a"], []),
        ("pre-commit install", [".pre-commit-config.yaml", "a"], [".pre-commit-config.yaml"]),
    ],
)  # fmt: skip
def test_installers_of_other_languages(text: str, files: list[str], read: list[str]) -> None:
    assert paths(dict.fromkeys(files, ""), text) == set(read)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("make deps", {"Makefile": ""}),
        ("./scripts/setup.sh", {"scripts/setup.sh": ""}),
        ("bin/npm ci", {"bin/npm": ""}),
        ("cargo build", {"Cargo.toml": ""}),
        ("go mod vendor", {"go.mod": ""}),
        ("go generate ./...", {"go.mod": ""}),
        ("bundle install", {"Gemfile": "gemspec\n"}),
        ("composer install -o", {"composer.json": "{}"}),
        ("composer install", {"composer.json": '{"scripts": {}}'}),
        ("mvn package", {"pom.xml": ""}),
        ("mvn dependency:go-offline package", {"pom.xml": ""}),
        ("gradle build", {"build.gradle": ""}),
        ("gradle dependencies", {"settings.gradle": "includeBuild 'x'"}),
        ("cp -r . ../copy", {"a": ""}),
        ("npm ci; for x in a; do y; done", NODE),
        ("npm ci | sh", NODE),
        ("echo x > src/index.js", NODE),
        ("docker compose up -d", {}),
    ],
)
def test_what_is_not_known_follows_from_the_whole_tree(text: str, files: dict[str, str]) -> None:
    assert found(files, text).whole


# --- which commands are kept --------------------------------------------------------------------


def split(texts: list[str], files: Mapping[str, str], **more: object) -> SetupParts:
    naming = {
        path: frozenset(name for name in ("WTMAN_PORT", "WTMAN_ROOT") if name in text)
        for path, text in files.items()
    }
    return parts(texts, tree(files), naming, **more)  # type: ignore[arg-type]


def test_from_the_first_command_of_a_task_on_all_run_for_each() -> None:
    found = split(["npm ci", "createdb app_$WTMAN_TASK", "npm ci"], NODE)
    assert found.kept == ("npm ci",)
    assert found.own == ("createdb app_$WTMAN_TASK", "npm ci")
    assert found.inputs.paths == {"package.json", "package-lock.json"}
    assert split(["git submodule update --init"], NODE).own
    assert split(["cd x && git lfs pull"], NODE).own
    assert split(["npm ci"], NODE).own == ()


def test_a_script_may_be_what_names_the_task() -> None:
    files = NODE | {"setup.sh": "serve $WTMAN_PORT", "docs/x.sh": "", "Makefile": ""}
    assert split(["npm ci", "make"], files).own == ("make",)
    assert split(["npm ci", "make"], files | {"setup.sh": ""}).own == ()
    said = files | {"setup.sh": "", "README.md": "WTMAN_PORT", "wtman.toml": "WTMAN_PORT"}
    assert split(["npm ci", "make"], said).own == ()


def test_what_reads_the_main_checkout_is_told() -> None:
    assert split(["cp $WTMAN_ROOT/.env ."], NODE).main
    assert split(["cp /home/ada/app/.env ."], NODE, main="/home/ada/app").main
    assert not split(["npm ci"], NODE, main="/home/ada/app").main
    assert split(["make"], {"x.sh": "$WTMAN_ROOT"}).main
    assert not split(["npm ci"], NODE | {"x.sh": "$WTMAN_ROOT"}).main


def test_the_users_own_patterns_take_the_place_of_the_guess() -> None:
    found = split(["make deps"], NODE, given=("*.json", "!package-lock.json"))
    assert found.inputs == Inputs(frozenset({"package.json"}))
    assert split(["make deps"], NODE).inputs.whole


def test_what_stays_in_a_package_cache_is_told() -> None:
    assert found({"Cargo.toml": ""}, "cargo fetch").fetches
    assert not found(NODE, "npm ci").fetches
    assert found(NODE | {".yarnrc.yml": "a: 1"}, "yarn install").fetches
    assert not found(NODE | {".yarnrc.yml": "nodeLinker: node-modules"}, "yarn").fetches
    assert split(["make"], NODE, given=("*.json",)).fetches
