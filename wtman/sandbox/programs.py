"""Which files outside the system a command needs to run the programs that it names.

Agents, linters and interpreters live in home folders: `~/.local`, nvm, pipx, pyenv, a
virtual environment. They are found the way that a shell and the kernel find them: the
name on PATH, links one by one, the interpreter in a script's first line, the base of a
virtual environment. Because checks are texts for a shell, everything on PATH is looked
at, not only argv[0].

It promises never to name a home folder or anything above one, nor a repository, nor a
folder that everybody shares: of such a place only the file, or the folder on PATH.
"""

import os
from collections.abc import Iterator
from functools import lru_cache

from wtman.sandbox import system

_MOST = 2000  # entries looked at in one folder on PATH
_NO_FILE = "/\0"  # stands for any file of a folder on PATH
_DEEPEST = 8  # links, interpreters of interpreters
_PROGRAMS = ("bin", "sbin", "libexec", "cli-plugins")
_LIBRARIES = ("lib", "lib64", "libexec", "pyvenv.cfg", "conda-meta")
_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
# Of ~/.local only these: `share` and `state` beside them hold sign-ins and histories.
_LOCAL = ("bin", "sbin", "lib", "lib64", "libexec", "include")
# The whole folder of a version manager, whose launchers look for what they start there.
_WHOLE = (".pyenv", ".rbenv", ".nodenv", ".asdf", ".volta", ".sdkman", ".rustup")
_SHARED = ("/tmp", "/var/tmp", "/run", "/var", "/mnt", "/media", "/srv")  # never as a whole


def needed(program: str, path: str, cwd: str) -> tuple[str, ...]:
    """Folders and files, as they are named, that these need: argv[0], and all on PATH."""
    own = of_file(os.path.join(cwd, program), path) if os.sep in program else ()
    on_path = _on_path(path, tuple(map(_stamp, folders_of(path))))
    return tuple(dict.fromkeys((*own, *on_path)))


@lru_cache(maxsize=16)
def _on_path(path: str, stamps: tuple[int, ...]) -> tuple[str, ...]:
    """What the folders of a PATH need; `stamps` are when they changed."""
    each = zip(folders_of(path), stamps, strict=True)
    found = (part for folder, at in each if at for part in _of_folder(folder, at, path))
    return tuple(dict.fromkeys(found))


def _stamp(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def of_folder(folder: str, path: str) -> tuple[str, ...]:
    """What an entry of PATH needs: itself, and the programs in it."""
    at = _stamp(folder)
    return _of_folder(folder, at, path) if at else ()


def of_environment(prefix: str, path: str, toolchains: bool = False) -> tuple[str, ...]:
    """The folders of an environment, by the folder that it is; empty: it is none.

    A virtual environment or one of conda; with `toolchains` also what has programs and
    libraries (JAVA_HOME, GOROOT).
    """
    inside = os.path.join(prefix, "bin")
    marks = _LIBRARIES if toolchains and not _is_private(prefix) else _ENVIRONMENTS
    marked = any(os.path.exists(os.path.join(prefix, name)) for name in marks)
    if not marked or _is_shared(prefix) or not os.path.isdir(inside):
        return ()
    python = os.path.join(inside, "python")
    return tuple(dict.fromkeys([*_place(inside + _NO_FILE), *of_file(python, path)]))


@lru_cache(maxsize=16)
def folders_of(path: str) -> tuple[str, ...]:
    """The folders of a PATH; what is relative means another place in each folder."""
    parts = (os.path.normpath(part) for part in path.split(os.pathsep) if part.startswith("/"))
    return tuple(dict.fromkeys(parts))


def which(program: str, path: str) -> str:
    """The first executable file of this name on PATH; empty when there is none."""
    for folder in folders_of(path):
        file = os.path.join(folder, program)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return ""


def of_file(file: str, path: str, depth: int = 0) -> Iterator[str]:
    """What this program needs: itself, what it links to, what interprets it."""
    file = os.path.normpath(file)
    if depth > _DEEPEST or not os.path.exists(file):
        return
    if os.path.islink(file):
        if not system.holds(os.path.realpath(os.path.dirname(file))):
            yield file
            yield from _environment_of(file)
        yield from of_file(_one_link(file), path, depth + 1)
        return
    if not system.holds(os.path.realpath(file)):
        yield from _place(file)
    yield from _interpreter(file, path, depth)


def _environment_of(link: str) -> list[str]:
    """What the python of a virtual environment, a link, looks for beside itself.

    Its libraries are found by the name that it was started by, not by where it leads.
    """
    prefix = os.path.dirname(os.path.dirname(link))
    if not os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        return []
    if not _is_private(prefix):
        return [prefix, *_base_of(prefix)]
    # Made in the root of a repository, or in a home folder: of these only its own parts.
    parts = (os.path.join(prefix, name) for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
    return [*(part for part in parts if os.path.exists(part)), *_base_of(prefix)]


def _one_link(file: str) -> str:
    return os.path.join(os.path.dirname(file), os.readlink(file))


@lru_cache(maxsize=256)
def _of_folder(folder: str, stamp: int, path: str) -> tuple[str, ...]:
    """A folder on PATH and what its programs need. `stamp` is when it changed."""
    found: list[str] = []
    inside = system.holds(os.path.realpath(folder))
    if not inside:
        found += _place(folder + _NO_FILE)
    try:
        # The system's own scripts have the system's interpreters; only its links may lead away.
        files = [entry.path for entry in os.scandir(folder) if not inside or entry.is_symlink()]
    except OSError:
        return tuple(found)
    for file in sorted(files)[:_MOST]:
        if inside and system.holds(os.path.realpath(file)):
            continue
        if os.path.isfile(file) and os.access(file, os.X_OK):
            found += (part for part in of_file(file, path) if part not in found)
    return tuple(found)


def _place(file: str) -> list[str]:
    """The folders to show for a program, so that it finds its own libraries."""
    folder = os.path.dirname(file)
    parts = folder.split(os.sep)
    if "node_modules" in parts:
        return [os.sep.join(parts[: parts.index("node_modules") + 1])]
    for name in _WHOLE:
        if name in parts:
            return [os.sep.join(parts[: parts.index(name) + 1])]
    prefix = os.path.dirname(folder)
    if os.path.basename(prefix) == ".local" and parts[-1] in _LOCAL:
        return [part for name in _LOCAL if os.path.isdir(part := os.path.join(prefix, name))]
    if parts[-1] == "shims" and not _is_private(prefix):
        return [prefix]
    if parts[-1] in ("bin", "sbin") and not _is_private(prefix):
        if any(os.path.exists(os.path.join(prefix, name)) for name in _LIBRARIES):
            return [prefix, *_base_of(prefix)]
    if parts[-1] in _PROGRAMS or file.endswith(_NO_FILE):
        return [] if _is_shared(folder) else [folder]
    if os.path.isdir(os.path.join(folder, "node_modules")) and not _is_private(folder):
        return [folder]  # a launcher that starts what is beside it
    return [file]


def _base_of(prefix: str) -> list[str]:
    """Where the interpreter of a virtual environment is from."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            lines = file.read(4096).splitlines()
    except (OSError, ValueError):
        return []
    for line in lines:
        key, _, value = line.partition("=")
        home = value.strip()
        if key.strip() == "home" and home.startswith("/"):
            python = os.path.join(home, "python3")
            return [] if system.holds(os.path.realpath(home)) else _place(python)
    return []


def _is_private(folder: str) -> bool:
    """Whether more than programs is there: a home folder, all above it, a repository."""
    return _is_shared(folder) or os.path.exists(os.path.join(folder, ".git"))


def _is_shared(folder: str) -> bool:
    real = os.path.realpath(folder)
    if real == "/" or real in _SHARED:
        return True
    return any(system.is_below(home, real) for home in system.homes())


def _interpreter(file: str, path: str, depth: int) -> Iterator[str]:
    """What the first line of a script names."""
    try:
        with open(file, "rb", buffering=0) as script:
            head = script.read(256) if os.path.isfile(file) else b""
    except OSError:
        return
    if not head.startswith(b"#!"):
        return
    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    if words and os.path.basename(words[0]) == "env":
        named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        found = which(named[0], path) if named else ""
        # What is on PATH under this name is looked at with its folder; this is the one in front.
        if found and not system.holds(os.path.realpath(found)):
            yield from of_file(found, path, depth + 1)
    elif words and words[0].startswith("/"):
        yield from of_file(words[0], path, depth + 1)
