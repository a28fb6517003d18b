"""The programs that checks and setup need on this machine, and the versions that files ask for."""

import os
import re
from collections.abc import Iterable, Mapping

from wtman.config.detect import Habits, WantedVersion
from wtman.config.detect.versions import ASK, number_of, satisfies
from wtman.errors import ExternalError
from wtman.execution.spawn import answer_of
from wtman.formats.shell_words import Position, mentions
from wtman.model.check import CheckCommand
from wtman.model.values import dataclass
from wtman.sandbox.programs import which

_PATIENCE = 10.0  # seconds for a program to say its version
# What a shell knows itself.
_SHELL = frozenset(
    "cd echo export set unset test [ [[ true false : . source exit eval exec trap umask ulimit "
    "wait read printf pwd return shift local alias command type if for while case sudo".split()
)
_INSTALL = {
    "uv": "pipx install uv",
    "poetry": "pipx install poetry",
    "pdm": "pipx install pdm",
    "pipenv": "pipx install pipenv",
    "tox": "pipx install tox",
    "nox": "pipx install nox",
    "pnpm": "npm install -g pnpm",
    "yarn": "npm install -g yarn",
    "bun": "npm install -g bun",
    "bundle": "gem install bundler",
    "cargo": "install Rust with rustup",
    "npm": "install Node.js",
    "npx": "install Node.js",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """What is not as a command or a file wants it. `fatal`: the command cannot start."""

    text: str
    fix: str
    fatal: bool


def lacks(
    texts: Iterable[str], found: Habits | None, environ: Mapping[str, str]
) -> tuple[Lack, ...]:
    """What commands lack on PATH, and which versions are not those of the project. Blocking."""
    path = environ.get("PATH", os.defpath)
    told: dict[str, Lack] = {}
    for text in texts:
        for mention in mentions(CheckCommand.of(text).run, dict(environ)):
            name = mention.path
            bare = mention.position is Position.PROGRAM and re.fullmatch(r"[\w.+-]+", name)
            if bare and name not in _SHELL and name not in told and not which(name, path):
                fix = _INSTALL.get(name, f"install {name}, or name it by its path")
                told[name] = Lack(f"`{name}` is not on PATH, and `{text}` needs it", fix, True)
    used = {word for text in texts for word in re.findall(r"[\w.+-]+", text)}
    wanted = [one for part in found.parts for one in part.versions] if found is not None else []
    return (*told.values(), *(lack for one in wanted if (lack := _version(one, path, used))))


def _version(wanted: WantedVersion, path: str, used: set[str]) -> Lack | None:
    if wanted.program == "python3" and "uv" in used:
        return None  # it brings its own
    program = which(wanted.program, path)
    if not program:
        return None
    try:
        _, out, err = answer_of((program, *ASK[wanted.program]), os.sep, timeout=_PATIENCE)
    except ExternalError:
        return None
    here = number_of(out.strip() or err.strip())
    if satisfies(wanted, here) is not False:
        return None
    said = f"{wanted.program} is {here}, and {wanted.file} asks for {wanted.version}"
    return Lack(
        said, f"put {wanted.program} {wanted.version} on PATH before you start wtman", False
    )
