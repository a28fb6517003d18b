"""The key: where it comes from, and that nobody but the client reads it.

What a model runs inherits no variable that signs in, and does not find it in the
agent's own entry of the process table either, where Linux shows the environment a
program was started with for as long as it lives. Against a debugger run by the
same user there is no defence here; that is the sandbox's business.
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wtman.errors import UsageError

PREFIX = "ANTHROPIC_"
HOME = "api.anthropic.com"


@dataclass(frozen=True)
class Access:
    """How the server is reached. `source` names the variable, for the first event.

    Without `base_url` it is Anthropic's own.
    """

    base_url: str | None
    source: str
    api_key: str | None = None
    auth_token: str | None = None

    @property
    def theirs(self) -> bool:
        """Whether it is Anthropic's own server."""
        return self.base_url is None or urlsplit(self.base_url).hostname == HOME


def access(environ: Mapping[str, str]) -> Access | None:
    """The way in, or None where there is no key and the server is one that asks for it.

    A compatible server, mostly a local one, may need none.
    """
    url = environ.get("ANTHROPIC_BASE_URL") or None
    if url is not None and not _usable(url):
        raise UsageError(f"{url} is no address of a server", hint="name it with its scheme")
    if key := environ.get("ANTHROPIC_API_KEY", ""):
        return Access(url, "ANTHROPIC_API_KEY", api_key=key)
    if token := environ.get("ANTHROPIC_AUTH_TOKEN", ""):
        return Access(url, "ANTHROPIC_AUTH_TOKEN", auth_token=token)
    # The client wants some key, or it sends no request.
    keyless = Access(url, "none", api_key="none")
    return None if keyless.theirs else keyless


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs that a model starts."""
    signing = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS")
    values = {environ[name] for name in signing if environ.get(name)}
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) and value not in values
    }


def forget() -> None:
    """Take what signs in out of this process's environment, wherever others can read it."""
    kept = without_secrets(os.environ)
    gone = [name for name in os.environ if name not in kept]
    for name in gone:
        del os.environ[name]
    if gone and sys.platform == "linux":
        _blank({os.fsencode(name) for name in gone})


def _blank(names: set[bytes]) -> None:
    """Overwrite the values in the block that /proc/PID/environ shows."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])  # env_start and env_end of proc(5)
    if not 0 < start < end:
        return
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals and name in names:
            ctypes.memset(at + len(name) + 1, ord("-"), len(value))
        at += len(entry) + 1
