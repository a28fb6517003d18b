"""A server of the script, and sessions against it: in this process, over real HTTP."""

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apiagent.server import Server, serving
from wtman.apiagent.options import Options
from wtman.apiagent.response import Patience
from wtman.apiagent.session import run


@dataclass(frozen=True)
class Told:
    """What a session has told, and its exit status."""

    code: int
    events: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        assert self.events[-1]["type"] == "result"
        assert [e["type"] for e in self.events].count("result") == 1
        return self.events[-1]

    def all(self, kind: str, subtype: str = "") -> list[dict[str, Any]]:
        return [
            e
            for e in self.events
            if e["type"] == kind and (not subtype or e.get("subtype") == subtype)
        ]

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of all calls of tools."""
        return [block for e in self.all("user") for block in e["message"]["content"]]


QUICK = Patience(retries=3, first=0.001, longest=5.0, total=20.0)


@dataclass
class Yard:
    """A folder to work in, a HOME and a server."""

    server: Server
    work: Path
    home: Path
    patience: Patience = QUICK

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "ANTHROPIC_API_KEY": "sk-tests-0001",
            "ANTHROPIC_BASE_URL": self.server.url,
            **more,
        }

    def run(self, *script: Any, prompt: str = "do it", base_url: str = "", **options: Any) -> Told:
        """A session against those turns; it must take all of them and ask no more."""
        self.server.script = list(script)
        out = io.BytesIO()
        given = Options(prompt=prompt, **options)
        environ = self.environ() | ({"ANTHROPIC_BASE_URL": base_url} if base_url else {})
        session = run(given, environ=environ, cwd=str(self.work), out=out, patience=self.patience)
        code = asyncio.run(session)
        told = Told(code, [json.loads(line) for line in out.getvalue().splitlines()])
        assert told.result["usage"] == self.counted(), "every billed token is in the result"
        if self.server.always is None:
            assert not self.server.script, "turns are left over"
        return told

    _seen: int = 0

    def counted(self) -> dict[str, int]:
        """What the server has billed since it was last asked."""
        billed = self.server.billed[self._seen :]
        self._seen = len(self.server.billed)
        keys = self.server.usage
        return {key: sum(usage[key] for _, usage in billed) for key in keys}

    @property
    def last(self) -> dict[str, Any]:
        return self.server.requests[-1]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    with serving() as server:
        yield Yard(server, tmp_path / "work", tmp_path / "home")
