"""Which places there are in a commit. Blocking; definitions are read when they are asked for."""

from functools import lru_cache

from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.model.ids import Sha
from wtman.model.places import Definition
from wtman.plan.known_places import KnownPlaces
from wtman.plan.map.grammars import exact_definitions

_LARGEST = 1 << 20  # bytes of a file whose definitions are looked up
_LOOKED_UP = 400  # files


def known_places(control: Control, base: Sha) -> KnownPlaces:
    """What there is in the base."""

    @lru_cache(maxsize=_LOOKED_UP)
    def defined_in(path: str) -> tuple[Definition, ...]:
        raw = history.blob(control, base, path, _LARGEST)
        return tuple(exact_definitions(path, (raw or b"").decode("utf-8", "replace")))

    return KnownPlaces(frozenset(history.files(control, base)), defined_in)
