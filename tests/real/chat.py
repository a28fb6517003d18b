"""The Chat Completions API as the scripted provider speaks it, streamed or whole."""

import json
from collections.abc import Mapping
from typing import Any

from tests.apiagent.server import Turn


def turns(body: dict[str, Any], word: str) -> int:
    """The answers since the word was first said: some agents begin with a talk of their own."""
    said = [(one.get("role"), word in json.dumps(one)) for one in body.get("messages", ())]
    begun = next((n for n, (_, has) in enumerate(said) if has), 0)
    return sum(role == "assistant" for role, _ in said[begun:])


def answer(body: dict[str, Any], message: dict[str, Any], used: Mapping[str, int]) -> Turn:
    """`message` as its provider would send it: `content`, or `tool_calls`."""
    calls = "tool_calls" in message
    head: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": body.get("model", "")}
    ended: dict[str, Any] = {"index": 0, "finish_reason": "tool_calls" if calls else "stop"}
    cached = used["cache_read_input_tokens"]
    read = used["input_tokens"] + used["cache_creation_input_tokens"] + cached
    usage = {
        "prompt_tokens": read,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": used["output_tokens"],
        "completion_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + used["output_tokens"],
    }
    nothing = dict.fromkeys(used, 0)
    if not body.get("stream"):
        message = {"role": "assistant", "content": None, **message}
        whole = {"object": "chat.completion", "choices": [{**ended, "message": message}]}
        told = json.dumps({**head, **whole, "usage": usage}).encode()
        return Turn(told, headers={"content-type": "application/json"}, usage=used, first=nothing)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(message.get("content") or "")]
    for index, call in enumerate(message.get("tool_calls", ())):
        given = call["function"]["arguments"]
        begun = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _pieces(given)
        ]
    rows: list[dict[str, Any]]
    rows = [{"choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    rows += [{"choices": [{**ended, "delta": {}}]}, {"choices": [], "usage": usage}]
    head["object"] = "chat.completion.chunk"
    told = b"".join(f"data: {json.dumps({**head, **row})}\n\n".encode() for row in rows)
    return Turn(told + b"data: [DONE]\n\n", usage=used, first=nothing)


def _pieces(said: str) -> list[str]:
    return [said[at : at + 40] for at in range(0, len(said), 40)]
