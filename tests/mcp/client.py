"""A client of the Model Context Protocol over plain JSON-RPC, with nothing of an SDK."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_PATIENCE = 100.0


class Client:
    """A server of its own, and what it answered. `heard` are its notifications."""

    def __init__(self, folder: Path, words: Sequence[str] = ()) -> None:
        argv = (sys.executable, "-P", "-m", "wtman", "mcp", *words)
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.heard: list[dict[str, Any]] = []
        self.answers: dict[int, dict[str, Any]] = {}
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._asked = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}}
        self.ask("initialize", {**hello, "clientInfo": {"name": "a client", "version": "1"}})
        self.send({"method": "notifications/initialized"})
        listed = self.ask("tools/list")["result"]["tools"]
        self.tools = {tool["name"]: tool for tool in listed}

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(b"")

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def begin(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Ask, and go on."""
        self._asked += 1
        self.send({"id": self._asked, "method": method, "params": params or {}})
        return self._asked

    def end(self, number: int) -> dict[str, Any]:
        """The answer to what was asked under a number."""
        while number not in self.answers:
            line = self._lines.get(timeout=_PATIENCE)
            assert line, "the server has ended"
            message = json.loads(line)
            if "method" in message:
                self.heard.append(message)
            else:
                self.answers[message["id"]] = message
        return self.answers.pop(number)

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.end(self.begin(method, params))

    def calling(self, tool: str, **arguments: object) -> int:
        return self.begin("tools/call", {"name": tool, "arguments": arguments})

    def told(self, number: int, tool: str, error: str = "") -> dict[str, Any]:
        """What a tool answered, held against its schema."""
        told = self.end(number)["result"]
        held: dict[str, Any] = told["structuredContent"]
        assert json.loads(told["content"][0]["text"]) == held
        assert held.get("error", {}).get("code", "") == error, held
        assert told.get("isError", False) == bool(error)
        if tool in self.tools:
            schema = self.tools[tool]["outputSchema"]
            assert schema["type"] == "object"
            found = [*Draft202012Validator(schema).iter_errors(held)]
            assert not found, found
        return held

    def call(self, tool: str, error: str = "", **arguments: object) -> dict[str, Any]:
        return self.told(self.calling(tool, **arguments), tool, error)

    def close(self) -> None:
        """As a client that is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
