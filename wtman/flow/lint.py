"""What is wrong with a script, found without running it: each with its line and the fix.

A problem would end the script sooner or later, or make it ask for other steps when it is
resumed; a hint is advice. What it does not see, the script's process and the pipe still hold.
"""

import ast
import sys
from collections.abc import Iterator, Mapping

from wtman.flow.misuse import misused
from wtman.flow.reproducibility import INSTEAD
from wtman.model.values import dataclass

STEPS = frozenset({"session", "ask", "command", "review", "merge", "plan", "approve"})
AWAITED = STEPS | {"map", "gather", "pipeline", "until_dry", "flow"}
_NO_FILES = "use flow.read and flow.files: a flow sees no files"
_NO_PROGRAMS = "use flow.command: a flow starts no programs"
_NO_NETWORK = "a flow has no network: have a session do it"
_MODULES = {
    "subprocess": _NO_PROGRAMS,
    "multiprocessing": "use flow.map",
    "concurrent": "use flow.map",
    "threading": "use flow.map",
    "socket": _NO_NETWORK,
    "ssl": _NO_NETWORK,
    "http": _NO_NETWORK,
    "urllib.request": _NO_NETWORK,
    "ctypes": "a flow is plain Python",
    "tempfile": _NO_FILES,
    "shutil": _NO_FILES,
    "glob": _NO_FILES,
    "logging": "use flow.log",
}
_CALLS = {
    "open": _NO_FILES,
    "input": "use flow.approve",
    "exec": "write the code out",
    "eval": "write the code out",
    "os.system": _NO_PROGRAMS,
    "os.popen": _NO_PROGRAMS,
    "os.getenv": "use an input (class Args(Inputs)): the environment is empty",
    "os.listdir": _NO_FILES,
    "os.walk": _NO_FILES,
    "sys.exit": "return from main",
    "exit": "return from main",
}


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """`line` counts from 1; a `hint` does not keep the script from running."""

    line: int
    message: str
    hint: bool = False


def problems(tree: ast.Module) -> list[ScriptProblem]:
    """Everything that is found, by line."""
    names = Names(tree)
    found = [
        *_main(tree),
        *_imports(tree),
        *_calls(tree, names),
        *_forgotten(tree, names),
        *_loops(tree, names),
        *_unordered(tree, names),
        *(ScriptProblem(line, said) for line, said in misused(tree, names, frozenset(AWAITED))),
    ]
    return sorted(set(found), key=lambda it: (it.line, it.message))


class Names:
    """What the names of a script stand for, as far as its text tells."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported = dict(_imported(tree))
        self._flows = {"flow"}
        self.args = "args"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                places = [*node.args.posonlyargs, *node.args.args]
                self._flows |= {
                    it.arg for it in places if it.annotation and dotted(it.annotation) == "Flow"
                }
                if node.name == "main" and node in tree.body:
                    self._flows |= {it.arg for it in places[:1]}
                    self.args = places[1].arg if len(places) > 1 else self.args

    def full(self, node: ast.expr) -> str:
        """The dotted name that an expression stands for, imports followed; else empty."""
        name = dotted(node)
        first, dot, rest = name.partition(".")
        return self._imported.get(first, first) + dot + rest

    def call_of_flow(self, node: ast.AST) -> str:
        """`session` for `flow.session(...)`; empty for anything else."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if self.is_flow(node.func.value):
                return node.func.attr
        return ""

    def is_flow(self, node: ast.expr) -> bool:
        """Whether it is the flow that `main` gets."""
        return dotted(node) in self._flows


def dotted(node: ast.expr) -> str:
    """`a.b.c` for such an expression, empty for any other."""
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
                else:
                    yield alias.name.partition(".")[0], alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _main(tree: ast.Module) -> Iterator[ScriptProblem]:
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "main"
    ]
    if not found:
        yield ScriptProblem(1, "there is no main: write `async def main(flow: Flow, args: Args):`")
        return
    main = found[-1]
    if not isinstance(main, ast.AsyncFunctionDef):
        yield ScriptProblem(main.lineno, "main is not async: write `async def main(...)`")
    if not 1 <= len(main.args.args) + len(main.args.posonlyargs) <= 2:
        yield ScriptProblem(main.lineno, "main takes the flow and its inputs: main(flow, args)")


def _imports(tree: ast.Module) -> Iterator[ScriptProblem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            line = node.lineno
            root = name.partition(".")[0]
            instead = _MODULES.get(name) or _MODULES.get(root)
            if instead is not None:
                yield ScriptProblem(line, f"import of {name}: {instead}")
            elif name != "wtman.flow" and root not in (*sys.stdlib_module_names, "pydantic"):
                yield ScriptProblem(
                    line,
                    f"import of {name}: a flow imports the standard library, pydantic and "
                    "wtman.flow",
                )


def _calls(tree: ast.Module, names: Names) -> Iterator[ScriptProblem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and names.full(node) == "os.environ":
            yield ScriptProblem(node.lineno, f"os.environ: {_CALLS['os.getenv']}")
        if not isinstance(node, ast.Call):
            continue
        name = names.full(node.func)
        instead = INSTEAD.get(name) or _CALLS.get(name)
        if name == "random.Random" and not node.args:
            instead = INSTEAD["random.random"]
        if name == "print":
            yield ScriptProblem(node.lineno, "print: use flow.log, which the report has", hint=True)
        elif instead is not None:
            yield ScriptProblem(node.lineno, f"{name}: {instead}")


def _forgotten(tree: ast.Module, names: Names) -> Iterator[ScriptProblem]:
    """Calls whose answer nobody awaits."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            call = names.call_of_flow(node.value)
            if call in AWAITED:
                yield ScriptProblem(
                    node.lineno, f"flow.{call} is not awaited: `await flow.{call}(...)`"
                )
        if isinstance(node, ast.AsyncFunctionDef):
            for inner in _own(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    call = names.call_of_flow(inner.value)
                    if call in AWAITED:
                        yield ScriptProblem(
                            inner.lineno,
                            f"flow.{call} is not awaited: `return await flow.{call}(...)`",
                        )


def _loops(tree: ast.Module, names: Names) -> Iterator[ScriptProblem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.While) and _has_step(node, names):
            yield ScriptProblem(
                node.lineno, "a loop without a bound: write `for number in flow.rounds(10):`"
            )


def _has_step(node: ast.AST, names: Names) -> bool:
    return any(names.call_of_flow(it) in AWAITED for it in ast.walk(node))


def _unordered(tree: ast.Module, names: Names) -> Iterator[ScriptProblem]:
    """Steps after an await in a function of which several run at once, without a key."""
    together = _together(tree, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and node.name in together:
            awaits = [it for it in _own(node) if isinstance(it, ast.Await)]
            first = min((it.lineno for it in awaits), default=sys.maxsize)
            scoped = {
                id(inner)
                for it in _own(node)
                if isinstance(it, ast.With)
                and any(names.call_of_flow(item.context_expr) == "scope" for item in it.items)
                for inner in ast.walk(it)
            }
            for it in _own(node):
                if id(it) in scoped:
                    continue
                call = names.call_of_flow(it)
                keyed = isinstance(it, ast.Call) and any(w.arg == "key" for w in it.keywords)
                if call in STEPS and not keyed and getattr(it, "lineno", 0) > first:
                    yield ScriptProblem(
                        getattr(it, "lineno", 0),
                        f"flow.{call}: {node.name} runs several times at once in one scope; if "
                        "the calls can be equal, give key=, or use flow.map",
                        hint=True,
                    )


def _together(tree: ast.Module, names: Names) -> set[str]:
    """Functions whose calls are handed to gather or made into tasks."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if last in ("gather", "create_task", "ensure_future"):
            for argument in node.args:
                for it in ast.walk(argument):
                    if isinstance(it, ast.Call) and isinstance(it.func, ast.Name):
                        found.add(it.func.id)
    return found


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The syntax of a function without that of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def literal(node: ast.expr | None, values: Mapping[str, object], args: str) -> str | None:
    """The text of an expression that is written out, inputs filled in; None if it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute) and dotted(node.value) == args and node.attr in values:
        return str(values[node.attr])
    if isinstance(node, ast.JoinedStr):
        parts: list[str] = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            text = literal(inner, values, args)
            if text is None:
                return None
            parts.append(text)
        return "".join(parts)
    return None
