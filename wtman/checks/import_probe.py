"""Does a check see the checkout that it runs in?

Through an editable install a test run may import the main checkout and pass
whatever a branch does. The import probe (`wtman/checks/probe/sitecustomize.py`) notes
where the repository's own packages were found; here is what follows from it.
Pure: paths are compared as text, so both sides give real paths.
"""

import json
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any

from wtman.model.check import CheckCommand, below
from wtman.model.values import dataclass

ROOTS = ("", "src/", "lib/", "python/")

# Folders and modules at a root that nobody imports as the product.
_NOT_PRODUCT = frozenset(
    "test tests testing doc docs example examples sample samples script scripts tool tools bin "
    "bench benchmark benchmarks setup conftest noxfile tasks fabfile versioneer manage build dist "
    "ci src lib python node_modules vendor third_party venv env site-packages".split()
)
_MOST_NAMES = 500  # what the import probe gets has to fit into one environment variable
_DEPTH = 3  # how deep a namespace package is searched for real ones


@dataclass(frozen=True, slots=True)
class ImportOrigin:
    """Where a check found the repository's own code: inside, outside, mixed or unknown."""

    kind: str
    detail: str = ""


def own_names(files: Iterable[str]) -> tuple[str, ...]:
    """The importable names that the repository itself provides, from its list of files."""
    python = [path for path in files if path.endswith(".py")]
    folders = {path.rsplit("/", 1)[0] for path in python if path.endswith("/__init__.py")}
    names: set[str] = set()
    for path in python:
        for root in ROOTS:
            if path.startswith(root):
                names.update(_name(path[len(root) :], root, folders))
    return tuple(sorted(names)[:_MOST_NAMES])


def _name(path: str, root: str, folders: set[str]) -> Iterable[str]:
    """The shortest importable name that a file below a root belongs to, if any."""
    parts = path.removesuffix(".py").split("/")
    if parts[0] in _NOT_PRODUCT or not all(part.isidentifier() for part in parts):
        return
    if len(parts) == 1:
        yield parts[0]
        return
    for depth in range(1, min(len(parts), _DEPTH + 1)):
        if root + "/".join(parts[:depth]) in folders:
            yield ".".join(parts[:depth])
            return
    # Without `__init__.py` it is a namespace package, which only a source root makes likely.
    if root and len(parts) <= _DEPTH and not root.startswith("lib"):
        yield ".".join(parts)


def own_workspaces(files: Iterable[str], package_json: bytes | None) -> bool:
    """Whether the repository is a node workspace, whose packages link to one another."""
    if any(name in ("pnpm-workspace.yaml", "lerna.json") for name in files):
        return True
    try:
        body = json.loads(package_json or b"{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and bool(body.get("workspaces"))


def read_records(texts: Iterable[bytes]) -> tuple[dict[str, Any], ...]:
    """The records of the import probe, one a process; what does not read is left out."""
    records = []
    for text in texts:
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and isinstance(record.get("modules"), dict):
                records.append(record)
    return tuple(records)


def seen(records: Iterable[Mapping[str, Any]], checkout: str, names: Iterable[str]) -> ImportOrigin:
    """Where the processes of one check found `names`, with the checkout's real path."""
    wanted = set(names)
    inside: set[str] = set()
    outside: dict[str, str] = {}
    for record in records:
        for name, places in record["modules"].items():
            if name not in wanted or not isinstance(places, list):
                continue
            for place in (place for place in places if isinstance(place, str)):
                if place == checkout or place.startswith(checkout.rstrip("/") + "/"):
                    inside.add(name)
                else:
                    outside.setdefault(name, place)
    detail = ", ".join(f"{name} from {place}" for name, place in sorted(outside.items())[:3])
    if outside and inside:
        return ImportOrigin("mixed", detail)
    if outside:
        return ImportOrigin("outside", detail)
    return ImportOrigin("inside" if inside else "unknown")


def blind_hint(files: Iterable[str], command: str) -> str:
    """The lines of `wtman.toml` that make a blind check look at its checkout."""
    paths = set(files)
    check = CheckCommand.of(command)
    if check.folder:
        paths = set(below(files, check.folder))
    direct = check.run.startswith("command:")
    text = check.run.removeprefix("command:")
    words = text.split()
    root = _source_root(paths)
    if direct:
        said = f"command:env PYTHONPATH={root} {text}"
    else:
        # Of several commands an assignment in front would reach the first alone.
        several = any(mark in text for mark in ";&|()`$<>")
        said = f"export PYTHONPATH={root}; {text}" if several else f"PYTHONPATH={root} {text}"
    first = f"check = {_toml(said, check.folder)}"
    if not {"pyproject.toml", "setup.py", "setup.cfg"} & paths or not words:
        return f"put the checkout first, in wtman.toml: {first}"
    program = words[0].rsplit("/", 1)[-1]
    tool = " pytest" if "pytest" in text else ""
    if program.startswith("python"):
        call = " ".join([".venv/bin/python", *words[1:]])
    elif program in ("pytest", "py.test", "nose2"):
        call = " ".join([".venv/bin/python", "-m", program.replace(".", ""), *words[1:]])
    else:
        return f"put the checkout first, in wtman.toml: {first}"
    within = f"cd {quote(check.folder)} && " if check.folder else ""
    setup = f"{within}python3 -m venv .venv && .venv/bin/python -m pip install -q -e .{tool}"
    return (
        f"give each checkout an environment of its own, in wtman.toml: setup = {_toml(setup)} "
        f"and check = {_toml(call, check.folder)}; or put the checkout first: {first}"
    )


def _toml(text: str, folder: str = "") -> str:
    said = json.dumps(text, ensure_ascii=False)
    if folder:
        said = f"{{run = {said}, in = {json.dumps(folder, ensure_ascii=False)}}}"
    return f"[{said}]"


def _source_root(paths: set[str]) -> str:
    for root in ("src/", "python/", "lib/"):
        if any(path.startswith(root) and path.endswith(".py") for path in paths):
            return root.rstrip("/")
    return "."
