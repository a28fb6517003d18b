"""The message of the commit that a task becomes on the target.

Promises a subject of at most 72 characters, and that the message comes through
`git am` whole: no line in it looks like the start of a patch or of a mail. A task's
text may come from a model, so nothing in it can pass for one of wtman's trailers.
"""

import re
import textwrap

from wtman.core.model import Ended, TaskId
from wtman.core.state import State

_SUBJECT = 72
_BODY_LINES = 12
# What git mailinfo takes for the end of a message or for a header in the body, mbox
# readers for the next mail, and readers of trailers for one of ours.
_LOOKS_FOREIGN = re.compile(r"(?:---|diff -|>*From |[A-Za-z0-9-]+: )")


def commit_text(state: State, task: TaskId) -> str:
    """Subject, wrapped body and trailers."""
    view = state.tasks[task]
    paragraphs = _paragraphs(view.task.prompt)
    title = _line(view.task.title) or (paragraphs[0] if paragraphs else str(task))
    subject = textwrap.shorten(title, _SUBJECT, placeholder=" ...") or title[:_SUBJECT]
    body = "" if not paragraphs or paragraphs[0] == subject else paragraphs[0]
    blocks = [subject, *([_wrapped(body)] if body else []), _trailers(state, task)]
    return "\n\n".join(blocks) + "\n"


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
