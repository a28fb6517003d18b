"""Commands that can say which tests failed, and how to ask them.

Pure. A test runner that is called plainly gets the option that makes it write
JUnit results; anything that is not certain is left exactly as the user wrote it.
"""

import re
import shlex

JUNIT = "{junit}"
_SHELL = re.compile(r"[|&;<>()$`\\\"'\n*?#~!{}\[\]]")
_PYTHON = re.compile(r"(?:.*/)?python(?:\d(?:\.\d+)?)?")
_OPTIONS = {
    "pytest": ("--junitxml=", "--junit-xml"),
    "py.test": ("--junitxml=", "--junit-xml"),
    "gotestsum": ("--junitfile=", "--junitfile"),
    "phpunit": ("--log-junit=", "--log-junit"),
}
_EXECUTORS = {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run")}


def with_results(command: str) -> str:
    """The command with a place for its result file (`{junit}`), where it has a use for one."""
    if JUNIT in command:
        return command
    direct = command.startswith("command:")
    text = command.removeprefix("command:")
    if _SHELL.search(text):
        return command
    words = shlex.split(text)
    place = _runner(words)
    if place is None:
        return command
    option, other = _OPTIONS[words[place].rsplit("/", 1)[-1]]
    if any(word.startswith((option, other)) for word in words):
        return command
    words.insert(place + 1, option + JUNIT)
    # Nothing in these words needs quoting: what would was refused above.
    return ("command:" if direct else "") + " ".join(words)


def _runner(words: list[str]) -> int | None:
    """Where in `words` the runner's name stands."""
    at = 0
    while at < len(words) and re.fullmatch(r"[A-Za-z_]\w*=\S*", words[at]):
        at += 1  # VAR=value before the program
    if tuple(words[at : at + 2]) in _EXECUTORS:
        at += 2
    if at < len(words) and _PYTHON.fullmatch(words[at]):
        at += 1
        while at < len(words) and words[at].startswith("-") and words[at] != "-m":
            at += 2 if words[at] in ("-W", "-X") else 1
        if words[at : at + 1] != ["-m"]:
            return None
        at += 1
    if at < len(words) and words[at].rsplit("/", 1)[-1] in _OPTIONS:
        return at
    return None


def argv(command: str, junit: str) -> tuple[str, ...]:
    """What to execute: `command:ARGV` split like a shell would, else `sh -c`."""
    if command.startswith("command:"):
        words = shlex.split(command.removeprefix("command:"))
        return tuple(word.replace(JUNIT, junit) for word in words)
    return ("/bin/sh", "-c", command.replace(JUNIT, shlex.quote(junit)))
