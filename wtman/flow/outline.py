"""A script as it can be read without running it: what it is for, what it may start, its bounds.

`read_script` never runs a line. What it cannot tell from the text (a prompt that is put together,
a bound that is computed) it says so.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from hashlib import sha256
from math import prod
from typing import Any

from wtman.flow.declared_inputs import InputField, InputTrouble, declared_inputs, defaults
from wtman.flow.lint import AWAITED, STEPS, Names, ScriptProblem, dotted, literal, problems
from wtman.model.values import dataclass
from wtman.text.terminal import count

_SAID = 60  # characters of a prompt
REVIEWERS = 2  # of a review that names no number
_FANS = ("map", "pipeline")
_AS_MANY = ("dict.fromkeys", "enumerate", "list", "set", "sorted", "tuple")  # or fewer
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NOUNS = {"ask": "question", "merge": "train", "approve": "approval"}
_DEEPEST = 20  # functions that call each other
_COMPUTED = "(computed)"


@dataclass(frozen=True, slots=True)
class Bound:
    """How often something is done: `most` times, None where the text does not say. `fan_out` is
    the line of the fan-out whose size it is, 0 for a loop."""

    words: str
    most: int | None = None
    fan_out: int = 0


@dataclass(frozen=True, slots=True)
class CallSite:
    """One place where a step is asked for. `within` are the loops and fan-outs around it,
    `functions` the functions that it stands in, `sessions` how many it takes at least.

    `ways` are all by which `main` comes there, each with what bounds it, outermost first.
    `role`, `model` and `agent` are empty where the call says nothing, `(computed)` where the
    text does not tell.
    """

    line: int
    kind: str
    said: str
    role: str
    model: str
    agent: str
    within: tuple[str, ...]
    functions: tuple[str, ...] = ()
    sessions: int = 1
    ways: tuple[tuple[Bound, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class FileQuery:
    """What `flow.files` is asked for."""

    pattern: str
    containing: str | None


@dataclass(frozen=True, slots=True)
class FanOutSite:
    """A fan-out; `files` is set where its size is that of a search in the base."""

    line: int
    kind: str
    over: str
    files: FileQuery | None


@dataclass(frozen=True, slots=True)
class Outline:
    """All that is known of a script before it runs.

    With a problem that is no hint it must not be started. `flows` are those that it names in
    its text, `agents` those that are written out: a `command:` agent of any other text is not
    approved.
    """

    name: str
    digest: str
    about: str = ""
    inputs: tuple[InputField, ...] = ()
    phases: tuple[str, ...] = ()
    calls: tuple[CallSite, ...] = ()
    loops: tuple[tuple[int, str], ...] = ()
    fan_outs: tuple[FanOutSite, ...] = ()
    flows: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    problems: tuple[ScriptProblem, ...] = field(default=())

    @property
    def errors(self) -> tuple[ScriptProblem, ...]:
        return tuple(it for it in self.problems if not it.hint)


def read_script(
    text: str,
    name: str,
    *,
    taken: frozenset[str] = frozenset(),
    args: Mapping[str, Any] | None = None,
) -> Outline:
    """The outline of a script.

    `taken` are names of options of `wtman run`, without dashes, which no input may have.
    `args` are filled in where the text names an input; defaults are those of the script.
    """
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        tree = ast.parse(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error)
        return Outline(name, digest, problems=(ScriptProblem(line, f"syntax: {message}"),))
    found = problems(tree)
    inputs: tuple[InputField, ...] = ()
    try:
        inputs = declared_inputs(tree, text.splitlines())
        found += _clashes(inputs, taken)
    except InputTrouble as error:
        found.append(ScriptProblem(error.line, str(error)))
    values = {**defaults(inputs), **(args or {})}
    reader = _Reader(tree, values)
    return Outline(
        name,
        digest,
        about=(ast.get_docstring(tree) or "").strip(),
        inputs=inputs,
        phases=tuple(reader.phases()),
        calls=tuple(reader.calls()),
        loops=tuple(reader.loops()),
        fan_outs=tuple(reader.fan_outs()),
        flows=tuple(reader.flows()),
        agents=tuple(reader.agents()),
        problems=tuple(sorted(found, key=lambda it: it.line)),
    )


def outline_lines(outline: Outline) -> list[str]:
    """What a person is shown of an outline, problems last."""
    lines = [outline.name, *(f"  {line}" for line in outline.about.splitlines())]
    if outline.phases:
        lines.append(f"phases: {', '.join(outline.phases)}")
    for call in outline.calls:
        who = ", ".join(
            f"{name} {value}"
            for name, value in (("role", call.role), ("agent", call.agent), ("model", call.model))
            if value
        )
        about = f" ({who})" if who else ""
        lines.append(f"line {call.line}: {call.kind}{about}: {call.said}")
        lines += [f"    {around}" for around in call.within]
    for number, bound in outline.loops:
        lines.append(f"line {number}: loop: {bound}")
    for problem in outline.problems:
        word = "hint" if problem.hint else "error"
        lines.append(f"line {problem.line}: {word}: {problem.message}")
    return lines


def limits_told(outline: Outline, sizes: Mapping[int, int]) -> list[str]:
    """How many calls there are at most, and which the text does not bound.

    `sizes` are those of fan-outs in the base, by line.
    """
    most: Counter[str] = Counter()
    open_ended: dict[str, list[str]] = {}
    for call in outline.calls:
        free = [
            bound.words
            for way in call.ways
            for bound in way
            if bound.most is None and bound.fan_out not in sizes
        ]
        if free:
            words = ", ".join(dict.fromkeys(free))
            open_ended.setdefault(words, []).append(f"{call.kind} in line {call.line}")
            continue
        for way in call.ways:
            known = (sizes.get(it.fan_out, it.most or 0) for it in way)
            most[call.kind] += prod(known)
    told = ", ".join(count(number, _NOUNS.get(kind, kind)) for kind, number in most.items())
    return [
        *([f"at most {told}"] if told else []),
        *(f"not bounded by the text: {words}: {', '.join(it)}" for words, it in open_ended.items()),
    ]


def _clashes(inputs: tuple[InputField, ...], taken: frozenset[str]) -> Iterator[ScriptProblem]:
    for it in inputs:
        option = it.name.replace("_", "-")
        for word in (option, f"no-{option}" if it.kind == "bool" else option):
            if word in taken:
                yield ScriptProblem(
                    it.line, f"the input {it.name} is named like `wtman run --{word}`; rename it"
                )
                break


class _Reader:
    """Walks the syntax once and remembers what stands around each node."""

    def __init__(self, tree: ast.Module, values: Mapping[str, Any]) -> None:
        self._names = Names(tree)
        self._values = values
        self._around: dict[int, tuple[ast.AST, ...]] = {}
        self._nodes: list[ast.AST] = []
        self._visit(tree, ())
        self._constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Tuple | ast.List)
        }
        self._files = dict(self._searches())
        self._work = dict(self._workers())

    def _visit(self, node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        todo = [(node, around)]
        while todo:
            node, around = todo.pop()
            self._nodes.append(node)
            self._around[id(node)] = around
            # Backwards, so that they are taken out in the order of the text.
            children = list(ast.iter_child_nodes(node))
            todo += [(child, (*around, node)) for child in reversed(children)]

    def calls(self) -> Iterator[CallSite]:
        for node, name in self._of_flow():
            if name in STEPS:
                yield CallSite(
                    node.lineno,
                    name,
                    self._said(node, name),
                    role=self._word(node, "role"),
                    model=self._word(node, "model"),
                    agent=self._word(node, "agent"),
                    functions=tuple(
                        around.name
                        for around in self._around[id(node)]
                        if isinstance(around, _FUNCTIONS)
                    ),
                    sessions=self._reviewers(node) if name == "review" else 1,
                    within=tuple(bound.words for bound in self._within(node)),
                    ways=tuple(self._ways(node, ())),
                )

    def _reviewers(self, node: ast.Call) -> int:
        given = next((word.value for word in node.keywords if word.arg == "reviewers"), None)
        number = self._number(given, "")
        return int(number) if number.isdecimal() and len(number) < 3 else REVIEWERS

    def phases(self) -> Iterator[str]:
        for node, name in self._of_flow():
            if name == "phase" and node.args:
                yield self._text(node.args[0]) or _COMPUTED

    def flows(self) -> Iterator[str]:
        for node, name in self._of_flow():
            inner = self._text(node.args[0]) if name == "flow" and node.args else None
            if inner is not None:
                yield inner

    def agents(self) -> Iterator[str]:
        seen: set[str] = set()
        for node, _ in self._of_flow():
            said = next((word.value for word in node.keywords if word.arg == "agent"), None)
            # Only what is written out counts: an input is anybody's text.
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                if said.value not in seen:
                    seen.add(said.value)
                    yield said.value

    def loops(self) -> Iterator[tuple[int, str]]:
        for node in self._nodes:
            if isinstance(node, ast.For | ast.AsyncFor | ast.While) and self._has_step(node):
                yield node.lineno, self._bound(node).words
        for node, name in self._of_flow():
            if name == "until_dry":
                yield node.lineno, self._until_dry(node).words

    def fan_outs(self) -> Iterator[FanOutSite]:
        for node, name in self._of_flow():
            if name in _FANS and node.args:
                over = node.args[0]
                files = self._search(over)
                if files is None and isinstance(over, ast.Name):
                    files = self._files.get(over.id)
                yield FanOutSite(node.lineno, name, _shown(over), files)

    def _of_flow(self) -> Iterator[tuple[ast.Call, str]]:
        for node in self._nodes:
            name = self._names.call_of_flow(node)
            if name and isinstance(node, ast.Call):
                yield node, name

    def _has_step(self, node: ast.AST) -> bool:
        return any(self._names.call_of_flow(it) in AWAITED for it in ast.walk(node))

    def _searches(self) -> Iterator[tuple[str, FileQuery | None]]:
        """Names that are the result of one search and of nothing else."""
        seen: set[str] = set()
        for node in self._nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                around = self._around[id(node)]
                if any(isinstance(it, ast.ClassDef) for it in around):
                    continue  # a field, not a name
                search = None
                if isinstance(around[-1], ast.Assign) and node.id not in seen:
                    search = self._search(around[-1].value)
                seen.add(node.id)
                yield node.id, search

    def _search(self, node: ast.expr) -> FileQuery | None:
        if self._names.call_of_flow(node) != "files" or not isinstance(node, ast.Call):
            return None
        named = {word.arg: word.value for word in node.keywords}
        given = node.args[0] if node.args else named.get("pattern")
        containing = named.pop("containing", None)
        if isinstance(containing, ast.Attribute) and self._is_none(containing):
            containing = None
        pattern = self._text(given)
        text = None if containing is None else self._text(containing)
        if pattern is None or "at" in named or (containing is not None and text is None):
            return None
        return FileQuery(pattern, text)

    def _is_none(self, node: ast.Attribute) -> bool:
        """Whether it is an input that is not given."""
        ours = dotted(node.value) == self._names.args and node.attr in self._values
        return ours and self._values[node.attr] is None

    def _workers(self) -> Iterator[tuple[str, tuple[ast.Call, Bound]]]:
        """What each function that is handed to a fan-out is run for."""
        for node, name in self._of_flow():
            first = 1 if name in _FANS else 0
            if name in (*_FANS, "until_dry"):
                for it in node.args[first:]:
                    if isinstance(it, ast.Name):
                        yield it.id, (node, self._items(node) if first else self._until_dry(node))

    def _within(self, node: ast.AST) -> Iterator[Bound]:
        for around in self._around[id(node)]:
            if isinstance(around, _FUNCTIONS):
                if around.name in self._work:
                    yield self._work[around.name][1]
            elif (bound := self._bound_of(around)) is not None:
                yield bound

    def _ways(self, node: ast.AST, seen: tuple[str, ...]) -> Iterator[tuple[Bound, ...]]:
        """All ways from `main` to a place: by the calls of the functions that it stands in."""
        inner: tuple[Bound, ...] = ()
        for around in reversed(self._around[id(node)]):
            if isinstance(around, _FUNCTIONS):
                if around.name != "main":
                    yield from (
                        (*outer, *inner) for outer in self._ways_into(around.name, (*seen,))
                    )
                    return
            elif (bound := self._bound_of(around)) is not None:
                inner = (bound, *inner)
        yield inner

    def _ways_into(self, name: str, seen: tuple[str, ...]) -> Iterator[tuple[Bound, ...]]:
        if name in seen or len(seen) > _DEEPEST:
            yield (Bound(f"{name} calls itself"),)
            return
        calls = [it for it in self._nodes if isinstance(it, ast.Call)]
        sites = [(it, ()) for it in calls if isinstance(it.func, ast.Name) and it.func.id == name]
        handed = [self._work[name]] if name in self._work else []
        for site, bounds in (*sites, *((call, (bound,)) for call, bound in handed)):
            yield from ((*outer, *bounds) for outer in self._ways(site, (*seen, name)))
        if not sites and not handed:
            yield (Bound(f"wherever {name} is called"),)

    def _bound_of(self, node: ast.AST) -> Bound | None:
        """How often what stands in this is done, if it is a loop or a fan-out."""
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            return self._bound(node)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            over = node.generators[0].iter
            return Bound(f"for each of {_shown(over)}", self._size(over))
        if isinstance(node, ast.Lambda):
            call = self._around[id(node)][-1]
            if isinstance(call, ast.Call) and self._names.call_of_flow(call) in _FANS:
                return self._items(call)
        return None

    def _items(self, call: ast.Call) -> Bound:
        over = call.args[0]
        return Bound(f"for each of {_shown(over)}", self._size(over), call.lineno)

    def _until_dry(self, call: ast.Call) -> Bound:
        most = next((word.value for word in call.keywords if word.arg == "rounds"), None)
        number = 10 if most is None else self._integer(most)
        words = f"until dry, {self._number(most, '10')} rounds at most"
        return Bound(words, number)

    def _bound(self, node: ast.For | ast.AsyncFor | ast.While) -> Bound:
        if isinstance(node, ast.While):
            return Bound("no bound")
        over = node.iter
        if self._names.call_of_flow(over) == "rounds" and isinstance(over, ast.Call) and over.args:
            number = self._integer(over.args[0])
            words = _shown(over.args[0]) if number is None else str(number)
            return Bound(f"{words} rounds at most", number)
        if isinstance(over, ast.Call) and dotted(over.func) == "range":
            words = " to ".join(self._number(it, _shown(it)) for it in over.args[:2])
            return Bound(f"{words} times", self._size(over))
        if isinstance(over, ast.List | ast.Tuple):
            return Bound(f"{len(over.elts)} times", len(over.elts))
        return Bound(f"for each of {_shown(over)}", self._size(over))

    def _size(self, over: ast.expr) -> int | None:
        """How many items an expression has, where its text says so."""
        if isinstance(over, ast.List | ast.Tuple | ast.Set):
            return None if any(isinstance(it, ast.Starred) for it in over.elts) else len(over.elts)
        if isinstance(over, ast.Name):
            given = self._constants.get(over.id)
            return self._size(given) if given is not None else None
        if isinstance(over, ast.Subscript) and isinstance(over.slice, ast.Slice):
            start, stop = over.slice.lower, over.slice.upper
            return self._integer(stop) if start is None and stop is not None else None
        if isinstance(over, ast.Call) and dotted(over.func) in _AS_MANY and over.args:
            return self._size(over.args[0])
        if isinstance(over, ast.Call) and dotted(over.func) == "range" and over.args:
            ends = [self._integer(it) for it in over.args]
            if len(ends) <= 2 and all(end is not None for end in ends):
                return len(range(*ends))  # type: ignore[arg-type]
        return None

    def _integer(self, node: ast.expr) -> int | None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            left, right = self._integer(node.left), self._integer(node.right)
            if left is None or right is None:
                return None
            return left + right if isinstance(node.op, ast.Add) else left - right
        text = self._number(node, "")
        return int(text) if text.isdecimal() else None

    def _number(self, node: ast.expr | None, otherwise: str) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        return (self._text(node) if node is not None else None) or otherwise

    def _text(self, node: ast.expr | None) -> str | None:
        return literal(node, self._values, self._names.args)

    def _said(self, node: ast.Call, kind: str) -> str:
        title = next((word.value for word in node.keywords if word.arg == "title"), None)
        given = title or (node.args[0] if node.args else None)
        text = self._text(given) or (_shown(given) if given is not None else "")
        return _cut(text.strip().splitlines()[0] if text.strip() else "")

    def _word(self, node: ast.Call, name: str) -> str:
        given = next((word.value for word in node.keywords if word.arg == name), None)
        if given is None or (isinstance(given, ast.Constant) and given.value is None):
            return ""
        return self._text(given) or _COMPUTED


def _shown(node: ast.expr) -> str:
    return _cut(" ".join(ast.unparse(node).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _SAID else text[: _SAID - 1] + "…"
