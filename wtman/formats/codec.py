"""Frozen dataclasses to plain JSON values and back, by their annotations.

Unknown keys are dropped and absent ones take their defaults, so that a journal
written by another version of wtman can be read: keys are only ever added.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin


def to_plain(value: Any) -> Any:
    """Value as dicts, lists and scalars; defaults are left out to keep journals small."""
    if is_dataclass(value) and not isinstance(value, type):
        plain: dict[str, Any] = {}
        for name, _, default in _shape(type(value)):
            item = getattr(value, name)
            if default is not MISSING and item == default:
                continue
            plain[name] = to_plain(item)
        return plain
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: Any, plain: Any) -> Any:
    """The value of type `kind` that `to_plain` wrote.

    Raises TypeError or ValueError where the plain value does not fit.
    """
    read = _reader(kind)
    return plain if read is None else read(plain)


@cache
def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is read; None: as it is. Made once, for journals are long."""
    if kind is Any or kind in (str, int, bool, NoneType):
        return None
    if kind is float:
        return float
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_reader(kind)
    supertype = getattr(kind, "__supertype__", None)
    if supertype is not None:
        return _reader(supertype)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _generic_reader(kind)


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    # Filled at the first use: a type may hold itself.
    readers: dict[str, Callable[[Any], Any] | None] = {}

    def read(plain: Any) -> Any:
        if not isinstance(plain, dict):
            raise TypeError(f"expected an object for {kind.__name__}, got {plain!r}")
        if not readers:
            readers.update({name: _reader(annotation) for name, annotation, _ in _shape(kind)})
        known = {}
        for name, value in plain.items():
            if name in readers:
                of = readers[name]
                known[name] = value if of is None else of(value)
        return kind(**known)

    return read


def _generic_reader(kind: Any) -> Callable[[Any], Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            each = _reader(args[0])
            return tuple if each is None else lambda plain: tuple(map(each, plain))
        return lambda plain: tuple(
            from_plain(arg, item) for arg, item in zip(args, plain, strict=True)
        )
    if origin is dict:
        value = _reader(args[1])
        if value is None:
            return dict
        return lambda plain: {key: value(item) for key, item in plain.items()}
    if origin is UnionType:
        inner = _reader(next(arg for arg in args if arg is not NoneType))
        return lambda plain: plain if plain is None or inner is None else inner(plain)

    def refuse(_: Any) -> Any:  # a type may hold what is never written
        raise TypeError(f"codec does not know {kind!r}")

    return refuse


@cache
def _shape(kind: Any) -> tuple[tuple[str, Any, Any], ...]:
    """Name, annotation and default of each field of a dataclass."""
    shape = []
    for item in fields(kind):
        default = item.default
        if default is MISSING and item.default_factory is not MISSING:
            default = item.default_factory()
        shape.append((item.name, item.type, default))
    return tuple(shape)
