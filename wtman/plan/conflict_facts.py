"""What is read of the base before the chances of conflicts are told. Blocking.

Of tasks that say their places only the files of these are read; else also those that their words
and patterns name, and of a small repository all source files, for a name in a brief to be found.
"""

import re
from collections.abc import Iterator, Sequence

from wtman.formats.definitions import definitions
from wtman.formats.source_languages import language_of
from wtman.git.control_dir import Control
from wtman.git.objects.contents import texts
from wtman.model.ids import Sha
from wtman.model.places import place
from wtman.model.plan import Task
from wtman.plan.conflict import RepositoryFacts

_SMALL = 100  # source files, all of which are read
_MOST = 200  # files that are read
_LARGEST = 1 << 20
_PATH = re.compile(r"[\w@.+-]+(?:/[\w@.+-]+)*\.\w{1,6}\b")


def conflict_facts(
    ctl: Control, base: Sha, tracked: Sequence[str], tasks: Sequence[Task]
) -> RepositoryFacts:
    """What the chances of these tasks need to know of a commit with these files."""
    if len(tasks) < 2:
        return RepositoryFacts(tracked)
    known = frozenset(tracked)
    wanted = dict.fromkeys(path for task in tasks for path in _touched(task))
    if not all(task.touches for task in tasks):
        wanted |= dict.fromkeys(path for task in tasks for path in _named(task))
        sources = [path for path in tracked if language_of(path)]
        if len(sources) <= _SMALL:
            wanted |= dict.fromkeys(sources)
    paths = [path for path in wanted if path in known and language_of(path)][:_MOST]
    read = texts(ctl, base, set(paths), _LARGEST) if paths else {}
    return RepositoryFacts(tracked, {path: definitions(path, text) for path, text in read.items()})


def _touched(task: Task) -> Iterator[str]:
    for text in task.touches:
        try:
            yield place(text).path
        except ValueError:
            continue  # a plan that is not sound is refused elsewhere


def _named(task: Task) -> Iterator[str]:
    yield from task.owns
    yield from _PATH.findall(f"{task.title}\n{task.prompt}\n{task.expect}"[:20_000])
