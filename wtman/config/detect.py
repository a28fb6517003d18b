"""What a repository's files say about how it is tested and set up.

Pure, and only a proposal: what each ecosystem's own tools would do in a fresh checkout.
Nothing here is ever run without its user having read it.
"""

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# The files at the root whose text matters; tests of Python are looked into besides.
READ = (
    *("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini", "requirements.txt"),
    *("requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt", "package.json"),
    *("Makefile", "GNUmakefile", "makefile", "justfile", "Cargo.toml", "go.mod", "Gemfile"),
    *("composer.json", "Rakefile", ".gitignore", ".gitmodules", ".gitattributes"),
)
PYTHON_TEST = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py")
# What people keep beside their code and out of git, and a run may want.
LOCAL = (".env", ".env.local", ".env.test", ".env.development", "local.settings.json")


@dataclass(frozen=True, slots=True)
class Habits:
    """`kinds` are the ecosystems; `lint` are further checks that it looks configured for."""

    kinds: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def habits(files: Collection[str], texts: Mapping[str, str], local: Collection[str]) -> Habits:
    """What the tracked `files` say. `texts` are the contents of those in READ and of some tests,
    `local` the names at the root that are not tracked."""
    paths = frozenset(files)
    found = [one for look in _ECOSYSTEMS if (one := look(paths, texts)) is not None]
    simple = dict.fromkeys(row[1:] for row in _SIMPLE if row[0] in paths)
    found += [Habits((kind,), (check,), (setup,)) for kind, check, setup in simple]
    if not any(one.check for one in found) and (made := _make(paths, texts)) is not None:
        found.append(made)
    update = "git submodule update --init --recursive"
    submodules = (update,) if ".gitmodules" in paths else ()
    return Habits(
        kinds=tuple(kind for one in found for kind in one.kinds),
        check=tuple(text for one in found for text in one.check),
        setup=(*submodules, *(text for one in found for text in one.setup)),
        lint=tuple(text for one in found for text in one.lint),
        copy=tuple(name for name in LOCAL if name in local),
        notes=tuple(text for one in found for text in one.notes),
    )


# --- Python ---------------------------------------------------------------------------------


def _python(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    project = paths & {"pyproject.toml", "setup.py", "setup.cfg"}
    wanted = [
        name for name in texts if name.endswith("requirements.txt") or "requirements-" in name
    ]
    if not project and not wanted and not any(PYTHON_TEST.fullmatch(path) for path in paths):
        return None
    table = _toml(texts.get("pyproject.toml", ""))
    tester = _python_tester(paths, texts)
    program = tester.replace("unittest", "python -m unittest")  # where no `python -m` is before it
    if "uv.lock" in paths:
        run, setup = "uv run --no-sync", "uv sync -q"
    elif "poetry.lock" in paths:
        run, setup = "poetry run", "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install -q"
    elif installs := _installs(project, wanted, table, tester):
        run, program = ".venv/bin/python -m", tester
        # So that a session's commit does not pick it up.
        hidden = "" if _ignored(texts, ".venv") else " && echo '*' > .venv/.gitignore"
        setup = f"python3 -m venv .venv{hidden} && {run} pip install -q {' '.join(installs)}"
    else:
        run, program, setup = "python3 -m", tester, ""
    check = (f"{run} {program}",) if tester else ()
    return Habits(("Python",), check, (setup,) if setup else (), _python_lint(texts, run))


def _python_tester(paths: frozenset[str], texts: Mapping[str, str]) -> str:
    """`pytest -q`, `unittest -q`, `tox -q` or nothing, as arguments of `python -m`."""
    told = "\n".join(text for name, text in texts.items() if not name.startswith(".git"))
    tests = [path for path in paths if PYTHON_TEST.fullmatch(path)]
    if re.search(r"\bpytest\b", told) or any(path.endswith("conftest.py") for path in paths):
        return "pytest -q"
    if "tox.ini" in paths and not tests:
        return "tox -q"
    if not tests:
        return ""
    if any("unittest" in texts.get(path, "") for path in tests):
        root = next((path.partition("/")[0] for path in tests if "/" in path), "")
        packaged = not root or f"{root}/__init__.py" in paths
        return "unittest -q" if packaged else f"unittest discover -q -s {root} -t ."
    return "pytest -q"


def _installs(
    project: frozenset[str], wanted: list[str], table: Mapping[str, Any], tester: str
) -> list[str]:
    """What pip has to install; nothing for a project that needs nothing and is no package."""
    extras = [
        name
        for name in ("dev", "test", "tests", "testing")
        if name in _table(table, "project", "optional-dependencies")
    ]
    groups = [
        name for name in ("dev", "test", "tests") if name in _table(table, "dependency-groups")
    ]
    words = []
    packaged = "build-system" in table or "project" in table or project - {"pyproject.toml"}
    if packaged:
        words.append(f"-e '.[{','.join(extras)}]'" if extras else "-e .")
        words += [f"--group {name}" for name in groups[:1] if not extras]
    words += [f"-r {name}" for name in sorted(wanted)]
    program = tester.partition(" ")[0]
    told = extras or groups or len(wanted) > 1
    if (program == "tox" and not words) or (program in ("pytest", "tox") and words and not told):
        words.append(program)
    return words


def _python_lint(texts: Mapping[str, str], run: str) -> tuple[str, ...]:
    told = texts.get("pyproject.toml", "") + texts.get("setup.cfg", "") + texts.get("tox.ini", "")
    table = _toml(texts.get("pyproject.toml", ""))
    tools = _table(table, "tool")
    found = [f"{run} ruff check ."] if "ruff" in tools else []
    found += [f"{run} mypy"] if "mypy" in tools or "[mypy]" in told else []
    return tuple(found)


# --- other ecosystems -----------------------------------------------------------------------


def _node(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    if "package.json" not in paths:
        return None
    try:
        read = {"package": json.loads(texts.get("package.json", ""))}
    except (ValueError, RecursionError):
        read = {}
    package, scripts = _table(read, "package"), _table(read, "package", "scripts")
    tool, install = next(
        ((tool, install) for lock, tool, install in _LOCKS if lock in paths), ("npm", "npm install")
    )
    depends = any(package.get(key) for key in ("dependencies", "devDependencies"))
    real = "test" in scripts and "no test specified" not in str(scripts["test"])
    lint = tuple(f"{tool} run {name}" for name in ("lint", "typecheck") if name in scripts)
    if not (depends or real):
        return None
    notes: tuple[str, ...] = ()
    if depends and not _ignored(texts, "node_modules"):
        notes = ("node_modules is not in .gitignore: add it, or sessions would commit it",)
    # `bun test` is bun's own runner; the script is meant.
    test = "bun run test" if tool == "bun" else f"{tool} test"
    return Habits(
        ("Node",), (test,) if real else (), (install,) if depends else (), lint, (), notes
    )


_LOCKS = (
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile"),
    ("bun.lock", "bun", "bun install --frozen-lockfile"),
    ("package-lock.json", "npm", "npm ci"),
    ("npm-shrinkwrap.json", "npm", "npm ci"),
)


def _go(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    if "go.mod" not in paths:
        return None
    tests = any(path.endswith("_test.go") for path in paths)
    # Checks have no network: what they import is fetched before.
    setup = ("go mod download",) if "go.sum" in paths else ()
    return Habits(("Go",), ("go test ./...",) if tests else (), setup, ("go vet ./...",))


def _rust(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    if "Cargo.toml" not in paths:
        return None
    notes = () if _ignored(texts, "target") else ("target is not in .gitignore: add it",)
    setup = ("cargo fetch",) if "Cargo.lock" in paths else ()
    return Habits(("Rust",), ("cargo test",), setup, ("cargo clippy",), (), notes)


def _ruby(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    if "Gemfile" not in paths:
        return None
    specs = any(path.startswith("spec/") for path in paths)
    tests = any(path.startswith("test/") for path in paths) and "Rakefile" in paths
    check = "bundle exec rspec" if specs else "bundle exec rake test" if tests else ""
    setup = "bundle config set --local path vendor/bundle && bundle install --quiet"
    return Habits(("Ruby",), (check,) if check else (), (setup,))


def _make(paths: frozenset[str], texts: Mapping[str, str]) -> Habits | None:
    for name in ("GNUmakefile", "makefile", "Makefile", "justfile"):
        for target in ("test", "tests", "check"):
            if name in paths and re.search(
                rf"^{target}\s*:(?!=)", texts.get(name, ""), re.MULTILINE
            ):
                program = "just" if name == "justfile" else "make"
                return Habits((program,), (f"{program} {target}",))
    return None


_ECOSYSTEMS = (_python, _node, _go, _rust, _ruby)
# Those whose habits follow from one file at the root: mark, kind, check and setup.
_SIMPLE = (
    ("gradlew", "Gradle", "./gradlew test --offline", "./gradlew testClasses"),
    ("mvnw", "Maven", "./mvnw -q -o test", "./mvnw -q dependency:go-offline"),
    ("phpunit.xml", "PHP", "vendor/bin/phpunit", "composer install -q"),
    ("phpunit.xml.dist", "PHP", "vendor/bin/phpunit", "composer install -q"),
    ("mix.exs", "Elixir", "mix test", "mix deps.get"),
)


def _ignored(texts: Mapping[str, str], name: str) -> bool:
    lines = {line.strip().strip("/") for line in texts.get(".gitignore", "").splitlines()}
    return bool(lines & {name, f"{name}*", f"**/{name}", name.lstrip("."), f"{name}/*"})


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _table(table: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = table.get(name)
        table = inner if isinstance(inner, dict) else {}
    return table
