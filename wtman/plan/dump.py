"""A plan as the TOML text that `plan.parse` reads back to an equal plan.

Meant to be read and edited: long texts as multi-line strings, nothing that is
at its default, lists on one line where they fit.
"""

from collections.abc import Iterable

from wtman.model.plan import Plan, Task

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_WIDTH = 100
_TEXT_KEYS = ("title", "prompt", "expect", "agent", "model", "effort", "role")
_LIST_KEYS = ("owns", "needs", "tools", "reads", "check")
_ORDER = ("title", "prompt", "owns", "needs", "expect", "agent", "model", "effort", "role")


def dump(plan: Plan) -> str:
    """The plan file of a plan."""
    lines = [f"request = {_text(plan.request)}"]
    if plan.context:
        lines.append(f"context = {_text(plan.context)}")
    if plan.check:
        lines.append(_list("check", plan.check))
    for task in plan.tasks:
        lines += ["", "[[task]]", *_task(task)]
    return "\n".join(lines) + "\n"


def _task(task: Task) -> Iterable[str]:
    yield f"id = {_text(task.id)}"
    for key in (*_ORDER, "tools", "reads", "check"):
        value = getattr(task, key)
        if key in _LIST_KEYS and value:
            yield _list(key, value)
        elif key in _TEXT_KEYS and (value or key == "prompt"):
            yield f"{key} = {_text(value)}"
    if task.timeout:
        whole = int(task.timeout)
        yield f"timeout = {whole if whole == task.timeout else repr(task.timeout)}"
    if task.may_be_empty:
        yield "may_be_empty = true"


def _list(key: str, texts: tuple[str, ...]) -> str:
    items = [_one_line(text) for text in texts]
    line = f"{key} = [{', '.join(items)}]"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{key} = [", *(f"    {item}," for item in items), "]"])


def _text(text: str) -> str:
    if "\n" not in text:
        return _one_line(text)
    if _may_be_literal(text.replace("\n", "")) and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    body = "".join(c if c == "\n" else _escaped(c, quote=False) for c in text)
    body = body.replace('"""', '""\\"')
    if body.endswith('"'):
        body = body[:-1] + '\\"'
    return f'"""\n{body}"""'


def _one_line(text: str) -> str:
    if ("\\" in text or '"' in text) and "'" not in text and _may_be_literal(text):
        return f"'{text}'"
    return '"' + "".join(_escaped(c, quote=True) for c in text) + '"'


def _may_be_literal(text: str) -> bool:
    return all(c == "\t" or (c >= " " and c != "\x7f") for c in text)


def _escaped(char: str, *, quote: bool) -> str:
    if char == '"' and not quote:
        return char
    if char in _SHORT:
        return _SHORT[char]
    return f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char
