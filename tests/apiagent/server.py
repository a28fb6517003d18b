"""A server of the Messages API on loopback: it plays a script, over real HTTP.

Each request takes the next turn of `script`. It keeps what it was asked (`requests`)
and counts what it has billed (`billed`): a response is billed as soon as its first
event was sent, with the output that the part sent has announced.
"""

import itertools
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wtman.model.session import Usage
from wtman.prices import cost

USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 40,
    "cache_read_input_tokens": 1000,
    "output_tokens": 20,
}


_IDS = itertools.count(1)


@dataclass(frozen=True)
class Turn:
    """A response. `cut` sends only so many bytes of it; `end` is how it ends then."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)  # the usage in the first event
    cut: int | None = None
    end: str = "close"  # close: cleanly; short: mid-chunk; reset: before a byte; stall: never

    def cut_at(self, size: int, end: str = "close") -> "Turn":
        return replace(self, cut=size, end=end)


def call(name: str, /, number: int = 1, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number:02}", "name": name, "input": given}


def says(
    *content: str | dict[str, Any],
    stop: str | None = None,
    usage: Mapping[str, int] = USAGE,
    model: str = "claude-opus-5-5",
    details: Any = None,
) -> Turn:
    """A streamed message: texts and other blocks."""
    blocks = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
    calls = any(block["type"] == "tool_use" for block in blocks)
    first = {**usage, "output_tokens": 1}
    message = {"id": f"msg_{next(_IDS):04}", "type": "message", "role": "assistant", "model": model}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": first}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    events.append({"type": "ping"})
    for index, block in enumerate(blocks):
        events += _block(index, block)
    delta = {"stop_reason": stop or ("tool_use" if calls else "end_turn"), "stop_sequence": None}
    if details:
        delta["stop_details"] = details
    # Figures there are the totals so far.
    events.append({"type": "message_delta", "delta": delta, "usage": dict(usage)})
    events.append({"type": "message_stop"})
    return Turn(_sse(events), usage=usage, first=first)


def _block(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    def delta(**fields: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": fields}

    start, deltas = dict(block), []
    if block["type"] == "text":
        start["text"] = ""
        deltas = [delta(type="text_delta", text=piece) for piece in _pieces(block["text"])]
    if block["type"] == "tool_use":
        start["input"] = {}
        text = json.dumps(block["input"])
        deltas = [delta(type="input_json_delta", partial_json=x) for x in _pieces(text)]
    if block["type"] == "thinking":
        start |= {"thinking": "", "signature": ""}
        deltas = [delta(type="thinking_delta", thinking=block["thinking"])]
        deltas += [delta(type="signature_delta", signature=block["signature"])]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    yield from deltas
    yield {"type": "content_block_stop", "index": index}


def _pieces(text: str) -> list[str]:
    return [text[at : at + 40] for at in range(0, len(text), 40)]


def _sse(events: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def refuses(status: int, kind: str, message: str = "no", **headers: str) -> Turn:
    """An HTTP error, in the shape of the API's."""
    body = {"type": "error", "error": {"type": kind, "message": message}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Turn(json.dumps(body).encode(), status, {"content-type": "application/json", **named})


def breaks(kind: str) -> Turn:
    """A stream with status 200 that begins and then says an error."""
    begun = says("half").body.split(b"\n\n")[0] + b"\n\n"
    error = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
    first = {**USAGE, "output_tokens": 1}
    return Turn(begun + _sse([error]), usage=first, first=first)


class Server:
    """What a test sees of the server."""

    def __init__(self) -> None:
        self.script: list[Turn] = []
        self.always: Turn | None = None  # when the script is over
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.billed: list[tuple[str, Mapping[str, int]]] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.stalled = threading.Event()
        self.url = ""

    @property
    def usage(self) -> dict[str, int]:
        return {key: sum(usage[key] for _, usage in self.billed) for key in USAGE}

    @property
    def usd(self) -> float:
        total = 0.0
        for model, usage in self.billed:
            cached, written = (usage[f"cache_{kind}_input_tokens"] for kind in ("read", "creation"))
            read = usage["input_tokens"] + cached + written
            used = Usage(read, usage["output_tokens"], None, cached)
            total += cost("anthropic", model, used, written=written) or 0.0
        return total

    def next(self, request: dict[str, Any]) -> Turn:
        with self.lock:
            self.requests.append(request)
            if self.script:
                return self.script.pop(0)
            return self.always or refuses(500, "api_error", "the script is over")

    def bill(self, model: str, turn: Turn, sent: bytes) -> None:
        if sent.count(b"\n\n") and turn.usage:
            whole = b'"message_delta"' in sent.rpartition(b"\n\n")[0]
            with self.lock:
                self.billed.append((model, turn.usage if whole else turn.first))


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Http"

    def do_POST(self) -> None:
        ours = self.server.ours
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = json.loads(data)
        with ours.lock:
            ours.headers.append({k.lower(): v for k, v in self.headers.items()})
            ours.paths.append(self.path)
        turn = ours.next(request)
        sent = turn.body if turn.cut is None else turn.body[: turn.cut]
        if turn.end == "reset":  # it may overtake what was sent before, so nothing is
            sent = b""
        ours.bill(request.get("model", ""), turn, sent)
        try:
            self._send(turn, sent)
        except OSError:
            self.close_connection = True

    def _send(self, turn: Turn, sent: bytes) -> None:
        self.close_connection = True
        self.send_response(turn.status)
        self.send_header("connection", "close")
        if "content-type" not in turn.headers:
            self.send_header("content-type", "text/event-stream")
        for name, value in turn.headers.items():
            self.send_header(name, value)
        if turn.end == "short":
            self.send_header("transfer-encoding", "chunked")
            sent = f"{len(sent):x}\r\n".encode() + sent + b"\r\n" if sent else b""
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        if turn.end == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if turn.end == "stall":
            self.server.ours.stalled.set()
            self.server.ours.closing.wait(60)

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    ours: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that was killed


@contextmanager
def serving() -> Iterator[Server]:
    """A server on loopback, on a port of its own."""
    http = _Http(("127.0.0.1", 0), _Requests)
    http.ours = ours = Server()
    ours.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield ours
    finally:
        ours.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()
