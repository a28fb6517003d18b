"""The sandboxes by their names, and the strongest that works on this machine."""

from functools import cache

from wtman.errors import MissingError, UsageError
from wtman.sandbox.bubblewrap import Bubblewrap
from wtman.sandbox.landlock import Landlock
from wtman.sandbox.none import NoSandbox
from wtman.sandbox.policy import Sandbox
from wtman.sandbox.seatbelt import Seatbelt

# The strongest first. `none` is never chosen, only asked for.
_ALL = {kind.name: kind for kind in (Bubblewrap, Landlock, Seatbelt, NoSandbox)}
NAMES = tuple(_ALL)
_AUTO = "`--sandbox auto` takes the strongest that works, `wtman doctor` says which"


def load(name: str) -> Sandbox:
    """The sandbox of this name."""
    if name not in _ALL:
        raise UsageError(f"there is no sandbox {name!r}", hint=f"known: auto, {', '.join(NAMES)}")
    return _ALL[name]()


@cache
def trouble(name: str) -> str:
    """What `probe` of this sandbox says, asked once in a process."""
    return load(name).probe()


def choose(wanted: str = "auto") -> tuple[Sandbox, tuple[str, ...]]:
    """The sandbox to use, and why stronger ones were passed over, one line each with its fix.

    `auto` or nothing takes the strongest that works here. A named one has to work:
    MissingError says what it lacks. Blocks for some ten milliseconds the first time.
    """
    if wanted not in ("", "auto"):
        found = load(wanted)
        problem = trouble(wanted)
        if problem:
            raise MissingError(f"the sandbox {wanted} does not work here: {problem}", hint=_AUTO)
        return found, ()
    passed: list[str] = []
    for name in NAMES[:-1]:
        problem = trouble(name)
        if not problem:
            return load(name), tuple(passed)
        passed.append(f"{name}: {problem}")
    raise MissingError(
        f"no sandbox works here ({'; '.join(text.partition('; ')[0] for text in passed)})",
        hint="`wtman doctor` says how to fix it; or use `--sandbox none`: agents and checks then "
        "have all of your rights",
    )


def strongest(otherwise: Sandbox) -> Sandbox:
    """The strongest that works here, whatever sessions run in; the given one where none does.

    Blocks for some ten milliseconds the first time.
    """
    try:
        return choose()[0]
    except MissingError:
        return otherwise
