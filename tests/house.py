"""Reads the source of the package and says where it breaks the house plan.

`violations(package)` walks every module with `ast`, so that also late imports and imports
for types count. It promises to know every module: one whose package has no place in `ORDER`
or `APART` is itself a violation. It refuses exceptions that are not written down here, each
with its reason.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.effects import EFFECTS

# Top to bottom: imports point down only, or to another file of the same package.
ORDER = (
    "__main__",
    "cli",
    "mcp",
    "ui",
    "coordinator",
    "flow",
    "merge",
    "tasks",
    "review",
    "plan",
    "sessions",
    "checks",
    "worktrees",
    "provision",
    "context",
    "config",
    "budget",
    "sandbox",
    "integration",
    "agents",
    "execution",
    "journal",
    "git",
    "formats",
    "text",
    "prices",
    "model",
    "locks",
    "inventory",
    "files",
    "errors",
)
RANK = {name: place for place, name in enumerate(reversed(ORDER))}
# Packages that run in a process of their own, and data: what of wtman they may import.
APART: dict[str, frozenset[str]] = {
    "apiagent": frozenset({"errors", "formats", "model", "prices", "text"}),
    "demo": frozenset(),
    "roles": frozenset(),
    "manual": frozenset(),
}
# Programs that lie beside who starts them. They run without site-packages, or in a process
# that is not ours: what of wtman they may import, and which file may import them.
PROGRAMS: dict[str, frozenset[str]] = {
    "execution/keeper.py": frozenset(),
    "execution/keeper_server.py": frozenset(),
    "execution/remover.py": frozenset({"execution"}),
    "sandbox/confine.py": frozenset(),
    "agents/player.py": frozenset({"errors", "formats", "model"}),
    "checks/probe/sitecustomize.py": frozenset(),
    "checks/probe/unittest_junit.py": frozenset(),
}
# What runs in a flow's own process: the API that scripts import, and what executes them. Its
# words are those of SPEC section 9, whatever the program itself calls by them.
PROGRAMS |= {
    f"flow/{name}.py": frozenset({"flow"})
    for name in (
        "__init__ api bans connection errors execution fan_out inputs loop program scopes "
        "seccomp values"
    ).split()
}
# There is one way to read the table of processes, and the keeper needs it too. How confine is
# started, and what the kernel offers it, is what its package needs to know.
IMPORTED_PROGRAMS = {
    "execution/keeper.py": "execution",
    "execution/keeper_server.py": "execution",
    "sandbox/confine.py": "sandbox",
    **{path: "flow" for path in PROGRAMS if path.startswith("flow/")},
}
STANDARD_LIBRARY_ONLY = (
    "model",
    "formats",
    "text",
    "journal",
    "locks",
    "inventory",
    "files",
    "errors",
)

DASHBOARD = frozenset(
    f"ui/dashboard/{name}.py"
    for name in "app command_screen pane_bar panes screens style task_list text_pane".split()
)

# Of the extra `map`, one wheel a language.
GRAMMARS = tuple(
    f"tree_sitter{name}" for name in ("", "_go", "_java", "_javascript", "_rust", "_typescript")
)

# Who alone may import a module: packages or files.
ONLY: dict[str, frozenset[str]] = {
    "git": frozenset({"git"}),
    "gitdb": frozenset({"git"}),
    "sqlite3": frozenset({"journal/store.py"}),
    "anthropic": frozenset({"apiagent"}),
    "typer": frozenset({"cli"}),
    "textual": DASHBOARD,
    "genai_prices": frozenset({"prices.py"}),
    **dict.fromkeys(GRAMMARS, frozenset({"plan/map/grammars.py"})),
    "subprocess": frozenset(
        {
            "git/run.py",
            "execution/spawn.py",
            "execution/keeper_starts.py",
            "execution/sweep.py",
            "execution/keeper.py",
            "agents/player.py",
            "apiagent",
            "mcp/calls.py",  # what outlives the server
        }
    ),
    "multiprocessing": frozenset(),
    "pty": frozenset(),
}
# Other ways to start a program, by their last name.
SPAWN = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
OS_SPAWN = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp"}
SPAWN_ONLY = {
    "execution/spawn.py",
    "execution/keeper_starts.py",
    "execution/sweep.py",
    "execution/keeper.py",
    "execution/keeper_server.py",
    "agents/player.py",
    "sandbox/confine.py",
    "flow/program.py",
}
# Costly: importing them when the program starts would be paid by `status` too.
LATE = {"git", "anthropic", "textual", "genai_prices", *GRAMMARS}
# Subclasses what it imports, and is itself only imported late.
LATE_ITSELF = DASHBOARD

IMPURE_MODULES = set(
    "os sys io pathlib socket ssl time random secrets uuid asyncio threading subprocess shutil "
    "tempfile glob signal select selectors multiprocessing concurrent logging urllib http getpass "
    "platform locale fcntl ctypes sqlite3 mmap resource warnings atexit pickle importlib".split()
)
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "write_text", "read_bytes", "write_bytes"}
# Nothing of these acts: a name, a class or a text.
PURE_NAMES = {
    "pathlib": {"PurePath", "PurePosixPath"},
    "signal": {"Signals"},
    "typing": {"TYPE_CHECKING"},
}
# argv has to name the interpreter that plays a recording, or that runs the api agent; and
# which modules are of the standard library is written down there.
PURE_MAY = {
    ("agents/replay.py", "sys"),
    ("agents/api.py", "sys"),
    ("flow/lint.py", "sys"),
    ("model/values.py", "exec"),  # as dataclasses does it
}

MOST_SHARE = 0.135  # of all lines, in one package
MOST_AT_THE_TOP = 8  # files
BAD_NAMES = {"util", "utils", "helper", "helpers", "manager", "handler", "common", "misc"}
BAD_SUFFIXES = ("Manager", "Helper", "Handler", "Utils")
MUTATORS = {"append", "add", "update", "extend", "pop", "clear", "setdefault", "remove", "insert"}
# A module is a noun. These are.
NOUNS_IN_ING = {"recording", "coupling", "finding"}
# The codec reads annotations as types.
JOURNALLED = ("model/", "journal/events/", "journal/record.py")


@dataclass(frozen=True)
class Module:
    """One file. `package` is its first part: `cli`, `git`, `context`, ..."""

    path: str
    package: str
    lines: int
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of its syntax."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> tuple["Import", ...]:
        """Everything that it imports, wherever."""
        return tuple(_imports(self))

    @property
    def name(self) -> str:
        """As it is imported."""
        dotted = "wtman." + self.path.removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")

    @property
    def pure(self) -> bool:
        """Whether it is judged as pure code."""
        return (
            self.path not in EFFECTS
            and self.path not in PROGRAMS
            and self.package not in APART
            and self.package not in ("__init__", "__main__")
        )


@dataclass(frozen=True)
class Import:
    """`name` is absolute; `names` are those of `from name import ...`."""

    name: str
    names: tuple[str, ...]
    line: int
    late: bool
    for_types: bool


def violations(package: Path) -> list[str]:
    """Every breach below `package` (the folder `wtman`), as `path:line: what`."""
    modules = dict(_modules(package))
    found = [
        f"{module.path}:{line}: {what}"
        for module in modules.values()
        for line, what in _judge(module, modules)
    ]
    return found + [f"{path}:{line}: {what}" for path, line, what in _of_the_whole(modules)]


def _modules(package: Path) -> Iterator[tuple[str, Module]]:
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package).as_posix()
        if path.startswith(("demo/project/", "flow/shipped/")):
            continue  # programs of a user's kind, which wtman does not import
        text = file.read_text(encoding="utf-8")
        module = Module(
            path, path.split("/")[0].removesuffix(".py"), text.count("\n"), ast.parse(text, path)
        )
        yield module.name, module


def _judge(module: Module, modules: Mapping[str, Module]) -> Iterator[tuple[int, str]]:
    if module.package not in (*ORDER, *APART, "__init__"):
        yield 1, f"{module.package} has no place in the house; give it one in tests/house.py"
        return
    yield from _shape(module)
    for item in module.imports:
        yield from ((item.line, what) for what in _direction(module, item, modules))
        yield from ((item.line, what) for what in _ownership(module, item))
        if module.pure:
            yield from ((item.line, what) for what in _pure_import(module, item, modules))
    yield from _spawns(module)
    yield from _state(module)
    if module.pure:
        yield from _impure_calls(module)


def _shape(module: Module) -> Iterator[tuple[int, str]]:
    if not ast.get_docstring(module.tree):
        yield 1, "no docstring"
    for part in module.path.removesuffix(".py").split("/"):
        if part in BAD_NAMES:
            yield 1, f"a module named {part} says nothing"
        if part.endswith("ing") and part not in NOUNS_IN_ING:
            yield 1, f"{part}: a module is a noun"
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and node.name.endswith(BAD_SUFFIXES):
            yield node.lineno, f"class {node.name}: say what it is"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "get_"
        ):
            yield node.lineno, f"{node.name}: a noun, or load_, fetch_, require_"
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if module.path.startswith(JOURNALLED) and any(
                a.name == "annotations" for a in node.names
            ):
                yield node.lineno, "the codec needs real annotations here"


def _imports(module: Module) -> Iterator[Import]:
    late: set[int] = set()
    for_types: set[int] = set()
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            late |= {id(child) for child in ast.walk(node)}
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            for_types |= {id(child) for child in ast.walk(node)}
    for node in module.nodes:
        typed = id(node) in for_types
        is_late = typed or id(node) in late
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, is_late, typed)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(_absolute(module, node), names, node.lineno, is_late, typed)
        elif isinstance(node, ast.Call) and _last_name(node.func) in (
            "import_module",
            "__import__",
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield Import(str(node.args[0].value), (), node.lineno, is_late, typed)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = ["wtman", *module.path.split("/")[:-1]]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _targets(item: Import, modules: Mapping[str, Module]) -> Iterator[str]:
    """Each module of wtman that is imported, by its dotted name."""
    if item.name.split(".")[0] != "wtman":
        return
    names = [name for name in item.names if name != "__version__"]
    at_the_front = item.name == "wtman"
    whole = [
        name
        for name in names
        if f"{item.name}.{name}" in modules or (at_the_front and name in (*RANK, *APART))
    ]
    yield from (f"{item.name}.{name}" for name in whole)
    if len(whole) < len(names) or not item.names:
        yield item.name


def _direction(module: Module, item: Import, modules: Mapping[str, Module]) -> Iterator[str]:
    for target in _targets(item, modules):
        parts = target.split(".")
        package = parts[1] if len(parts) > 1 else "__init__"
        known = modules.get(target)
        program = known.path if known is not None else "/".join(parts[1:]) + ".py"
        if module.path in PROGRAMS:
            if package not in PROGRAMS[module.path]:
                yield f"{module.path} is a program of its own and may not import {target}"
        elif program in PROGRAMS and IMPORTED_PROGRAMS.get(program) != module.package:
            yield f"{program} is a program of its own, nobody imports it"
        elif package == module.package:
            continue
        elif module.package in APART:
            if package not in APART[module.package]:
                yield f"{module.package} stands apart and may not import wtman.{package}"
        elif package in APART:
            yield f"{package} is a program of its own, nobody imports it"
        elif package not in RANK and package != "__init__":
            yield f"wtman.{package} has no place in the house"
        elif RANK.get(package, len(ORDER)) > RANK.get(module.package, len(ORDER)):
            yield f"the arrow from {module.package} to {package} points up"


def _ownership(module: Module, item: Import) -> Iterator[str]:
    root = item.name.split(".")[0]
    if root in ONLY and not ONLY[root] & {module.package, module.path}:
        yield f"only {', '.join(sorted(ONLY[root])) or 'nobody'} may import {root}"
    is_late = item.late or module.package == "apiagent" or module.path in LATE_ITSELF
    if root in LATE and not is_late:
        yield f"{root} is slow to import: inside the function that needs it"
    can = RANK.get(module.package, 0) >= RANK["model"] and module.path not in PROGRAMS
    if root == "dataclasses" and "dataclass" in item.names and can and not item.for_types:
        yield "dataclass comes from wtman.model.values, where it costs less to define one"
    outside = root not in ("wtman", "__future__") and root not in sys.stdlib_module_names
    if outside and module.package in STANDARD_LIBRARY_ONLY:
        yield f"{module.package} is standard library only, not {root}"


def _pure_import(module: Module, item: Import, modules: Mapping[str, Module]) -> Iterator[str]:
    root = item.name.split(".")[0]
    if item.for_types:
        return
    if item.names and set(item.names) <= PURE_NAMES.get(root, set()):
        return
    if root in IMPURE_MODULES and (module.path, root) not in PURE_MAY:
        yield f"is pure and may not import {root}; or name it in tests/effects.py"
    for target in _targets(item, modules):
        known = modules.get(target)
        if known is not None and known.path in EFFECTS:
            yield f"is pure and may not import {target}, which has effects"


def _impure_calls(module: Module) -> Iterator[tuple[int, str]]:
    for node in module.nodes:
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, "is pure: no async"
        if isinstance(node, ast.AsyncFunctionDef) and not _only_declared(node):
            yield node.lineno, "is pure: no async"
        if not isinstance(node, ast.Call):
            continue
        name = _last_name(node.func)
        allowed = (module.path, name) in PURE_MAY
        if isinstance(node.func, ast.Name) and name in IMPURE_CALLS and not allowed:
            yield node.lineno, f"is pure: no {name}()"
        if isinstance(node.func, ast.Attribute) and name in IMPURE_METHODS:
            yield node.lineno, f"is pure: no .{name}()"


def _only_declared(node: ast.AsyncFunctionDef) -> bool:
    """A method of a Protocol: a docstring and `...`."""
    return all(
        isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) for item in node.body
    )


def _state(module: Module) -> Iterator[tuple[int, str]]:
    """Names of the module that change while the program runs."""
    if module.path in PROGRAMS or module.package == "demo":
        return
    mutable = {
        target.id: node.lineno
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and _makes_mutable(node.value)
    }
    for node in module.nodes:
        if isinstance(node, ast.Global):
            yield node.lineno, f"{', '.join(node.names)}: no state in a module"
        changed = ""
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed = _last_name(node.value) if isinstance(node.value, ast.Name) else ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in MUTATORS and isinstance(node.func.value, ast.Name):
                changed = node.func.value.id
        if changed in mutable:
            yield node.lineno, f"{changed}: no state in a module"


def _makes_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return _last_name(value.func) in {"dict", "list", "set", "defaultdict", "deque"}
    return isinstance(
        value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp
    )


def _spawns(module: Module) -> Iterator[tuple[int, str]]:
    if module.path in SPAWN_ONLY:
        return
    for node in module.nodes:
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


# --- the package as a whole ---------------------------------------------------------------------


def _of_the_whole(modules: Mapping[str, Module]) -> Iterator[tuple[str, int, str]]:
    top = [module.path for module in modules.values() if "/" not in module.path]
    if len(top) > MOST_AT_THE_TOP:
        yield top[-1], 1, f"{len(top)} files at the top, {MOST_AT_THE_TOP} at most"
    for circle in _circles(modules):
        yield modules[circle[0]].path, 1, f"a circle: {' -> '.join(circle)}"
    for path in sorted(EFFECTS - {module.path for module in modules.values()}):
        yield path, 1, "is named in tests/effects.py and not there"
    yield from _classes(modules)


def shares(package: Path) -> dict[str, float]:
    """The share of each package in all lines, the programs in it included."""
    lines: dict[str, int] = {}
    for _, module in _modules(package):
        lines[module.package] = lines.get(module.package, 0) + module.lines
    return {name: count / sum(lines.values()) for name, count in lines.items()}


def _classes(modules: Mapping[str, Module]) -> Iterator[tuple[str, int, str]]:
    """Public class names that are defined a second time."""
    first: dict[str, str] = {}
    for module in modules.values():
        if module.path in PROGRAMS or module.package == "demo":
            continue
        for node in module.tree.body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if node.name in first:
                yield module.path, node.lineno, f"{node.name} is defined in {first[node.name]} too"
            first.setdefault(node.name, module.path)


def _circles(modules: Mapping[str, Module]) -> list[list[str]]:
    """Modules that import each other, also through others and also late (Tarjan, 1972)."""
    edges = {
        name: sorted(
            {
                target
                for item in module.imports
                for target in _targets(item, modules)
                if target in modules and target != name
            }
        )
        for name, module in modules.items()
    }
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for target in edges[name]:
            if target not in number:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], number[target])
        if low[name] == number[name]:
            at = stack.index(name)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for name in modules:
        if name not in number:
            visit(name)
    return found


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
