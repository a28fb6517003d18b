"""Makes the clock, chance and threads raise NotReproducible, with the replacement named.

That is for reproducibility, so that a resumed script asks for the same steps. A script that wants
to can undo it; what must hold is held by the kernel (program.py).
"""

import asyncio
import datetime
import os
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler

from wtman.flow.errors import NotReproducible
from wtman.flow.reproducibility import (
    ALONE,
    CHANCE,
    CLOCKS_WITHOUT_ARGUMENT,
    DATES,
    INSTEAD,
    NOW,
)


def install() -> None:
    """From here on, in this process."""
    modules = {it.__name__: it for it in (asyncio, os, random, secrets, time, uuid)}
    for name, instead in INSTEAD.items():
        owner, _, function = name.rpartition(".")
        if owner in modules:
            _ban(modules[owner], function, instead)
    for function, needed in CLOCKS_WITHOUT_ARGUMENT.items():
        _ban_without_argument(time, function, needed)
    _ban(threading.Thread, "start", ALONE, "threading.Thread")
    _ban_unseeded()
    _ban_dates()


def _raiser(what: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NotReproducible(what, instead)

    return refuse


def _ban(owner: Any, name: str, instead: str, what: str = "") -> None:
    if hasattr(owner, name):
        setattr(owner, name, _raiser(what or f"{owner.__name__}.{name}", instead))


def _ban_without_argument(owner: Any, name: str, needed: int) -> None:
    true = getattr(owner, name)
    refuse = _raiser(f"{owner.__name__}.{name}", NOW)

    def checked(*values: Any) -> Any:
        return true(*values) if len(values) >= needed and None not in values else refuse()

    setattr(owner, name, checked)


def _ban_unseeded() -> None:
    """`random.Random(7)` is fine; one without a seed asks the system for it."""
    true = random.Random.seed
    refuse = _raiser("random.Random()", CHANCE)

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            refuse()
        true(self, a, version)

    random.Random.seed = seed  # type: ignore[method-assign]


def _ban_dates() -> None:
    """The classes are replaced, as those of C take no new methods; values stay what they are."""

    class _Of(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, cls.__mro__[1])

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, cls.__mro__[1])

    class Date(datetime.date, metaclass=_Of):
        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> Any:
            return handler(cls.__mro__[1])

    class DateTime(datetime.datetime, metaclass=_Of):
        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> Any:
            return handler(cls.__mro__[1])

    for kind, name in ((Date, "date"), (DateTime, "datetime")):
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "datetime"
        for method in DATES[name]:
            setattr(kind, method, classmethod(_raiser(f"{name}.{method}", NOW)))
        setattr(datetime, name, kind)
