"""Calls of `flow` that are not meant like that: each with its line and the fix. Part of `lint`.

Held against the API as it is, so that what it names is there.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Protocol

from wtman.text.words import did_you_mean

_FIELDS = frozenset({"run", "base", "args", "budget", "random"})
_LISTS = frozenset({"owns", "tools", "lenses", "checks", "options"})
_FANS = ("map", "pipeline")
Told = Iterator[tuple[int, str]]


class ScriptNames(Protocol):
    """What the names of a script stand for."""

    def is_flow(self, node: ast.expr) -> bool:
        """Whether it is the flow."""
        ...

    def call_of_flow(self, node: ast.AST) -> str:
        """`session` for `flow.session(...)`; empty for anything else."""
        ...


@cache
def _calls() -> Mapping[str, inspect.Signature]:
    from wtman.flow.api import Flow  # pydantic takes its time

    return {
        name: inspect.signature(function)
        for name, function in vars(Flow).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


def misused(tree: ast.Module, names: ScriptNames, awaited: frozenset[str]) -> Told:
    """Everything that is found. `awaited` are the calls that have to be awaited."""
    yield from _imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and names.is_flow(node.value):
            known = {*_calls(), *_FIELDS}
            if node.attr not in known:
                near = did_you_mean(node.attr, known)
                yield node.lineno, f"there is no flow.{node.attr}{near}"
        if isinstance(node, ast.Call) and (call := names.call_of_flow(node)) in _calls():
            yield from _arguments(node, call)
            yield from _fan(tree, node, call, names)
        if isinstance(node, ast.Await) and (call := names.call_of_flow(node.value)):
            if call in _calls() and call not in awaited:
                yield node.lineno, f"flow.{call} answers at once: drop the `await`"
        if isinstance(node, ast.AsyncFor) and names.call_of_flow(node.iter):
            yield node.lineno, "write a plain `for`"
        if isinstance(node, ast.Expr | ast.Return) and node.value is not None:
            if names.call_of_flow(node.value) == "give_up":
                yield node.lineno, "write `raise flow.give_up(...)`"
        if isinstance(node, ast.AsyncFunctionDef):
            yield from _unawaited(node, names, awaited)


def _imports(tree: ast.Module) -> Told:
    from wtman.flow import __all__ as given

    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "wtman.flow" and not node.level:
            for alias in node.names:
                if alias.name not in (*given, "*"):
                    near = did_you_mean(alias.name, given)
                    yield node.lineno, f"wtman.flow has no {alias.name}{near}"


def _arguments(node: ast.Call, call: str) -> Told:
    takes = _calls()[call].parameters
    for word in node.keywords:
        if word.arg is not None and word.arg not in takes:
            near = did_you_mean(word.arg, takes)
            yield word.value.lineno, f"flow.{call} takes no {word.arg}={near}"
        if word.arg in _LISTS and isinstance(word.value, ast.Constant | ast.JoinedStr):
            if getattr(word.value, "value", "") is not None:
                text = ast.unparse(word.value)
                yield word.value.lineno, f"{word.arg} is a list: write {word.arg}=[{text}]"
        if word.arg == "returns" and isinstance(word.value, ast.Constant) and word.value.value:
            yield (
                word.value.lineno,
                "returns is a type, such as str, list[str] or a pydantic model, or a JSON schema",
            )


def _fan(tree: ast.Module, node: ast.Call, call: str, names: ScriptNames) -> Told:
    """What is handed to a fan-out: a list, and functions that are async."""
    if call not in _FANS or not node.args:
        return
    items, *functions = node.args
    if isinstance(items, ast.Constant | ast.JoinedStr):
        yield items.lineno, f"flow.{call} takes a list: write [{ast.unparse(items)}]"
    for it in functions:
        if isinstance(it, ast.Call) and isinstance(it.func, ast.Name):
            yield it.lineno, f"hand over the function itself: flow.{call}(..., {it.func.id})"
        if isinstance(it, ast.Name) and _is_sync(tree, it.id, names):
            yield it.lineno, f"{it.id} is not async: write `async def {it.id}(...)`"


def _is_sync(tree: ast.Module, name: str, names: ScriptNames) -> bool:
    """Whether the function of this name is plain, and returns no call of `flow` either."""
    found = [it for it in ast.walk(tree) if isinstance(it, ast.FunctionDef) and it.name == name]
    return any(not any(map(names.call_of_flow, ast.walk(it))) for it in found)


def _unawaited(function: ast.AsyncFunctionDef, names: ScriptNames, awaited: frozenset[str]) -> Told:
    """Names that hold a call which nobody awaits, and that are used as its answer."""
    held: dict[str, tuple[int, str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            call = names.call_of_flow(node.value)
            if call in awaited:
                held[node.targets[0].id] = (node.lineno, call)
    for name, (line, call) in held.items():
        if _used_as_answer(function, name, names):
            yield line, f"flow.{call} is not awaited: `{name} = await flow.{call}(...)`"


def _used_as_answer(function: ast.AsyncFunctionDef, name: str, names: ScriptNames) -> bool:
    def is_it(node: ast.AST | None) -> bool:
        return isinstance(node, ast.Name) and node.id == name

    used = False
    for node in ast.walk(function):
        if isinstance(node, ast.Await) and is_it(node.value):
            return False
        if isinstance(node, ast.Attribute):
            used |= is_it(node.value)
        elif isinstance(node, ast.Return):
            used |= is_it(node.value)
        elif isinstance(node, ast.Call) and names.call_of_flow(node) not in ("", "gather"):
            used |= any(map(is_it, (*node.args, *(word.value for word in node.keywords))))
    return used
