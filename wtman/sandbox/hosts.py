"""Which hosts an allow-list means, decided on the very bytes that are connected to later.

A name is ASCII letters, digits and hyphens in labels; anything else (a NUL, a space, an
international name that is not encoded) is refused, never normalised into something
else. An address, in whatever spelling a resolver might take for one, is only allowed
where the list has it letter by letter.
"""

import ipaddress
import re
from collections.abc import Iterable

from wtman.model.values import dataclass
from wtman.text.words import quoted

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBERS = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)")
_URL = re.compile(r"(?:([a-zA-Z][a-zA-Z0-9+.-]*)://)?(?:[^@/?#]*@)?([^@/?#]+)(?:[/?#].*)?", re.S)
_LONGEST = 253
USUAL_PORTS = (80, 443)


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One entry of an allow-list. A `host` of `*.example.com` means every name below it.

    A `port` of 0 is those of the web. An address or `localhost` only counts as listed itself.
    """

    host: str
    port: int = 0


def rule(text: str) -> Rule:
    """The entry that `host`, `*.host`, `host:port` or `[address]:port` says.

    Raises ValueError with what is wrong, as the end of a sentence.
    """
    if "://" in text:
        named = rule_of_url(text)
        meant = f": name its host alone, {quoted(named.host)}" if named is not None else ""
        raise ValueError(f"is a URL{meant}")
    host, port = _split(text.strip())
    if host.startswith("*."):
        if not is_name(host[2:]) or "." not in host[2:]:
            raise ValueError("has a wildcard that is not *.name.tld")
    elif not is_name(host) and not is_address(host):
        raise ValueError("is neither a host name nor an address")
    return Rule(_same(host), port)


def rule_of_url(url: str) -> Rule | None:
    """The host and port that a provider's address names; None where it names none."""
    found = _URL.fullmatch(url.strip())
    if not found:
        return None
    try:
        named = rule(found[2])
    except ValueError:
        return None
    if named.host.startswith("*."):
        return None
    usual = 80 if (found[1] or "").lower() in ("http", "ws") else 443
    return Rule(named.host, named.port or usual)


def is_loopback(host: str) -> bool:
    """Whether a host as listed is this machine itself."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def allowed(host: str, port: int, rules: Iterable[Rule]) -> bool:
    """Whether a connection to this host and port is on the list."""
    if not is_name(host) and not is_address(host):
        return False
    host = _same(host)
    return any(_fits(host, port, item) for item in rules)


def is_name(host: str) -> bool:
    """Whether it is a host name that no resolver takes for an address."""
    host = host.removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > _LONGEST or not host.isascii():
        return False
    # `127.1`, `0x7f.1` and `2130706433` are addresses to a C library.
    return all(map(_LABEL.fullmatch, labels)) and not _NUMBERS.fullmatch(labels[-1])


def is_address(host: str) -> bool:
    """Whether it is an IPv4 or IPv6 address in its usual spelling, without a zone."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _fits(host: str, port: int, item: Rule) -> bool:
    if port not in ((item.port,) if item.port else USUAL_PORTS):
        return False
    if item.host.startswith("*."):
        return host.endswith(item.host[1:]) and is_name(host)
    return host == item.host


def _same(host: str) -> str:
    return host.removesuffix(".").lower()


def _split(text: str) -> tuple[str, int]:
    if is_address(text):
        return text, 0
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    elif not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError("has a port that is not a number from 1 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return host, int(port or 0)
