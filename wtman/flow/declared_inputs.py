"""The inputs of a script, read from its text without running it."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from wtman.model.values import dataclass

SCALARS = ("str", "int", "float", "bool")


@dataclass(frozen=True, slots=True)
class InputField:
    """One input. `kind` is str, int, float, bool or choice; `many`: a list of these.

    `default` is a JSON value, and says nothing where it is `required`. `optional`: it may be
    null.
    """

    name: str
    kind: str
    line: int
    required: bool
    default: Any = None
    many: bool = False
    optional: bool = False
    choices: tuple[str | int, ...] = ()
    help: str = ""


class InputTrouble(ValueError):
    """A field that cannot become an option; `line` is its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def declared_inputs(tree: ast.Module, lines: list[str]) -> tuple[InputField, ...]:
    """The fields of the last class that is made from `Inputs`. Raises InputTrouble."""
    known: dict[str, dict[str, InputField]] = {}
    found: dict[str, InputField] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases = [_last(base) for base in node.bases]
        if "Inputs" not in bases and not any(base in known for base in bases):
            continue
        found = {}
        for base in bases:
            found |= known.get(base, {})
        found |= {it.name: it for it in _fields(node, lines)}
        known[node.name] = found
    return tuple(found.values())


def _fields(node: ast.ClassDef, lines: list[str]) -> Iterator[InputField]:
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        name = item.target.id
        if name.startswith("_") or _last(item.annotation) == "ClassVar":
            continue
        kind = _type(item.annotation, name)
        required, default, said = _default(item.value, name, item.lineno)
        text = said or _comment(item, lines)
        yield InputField(
            name, **kind, line=item.lineno, required=required, default=default, help=text
        )


def _type(node: ast.expr, name: str) -> dict[str, Any]:
    optional = False
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        optional, node = len(sides) == 1, sides[0] if len(sides) == 1 else node
    elif isinstance(node, ast.Subscript) and _last(node.value) == "Optional":
        optional, node = True, node.slice
    if isinstance(node, ast.Subscript) and _last(node.value) in ("list", "List"):
        inner = _type(node.slice, name)
        if not inner["many"] and not inner["optional"]:
            return inner | {"many": True, "optional": optional}
    if isinstance(node, ast.Subscript) and _last(node.value) == "Literal":
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        values = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        if all(isinstance(value, str | int) for value in values):
            return {"kind": "choice", "choices": tuple(values), "many": False, "optional": optional}
    if isinstance(node, ast.Name) and node.id in SCALARS:
        return {"kind": node.id, "many": False, "optional": optional}
    raise InputTrouble(
        node.lineno,
        f"the input {name} is of a type that is no option: use str, int, float, bool, Literal[...],"
        " a list of these, or one of these `| None`",
    )


def _default(value: ast.expr | None, name: str, line: int) -> tuple[bool, Any, str]:
    """Whether it is required, else its default, and the help that `Field` gives."""
    if value is None:
        return True, None, ""
    if not (isinstance(value, ast.Call) and _last(value.func) == "Field"):
        return False, _literal(value, name, line), ""
    named = {word.arg: word.value for word in value.keywords if word.arg}
    said = named.get("description")
    text = _literal(said, name, line) if said is not None else ""
    given = value.args[0] if value.args else named.get("default")
    if given is not None and not (isinstance(given, ast.Constant) and given.value is ...):
        return False, _literal(given, name, line), str(text)
    factory = named.get("default_factory")
    if isinstance(factory, ast.Name) and factory.id == "list":
        return False, [], str(text)
    if factory is not None:
        raise InputTrouble(line, f"the input {name} has a default that is made; write it out")
    return True, None, str(text)


def _literal(node: ast.expr, name: str, line: int) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise InputTrouble(
            line, f"the input {name} has a default that is computed; write it out"
        ) from None
    return list(value) if isinstance(value, tuple) else value


def _comment(item: ast.AnnAssign, lines: list[str]) -> str:
    """The comment behind a field; columns of the tree are bytes."""
    last = lines[(item.end_lineno or item.lineno) - 1].encode()
    rest = last[item.end_col_offset :].decode().strip()
    return rest.lstrip("# ").strip() if rest.startswith("#") else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _last(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def defaults(fields: tuple[InputField, ...]) -> Mapping[str, Any]:
    """The inputs where nothing is given."""
    return {it.name: it.default for it in fields if not it.required}
