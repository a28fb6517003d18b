"""The environments of a run: what is known of each, and what it has outside of a checkout.

Kept in the run's evidence, where no session can write: facts, the HOME that setup left, and
what it wrote in the git directory. What it made in a checkout stays in checkouts. One is there
whole or not at all: its folder is renamed into place when all of it is on disk. Blocking.
"""

import base64
import contextlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, field

from wtman import files
from wtman.git.trees import remove_tree
from wtman.git.untrusted.additions import GitAdditions
from wtman.model.ids import Sha
from wtman.model.values import dataclass
from wtman.provision.carry import copied
from wtman.sandbox.environment import SCRATCH

FOLDER = "environments"  # in the run's evidence
_HOME = "home"
_FACTS = "facts.json"
_GIT = "git.json"
_CAP = 64 << 20
_SMALL = 300  # files
_OWN = (SCRATCH, ".gitconfig")  # of every HOME
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Environment:
    """`digest` is what its result follows from, `commit` where it was made, by setup of `maker`.

    `main`: it was made with the main checkout in sight. `unwritten`: of a commit that no agent
    wrote. `clean`: with the `.gitignore` files
    that `ignores` stands for, all that it made in the checkout is ignored. `inputs` are the
    files that it follows from, `lacks` what it told. `seconds` is what setup took, `size` and
    `count` what it made in a checkout: bytes and files.
    """

    key: str
    digest: str
    commit: Sha
    maker: str
    main: bool = False
    unwritten: bool = False
    clean: bool = False
    ignores: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    seconds: float = 0.0
    size: int = 0
    count: int = 0


def drafted(evidence: str, key: str) -> str:
    """A folder for what setup leaves outside of the checkout, its HOME at `home_in`."""
    draft = files.beside(os.path.join(evidence, FOLDER, key))
    os.makedirs(draft, mode=0o700)
    return draft


def home_in(folder: str) -> str:
    """The HOME in the folder of an environment."""
    return os.path.join(folder, _HOME)


def discard(draft: str) -> None:
    """Remove what is not kept."""
    if os.path.lexists(draft):
        remove_tree(draft)


def keep(evidence: str, draft: str, environment: Environment, git: GitAdditions) -> None:
    """Put an environment in its place, complete."""
    remove_tree(os.path.join(draft, _HOME, SCRATCH))
    body = {
        "files": [(path, mode, base64.b64encode(raw).decode()) for path, mode, raw in git.files],
        "config": git.config,
    }
    facts = json.dumps(asdict(environment)).encode()
    files.replace(os.path.join(draft, _GIT), json.dumps(body).encode(), durable=True)
    files.replace(os.path.join(draft, _FACTS), facts, durable=True)
    os.rename(draft, os.path.join(evidence, FOLDER, environment.key))


def known(evidence: str) -> Iterator[Environment]:
    """Every environment of the run, the oldest first."""
    place = os.path.join(evidence, FOLDER)
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(place):
            path = os.path.join(place, name, _FACTS)
            try:
                content, facts = files.read(path, _CAP)
                body = json.loads(content)
                environment = Environment(**{**body, "lacks": tuple(body["lacks"])})
            except (OSError, ValueError, TypeError, KeyError):
                continue  # a draft, or of another version
            if environment.key == name:
                found.append((facts.st_mtime_ns, name, environment))
    yield from (environment for *_, environment in sorted(found, key=lambda item: item[:2]))


def git_of(evidence: str, key: str) -> GitAdditions:
    """What it has in the git directory."""
    content, _ = files.read(os.path.join(evidence, FOLDER, key, _GIT), _CAP)
    body = json.loads(content)
    listed = ((path, mode, base64.b64decode(raw)) for path, mode, raw in body["files"])
    return GitAdditions(tuple(listed), body["config"])


def give_home(evidence: str, key: str, home: str) -> None:
    """Copy what setup left in its HOME into one that nobody uses now, over nothing there."""
    copy_home(home_in(os.path.join(evidence, FOLDER, key)), home)


def take_home_back(evidence: str, key: str, home: str) -> None:
    """Take out of a HOME that nobody uses now what `give_home` put there and is as it was."""
    source = home_in(os.path.join(evidence, FOLDER, key))
    with contextlib.suppress(OSError):
        folder = os.open(home, _OPEN)
        try:
            _take_back(source, folder)
        finally:
            os.close(folder)


def _take_back(source: str, folder: int) -> None:
    """The files of `source` out of an open folder: a session may have put links on the way."""
    with os.scandir(source) as entries:
        for entry in entries:
            try:
                facts = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            known = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False) and stat.S_ISDIR(facts.st_mode):
                below = os.open(entry.name, _OPEN, dir_fd=folder)
                try:
                    _take_back(entry.path, below)
                finally:
                    os.close(below)
                with contextlib.suppress(OSError):
                    os.rmdir(entry.name, dir_fd=folder)
            elif _same(known) == _same(facts) and entry.name not in _OWN:
                os.unlink(entry.name, dir_fd=folder)


def _same(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_mode, facts.st_size, facts.st_mtime_ns


def copy_home(source: str, home: str) -> None:
    """Copy what is in one HOME into another, but for what every HOME has."""
    try:
        names = [name for name in os.listdir(source) if name not in _OWN]
    except FileNotFoundError:
        return
    few = _is_small(source)
    if names:
        copied(source, sorted(names), home, over=False, here=few)


def _is_small(folder: str) -> bool:
    """Whether a process costs more than it saves."""
    many = 0
    for _, names, others in os.walk(folder):
        many += len(names) + len(others)
        if many > _SMALL:
            return False
    return True
