"""The report as one HTML file: nothing is loaded from anywhere, nothing in it runs.

Promises that no word of an agent, a repository or a request becomes markup. Says the same as
the Markdown report, and shows the timeline, prompts and diffs too. By hand and without a
template language: the pieces are few, and each is escaped where it is made.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files

from wtman.coordinator.outcome import next_command, preparation, shortfall
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.tasks.lifecycle import standings
from wtman.ui.document import Card, Facts, Line, Table, Verbatim, Words, spans
from wtman.ui.html_diff import diff_view
from wtman.ui.markup import lines, text
from wtman.ui.report import about, figures_of, sections
from wtman.ui.timeline import timeline

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_NUMBER = ' class="n"'


def page(state: State, diffs: Mapping[TaskId, str], now: float, live: bool = False) -> str:
    """The whole page. `diffs` are what `git diff` says of each task, as text."""
    known = standings(state)
    style = (files("wtman.ui") / "report.css").read_text(encoding="utf-8")
    title = text(state.request, 500) or text(state.run)
    below = {
        f"task-{task}": _prompt(view.task.prompt) + diff_view(diffs.get(task, ""))
        for task, view in state.tasks.items()
    }
    parts = [
        _section(item.name, item.title, "".join(_block(block, below) for block in item.blocks))
        for item in sections(state, known)
    ]
    parts.insert(4, _section("timeline", "Timeline", timeline(state, now)))
    figures = "".join(
        f"<li><b>{text(value)}</b><span>{text(name)}</span></li>"
        for name, value in figures_of(state)
    )
    first = f"{mend}, then: " if (mend := preparation(state, live, known)) else ""
    trouble = "".join(f'<p class="card bad">{text(item)}</p>' for item in shortfall(state))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" '
        f'content="light dark"><title>{title} - wtman</title><style>{style}</style></head>'
        f"<body><main><header><h1>{title}</h1><p>{_said(about(state, known))}</p>{trouble}"
        f'<ul class="facts">{figures}</ul><p class="soft">next: '
        f"{text(first)}<code>{text(next_command(state, live, known))}</code></p></header>"
        f"{''.join(parts)}</main></body></html>\n"
    )


def _section(name: str, title: str, body: str) -> str:
    """A part of the page; nothing where there is nothing in it."""
    return f'<section id="{name}"><h2>{title}</h2>{body}</section>' if body else ""


def _block(block: Facts | Table | Verbatim | Card, below: Mapping[str, str]) -> str:
    """A block; `below` is what the page shows under a card, by the card's name."""
    match block:
        case Facts():
            items = "".join(f"<li>{_said(item)}</li>" for item in block.lines)
            return f"<ul>{items}</ul>" if items else ""
        case Table():
            head = _row(block, 'th scope="col"', map(text, block.head))
            rows = "".join(_row(block, "td", map(_said, row)) for row in block.rows)
            return (
                f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
            )
        case Verbatim(runs=True):
            return f'<p class="soft">Reproduce:</p><pre class="run">{text(block.text, 8000)}</pre>'
        case Verbatim() if block.telling:
            return _output(block)
        case Verbatim():
            return f"<pre>{lines(block.text, 40)}</pre>"
        case Card():
            name = f' id="{text(block.name)}"' if block.name else ""
            body = "".join(_block(inner, below) for inner in block.blocks)
            return (
                f'<div class="card {block.kind}"{name}><h3>{_said(block.title)}</h3>{body}'
                f"{below.get(block.name, '')}</div>"
            )


def _output(block: Verbatim) -> str:
    """The telling lines of an output, with the rest folded below them."""
    shown = f'<pre class="telling">{lines(chr(10).join(block.telling))}</pre>'
    if block.folds:
        shown += f"<details><summary>Output</summary><pre>{lines(block.text)}</pre></details>"
    if block.shown:
        shown += f'<p class="soft">All of it: <code>{text(block.shown)}</code></p>'
    return shown


def _row(of: Table, tag: str, cells: Iterable[str]) -> str:
    numbers = len(of.head) - of.numbers
    made = (
        f"<{tag}{_NUMBER if at >= numbers else ''}>{cell}</{tag[:2]}>"
        for at, cell in enumerate(cells)
    )
    return f"<tr>{''.join(made)}</tr>"


def _said(item: Line) -> str:
    return "".join(map(_words, item))


def _words(words: Words) -> str:
    if words.to:
        return f'<a href="#{text(words.to)}">{text(words.text)}</a>'
    match words.style:
        case "":
            return "".join(
                f"<code>{text(part.text)}</code>" if part.style else text(part.text)
                for part in spans(words.text)
            )
        case "code":
            return f"<code>{text(words.text)}</code>"
        case "badge":
            return f'<span class="badge {words.kind}">{text(words.text)}</span>'
        case style:
            return f'<span class="{style}">{text(words.text)}</span>'


def _prompt(prompt: str) -> str:
    if not prompt:
        return ""
    return f"<details><summary>Prompt</summary><pre>{lines(prompt)}</pre></details>"
