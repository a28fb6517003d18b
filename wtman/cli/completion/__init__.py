"""What a shell offers for TAB: commands, options, and the values that fit here.

Each shell's script calls `wtman __complete SHELL WORD...`, the last word being the one that
is typed, and gets a line that says what else fits (`files`, `dirs` or `words`: nothing),
then a candidate a line, with what it is behind a tab. Promises silence: on any error, outside
of a repository or with a broken journal, there are no candidates, and the status is 0.
"""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from wtman.cli.completion.offer import Offer
from wtman.text.words import printable

_BREAKS = ":="  # bash completes what stands behind one of these


def complete(root: Any, args: Sequence[str]) -> int:
    """Print what fits for the shell `args[0]`; of bash the words are one: the line so far."""
    try:
        shell, *words = args
        if shell == "bash":
            words = _words_of(words[0])
        from wtman.cli.completion.place import offer

        *before, typed = words
        print("\n".join(_lines(shell, offer(root, before, typed), typed)))
    except Exception:
        return 0
    finally:
        sys.stdout.flush()
    return 0


def _words_of(line: str) -> list[str]:
    """The words behind `wtman` of a line of bash, the last one as far as it is typed."""
    for quote in ("", '"', "'"):
        try:
            words = shlex.split(line + quote)
        except ValueError:  # a quote that is open
            continue
        if line[-1:].isspace() and not quote:
            words.append("")
        named = [word.rpartition("/")[2] in ("wtman", "git-wtman") for word in words]
        return words[named.index(True) + 1 :]
    raise ValueError(line)


def _lines(shell: str, offer: Offer, typed: str) -> list[str]:
    fits = [item for item in offer.candidates if item.word.startswith(typed)]
    lines = [offer.else_]
    if shell == "bash":
        cut = max(typed.rfind(mark) for mark in _BREAKS) + 1
        return lines + [_quoted(item.word[cut:]) + " " * (not item.goes_on) for item in fits]
    return lines + [f"{item.word}\t{printable(item.about, 120)}".rstrip("\t") for item in fits]


def _quoted(word: str) -> str:
    """A name of a branch may hold what bash would run."""
    return word if all(it.isalnum() or it in "@%+=:,./-_" for it in word) else shlex.quote(word)
