"""When which session worked, as a picture in the page: one row a task, one bar an attempt."""

from collections.abc import Iterator

from wtman.journal.state import Attempt, State
from wtman.model.session import Ended
from wtman.text.terminal import clean, duration, fit
from wtman.ui.markup import text

_WIDTH, _LEFT, _ROW, _TOP = 960, 190, 22, 26
_KEY = (("good", "done"), ("bad", "failed, or refused by its checks"), ("warn", "interrupted"))
_MOST = 300  # rows


def timeline(state: State, now: float) -> str:
    """The picture with its key; empty where no session has started."""
    rows = [(task, view.attempts) for task, view in state.tasks.items() if view.attempts][:_MOST]
    if not rows:
        return ""
    begin = min(item.started for _, attempts in rows for item in attempts)
    end = max(_end(item, now) for _, attempts in rows for item in attempts)
    scale = (_WIDTH - _LEFT - 10) / max(end - begin, 0.1)
    height = _TOP + _ROW * len(rows) + 6
    parts = list(_axis(end - begin, scale, height))
    for at, (task, attempts) in enumerate(rows):
        y = _TOP + at * _ROW
        parts.append(f'<text x="0" y="{y + 14}">{text(fit(clean(task), 26))}</text>')
        parts += [_bar(item, y, begin, scale, now) for item in attempts]
    key = "".join(f'<span><i class="{kind}"></i>{word}</span>' for kind, word in _KEY)
    label = f"Timeline of the sessions of {len(rows)} tasks over {duration(end - begin)}"
    return (
        f'<div class="card"><div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{text(label)}" style="min-width:36rem">{"".join(parts)}</svg></div>'
        f'<div class="key">{key}</div></div>'
    )


def _end(item: Attempt, now: float) -> float:
    return item.finished or max(now, item.started)


def _bar(item: Attempt, y: int, begin: float, scale: float, now: float) -> str:
    x = _LEFT + (item.started - begin) * scale
    wide = max((_end(item, now) - item.started) * scale, 3)
    kind, word = _kind(item)
    said = f"attempt {item.number}: {word}, {duration(_end(item, now) - item.started)}"
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="14" rx="3">'
        f"<title>{text(said)}</title></rect>"
    )


def _kind(item: Attempt) -> tuple[str, str]:
    if item.ended is None:
        return "live", "running"
    if item.ended is Ended.INTERRUPTED:
        return "cut", "interrupted"
    if item.ended is Ended.FAILED:
        return "failed", "failed"
    return ("failed", "refused by its checks") if item.red else ("ok", "done")


def _axis(seconds: float, scale: float, height: int) -> Iterator[str]:
    steps = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    step = next((item for item in steps if seconds / item <= 6), steps[-1])
    at = 0.0
    while at <= seconds:
        x = _LEFT + at * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{height}"/>'
        yield f'<text class="axis" x="{x:.1f}" y="11">{duration(at)}</text>'
        at += step
