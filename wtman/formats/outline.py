"""What many files define and import, read off the few lines that say so.

git finds those lines in a whole tree at once (`PATTERN`, understood alike by both of its kinds of
regular expressions and by Python's); here they become names. Cheap and rough: for what has to be
exact, `definitions` reads the file.
"""

from functools import lru_cache
from itertools import islice

from wtman.formats.source_languages import language_of
from wtman.model.values import dataclass
from wtman.text.late_pattern import late

_T = "[ \t]"
_MODIFIERS = (
    f"((export|default|declare|abstract|async|public|private|protected|internal|static|final|sealed"
    f"|open|override|data|inline|suspend|virtual|unsafe|pub|pub\\([a-z: ]+\\)|partial|case|implicit"
    f"|lazy|mutating|fileprivate|typedef|readonly|companion|inner|@[A-Za-z.]+){_T}+)*"
)
_WORDS = (
    "(def|class|function[*]?|func|fn|fun|struct|enum|union|trait|impl|interface|type|module|mod"
    f"|object|protocol|extension|actor|record|macro_rules!|@interface|typealias)({_T}|[(<])"
)
_IMPORTS = f"(import|from|use|using|require|require_relative|include|#{_T}*include|}}{_T}*from){_T}"
PATTERN = "|".join(
    (
        f"^{_T}*{_MODIFIERS}{_WORDS}.{{0,60}}",
        f"^{_T}*{_IMPORTS}.{{0,160}}",
        f"^(export{_T}+)?(const|let|var|val){_T}.{{0,120}}",
        f'^{_T}+([a-z_.]+{_T})?"[^"]{{2,120}}"$',  # a line of Go's imports
        f"^{_T}+(public|protected|private|internal|static){_T}[^;={{]*[(]",
        "^[A-Za-z_][A-Za-z0-9_ *:<>,&~]*[(][^;]{0,20}$",
        f"^#{_T}*define{_T}.{{0,40}}",
        f"^{_T}*[A-Za-z_$][A-Za-z0-9_$.]*{_T}*={_T}*(async{_T})?function",
        f'^("""|///?|//!|/[*][*]?){_T}?[A-Z].{{20,100}}',
    )
)
UNIT = "\x1f"  # between lines that are kept
# The same for Perl's kind, which is slow where many ways begin alike.
_FAST_MODIFIERS = _MODIFIERS.replace("((export", "(?:(?:export", 1)
PERL = "|".join(
    (
        f"^{_T}*+(?:{_FAST_MODIFIERS}(?:{_WORDS[1:]}.{{0,60}}|{_IMPORTS}.{{0,160}}"
        f"|[A-Za-z_$][A-Za-z0-9_$.]*+{_T}*+={_T}*+(?:async{_T})?function"
        f"|(?<={_T})(?:(?:public|protected|private|internal|static){_T}[^;={{]*[(]"
        f'|(?:[a-z_.]+{_T})?"[^"]{{2,120}}"$))',
        f"^(?:export{_T}+)?(?:const|let|var|val){_T}.{{0,120}}",
        "^[A-Za-z_][A-Za-z0-9_ *:<>,&~]*[(][^;]{0,20}$",
        f"^#{_T}*define{_T}.{{0,40}}",
        f'^(?:"""|///?|//!|/[*][*]?){_T}?[A-Z].{{20,100}}',
    )
)
MOST_LINES = 300  # of one file that are looked at

_HEAD = late(
    r"\0[ \t]*(?:(?:export|default|declare|abstract|async|public|private|protected|internal|static"
    r"|final|sealed|open|override|data|inline|suspend|virtual|unsafe|pub(?:\([a-z: ]+\))?|partial"
    r"|case|implicit|lazy|mutating|fileprivate|typedef|readonly|companion|inner|@[A-Za-z.]+)"
    r"[ \t]+)*(?:def|class|function\*?|func|fn|fun|struct|enum|union|trait|interface|type|module"
    r"|mod|object|protocol|extension|actor|record|macro_rules!|@interface|typealias|const|let|var|val"
    r"|\#[ \t]*define)[ \t]+(?:self\.|\([^)\n]*\)[ \t]*)?([A-Za-z_$][\w$.]*)"
)
_ASSIGNED = late(r"\0[ \t]*([A-Za-z_$][\w$.]*)[ \t]*=[ \t]*(?:async[ \t])?function")
_CALLED = late(r"\0([^(\n]*)\(")
_IMPORT = late(
    r"\0[ \t]*((?:import|from|use|using|require|require_relative|include|\#[ \t]*include"
    r"|\}[ \t]*from)[ \t][^\n]*|(?:const|let|var)[^\n]*?\brequire\([^\n]*|(?:[a-z_.]+ )?\"[^\n]*)"
)
_SAID = late(r'\0(?:"""|///?|//!|/\*\*?)[ \t]?([^\n]*)')
_MOST, _COMMENTS = 150, 3
_QUOTED = late(r"""["'<]([^"'<>]+)[">']""")
_FROM = late(r"from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(.*)")
_PLAIN = late(r"import[ \t]+(.*)")
_USE = late(r"(?:use|using|import)[ \t]+(?:static[ \t]+|function[ \t]+)?([\w.:\\*]+)")


@dataclass(frozen=True, slots=True)
class FileOutline:
    """Of a file: names that it defines, the lines that import, what it says of itself."""

    names: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    said: str = ""


def outline(path: str, lines: str) -> FileOutline:
    """The outline of a file, of which these are the lines that `PATTERN` finds, each behind its
    number and a NUL."""
    language = language_of(path)
    if language is None:
        return FileOutline()
    names = _HEAD.findall(lines)
    if language.bare == "script":
        names += _ASSIGNED.findall(lines)
    elif language.bare == "typed":
        names += filter(None, map(_called, _CALLED.findall(lines)))
    imports = _IMPORT.findall(lines)
    said = " ".join(found[1] for found in islice(_SAID.finditer(lines), _COMMENTS))
    return FileOutline(tuple(dict.fromkeys(names[:_MOST])), tuple(dict.fromkeys(imports)), said)


def _called(front: str) -> str:
    """The name at the end of what stands in front of parameters, if there is one."""
    words = front.split()
    name = words[-1].lstrip("*&") if words else ""
    return name if name.replace(":", "").replace("~", "").isidentifier() else ""


@lru_cache(maxsize=100_000)  # one line is in many files
def imported(language: str, line: str) -> tuple[str, ...]:
    """What a line imports: a module, or in Python also each name that could be one."""
    if language == "python":
        if found := _FROM.match(line):
            base, joint = found[1], "" if found[1].endswith(".") else "."
            names = (name.split(" as ")[0].strip("() \\") for name in found[2].split(",")[:12])
            return (base, *(f"{base}{joint}{name}" for name in names if name.isidentifier()))
        if found := _PLAIN.match(line):
            return tuple(name.split(" as ")[0].strip() for name in found[1].split(",")[:12])
    elif quoted := _QUOTED.search(line):
        return (quoted[1],)
    elif found := _USE.match(line):
        return (found[1].rstrip(":*.\\"),)
    return ()
