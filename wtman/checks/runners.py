"""Commands that can say which tests failed, and how to ask them.

Pure. A test runner that is called plainly gets the option that makes it tell its
results test by test; anything that is not certain is left exactly as the user wrote it.
"""

import re
import shlex

from wtman.model.values import dataclass
from wtman.provision.command_text import JUNIT

UNITTEST = "{wtman-unittest}"  # the program in `probe/` that speaks for unittest
_SHELL = re.compile(r"[|&;<>()$`\\\"'\n*?#~!{}\[\]]")
_PYTHON = re.compile(r"(?:.*/)?python(?:\d(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class _Runner:
    """`form` is how its results read (`results`); `known` options mean the user asked already."""

    form: str
    options: tuple[str, ...]
    known: tuple[str, ...]
    verb: tuple[str, ...] = ()  # the word that has to follow, and after which options go
    ends: tuple[str, ...] = ()  # options with which it runs no test


_RUNNERS = {
    "pytest": _Runner("junit", (f"--junitxml={JUNIT}",), ("--junitxml", "--junit-xml")),
    "py.test": _Runner("junit", (f"--junitxml={JUNIT}",), ("--junitxml", "--junit-xml")),
    "gotestsum": _Runner("junit", (f"--junitfile={JUNIT}",), ("--junitfile",)),
    "phpunit": _Runner("junit", (f"--log-junit={JUNIT}",), ("--log-junit",)),
    "jest": _Runner(
        "jest",
        ("--json", f"--outputFile={JUNIT}"),
        ("--json", "--outputFile"),
        ends=("--listTests", "--showConfig", "--init", "--watch", "--watchAll", "--version"),
    ),
    "vitest": _Runner(
        "junit",
        ("--reporter=default", "--reporter=junit", f"--outputFile.junit={JUNIT}"),
        ("--reporter", "--outputFile"),
        verb=("run",),
    ),
    "go": _Runner(
        "go",
        ("-json",),
        ("-json", "--json"),
        verb=("test",),
        ends=("-c", "-list", "-bench", "-fuzz", "-n"),
    ),
    "cargo": _Runner(
        "cargo", ("--no-fail-fast",), ("--no-fail-fast",), verb=("test",), ends=("--no-run", "--")
    ),
}
_UNITTEST = _Runner("junit", (), ())
_EXECUTORS = {
    *(("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run")),
    *(("pnpm", "exec"), ("bun", "x")),
}
# Their options without a value that may stand before the program.
_FLAGS = ("--no-sync", "--frozen", "--locked", "--offline", "-q", "--quiet", "--no-install", "-y")
_LAUNCHERS = ("npx", "bunx", "yarn", "pnpm")  # one word before a program of node


def with_results(command: str) -> str:
    """The command with a place for its result file, where it has a use for one."""
    if JUNIT in command:
        return command
    direct = command.startswith("command:")
    text = command.removeprefix("command:")
    words = _words(text)
    found = _found(words)
    if found is None:
        return command
    at, runner = found
    rest = words[at + 1 :]
    if runner is _UNITTEST:
        # `python -m unittest ARGS`: the same ARGS to the program that writes the results.
        words[at - 1 : at + 1] = [UNITTEST, JUNIT]
    elif any(_is(word, (*runner.known, *runner.ends)) for word in rest):
        return command
    else:
        at += len(runner.verb)
        words[at + 1 : at + 1] = runner.options
    # Nothing in these words needs quoting: what would was refused above.
    return ("command:" if direct else "") + " ".join(words)


def form_of(command: str) -> str:
    """How the results of a command read, after `with_results`; empty: it has none.

    `junit` and `jest` are in its result file, `go` and `cargo` in what it prints.
    """
    text = command.removeprefix("command:")
    found = _found(_words(text.replace(JUNIT, "JUNIT").replace(UNITTEST, "UNITTEST")))
    form = found[1].form if found is not None else "junit"
    if JUNIT in command:
        return "jest" if form == "jest" else "junit"
    if found is None or form not in ("go", "cargo"):
        return ""
    asked = any(_is(word, found[1].known) for word in text.split())
    return form if asked else ""


def is_pytest(text: str) -> int | None:
    """The place of pytest among the words of a command; None: it is no plain call of it."""
    found = _found(_words(text.removeprefix("command:")))
    return found[0] if found is not None and found[1] is _RUNNERS["pytest"] else None


def _words(text: str) -> list[str]:
    return [] if _SHELL.search(text) else shlex.split(text)


def _is(word: str, options: tuple[str, ...]) -> bool:
    return any(
        word == option or word.startswith((option + "=", option + ".")) for option in options
    )


def _found(words: list[str]) -> tuple[int, _Runner] | None:
    """Where in `words` the runner's name stands, and which it is."""
    at = 0
    while at < len(words) and re.fullmatch(r"[A-Za-z_]\w*=\S*", words[at]):
        at += 1  # VAR=value before the program
    if tuple(words[at : at + 2]) in _EXECUTORS:
        at += 2
    elif words[at : at + 1] and words[at] in _LAUNCHERS:
        at += 1
    while at and at < len(words) and words[at] in _FLAGS:
        at += 1
    if at < len(words) and _PYTHON.fullmatch(words[at]):
        at += 1
        while at < len(words) and words[at].startswith("-") and words[at] != "-m":
            at += 2 if words[at] in ("-W", "-X") else 1
        if words[at : at + 1] != ["-m"]:
            return None
        at += 1
        if words[at : at + 1] == ["unittest"]:
            return at, _UNITTEST
    if at >= len(words):
        return None
    runner = _RUNNERS.get(words[at].rsplit("/", 1)[-1])
    if runner is None or tuple(words[at + 1 : at + 1 + len(runner.verb)]) != runner.verb:
        return None
    return at, runner
