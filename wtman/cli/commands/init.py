"""`wtman init`: a wtman.toml from what is here, tried in a fresh checkout before it is written.

What is tried are the repository's own tests and installers, so their texts are shown first and
nothing runs before a yes. What the user has seen and said yes to counts as approved, by its text,
as on every start screen. `--yes` runs it unseen, and so approves nothing.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from wtman import files
from wtman.cli import options, target, terminal
from wtman.config.detect import Candidate, Habits
from wtman.coordinator.detected import of_repository
from wtman.coordinator.trial import Trier
from wtman.coordinator.trial_result import ProjectTrial, TriedCandidate
from wtman.errors import MissingError, UsageError, no_access
from wtman.git.discovery import Repository
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean
from wtman.ui import configuration

_NAME = "wtman.toml"


def init(
    ctx: typer.Context,
    shown: Annotated[bool, typer.Option("--print", help="Print it, write nothing.")] = False,
    no_try: Annotated[
        bool, typer.Option("--no-try", help="Write the proposal without trying it.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Try it without asking (approves no command).")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Write a wtman.toml for this repository: checks, setup, files to copy.

    It looks for the tests of every project here, shows the commands, and, after your yes, tries
    them as a run would: in a fresh checkout, in the sandbox, setup with the network and checks
    without. What fails is not written as if it worked. An existing file is never overwritten, but
    for a proposal that was not tried and that you have not changed.
    Exit status 1: nothing that was tried passes.
    """
    repo = target.repository(ctx, directory)
    if not repo.toplevel:
        raise UsageError(
            "cannot write wtman.toml in a bare repository", hint="run this in a checkout"
        )
    path = os.path.join(repo.toplevel, _NAME)
    found = of_repository(repo)
    again = False
    if not shown:
        again = _is_untried(path, found)
        if again and (no_try or not (yes or terminal.may_ask())):
            raise UsageError(f"{path} already exists, untried", hint="try it: wtman init --yes")
        if not again:
            _require_new(repo, path)
    quiet = as_json or shown
    may_try = any(part.candidates for part in found.parts) and not no_try
    trier: Trier | None = None
    trials: tuple[ProjectTrial, ...] | None = None
    untried = "--no-try" if no_try else ""
    seen = False
    if may_try:
        trier, untried = _trier(repo)
        if trier is not None:
            agreed, seen, untried = _agreed(found, yes, quiet)
            if agreed:
                trials = _tried(trier, found, quiet)
    written = configuration.file_text(found, trials)
    fell_short = bool(trials) and not any(trial.passed for trial in trials or ())
    if not shown:
        _write(path, written, again=again)
    if trials and seen and not fell_short:
        from wtman.config.trust import approve

        approve(configuration.chosen_commands(found, trials), os.environ, repo.common_dir)
    if as_json:
        told = {"schema": SCHEMA, "path": path, "written": not shown, "text": written}
        print(json.dumps({**told, **configuration.proposal_json(found, trials)}, ensure_ascii=True))
    elif shown:
        print(written, end="")
    else:
        lacking = may_try and trier is None
        _told(path, found, trials, untried if may_try else "", approved=seen, lacking=lacking)
    return 1 if fell_short else 0


def _told(
    path: str,
    found: Habits,
    trials: Sequence[ProjectTrial] | None,
    untried: str,
    *,
    approved: bool,
    lacking: bool,
) -> None:
    """What was written, and what comes next. `lacking`: something that a trial needs."""
    kinds = ", ".join(found.kinds) or "nothing known"
    print(f"wrote {clean(path)}; found: {clean(kinds)}")
    for note in found.notes:
        print(f"! {clean(note)}")
    if untried:
        print(f"not tried: {untried}")
    ahead = ("first: mend that", "wtman init --yes")
    first, command = ahead if lacking else _next(found, trials, approved=approved)
    if first:
        print(first)
    print(target.here(f"next: {command}"))


def _next(
    found: Habits, trials: Sequence[ProjectTrial] | None, *, approved: bool
) -> tuple[str, str]:
    """What to do or to know before the next command, and the command."""
    split = 'wtman split "what you want"'
    if not found.check:
        what = f"no tests were found: set `check` in {_NAME}, or branches end unchecked"
        return what, split
    if trials is None:
        return "first: read it", "wtman trust && wtman doctor --checks"
    if not any(trial.passed for trial in trials):
        return f"first: set `check` in {_NAME}, or give --check to split", "wtman doctor --checks"
    return "" if approved else "split asks you to approve these commands", split


def _trier(repo: Repository) -> tuple[Trier | None, str]:
    """What tries proposals here; None, and why, where nothing can be tried."""
    from wtman.config import load, worktrees_folder
    from wtman.git.repo import resolve
    from wtman.sandbox.choice import choose

    try:
        settings = load(repo.toplevel, os.environ, {}, None).settings
        settings = replace(
            settings,
            sandbox=choose(settings.sandbox)[0].name,
            worktrees=worktrees_folder(settings.worktrees, repo, os.environ),
        )
        return Trier(repo, settings, resolve(repo, "HEAD"), os.environ), ""
    except MissingError as error:
        return None, f"{error.message}; {error.hint}" if error.hint else error.message


def _agreed(found: Habits, yes: bool, quiet: bool) -> tuple[bool, bool, str]:
    """Whether to try it, whether its user has seen it, and else why it is not tried."""
    if not quiet:
        print("\n".join(configuration.proposal_lines(found)), flush=True)
    if yes:
        return True, False, ""
    if quiet or not terminal.may_ask():
        return False, False, "it runs commands of this repository; `wtman init --yes` tries them"
    answer = terminal.ask("\nTry it now, in a fresh checkout?", default=True)
    return bool(answer), True, "" if answer else "you said no"


def _tried(trier: Trier, found: Habits, quiet: bool) -> tuple[ProjectTrial, ...]:
    from wtman.cli.progress import Progress

    with Progress("trying", quiet=quiet) as progress:

        def tell(candidates: tuple[Candidate, ...]) -> None:
            progress.say(configuration.attempt_words(candidates))

        def failed(tried: TriedCandidate) -> None:
            if not quiet:
                with progress.hidden():
                    print(configuration.failure_line(tried), flush=True)

        trials = replace(trier, tell=tell, failed=failed).trials(found)
    if not quiet:
        print("\n".join(configuration.trial_lines(trials)), flush=True)
        if not all(trial.passed for trial in trials):
            _print_lacks(found)
    return trials


def _print_lacks(found: Habits) -> None:
    """What this machine lacks: often why something did not pass."""
    from wtman.coordinator.toolchain import lacks

    texts = (*found.check, *found.proposed_setup)
    for lack in lacks(texts, found, os.environ):
        print(f"! {clean(lack.text)}; {clean(lack.fix)}")


def _is_untried(path: str, found: Habits) -> bool:
    """Whether the file is what a former call wrote without trying it."""
    from wtman.config.sources import read_regular

    return read_regular(path) == configuration.file_text(found, None).encode()


def _write(path: str, text: str, *, again: bool) -> None:
    """`again`: over what a former call wrote."""
    try:
        if again:
            files.replace(path, text.encode(), mode=os.stat(path).st_mode & 0o777)
            return
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise no_access(error) from error


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
