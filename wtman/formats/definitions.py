"""What a text of source defines: names qualified by what they stand in, with their lines.

Python is read by its own parser where that takes the text; everything else, and Python that is
half written, by a scanner that knows how the common languages spell heads (source_languages) and
nests them by braces or by indent. Never raises; data, prose and minified text define nothing.

Classes, functions, methods, types and what a file gives a name at its top. Lines begin with
decorators and annotations. Ranges are nested: what overlaps lies inside.
"""

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from wtman.formats.source_languages import Language, language_of, named
from wtman.model.places import Definition
from wtman.model.values import dataclass
from wtman.text.late_pattern import late

_MOST = 2_000_000  # characters of a text that is read
_DENSE = 400  # characters a line, on average: nobody wrote that by hand
_MOST_FOUND = 20_000
_DEEP = 12  # names in a name

_ESCAPE = late(r"(\\[\n\r\"'\\])|\\")
_TEXT = "\x01"  # in place of what is quoted
_BRACKET = late(r"[(){}\[\]]")
_MARK = late(r"[(){}\[\];]")
_MARK_OR_END = late(r"[(){}\[\];\n]")
_CALL = late(
    r"(?<![\w.@#$>-])(operator\s*[^\s\w(]{1,3}|"
    r"~?[A-Za-z_$#][\w$]*(?:(?:<[^<>;{}()\n]*>)?::~?[A-Za-z_]\w*)*)\s*(?=[(<])"
)
_TYPED_FRONT = late(r"[\w\s<>\[\],.?&*:@~()\"]*")
_NOT_IN_FRONT = late(
    r"\b(?:return|new|else|throw|case|goto|delete|await|yield|using|typedef|define)\b|[=(\[:,]\s*$"
)
_SCRIPT_FRONT = late(
    r"[ \t]*(?:(?:public|private|protected|static|async|readonly|override|abstract|get|set|\*)"
    r"[ \t]*)*"
)
_NO_METHOD = frozenset(
    "if for while switch catch return function new else do try with super this import typeof "
    "await yield throw delete sizeof defined foreach using lock fixed when synchronized in of "
    "case assert static_assert alignas decltype noexcept __attribute__ requires default "
    "void".split()
)
_CONTAINERS = frozenset(
    "class interface struct enum record trait impl union protocol extension actor object module "
    "namespace".split()
)
_FIELD = late(
    r"^[ \t]*(?:(?:public|private|protected|static|readonly|override|async)[ \t]+)*"
    r"(?P<name>#?[\w$]+)[ \t]*[:=][ \t]*(?:async\b\s*)?"
    r"(?:function\b|[\w$]+[ \t]*=>|\([^()]*\)[^\n=;{]*=>)",
    re.MULTILINE,
)
_TALL = 40  # lines of an annotation
_CLOSED = late(r"([ \t]*)[)\]}]+[ \t]*$", re.MULTILINE)
_ABOVE = late(r"\s*(?:@[\w.]+|#!?\[|\[\w[^\n]*\]\s*$|template\s*<)")
_GOES_ON = late(
    r"\s*(?:[.{=:?&|+)\]}>]|->|=>|where\b|throws\b|rethrows\b|extends\b|implements\b|with\b)"
)
_OPEN_END = late(r"(?:[=,:+\-*/&|?(\[{<]|->|=>|\bwhere|\bextends|\bimplements|\bwith)\s*$")
_GENERIC = late(r"<[^<>]*>")
_PARAMETERS_OF_TYPE = late(r"<(?:[^<>;{}()=]|<[^<>;{}()=]*>)*>\s*(?=\()")
_TAIL = late(r"[ \t]*[;)\],]+")
_BEHIND = late(r"[(){};,=]|\n")
_FAR = 6000  # characters that a head may take
_LONGEST_LINE = 400  # in front of a name


@dataclass(slots=True)
class _Found:
    """A definition by its place in the text."""

    name: str
    kind: str
    start: int  # where its first line starts
    end: int  # where its last line ends, or before that
    owner: str = ""


def definitions(path: str, text: str) -> tuple[Definition, ...]:
    """What the file of this name defines, in order of its lines. Pure, and never raises."""
    language = language_of(path)
    if language is None or not text or len(text) > _MOST:
        return ()
    if language.name == "python" and (parsed := _of_python(text)) is not None:
        return _nested(parsed)
    if len(text) > _DENSE * (text.count("\n") + 1):
        return ()
    return _nested(_scanned(language, text))


def _of_python(text: str) -> list[Definition] | None:
    """By Python's own parser; None where it refuses the text."""
    if "\\" in text:
        # What an escape stands for matters to nobody here, and Python warns of unknown ones.
        text = _ESCAPE.sub(lambda found: found[1] or "/", text)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: list[Definition] = []
    named: set[str] = set()
    waiting: list[tuple[str, Iterable[ast.AST]]] = [("", tree.body)]
    while waiting:
        inside, nodes = waiting.pop()
        for node in nodes:
            name = ""
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{inside}.{node.name}" if inside else node.name
                kind = "class" if isinstance(node, ast.ClassDef) else "function"
                first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
                found.append(Definition(name, kind, first, node.end_lineno or node.lineno))
                if name.count(".") < _DEEP:
                    waiting.append((name, node.body))
            elif isinstance(node, ast.Assign | ast.AnnAssign) and not inside:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id not in named:
                        named.add(target.id)
                        end = node.end_lineno or node.lineno
                        found.append(Definition(target.id, "constant", node.lineno, end))
            elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
                waiting.append((inside, ast.iter_child_nodes(node)))
    return found


def _nested(found: Iterable[Definition]) -> tuple[Definition, ...]:
    """In order, and none of them reaching out of one that it begins in."""
    out: list[Definition] = []
    around: list[Definition] = []
    for item in sorted(found, key=lambda item: (item.first, -item.last, item.name))[:_MOST_FOUND]:
        while around and around[-1].last < item.first:
            around.pop()
        if around and item.last > around[-1].last:
            item = Definition(item.name, item.kind, item.first, around[-1].last)
        around.append(item)
        out.append(item)
    return tuple(out)


# --- the scanner --------------------------------------------------------------------------------


def _blank(found: re.Match[str]) -> str:
    return "\n".join(" " * len(line) for line in found[0].split("\n"))


def _marked(found: re.Match[str]) -> str:
    """As `_blank`, but that a text was there, and on which lines, is still seen."""
    if found[0][0] not in "\"'":
        return _blank(found)
    return "\n".join(_TEXT * len(line) for line in found[0].split("\n"))


def _scanned(language: Language, text: str) -> list[Definition]:
    by_indent = language.nested == "indent"
    code = language.no_code.sub(_marked if by_indent else _blank, text)
    starts = [0, *(found.end() for found in re.finditer("\n", code))]
    if by_indent:
        found = _by_indent(language, code)
    else:
        found = _by_braces(language, code, starts)
    return _qualified(found, code, starts)


def _qualified(found: Sequence[_Found], code: str, starts: Sequence[int]) -> list[Definition]:
    """With the names of what they stand in before theirs, and lines in place of positions."""
    out: list[Definition] = []
    around: list[tuple[int, str]] = []  # where it ends, qualified name
    seen: set[tuple[str, int]] = set()
    for item in sorted(found, key=lambda item: (item.start, -item.end)):
        while around and around[-1][0] <= item.start:
            around.pop()
        above = around[-1][1] if around else ""
        parts = [above, item.owner, item.name.replace("::", ".")]
        name = ".".join(part for part in parts if part)
        first = bisect_right(starts, item.start)
        last = max(first, bisect_right(starts, max(item.end - 1, item.start)))
        if name.count(".") <= _DEEP and (name, first) not in seen:
            seen.add((name, first))
            around.append((item.end, name))
            out.append(Definition(name, item.kind, _decorated(code, starts, first), last))
    return out


def _decorated(code: str, starts: Sequence[int], first: int) -> int:
    """The first line with the annotations above it."""
    while first > 1:
        above = first - 1
        if closed := _CLOSED.match(code, starts[above - 1]):
            # What is closed here began on a line with the same indent.
            deeper = len(closed[1]) + 1
            while above > 1 and first - above < _TALL:
                above -= 1
                line = code[starts[above - 1] : starts[above] - 1]
                if line.strip() and line[:deeper].strip():
                    break
        if not _ABOVE.match(code, starts[above - 1], starts[above]):
            break
        first = above
    return first


# By indent: what is deeper belongs to it, and the line that closes it.


def _by_indent(language: Language, code: str) -> list[_Found]:
    lines = code.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    heads = []
    for found in language.heads.finditer(code):
        name, kind, owner = named(found)
        if name:
            heads.append((bisect_right(starts, found.start()) - 1, name, kind, owner))
    closers = re.compile(rf"\s*(?:{language.closer})") if language.closer else None
    open_: list[tuple[int, _Found]] = []  # indent, and what is not ended
    out: list[_Found] = []
    at = 0
    end = 0  # of the last line that is not empty
    for number, line in enumerate(lines):
        body = line.lstrip()
        if body:
            indent = len(line) - len(body)
            closes = closers is not None and closers.match(line) is not None
            # A text may reach over lines, and parameters be closed where the head begins.
            goes_on = line[0] == _TEXT or (closers is None and body[0] in ")]}")
            while open_ and open_[-1][0] >= indent and not goes_on:
                above, item = open_.pop()
                ends_here = closes and above == indent
                item.end = starts[number] + len(line) if ends_here else end
                if ends_here:
                    break
            end = starts[number] + len(line)
        while at < len(heads) and heads[at][0] == number:
            _, name, kind, owner = heads[at]
            item = _Found(name, kind, starts[number], end, owner)
            at += 1
            out.append(item)
            one_line = closers is not None and re.search(rf"[;\s{{](?:{language.closer})\s*$", line)
            if not one_line:
                open_.append((len(line) - len(body), item))
    for _, item in open_:
        item.end = end
    return [item for item in out if item.kind != "constant" or item.end > item.start]


# By braces.


@dataclass(slots=True)
class _Brackets:
    """Where each bracket that opens is closed, and which brace is around a place."""

    braces: list[int]
    closed: dict[int, int]
    parent: dict[int, int]

    def around(self, at: int) -> int:
        """The innermost brace that is open at this place, -1 for none."""
        number = bisect_right(self.braces, at) - 1
        brace = self.braces[number] if number >= 0 else -1
        while brace >= 0 and self.closed[brace] < at:
            brace = self.parent[brace]
        return brace


def _brackets(code: str) -> _Brackets:
    """A brace ends what is open inside of it; what closes nothing counts for nothing."""
    braces: list[int] = []
    closed: dict[int, int] = {}
    parent: dict[int, int] = {}
    stack: list[int] = [-1]  # open braces
    inner: list[list[int]] = [[]]  # open brackets of other kinds in each of them
    for found in _BRACKET.finditer(code):
        what, at = found[0], found.start()
        if what == "{":
            braces.append(at)
            parent[at] = stack[-1]
            stack.append(at)
            inner.append([])
        elif what == "}":
            if len(stack) > 1:
                closed[stack.pop()] = at
                inner.pop()
        elif what in "([":
            inner[-1].append(at)
        elif inner[-1]:
            closed[inner[-1].pop()] = at
    for at in stack[1:]:
        closed[at] = len(code)
    return _Brackets(braces, closed, parent)


def _by_braces(language: Language, code: str, starts: Sequence[int]) -> list[_Found]:
    brackets = _brackets(code)
    found: list[_Found] = []
    holders: dict[int, str] = {}  # brace -> kind of what it belongs to
    for head in language.heads.finditer(code):
        name, kind, owner = named(head)
        # The end of the head's own text: an `impl` has read up to its brace.
        at, brace, end = head.end(), -1, -1
        if kind == "macro" and language.name == "c":
            end = _macro_end(code, head.end())
        else:
            brace, end = _body(language, code, brackets, at)
        start = code.rfind("\n", 0, _first_word(code, head.start())) + 1
        if not name or _is_mention(language, code, head, kind, brace, end, brackets):
            continue
        if brace >= 0:
            holders[brace] = kind
        found.append(_Found(name, kind, start, end, owner))
    if language.bare:
        found += _bare(language, code, brackets, holders)
    return found


def _first_word(code: str, at: int) -> int:
    while at < len(code) and code[at].isspace():
        at += 1
    return at


def _is_mention(
    language: Language,
    code: str,
    head: re.Match[str],
    kind: str,
    brace: int,
    end: int,
    brackets: _Brackets,
) -> bool:
    """Whether a head only names what is defined elsewhere, or a variable inside a function."""
    if kind == "constant":
        return brackets.around(head.start()) >= 0
    if kind == "module" and language.name == "rust":
        return brace < 0
    if language.name == "c" and kind != "macro":
        return brace < 0 or re.search(r"[=()]", code[head.end() : brace]) is not None
    return False


def _macro_end(code: str, at: int) -> int:
    """Where a `#define` ends: its lines go on behind a backslash."""
    while True:
        stop = code.find("\n", at)
        if stop < 0:
            return len(code)
        if code[at:stop].rstrip().endswith("\\"):
            at = stop + 1
            continue
        return stop


def _body(language: Language, code: str, brackets: _Brackets, at: int) -> tuple[int, int]:
    """The brace that opens what a head begins, -1 for none, and where all of it ends."""
    marks = _MARK_OR_END if language.lines else _MARK
    head = line = at
    far = min(at + _FAR, len(code))
    while mark := marks.search(code, at, far):
        what, place = mark[0], mark.start()
        at = place + 1
        if what in "([":
            if place not in brackets.closed:
                return -1, place
            at = brackets.closed[place] + 1
        elif what == "{" and _is_type(language, code, head, place):
            at = brackets.closed[place] + 1
        elif what == "{":
            return place, _after(code, brackets.closed[place] + 1)
        elif what in ")]}":
            return -1, place
        elif what == ";":
            return -1, place + 1
        else:
            said, line = code[line:place], place + 1
            if not _OPEN_END.search(said) and not _GOES_ON.match(code, place + 1):
                return -1, _deeper(code, head, place)
    return -1, max(at, far)


def _is_type(language: Language, code: str, start: int, brace: int) -> bool:
    """Whether a brace behind a head opens what a value looks like, and not a body."""
    before = code[max(start, brace - 200) : brace].rstrip()
    return language.bare == "script" and before.endswith((":", "&", "|", "<", ","))


def _after(code: str, at: int) -> int:
    """Behind the brace that closes a body: `};` and `})` on its line belong to it."""
    tail = _TAIL.match(code, at)
    return tail.end() if tail else at


def _deeper(code: str, at: int, end: int) -> int:
    """The end of lines that follow and are indented deeper than the one at `at`."""
    start = code.rfind("\n", 0, at) + 1
    indent = _first_word(code, start) - start
    while end < len(code):
        stop = code.find("\n", end + 1)
        stop = stop if stop >= 0 else len(code)
        line = code[end + 1 : stop]
        if not line.strip() or len(line) - len(line.lstrip()) <= indent:
            break
        end = stop
    return end


def _bare(
    language: Language, code: str, brackets: _Brackets, holders: dict[int, str]
) -> Iterator[_Found]:
    """Functions and methods that no keyword announces: a name, its parameters, a body."""
    free = _free_braces(code, brackets) if language.bare == "typed" else frozenset()
    script = language.bare == "script"
    if script:
        for field in _FIELD.finditer(code):
            around = brackets.around(field.start())
            if holders.get(around) in ("class", "constant"):
                brace, end = _body(language, code, brackets, field.end())
                start = code.rfind("\n", 0, _first_word(code, field.start())) + 1
                yield _Found(field["name"], "function", start, end)
    for found in _CALL.finditer(code):
        name = found[1]
        if name in _NO_METHOD:
            continue
        around = brackets.around(found.start())
        holder = holders.get(around, "")
        if script and holder not in ("class", "constant", "interface"):
            continue
        if not script and holder not in _CONTAINERS and around >= 0 and around not in free:
            continue
        if not script and around < 0 and language.name != "c":
            continue
        start = code.rfind("\n", 0, found.start()) + 1
        if found.start() - start > _LONGEST_LINE:
            continue
        front = code[start : found.start()]
        if not (_SCRIPT_FRONT if script else _TYPED_FRONT).fullmatch(front):
            continue
        if _NOT_IN_FRONT.search(front):
            continue
        paren = _parameters(code, brackets, found.end())
        if paren < 0:
            continue
        brace, end = _typed_body(language, code, brackets, paren)
        if brace < 0 and not (
            end > 0 and front.strip() and language.name != "c" and holder in _CONTAINERS
        ):
            continue
        if brace < 0 and script and holder == "constant":
            continue
        yield _Found(_GENERIC.sub("", name), "function", start, end)


def _free_braces(code: str, brackets: _Brackets) -> frozenset[int]:
    """Those of namespaces, which hold what a file would."""
    head = re.compile(r"(?:\bnamespace\b[^;{}()=]*|\bextern\s*)$")
    found: set[int] = set()
    for brace in brackets.braces:
        above = brackets.parent[brace]
        if (above < 0 or above in found) and head.search(code, max(0, brace - 200), brace):
            found.add(brace)
    return frozenset(found)


def _parameters(code: str, brackets: _Brackets, at: int) -> int:
    """Behind the bracket that closes the parameters that begin at `at`, -1 for none."""
    if code.startswith("<", at):
        generic = _PARAMETERS_OF_TYPE.match(code, at)
        if generic is None:
            return -1
        at = generic.end()
    return brackets.closed.get(at, -2) + 1


def _typed_body(
    language: Language, code: str, brackets: _Brackets, at: int, *, members: bool = False
) -> tuple[int, int]:
    """The body behind parameters: its brace and the end; without a body -1 and the `;`.

    `members`: in the middle of what a constructor of C++ gives its members.
    """
    start = at
    while mark := _BEHIND.search(code, at, start + _FAR):
        what, place = mark[0], mark.start()
        at = place + 1
        if what == "(":
            at = brackets.closed.get(place, len(code)) + 1
        elif what == "{":
            if _is_type(language, code, start, place):
                at = brackets.closed[place] + 1
                continue
            before = code[start:place].rstrip()
            if (members or ":" in before) and re.search(r"\w$", before) and language.name == "c":
                # A member that braces give a value: `Cart() : items{}, count(0) {`
                behind = brackets.closed[place] + 1
                if re.compile(r"\s*[,{]").match(code, behind):
                    return _typed_body(language, code, brackets, behind, members=True)
            return place, brackets.closed[place] + 1
        elif what == ";":
            return -1, place + 1
        elif what in ")}":
            return -1, -1
        elif what == ",":
            said = code[start:place]
            if not members and ":" not in said and "throws" not in said:
                return -1, -1
        elif what == "=":
            if code.startswith("=>", place):
                stop = code.find(";", place)
                return (place, stop + 1) if stop >= 0 else (-1, -1)
            if not re.compile(r"=\s*(?:0|default|delete)\s*;").match(code, place):
                return -1, -1
        elif what == "\n" and language.bare == "script":
            said = code[start:place]
            if said.strip() and not _GOES_ON.match(code, place + 1):
                return -1, place
            if not said.strip() and not re.compile(r"\s*[{:]").match(code, place + 1):
                return -1, place
    return -1, -1
