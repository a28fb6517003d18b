"""A registry of packages on the loopback, for the real tools: it counts what is downloaded.

Serves what uv, pip and poetry (`/simple/`), npm, pnpm, yarn and bun (`/npm/`), cargo
(`/cargo/`, sparse), go (`/go/`) and maven and gradle (`/maven/`) ask for. Each has the
packages `wtalpha`, which needs `wtbeta`, and `wtgamma`, which needs nothing; all at 1.0.0.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEEDS: Mapping[str, tuple[str, ...]] = {"wtalpha": ("wtbeta",), "wtbeta": (), "wtgamma": ()}
_FILES = (".whl", ".tgz", ".crate", ".zip", ".jar")  # what holds a package


class Registry:
    """`url` is where it is; `counts` how often each file of a package was fetched."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.counts: Counter[str] = Counter()
        self.asked: list[str] = []
        self.pages: dict[str, bytes] = {}
        for name, needs in NEEDS.items():
            self._python(name, needs)
            self._node(name, needs)
            self._rust(name, needs)
            self._go(name, needs)
            self._java(name, needs)
        self.pages["/cargo/config.json"] = json.dumps(
            {"dl": f"{url}/cargo/dl/{{crate}}-{{version}}.crate"}
        ).encode()

    def answer(self, path: str, *, whole: bool = True) -> bytes | None:
        """The page at this path, counted if it is wanted `whole`; None where there is none."""
        path = path.partition("?")[0].replace("%2f", "/").replace("%2F", "/")
        self.asked.append(path)
        found = self.pages.get(path) or self.pages.get(path.rstrip("/"))
        if found is not None and whole and path.endswith(_FILES):
            self.counts[path] += 1
        return found

    def take(self) -> dict[str, int]:
        """What was downloaded since the last time."""
        taken = dict(self.counts)
        self.counts.clear()
        self.asked.clear()
        return taken

    def _python(self, name: str, needs: tuple[str, ...]) -> None:
        info = f"{name}-1.0.0.dist-info"
        requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
        texts = {
            f"{name}.py": "VALUE = 1\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n{requires}",
            f"{info}/WHEEL": (
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
        }
        rows = [f"{path},sha256={_sha256_url(text)},{len(text)}" for path, text in texts.items()]
        texts[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
        wheel = zipped(texts)
        file = f"{name}-1.0.0-py3-none-any.whl"
        digest = hashlib.sha256(wheel).hexdigest()
        known = hashlib.sha256(texts[f"{info}/METADATA"].encode()).hexdigest()
        self.pages[f"/simple/{name}"] = (
            f'<!DOCTYPE html><html><body><a href="/files/{file}#sha256={digest}" '
            f'data-core-metadata="sha256={known}" data-dist-info-metadata="sha256={known}">'
            f"{file}</a></body></html>"
        ).encode()
        self.pages[f"/files/{file}.metadata"] = texts[f"{info}/METADATA"].encode()
        self.pages[f"/files/{file}"] = wheel

    def _node(self, name: str, needs: tuple[str, ...]) -> None:
        manifest = {
            "name": name,
            "version": "1.0.0",
            "main": "index.js",
            "dependencies": dict.fromkeys(needs, "^1.0.0"),
        }
        packed = tarred(
            {
                "package/package.json": json.dumps(manifest),
                "package/index.js": "module.exports = 1;\n",
            }
        )
        dist = {
            "tarball": f"{self.url}/npm/{name}/-/{name}-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode(),
            "shasum": hashlib.sha1(packed, usedforsecurity=False).hexdigest(),
        }
        page = {
            "name": name,
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": {**manifest, "dist": dist}},
            "time": {"1.0.0": "2020-01-01T00:00:00.000Z"},
        }
        self.pages[f"/npm/{name}"] = json.dumps(page).encode()
        self.pages[f"/npm/{name}/-/{name}-1.0.0.tgz"] = packed

    def _rust(self, name: str, needs: tuple[str, ...]) -> None:
        wants = "".join(
            f'{need} = {{version = "1", registry-index = "sparse+{self.url}/cargo/"}}\n'
            for need in needs
        )
        manifest = f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n'
        packed = tarred(
            {
                f"{name}-1.0.0/Cargo.toml": f"{manifest}[dependencies]\n{wants}",
                f"{name}-1.0.0/src/lib.rs": "pub fn value() -> u8 { 1 }\n",
            }
        )
        needed = [
            {
                "name": need,
                "req": "^1",
                "features": [],
                "optional": False,
                "default_features": True,
                "target": None,
                "kind": "normal",
            }
            for need in needs
        ]
        row = {
            "name": name,
            "vers": "1.0.0",
            "deps": needed,
            "cksum": hashlib.sha256(packed).hexdigest(),
            "features": {},
            "yanked": False,
        }
        self.pages[f"/cargo/{name[:2]}/{name[2:4]}/{name}"] = json.dumps(row).encode()
        self.pages[f"/cargo/dl/{name}-1.0.0.crate"] = packed

    def _go(self, name: str, needs: tuple[str, ...]) -> None:
        module = f"example.com/{name}"
        text = f"module {module}\n\ngo 1.16\n"
        text += "".join(f"\nrequire example.com/{need} v1.0.0\n" for need in needs)
        imports = "".join(f'import _ "example.com/{need}"\n' for need in needs)
        files = {
            f"{module}@v1.0.0/go.mod": text,
            f"{module}@v1.0.0/a.go": f"package {name}\n\n{imports}\nconst Value = 1\n",
        }
        at = f"/go/{module}/@v"
        self.pages[f"{at}/list"] = b"v1.0.0\n"
        self.pages[f"{at}/v1.0.0.info"] = b'{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}'
        self.pages[f"{at}/v1.0.0.mod"] = text.encode()
        self.pages[f"{at}/v1.0.0.zip"] = zipped(files)

    def _java(self, name: str, needs: tuple[str, ...]) -> None:
        wants = "".join(
            f"<dependency><groupId>com.example</groupId><artifactId>{need}</artifactId>"
            "<version>1.0.0</version></dependency>"
            for need in needs
        )
        pom = (
            "<project><modelVersion>4.0.0</modelVersion>"
            f"<groupId>com.example</groupId><artifactId>{name}</artifactId>"
            f"<version>1.0.0</version><dependencies>{wants}</dependencies></project>"
        ).encode()
        jar = zipped({"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n\n"})
        at = f"/maven/com/example/{name}/1.0.0/{name}-1.0.0"
        for end, content in ((".pom", pom), (".jar", jar)):
            self.pages[at + end] = content
            sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            self.pages[f"{at}{end}.sha1"] = sha1.encode()


def zipped(texts: Mapping[str, str]) -> bytes:
    """A zip archive of these texts, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in texts.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def tarred(texts: Mapping[str, str]) -> bytes:
    """A gzipped tar archive of these texts, the same bytes each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, text in texts.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text.encode()), 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


def _sha256_url(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry on a free port of the loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = registry.answer(self.path, whole=self.command == "GET")
            self.send_response(404 if found is None else 200)
            kind = "application/json" if "/npm/" in self.path else "application/octet-stream"
            kind = "text/html" if "/simple/" in self.path else kind
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "max-age=600")
            self.send_header("ETag", f'"{hashlib.sha256(found or b"").hexdigest()}"')
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found or b"")

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
