"""What the tests of a Python project need besides the project: where it says so itself."""

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from wtman.config.detect.folder import ProjectFolder, strings, table
from wtman.model.values import dataclass

TESTERS = ("pytest", "tox", "nox", "nose2")
# Names that test requirements usually have, the likelier first.
_NAMES = ("test", "tests", "testing", "dev", "develop", "development", "all", "ci", "unittest")
_REQUIREMENTS = re.compile(
    r"(?:.*/)?(?:[\w.-]*requirements[\w.-]*|requirements/[\w.-]+)\.(?:txt|in)"
)
_FOR_TESTS = re.compile(
    r"(?<![a-z])(?:tests?|testing|dev|develop|development|ci|unittest)(?![a-z])"
)
# What the tests import, or the configuration of pytest says, and what that is in the index.
# Only these: a name that just anybody's file says is never installed.
_IMPORTS = {
    **{name: name for name in ("hypothesis", "mock", "freezegun", "responses", "parameterized")},
    **{name: name for name in ("numpy", "pandas", "yaml", "httpx", "trio", "anyio")},
    **{"pytest_asyncio": "pytest-asyncio", "pytest_mock": "pytest-mock", "yaml": "pyyaml"},
    **{"requests_mock": "requests-mock", "time_machine": "time-machine", "ddt": "ddt"},
}
_OPTIONS = (
    (r"--cov\b", "pytest-cov"),
    (r"(?:addopts\b.*[\s\"'=])-n(?:\s*=?\s*)(?:auto|\d)", "pytest-xdist"),
    (r"asyncio_mode|pytest\.mark\.asyncio", "pytest-asyncio"),
    (r"--timeout\b|(?m:^timeout\s*=)", "pytest-timeout"),
    (r"--benchmark|pytest\.mark\.benchmark", "pytest-benchmark"),
    (r"\bmocker\b", "pytest-mock"),
    (r"DJANGO_SETTINGS_MODULE", "pytest-django"),
    (r"--randomly|-p\s+randomly", "pytest-randomly"),
    (r"--flake8", "pytest-flake8"),
    (r"--mypy", "pytest-mypy"),
)


_Installed = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # words, extras, groups


@dataclass(frozen=True, slots=True)
class TestNeeds:
    """Words for `pip install` besides the project; `extras` and `groups` of its own; whether
    the program that runs the tests is among them; `why` is where that is said."""

    words: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    why: str = ""


def ways(place: ProjectFolder, tester: str) -> list[TestNeeds]:
    """The ways in which the project says what its tests need, the best first."""
    found: list[TestNeeds] = []
    project = table(place.project, "project")
    extras = table(project, "optional-dependencies") or _setup_cfg_extras(place)
    groups = table(place.project, "dependency-groups")
    named_group = _best(groups, lambda name: _expanded(groups, name), tester)
    if named_group:
        found.append(TestNeeds(groups=(named_group,), why=f"group {named_group} of pyproject.toml"))
    named_extra = _best(extras, lambda name: strings(extras.get(name)), tester)
    if named_extra:
        found.append(TestNeeds(extras=(named_extra,), why=f"extra {named_extra} of the project"))
    if files := _requirements(place):
        words = tuple(f"-r {quote(path)}" for path in files)
        found.append(TestNeeds(words, why=", ".join(files)))
    if (tox := _tox(place)) is not None:
        found.append(TestNeeds(*tox, why="tox.ini"))
    if (nox := _nox(place)) is not None:
        found.append(TestNeeds(*nox, why="noxfile.py"))
    if words := _of_hatch(place):
        found.append(TestNeeds(words, why="tool.hatch.envs of pyproject.toml"))
    if words := _of_poetry(place):
        found.append(TestNeeds(words, why="tool.poetry of pyproject.toml"))
    return found


def guessed(place: ProjectFolder) -> tuple[str, ...]:
    """Test libraries of which tests or the configuration of pytest tell."""
    tests = "\n".join(text for path, text in place.texts.items() if path.endswith(".py"))
    modules = re.findall(r"(?m)^\s*(?:import|from)\s+(\w+)", tests)
    found = [_IMPORTS[name] for name in dict.fromkeys(modules) if name in _IMPORTS]
    told = "\n".join(
        place.text(name) for name in ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml")
    )
    found += [name for pattern, name in _OPTIONS if re.search(pattern, f"{told}\n{tests}")]
    own = {place.name.rpartition("/")[2], _own_name(place)}
    return tuple(name for name in dict.fromkeys(found) if name not in own)


def uv_words(place: ProjectFolder, tester: str) -> tuple[str, ...]:
    """Options of `uv sync` that bring what the tests need."""
    groups = table(place.project, "dependency-groups")
    extras = table(place.project, "project", "optional-dependencies")
    usual = strings(table(place.project, "tool", "uv").get("default-groups")) or ["dev"]
    words = ["--all-packages"] if table(place.project, "tool", "uv", "workspace") else []
    if any(_names(_expanded(groups, name), tester) for name in usual):
        return tuple(words)
    if any(_names(_expanded(groups, name), tester) for name in groups):
        return (*words, "--group", _best(groups, lambda name: _expanded(groups, name), tester))
    if extra := _best(extras, lambda name: strings(extras.get(name)), tester):
        return (*words, "--extra", extra)
    return tuple(words)


def poetry_words(place: ProjectFolder, tester: str) -> tuple[str, ...]:
    """Options of `poetry install` that bring what the tests need."""
    groups = table(place.project, "tool", "poetry", "group")
    optional = [
        name
        for name in groups
        if table(groups, name).get("optional") is True
        and (tester in table(groups, name, "dependencies") or _FOR_TESTS.search(name))
    ]
    extras = table(place.project, "tool", "poetry", "extras") or table(
        place.project, "project", "optional-dependencies"
    )
    extra = _best(extras, lambda name: strings(extras.get(name)), tester)
    with_groups = ("--with", ",".join(optional)) if optional else ()
    return (*with_groups, *(("--extras", extra) if extra else ()))


def _own_name(place: ProjectFolder) -> str:
    return str(table(place.project, "project").get("name", ""))


def _best(of: Mapping[str, Any], content: Any, tester: str) -> str:
    """The name of the smallest set that has the tester, those with a name for tests first."""
    program = tester if tester in TESTERS else ""
    named = [name for name in of if program and _names(content(name), program)]
    known = [name for name in named if name in _NAMES] or named
    if not known:
        known = [name for name in _NAMES if name in of][:1]
        if program and not (known and any(map(_FOR_TESTS.search, known))):
            return ""
    return min(
        known,
        key=lambda name: (
            (len(content(name)), _NAMES.index(name)) if name in _NAMES else (len(content(name)), 99)
        ),
        default="",
    )


def _names(requirements: list[str], program: str) -> bool:
    return any(re.match(rf"{program}(?![\w-])", item) for item in requirements)


def _expanded(groups: Mapping[str, Any], name: str, depth: int = 5) -> list[str]:
    """The requirements of a group, with those that it includes."""
    items = groups.get(name)
    found: list[str] = []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict) and depth and isinstance(item.get("include-group"), str):
            found += _expanded(groups, item["include-group"], depth - 1)
    return found


def _setup_cfg_extras(place: ProjectFolder) -> dict[str, list[str]]:
    read = configparser.RawConfigParser()
    try:
        read.read_string(place.text("setup.cfg"))
    except configparser.Error:
        return {}
    if not read.has_section("options.extras_require"):
        return {}
    return {name: value.split("\n") for name, value in read.items("options.extras_require")}


def _requirements(place: ProjectFolder) -> list[str]:
    """Requirement files: of tests, and what these do not have themselves of the project."""
    paths = [path for path in place.files.having("requirements") if path.count("/") < 2]
    paths = [it for it in paths if _REQUIREMENTS.fullmatch(it) and not it.startswith("docs/")]
    tests = sorted(
        path
        for path in paths
        if _FOR_TESTS.search(
            path.rpartition("requirements")[2]
            + " "
            + path.rpartition("/")[2].partition("requirements")[0]
            + " "
            + path.rpartition("/")[0]
        )
    )
    tests = [path for path in tests if path.endswith(".txt") or f"{path[:-3]}.txt" not in paths]
    plain = [path for path in ("requirements.txt", "requirements/base.txt") if path in paths]
    told = "".join(place.text(path) for path in tests)
    plain = [path for path in plain if path.rpartition("/")[2] not in told]
    return [*plain, *tests[:3]]


def _tox(place: ProjectFolder) -> _Installed | None:
    """Words, extras and groups of tox.ini's `testenv`; None where there is none."""
    read = configparser.RawConfigParser(strict=False)
    try:
        read.read_string(place.text("tox.ini"))
    except configparser.Error:
        return None
    if not read.has_section("testenv"):
        return None
    values = dict(read.items("testenv"))
    words = []
    for line in values.get("deps", "").splitlines():
        line = line.partition("#")[0].strip().replace("{toxinidir}/", "")
        if re.match(r"[\w!,{}-]+:\s", line) or "{" in line or not line:
            continue  # of some environments only, or of another section
        file = re.fullmatch(r"-r\s*(.+)", line)
        words.append(f"-r {quote(file[1])}" if file else quote(line))
    extras = tuple(re.findall(r"[\w.-]+", values.get("extras", "")))
    groups = tuple(re.findall(r"[\w.-]+", values.get("dependency_groups", "")))
    return (tuple(words), extras, groups) if words or extras or groups else None


def _nox(place: ProjectFolder) -> _Installed | None:
    """What the test session of a noxfile installs, where it says so in plain words."""
    try:
        tree = ast.parse(place.text("noxfile.py"))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and re.match(r"(?:unit_?)?tests?(?:_|$)", node.name):
            words = [word for call in _installs(node) for word in call]
            groups = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--group"]
            kept = [word for word in words if re.match(r"[A-Za-z]", word) and word not in groups]
            extras = [
                name
                for word in words
                if (found := re.search(r"\.\[([\w,-]+)\]", word))
                for name in found[1].split(",")
            ]
            files = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "-r"]
            plain = [quote(word) for word in kept if word not in files]
            plain += [f"-r {quote(path)}" for path in files]
            if plain or extras or groups:
                return tuple(plain), tuple(extras), tuple(groups)
    return None


def _installs(of: ast.FunctionDef) -> Iterator[list[str]]:
    """The plain words of every `session.install(...)`."""
    for node in ast.walk(of):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "install":
                yield [
                    item.value
                    for item in node.args
                    if isinstance(item, ast.Constant) and isinstance(item.value, str)
                ]


def _of_hatch(place: ProjectFolder) -> tuple[str, ...]:
    envs = table(place.project, "tool", "hatch", "envs")
    found = [
        item
        for name in ("default", "test", "tests", "hatch-test", "dev")
        for key in ("dependencies", "extra-dependencies")
        for item in strings(table(envs, name).get(key))
    ]
    return tuple(quote(item) for item in dict.fromkeys(found))


def _of_poetry(place: ProjectFolder) -> tuple[str, ...]:
    """Names of the development packages of poetry, without their versions."""
    poetry = table(place.project, "tool", "poetry")
    names = [
        *table(poetry, "dev-dependencies"),
        *(
            name
            for group, value in table(poetry, "group").items()
            if _FOR_TESTS.search(group) and isinstance(value, dict)
            for name in table(value, "dependencies")
        ),
    ]
    return tuple(quote(name) for name in dict.fromkeys(names) if name != "python")
