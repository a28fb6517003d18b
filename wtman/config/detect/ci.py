"""The commands that a repository's own CI runs: the best evidence of how it is tested."""

import re
from collections.abc import Iterable, Iterator, Mapping

_FILE = re.compile(r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml|\.travis\.ya?ml")
_KEY = re.compile(r"^(\s*)(?:- )?(?:run|script|before_script)\s*:\s*(.*)$")
_ITEM = re.compile(r"^\s*-\s+(?![\w-]+:(?:\s|$))(.*)$")
_LEADS = re.compile(
    r"^(?:(?:sudo|time|xvfb-run(?: -\S+)*|env|pipx run|uvx)\s+|[A-Z_][A-Z0-9_]*=\S*\s+)+"
)


def is_ci(path: str) -> bool:
    """Whether it is a file of a CI whose commands are read."""
    return _FILE.fullmatch(path) is not None


def commands(texts: Mapping[str, str]) -> tuple[str, ...]:
    """The commands of all CI files, without what a matrix fills in, in their order."""
    found = (
        command
        for path in sorted(texts)
        if is_ci(path)
        for command in _of_file(texts[path].splitlines())
    )
    return tuple(dict.fromkeys(found))


def _of_file(lines: Iterable[str]) -> Iterator[str]:
    """Commands below `run:` and `script:`. What CI files say else is no concern of ours, so
    their YAML is not parsed, but read by its indentation."""
    depth = -1
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if found := _KEY.match(line):
            depth = len(found[1])
            if found[2].strip() not in ("", "|", ">", "|-", ">-"):
                yield from _plain(found[2])
            continue
        if depth >= 0 and indent <= depth and not (indent == depth and _ITEM.match(line)):
            depth = -1
        if depth >= 0:
            item = _ITEM.match(line)
            yield from _plain(item[1] if item else line)


def _plain(text: str) -> Iterator[str]:
    """Simple commands of a line."""
    text = text.strip().strip("'\"")
    for part in re.split(r"\s*(?:&&|;)\s*", text):
        part = _LEADS.sub("", part.strip())
        if part and "${{" not in part and not re.search(r"[|<>`$\\]", part):
            yield part
