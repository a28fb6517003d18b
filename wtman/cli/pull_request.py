"""`merge --pr`: the train as one pull request, with the run's report as its body.

Small on purpose: a branch is pushed, and `gh` does the rest. What is missing for that is
said before anything is checked.
"""

import os
import shutil
from collections.abc import Callable
from functools import partial

from wtman.errors import ExternalError, MissingError, WtmanError
from wtman.execution.spawn import answer_of
from wtman.git.discovery import Repository
from wtman.git.publish import Route, push, route
from wtman.journal.events import Landed
from wtman.journal.state import State
from wtman.text.terminal import clean
from wtman.ui.report import report

_TITLE = 120
_BODY = 60_000  # characters that the host takes, with some to spare


def publisher(repo: Repository, target: str) -> Callable[[State, Landed], str]:
    """What opens the pull request of a merge that came out as commits, and gives its address.

    Raises MissingError where something that it needs is not there.
    """
    program = shutil.which("gh", path=os.environ.get("PATH"))
    if program is None:
        raise MissingError(
            "--pr needs the program gh, which was not found on PATH",
            hint="install gh, the program of GitHub; or take --patch-only",
        )
    if not target:
        raise WtmanError("--pr needs a branch to ask for", hint="name one with --into BRANCH")
    return partial(_publish, repo, route(repo, target), os.path.abspath(program))


def _publish(repo: Repository, way: Route, program: str, state: State, landed: Landed) -> str:
    tip = next(reversed(landed.commits.values()), landed.before)
    if tip == landed.before:
        return ""
    branch = f"wtman/{state.run}"
    push(repo, way.remote, tip, branch)
    words = ("pr", "create", "--base", way.base, "--head", branch)
    title = clean(state.request, _TITLE) or str(state.run)
    argv = (program, *words, "--title", title, "--body-file", "-")
    body = report(state)[:_BODY].encode("utf-8", "replace")
    status, out, err = answer_of(argv, repo.toplevel or repo.common_dir, body)
    if status:
        said = next((line for line in reversed(err.splitlines()) if line.strip()), "")
        raise ExternalError(
            f"gh pr create ended with status {status}: {clean(said, 300)}",
            argv=argv,
            hint=f"the branch {branch} is at {way.remote}; see gh auth status",
        )
    return next((line for line in reversed(out.split()) if "://" in line), out.strip())
