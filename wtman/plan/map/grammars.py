"""What a text defines, by the grammar of its language where the extra `map` is installed.

tree-sitter reads JavaScript, TypeScript, Go, Rust and Java as their compilers do; the shape is
that of `formats/definitions.py`, which reads everything else, and these too without the extra.
Grammars are of single languages, in wheels: nothing is downloaded at run time. Pure.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wtman.formats.definitions import definitions
from wtman.model.places import Definition

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, QueryCursor

_MOST, _DEEP = 2_000_000, 12  # characters that are read; names in a name
_SCRIPT = {
    "class_declaration": "class",
    "abstract_class_declaration": "class",
    "interface_declaration": "interface",
    "enum_declaration": "enum",
    "type_alias_declaration": "type",
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "function_signature": "function",
    "method_definition": "function",
}
# What a node of a grammar is called; a node without a word defines nothing by itself.
_KINDS: dict[str, dict[str, str]] = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "go": {
        "function_declaration": "function",
        "method_declaration": "function",
        "type_spec": "type",
        "type_alias": "type",
    },
    "rust": {
        "struct_item": "struct",
        "enum_item": "enum",
        "union_item": "union",
        "trait_item": "trait",
        "impl_item": "impl",
        "mod_item": "module",
        "function_item": "function",
        "macro_definition": "macro",
        "const_item": "constant",
        "static_item": "constant",
        "type_item": "type",
    },
    "java": {
        "class_declaration": "class",
        "interface_declaration": "interface",
        "enum_declaration": "enum",
        "record_declaration": "record",
        "annotation_type_declaration": "interface",
        "method_declaration": "function",
        "constructor_declaration": "function",
    },
}
_ENDINGS = {
    **dict.fromkeys(("js", "jsx", "mjs", "cjs"), "javascript"),
    **dict.fromkeys(("ts", "mts", "cts"), "typescript"),
    **{"tsx": "tsx", "go": "go", "rs": "rust", "java": "java"},
}
# What gives a name to a value, which may be a function.
_VALUED = ("variable_declarator", "public_field_definition", "field_definition", "pair")
_SPECS = ("const_spec", "var_spec")
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function", "class"})
_ABOVE = frozenset({"attribute_item", "decorator"})  # that belong to what follows them


def exact_definitions(path: str, text: str) -> tuple[Definition, ...]:
    """What the file of this name defines; as `definitions`, more exactly where that can be."""
    language = _ENDINGS.get(path.rpartition(".")[2].lower(), "")
    reader = _reader(language) if language and 0 < len(text) <= _MOST else None
    if reader is None:
        return definitions(path, text)
    parser, cursor = reader
    root = parser.parse(text.encode("utf-8", "replace")).root_node
    nodes = cursor.captures(root).get("it", [])
    found = sorted(_defined(nodes, language), key=lambda item: (item.first, -item.last))
    return tuple(dict.fromkeys(found))


def grammars_known() -> bool:
    """Whether the extra is installed."""
    return _reader("go") is not None


@lru_cache(maxsize=8)
def _reader(language: str) -> "tuple[Parser, QueryCursor] | None":
    """The parser of a language, and what finds the nodes in a tree that may define something;
    None where its grammar is not installed."""
    try:
        from tree_sitter import Language, Parser, Query, QueryCursor

        grammar = Language(_grammar(language))
        wanted = (*_KINDS[language], *_VALUED, *_SPECS)
        nodes = " ".join(f"({it})" for it in wanted if grammar.id_for_node_kind(it, True))
        return Parser(grammar), QueryCursor(Query(grammar, f"[{nodes}] @it"))
    except (ImportError, ValueError):  # not there, or made for another version
        return None


def _grammar(language: str) -> Any:
    match language:
        case "javascript":
            import tree_sitter_javascript as javascript

            return javascript.language()
        case "typescript" | "tsx":
            import tree_sitter_typescript as typescript

            wide = language == "tsx"
            return typescript.language_tsx() if wide else typescript.language_typescript()
        case "go":
            import tree_sitter_go as go

            return go.language()
        case "rust":
            import tree_sitter_rust as rust

            return rust.language()
    import tree_sitter_java as java

    return java.language()


def _defined(nodes: "Sequence[Node]", language: str) -> Iterator[Definition]:
    """What these nodes of a tree define, each below the name of what it is in."""
    kinds = _KINDS[language]
    around: list[tuple[int, str]] = []  # where a definition ends, its name
    for node in sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte)):
        while around and around[-1][0] <= node.start_byte:
            around.pop()
        inside = around[-1][1] if around else ""
        kind, name = _named(node, kinds.get(node.type, ""), inside)
        name = f"{inside}.{name}" if inside and name else name
        if kind and name and name.count(".") < _DEEP:
            around.append((node.end_byte, name))
            yield Definition(name, kind, _first(node), node.end_point[0] + 1)


def _named(node: "Node", kind: str, inside: str) -> tuple[str, str]:
    """What a node defines, and its name; nothing where it defines nothing."""
    if node.type in _VALUED:
        return _valued(node, inside)
    if node.type in _SPECS:
        alone = node.parent is not None and node.parent.named_child_count == 1
        return ("constant", _text(node, "name")) if alone and not inside else ("", "")
    if not kind:
        return "", ""
    if node.type == "impl_item":
        return kind, _text(node, "type").partition("<")[0].rpartition("::")[2]
    if node.type == "mod_item" and node.child_by_field_name("body") is None:
        return "", ""
    if kind == "constant" and inside:
        return "", ""
    name = _text(node, "name").strip("\"'")
    if node.type == "method_declaration" and (owner := _receiver(node)):
        return kind, f"{owner}.{name}"
    return kind, name


def _valued(node: "Node", inside: str) -> tuple[str, str]:
    """A name that a function, a class or, at the top of a file, any value is given to."""
    name = _text(node, "name") or _text(node, "property") or _text(node, "key")
    value = node.child_by_field_name("value")
    if not name.replace("_", "a").replace("$", "a").replace("#", "a").isalnum():
        return "", ""  # a pattern, or a key that is no name
    if value is not None and value.type in _FUNCTIONS:
        return "class" if value.type == "class" else "function", name
    up = node.parent.parent if node.parent is not None else None
    at_top = up is not None and up.type in ("program", "export_statement")
    return ("constant", name) if node.type == "variable_declarator" and at_top else ("", "")


def _receiver(node: "Node") -> str:
    """The type that a method of Go belongs to."""
    receiver = node.child_by_field_name("receiver")
    said = (receiver.text or b"").decode("utf-8", "replace").strip("()") if receiver else ""
    return said.split(" ")[-1].strip("*").partition("[")[0] if said.strip() else ""


def _first(node: "Node") -> int:
    """The first line, with what stands above it and belongs to it."""
    first = node
    while (before := first.prev_named_sibling) is not None and before.type in _ABOVE:
        first = before
    up = node.parent
    if up is not None and up.type in ("export_statement", "lexical_declaration", "type_declaration",
                                      "const_declaration", "var_declaration"):  # fmt: skip
        alone = up.type == "export_statement" or up.named_child_count == 1
        if alone and up.start_point[0] <= first.start_point[0]:
            return _first(up)
    return int(first.start_point[0]) + 1


def _text(node: "Node", field: str) -> str:
    found = node.child_by_field_name(field)
    return (found.text or b"").decode("utf-8", "replace") if found is not None else ""
