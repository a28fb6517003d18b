"""What is read of the base before the chances of conflicts are told. Blocking.

Of tasks that say their places only the files of these are read; else also those that their words
and patterns name, for a name in a brief to be found: of a small repository all source files, of
another those that its map (kept by tree) has as the most relevant.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from wtman.formats.definitions import definitions
from wtman.formats.source_languages import language_of
from wtman.git.control_dir import Control
from wtman.git.objects.contents import texts
from wtman.model.ids import Sha
from wtman.model.plan import Task
from wtman.plan.conflicts.chance import RepositoryFacts
from wtman.plan.conflicts.places import respelled, touched
from wtman.plan.map.store import relevant_definitions

_SMALL = 100  # source files, all of which are read
_MOST = 200  # files that are read
_LARGEST = 1 << 20
_MOST_TEXT = 20_000
_PATH = re.compile(r"(?<![\w@.+-])(?<![\w@.+-]/)[\w@.+-]+(?:/[\w@.+-]+)*\.\w{1,6}\b")


def conflict_facts(
    ctl: Control, base: Sha, tracked: Sequence[str], tasks: Sequence[Task]
) -> RepositoryFacts:
    """What the chances of these tasks need to know of a commit with these files; `tasks` are those
    that can own a path of another's."""
    if len(tasks) < 2:
        return RepositoryFacts()
    known = frozenset(tracked)
    paths_said = {at.path: None for task in tasks for at in touched(task.touches)}
    meant = respelled(paths_said, known)
    wanted = dict.fromkeys(meant.get(path, path) for path in paths_said)
    if not all(task.touches for task in tasks):
        wanted |= dict.fromkeys(path for task in tasks for path in _named(task))
        found = (path for path in tracked if language_of(path))
        sources = [*islice(found, _SMALL + 1)]
        if len(sources) > _SMALL:
            named = [path for path in wanted if path in known and language_of(path)]
            read = relevant_definitions(ctl, base, _briefs(tasks), _SMALL, named)
            return RepositoryFacts(tracked, read)
        wanted |= dict.fromkeys(sources)
    paths = [path for path in wanted if path in known and language_of(path)][:_MOST]
    said = texts(ctl, base, set(paths), _LARGEST) if paths else {}
    return RepositoryFacts(tracked, {path: definitions(path, text) for path, text in said.items()})


def _briefs(tasks: Sequence[Task]) -> str:
    """What the tasks say, some of each."""
    each = max(_MOST_TEXT // len(tasks), 200)
    return "\n".join(f"{task.title}\n{task.prompt}"[:each] for task in tasks)


def _named(task: Task) -> Iterator[str]:
    yield from task.owns
    yield from _PATH.findall(f"{task.title}\n{task.prompt}\n{task.expect}"[:_MOST_TEXT])
