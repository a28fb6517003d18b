"""What the words of the user show to a command: the programs that it names by their paths.

A check or a setup names a program outside its checkout: the python of a virtual environment
in the home folder, a tool of a version manager. It is shown with the environment that it
belongs to, read-only. Only texts that the user gave or approved come here, never a model's.

It promises to show programs and environments alone: no data, no folder of sign-ins, of this
repository's checkouts nothing but environments in them (a `.venv`, `node_modules`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from wtman.errors import WtmanError
from wtman.formats.shell_words import Mention, Position, mentions
from wtman.git.discovery import Repository, common_dir_of, git_dir_at
from wtman.model.values import dataclass
from wtman.sandbox import programs, system
from wtman.sandbox.home import link_in_home
from wtman.sandbox.mounts import outermost
from wtman.sandbox.system import is_below

_SIGN_INS = (
    ".ssh .gnupg .aws .azure .kube .docker .netrc .npmrc .pypirc .git-credentials .password-store"
    " .config/gh .config/gcloud .config/git .local/share/keyrings .claude .claude.json .codex"
    " .gemini .qwen .copilot .aider .config/opencode .local/share/opencode .mozilla"
    " .config/google-chrome"
).split()
_MARKS = ("pyvenv.cfg", "conda-meta")  # at the top of an environment


@dataclass(frozen=True, slots=True)
class NamedPrograms:
    """`read` are paths to show. `links` is what a private HOME has to lead to, so that `~/`
    finds it there: path below the home folder -> where that is."""

    read: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def named_programs(
    repo: Repository, environ: Mapping[str, str], texts: Iterable[str]
) -> NamedPrograms:
    """What the texts of the user name and need outside of their checkout. Blocking."""
    path, home = environ.get("PATH", os.defpath), environ.get("HOME", "")
    read: dict[str, None] = {}
    led: list[str] = []
    for mention in dict.fromkeys(item for text in texts for item in mentions(text, environ)):
        if not os.path.isabs(mention.path) or is_closed(repo, mention.path):
            continue
        shown = [one for one in _needs(mention, path) if not is_closed(repo, one)]
        read.update(dict.fromkeys(shown))
        around = [one for one in shown if is_below(mention.path, one)]
        if around and os.path.isabs(home) and is_below(mention.path, os.path.normpath(home)):
            led.append(min(around, key=len))
    links = tuple((os.path.relpath(one, home), one) for one in outermost(led))
    return NamedPrograms(tuple(read), links)


def link_programs(home: str, named: NamedPrograms) -> None:
    """Lead from a private HOME to what is shown of the user's. Blocking."""
    if named.links and os.path.isdir(home):
        link_in_home(home, dict(named.links))


def _needs(mention: Mention, path: str) -> Iterator[str]:
    """What one named path needs; nothing where it is no program and no environment."""
    place = mention.path
    if os.path.isdir(place):
        if mention.position is Position.PATH:
            yield from programs.of_folder(place, path)
        elif mention.position is not Position.FOLDER:
            toolchains = mention.position is Position.VALUE
            yield from programs.of_environment(place, path, toolchains)
        return
    runs = mention.position in (Position.SOURCED, Position.SCRIPT) or os.access(place, os.X_OK)
    if not runs or not os.path.isfile(place):
        return
    yield from programs.of_file(place, path)
    if mention.position is Position.SOURCED:
        # `bin/activate` puts what is beside it in front.
        yield from programs.of_file(os.path.join(os.path.dirname(place), "python"), path)


def is_closed(repo: Repository, path: str) -> bool:
    """Whether no text opens this path: a sign-in, or the user's own work in the repository."""
    real = os.path.realpath(path)
    above = real == "/" or any(is_below(home, real) for home in system.homes())
    return above or is_sign_in(path) or is_work(repo, os.path.normpath(path)) or is_work(repo, real)


def is_sign_in(path: str) -> bool:
    """Whether it is one of the places in a home folder that sign in for the user."""
    real = os.path.realpath(path)
    return any(is_below(real, f"{home}/{name}") for home in system.homes() for name in _SIGN_INS)


def is_work(repo: Repository, path: str) -> bool:
    """Whether it is in a checkout of this repository, and in no environment there."""
    if is_below(path, repo.common_dir):
        return True
    here = path
    while True:
        if os.path.basename(here) == "node_modules":
            return False
        if any(os.path.exists(os.path.join(here, name)) for name in _MARKS):
            return os.path.lexists(os.path.join(here, ".git"))  # made in the root itself
        if os.path.lexists(os.path.join(here, ".git")):
            try:
                found = git_dir_at(here)
            except WtmanError:
                return False
            return bool(found) and common_dir_of(found) == repo.common_dir
        above = os.path.dirname(here)
        if above == here:
            return False
        here = above
