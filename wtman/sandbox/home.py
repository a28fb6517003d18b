"""The private HOME of a session or a check, and what is laid into it."""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping

from wtman import files
from wtman.agents import Needs
from wtman.errors import ExternalError, machine_error
from wtman.model.plan import Identity
from wtman.sandbox.environment import _FOLDER, _SIGN_IN_MOST, SCRATCH


def provision_home(
    home: str, environ: Mapping[str, str], needs: Needs | None = None, who: Identity | None = None
) -> None:
    """Make a private HOME and put the agent's sign-in files and git's identity into it.

    A file that is there and newer than the user's stays: the agent may have refreshed it.
    Raises DiskFullError, or ExternalError where a session has made it unusable.
    """
    try:
        if os.path.islink(home) or os.path.isfile(home):
            os.rename(home, f"{home}.aside-{os.urandom(4).hex()}")
        os.makedirs(home, mode=0o700, exist_ok=True)
        with _folder(home, [SCRATCH]):
            pass  # a real folder: a sandbox may allow writing wherever it leads
        if who is not None:
            _put(home, ".gitconfig", _git_config(who), None)
        for path in needs.files if needs else ():
            found = _sign_in(os.path.join(environ.get("HOME", ""), path))
            if found is not None:
                _put(home, path, *found)
    except OSError as error:
        what = f"cannot provision the private HOME {home}"
        raise machine_error(error, what) or ExternalError(
            f"{what}: {error.strerror}",
            hint="repair or remove that folder, then `wtman resume`",
        ) from error


def leave_in_home(home: str, texts: Mapping[str, str]) -> None:
    """Write files (path below the private HOME -> text) in place of what is there."""
    for path, content in texts.items():
        _put(home, path, content.encode("utf-8", "replace"), time.time_ns())


def lay_in_home(home: str, texts: Mapping[str, str]) -> None:
    """Write files (path below the private HOME -> text) where nothing is yet."""
    for path, content in texts.items():
        if not _is_led_elsewhere(home, path):
            _put(home, path, content.encode("utf-8", "replace"), None)


def link_in_home(home: str, links: Mapping[str, str]) -> None:
    """Make links (path below the private HOME -> where it leads) where nothing is yet."""
    for path, target in links.items():
        *folders, name = path.split("/")
        if _is_led_elsewhere(home, path):
            continue  # led to already, with what is around it
        with _folder(home, folders) as below, contextlib.suppress(FileExistsError):
            os.symlink(target, name, dir_fd=below)


def _is_led_elsewhere(home: str, path: str) -> bool:
    """Whether a folder on the way to a path below the HOME is a link."""
    *folders, _ = path.split("/")
    above = (os.path.join(home, *folders[:many]) for many in range(1, len(folders) + 1))
    return any(map(os.path.islink, above))


def forget(home: str, paths: Iterable[str]) -> None:
    """Delete copies of sign-in files (paths below the HOME) from a HOME that nobody uses."""
    for path in paths:
        *folders, name = [part for part in path.split("/") if part not in ("", ".", "..")]
        with contextlib.suppress(OSError):
            below = os.open(home, _FOLDER)
            try:
                for part in folders:
                    after = os.open(part, _FOLDER, dir_fd=below)
                    os.close(below)
                    below = after
                os.unlink(name, dir_fd=below)
            finally:
                os.close(below)


def _sign_in(path: str) -> tuple[bytes, int] | None:
    """A file of the user's and its time in nanoseconds; None where it is none to copy."""
    try:
        content, facts = files.read(path, _SIGN_IN_MOST, follow=True)
    except OSError:
        return None
    return content, facts.st_mtime_ns


def _put(home: str, path: str, content: bytes, when: int | None) -> None:
    """Write a file below the HOME. Without `when`, only where none is.

    Below an open folder: a session may swap the folders on the way while this goes on.
    """
    *folders, name = [part for part in path.split("/") if part not in ("", ".", "..")]
    with _folder(home, folders) as below:
        try:
            facts = os.stat(name, dir_fd=below, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            fresh = when is None or facts.st_mtime_ns >= when
            if stat.S_ISREG(facts.st_mode) and fresh:
                return
            if stat.S_ISDIR(facts.st_mode):
                _aside(name, below)
        draft = f".{name}.{os.urandom(4).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600, dir_fd=below)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if when is not None:
                os.utime(descriptor, ns=(when, when))
        os.rename(draft, name, src_dir_fd=below, dst_dir_fd=below)


@contextlib.contextmanager
def _folder(home: str, parts: list[str]) -> Iterator[int]:
    """A descriptor of a folder below the HOME; what is no folder on the way is moved aside."""
    here = os.open(home, _FOLDER)
    try:
        for part in parts:
            try:
                after = os.open(part, _FOLDER, dir_fd=here)
            except FileNotFoundError:
                os.mkdir(part, 0o700, dir_fd=here)
                after = os.open(part, _FOLDER, dir_fd=here)
            except OSError:
                _aside(part, here)
                os.mkdir(part, 0o700, dir_fd=here)
                after = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = after
        yield here
    finally:
        os.close(here)


def _aside(name: str, below: int) -> None:
    """Rename what a session put where a folder or file of ours belongs."""
    os.rename(name, f"{name}.aside-{os.urandom(4).hex()}", src_dir_fd=below, dst_dir_fd=below)


def _git_config(who: Identity) -> bytes:
    name, email = (text.replace("\\", "").replace('"', "") for text in (who.name, who.email))
    lines = [
        "[user]",
        f'\tname = "{name}"',
        f'\temail = "{email}"',
        "[safe]",
        "\tdirectory = *",
        "[commit]",
        "\tgpgSign = false",
        "",
    ]
    return "\n".join(lines).encode("utf-8", "surrogateescape")
