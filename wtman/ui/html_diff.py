"""A diff as HTML: a closed fold a file, its lines coloured. The text is foreign."""

from collections.abc import Iterator

from wtman.ui.markup import text

_LINES = 3000  # of one task; the whole is what `wtman diff` is for
_LONGEST = 1000  # characters of a line


def diff_view(diff: str) -> str:
    """The files of a diff; empty where there is none."""
    left = _LINES
    parts = []
    for head, body in _files(diff):
        shown = body[: max(left, 0)]
        left -= len(shown)
        added = sum(line.startswith("+") for line in body)
        removed = sum(line.startswith("-") for line in body)
        rows = "".join(map(_row, shown))
        if len(shown) < len(body):
            rows += f"<span class=h>… {len(body) - len(shown)} lines more: see wtman diff</span>"
        parts.append(
            f'<details class="file"><summary>{text(head, 400)} '
            f'<span class="good">+{added}</span> <span class="bad">-{removed}</span></summary>'
            f'<pre class="diff">{rows}</pre></details>'
        )
    return "".join(parts)


def _row(line: str) -> str:
    kind = {"+": "a", "-": "d", "@": "h"}.get(line[:1], "c")
    return f'<span class="{kind}">{text(line.expandtabs(4), _LONGEST) or " "}</span>'


def _files(diff: str) -> Iterator[tuple[str, list[str]]]:
    """The name and the lines from the first hunk on, of each file."""
    name, body, inside = "", list[str](), False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            if name:
                yield name, body
            name, body, inside = _name(line), [], False
        elif inside or line.startswith("@@"):
            inside = True
            body.append(line)
        elif line.startswith(("rename to ", "Binary files ", "GIT binary patch", "new file mode")):
            body.append(line)
    if name:
        if body and not body[-1]:
            body.pop()
        yield name, body


def _name(line: str) -> str:
    """`b/` of a `diff --git a/x b/x`."""
    rest = line.removeprefix("diff --git ")
    half = rest[len(rest) // 2 + 1 :]
    return half.removeprefix("b/") if rest == f"a/{half.removeprefix('b/')} {half}" else rest
