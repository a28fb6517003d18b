"""Where a program runs: one file an executor, found by its name.

A plug-in is a module with `make() -> Executor`. It takes and gives plain values
only, so that an engine on other machines fits the same door. It promises that a
Work which has ended once is not run again, and that nothing of it is alive when
`run` returns or raises.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, Self

from wtman.errors import UsageError
from wtman.model.command import Exit, Work


class Executor(Protocol):
    """Runs Works until it is closed; closing cancels what still runs and waits for it."""

    @property
    def name(self) -> str: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def run(self, work: Work, on_output: Callable[[bytes], None] | None = None) -> Exit:
        """Run it to its end. `on_output` is given every byte of its stdout once, in order.

        Cancelling stops the program politely within `work.grace`; its end is
        recorded before CancelledError goes up. Cancelling again kills it.
        """
        ...


def load(name: str) -> Executor:
    """The executor of this name, or the one that `package.module:attribute` makes."""
    module, _, attribute = name.partition(":")
    if "." not in module.lstrip("."):
        module = f"{__name__}.{module}"
    try:
        made: Executor = getattr(import_module(module), attribute or "make")()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"no executor {name!r}", hint=f"known: {', '.join(known())}") from error
    except AttributeError as error:
        raise UsageError(f"no executor {name!r}: {error}") from error
    return made


def known() -> tuple[str, ...]:
    """The names of the executors."""
    return ("local",)
