"""What a confined program gets of its user's environment: variables, sign-in, a HOME.

From a list, not by leaving out: nobody can enumerate the names of secrets. Sign-in comes
as variables where the user has them, else as copies of files in a private HOME. It
promises to write only below that HOME, which sessions have written before: no link that
one left there is followed; and to change nothing of the user's own.

It keeps secrets of the user's, none of the repository's: what was ever committed, in any
branch, a confined program can read from git's object database, in every sandbox.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from wtman.model.values import dataclass
from wtman.sandbox.system import is_below

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
SCRATCH = ".tmp"  # below a private HOME, for sandboxes that cannot give a /tmp
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`env` is all of it; `read` are what its variables point to, absolute."""

    env: dict[str, str]
    read: tuple[str, ...]


def surroundings(
    sandbox: str,
    environ: Mapping[str, str],
    home: str,
    names: Iterable[str] = (),
    *,
    online: bool = True,
) -> Surroundings:
    """What a program gets of the user's environment in the sandbox of this name.

    `home` is its HOME; `none` leaves the user's. `names` are variables that the
    user wants handed in besides. Proxies only where `online`: they may hold a password.
    """
    if sandbox == "none":
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
    home = os.path.realpath(home or os.sep)
    for name in (*_CERTIFICATES, *_TOOLCHAINS):
        path = env.get(name, "")
        # A variable that names the HOME itself, or the root, would show everything.
        if (
            os.path.isabs(path)
            and os.path.exists(path)
            and not is_below(home, os.path.realpath(path))
        ):
            yield path
