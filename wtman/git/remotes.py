"""How git is let onto the network: as the user's own git would, and no further.

wtman's git has neither transports nor sign-in (`run`). What sends and fetches for the user
adds both here, from their configuration and environment. A `trusted` answer takes programs
only from their global and system configuration, for a session may have written the
repository's own.
"""

import os
from collections.abc import Iterable

from wtman.git import config
from wtman.git.config import ConfigEntry
from wtman.git.discovery import Repository

_TRANSPORTS = ("https", "http", "ssh", "git", "file")
_SIGN_IN = (
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
    "GIT_PROXY_COMMAND",
)


def flags(settings: Iterable[ConfigEntry], *, trusted: bool) -> list[str]:
    """The words of a git command line that let it use the network."""
    settings = tuple(settings)
    ssh = config.value_of(settings, "core.sshcommand", trusted=trusted) or "ssh"
    pairs = [f"protocol.{name}.allow=always" for name in _TRANSPORTS]
    pairs += [f"core.sshCommand={ssh}"]
    if asks := config.value_of(settings, "core.askpass", trusted=trusted):
        pairs.append(f"core.askPass={asks}")
    for item in settings:
        helper = item.key.startswith("credential.") and item.key.endswith(".helper")
        if helper and (not trusted or item.scope in ("global", "system")):
            pairs.append(f"{item.key}={item.value}")
    return [word for pair in pairs for word in ("-c", pair)]


def environment() -> dict[str, str]:
    """The user's variables that sign in, and that say where their configuration is."""
    return config.users_own() | {key: os.environ[key] for key in _SIGN_IN if key in os.environ}


def folder(repo: Repository) -> str:
    """Where git is run for a remote: the address of one may be a path relative to it."""
    return repo.toplevel or repo.git_dir
