"""What a program may reach: one file a tier, found by its name.

A plug-in is a module with `make() -> Sandbox`. It rewrites a Command before an
executor runs it; it starts nothing itself but what `probe` needs. A tier promises
no more than its `probe` found to work on this machine.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from wtman.core.model import Command
from wtman.errors import UsageError


@dataclass(frozen=True, slots=True)
class Reach:
    """What one session may touch, as absolute paths.

    `write` includes reading; what is in neither is out of reach, system folders
    with programs and libraries excepted. `home` is the session's own, writable.
    `network` is `off`, `allow-list` or `on`.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    home: str = ""
    network: str = "on"


class Sandbox(Protocol):
    """One tier of confinement."""

    @property
    def name(self) -> str: ...

    def probe(self) -> str:
        """What keeps this tier from working here; empty when it works."""
        ...

    def wrap(self, command: Command, reach: Reach) -> Command:
        """The command that runs the given one confined to `reach`."""
        ...


def load(name: str) -> Sandbox:
    """The sandbox of this name, or the one that `package.module:attribute` makes."""
    module, _, attribute = name.partition(":")
    if "." not in module.lstrip("."):
        module = f"{__name__}.{module}"
    try:
        made: Sandbox = getattr(import_module(module), attribute or "make")()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"no sandbox {name!r}", hint=f"known: {', '.join(known())}") from error
    except AttributeError as error:
        raise UsageError(f"no sandbox {name!r}: {error}") from error
    return made


def known() -> tuple[str, ...]:
    """The names in this folder."""
    from pkgutil import iter_modules

    return tuple(sorted(module.name for module in iter_modules(__path__)))
