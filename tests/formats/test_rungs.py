"""What a person would make of two changes at one place, and what nobody can decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.rungs import BESIDE, UNION, WITHIN, Clash, texts
from wtman.formats.sound import meanings, sound
from wtman.formats.three_way import beside, touching, weave
from wtman.formats.tokens import compared, lines_of, within

Row = tuple[str, str, str, str, str, str]  # path, base, ours, theirs, joined, rung

JOINED: dict[str, Row] = {
    "names of an import": (
        "a.py",
        "from m import A, B\n",
        "from m import A, B, X\n",
        "from m import A, B, Y\n",
        "from m import A, B, X, Y\n",
        WITHIN,
    ),
    "names before others": (
        "a.py", "f(b)\n", "f(a1, b)\n", "f(a2, b)\n", "f(a1, a2, b)\n", WITHIN,
    ),
    "strings of __all__": (
        "a.py", "x = ['a']\n", "x = ['a', 'b']\n", "x = ['a', 'c']\n",
        "x = ['a', 'b', 'c']\n", WITHIN,
    ),
    "a list that is closed behind its last line": (
        "package.json",
        '{\n  "a": "1"\n}\n',
        '{\n  "a": "1",\n  "b": "1"\n}\n',
        '{\n  "a": "1",\n  "c": "1"\n}\n',
        '{\n  "a": "1",\n  "b": "1",\n  "c": "1"\n}\n',
        WITHIN,
    ),
    "parameters where there were none": (
        "a.py",
        "def f():\n    pass\n",
        "def f(a):\n    pass\n",
        "def f(b=1):\n    pass\n",
        "def f(a, b=1):\n    pass\n",
        WITHIN,
    ),
    "entries where there were none": (
        "a.json",
        '{"a": {}}\n',
        '{"a": {\n  "x": 1\n}}\n',
        '{"a": {\n  "y": 1\n}}\n',
        '{"a": {\n  "x": 1,\n  "y": 1\n}}\n',
        WITHIN,
    ),
    "a name less and a name more": (
        "a.py",
        "from m import A, B\n",
        "from m import A\n",
        "from m import A, B, C\n",
        "from m import A, C\n",
        WITHIN,
    ),
    "an import less and an import more": (
        "a.py",
        "import a\nimport b\n",
        "import a\n",
        "import a\nimport b\nimport c\n",
        "import a\nimport c\n",
        BESIDE,
    ),
    "columns that both aligned anew": (
        "a.go",
        "type T struct {\n\tA int\n}\n",
        "type T struct {\n\tA   int\n\tBcd int\n}\n",
        "type T struct {\n\tA     int\n\tCdefg int\n}\n",
        "type T struct {\n\tA     int\n\tBcd int\n\tCdefg int\n}\n",
        WITHIN,
    ),
    "terms at both ends of a line": (
        "a.py", "x = b + c\n", "x = a + b + c\n", "x = b + c + d\n", "x = a + b + c + d\n", WITHIN,
    ),
    "a term that the other side has, too": (
        "a.py", "x = 1\n", "x = 1 + a\n", "x = 1 + a + b\n", "x = 1 + a + b\n", WITHIN,
    ),
    "parameter and return type": (
        "a.py",
        "def f(a):\n    pass\n",
        "def f(a, b):\n    pass\n",
        "def f(a) -> int:\n    pass\n",
        "def f(a, b) -> int:\n    pass\n",
        WITHIN,
    ),
    "each its own line": (
        "a.toml", "a = 1\nb = 1\n", "a = 2\nb = 1\n", "a = 1\nb = 2\n", "a = 2\nb = 2\n", BESIDE,
    ),
    "an edit and a line below it": (
        "a.txt", "a\n", "a2\nmore\n", "a\nother\n", "a2\nmore\nother\n", BESIDE,
    ),
    "methods with a common end": (
        "a.py",
        "",
        "def a():\n    x()\n    return 1\n\n",
        "def b():\n    y()\n    return 1\n\n",
        "def a():\n    x()\n    return 1\n\ndef b():\n    y()\n    return 1\n\n",
        UNION,
    ),
    "one import on both sides": (
        "a.go", "", 'import "a"\nimport "b"\n', 'import "a"\nimport "c"\n',
        'import "a"\nimport "b"\nimport "c"\n', UNION,
    ),
    "what ours has already": ("a.txt", "", "a\nb\nc\n", "b\n", "a\nb\nc\n", UNION),
    "arms of a match": (
        "a.rs", "", " E::A => 1,\n", " E::B => 2,\n", " E::A => 1,\n E::B => 2,\n", UNION,
    ),
    "members of one namespace": (
        "a.rs", "[E::A]\n", "[E::A, E::B]\n", "[E::A, E::C]\n", "[E::A, E::B, E::C]\n", WITHIN,
    ),
    "the same question about two results": (
        "a.go",
        "",
        "x, err := f()\nif err != nil {\n\treturn a(err)\n}\n",
        "y, err := g()\nif err != nil {\n\treturn b(err)\n}\n",
        "x, err := f()\nif err != nil {\n\treturn a(err)\n}\n"
        "y, err := g()\nif err != nil {\n\treturn b(err)\n}\n",
        UNION,
    ),
    "no end of the last line": ("a.txt", "a", "a\nb", "a\nc", "a\nb\nc", WITHIN),
}  # fmt: skip

REFUSED: dict[str, Row] = {
    "one word changed twice": ("a.py", "x = 1\n", "x = 2\n", "x = 3\n", "", ""),
    "a version": ("a.toml", 'v = "1.2.0"\n', 'v = "1.3.0"\n', 'v = "1.2.1"\n', "", ""),
    "a version without quotes": ("a.cfg", "v = 1.2.0\n", "v = 1.3.0\n", "v = 1.2.1\n", "", ""),
    "an edit of what was removed": ("a.txt", "a\nb\nc\n", "a\nc\n", "a\nb2\nc\n", "", ""),
    "a line below what was removed": ("a.txt", "a\nb\n", "a\n", "a\nb\nc\n", "", ""),
    "words beside a rewritten line": ("a.md", "mine\n", "mine and more\n", "yours\n", "", ""),
    "one key of JSON": (
        "a.json",
        '{\n"a": 1\n}\n',
        '{\n"a": 1,\n"k": 1\n}\n',
        '{\n"a": 1,\n"k": 2\n}\n',
        "",
        "",
    ),
    "one key of a dict": (
        "a.py", "d = {'a': 1}\n", "d = {'a': 1, 'k': 1}\n", "d = {'a': 1, 'k': 2}\n", "", "",
    ),
    "one key of YAML": ("a.yml", "", "k: 1\n", "k: 2\n", "", ""),
    "one member of an enum": (
        "a.py",
        "class E(Enum):\n    A = 1\n",
        "class E(Enum):\n    A = 1\n    B = 2\n",
        "class E(Enum):\n    A = 1\n    B = 3\n",
        "",
        "",
    ),
    "one value of an enum": (
        "a.py",
        "class E(Enum):\n    A = 1\n",
        "class E(Enum):\n    A = 1\n    B = 2\n",
        "class E(Enum):\n    A = 1\n    C = 2\n",
        "",
        "",
    ),
    "one parameter": (
        "a.py",
        "def f(a):\n    pass\n",
        "def f(a, k=1):\n    pass\n",
        "def f(a, k=2):\n    pass\n",
        "",
        "",
    ),
    "one function": ("a.py", "", "def f():\n    return 1\n", "def f():\n    return 2\n", "", ""),
    "one function of Go": (
        "a.go", "", "func F() int {\n\treturn 1\n}\n", "func F() int {\n\treturn 2\n}\n", "", "",
    ),
    "one package": ("requirements.txt", "a==1\n", "a==1\nb==1\n", "a==1\nb==2\n", "", ""),
    "a statement less and a statement more": (
        "a.py",
        "def f():\n    a()\n    b()\n",
        "def f():\n    a()\n",
        "def f():\n    a()\n    b()\n    c()\n",
        "",
        "",
    ),
    "two types in the place of none": ("a.py", "x: A\n", "x: A[B]\n", "x: A[C]\n", "", ""),
    "two ways out of one block": (
        "a.js", "", "  a();\n  return 1;\n", "  b();\n  return 2;\n", "", "",
    ),
    "two answers to one question": (
        "a.txt",
        "",
        "    if x is None:\n        return 0\n",
        "    if x is None:\n        raise ValueError\n",
        "",
        "",
    ),
    "conditions": ("a.py", "if x:\n", "if x and a:\n", "if x and b:\n", "", ""),
    "conditions of two kinds": ("a.py", "if x:\n", "if x and a:\n", "if x or b:\n", "", ""),
    "terms with a comment": ("a.py", "x = 1\n", "x = 1 + 0  # a\n", "x = 1 + 0  # b\n", "", ""),
    "a comment and a term": ("a.py", "x = 1\n", "x = 1  # a\n", "x = 1 + 0\n", "", ""),
    "an entry behind a comment": ("a.py", "a, b\n", "a, b, c  # d\n", "a, b, e\n", "", ""),
    "terms": ("a.py", "x = 1\n", "x = 1 + a\n", "x = 1 + b\n", "", ""),
    "calls of a chain": ("a.py", "f()\n", "f().a()\n", "f().b()\n", "", ""),
    "statements of a line": ("a.js", "a();\n", "a(); b();\n", "a(); c();\n", "", ""),
    "words of a sentence": ("a.md", "a text\n", "a text and more\n", "a text, less\n", "", ""),
    "a quote of each": ("a.txt", "'a'\n", "'a b'\n", "'a' \"c\n", "", ""),
}  # fmt: skip


def joined(path: str, base: str, ours: str, theirs: str) -> list[tuple[str, str]]:
    """The sound texts of a file of which all that changed clashes."""
    sides = [lines_of(text.encode()) for text in (base, ours, theirs)]
    seen = [meanings(path, b"".join(side)) for side in sides[1:]]
    made = [(b"".join(item.lines), item.rung) for item in texts([Clash(*sides)])]
    return [(text.decode(), rung) for text, rung in made if sound(meanings(path, text), seen)]


@pytest.mark.parametrize("name", JOINED)
def test_what_a_person_would_join_without_thinking(name: str) -> None:
    path, base, ours, theirs, wanted, rung = JOINED[name]
    found = joined(path, base, ours, theirs)
    assert found[:1] == [(wanted, rung)]
    mirrored = joined(path, base, theirs, ours)
    assert {sorted_words(text) for text, _ in mirrored} == {sorted_words(text) for text, _ in found}


def sorted_words(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split()))


@pytest.mark.parametrize("name", REFUSED)
def test_what_only_somebody_who_knows_can_decide(name: str) -> None:
    path, base, ours, theirs, *_ = REFUSED[name]
    assert joined(path, base, ours, theirs) == []
    assert joined(path, base, theirs, ours) == []


PART = st.sampled_from([b"a", b"b", b"c", b",", b" ", b"  ", b"\n", b"(", b")"])
TEXT = st.lists(PART, max_size=12)


@given(TEXT, TEXT, TEXT)
def test_pieces_hold_every_token_of_all_versions(
    base: list[bytes], ours: list[bytes], theirs: list[bytes]
) -> None:
    left, right = compared(base, ours), compared(base, theirs)
    assert left is not None and right is not None
    for side in (left, right):
        ends = [(span.a1, span.b1) for span in side.spans]
        assert all(
            span.a0 > a and span.b0 > b for (a, b), span in zip(ends, side.spans[1:], strict=False)
        )
    for meets in (touching, beside, within):
        at = (0, 0, 0)
        for piece in weave(left, right, meets):
            assert (piece.b0, piece.o0, piece.t0) == at
            same = base[piece.b0 : piece.b1]
            assert piece.who not in ("kept", "theirs") or ours[piece.o0 : piece.o1] == same
            assert piece.who not in ("kept", "ours") or theirs[piece.t0 : piece.t1] == same
            at = (piece.b1, piece.o1, piece.t1)
        assert at == (len(base), len(ours), len(theirs))


def test_the_same_twice_is_one_meaning() -> None:
    once, other = b"def f():\n    return 1\n", b"def f():\n    return 2\n"
    seen = [meanings("a.py", once)] * 2
    assert sound(meanings("a.py", once + b"\n\n" + once), seen)
    assert not sound(meanings("a.py", once + b"\n\n" + other), seen)
    assert not sound(meanings("a.py", once + b")"), seen)
