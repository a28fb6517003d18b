"""A web proxy that lets a session reach the hosts of its allow-list, and no other.

Speaks CONNECT, and plain HTTP in absolute form, on any stream: who listens is the
gateway. It connects to the address that it has itself resolved and judged. It promises
nothing about what an allowed host does with what it is sent.
"""

import asyncio
import base64
import contextlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import field
from urllib.parse import unquote, urlsplit

from wtman.model.values import dataclass
from wtman.sandbox.hosts import Rule, allowed, is_address, is_loopback

_HEAD_MOST = 64 * 1024
_HEAD_SECONDS = 30.0
_CONNECT_SECONDS = 30.0
_PIECE = 64 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyRefusal(Exception):
    """Why a request goes nowhere: an HTTP status and one line."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """How to reach what: the list, the proxy of the user's own network, who hears of refusals.

    `environ` is the user's, for `HTTPS_PROXY` and its kin; `refused` gets `host:port`.
    """

    rules: frozenset[Rule]
    environ: Mapping[str, str] = field(default_factory=dict)
    refused: Callable[[str], object] = bool


async def serve(
    way: ProxyRules, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one connection to its end. Lets no error out."""
    try:
        try:
            await _serve(way, reader, writer)
        except ProxyRefusal as refusal:
            body = f"wtman: {refusal.why}\n".encode("ascii", "replace")
            head = f"HTTP/1.1 {refusal.status}\r\nContent-Type: text/plain\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, EOFError):
        pass  # either end has gone; both are told by the close
    finally:
        await _close(writer)


async def _serve(
    way: ProxyRules, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = await _head(reader)
    if b"\0" in head or b"\n" in head.replace(b"\r\n", b""):
        raise ProxyRefusal("400 Bad Request", "the request has stray line ends in it")
    line, _, rest = head.partition(b"\r\n")
    try:
        method, target, version = line.decode("ascii").split(" ")
    except ValueError:
        raise ProxyRefusal("400 Bad Request", "that is no request line") from None
    if not version.startswith("HTTP/1."):
        raise ProxyRefusal("400 Bad Request", "that is no HTTP/1 request")
    if method == "CONNECT":
        host, port = _authority(target)
        first = b""
    else:
        host, port, path = _absolute(target)
        first = _origin_form(method, path, version, host, port, rest)
    there = await _policy(way, host, port)
    try:
        if first:
            there[1].write(first)
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join((reader, writer), there)
    finally:
        there[1].close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            return (await reader.readuntil(b"\r\n\r\n"))[:-2]
    except asyncio.LimitOverrunError:
        raise ProxyRefusal(
            "431 Request Header Fields Too Large", "the request is too long"
        ) from None


def _authority(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) < 6):
        raise ProxyRefusal("400 Bad Request", "the target is no host:port")
    return (host[1:-1] if host.startswith("[") and host.endswith("]") else host), int(port)


def _absolute(target: str) -> tuple[str, int, str]:
    if not target.startswith("http://"):
        raise ProxyRefusal(
            "400 Bad Request", "this is a proxy: it takes CONNECT and http:// targets"
        )
    place, slash, path = target.removeprefix("http://").partition("/")
    if any(mark in place for mark in "@?#\\"):
        raise ProxyRefusal("400 Bad Request", "the target is no plain host")
    has_port = place.rpartition(":")[2].isdigit() and not place.endswith("]")
    host, port = _authority(place if has_port else f"{place}:80")
    return host, port, slash + path or "/"


def _origin_form(
    method: str, path: str, version: str, host: str, port: int, headers: bytes
) -> bytes:
    """The request as a server takes it, with the Host that was judged, and no second one."""
    dropped = (b"host", b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line and line.partition(b":")[0].strip().lower() not in dropped
    ]
    name = f"[{host}]" if ":" in host else host
    name += "" if port == 80 else f":{port}"
    first = f"{method} {path} {version}\r\nHost: {name}\r\nConnection: close".encode("ascii")
    return b"\r\n".join([first, *kept]) + b"\r\n\r\n"


# --- the other end -------------------------------------------------------------------------------


async def _policy(way: ProxyRules, host: str, port: int) -> Streams:
    """A connection to a host of the list, by the user's own proxy where there is one."""
    if not allowed(host, port, way.rules):
        shown = host if len(host) <= 100 and host.isprintable() else "that host"
        way.refused(f"{shown}:{port}")
        raise ProxyRefusal(
            "403 Forbidden", f"{shown}:{port} is not on this session's list of hosts"
        )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            beyond = _proxy_of(way.environ, host)
            if beyond is not None:
                return await _through(beyond, host, port)
            return await _straight(host, port)
    except (OSError, TimeoutError, EOFError) as error:
        why = str(error) or "it does not answer"
        raise ProxyRefusal("502 Bad Gateway", f"{host}:{port} cannot be reached: {why}") from None


async def _straight(host: str, port: int) -> Streams:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
    problem: OSError | None = None
    for *_, address in found:
        # A name of the list must not lead into this machine by what its owner's DNS says.
        if not (is_address(host) or is_loopback(host)) and _inner(str(address[0])):
            raise ProxyRefusal("403 Forbidden", f"{host} leads to an address of this machine")
        try:
            return await asyncio.open_connection(str(address[0]), port, limit=_HEAD_MOST)
        except OSError as error:
            problem = error
    raise problem or OSError("it has no address")


def _inner(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_loopback or found.is_link_local or found.is_unspecified


def _proxy_of(environ: Mapping[str, str], host: str) -> str | None:
    if is_loopback(host):
        return None
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        if environ.get(name):
            return None if _is_excepted(environ, host) else environ[name]
    return None


def _is_excepted(environ: Mapping[str, str], host: str) -> bool:
    listed = environ.get("NO_PROXY", "") or environ.get("no_proxy", "")
    names = [name.strip().lower() for name in listed.split(",") if name.strip()]
    same = host.lower()
    return any(
        name == "*" or same == name.lstrip(".*") or same.endswith("." + name.lstrip(".*"))
        for name in names
    )


async def _through(proxy: str, host: str, port: int) -> Streams:
    """A tunnel by an HTTP proxy; other kinds of proxies are refused."""
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    if parts.scheme != "http" or not parts.hostname:
        raise OSError(f"a proxy of the kind {parts.scheme} is not supported")
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or 80, limit=_HEAD_MOST
    )
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
    answer = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode("latin-1")
    if answer.split(" ")[1:2] != ["200"]:
        await _close(writer)
        raise OSError(f"the proxy of this network answered {answer!r}")
    return reader, writer


# --- copying -------------------------------------------------------------------------------------


async def _join(one: Streams, other: Streams) -> None:
    """Copy both ways until both have ended, or one is broken."""
    copies = [
        asyncio.ensure_future(_copy(one[0], other[1])),
        asyncio.ensure_future(_copy(other[0], one[1])),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        await writer.wait_closed()
