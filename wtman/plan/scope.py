"""Which files a piece of work that is the same everywhere is about.

Pure. A tool that is known changes files of its own kinds; anything else is taken for work on
the source, and on what the request names besides. Nobody needs a task for a licence.
"""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from posixpath import basename

from wtman.formats.file_kinds import JVM, PROSE, PYTHON, SCRIPT, SHELL, STYLE, C, FileKind, kind_of
from wtman.model.values import dataclass

_WEB = (*SCRIPT, *STYLE)
# Formatters, fixers and codemods: the endings of the files that they change.
_TOOLS = {
    **dict.fromkeys(
        "ruff black isort autopep8 pyupgrade autoflake yapf flynt docformatter add-trailing-comma"
        " reorder-python-imports django-upgrade 2to3 futurize modernize bowler libcst.tool"
        " pycln ssort unimport blue".split(),
        PYTHON,
    ),
    **dict.fromkeys(
        "eslint jscodeshift standard xo ts-migrate oxlint putout tslint".split(), SCRIPT
    ),
    **dict.fromkeys("biome rome".split(), (*_WEB, ".json", ".jsonc", ".graphql")),
    "prettier": (*_WEB, *PROSE[:3], ".json", ".jsonc", ".yml", ".yaml", ".html", ".graphql"),
    "stylelint": STYLE,
    **dict.fromkeys("gofmt goimports gofumpt golangci-lint golines".split(), (".go",)),
    **dict.fromkeys("rustfmt leptosfmt".split(), (".rs",)),
    **dict.fromkeys("clang-format clang-tidy astyle uncrustify".split(), C),
    **dict.fromkeys("google-java-format ktlint ktfmt scalafmt palantir-java-format".split(), JVM),
    **dict.fromkeys("rubocop standardrb rufo rubyfmt".split(), (".rb", ".rake")),
    **dict.fromkeys("php-cs-fixer phpcbf rector pint".split(), (".php",)),
    **dict.fromkeys("swiftformat swiftlint swift-format".split(), (".swift",)),
    **dict.fromkeys("shfmt shellharden".split(), SHELL),
    **dict.fromkeys("markdownlint markdownlint-cli2 mdformat remark".split(), PROSE[:3]),
    **dict.fromkeys("yamlfmt yamlfix".split(), (".yml", ".yaml")),
    **dict.fromkeys("taplo".split(), (".toml",)),
    **dict.fromkeys("sqlfluff sqlfmt pg_format".split(), (".sql",)),
    **dict.fromkeys("nixfmt alejandra nixpkgs-fmt".split(), (".nix",)),
    **dict.fromkeys("stylua".split(), (".lua",)),
    **dict.fromkeys("ormolu fourmolu hlint stylish-haskell".split(), (".hs",)),
    "ocamlformat": (".ml", ".mli"),
    "cmake-format": (".cmake",),
    "nbstripout": (".ipynb",),
}
# `cargo fmt`: what the programs of a language do with their first word.
_COMMANDS = {
    "cargo": (("fmt", "fix", "clippy"), (".rs",)),
    "go": (("fmt", "fix", "vet", "run"), (".go",)),
    "dart": (("format", "fix"), (".dart",)),
    "mix": (("format",), (".ex", ".exs")),
    "dotnet": (("format",), (".cs", ".vb", ".fs")),
    "terraform": (("fmt",), (".tf", ".tfvars")),
    "buf": (("format",), (".proto",)),
    "zig": (("fmt",), (".zig",)),
    "deno": (("fmt", "lint"), (*_WEB, ".json", ".md")),
}
# Programs that run the one after their own words.
_RUNNERS = frozenset(
    "python python3 uv uvx pipx poetry pdm hatch rye npx pnpm yarn bun bunx npm bundle env nice"
    " time xargs dotnet composer rtx mise".split()
)
_RUN_WORDS = frozenset("run exec dlx x tool -m -q -y --yes --no-sync --frozen --".split())
# What a request may be about besides source.
_ABOUT = {
    FileKind.PROSE: re.compile(
        r"(?i)\b(docs?|documentation|readmes?|markdown|prose|guides?|manuals?|tutorials?|typos?"
        r"|spelling|grammar|wording|links?|translat\w+)\b"
    ),
    FileKind.SETTINGS: re.compile(
        r"(?i)\b(config\w*|settings|ya?ml|toml|json|ci|workflows?|pipelines?|docker\w*"
        r"|makefiles?|manifests?|dependenc\w+)\b"
    ),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The paths that get a task, and the words on those that get none."""

    paths: tuple[str, ...]
    note: str = ""


def scope(request: str, agent: str, paths: Iterable[str]) -> Scope:
    """What the work of `agent` on `request` is about, of these paths; never nothing of some."""
    ordered = sorted(paths)
    endings = endings_of(agent)
    if endings:
        aims = tuple(f"{_bare(word)}/" for word in aims_of(agent, ordered)) or ("",)
        chosen = [
            path
            for path in ordered
            if kind_of(path) is not FileKind.FIXED
            and path.lower().endswith(endings)
            and path.startswith(aims)
        ]
        if chosen:
            return Scope(tuple(chosen))  # what a tool does not read, nobody misses
    kinds = {path: kind_of(path) for path in ordered}
    wanted = {FileKind.SOURCE, *(kind for kind, words in _ABOUT.items() if words.search(request))}
    # A program that nobody here knows may be about any text.
    wanted |= {FileKind.PROSE} if agent.startswith("command:") else set()
    named = _named(request)
    chosen = [path for path in ordered if kinds[path] in wanted or named(path)]
    if not any(kinds[path] is FileKind.SOURCE for path in chosen):
        chosen = [path for path in ordered if kinds[path] is not FileKind.FIXED] or ordered
    left = sorted(set(ordered) - set(chosen))
    return Scope(tuple(chosen), _note(left))


def endings_of(agent: str) -> tuple[str, ...]:
    """The endings of the files that a `command:` agent changes; empty where it is not known."""
    kind, _, argument = agent.partition(":")
    if kind != "command":
        return ()
    try:
        words = [basename(word) for word in shlex.split(argument)]
    except ValueError:
        return ()
    while words:
        program, *rest = words
        if (found := _TOOLS.get(program)) is not None:
            return found
        commands, endings = _COMMANDS.get(program, ((), ()))
        if rest and rest[0] in commands:
            return endings
        if program not in _RUNNERS and "=" not in program:
            return ()
        words = _after(rest)
    return ()


def aims_of(agent: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The words of a known tool's command that are folders of the repository, as written."""
    if not endings_of(agent):
        return ()
    folders = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    words = shlex.split(agent.partition(":")[2])[1:]
    return tuple(word for word in words if _bare(word) in folders)


def _bare(word: str) -> str:
    return word.removeprefix("./").rstrip("/")


def _after(words: Sequence[str]) -> list[str]:
    """What a runner runs."""
    rest = iter(words)
    for word in rest:
        if word not in _RUN_WORDS:
            return [word, *rest]
    return []


def _named(request: str) -> Callable[[str], bool]:
    """Whether a request names a path: a file by its name or path, a folder with its slash."""
    words = {word.removeprefix("./").lower() for word in re.findall(r"[\w./-]*[\w/]", request)}
    folders = tuple({word.rstrip("/") + "/" for word in words if "/" in word.strip("/") + word[-1]})
    names = {word for word in words if "/" not in word}

    def named(path: str) -> bool:
        name = basename(path)
        tells = "." in name or name[:1].isupper()  # `makefile` is a name, `run` is a word
        low = path.lower()
        return (tells and name.lower() in names) or low in words or low.startswith(folders)

    return named


def _note(left: Sequence[str]) -> str:
    """What is told of files that no task owns: which, and how to have them."""
    if not left:
        return ""
    tops = [name for name, _ in Counter(map(_top, left)).most_common()]
    shown = ", ".join(tops[:5]) + (f" and {len(tops) - 5} more" if len(tops) > 5 else "")
    them = "1 file gets" if len(left) == 1 else f"{len(left):,} files get"
    return f"{them} no task ({shown}); to include one, name it in the request"


def _top(path: str) -> str:
    head, slash, _ = path.partition("/")
    return head + slash
