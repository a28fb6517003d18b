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


def commit_text(state: State, task: TaskId) -> str:
    """Subject, wrapped body and trailers."""
    view = state.tasks[task]
    if view.external and view.message:
        return view.message
    paragraphs = _paragraphs(view.task.prompt)
    title = _line(view.task.title) or (paragraphs[0] if paragraphs else str(task))
    subject = textwrap.shorten(title, _SUBJECT, placeholder=" ...") or title[:_SUBJECT]
    body = "" if not paragraphs or paragraphs[0] == subject else paragraphs[0]
    blocks = [subject, *([_wrapped(body)] if body else []), _trailers(state, task)]
    return "\n\n".join(blocks) + "\n"


def external_text(
    name: str, texts: Sequence[str], others: Sequence[Identity] = (), *, merged: bool = False
) -> str:
    """The message for a branch that wtman did not make, from the messages of its commits.

    A single commit keeps its own. `others` are named as its authors; `merged`: the
    branch's commits stay, and this is the merge above them.
    """
    if len(texts) == 1 and not merged and texts[0].strip():
        return _for_mail(texts[0][:_MOST_TEXT])
    subjects = [_line(text.strip().partition("\n")[0]) for text in texts]
    listed = [f"* {subject}" for subject in subjects if subject][:_MOST_SUBJECTS]
    if len(subjects) > _MOST_SUBJECTS:
        listed.append(f"* and {len(subjects) - _MOST_SUBJECTS} more")
    title = f"Merge branch '{_line(name)}'" if merged else _line(name)
    trailers = [f"Co-authored-by: {_line(who.name)} <{_line(who.email)}>" for who in others]
    blocks = [title, "\n".join(listed), "" if merged else "\n".join(trailers)]
    return "\n\n".join(block for block in blocks if block) + "\n"


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
