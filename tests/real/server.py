"""A scripted provider on loopback: what it answers to a prompt that holds a word.

The server is aimock, which speaks every provider's language. A `Script` is told by a word
of the prompt and by how many answers the conversation has had, so that any number of
agents can be served at once, whoever comes first.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READ, WROTE = 1000, 200  # tokens of each answer
_USED = {"prompt_tokens": READ, "completion_tokens": WROTE, "total_tokens": READ + WROTE}


def says(words: str) -> dict[str, Any]:
    return {"content": words, "usage": _USED}


def calls(tool: str, **arguments: object) -> dict[str, Any]:
    return {"toolCalls": [{"name": tool, "arguments": arguments}], "usage": _USED}


def refuses(status: int, message: str, kind: str, **more: object) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}, "status": status, **more}


@dataclass(frozen=True)
class Script:
    """`faults` come first, one for each request; then `answers` by turn, the last for ever."""

    word: str
    answers: Sequence[dict[str, Any]]
    faults: Sequence[dict[str, Any]] = ()
    cut: bool = False  # the first answer's stream breaks off, once

    def fixtures(self) -> list[dict[str, Any]]:
        first = {"userMessage": self.word, "turnIndex": 0}
        rows: list[dict[str, Any]] = [
            {"match": {**first, "sequenceIndex": n}, "response": fault}
            for n, fault in enumerate(self.faults)
        ]
        if self.cut:  # of words alone: they mean nothing without their end
            rows.append(
                {
                    "match": {**first, "sequenceIndex": 0},
                    "response": says("this will break off in the middle of it. " * 20),
                    "truncateAfterChunks": 4,
                }
            )
        for n, answer in enumerate(self.answers[:-1]):
            rows.append({"match": {**first, "turnIndex": n}, "response": answer})
        rows.append({"match": {"userMessage": self.word}, "response": self.answers[-1]})
        return rows


class Provider:
    """The running server. Its address is what agents are pointed at."""

    def __init__(self, program: Path, folder: Path, scripts: Sequence[Script]) -> None:
        fixtures = [row for script in scripts for row in script.fixtures()]
        file = folder / "fixtures.json"
        file.write_text(json.dumps({"fixtures": fixtures}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = (folder / "server.log").open("wb")
        argv = [str(program), "-p", str(self.port), "-f", str(file), "--journal-max", "0"]
        self.process = subprocess.Popen(
            argv,
            env={**os.environ, "AIMOCK_STRICT_TURN_INDEX": "1"},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self._wait(folder)

    def _wait(self, folder: Path) -> None:
        for _ in range(300):
            try:
                self._get("/health")
            except OSError:
                time.sleep(0.1)
            else:
                return
            if self.process.poll() is not None:
                break
        raise AssertionError((folder / "server.log").read_text())

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return json.load(answer)

    def requests(self, word: str = "") -> list[dict[str, Any]]:
        """Every request that had this word in it, as the server saw it."""
        return [one for one in self._get("/__aimock/journal") if word in json.dumps(one)]

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.log.close()
