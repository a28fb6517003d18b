"""Reads the source of the package and says where it breaks the house plan.

`violations(package)` walks every module with `ast`, so that also late imports
and imports for types count. It promises to know every module: one that has no
place in `RANK` or `APART` is itself a violation. It refuses exceptions that are
not written down here, each with its reason.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Higher may import lower. Rooms of one rank do not know each other.
RANK = {
    "errors": 0,
    "core": 1,
    "agents": 2,
    "git": 3,
    "process": 3,
    "store": 3,
    "config": 3,
    "trust": 3,
    "doing": 3,
    "executors": 4,
    "sandbox": 4,
    "finding": 4,
    "notifying": 4,
    "network": 4,
    "checkouts": 5,
    "environment": 5,
    "watching": 5,
    "brakes": 5,
    "guarding": 5,
    "guarded": 4,
    "context": 6,
    "clashes": 6,
    # What several stages share: the worktree of a task, and what is done in one.
    "worktree": 7,
    "setup": 7,
    "furnishing": 8,
    "launching": 8,
    "clearing": 8,
    "checking": 8,
    "collecting": 9,
    "expecting": 9,
    "attaching": 9,
    "noticing": 8,
    "asking": 9,
    "reproducing": 9,
    "retire": 9,
    "assembly": 7,
    "proving": 8,
    "taking": 7,
    "probes": 7,
    "pointing": 7,
    "patchset": 7,
    "stages": 10,
    "pipeline": 11,
    "opening": 11,
    "verify": 11,
    "ui": 12,
    "flow": 12,
    "cli": 13,
    "__main__": 14,
    "__init__": 14,
}
# Programs and data of their own: what of wtman they may import. The keeper runs
# without site-packages (`-I -S`), so it cannot import any of it.
APART: dict[str, frozenset[str]] = {
    "keeper": frozenset(),
    "confine": frozenset(),
    "player": frozenset({"core", "errors"}),
    "apiagent": frozenset({"core", "errors"}),
    "witness": frozenset(),
    "roles": frozenset(),
    "demo": frozenset(),
}
# There is one way to read the table of processes, and the keeper needs it too.
# How confine is started, and what the kernel offers it, is what a tier needs to know.
MAY_IMPORT_APART = {("process", "keeper"), ("sandbox", "confine")}
# Files of one room that must not know each other.
STRANGERS = {"stages"}

# Who alone may import a module; a name without a dot is a room, else a file.
ONLY = {
    "git": {"git"},
    "gitdb": {"git"},
    "sqlite3": {"store"},
    "anthropic": {"apiagent"},
    "typer": {"cli"},
    "textual": {"ui"},
    "subprocess": {"git/run.py", "process.py", "keeper.py", "player.py", "apiagent"},
    "multiprocessing": set(),
    "pty": set(),
}
# Other ways to start a program, by their last name.
SPAWN = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
OS_SPAWN = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp"}
SPAWN_ONLY = {"process.py", "keeper.py", "player.py", "confine.py"}
# Costly: importing them when the program starts would be paid by `status` too.
LATE = {"git", "anthropic", "textual"}
# Subclasses what it imports, and is itself only imported late.
LATE_ITSELF = {"ui/dashboard.py"}

PURE = {"core", "agents"}
IMPURE_MODULES = set(
    "os sys io pathlib socket ssl time random secrets uuid asyncio threading subprocess shutil "
    "tempfile glob signal select selectors multiprocessing concurrent logging urllib http getpass "
    "platform locale fcntl ctypes sqlite3 mmap resource warnings atexit pickle".split()
)
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "write_text", "read_bytes", "write_bytes"}
# The recording is played by a program of this interpreter, and argv must name it.
PURE_MAY = {("agents/replay.py", "sys"), ("agents/api.py", "sys")}
PURE_NAMES = {"pathlib": {"PurePath", "PurePosixPath"}, "signal": {"Signals"}}

MOST_LINES = 500
BAD_NAMES = {"util", "utils", "helper", "helpers", "manager", "handler", "common", "misc"}
BAD_SUFFIXES = ("Manager", "Helper", "Handler", "Utils")
# The codec reads annotations as types.
JOURNALLED = {
    "core/model.py",
    "core/events.py",
    "core/events_brakes.py",
    "core/events_planning.py",
    "core/events_reviews.py",
    "core/findings.py",
    "core/matrix.py",
    "core/actions.py",
}


@dataclass(frozen=True)
class Module:
    """One file of the package. `room` is its first part: `core`, `process`, ..."""

    path: str
    room: str
    lines: int
    tree: ast.Module


@dataclass(frozen=True)
class Import:
    """`name` is absolute; `names` are those of `from name import ...`."""

    name: str
    names: tuple[str, ...]
    line: int
    late: bool


def violations(package: Path) -> list[str]:
    """Every breach below `package` (the folder `wtman`), as `path:line: what`."""
    found: list[str] = []
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package).as_posix()
        text = file.read_text(encoding="utf-8")
        room = path.split("/")[0].removesuffix(".py")
        module = Module(path, room, text.count("\n"), ast.parse(text, path))
        for line, what in _judge(module):
            found.append(f"{path}:{line}: {what}")
    return found


def _judge(module: Module) -> Iterator[tuple[int, str]]:
    if module.room not in RANK and module.room not in APART:
        yield 1, f"{module.room} has no place in the house; give it one in tests/house.py"
        return
    yield from _shape(module)
    for item in _imports(module):
        yield from ((item.line, what) for what in _direction(module, item))
        yield from ((item.line, what) for what in _ownership(module, item))
        if module.room in PURE:
            yield from ((item.line, what) for what in _pure_import(module, item))
    yield from _spawns(module)
    if module.room in PURE:
        yield from _impure_calls(module)


def _shape(module: Module) -> Iterator[tuple[int, str]]:
    if not ast.get_docstring(module.tree):
        yield 1, "no docstring"
    if module.lines > MOST_LINES:
        yield MOST_LINES, f"{module.lines} lines, {MOST_LINES} at the very most"
    for part in module.path.removesuffix(".py").split("/"):
        if part in BAD_NAMES:
            yield 1, f"a module named {part} says nothing"
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and node.name.endswith(BAD_SUFFIXES):
            yield node.lineno, f"class {node.name}: say what it is"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "get_"
        ):
            yield node.lineno, f"{node.name}: a noun, or load_, fetch_, require_"
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if module.path in JOURNALLED and any(a.name == "annotations" for a in node.names):
                yield node.lineno, "the codec needs real annotations here"


def _imports(module: Module) -> Iterator[Import]:
    late = {
        id(child)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types(node)
        for child in ast.walk(node)
    }
    for node in ast.walk(module.tree):
        is_late = id(node) in late
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, is_late)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(_absolute(module, node), names, node.lineno, is_late)
        elif isinstance(node, ast.Call) and _last_name(node.func) in (
            "import_module",
            "__import__",
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield Import(str(node.args[0].value), (), node.lineno, is_late)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING"


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = ["wtman", *module.path.split("/")[:-1]]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _targets(item: Import) -> Iterator[tuple[str, str]]:
    """(room, file below it) of each thing of wtman that is imported."""
    parts = item.name.split(".")
    if parts[0] != "wtman":
        return
    if len(parts) > 1:
        yield parts[1], ".".join(parts[2:3])
        return
    for name in item.names or ("__init__",):
        known = name in RANK or name in APART
        yield (name if known or name == "__version__" else "__init__"), ""


def _direction(module: Module, item: Import) -> Iterator[str]:
    for room, file in _targets(item):
        if room == "__version__":
            continue
        if room == module.room:
            own = module.path.removesuffix(".py").split("/")[-1]
            names = {file} if file else {n for n in item.names if n != own}
            if room in STRANGERS and own != "__init__" and names - {own}:
                yield f"files of {room}/ never import each other"
        elif module.room in APART:
            if room not in APART[module.room]:
                yield f"{module.room} stands apart and may not import wtman.{room}"
        elif room in APART:
            if (module.room, room) not in MAY_IMPORT_APART:
                yield f"{room} is a program of its own, nobody imports it"
        elif room not in RANK:
            yield f"wtman.{room} has no place in the house"
        elif RANK[room] == RANK[module.room]:
            yield f"{module.room} and {room} do not know each other"
        elif RANK[room] > RANK[module.room]:
            yield f"the arrow from {module.room} to {room} points up"


def _ownership(module: Module, item: Import) -> Iterator[str]:
    root = item.name.split(".")[0]
    if root in ONLY and not ONLY[root] & {module.room, module.path}:
        yield f"only {', '.join(sorted(ONLY[root])) or 'nobody'} may import {root}"
    is_late = item.late or module.room == "apiagent" or module.path in LATE_ITSELF
    if root in LATE and not is_late:
        yield f"{root} is slow to import: inside the function that needs it"


def _pure_import(module: Module, item: Import) -> Iterator[str]:
    root = item.name.split(".")[0]
    if item.names and set(item.names) <= PURE_NAMES.get(root, set()):
        return
    if root in IMPURE_MODULES and (module.path, root) not in PURE_MAY:
        yield f"{module.room} is pure and may not import {root}"
    elif root != "wtman" and root not in sys.stdlib_module_names:
        yield f"{module.room} is standard library only, not {root}"


def _impure_calls(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, f"{module.room} is pure: no async"
        if not isinstance(node, ast.Call):
            continue
        name = _last_name(node.func)
        if isinstance(node.func, ast.Name) and name in IMPURE_CALLS:
            yield node.lineno, f"{module.room} is pure: no {name}()"
        if isinstance(node.func, ast.Attribute) and name in IMPURE_METHODS:
            yield node.lineno, f"{module.room} is pure: no .{name}()"


def _spawns(module: Module) -> Iterator[tuple[int, str]]:
    if module.path in SPAWN_ONLY:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "asyncio"):
            for alias in node.names:
                if _starts_program(node.module, alias.name):
                    yield node.lineno, f"only {', '.join(sorted(SPAWN_ONLY))} may {alias.name}"
        if isinstance(node, ast.Attribute):
            owner = _last_name(node.value)
            if _starts_program(owner, node.attr):
                yield node.lineno, f"only {', '.join(sorted(SPAWN_ONLY))} may {node.attr}"


def _starts_program(owner: str, name: str) -> bool:
    if owner == "os":
        return name in OS_SPAWN or name.startswith(("exec", "spawn"))
    return name in SPAWN or (owner == "asyncio" and name == "subprocess")


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
