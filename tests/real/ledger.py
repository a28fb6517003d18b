"""A provider of our own on loopback, for what aimock has no way to say.

It speaks the Messages API, the Responses API, Chat Completions and the Gemini API over real
HTTP, with caches in its figures, and keeps a ledger: what each conversation was billed. A
`Part` is told by a word in the request; what it answers is a function, which may also wait.
"""

import json
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.apiagent.server import Turn, call, refuses, says
from tests.real import chat, google

# What one answer costs, in the words of the Messages API.
USED = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 40,
    "cache_read_input_tokens": 1000,
    "output_tokens": 20,
}
READ, CACHED, WROTE = 1140, 1000, 20
NOTHING = dict.fromkeys(USED, 0)


@dataclass(frozen=True)
class Asked:
    """One request. `turn` is how many answers its conversation has had, `nth` how many
    requests with this word came before, `api` is "messages", "responses", "chat" or
    "gemini"."""

    api: str
    turn: int
    nth: int
    model: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Part:
    word: str
    answer: Callable[[Asked], Turn]


@dataclass
class Ledger:
    """What the server was asked and has billed, by the word of the part."""

    parts: list[Part] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    billed: dict[str, list[Mapping[str, int]]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, Asked]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    accepted: str = ""  # the one key that is taken; empty: any
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def took(self, word: str) -> tuple[int, int, int]:
        """(input, cached, output) tokens that answers to this word were billed."""
        sums = {key: sum(one[key] for one in self.billed[word]) for key in USED}
        cached = sums["cache_read_input_tokens"]
        fresh = sums["input_tokens"] + sums["cache_creation_input_tokens"]
        return fresh + cached, cached, sums["output_tokens"]

    def of(self, api: str, body: dict[str, Any]) -> tuple[str, Asked, Turn]:
        """Whose request it is, and the answer."""
        spoken = json.dumps([body.get(name) for name in _SPOKEN])
        part = next((one for one in self.parts if one.word in spoken), None)
        word = part.word if part is not None else ""
        with self.lock:
            turn, nth = _turn(api, body, word), self.asked[word]
            asked = Asked(api, turn, nth, str(body.get("model", "")), body)
            self.asked[word] += 1
            self.requests.append((word, asked))
        if part is None:
            return word, asked, words(asked, "I have nothing to say to that.", used=NOTHING)
        return word, asked, part.answer(asked)


_SPOKEN = "messages input contents system instructions systemInstruction".split()


def _turn(api: str, body: dict[str, Any], word: str) -> int:
    if api == "chat":
        return chat.turns(body, word)
    if api == "gemini":
        return google.turns(body)
    if api == "messages":
        return sum(one.get("role") == "assistant" for one in body.get("messages", ()))
    found = body.get("input") or ()
    return sum(
        one.get("type") == "function_call"
        or (one.get("type", "message") == "message" and one.get("role") == "assistant")
        for one in found
        if isinstance(one, dict)
    )


# --- answers ------------------------------------------------------------------------------------


def words(asked: Asked, said: str, used: Mapping[str, int] = USED) -> Turn:
    if asked.api == "messages":
        return _message(asked, {"type": "text", "text": said}, used)
    if asked.api == "chat":
        return chat.answer(asked.body, {"content": said}, used)
    if asked.api == "gemini":
        return google.answer(asked.body, [{"text": said}], used)
    content = [{"type": "output_text", "text": said, "annotations": []}]
    item = {"type": "message", "id": _id("msg"), "role": "assistant", "content": content}
    return _responses({**item, "status": "completed"}, used)


def tool(asked: Asked, name: str, /, used: Mapping[str, int] = USED, **given: Any) -> Turn:
    """A call of one of the agent's own tools."""
    if asked.api == "messages":
        return _message(asked, {**call(name, **given), "id": _id("toolu")}, used)
    if asked.api == "chat":
        function = {"name": name, "arguments": json.dumps(given)}
        called = {"id": _id("call"), "type": "function", "function": function}
        return chat.answer(asked.body, {"tool_calls": [called]}, used)
    if asked.api == "gemini":
        return google.answer(asked.body, [{"functionCall": {"name": name, "args": given}}], used)
    item = {"type": "function_call", "id": _id("fc"), "call_id": _id("call"), "name": name}
    return _responses({**item, "arguments": json.dumps(given), "status": "completed"}, used)


def shell(asked: Asked, command: str, used: Mapping[str, int] = USED) -> Turn:
    if asked.api == "messages":
        return tool(asked, "Bash", used, command=command, description="x")
    return tool(asked, "exec_command", used, cmd=command)


def error(asked: Asked, status: int, kind: str, message: str, **headers: str) -> Turn:
    """A refusal in the shape of this API."""
    if asked.api == "messages":
        return refuses(status, kind, message, **headers)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if asked.api == "gemini":
        return google.refusal(status, message, named)
    body = {"error": {"message": message, "type": kind, "code": kind, "param": None}}
    return Turn(json.dumps(body).encode(), status, {"content-type": "application/json", **named})


def writes(asked: Asked, name: str, content: str = "x", used: Mapping[str, int] = USED) -> Turn:
    """The agent's own way to write a file in its worktree."""
    if asked.api == "messages":
        return tool(asked, "Write", used, file_path=name, content=content + "\n")
    return shell(asked, f"printf '%s\\n' '{content}' > '{name}'", used)


_LOCK = threading.Lock()
_NUMBER = iter(range(1, 1_000_000))


def _id(kind: str) -> str:
    with _LOCK:
        return f"{kind}_{next(_NUMBER):06}"


def _message(asked: Asked, block: dict[str, Any], used: Mapping[str, int]) -> Turn:
    """An answer of the Messages API, as a stream or whole."""
    if asked.body.get("stream"):
        return says(block, usage=used, model=asked.model)
    why = "tool_use" if block["type"] == "tool_use" else "end_turn"
    head = {"id": _id("msg"), "type": "message", "role": "assistant", "model": asked.model}
    whole = {**head, "content": [block], "stop_reason": why, "stop_sequence": None, "usage": used}
    return Turn(
        json.dumps(whole).encode(),
        headers={"content-type": "application/json"},
        usage=used,
        first=NOTHING,
    )


def _responses(item: dict[str, Any], used: Mapping[str, int]) -> Turn:
    cached = used["cache_read_input_tokens"]
    read = used["input_tokens"] + used["cache_creation_input_tokens"] + cached
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": used["output_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + used["output_tokens"],
    }
    answer = {"id": _id("resp"), "object": "response", "created_at": 1, "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**answer, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {
            "type": "response.completed",
            "response": {**answer, "status": "completed", "output": [item], "usage": usage},
        },
    ]
    body = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)
    # Its figures come in its last event alone.
    return Turn(body, usage=used, first=NOTHING)


# --- the server ---------------------------------------------------------------------------------


_APIS = {
    "/v1/messages": "messages",
    "/v1/responses": "responses",
    "/v1/chat/completions": "chat",
}
_AT_ONCE = struct.pack("ii", 1, 0)  # closed without a word, which the other side sees as a reset
_DRIP = 0.1  # seconds between pieces of an answer
# What carries the figures of an answer.
_LAST = rb'"message_delta"|"response.completed"|"usageMetadata"|"prompt_tokens"'


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Http"

    def do_HEAD(self) -> None:
        self._send(Turn(b"", 200), b"")

    def do_GET(self) -> None:
        self._send(Turn(b"{}", 404), b"{}")

    def do_POST(self) -> None:
        ledger = self.server.ledger
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        path = self.path.partition("?")[0]
        api = _APIS.get(path)
        if (named := google.ADDRESS.fullmatch(path)) is not None:
            api = "gemini"
            body |= {"model": named["model"], "stream": named["how"] == "streamG"}
        if api is None:
            return self._send(Turn(b"{}", 404), b"{}")
        keys = (self.headers.get(name) for name in ("x-api-key", "authorization", "x-goog-api-key"))
        key = next(filter(None, keys), "").removeprefix("Bearer ")
        with ledger.lock:
            ledger.keys.add(key)
        word, asked, turn = ledger.of(api, body)
        if ledger.accepted and key != ledger.accepted:
            turn = error(asked, 401, "authentication_error", "invalid x-api-key")
        sent = turn.body if turn.cut is None else turn.body[: turn.cut]
        if turn.status == 200 and (turn.cut is None or re.search(rb"\n\r?\n", sent)):
            whole = turn.cut is None or re.search(_LAST, sent) is not None
            with ledger.lock:
                ledger.billed[word].append(turn.usage if whole else turn.first)
        return self._send(turn, sent)

    def _send(self, turn: Turn, sent: bytes) -> None:
        self.close_connection = True
        try:
            self.send_response(turn.status)
            self.send_header("connection", "close")
            if turn.end in ("short", "reset"):
                self.send_header("transfer-encoding", "chunked")
                sent = f"{len(sent):x}\r\n".encode() + sent + b"\r\n"
            if "content-type" not in turn.headers:
                self.send_header("content-type", "text/event-stream")
            for name, value in turn.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in _pieces(sent) if turn.end == "drip" else (sent,):
                self.wfile.write(piece)
                self.wfile.flush()
                self.server.ledger.closing.wait(_DRIP if turn.end == "drip" else 0)
            if turn.end == "reset":
                time.sleep(0.3)  # it may overtake what was sent before
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            if turn.end == "stall":
                self.server.ledger.closing.wait(120)
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        return


def _pieces(sent: bytes) -> Iterator[bytes]:
    """As a line that is slow and knows nothing of events brings it."""
    size = max(len(sent) // 40, 1)
    return (sent[at : at + size] for at in range(0, len(sent), size))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    ledger: Ledger

    def shutdown_request(self, request: Any) -> None:
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == _AT_ONCE:
            return self.close_request(request)
        return super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that was killed


@contextmanager
def serving(parts: Sequence[Part]) -> Iterator[Ledger]:
    """A server on loopback, on a port of its own."""
    http = _Http(("127.0.0.1", 0), _Requests)
    http.ledger = ledger = Ledger(list(parts))
    ledger.address = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield ledger
    finally:
        ledger.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()


def cut(turn: Turn, share: float = 0.5, end: str = "close") -> Turn:
    """The stream breaks off in the middle: as if it were its end, `short` of it, or by a
    connection that is `reset`."""
    return replace(turn, cut=int(len(turn.body) * share), end=end)
