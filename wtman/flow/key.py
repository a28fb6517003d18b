"""The key of a step: what it asks, where in the script, and which of several equal ones.

Two steps of one key are one step, so its answer may be used again. Everything that decides the
answer is in it; titles, timeouts, money, order and line numbers are not.
"""

import json
from collections.abc import Mapping
from typing import Any

from wtman.flow.identity import digest
from wtman.flow.messages import ScriptCall

VERSION = 1  # of how keys are made; another one makes every step run again


def step_key(
    call: ScriptCall,
    filled: Mapping[str, Any],
    trees: Mapping[str, str],
) -> str:
    """64 hex digits.

    `filled` is what the coordinator adds or puts in place of a default (text of the role, agent,
    model, effort, checks, tree of the base); it replaces what the script said under the
    same name. `trees` gives the tree of each commit that the call names: later steps follow from
    what is in a tree, not from when it was committed.
    """
    spec = _by_tree(json.loads(call.given), trees)
    if call.kind == "session" and spec["on"] is not None:
        # It goes on in a conversation, which no tree tells.
        spec["on"] = {**spec["on"], "task": json.loads(call.given)["on"]["task"]}
    which = {"number": call.number} if call.key is None else {"key": call.key}
    return digest(VERSION, call.kind, {**spec, **filled}, list(call.scope), which)


def _by_tree(value: Any, trees: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_by_tree(item, trees) for item in value]
    if isinstance(value, dict):
        if set(value) == {"task", "commit"}:
            return {"tree": trees.get(value["commit"], value["commit"])}
        return {name: _by_tree(item, trees) for name, item in value.items()}
    return value
