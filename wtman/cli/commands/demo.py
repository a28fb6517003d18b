"""`wtman demo`: the whole story in a throwaway repository, with the real program.

Every command that it shows is run as it stands, by the interpreter of this wtman, in a
folder of its own and with a configuration of its own: no account, no network, nothing of
the user's is read or written.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.resources import as_file, files
from textwrap import wrap
from typing import Annotated

import typer

from wtman.cli import terminal
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.model.command import Command
from wtman.model.plan import Identity
from wtman.model.values import dataclass
from wtman.text.terminal import count, paint

_WHO = Identity("Ada Example", "ada@example.com")
_BOLD = "1"
_YOURS = """\
Now in a repository of yours:

  wtman doctor                   check what works here
  wtman split "what you want"    plan it, confirm once, build it
  wtman merge                    land what is verified, as one change
"""


def demo(
    keep: Annotated[str, typer.Option(metavar="DIR", help="Create it there, and keep it.")] = "",
    fast: Annotated[bool, typer.Option("--fast", help="Let the sessions not wait.")] = False,
) -> int:
    """Run the whole job on a small project: no account, no network, about 20 seconds.

    Five sessions at once: one fails its check and is told why, a reviewer's finding is
    executed, and two branches that pass alone and fail together are caught.
    """
    folder = _made(keep)
    status = 1
    try:
        place = _prepare(folder, fast)
        status = _tour(place)
    finally:
        # What went wrong is left for whoever wants to know why.
        kept = bool(keep) or status == 1
        if not kept:
            from wtman.git.trees import remove_tree

            remove_tree(folder)
    if kept:
        print(f"\nEverything is in {folder}; the repository is {place.repo}.")
    elif status == 130:
        print("\nThe throwaway repository was removed: there is nothing to resume.")
    elif not status:
        print("\nThe throwaway repository was removed; `wtman demo --keep DIR` keeps it.")
    if not status:
        print("\n" + _YOURS, end="")
    return status


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it works, and the words that call an agent and a reviewer."""

    folder: str
    repo: str
    env: Mapping[str, str]
    agent: str
    reviewer: str


class _Interrupted(Exception):
    """Ctrl-C, or a terminal that is gone."""


def _made(keep: str) -> str:
    """The folder that it works in: a new or empty one where `keep` says, else a temporary one."""
    if not keep:
        return os.path.realpath(tempfile.mkdtemp(prefix="wtman-demo-"))
    folder = os.path.realpath(keep)
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise UsageError(f"{keep} already exists", hint="name a new folder")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create {keep}: {error.strerror}") from error
    return folder


def _prepare(folder: str, fast: bool) -> _Place:
    """The project, its repository and what works in it."""
    from wtman.git.init import create

    repo = os.path.join(folder, "shop")
    python = "python3" if shutil.which("python3") else sys.executable
    with as_file(files("wtman") / "demo") as source:
        shutil.copytree(source / "project", repo, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("agent.py", "reviewer.py", "plan.toml"):
            text = (source / name).read_text(encoding="utf-8")
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as copy:
                copy.write(text.replace("python3 -m", f"{python} -m"))
    # Under its own name it would hide things of this repository.
    os.rename(os.path.join(repo, "gitignore"), os.path.join(repo, ".gitignore"))
    create(repo, _WHO, "A small shop")
    # The user's environment, but for what configures wtman and git.
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("WTMAN_", "GIT_")) or key == "WTMAN_SANDBOX"
    }
    places = {f"XDG_{name}_HOME": f"{folder}/home/{name.lower()}" for name in ("CONFIG", "STATE")}
    agent = f"command:{python} ../agent.py" + (" --fast" if fast else "")
    return _Place(folder, repo, {**kept, **places}, agent, f"command:{python} ../reviewer.py")


def _tour(place: _Place) -> int:
    """The story. 0, or the status of the command that went otherwise."""
    sandbox = _sandbox(place)
    started = time.monotonic()
    try:
        _tell("A small shop, a plan of five tasks, an agent and a reviewer that need no model.")
        plan = ("--plan", "../plan.toml", "--agent", place.agent)
        reviews = ("--reviewer", place.reviewer, "--reviewers", "1")
        _run(place, "split", *plan, *reviews, *sandbox, "--yes")
        _tell(
            f"`vouchers` failed its own test, was told so, and fixed it. {_reviewed(place)}"
            " Every branch passes by itself. Now all of them as one change:"
        )
        _run(place, "merge", "-o", "../patches", wanted=(0, 1))
        _tell(
            "`subtotal` renamed what `receipt` calls: each passes alone, both fail together,"
            " and git sees no conflict. Only `receipt` was excluded, with a command that"
            " reproduces it. It gets one more attempt, on what has landed:"
        )
        _run(place, "retry", "receipt")
        _run(place, "merge")
        _show(place)
    except _Interrupted:
        return 130
    except WtmanError as error:
        print(f"\nwtman: {error.message}", file=sys.stderr)
        return 1
    took = time.monotonic() - started
    _tell(
        f"That took {took:.0f} seconds. It works with any agent: claude, codex, your own program."
    )
    return 0


def _reviewed(place: _Place) -> str:
    """What became of the reviewer's findings, from the journal."""
    from wtman.coordinator.create import load_state, open_store
    from wtman.git.discovery import discover
    from wtman.ui.findings import findings_json

    with open_store(discover(place.repo)) as store:
        found = findings_json(load_state(store, store.runs()[-1]))
    proven = [item for item in found if item["verdict"] == "confirmed"]
    if not found:
        return "The reviewer found nothing."
    return (
        f"The reviewer reported {count(len(found), 'finding')} on `stock`, each with a test, and"
        f" wtman ran them on the base and on the branch: {len(proven)} was confirmed, and fixed."
    )


def _sandbox(place: _Place) -> tuple[str, ...]:
    """Its own scripts may run where no sandbox works; everybody else is asked."""
    from wtman.sandbox.choice import choose

    if "WTMAN_SANDBOX" in place.env:
        return ()
    try:
        choose()
    except MissingError:
        return ("--sandbox", "none")
    return ()


def _run(place: _Place, *words: str, wanted: tuple[int, ...] = (0,)) -> None:
    """One wtman command on the terminal of this one."""
    from wtman.execution.spawn import hold_terminal

    _prompt(("wtman", *words))
    # The folder that it stands in is no place to import from.
    argv = (sys.executable, "-P", "-m", "wtman", *words)
    status = asyncio.run(hold_terminal(Command(argv, place.repo, dict(place.env))))
    if status in (130, 143, -2, -15):
        raise _Interrupted
    if status not in wanted:
        raise WtmanError(f"wtman {words[0]} ended with status {status}, which was not expected")


def _show(place: _Place) -> None:
    """What came of it: the history and the patches."""
    from wtman.git.run import git

    _tell("The result:")
    _prompt(("git", "log", "--oneline"))
    log = git(["log", "--format=%h %an  %s"], git_dir="", cwd=place.repo).out
    print(log.decode("utf-8", "replace"), end="")
    _prompt(("ls", "../patches"))
    print("\n".join(sorted(os.listdir(os.path.join(place.folder, "patches")))))
    _tell("And `wtman report`: what was done, checked and excluded, and why, on one page.")


def _tell(text: str) -> None:
    """Narration, as wide as the terminal."""
    print("\n" + "\n".join(wrap(text, terminal.width())), flush=True)


def _prompt(words: tuple[str, ...]) -> None:
    """The command as it could be typed, on as many lines as it needs."""
    lines = [f"$ {words[0]}"]
    for word in map(_quoted, words[1:]):
        if len(lines[-1]) + len(word) + 3 > terminal.width():
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    colour = terminal.colour()
    print("\n" + "\n".join(paint(line, _BOLD, colour) for line in lines), flush=True)


def _quoted(word: str) -> str:
    import shlex

    return f'"{word}"' if " " in word and not set(word) & set('"$`\\!') else shlex.quote(word)
