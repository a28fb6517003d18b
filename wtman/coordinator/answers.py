"""The answer of a person to what a run asks, kept in its journal.

A yes to a question that shows commands approves these texts, as a yes to a plan does.
"""

import os
import time

from wtman.config.trust import approve
from wtman.git.discovery import Repository
from wtman.journal.events import Answered
from wtman.journal.state import NO, PersonQuestion
from wtman.journal.store import Store
from wtman.model.ids import RunId


def give_answer(
    repo: Repository, store: Store, run: RunId, question: PersonQuestion, text: str
) -> None:
    """Journal the answer; the first one counts. Blocking."""
    commands = question.asked.commands if question.asked is not None else ()
    if commands and text != NO:
        approve(commands, os.environ, repo.common_dir)
    store.append(run, [Answered(question.key, text)], time.time())
