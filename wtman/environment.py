"""What of its user's surroundings a confined program gets: variables, sign-in, a HOME.

From a list, not by leaving out: nobody can enumerate the names of secrets. Sign-in comes
as variables where the user has them, else as copies of files in a private HOME. It
promises to write only below that HOME, which sessions have written before: no link that
one left there is followed; and to change nothing of the user's own.

It keeps secrets of the user's, none of the repository's: what was ever committed, in any
branch, a confined program can read from git's object database, in every tier.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wtman.agents import Needs
from wtman.core.hosts import Rule, is_loopback, rule, rule_of_url
from wtman.core.model import Identity
from wtman.errors import DiskFullError, ExternalError, UsageError

# What tells a program how to speak, and nothing about who pays.
_PLAIN = frozenset(
    "PATH LANG LANGUAGE TERM COLORTERM TZ USER LOGNAME SHELL VIRTUAL_ENV CONDA_PREFIX".split()
)
_CERTIFICATES = (
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
    "AWS_CA_BUNDLE CARGO_HTTP_CAINFO".split()
)
_PROXIES = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY".split()
# Folders of toolchains, readable where they are. Not GOPATH and CARGO_HOME: these are
# written to, and the latter holds a registry's token; a private HOME has its own.
_TOOLCHAINS = (
    "JAVA_HOME GOROOT RUSTUP_HOME NVM_DIR NVM_BIN PYENV_ROOT RBENV_ROOT VOLTA_HOME PNPM_HOME "
    "SDKMAN_DIR ANDROID_HOME ANDROID_SDK_ROOT DOTNET_ROOT M2_HOME MAVEN_HOME GRADLE_HOME "
    "VIRTUAL_ENV CONDA_PREFIX".split()
)
# Toolchains that are looked for in the HOME where no variable names them.
_IN_HOME = {"RUSTUP_HOME": ".rustup", "PYENV_ROOT": ".pyenv", "NVM_DIR": ".nvm"}
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "CI": "1",
}
# Without a sandbox everything is handed on but what would lead a program astray: git's
# variables of an outer command, switches of loaders, the sockets that sign for the user.
_DROPPED = frozenset(
    "PYTHONPATH PYTHONHOME PYTHONSTARTUP NODE_OPTIONS BASH_ENV ENV PERL5OPT RUBYOPT "
    "PROMPT_COMMAND SSH_AUTH_SOCK SSH_AGENT_PID XDG_RUNTIME_DIR OLDPWD PWD SHLVL _".split()
)
_DROPPED_PREFIXES = ("GIT_", "WTMAN_", "LD_", "DYLD_", "GPG_", "DBUS_", "BASH_FUNC_")
_SIGN_IN_MOST = 4 * 1024 * 1024  # bytes of one file
SCRATCH = ".tmp"  # below a private HOME, for tiers that cannot give a /tmp
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`env` is all of it; `read` are what its variables point to, absolute."""

    env: dict[str, str]
    read: tuple[str, ...]


def surroundings(
    tier: str,
    environ: Mapping[str, str],
    home: str,
    names: Iterable[str] = (),
    *,
    online: bool = True,
) -> Surroundings:
    """What a program gets of the user's environment in a sandbox of this tier.

    `home` is its HOME; the tier `none` leaves the user's. `names` are variables that the
    user wants handed in besides. Proxies only where `online`: they may hold a password.
    """
    if tier == "none":
        return Surroundings(_unconfined(environ), ())
    wanted = {*_PLAIN, *_CERTIFICATES, *_TOOLCHAINS, *names}
    if online:
        wanted.update(_PROXIES, map(str.lower, _PROXIES))
    env = {
        name: value
        for name, value in environ.items()
        if value and (name in wanted or name.startswith("LC_"))
    }
    theirs = environ.get("HOME", "")
    for name, folder in _IN_HOME.items():
        path = os.path.join(theirs, folder)
        if name not in env and theirs and os.path.isdir(path):
            env[name] = path
    env.setdefault("PATH", os.defpath)
    env.update(_FIXED, HOME=home)
    return Surroundings(env, tuple(dict.fromkeys(_paths(env, theirs))))


def _unconfined(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    kept.setdefault("PATH", os.defpath)
    kept.update(_FIXED)
    return kept


def _paths(env: Mapping[str, str], home: str) -> Iterator[str]:
    for name in (*_CERTIFICATES, *_TOOLCHAINS):
        path = env.get(name, "")
        # A variable that names the HOME itself, or the root, would show everything.
        if os.path.isabs(path) and os.path.exists(path) and not _holds(path, home):
            yield path


def _holds(path: str, home: str) -> bool:
    path, home = os.path.realpath(path), os.path.realpath(home or os.sep)
    return home == path or home.startswith(path.rstrip(os.sep) + os.sep)


# --- the provider --------------------------------------------------------------------------------


def handed_in(environ: Mapping[str, str], needs: Needs) -> dict[str, str]:
    """The variables that sign an agent in and lead it to its provider."""
    names = (*needs.secrets, *needs.env, *needs.endpoints)
    return {name: environ[name] for name in names if environ.get(name)}


def provider_rules(environ: Mapping[str, str], needs: Needs, hosts: Iterable[str]) -> set[Rule]:
    """What an agent has to reach: its provider, or where its endpoints say, and `hosts`."""
    named = {rule_of_url(environ[name]) for name in needs.endpoints if environ.get(name)}
    rules = {found for found in named if found is not None}
    for text in (*needs.hosts, *hosts):
        try:
            rules.add(rule(text))
        except ValueError as error:
            raise UsageError(
                f"network: {text!r} {error}", hint='say "example.com" or "*.example.com:8443"'
            ) from error
    return rules


def own_ports(rules: Iterable[Rule]) -> tuple[int, ...]:
    """The ports of this machine among the rules: a model that runs here."""
    return tuple(sorted({item.port for item in rules if item.port and is_loopback(item.host)}))


# --- a private HOME ------------------------------------------------------------------------------


def furnish_home(
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
            pass  # a real folder: a tier may allow writing wherever it leads
        if who is not None:
            _put(home, ".gitconfig", _git_config(who), None)
        for path in needs.files if needs else ():
            found = _sign_in(os.path.join(environ.get("HOME", ""), path))
            if found is not None:
                _put(home, path, *found)
    except OSError as error:
        kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else ExternalError
        raise kind(
            f"cannot furnish the private HOME {home}: {error.strerror}",
            hint="mend or remove that folder, then `wtman resume`",
        ) from error


def leave_in_home(home: str, files: Mapping[str, str]) -> None:
    """Write files (path below the private HOME -> text) in place of what is there."""
    for path, content in files.items():
        _put(home, path, content.encode("utf-8", "replace"), time.time_ns())


def _sign_in(path: str) -> tuple[bytes, int] | None:
    """A file of the user's and its time in nanoseconds; None where it is none to copy."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _SIGN_IN_MOST:
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_SIGN_IN_MOST), facts.st_mtime_ns
    finally:
        os.close(descriptor)


def _put(home: str, path: str, content: bytes, when: int | None) -> None:
    """Write a file below the HOME. Without `when`, only where none is."""
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
