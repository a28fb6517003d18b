"""The way out of a sandbox: real sockets, real servers on this machine, no name looked up."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wtman.sandbox.gateway import Gateway
from wtman.sandbox.hosts import Rule


@asynccontextmanager
async def listening(answer: bytes = b"", seen: list[bytes] | None = None) -> AsyncIterator[int]:
    """A server that notes what it is sent first, answers, and then echoes; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.read(65536)
            if seen is not None:
                seen.append(first)
            writer.write(answer or first)
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(path: str, request: bytes, more: bytes = b"") -> bytes:
    """What comes back for a request, to its end; `more` is sent after the first answer."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    answer = b""
    if more:
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(more)
    writer.write_eof()
    async with asyncio.timeout(10):
        answer += await reader.read(-1)
    writer.close()
    return answer


def within(folder: Path, work: Callable[[Gateway], Awaitable[None]], **environ: str) -> None:
    async def main() -> None:
        gateway = Gateway(str(folder), environ)
        try:
            await work(gateway)
        finally:
            await gateway.aclose()

    asyncio.run(main())


def test_connect_reaches_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    async def work(gateway: Gateway) -> None:
        async with listening() as port, listening() as other:
            path = await gateway.proxy(frozenset({Rule("127.0.0.1", port)}))
            target = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            answer = await ask(path, target, b"hello")
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"\r\n\r\nhello")
            for wrong in (
                f"127.0.0.1:{other}",
                f"localhost:{port}",
                f"2130706433:{port}",
                f"127.1:{port}",
                f"127.0.0.1\0.example.com:{port}",
            ):
                answer = await ask(path, f"CONNECT {wrong} HTTP/1.1\r\n\r\n".encode())
                assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), wrong
            assert f"localhost:{port}" in gateway.refused_since(0)

    within(tmp_path, work)


def test_plain_http_goes_out_with_the_host_that_was_judged(tmp_path: Path) -> None:
    async def work(gateway: Gateway) -> None:
        seen: list[bytes] = []
        async with listening(b"HTTP/1.1 204 No Content\r\n\r\n", seen) as port:
            path = await gateway.proxy(frozenset({Rule("127.0.0.1", port)}))
            head = f"GET http://127.0.0.1:{port}/a?b=c HTTP/1.1\r\n"
            head += "Host: other.example\r\nProxy-Authorization: Basic x\r\nAccept: */*\r\n\r\n"
            answer = await ask(path, head.encode())
            assert answer.startswith(b"HTTP/1.1 204 ")
        sent = seen[0].decode()
        assert sent.startswith(f"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")
        assert "other.example" not in sent
        assert "Basic" not in sent
        assert "\r\nAccept: */*\r\n\r\n" in sent

    within(tmp_path, work)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET https://a.example/ HTTP/1.1\r\n\r\n",
        b"GET http://a.example@127.0.0.1/ HTTP/1.1\r\n\r\n",
        b"CONNECT a.example HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\nHost: x\r\n\r\n",
        b"CONNECT a.example:999999 HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
def test_nonsense_is_answered_and_ends(tmp_path: Path, request_: bytes) -> None:
    async def work(gateway: Gateway) -> None:
        path = await gateway.proxy(frozenset({Rule("a.example")}))
        try:
            assert (await ask(path, request_)).startswith(b"HTTP/1.1 4")
        except ConnectionError:
            assert len(request_) > 100_000  # it need not take all of that

    within(tmp_path, work)


def test_a_listed_name_does_not_lead_into_this_machine(tmp_path: Path) -> None:
    # As an owner of the name could have it: a name of the hosts file for 127.0.0.1.
    name = os.uname().nodename
    import socket

    try:
        if not socket.gethostbyname(name).startswith("127."):
            pytest.skip("no name of this machine leads to its loopback")
    except OSError:
        pytest.skip("this machine's own name leads nowhere")

    async def work(gateway: Gateway) -> None:
        async with listening() as port:
            path = await gateway.proxy(frozenset({Rule(name.lower(), port)}))
            answer = await ask(path, f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode())
            assert b"403" in answer.splitlines()[0]

    within(tmp_path, work)


def test_the_proxy_of_the_users_own_network_is_used(tmp_path: Path) -> None:
    async def work(gateway: Gateway) -> None:
        seen: list[bytes] = []
        async with listening(b"HTTP/1.1 200 OK\r\n\r\n", seen) as port:
            gateway._environ = {"HTTPS_PROXY": f"http://me:pa%20ss@127.0.0.1:{port}"}
            path = await gateway.proxy(frozenset({Rule("a.example")}))
            answer = await ask(path, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", b"hello")
            assert answer.endswith(b"hello")
        assert seen[0].startswith(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n")
        assert b"Proxy-Authorization: Basic bWU6cGEgc3M=\r\n" in seen[0]

    within(tmp_path, work)


def test_the_sockets_are_private_short_and_gone_at_the_end(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    paths: list[str] = []

    async def work(gateway: Gateway) -> None:
        one, two = frozenset({Rule("a.example")}), frozenset({Rule("b.example")})
        paths.extend([await gateway.proxy(one), await gateway.proxy(two)])
        assert await gateway.proxy(one) == gateway.door(one) == paths[0] != paths[1]
        for path in paths:
            assert len(path) < 108
            assert os.stat(path).st_mode & 0o777 == 0o600
            assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700

    within(deep, work)
    assert paths
    assert not any(map(os.path.exists, paths))
