"""How the common languages spell what they define: by line, so that any text can be read.

One regular expression per language finds the heads of definitions (`word` is what the language
calls it, `name` its name, `owner` what it belongs to, `value` a name that a value is given to),
another what is no code. They are written for speed and for code as people write it, not as proofs.
"""

import re
from functools import lru_cache
from posixpath import basename

from wtman.model.values import dataclass

_C_TEXT = r'"(?:[^"\\\n]|\\.)*+"'
_CHAR = r"'(?:\\[^\n]{1,9}?|[^'\\\n])'"
_C_COMMENT = r"//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)"
_TRIPLE = r'"""(?s:.*?)(?:"""|\Z)'


@dataclass(frozen=True, slots=True)
class Language:
    """`nested`: how what is inside shows, by `braces` or by `indent`.

    `lines`: a line that ends outside of brackets ends what it says. `bare`: methods without a
    keyword, `typed` (a type in front) or `script` (none). `closer` ends a definition by indent.
    """

    name: str
    heads_like: str
    no_code_like: str
    nested: str = "braces"
    lines: bool = False
    bare: str = ""
    closer: str = ""

    @property
    def heads(self) -> re.Pattern[str]:
        """What finds the heads of definitions."""
        return _compiled(self.heads_like)

    @property
    def no_code(self) -> re.Pattern[str]:
        """What finds comments and texts."""
        return _compiled(self.no_code_like)


@lru_cache(maxsize=64)  # of the languages that are read: all of them would take their time
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


_PYTHON = Language(
    "python",
    r"^[ \t]*(?:async[ \t]+)?(?P<word>def|class)[ \t]+(?P<name>\w+)"
    r"|^(?P<value>[A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=(?!=)",
    rf"#[^\n]*|{_TRIPLE}|'''(?s:.*?)(?:'''|\Z)|{_C_TEXT}|'(?:[^'\\\n]|\\.)*+'",
    nested="indent",
    lines=True,
)
_RUBY = Language(
    "ruby",
    r"^[ \t]*(?:(?:private|protected|public|private_class_method)[ \t]+)?"
    r"(?P<word>def|class|module)[ \t]+(?:self\.)?(?P<name>[A-Za-z_][\w:.]*[?!=]?)"
    r"|^[ \t]*(?P<value>[A-Z]\w*)[ \t]*=(?![=~])",
    rf"(?<![\w&$])#[^\n]*|^=begin(?s:.*?)(?:^=end|\Z)|{_C_TEXT}|'(?:[^'\\\n]|\\.)*+'",
    nested="indent",
    closer=r"end\b",
    lines=True,
)
_SHELL = Language(
    "shell",
    r"^[ \t]*(?:function[ \t]+(?P<name>[\w:.-]+)(?:[ \t]*\([ \t]*\))?"
    r"|(?P<bare>[\w:.-]+)[ \t]*\([ \t]*\))",
    r"(?:(?<=\s)|^)#[^\n]*",
    nested="indent",
    closer=r"[})]",
)
_SCRIPT = Language(
    "script",
    r"^[ \t]*(?:(?:export|default|declare|abstract|async)[ \t]+){0,4}"
    r"(?:(?P<word>function|class|interface|(?:const[ \t]+)?enum|namespace|type)\b"
    r"[ \t]*\*?[ \t]*(?P<name>[\w$]+)"
    r"|(?:const|let|var)[ \t]+(?P<value>[\w$]+)(?![^\n=]*=[ \t]*require\b)"
    r"(?P<callable>[^\n=]*=\s*(?:async\b\s*)?"
    r"(?:function\b|[\w$]+[ \t]*=>|(?:<[^>\n]*>)?\([^()]*\)[^\n=]*=>))?"
    r"|(?P<target>[\w$]+(?:\.[\w$]+)+)[ \t]*=\s*(?:async\s+)?"
    r"(?:function\b|class\b|[\w$]+[ \t]*=>|\([^()]*\)[ \t]*=>))",
    rf"{_C_COMMENT}|{_C_TEXT}|'(?:[^'\\\n]|\\.)*+'|`(?:[^`\\]|\\(?s:.))*+`"
    r"|(?<=[(=,:\[!&|?{};])[ \t]*/(?![/*])"
    r"(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){1,400}+\]){1,400}+/",
    lines=True,
    bare="script",
)
_GO = Language(
    "go",
    r"^(?P<word>func)[ \t]+(?:\([ \t]*(?:\w+[ \t]+)?\*?[ \t]*(?P<owner>\w+)[^)\n]*\)[ \t]*)?"
    r"(?P<name>\w+)|^(?P<kind>type)[ \t]+(?P<type>\w+)|^(?:var|const)[ \t]+(?P<value>\w+)",
    rf"{_C_COMMENT}|{_C_TEXT}|`[^`]*+`|{_CHAR}",
    lines=True,
)
_RUST = Language(
    "rust",
    r"^[ \t]*(?:pub(?:\([^)\n]*\))?[ \t]+)?"
    r"(?:(?:default|async|unsafe|const|extern(?:[ \t]+\"[^\"\n]*\")?)[ \t]+){0,4}"
    r"(?:(?P<word>fn|struct|enum|trait|mod|union|type|static|const|macro_rules!)[ \t]+"
    r"(?:mut[ \t]+)?(?P<name>[A-Za-z_]\w*)|(?P<kind>impl)\b(?P<impl>[^{;]{0,2000}))",
    rf'{_C_COMMENT}|\bb?r(#*)"(?s:.*?)(?:"\1|\Z)|b?"(?:[^"\\]|\\(?s:.))*+"|b?{_CHAR}',
)
_JAVA = Language(
    "java",
    r"^[ \t]*(?:(?:public|protected|private|static|final|abstract|sealed|non-sealed|strictfp"
    r"|@[\w.]+)[ \t]+){0,6}(?P<word>class|interface|enum|record|@interface)[ \t]+(?P<name>\w+)",
    rf"{_C_COMMENT}|{_TRIPLE}|{_C_TEXT}|{_CHAR}",
    bare="typed",
)
_CSHARP = Language(
    "csharp",
    r"^[ \t]*(?:(?:public|protected|private|internal|static|sealed|abstract|partial|readonly"
    r"|unsafe|ref|file|new)[ \t]+){0,6}(?P<word>class|interface|enum|struct"
    r"|record(?:[ \t]+(?:class|struct))?)[ \t]+(?P<name>[A-Za-z_]\w*)",
    rf'{_C_COMMENT}|\$?@\$?"(?:[^"]|"")*+"|{_TRIPLE}|{_C_TEXT}|{_CHAR}|^[ \t]*#[^\n]*',
    bare="typed",
)
_C = Language(
    "c",
    r"^[ \t]*(?:typedef[ \t]+)?(?:template[ \t]*<[^;{}\n]*>\s*)?"
    r"(?P<word>class|struct|enum(?:[ \t]+(?:class|struct))?|union)[ \t]+"
    r"(?:[A-Z_]+[ \t]+|__\w+(?:\([^)\n]*\))*[ \t]+|\[\[[^\]\n]*\]\][ \t]*)?"
    r"(?P<name>[A-Za-z_][\w:]*)|^[ \t]*#[ \t]*(?P<kind>define)[ \t]+(?P<macro>\w+)",
    rf'{_C_COMMENT}|R"(\w*)\((?s:.*?)(?:\)\1"|\Z)|{_C_TEXT}|{_CHAR}',
    bare="typed",
)
_PHP = Language(
    "php",
    r"^[ \t]*(?:(?:abstract|final|public|protected|private|static|readonly)[ \t]+){0,5}"
    r"(?P<word>function|class|interface|trait|enum)[ \t]+&?[ \t]*(?P<name>[A-Za-z_]\w*)",
    rf'{_C_COMMENT}|#(?!\[)[^\n]*|"(?:[^"\\]|\\(?s:.))*+"|\'(?:[^\'\\]|\\(?s:.))*+\''
    r"|<<<[ \t]*['\"]?(\w+)['\"]?\n(?s:.*?)(?:\n[ \t]*\1\b|\Z)",
)
_KOTLIN = Language(
    "kotlin",
    r"^[ \t]*(?:(?:public|private|protected|internal|open|abstract|final|override|suspend"
    r"|inline|data|sealed|enum|annotation|inner|value|operator|infix|tailrec|external|expect"
    r"|actual|companion|fun(?=[ \t]+interface)|@[\w.]+)[ \t]+){0,7}"
    r"(?P<word>fun|class|interface|object|typealias)[ \t]+(?:<[^>\n]*>[ \t]*)?"
    r"(?:(?P<owner>[A-Za-z_]\w*)(?:<[^>\n]*>)?\??\.)?(?P<name>\w+|`[^`\n]*`)"
    r"|^(?:(?:private|internal|public|const)[ \t]+){0,2}va[lr][ \t]+(?P<value>\w+)",
    rf"{_C_COMMENT}|{_TRIPLE}|{_C_TEXT}|{_CHAR}",
    lines=True,
)
_SWIFT = Language(
    "swift",
    r"^[ \t]*(?:(?:public|private|fileprivate|internal|open|final|static|override|mutating"
    r"|nonmutating|convenience|required|indirect|@\w+(?:\([^)\n]*\))?"
    r"|class(?=[ \t]+func))[ \t]+){0,7}"
    r"(?:(?P<word>class|struct|enum|protocol|extension|actor|func|typealias)[ \t]+"
    r"(?P<name>[A-Za-z_][\w.]*)|(?P<kind>init|deinit)\b[ \t]*[?!]?[ \t]*[({<])",
    rf"{_C_COMMENT}|{_TRIPLE}|{_C_TEXT}",
    lines=True,
)
_SCALA = Language(
    "scala",
    r"^[ \t]*(?:(?:private|protected)(?:\[\w+\])?[ \t]+|(?:final|sealed|abstract|override"
    r"|implicit|lazy|case|inline|open|package(?=[ \t]+object)|@\w+)[ \t]+){0,7}"
    r"(?P<word>class|object|trait|enum|def|type)[ \t]+(?P<name>\w+)",
    rf"{_C_COMMENT}|{_TRIPLE}|{_C_TEXT}|{_CHAR}",
    lines=True,
)

_GENERIC = re.compile(r"<[^<>]*>")

_ENDINGS = {
    **dict.fromkeys(".py .pyi .pyw".split(), _PYTHON),
    **dict.fromkeys(".rb .rake .gemspec".split(), _RUBY),
    **dict.fromkeys(".sh .bash .zsh .ksh".split(), _SHELL),
    **dict.fromkeys(".js .jsx .ts .tsx .mjs .cjs .mts .cts".split(), _SCRIPT),
    ".go": _GO,
    ".rs": _RUST,
    ".java": _JAVA,
    ".cs": _CSHARP,
    **dict.fromkeys(".c .h .cc .cpp .cxx .hh .hpp .hxx .ipp .m .mm .cu".split(), _C),
    ".php": _PHP,
    **dict.fromkeys(".kt .kts".split(), _KOTLIN),
    ".swift": _SWIFT,
    **dict.fromkeys(".scala .sc".split(), _SCALA),
}
_NAMES = {**dict.fromkeys("Rakefile Gemfile".split(), _RUBY)}

_KINDS = {
    **dict.fromkeys("def func fn fun".split(), "function"),
    **dict.fromkeys("init deinit".split(), "function"),
    **dict.fromkeys("const static".split(), "constant"),
    "define": "macro",
    "macro_rules!": "macro",
    "mod": "module",
    "@interface": "interface",
    "typealias": "type",
}


def language_of(path: str) -> Language | None:
    """The language that a file of this name is written in; None for data, prose and the rest."""
    # Asked of every file of a repository, again and again.
    ending = path[path.rfind(".") :]
    return _ENDINGS.get(ending) or _ENDINGS.get(ending.lower()) or _NAMES.get(basename(path))


def kind_of(word: str) -> str:
    """What a keyword defines, in a word that all languages share."""
    words = word.split()
    first = words[-1] if words[0] == "const" else words[0]
    return _KINDS.get(first, first)


def named(found: re.Match[str]) -> tuple[str, str, str]:
    """Name, kind and owner of what a head defines; no name where it defines nothing."""
    groups = found.groupdict()
    word = groups.get("word") or groups.get("kind") or ""
    if value := groups.get("value"):
        return value, "function" if groups.get("callable") else "constant", ""
    if target := groups.get("target"):
        parts = target.split(".")
        parts = [part for part in parts if part not in ("module", "exports", "prototype", "this")]
        return ".".join(parts), "function", ""
    if groups.get("impl") is not None:
        return implemented(groups["impl"]), "impl", ""
    name = groups.get("name") or groups.get("bare") or groups.get("type") or groups.get("macro")
    if not name and word in ("init", "deinit"):
        name = word
    name = (name or "").strip("`").replace("::", ".")
    return name, kind_of(word or "def"), groups.get("owner") or ""


def implemented(head: str) -> str:
    """`<T: A> Shown for Cart<T> where …` -> Cart"""
    plain = head.replace("->", "  ")
    for _ in range(8):
        plain, times = _GENERIC.subn(" ", plain)
        if not times:
            break
    plain = re.split(r"\bwhere\b", plain)[0]
    plain = re.split(r"\bfor\b", plain)[-1]
    words = re.findall(r"[A-Za-z_]\w*", plain)
    words = [word for word in words if word not in ("dyn", "mut", "const", "unsafe")]
    return words[-1] if words else ""
