"""The message of the commit that a task becomes on the target.

Promises a subject of at most 72 characters, and that the message comes through
`git am` whole: no line in it looks like the start of a patch or of a mail. A task's
text may come from a model, so nothing in it can pass for one of wtman's trailers.
"""

import re
import textwrap
from collections.abc import Sequence

from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.plan import Identity
from wtman.model.session import Ended
from wtman.model.values import dataclass

_SUBJECT = 72
_BODY_LINES = 12
# What git mailinfo takes for the end of a message or for a header in the body, mbox
# readers for the next mail, and readers of trailers for one of ours.
_LOOKS_FOREIGN = re.compile(r"(?:---|\+\+\+ |@@ -|diff -|>*From |[A-Za-z0-9-]+: |\[PATCH\]\s)")
# A message that people wrote keeps its trailers; only what would break a mail is moved, and
# what `git apply` would take for a part of the patch, for it reads the message as well.
_BREAKS_MAIL = re.compile(r"(?:---|\+\+\+ |@@ -|diff -|>*From |Index: )")
_LEADS_MAIL = re.compile(r"(?:From|Subject|Date|In-Reply-To|Content-[\w-]+): |\[PATCH\]\s")
_MOST_SUBJECTS, _MOST_TEXT = 100, 64 * 1024


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """A message taken apart; a trailer may go on in further lines, which begin with a blank."""

    subject: str
    body: str
    trailers: tuple[str, ...]


def commit_text(state: State, task: TaskId, closes: str = "") -> str:
    """Subject, wrapped body and trailers; `closes` is the issue that is done with it."""
    view = state.tasks[task]
    if view.external and view.message:
        return view.message
    paragraphs = _paragraphs(view.task.prompt)
    title = _line(view.task.title) or (paragraphs[0] if paragraphs else str(task))
    subject = textwrap.shorten(title, _SUBJECT, placeholder=" ...") or title[:_SUBJECT]
    body = "" if not paragraphs or paragraphs[0] == subject else paragraphs[0]
    done = f"Closes {closes}" if closes else ""
    blocks = [subject, _wrapped(body) if body else "", done, _trailers(state, task)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def external_text(
    name: str, texts: Sequence[str], others: Sequence[Identity] = (), *, merged: bool = False
) -> str:
    """The message for a branch that wtman did not make, from the messages of its commits.

    A single commit keeps its own. Of several all is kept: subjects and bodies in order, then
    all their trailers as one block. `others` are named as authors; `merged`: the branch's
    commits stay, and this is the merge above them.
    """
    if len(texts) == 1 and not merged and texts[0].strip():
        return _for_mail(texts[0][:_MOST_TEXT])
    messages = list(dict.fromkeys(map(parsed, texts)))
    if merged:
        listed = _listed(messages, bodies=False)
        return "\n\n".join([f"Merge branch '{_line(name)}'", *listed]) + "\n"
    trailers = dict.fromkeys(line for message in messages for line in message.trailers)
    known = "\n".join(trailers).lower()
    for who in others:
        if f"<{_line(who.email).lower()}>" not in _authors(known):
            trailers[f"Co-authored-by: {_line(who.name)} <{_line(who.email)}>"] = None
    blocks = [_line(name), *_listed(messages), "\n".join(trailers)]
    return _for_mail("\n\n".join(block for block in blocks if block))


def _authors(trailers: str) -> str:
    """Of trailers in lower case those that name a co-author."""
    return "\n".join(line for line in trailers.split("\n") if line.startswith("co-authored-by:"))


def _listed(messages: Sequence[CommitMessage], bodies: bool = True) -> list[str]:
    """The messages as paragraphs: one list of subjects where none has a body."""
    shown = [message for message in messages if message.subject][:_MOST_SUBJECTS]
    more = len(messages) - _MOST_SUBJECTS
    left = _MOST_TEXT
    blocks: list[str] = []
    joins = False  # whether the next subject stands right below the one before
    for message in shown:
        line = f"* {message.subject}"
        if joins:
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
        body = message.body if bodies else ""
        joins = not body
        if body and left:
            blocks.append(body if len(body) <= left else f"{body[:left].rstrip()}\n[...]")
            left = max(left - len(body), 0)
    if more > 0:
        line = f"* and {more} more"
        blocks = [*blocks[:-1], f"{blocks[-1]}\n{line}"] if joins else [*blocks, line]
    return blocks


def _for_mail(text: str) -> str:
    """A commit's own message, with what would break the mail of its patch moved by a blank."""
    subject, *body = [line.rstrip() for line in text.strip().splitlines()]
    lines = [subject]
    leading = True
    for line in body:
        breaks = _BREAKS_MAIL.match(line) or (leading and _LEADS_MAIL.match(line))
        lines.append(f" {line}" if breaks else line)
        leading = leading and not line
    return "\n".join(lines) + "\n"


_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*[ \t]*:(?:\s|$)")
_BREAKING = re.compile(r"BREAKING CHANGE(?::| #)")
_PICKED = re.compile(r"\(cherry picked from commit ")
_SIGNED = re.compile(r"Signed-off-by[ \t]*:", re.IGNORECASE)


def parsed(text: str) -> CommitMessage:
    """Subject, body and trailers of a message, told apart as git does it.

    What stands among the trailers and is none for git ("BREAKING CHANGE: ...", a cherry-pick's
    note) is a paragraph of the body, so that the block of trailers stays one.
    """
    lines = [_printable(line).rstrip() for line in text.strip().splitlines()]
    rest = _last_paragraph(lines)
    subject = _line(lines[0]) if lines else ""
    last = lines[rest:]
    trailers, others = _told_apart(last)
    body = [*lines[1:rest], *([""] if others else []), *others]
    return CommitMessage(subject, re.sub(r"\n{3,}", "\n\n", "\n".join(body).strip("\n")), trailers)


def _last_paragraph(lines: Sequence[str]) -> int:
    """Where the last paragraph begins; the first one is none."""
    blanks = [number for number, line in enumerate(lines) if not line]
    return blanks[-1] + 1 if blanks else len(lines)


def _told_apart(block: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The trailers of a last paragraph, and its other lines; no trailers where it is prose."""
    trailers: list[str] = []
    others: list[str] = []
    into = others
    for line in block:
        if line[:1] in (" ", "\t") and into:
            into[-1] += f"\n{line}"
            continue
        into = trailers if _TRAILER.match(line) else others
        into.append(line)
    told = [line for line in others if _BREAKING.match(line) or _PICKED.match(line)]
    signed = any(_SIGNED.match(line) for line in trailers) or any(map(_PICKED.match, others))
    if len(told) == len(others) or (signed and 3 * len(trailers) >= len(others)):
        return tuple(trailers), others
    return (), list(block)


def _printable(line: str) -> str:
    plain = "".join(char if char.isprintable() or char == "\t" else " " for char in line)
    return plain.encode("utf-8", "replace").decode()


def _paragraphs(text: str) -> list[str]:
    return [line for part in text.split("\n\n") if (line := _line(part))]


def _line(text: str) -> str:
    """The text as one printable line."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.encode("utf-8", "replace").decode().split())


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(text, _SUBJECT, break_long_words=False, break_on_hyphens=False)
    if len(lines) > _BODY_LINES:
        lines = [*lines[: _BODY_LINES - 1], "[...]"]
    return "\n".join(f" {line}" if _LOOKS_FOREIGN.match(line) else line for line in lines)


def _trailers(state: State, task: TaskId) -> str:
    view = state.tasks[task]
    lines = [f"Wtman-Run: {state.run}", f"Wtman-Task: {task}"]
    done = [attempt for attempt in view.attempts if attempt.ended is Ended.OK]
    if done:
        lines.append(f"Wtman-Attempt: {done[-1].number}")
        agent = _line(done[-1].agent)
        if agent:
            lines.append(f"Assisted-by: {textwrap.shorten(agent, 120, placeholder=' ...')}")
    return "\n".join(lines)
