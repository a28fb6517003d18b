"""What installers of Python follow from: uv, pip, poetry, pdm, pipenv, and environments.

An editable install leads to the sources and follows from the project's manifests alone, as
long as the build back end is one that is known to build nothing then. Which folders hold
modules is a matter too: some back ends write them down. Any other install of what is in the
tree copies or builds it, and follows from all of it.
"""

import ast
import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wtman.formats.shell_commands import SimpleCommand, relative
from wtman.provision.inputs.model import (
    NOTHING,
    Inputs,
    TreeFiles,
    all_of,
    files_of,
    folder_of,
    table,
    whole,
    within,
)

_MANIFESTS = (
    *("pyproject.toml", "setup.py", "setup.cfg", "uv.lock", "uv.toml", "poetry.lock"),
    *("poetry.toml", "pdm.lock", "pdm.toml", ".pdm-python", "Pipfile", "Pipfile.lock"),
    *(".python-version", ".python-versions", ".tool-versions", "pip.conf", "pylock*.toml"),
)
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_PIP = re.compile(r"pip[\d.]*")
_FLAGS = ("-I", "-E", "-s", "-u", "-B", "-q")  # of Python, before its `-m`
_MODULES = ("pip", "venv", "virtualenv", "uv", "poetry", "pdm", "pipenv", "ensurepip")
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_LOCAL_URL = re.compile(r"(?:^|@\s*|\s)file:")
# Back ends, and build requirements, whose editable install compiles and generates nothing.
_BACK_ENDS = (
    *("setuptools.build_meta", "setuptools.build_meta:__legacy__", "hatchling.build"),
    *("flit_core.buildapi", "poetry.core.masonry.api", "pdm.backend", "uv_build"),
)
_REQUIRED = frozenset(
    "setuptools wheel pip hatchling flit-core poetry-core pdm-backend uv-build".split()
)
# In a manifest, what has files of the tree copied, or code of it run, by an install.
_BUILDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("tool", "setuptools"): ("ext-modules", "data-files", "script-files", "cmdclass"),
    ("tool", "hatch"): ("hooks", "force-include", "shared-data", "shared-scripts"),
    ("tool", "pdm"): ("run-setuptools", "custom-hook", "data"),
    ("tool", "flit"): ("external-data",),
    ("tool", "poetry"): ("build",),
    ("tool", "uv", "build-backend"): ("data",),
}
_LICENSES = re.compile(r"(?i)(?:licen[cs]e|copying|notice|authors)[^/]*")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")
# Options of pip that take a word, where that is no package.
_WITH_WORD = frozenset(
    "index-url i extra-index-url target t prefix root platform python python-version "
    "implementation abi config-settings C upgrade-strategy no-binary only-binary progress-bar "
    "report proxy retries timeout trusted-host cert client-cert cache-dir log extra p index "
    "default-index keyring-provider use-feature exists-action src root-user-action".split()
)
# Those whose word is a file, a folder or a group.
_READ = frozenset(
    "r requirement requirements c constraint constraints e editable f find-links "
    "b build-constraint override group".split()
)


def inputs(command: SimpleCommand, tree: TreeFiles) -> Inputs | None:
    """What a command follows from; None where it is none of these."""
    program, *args = _named(command)
    match program, args:
        case "venv" | "virtualenv" | "ensurepip", _:
            return NOTHING
        case "uv", _:
            return _uv(args, command.folder, tree)
        case "pip", ["install", *rest]:
            return _pip(rest, command.folder, tree)
        case "pip", ["--version" | "list" | "check" | "freeze", *_]:
            return NOTHING
        case "poetry" | "pdm" | "pipenv", ["install" | "sync", *rest]:
            return _project(program, rest, command.folder, tree)
        case "poetry", ["config", *_]:
            return NOTHING
        case "pre-commit", ["install" | "install-hooks", *_]:
            return files_of(tree.called(".pre-commit-config.yaml"))
    return None


def manifests(tree: TreeFiles) -> frozenset[str]:
    """Every manifest and lock file."""
    return tree.called(*_MANIFESTS)


def _named(command: SimpleCommand) -> list[str]:
    """The words from the tool on, whichever Python runs it."""
    program, *args = command.words
    name = program.rpartition("/")[2]
    if _PIP.fullmatch(name):
        return ["pip", *args]
    if not _PYTHON.fullmatch(name):
        return [name, *args]
    while args and args[0] in _FLAGS:
        args = args[1:]
    if len(args) >= 2 and args[0] == "-m" and args[1] in _MODULES:
        return args[1:]
    return [name, *args]


# --- uv, poetry, pdm, pipenv ----------------------------------------------------------------


def _uv(args: list[str], folder: str, tree: TreeFiles) -> Inputs | None:
    """`uv sync`, `uv venv`, `uv pip ...`, with the options that may stand in front of them."""
    while args and args[0].startswith("-"):
        if args[0] in ("--directory", "--project"):
            moved = relative(folder, args[1]) if len(args) > 1 else None
            if moved is None:
                return None
            folder, args = moved, args[2:]
        elif args[0] in ("-q", "-v", "--quiet", "--verbose", "--offline", "--no-progress"):
            args = args[1:]
        else:
            return None
    match args:
        case ["sync", *rest]:
            return _project("uv", rest, folder, tree)
        case ["venv" | "python", *_]:
            return files_of(manifests(tree))
        case ["pip", "install" | "sync" as what, *rest]:
            if what == "sync":
                rest = [word for name in rest for word in _as_requirements(name)]
            return files_of(manifests(tree)) | _pip(rest, folder, tree)
    return None


def _as_requirements(word: str) -> list[str]:
    return [word] if word.startswith("-") else ["-r", word]


def _project(tool: str, args: list[str], folder: str, tree: TreeFiles) -> Inputs:
    """What an installer with a lock file follows from; the project itself is editable."""
    if "--script" in args:
        return whole("it reads a script of the tree")
    if "--no-editable" in args:
        return whole("it installs a copy of the project")
    if any(word in ("--project", "--directory", "--package", "-C", "-p") for word in args):
        folders = {folder_of(path) for path in tree.called("pyproject.toml")}
    else:
        folders = {folder}
    if tool == "pipenv":
        return files_of(manifests(tree)) | _pipfile(folder, tree)
    found = [files_of(manifests(tree))]
    if any("workspace" in table(tree.toml(path), "tool", "uv") for path in _projects(tree)):
        folders |= {folder_of(path) for path in _projects(tree)}
    for place in sorted(folders):
        project = tree.toml(within(place, "pyproject.toml"))
        if project is None:
            return whole(f"{within(place, 'pyproject.toml')} cannot be read")
        found.append(_sources(project, place, tree))
        packaged = table(project, "tool", "uv").get("package", "build-system" in project)
        if tool != "uv" or packaged:
            found.append(editable(place, tree))
    return all_of(found)


def _projects(tree: TreeFiles) -> frozenset[str]:
    return tree.called("pyproject.toml")


def _sources(project: Mapping[str, Any], folder: str, tree: TreeFiles) -> Inputs:
    """What a project needs of other folders of the tree."""
    named = [*table(project, "tool", "uv", "sources").values()]
    groups = table(project, "tool", "poetry", "group").values()
    for owner in (table(project, "tool", "poetry"), *groups):
        for key in ("dependencies", "dev-dependencies"):
            named += table(owner, key).values() if isinstance(owner, dict) else ()
    found = [_texts(project, folder, tree)]
    for one in (item for value in named for item in _listed(value)):
        path = one.get("path") if isinstance(one, dict) else None
        if path is None:
            continue
        place = relative(folder, str(path))
        if place is None:
            found.append(whole(f"it installs {path}"))
        elif place in tree.paths:
            found.append(files_of((place,)))
        elif one.get("editable") is True or one.get("develop") is True:
            found.append(editable(place, tree))
        else:
            found.append(whole(f"it installs a copy of {place or '.'}"))
    return all_of(found)


def _texts(project: Mapping[str, Any], folder: str, tree: TreeFiles) -> Inputs:
    """The requirements that a project states as texts: those that name files of the tree."""
    stated = table(project, "project")
    lists = [stated.get("dependencies"), *table(stated, "optional-dependencies").values()]
    lists += table(project, "dependency-groups").values()
    texts = [text for one in lists if isinstance(one, list) for text in one]
    if any(isinstance(text, str) and _LOCAL_URL.search(text) for text in texts):
        return whole(f"{within(folder, 'pyproject.toml')} installs files")
    return NOTHING


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _pipfile(folder: str, tree: TreeFiles) -> Inputs:
    stated = tree.toml(within(folder, "Pipfile"))
    if stated is None:
        return whole("Pipfile cannot be read")
    found = [NOTHING]
    for name in ("packages", "dev-packages"):
        for one in table(stated, name).values():
            if isinstance(one, dict) and ("path" in one or "file" in one):
                place = relative(folder, str(one.get("path", "..")))
                is_editable = one.get("editable") is True and place is not None
                found.append(
                    editable(place or "", tree) if is_editable else whole("Pipfile installs files")
                )
    return all_of(found)


# --- pip ------------------------------------------------------------------------------------


def _pip(args: list[str], folder: str, tree: TreeFiles) -> Inputs:
    return all_of(_installed(_options(args), folder, folder, tree, set()))


def _options(args: list[str]) -> Iterator[tuple[str, str]]:
    """Each option with its word, and each package with an empty name before it."""
    words = iter(args)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            yield "", word
        elif word.startswith("--") and equals:
            yield name, value
        elif name in _WITH_WORD | _READ:
            yield name, next(words, "")
        elif not word.startswith("--") and word[1:2] in _READ:
            yield word[1], word[2:]


def _installed(
    options: Iterable[tuple[str, str]], folder: str, start: str, tree: TreeFiles, seen: set[str]
) -> Iterator[Inputs]:
    """What pip installs, and what the files that it reads say in turn.

    `folder` is that of the file that is read, `start` where pip runs.
    """
    for name, value in options:
        if name in ("e", "editable"):
            place = relative(start, re.sub(r"\[[^]]*\]$", "", value.removeprefix("file:")))
            if "://" in value:
                yield NOTHING
            elif place is None:
                yield whole(f"it installs {value}")
            else:
                yield editable(place, tree)
        elif name in ("f", "find-links"):
            place = relative(folder, value)
            yield NOTHING if "://" in value else files_of(tree.below(place) if place else ())
            if place == "" and "://" not in value:
                yield whole("it looks for packages in the root")
        elif name == "group":
            yield from _group(value, start, tree)
        elif name in _READ:
            yield from _requirements(value, folder, start, tree, seen)
        elif not name:
            yield _package(value, start, tree)


def _requirements(
    path: str, folder: str, start: str, tree: TreeFiles, seen: set[str]
) -> Iterator[Inputs]:
    if "://" in path:
        return
    place = relative(folder, path)
    if place is None or place not in tree.paths:
        yield whole(f"it reads {path}, which git does not carry")
        return
    yield files_of((place,))
    if place in seen:
        return
    seen.add(place)
    if place.endswith((".toml", ".py", ".cfg")):
        project = tree.toml(place) if place.endswith(".toml") else None
        if project is None or table(project, "project").get("dynamic"):
            yield whole(f"{place} leaves its requirements to the build")
        else:
            yield _sources(project, folder_of(place), tree)
        return
    joined = tree.read(place).replace("\\\n", " ")
    for line in joined.splitlines():
        text = re.sub(r"(?:^|\s)#.*", "", line).strip()
        if not text:
            continue
        if text.startswith("-"):
            options = _options(re.split(r"[\s=]+", text, maxsplit=1))
        else:
            options = iter((("", re.split(r"\s+--", text)[0]),))
        yield from _installed(options, folder_of(place), start, tree, seen)


def _group(value: str, start: str, tree: TreeFiles) -> Iterator[Inputs]:
    path = value.rpartition(":")[0] or "pyproject.toml"
    place = relative(start, path)
    project = tree.toml(place) if place in tree.paths else None
    if place is None or project is None:
        yield whole(f"{path} cannot be read")
    else:
        yield files_of((place,))
        yield _texts(project, folder_of(place), tree)


def _package(value: str, start: str, tree: TreeFiles) -> Inputs:
    """One that is asked for by name, or is a file or folder of the tree."""
    if _LOCAL_URL.search(value):
        return whole(f"it installs {value}")
    if "://" in value:
        return NOTHING
    plain = re.sub(r"\[[^]]*\]$", "", value.strip())
    if "/" not in plain and not plain.startswith(".") and not plain.endswith(_ARCHIVES):
        return NOTHING
    place = relative(start, plain)
    if place in tree.paths and place:
        return files_of((place,))
    return whole(f"it installs {value}")


# --- a project that is installed in place -----------------------------------------------------


def editable(folder: str, tree: TreeFiles) -> Inputs:
    """What the editable install of the project in a folder follows from."""
    place = within(folder, "pyproject.toml")
    project = tree.toml(place) if place in tree.paths else {}
    if project is None:
        return whole(f"{place} cannot be read")
    build = table(project, "build-system")
    requires = [found[1] for text in build.get("requires", []) if (found := _NAME.match(str(text)))]
    extra = {re.sub(r"[-_.]+", "-", name).lower() for name in requires} - _REQUIRED
    backend = build.get("build-backend", "setuptools.build_meta:__legacy__")
    if backend not in _BACK_ENDS or "backend-path" in build or extra:
        why = ", ".join(sorted(extra)) or str(backend)
        return whole(f"{place} builds with {why}")
    for path, keys in _BUILDS.items():
        if stated := _keys(table(project, *path)) & set(keys):
            return whole(f"{place} sets {min(stated)}")
    if within(folder, "pdm_build.py") in tree.paths:
        return whole(f"{within(folder, 'pdm_build.py')} is run by an install")
    files = {place, *(within(folder, name) for name in ("setup.py", "setup.cfg"))}
    files |= {
        path
        for path in tree.paths
        if folder_of(path) == folder and _LICENSES.fullmatch(path.rpartition("/")[2])
    }
    readme = table(project, "project").get("readme", "")
    readme = readme.get("file", "") if isinstance(readme, dict) else readme
    files |= {relative(folder, str(readme)) or place}
    return all_of(
        (
            files_of(files & tree.paths),
            Inputs(names=_module_folders(folder, tree)),
            _texts(project, folder, tree),
            _dynamic(project, str(backend), folder, tree),
            _setup_py(within(folder, "setup.py"), tree),
            _setup_cfg(within(folder, "setup.cfg"), tree),
        )
    )


def _module_folders(folder: str, tree: TreeFiles) -> frozenset[str]:
    """The folders with modules in them, and the modules at the top."""
    modules = tree.called("*.py", "*.pyi") & (tree.below(folder) if folder else tree.paths)
    top = (path for path in modules if folder_of(path) == folder)
    return frozenset((*map(folder_of, modules), *top)) - {""}


def _keys(data: Any) -> set[str]:
    """Every key of a table and of those within it."""
    if isinstance(data, list):
        return set[str]().union(*map(_keys, data))
    if not isinstance(data, dict):
        return set()
    return {*map(str, data)}.union(*map(_keys, data.values()))


def _dynamic(project: Mapping[str, Any], backend: str, folder: str, tree: TreeFiles) -> Inputs:
    """Where the fields come from that a manifest leaves to the back end."""
    fields = table(project, "project").get("dynamic", [])
    place = within(folder, "pyproject.toml")
    if not fields and "poetry" not in backend:
        flit = table(project, "tool", "flit", "metadata")
        return whole(f"{place} has its version from a module") if flit else NOTHING
    why = f"{place} leaves {', '.join(map(str, fields))} to the build"
    if backend.startswith("setuptools"):
        stated = table(project, "tool", "setuptools", "dynamic")
        sources = [_source(value, folder, tree) for value in stated.values()]
        return all_of(one or whole(why) for one in sources)
    if backend == "hatchling.build":
        path, others = table(project, "tool", "hatch", "version"), set(fields) - {"version"}
        return _one(path.get("path"), folder, tree, bool(others) or "source" in path, why)
    if backend == "pdm.backend":
        path, others = table(project, "tool", "pdm", "version"), set(fields) - {"version"}
        wrong = bool(others) or path.get("source") != "file"
        return _one(path.get("path"), folder, tree, wrong, why)
    return NOTHING if "poetry" in backend else whole(why)


def _one(path: Any, folder: str, tree: TreeFiles, wrong: bool, why: str) -> Inputs:
    place = relative(folder, str(path)) if path and not wrong else None
    return files_of((place,)) if place in tree.paths and place else whole(why)


def _source(value: Any, folder: str, tree: TreeFiles) -> Inputs | None:
    """Files that `{file = ...}` reads, and the module that `{attr = ...}` is in."""
    if not isinstance(value, dict):
        return None
    if "file" in value:
        places = [relative(folder, str(path)) for path in _listed(value["file"])]
        if all(place in tree.paths for place in places):
            return files_of(place for place in places if place)
        return None
    if "attr" in value:
        path = str(value["attr"]).rpartition(".")[0].replace(".", "/")
        for start in ("", "src/", "lib/"):
            for name in (f"{start}{path}.py", f"{start}{path}/__init__.py"):
                place = within(folder, name)
                # Setuptools takes the value from the text, and imports where it is no constant.
                if place in tree.paths and _is_plain(tree.read(place), str(value["attr"])):
                    return files_of((place,))
        return None
    return all_of(found) if (found := _tables(value, folder, tree)) is not None else None


def _tables(value: Mapping[str, Any], folder: str, tree: TreeFiles) -> list[Inputs] | None:
    """`optional-dependencies` has one of them for each extra."""
    found = [_source(one, folder, tree) for one in value.values()]
    return None if None in found else [one for one in found if one is not None]


def _is_plain(text: str, attribute: str) -> bool:
    name = attribute.rpartition(".")[2]
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    given = [
        node.value
        for node in body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    return len(given) == 1 and isinstance(given[0], ast.Constant)


def _setup_py(path: str, tree: TreeFiles) -> Inputs:
    """A `setup.py` that states plain values, or else all of the tree: it is code."""
    if path not in tree.paths:
        return NOTHING
    try:
        body = ast.parse(tree.read(path)).body
    except (SyntaxError, ValueError, RecursionError):
        return whole(f"{path} cannot be read")
    for node in body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [one.name for one in node.names]
            modules = [node.module] if isinstance(node, ast.ImportFrom) else names
            plain = set(modules) <= {"setuptools"}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            plain = True
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            plain = _states(node.value)
        else:
            plain = False
        if not plain:
            return whole(f"{path} is code that may read the tree")
    return NOTHING


def _states(call: ast.Call) -> bool:
    """Whether a call of `setup` says nothing but plain values and where packages are."""
    if _called(call) != "setup" or call.args:
        return False
    return all(
        one.arg is not None
        and one.arg not in ("ext_modules", "cffi_modules", "cmdclass", "data_files", "scripts")
        and all(_is_value(node) for node in ast.walk(one.value))
        for one in call.keywords
    )


def _is_value(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return _called(node) in ("find_packages", "find_namespace_packages")
    if isinstance(node, ast.Name):
        return node.id in ("find_packages", "find_namespace_packages", "setuptools")
    plain = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Attribute, ast.Load, ast.keyword)
    return isinstance(node, plain)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="setuptools"), attr=name):
            return name
    return ""


def _setup_cfg(path: str, tree: TreeFiles) -> Inputs:
    if path not in tree.paths:
        return NOTHING
    read = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        read.read_string(tree.read(path))
    except (configparser.Error, ValueError):
        return whole(f"{path} cannot be read")
    found = [NOTHING]
    for section in read.sections():
        if section in ("options.data_files", "build_ext") or section.startswith("options.ext"):
            return whole(f"{path} has [{section}]")
        if section not in ("metadata", "options", "options.extras_require"):
            continue
        for key, value in read.items(section):
            if key in ("scripts", "ext_modules", "cmdclass"):
                return whole(f"{path} sets {key}")
            kind, colon, rest = value.partition(":")
            if not colon or kind.strip() not in ("file", "attr"):
                if _LOCAL_URL.search(value):
                    return whole(f"{path} installs files")
                continue
            stated = [part.strip() for part in rest.split(",")]
            asked = {"file": stated} if kind.strip() == "file" else {"attr": stated[0]}
            source = _source(asked, folder_of(path), tree)
            found.append(source or whole(f"{path} has its {key} from {rest.strip()}"))
    return all_of(found)
