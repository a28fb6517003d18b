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

NOW = "use flow.now()"
CHANCE = "use flow.random()"
UUID = "use flow.uuid()"
ALONE = "use flow.map or asyncio.gather"
WAIT = "await the call itself; `timeout=` of a session or command bounds it"

_CLOCKS = (
    "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time "
    "process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns"
).split()
_OF_NOW = ("localtime", "gmtime", "ctime")  # without a time they ask the clock
_CHANCES = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate "
    "lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate binomialvariate "
    "paretovariate weibullvariate getrandbits randbytes seed"
).split()
_SECRETS = "token_bytes token_hex token_urlsafe randbelow randbits choice SystemRandom".split()
_UUIDS = "uuid1 uuid4 uuid6 uuid7 getnode".split()


def install() -> None:
    """From here on, in this process."""
    for name in _CLOCKS:
        _ban(time, name, NOW)
    _ban(time, "sleep", WAIT)
    for name in _OF_NOW:
        _ban_without_argument(time, name, 1)
    _ban_without_argument(time, "asctime", 1)
    _ban_without_argument(time, "strftime", 2)
    for name in _CHANCES:
        _ban(random, name, CHANCE)
    _ban(random, "SystemRandom", CHANCE)
    _ban_unseeded()
    for name in _SECRETS:
        _ban(secrets, name, CHANCE)
    for name in _UUIDS:
        _ban(uuid, name, UUID)
    for name in ("urandom", "getrandom"):
        _ban(os, name, CHANCE)
    _ban(asyncio, "sleep", WAIT)
    _ban(asyncio, "timeout", WAIT)
    _ban(asyncio, "timeout_at", WAIT)
    _ban(asyncio, "to_thread", "call the function itself")
    _ban(threading.Thread, "start", ALONE, "threading.Thread")
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
        today = classmethod(_raiser("date.today", "use flow.now().date()"))

        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> Any:
            return handler(cls.__mro__[1])

    class DateTime(datetime.datetime, metaclass=_Of):
        now = classmethod(_raiser("datetime.now", NOW))
        utcnow = classmethod(_raiser("datetime.utcnow", NOW))
        today = classmethod(_raiser("datetime.today", NOW))

        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> Any:
            return handler(cls.__mro__[1])

    for kind, name in ((Date, "date"), (DateTime, "datetime")):
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "datetime"
        setattr(datetime, name, kind)
