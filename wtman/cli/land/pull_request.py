"""`merge --pr`: the train as one pull request, with the run's report as its body.

Small on purpose: a branch is pushed, and `gh` does the rest. What is missing for that is
said before anything is checked.
"""

import os
import shutil
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Publisher:
    """Everything that a pull request needs, looked for beforehand."""

    repo: Repository
    route: Route
    program: str

    def publish(self, state: State, landed: Landed) -> str:
        """Open the pull request of a merge that came out as commits; its address."""
        tip = next(reversed(landed.commits.values()), landed.before)
        if tip == landed.before:
            return ""
        branch = f"wtman/{state.run}"
        push(self.repo, self.route.remote, tip, branch)
        words = ("pr", "create", "--base", self.route.base, "--head", branch)
        title = clean(state.request, _TITLE) or str(state.run)
        argv = (self.program, *words, "--title", title, "--body-file", "-")
        body = report(state)[:_BODY].encode("utf-8", "replace")
        status, out, err = answer_of(argv, self.repo.toplevel or self.repo.common_dir, body)
        if status:
            said = next((line for line in reversed(err.splitlines()) if line.strip()), "")
            raise ExternalError(
                f"gh pr create ended with status {status}: {clean(said, 300)}",
                argv=argv,
                hint=f"the branch {branch} is at {self.route.remote}; see gh auth status",
            )
        return next((line for line in reversed(out.split()) if "://" in line), out.strip())


def publisher(repo: Repository, target: str) -> Publisher:
    """What `--pr` works with. Raises MissingError where something is not there."""
    program = shutil.which("gh", path=os.environ.get("PATH"))
    if program is None:
        raise MissingError(
            "--pr needs the program gh, which was not found on PATH",
            hint="install gh, the program of GitHub; or take --patch-only",
        )
    if not target:
        raise WtmanError("--pr needs a branch to ask for", hint="name one with --into BRANCH")
    return Publisher(repo, route(repo, target), os.path.abspath(program))
