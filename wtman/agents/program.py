"""What a program that is used as an agent is made of: the files behind `command:ARGV` and
`[agents.NAME]`.

Answers of a reviewer are kept, and are worth nothing once it has been edited. Looked at are
the programs and files that its words name, wrappers and shell texts included, and the
scripts beside such a script that it mentions. A relative path is none of them: it means a
file of the checkout, which is part of what is reviewed. It promises to run nothing.
"""

import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256

from wtman.model.agent_definition import AgentDefinition

_MOST = 64 << 20  # bytes of a file that are read; of a larger one its size and time are taken
_SCRIPT = 256 << 10  # bytes of a file that is read as a script
_FILES = 200  # of one program
_NAMES = 2000  # in the folder of a script
_SUFFIXES = (".py", ".sh", ".bash", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl")


def content_of(
    spec: str, environ: Mapping[str, str], defined: Mapping[str, AgentDefinition]
) -> str:
    """A key of the agent's files as they are now; empty for an agent that is no program."""
    argument = program_text(spec, defined)
    if not argument:
        return ""
    total, known = sha256(), dict[str, bytes]()
    for path in _named(argument, environ.get("PATH", os.defpath)):
        _take(path, known)
    for path, content in sorted(known.items()):
        total.update(path.encode("utf-8", "surrogateescape") + b"\0" + content)
    return total.hexdigest()[:16]


def program_text(spec: str, defined: Mapping[str, AgentDefinition]) -> str:
    """The command line of an agent that is a program of the user's; empty for any other."""
    if spec in defined:
        return shlex.join(defined[spec].command)
    name, _, argument = spec.partition(":")
    return argument if name == "command" else ""


def _named(text: str, path: str, depth: int = 3) -> Iterator[str]:
    """The files that a command line names; a word of several words is one of its own."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    for word in words:
        if re.search(r"[\s;&|]", word) and depth:
            yield from _named(re.sub(r"[;&|()<>]", " ", word), path, depth - 1)
            continue
        value = word.rpartition("=")[2]  # NAME=/value and --option=/value, too
        if os.path.isabs(value):
            yield value
        elif "/" not in word and (found := shutil.which(word, path=path)):
            yield os.path.abspath(found)


def _take(path: str, known: dict[str, bytes]) -> None:
    path = os.path.realpath(path)
    if path in known or len(known) >= _FILES:
        return
    if os.path.isdir(path):
        main = os.path.join(path, "__main__.py")
        if os.path.isfile(main):
            _take(main, known)
        return
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return
        if found.st_size > _MOST:
            known[path] = f"{found.st_size} {found.st_mtime_ns}".encode()
            return
        with open(path, "rb") as file:
            body = file.read(_MOST)
    except OSError:
        return  # whoever runs it says that it cannot be read
    known[path] = sha256(body).digest()
    if len(body) <= _SCRIPT and b"\0" not in body:
        for other in _beside(path, body.decode("utf-8", "replace")):
            _take(other, known)


def _beside(path: str, text: str) -> Iterator[str]:
    """The scripts in the folder of a script that it mentions, by file or by module name."""
    folder, own = os.path.split(path)
    words = set(re.findall(r"[\w-]+(?:\.\w+)?", text)) | set(re.findall(r"\w+", text))
    try:
        names = sorted(os.listdir(folder))[:_NAMES]
    except OSError:
        return
    for name in names:
        stem, suffix = os.path.splitext(name)
        if name == own or not {name, stem} & words:
            continue
        other = os.path.join(folder, name)
        if os.path.isfile(package := os.path.join(other, "__init__.py")):
            yield package
        elif suffix in _SUFFIXES or (os.path.isfile(other) and os.access(other, os.X_OK)):
            yield other
