"""Lines of configuration that bring into a checkout what git does not carry.

Pure. What a shell and its friends say of a program that they do not find is read here, too.
"""

import json
import re
from collections.abc import Callable, Collection
from posixpath import basename, dirname
from shlex import quote

from wtman.model.settings import Settings
from wtman.text.late_pattern import late

# How shells, env, make and others name what they did not find or could not run.
_SAID = tuple(
    late(pattern, re.MULTILINE)
    for pattern in (
        r"^(?:\S+: )?(?:line )?\d+: (?:exec: )?(?P<name>[^:\n]+): (?:command )?not found$",
        r"^(?:\S+: )?(?:line )?\d+: (?:\.: )?(?:cannot open )?(?P<name>[^:\n]+): No such file"
        r"(?: or directory)?$",
        r"^(?:\S+: )?\d+: \.: cannot open (?P<name>[^:\n]+?)(?:: No such file)?$",
        r"^(?:/\S*/)?(?:env|nice|nohup|timeout|xargs|time|setsid|stdbuf|exec)(?:: .*?)?: "
        r"(?:failed to run command |cannot run )?[‘'\"]?(?P<name>[^:\n‘’'\"]+)[’'\"]?"
        r": No such file or directory$",
        r"^(?:g?make|just)(?:\[\d+\])?: (?P<name>[^:\n*]+): (?:No such file or directory|"
        r"Command not found)$",
        r"^(?:bash|zsh|fish): (?P<name>[^:\n]+): (?:command not found|No such file or directory)$",
    )
)
_ENVIRONMENTS = (".venv", "venv")
# The file that says what an environment is made of, the program that makes it, and how.
_PYTHON = (
    ("uv.lock", "uv", "uv sync"),
    ("poetry.lock", "poetry", "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install"),
    ("pdm.lock", "pdm", "pdm sync"),
    ("Pipfile.lock", "pipenv", "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"),
)
_OTHERS = {
    "node_modules": (
        ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
        ("bun.lock", "bun", "bun install --frozen-lockfile"),
        ("bun.lockb", "bun", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm", "npm ci"),
        ("npm-shrinkwrap.json", "npm", "npm ci"),
    ),
    "vendor": (
        ("composer.lock", "composer", "composer install"),
        ("Gemfile.lock", "bundle", "bundle install"),
    ),
    ".bundle": (("Gemfile.lock", "bundle", "bundle install"),),
}
# What makes it where nothing is to be linked.
_ANEW = {
    "node_modules": (("package.json", "npm", "npm install"),),
    "vendor": (("composer.json", "composer", "composer install"),),
    "bin": (("Gemfile", "bundle", "bundle binstubs --all"),),
    "target": (("Cargo.toml", "cargo", "cargo build"),),
    ".tox": (("tox.ini", "tox", "tox --notest"),),
}
_ANEW_PYTHON = (
    ("requirements.txt", "python3", "-r requirements.txt"),
    ("pyproject.toml", "python3", "-e ."),
    ("setup.py", "python3", "-e ."),
)


def not_found(output: str) -> str:
    """The program or file that the output says is not there: the last one; empty: none."""
    found = [(match.start(), match) for said in _SAID for match in said.finditer(output)]
    if not found:
        return ""
    match = max(found, key=lambda item: item[0])[1]
    name = str(match["name"]).strip()
    # A script is opened where one is, a program looked up on PATH.
    return f"./{name}" if "cannot open" in match[0] and "/" not in name else name


def outermost(path: str, files: Collection[str]) -> str:
    """The part of a path that git does not carry: `.venv` of `.venv/bin/pytest`."""
    folders = {name[:at] for name in files for at, char in enumerate(name) if char == "/"}
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        top = "/".join(parts[:length])
        if top not in folders:
            return top
    return path


def lines(
    top: str,
    files: Collection[str],
    settings: Settings,
    installed: Callable[[str], bool],
    *,
    kind: str,
    first: bool = False,
) -> tuple[str, ...]:
    """Lines that bring `top` into every checkout, the best first.

    `kind` is what the main checkout has there: `folder`, `file`, or nothing; `files` are those
    of the base, `installed` says whether a program is on PATH. `first`: setup itself needs it.
    """
    found = []
    if (made := _setup(top, files, installed, anew=not kind)) and made not in settings.setup:
        known = settings.setup
        found.append(line("setup", (made, *known) if first else (*known, made)))
    if kind == "folder" and top not in settings.symlink:
        found.append(line("symlink", (*settings.symlink, top)))
    if kind == "file" and top not in settings.copy:
        found.append(line("copy", (*settings.copy, top)))
    return tuple(found)


def line(key: str, values: Collection[str]) -> str:
    """A line of wtman.toml."""
    return f"{key} = [{', '.join(json.dumps(value, ensure_ascii=False) for value in values)}]"


def placed(run: str, folder: str) -> str:
    """The line for a check in a folder."""
    texts = [json.dumps(text, ensure_ascii=False) for text in (run, folder)]
    return f"check = [{{run = {texts[0]}, in = {texts[1]}}}]"


def _setup(top: str, files: Collection[str], installed: Callable[[str], bool], anew: bool) -> str:
    """The command that makes it, by the lock file beside it."""
    folder, name = dirname(top), basename(top)
    beside = f"{folder}/" if folder else ""
    within = f"cd {quote(folder)} && " if folder else ""
    python = name in _ENVIRONMENTS
    rows = _PYTHON if name == ".venv" else _OTHERS.get(name, ())
    if anew:
        rows = (*rows, *_ANEW.get(name, ()))
    for mark, program, command in rows:
        if beside + mark in files and installed(program):
            return within + command
    if python and anew:
        wanted = next((row for row in _ANEW_PYTHON if beside + row[0] in files), None)
        pip = f" && {name}/bin/python -m pip install {wanted[2]}" if wanted else ""
        return f"{within}python3 -m venv {name}{pip}"
    return ""
