"""Findings: what reviewers claim, told apart from each other and matched across rounds.

Pure. A claim is data from outside: `claims_of` takes whatever a reviewer printed and
gives what is well formed of it, with a line on each that is not. Two claims are the
same finding when they are about the same branches and place and say nearly the same,
or carry the same proof, so that one that is settled does not come back reworded.
"""

from collections.abc import Collection, Mapping
from typing import Any

from wtman.model.finding import Claim, Reproducer
from wtman.model.ids import TaskId

SEVERITIES = ("blocker", "major", "minor")


_MOST_CLAIMS = 50


_TITLE, _WHY, _COMMAND, _PATCH = 200, 4000, 4000, 256 * 1024  # characters


# What a reviewer's answer has to look like; the keys are those of SPEC section 8.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["findings"],
    "additionalProperties": False,
    "properties": {
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["title", "severity", "branches", "why"],
                "additionalProperties": False,
                "properties": {
                    "title": {"type": "string"},
                    "severity": {"type": "string", "enum": list(SEVERITIES)},
                    "branches": {"type": "array", "items": {"type": "string"}},
                    "path": {"type": "string"},
                    "line": {"type": "integer"},
                    "why": {"type": "string"},
                    "reproducer": {
                        "type": "object",
                        "required": ["command"],
                        "additionalProperties": False,
                        "properties": {
                            "patch": {"type": "string"},
                            "command": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}


def claims_of(
    answer: object, members: Collection[TaskId]
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The well-formed claims of an answer, and what is wrong with the others.

    A claim about no branch, or about ones that the reviewer did not see, is taken to be
    about all that it did see. An answer that is no list of findings gives no claim and one
    problem.
    """
    listed = answer.get("findings") if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        return (), ("the answer holds no list of findings",)
    claims: list[Claim] = []
    problems: list[str] = []
    for number, item in enumerate(listed, 1):
        if len(claims) >= _MOST_CLAIMS:
            problems.append(f"only the first {_MOST_CLAIMS} findings are taken")
            break
        claim, problem = _claim(item, members)
        if claim is not None:
            claims.append(claim)
        if problem:
            problems.append(f"finding {number}: {problem}")
    return tuple(claims), tuple(problems)


def tidy(answer: object) -> object:
    """An answer as SCHEMA has it, where what differs does no harm: programs say null for what
    they have not got, and more than they are asked. What is missing is for `claims_of`."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("findings"), list):
        return answer
    return {"findings": [_tidied(item) for item in answer["findings"]]}


def by_task(answer: object, branches: Mapping[str, TaskId]) -> Any:
    """The answer with tasks where it names them by their branch."""
    if not isinstance(answer, Mapping):
        return answer
    found = [
        {**item, "branches": [branches.get(name, name) for name in item["branches"]]}
        for item in answer["findings"]
    ]
    return {"findings": found}


def _tidied(item: object) -> dict[str, object]:
    given = item if isinstance(item, Mapping) else {}
    found: dict[str, object] = {
        "title": _plain(given.get("title")),
        "why": _plain(given.get("why")),
        "severity": given.get("severity") if given.get("severity") in SEVERITIES else "minor",
        "branches": _names(given.get("branches")),
    }
    if isinstance(given.get("path"), str):
        found["path"] = given["path"]
    line = given.get("line")
    if isinstance(line, int) and not isinstance(line, bool):
        found["line"] = line
    proof = given.get("reproducer")
    if isinstance(proof, Mapping) and isinstance(proof.get("command"), str):
        patch = proof.get("patch")
        found["reproducer"] = {"command": proof["command"]}
        if isinstance(patch, str):
            found["reproducer"] = {"command": proof["command"], "patch": patch}
    return found


def _plain(value: object) -> str:
    return value if isinstance(value, str) else ""


def _names(value: object) -> list[str]:
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [item for item in listed if isinstance(item, str)]


def _claim(item: object, members: Collection[TaskId]) -> tuple[Claim | None, str]:
    if not isinstance(item, Mapping):
        return None, "is no object"
    title, why = _text(item.get("title"), _TITLE), _text(item.get("why"), _WHY)
    if not title:
        return None, "has no title"
    severity = item.get("severity")
    if severity not in SEVERITIES:
        severity = "minor"
    named = item.get("branches")
    seen = [name for name in members if isinstance(named, list) and name in named]
    line = item.get("line")
    claim = Claim(
        title=title,
        severity=str(severity),
        branches=tuple(seen or members),
        why=why,
        path=_text(item.get("path"), 1000),
        line=line if isinstance(line, int) and not isinstance(line, bool) and line > 0 else 0,
    )
    proof = item.get("reproducer")
    if not proof:
        return claim, ""
    made, problem = _reproducer(proof)
    if made is None:
        return claim, problem
    return Claim(**{**_fields(claim), "reproducer": made}), ""


def reproducer_of(proof: object) -> Reproducer | None:
    """The reproducer in an answer, None where there is no usable one."""
    return _reproducer(proof)[0] if proof else None


def _reproducer(proof: object) -> tuple[Reproducer | None, str]:
    if not isinstance(proof, Mapping):
        return None, "its reproducer is no object"
    command, patch = proof.get("command"), proof.get("patch") or ""
    if not isinstance(command, str) or not command.strip() or "\0" in command:
        return None, "its reproducer has no command"
    if not isinstance(patch, str) or len(patch) > _PATCH or len(command) > _COMMAND:
        return None, "its reproducer is too large or no text"
    return Reproducer(command.strip(), patch), ""


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in Claim.__dataclass_fields__}


def _text(value: object, most: int) -> str:
    return value.strip()[:most] if isinstance(value, str) else ""
