"""`--issue N`: an issue as the request, fetched by `gh`.

Its words are foreign text: they become a prompt, never an option or a command; they are bounded,
and without controls.
"""

import json
import os
import re
import shutil
from typing import Any

from wtman.errors import ExternalError, MissingError, UsageError
from wtman.execution.spawn import answer_of
from wtman.git.discovery import Repository
from wtman.git.publish import repository_of
from wtman.model.plan import Issue
from wtman.text.terminal import clean, count
from wtman.text.words import quoted

_NUMBER = re.compile(r"#?([1-9][0-9]{0,9})")
_ADDRESS = re.compile(r"https:/{2}[\w.:-]+/([\w.-]+/[\w.-]+)/issues/([1-9][0-9]{0,9})(?:[#?].*)?")
_FIELDS = "number,title,body,comments,url"
_TITLE, _BODY, _COMMENTS = 200, 20_000, 20_000  # characters
_PATIENCE = 60.0  # seconds


def with_issue(repo: Repository, issue: str, request: str) -> tuple[str, Issue | None]:
    """The request with that of the issue behind it, and the issue; without one the request.

    Raises UsageError for what names no issue, MissingError without `gh` or a sign-in.
    """
    if not issue:
        return request, None
    number, address = _NUMBER.fullmatch(issue.strip()), _ADDRESS.fullmatch(issue.strip())
    if number is None and address is None:
        raise UsageError(
            f"--issue: expected a number or the address of an issue, got {quoted(issue)}",
            hint="for example --issue 7, or the address of its page",
        )
    told = _viewed(repo, number[1] if number else issue.strip())
    named = number or address
    assert named is not None
    url = clean(str(told.get("url") or (issue if address else "")), 300)
    reference = f"#{named[named.lastindex or 1]}"
    if address is not None and address[1].lower() != repository_of(repo).lower():
        reference = address[1] + reference
    text = _text(told, reference)
    return (f"{request}\n\n{text}" if request else text), Issue(url, reference)


def program(option: str) -> str:
    """Where `gh` is, for an option that needs it."""
    found = shutil.which("gh", path=os.environ.get("PATH"))
    if found is None:
        raise MissingError(
            f"{option} needs the program gh, which was not found on PATH",
            hint="install gh, the program of GitHub",
            code="gh",
        )
    return os.path.abspath(found)


def _viewed(repo: Repository, name: str) -> dict[str, Any]:
    argv = (program("--issue"), "issue", "view", name, "--json", _FIELDS)
    status, out, err = answer_of(argv, repo.toplevel or repo.common_dir, timeout=_PATIENCE)
    if status:
        raise refusal(f"gh cannot show issue {name}", argv, status, err)
    try:
        told = json.loads(out)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not str(told.get("title") or "").strip():
        raise ExternalError(
            f"gh issue view {name} gave no issue that wtman can read",
            argv=argv,
            hint=f"see what it says: gh issue view {name} --json {_FIELDS}",
        )
    return told


def refusal(what: str, argv: tuple[str, ...], status: int, err: str) -> MissingError:
    """The error of a `gh` that could not: whether it is not signed in, or why else."""
    said = next((line for line in reversed(err.splitlines()) if line.strip()), "")
    # gh ends with 4 where it is not signed in.
    if status == 4 or "gh auth login" in err:
        return MissingError(f"{what}: gh is not signed in", hint="gh auth login", code="gh")
    words = " ".join(argv[1:3])
    return MissingError(
        f"{what}: {clean(said, 300) or f'gh {words} ended with status {status}'}",
        hint="see that this works here: gh repo view",
        code="gh",
    )


def _text(told: dict[str, Any], reference: str) -> str:
    """Title, body and comments, as a text of many lines."""
    title = clean(str(told["title"]), _TITLE)
    parts = [title, _lines(told.get("body"), _BODY)]
    said = told.get("comments")
    comments = [_comment(item) for item in said if isinstance(item, dict)] if said else []
    comments = [text for text in comments if text]
    kept: list[str] = []
    left = _COMMENTS
    for text in reversed(comments):  # the newest count most
        if len(text) > left:
            break
        kept.insert(0, text)
        left -= len(text)
    if kept:
        parts.append(f"Comments on issue {reference}:")
        if missing := len(comments) - len(kept):
            parts.append(f"({count(missing, 'earlier comment')} not shown)")
        parts += kept
    return "\n\n".join(part for part in parts if part)


def _comment(item: dict[str, Any]) -> str:
    author = item.get("author")
    name = author.get("login") if isinstance(author, dict) else ""
    text = _lines(item.get("body"), _COMMENTS // 4)
    return f"{clean(str(name or 'somebody'), 60)}: {text}" if text else ""


def _lines(text: object, most: int) -> str:
    """A text with its lines and without controls, at most so many characters."""
    lines = (clean(line).rstrip() for line in str(text or "").splitlines())
    whole = "\n".join(lines).strip()
    return whole if len(whole) <= most else f"{whole[:most].rstrip()}\n(cut: the rest is not shown)"
