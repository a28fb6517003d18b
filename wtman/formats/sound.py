"""Whether a text that was put together is still what both of its sources were.

Pure. Promises that a joined Python, JSON or TOML file parses if both sides do, that
brackets of other languages still come in pairs, and that no name has two meanings: a
function, class, key, constant or requirement that each side has once and the join twice.
Says nothing of what the text means: for that there are checks.
"""

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from posixpath import basename, splitext
from typing import Any

from wtman.text.late_pattern import late

Names = Counter[tuple[str, ...]]  # how often each has got a meaning, by where


def meanings(path: str, content: bytes) -> Names | None:
    """What a file gives names to; None where it is not well-formed."""
    return _read(_reader(path), content)


def sound(joined: Names | None, sides: Sequence[Names | None]) -> bool:
    """Whether the joined text is as well-formed as both sides are."""
    if None in sides:
        return True  # what the sides are not need not come out of them
    return joined is not None and all(
        number <= max(side[name] for side in sides if side is not None)
        for name, number in joined.items()
        if number > 1
    )


Reader = Callable[[bytes], Names]


def _reader(path: str) -> Reader:
    name = basename(path).lower()
    if "requirements" in name and name.endswith((".txt", ".in")):
        return _requirements
    return _BY_NAME.get(name) or _BY_SUFFIX.get(splitext(name)[1], _code)


def _read(read: Reader, content: bytes) -> Names | None:
    try:
        return read(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _twice(kind: str, keys: Iterable[object]) -> Names:
    """Those of the keys of one table that are there more than once."""
    counted = Counter(map(repr, keys))
    return Counter({(kind, key): number for key, number in counted.items() if number > 1})


# --- Python -----------------------------------------------------------------------------------

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _python(content: bytes) -> Names:
    tree = ast.parse(content)
    compile(tree, "joined", "exec", dont_inherit=True)  # refuses one parameter twice
    lines = content.splitlines()
    names: Names = Counter()
    waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            place = (*place, getattr(node, "name", ""))
            found = {
                (name, meaning)
                for item in node.body
                for name, meaning in _bound(item, node, place, lines)
            }
            names.update(name for name, _ in found)  # the same once more does no harm
        elif isinstance(node, ast.Dict):
            names += _twice(
                "key", (key.value for key in node.keys if isinstance(key, ast.Constant))
            )
        elif isinstance(node, ast.List | ast.Tuple):
            names += _wanted(item.value for item in node.elts if isinstance(item, ast.Constant))
        waiting += [(child, place) for child in ast.iter_child_nodes(node)]
    return names


def _bound(
    item: ast.stmt, node: ast.AST, place: tuple[str, ...], lines: Sequence[bytes]
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """What a statement of a module, class or function gives a meaning, and its text."""
    text = b"\n".join(lines[item.lineno - 1 : item.end_lineno])
    if isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        if not item.decorator_list:  # as of a property's setter, or an overload
            yield (*place, item.name), text
        return
    if isinstance(node, _FUNCTIONS):
        return  # a variable may have one value after the other
    if isinstance(item, ast.Assign):
        targets, value = item.targets, item.value
    elif isinstance(item, ast.AnnAssign) and item.value is not None:
        targets, value = [item.target], item.value
    else:
        return
    used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    names = sorted({part.id for part in targets if isinstance(part, ast.Name)} - used - {"_"})
    yield from (((*place, name), text) for name in names)
    if isinstance(node, ast.ClassDef) and isinstance(value, ast.Constant):
        kinds = [ast.unparse(kind) for kind in node.bases]
        if any(kind.endswith(("Enum", "Flag")) for kind in kinds):
            yield (*place, "=", repr(value.value)), text  # one number makes two members one


# --- data -------------------------------------------------------------------------------------


def _json(content: bytes) -> Names:
    names: Names = Counter()

    def table(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal names
        names += _twice("key", (key for key, _ in items))
        return dict(items)

    json.loads(content, object_pairs_hook=table)
    return names


def _toml(content: bytes) -> Names:
    names: Names = Counter()
    waiting: list[Any] = [tomllib.loads(content.decode())]  # refuses a key that is there twice
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            names += _wanted(value)
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
    return names


_REQUIREMENT = late(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:[<>=!~]=|[<>@]).*", re.S)


def _wanted(values: Iterable[object]) -> Names:
    """Packages that a list of requirements names more than once; other lists may repeat."""
    texts = [value.partition(";") for value in values if isinstance(value, str)]
    found = [(_REQUIREMENT.fullmatch(text), marker) for text, _, marker in texts]
    return _twice("package", ((item[1].lower(), marker) for item, marker in found if item))


def _requirements(content: bytes) -> Names:
    return _wanted(line.partition("#")[0] for line in content.decode().splitlines())


_MODULE = late(rb"^\s*(?:require\s+|replace\s+)?(\S+)\s+(?:v\d|=>)", re.M)


def _go_mod(content: bytes) -> Names:
    return _balanced(content) + _twice("module", _MODULE.findall(content))


_KEY = late(r"( *)((?:- +)*)(?:([\w./$-]+|\"[^\"]*\"|'[^']*')\s*(?::(?=\s|$)|$))?")


def _yaml(content: bytes) -> Names:
    """Keys of YAML by the indentation they have; an entry of a list is a place of its own."""
    names: Names = Counter()
    above: list[tuple[int, str]] = []
    block = -1  # what is deeper is a text of many lines
    for number, line in enumerate(content.decode().splitlines()):
        found = _KEY.match(line)
        if not line.strip() or line.lstrip().startswith("#") or found is None:
            continue
        depth, dashes, key = len(found[1]), len(found[2]), found[3]
        if line.startswith("---"):
            above = [(-1, str(number))]
            continue
        if block >= 0 and depth > block:
            continue
        block = depth if line.rstrip().endswith(("|", ">", "|-", ">-", "|+", ">+")) else -1
        while above and above[-1][0] >= depth + (1 if dashes else 0):
            above.pop()
        if dashes:
            while above and above[-1][0] >= depth:
                above.pop()
            above.append((depth, f"- {number}"))
        if key is not None and line.rstrip() != key:
            names["key", *(name for _, name in above), key] += 1
            above.append((depth + dashes, key))
    return names


_SETTING = late(r"(?:\[(.+)\]|(?:export\s+)?([^\s=:#;\[][^=:]*?)\s*[=:].*)\s*")


def _ini(content: bytes) -> Names:
    names: Names = Counter()
    section = ""
    for line in content.decode().splitlines():
        found = _SETTING.fullmatch(line)
        if found is not None:
            section = found[1] or section
            names["key", section, found[2] or ""] += 1 if found[2] else 0
    return names


# --- everything else --------------------------------------------------------------------------

_BRACKET = late(rb"[(){}\[\]]")
_TOP = late(
    rb"^(?:(?:export|default|pub(?:\([^)]*\))?|async|abstract|public|final)\s+)*"
    rb"(?:function\*?|func|fn|class|struct|enum|trait|interface|type|const|let|mod|module)\s+"
    rb"(?:\(\s*\w*\s*([^)]*)\)\s*)?([\w$]+)",
    re.M,
)


def _code(content: bytes) -> Names:
    return _balanced(content) + _twice("top", _TOP.findall(content))


def _balanced(content: bytes) -> Names:
    """Nothing; ValueError where brackets do not come in pairs."""
    found = Counter(_BRACKET.findall(content))
    for one, two in ((b"(", b")"), (b"[", b"]"), (b"{", b"}")):
        if found[one] != found[two]:
            raise ValueError(f"{one!r} without {two!r}")
    return Counter()


def _prose(content: bytes) -> Names:
    return Counter()


_BY_NAME: dict[str, Reader] = {"go.mod": _go_mod, ".env": _ini}
_BY_SUFFIX: dict[str, Reader] = {
    ".py": _python,
    ".pyi": _python,
    ".json": _json,
    ".toml": _toml,
    ".yml": _yaml,
    ".yaml": _yaml,
    ".ini": _ini,
    ".cfg": _ini,
    ".properties": _ini,
    ".md": _prose,
    ".rst": _prose,
    ".txt": _prose,
}
