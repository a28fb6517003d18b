"""A package registry on the loopback that counts, in front of the one this machine uses.

Promises that a package is fetched from the registry behind it once, however often it is
asked for here, and that nothing of that registry's address is left in what it answers.
"""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit

# The forms of a registry's index that uv and npm can do with, the first wished for most.
_ACCEPT = {
    "pypi": "application/vnd.pypi.simple.v1+json, text/html;q=0.1",
    "npm": "application/vnd.npm.install-v1+json, application/json;q=0.5",
}
_ADDRESS = re.compile(rb'("url":\s*|"tarball":\s*|href=)"([^"]+)"')
_WAIT = 180.0  # seconds for one answer


@dataclass
class Registry:
    """`files` counts the packages that were asked for, by path; `pages` all other requests."""

    address: str = ""
    files: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)

    @property
    def pypi(self) -> str:
        return f"{self.address}/pypi/"

    @property
    def npm(self) -> str:
        return f"{self.address}/npm/"

    def forget(self) -> None:
        """Count from nothing again."""
        self.files.clear()
        self.pages.clear()


@dataclass(frozen=True)
class _Answer:
    status: int
    kind: str
    body: bytes


def pypi_behind() -> str:
    """The index that pip is configured for, else the one that it would take."""
    asked = (sys.executable, "-m", "pip", "config", "get", "global.index-url")
    named = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    if not named:
        own = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        named = subprocess.run(
            (sys.executable, "-c", own), capture_output=True, text=True, check=True
        ).stdout.strip()
    return named.rstrip("/") + "/"


def npm_behind() -> str:
    """The registry that npm is configured for."""
    asked = ("npm", "config", "get", "registry")
    named = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return named.rstrip("/") + "/"


def _beside(address: str, path: str) -> str:
    """The address of a package, or of what lies beside it under its name and a suffix."""
    return address + ".metadata" * path.endswith(".metadata")


@contextmanager
def counting(behind: dict[str, str]) -> Iterator[Registry]:
    """Serve while the block lasts; `behind` names the registry of `pypi` and of `npm`."""
    registry = Registry()
    store: dict[str, _Answer] = {}
    away: dict[str, str] = {}  # number of a file elsewhere -> its address
    locks: dict[str, threading.Lock] = {}
    lock = threading.Lock()

    def here(found: re.Match[bytes], page: str) -> bytes:
        """The address of a package, as one of ours."""
        address = urljoin(page, found[2].decode())
        plain, _, mark = address.partition("#")
        name = urlsplit(plain).path.rpartition("/")[2]
        if not name.endswith((".whl", ".gz", ".tgz", ".zip")):
            return found[0]
        with lock:
            number = next((key for key, value in away.items() if value == plain), str(len(away)))
            away[number] = plain
        ours = f"{registry.address}/file/{number}/{name}{'#' * bool(mark)}{mark}"
        return found[1] + b'"' + ours.encode() + b'"'

    def fetched(path: str) -> _Answer:
        _, kind, rest = path.split("/", 2)
        is_file = kind == "file"
        page = behind[kind] + rest if not is_file else _beside(away[rest.split("/")[0]], rest)
        headers = {} if is_file else {"Accept": _ACCEPT[kind]}
        with urllib.request.urlopen(
            urllib.request.Request(page, headers=headers), timeout=_WAIT
        ) as answer:
            body = answer.read()
            form = answer.headers.get("Content-Type", "application/octet-stream")
        if not is_file:
            body = _ADDRESS.sub(lambda found: here(found, page), body)
        return _Answer(200, form, body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(self._found(counted=True))

        def do_HEAD(self) -> None:
            self._send(self._found(counted=False), body=False)

        def _found(self, *, counted: bool) -> _Answer:
            path = self.path.split("?")[0].split("#")[0]
            package = path.startswith("/file/") and not path.endswith(".metadata")
            with lock:
                if counted:
                    (registry.files if package else registry.pages)[path] += 1
                alone = locks.setdefault(path, threading.Lock())
            with alone:
                if path not in store:
                    try:
                        store[path] = fetched(path)
                    except (OSError, KeyError, ValueError) as error:
                        store[path] = _Answer(404, "text/plain", str(error).encode())
                return store[path]

        def do_POST(self) -> None:
            self._send(_Answer(404, "application/json", json.dumps({}).encode()))

        def _send(self, answer: _Answer, *, body: bool = True) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if body:
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
