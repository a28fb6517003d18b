"""The Gemini API as the scripted provider speaks it, streamed or whole."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.apiagent.server import Turn

ADDRESS = re.compile(r"/v1(?:beta)?/models/(?P<model>[^:/]+):(?P<how>streamG|g)enerateContent")
_STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


def turns(body: dict[str, Any]) -> int:
    return sum(one.get("role") == "model" for one in body.get("contents", ()))


def answer(body: dict[str, Any], parts: list[dict[str, Any]], used: Mapping[str, int]) -> Turn:
    cached = used["cache_read_input_tokens"]
    read = used["input_tokens"] + used["cache_creation_input_tokens"] + cached
    usage = {
        "promptTokenCount": read,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": used["output_tokens"],
        "totalTokenCount": read + used["output_tokens"],
    }
    rows: list[dict[str, Any]] = []
    for part in parts:
        said = part.get("text")
        pieces = [part] if said is None else [{"text": one} for one in _pieces(said)]
        rows += [{"content": {"role": "model", "parts": [one]}, "index": 0} for one in pieces]
    rows[-1]["finishReason"] = "STOP"
    told: list[dict[str, Any]] = [
        {"candidates": [row], "modelVersion": body["model"]} for row in rows
    ]
    told[-1]["usageMetadata"] = usage
    nothing = dict.fromkeys(used, 0)
    if not body["stream"]:
        whole = {"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}
        plain = json.dumps({**told[-1], "candidates": [whole]}).encode()
        return Turn(plain, headers={"content-type": "application/json"}, usage=used, first=nothing)
    sent = b"".join(f"data: {json.dumps(one)}\r\n\r\n".encode() for one in told)
    return Turn(sent, usage=used, first=nothing)


def refusal(status: int, message: str, headers: Mapping[str, str]) -> Turn:
    word = _STATUS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    body = {"error": {"code": status, "message": message, "status": word}}
    return Turn(json.dumps(body).encode(), status, {"content-type": "application/json", **headers})


def _pieces(said: str) -> list[str]:
    return [said[at : at + 40] for at in range(0, len(said), 40)] or [""]
