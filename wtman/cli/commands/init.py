"""`wtman init`: a wtman.toml from what is here, for its user to read before anything runs."""

import json
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.config.detect import PYTHON_TEST, READ, Habits, habits
from wtman.errors import ExternalError, MissingError, UsageError, no_access
from wtman.git.discovery import Repository

_MOST_TESTS, _CAP = 20, 1 << 18  # tests that are looked into, bytes of each
_NAME = "wtman.toml"


def init(
    ctx: typer.Context,
    shown: Annotated[bool, typer.Option("--print", help="Print it, write nothing.")] = False,
    directory: options.Directory = "",
) -> int:
    """Write a wtman.toml for this repository: checks, setup, files to copy.

    It is a proposal, with the reasons as comments. Its commands run only after you
    approved them. An existing file is never overwritten.
    """
    repo = target.repository(ctx, directory)
    if not repo.toplevel:
        raise UsageError(
            "cannot write wtman.toml in a bare repository", hint="run this in a checkout"
        )
    path = os.path.join(repo.toplevel, _NAME)
    if not shown:
        _require_new(repo, path)
    found = of_repository(repo)
    written = text(found)
    if shown:
        print(written, end="")
        return 0
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(written)
    except OSError as error:
        raise no_access(error) from error
    kinds = ", ".join(found.kinds) or "nothing known"
    print(f"wrote {path}; found: {kinds}")
    for note in found.notes:
        print(f"! {note}")
    if found.check or found.setup:
        print("next: read it, then `wtman trust` and `wtman doctor --checks`")
    else:
        print("next: no tests were found: set `check`, or branches end unchecked")
    return 0


def _require_new(repo: Repository, path: str) -> None:
    from wtman.config.sources import read_regular

    if os.path.lexists(path):
        raise UsageError(f"{path} already exists", hint="print a new one: wtman init --print")
    project = read_regular(os.path.join(repo.toplevel, "pyproject.toml")) or b""
    if b"[tool.wtman" in project:
        raise UsageError(
            "pyproject.toml has [tool.wtman], which a wtman.toml would replace",
            hint="print what it would hold: wtman init --print",
        )


def of_repository(repo: Repository) -> Habits:
    """What the checkout that the user stands in says about itself."""
    tracked = _tracked(repo)
    tests = [path for path in tracked if PYTHON_TEST.fullmatch(path)][:_MOST_TESTS]
    texts = {}
    for path in (*READ, *tests):
        content = _read(os.path.join(repo.toplevel, path)) if path in tracked else None
        if content is not None:
            texts[path] = content
    return habits(tracked, texts, set(os.listdir(repo.toplevel)) - tracked)


def _tracked(repo: Repository) -> frozenset[str]:
    """Paths of HEAD, or before the first commit what is in the folder."""
    from wtman.git.control_dir import prepare
    from wtman.git.objects.history import files
    from wtman.git.repo import resolve

    try:
        return frozenset(files(prepare(repo), resolve(repo, "HEAD")))
    except (MissingError, ExternalError):
        names = os.listdir(repo.toplevel)
        below = (f"tests/{name}" for name in _listed(os.path.join(repo.toplevel, "tests")))
        return frozenset((*names, *below))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read(_CAP).decode("utf-8", "replace")
    except OSError:
        return None


# --- the file -------------------------------------------------------------------------------


def text(found: Habits) -> str:
    """The whole file."""
    tested = "Commands that must pass on every branch and on the merged result."
    untested = "No tests were found. Without a check branches end unchecked."
    checkout = "Run once in every fresh checkout, which holds only what is in git."
    lint = "These are set up here too:"
    copy = "Untracked files that checkouts need too. Agents can read them: no secrets."
    protect = "Paths that judge the work, instead of tests, CI files and test configuration."
    parts = [
        "# How wtman works in this repository; every key is optional. Commands run only\n"
        "# after you approved their text (`wtman trust`). See `wtman help configuration`.\n",
        _key(tested, "check", found.check)
        if found.check
        else _idea(untested, "check", "make test"),
        _idea(lint, "check", *found.check, *found.lint) if found.lint else "",
        _key(f"{checkout} Has the network.", "setup", found.setup)
        if found.setup
        else _idea(checkout, "setup", "npm ci"),
        _idea(copy, "copy", *(found.copy or (".env.test",))),
        _idea(protect, "protect", "tests/**", "golden/**"),
        "# The agent. Default: the first one that is installed and signed in.\n"
        '# agent = "claude"\n',
        "# Sessions at once, and the most that a run may cost.\n# jobs = 16\n# budget.usd = 20.0\n",
    ]
    return "\n".join(filter(None, parts))


def _idea(why: str, key: str, *values: str) -> str:
    """A key that is commented out."""
    return _key(why, key, values, "# ")


def _key(why: str, key: str, values: Sequence[str], mark: str = "") -> str:
    """A key with the reason for it."""
    quoted = [json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for value in values]
    whole = f"{mark}{key} = [{', '.join(quoted)}]"
    if len(whole) > 98 and len(quoted) > 1:
        inner = "".join(f"{mark}    {value},\n" for value in quoted)
        whole = f"{mark}{key} = [\n{inner}{mark}]"
    return f"# {why}\n{whole}\n"
