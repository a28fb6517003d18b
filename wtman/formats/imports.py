"""Which names a text of source uses."""

import ast
import posixpath
import re
from collections.abc import Mapping

_SCRIPT = re.compile(r"""(?:from|import|require\()\s*["'](\.[^"']+)["']""")
SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts")


def uses(texts: Mapping[str, str]) -> frozenset[str]:
    """The modules that these files import: dotted for Python, paths without end for scripts."""
    found: set[str] = set()
    for path, text in texts.items():
        if path.endswith(".py"):
            found |= _python(path, text)
        elif path.endswith(SCRIPTS):
            folder = posixpath.dirname(path)
            for name in _SCRIPT.findall(text):
                found.add(_stem(posixpath.normpath(posixpath.join(folder, name))))
    return frozenset(found)


def _python(path: str, text: str) -> set[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    package = path.split("/")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *(node.module.split(".") if node.module else [])]
            name = ".".join(parts)
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)} if name else set()
    return found


def is_used(path: str, used: frozenset[str]) -> bool:
    if path.endswith(SCRIPTS):
        stem = _stem(path)
        return stem in used or stem.removesuffix("/index") in used
    if not path.endswith(".py"):
        return False
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    # `src/shop/cart.py` is imported as shop.cart: any folder above may be on the path.
    return any(dotted == name or dotted.endswith(f".{name}") for name in used)


def _stem(path: str) -> str:
    for end in SCRIPTS:
        if path.endswith(end):
            return path.removesuffix(end)
    return path
