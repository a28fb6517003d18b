"""Where in a command the typed word stands, and what fits there."""

from collections.abc import Sequence
from typing import Any

from wtman.cli.catalog import COMMANDS
from wtman.cli.command import LISTS
from wtman.cli.completion.offer import Choice, Offer
from wtman.cli.completion.values import TypedSoFar, values


def offer(root: Any, before: Sequence[str], typed: str) -> Offer:
    """What fits for `typed` behind the words `before`; `root` is the command of wtman."""
    words, folder = list(before), ""
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "-C":
            if not words:
                return Offer(else_="dirs")
            folder = words.pop(0)
    if not words:
        if typed.startswith("-"):
            return Offer(_options(root, before))
        return Offer(tuple(Choice(name, text) for name, text in COMMANDS.items()))
    name, *words = words
    command = root.get_command(None, name) if name in COMMANDS else None
    return Offer() if command is None else _of_command(command, name, words, typed, folder)


def _of_command(command: Any, name: str, words: Sequence[str], typed: str, folder: str) -> Offer:
    by_name = {opt: param for param in command.params for opt in param.opts if opt[:1] == "-"}
    given: list[str] = []  # what stands for the arguments
    open_option, listed = "", ""
    plain = False
    for at, word in enumerate(words):
        if open_option:
            folder = word if open_option == "-C" else folder
            open_option = ""
        elif plain or not word.startswith("-") or word == "-":
            if not listed:
                given.append(word)
        elif word == "--":
            plain, listed = True, ""
        else:
            head, equals, _ = word.partition("=")
            listed = head if head in LISTS else ""
            if head in by_name and not by_name[head].is_flag and not equals:
                open_option = head
                if listed and at + 1 < len(words):
                    open_option = ""
    place = TypedSoFar(name, tuple(given), folder)
    if open_option:
        return values(place, open_option, by_name[open_option].metavar or "", typed)
    head, equals, rest = typed.partition("=")
    if not plain and typed.startswith("-"):
        if equals and head in by_name:
            found = values(place, head, by_name[head].metavar or "", rest)
            made = (Choice(f"{head}={it.word}", it.about, it.goes_on) for it in found.candidates)
            return Offer(tuple(made))
        return Offer(_options(command, words))
    if listed:
        return values(place, listed, by_name[listed].metavar or "", typed)
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    if not arguments or (len(given) >= len(arguments) and arguments[-1].nargs == 1):
        return Offer()
    param = arguments[min(len(given), len(arguments) - 1)]
    return values(place, "", param.metavar or "", typed)


def _options(command: Any, words: Sequence[str]) -> tuple[Choice, ...]:
    """The options that may still be given, by their long names."""
    found = []
    for param in (*command.params, *_help_of(command)):
        if param.param_type_name != "option" or param.hidden:
            continue
        again = getattr(param, "multiple", False)
        if again or not set(param.opts) & set(words):
            found.append(Choice(max(param.opts, key=len), param.help or ""))
    return tuple(found)


def _help_of(command: Any) -> list[Any]:
    import types

    if any("--help" in param.opts for param in command.params):
        return []
    return [
        types.SimpleNamespace(
            param_type_name="option", hidden=False, opts=["--help"], help="Show its help."
        )
    ]
