"""A user told that a run needs them, by a command of their own.

`notify` of the configuration: each command is split like a shell would and run without
one, with WTMAN_RUN, WTMAN_EVENT and WTMAN_TEXT. One that came with the repository runs
only where its text was approved. What fails is told and changes nothing else.
"""

import os
import shlex
from collections.abc import Mapping

from wtman.config import Loaded, repository_commands
from wtman.errors import ExternalError
from wtman.process import answer_of
from wtman.trust import approved

_PATIENCE = 10.0  # seconds for each command


def commands(loaded: Loaded, environ: Mapping[str, str], repo_key: str) -> tuple[str, ...]:
    """The commands to run: the user's own, and those of the repository that were approved."""
    texts: tuple[str, ...] = loaded.extra.get("notify", ())
    if not texts:
        return ()
    theirs = [text for text in repository_commands(loaded) if text in texts]
    missing = approved(theirs, environ, repo_key)
    return tuple(text for text in texts if text not in missing)


def notify(texts: tuple[str, ...], run: str, event: str, words: str) -> tuple[str, ...]:
    """Run each command; what went wrong, one line each. Waits for them, a few seconds at most.

    `event` is a state of the run, or `approve` where a plan waits for a yes.
    """
    told = {"WTMAN_RUN": run, "WTMAN_EVENT": event, "WTMAN_TEXT": words}
    problems = []
    for text in texts:
        try:
            argv = tuple(shlex.split(text))
            status, _, err = answer_of(argv, os.sep, timeout=_PATIENCE, extra=told)
        except (ExternalError, ValueError, IndexError) as error:
            problems.append(f"notify `{text}`: {error}")
            continue
        if status:
            said = err.strip().splitlines()
            problems.append(
                f"notify `{text}`: exit status {status}" + (f": {said[-1]}" if said else "")
            )
    return tuple(problems)
