"""The agents that a user defines, `[agents.NAME]`: judged as a whole, whichever files they are
put together from."""

import re
from collections.abc import Collection, Iterator, Mapping
from posixpath import basename, normpath
from typing import Any

from wtman.errors import UsageError
from wtman.model.agent_definition import (
    PLACE,
    PLACES,
    READ_LIKE,
    AgentDefinition,
    is_agent_name,
)
from wtman.text.late_pattern import late
from wtman.text.words import did_you_mean, quoted

# What was meant as one and is none.
_UNCLOSED = late(rf"\{{\s*(?:{'|'.join(PLACES)})\b|\{{[A-Za-z_]\w*$|\b(?:{'|'.join(PLACES)})\s*\}}")
# An argument that has a place is that alone, or an option's value: in a text that a shell or an
# interpreter reads, a model's words would be code.
_WHOLE = late(r"(?:[\w.:/@%+-]+=)?\{[a-z_]+\}")
_INTERPRETERS = late(r"(?:ba|da|z|k|fi)?sh|python[\d.]*|node|ruby|perl|php|deno|bun")
_TEXTS = ("-c", "-lc", "-ic", "-e", "-p", "--eval", "-r")


def defined_agents(
    tables: Mapping[str, Mapping[str, Any]], files: Mapping[str, str], taken: Collection[str]
) -> dict[str, AgentDefinition]:
    """The definitions by name. `files` has where each key stands ("agents.mine.command"), `taken`
    the names of wtman's own. Raises UsageError for what cannot be one."""
    found: dict[str, AgentDefinition] = {}
    for name, table in tables.items():
        definition = AgentDefinition(**table)
        if problem := next(_problems(name, definition, taken, found), None):
            key, what, hint = problem
            place = f"agents.{name}.{key}" if key else f"agents.{name}"
            beside = (file for key, file in files.items() if key.startswith(f"agents.{name}."))
            file = files.get(place) or next(beside, "")
            raise UsageError(f"{file}: {place}: {what}".removeprefix(": "), hint=hint)
        found[name] = definition
    return found


def _problems(
    name: str, own: AgentDefinition, taken: Collection[str], others: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """The key, what is wrong with it, and what to do."""
    if not is_agent_name(name):
        yield "", f"{quoted(name)} cannot name an agent", "use letters, digits, - and _"
    alike = {one.lower(): one for one in (*others, *taken)}.get(name.lower(), "")
    if alike in taken:
        same = "" if alike == name else f", {quoted(alike)}"
        yield "", f"{quoted(name)} is an agent of wtman's own{same}", "choose another name"
    elif alike:
        yield (
            "",
            f"{quoted(name)} differs from {quoted(alike)} in case alone",
            "choose another name",
        )
    if not own.command:
        yield "command", "it is missing", 'say what runs it: command = ["mine", "{prompt_file}"]'
        return
    if PLACE.search(own.command[0]) or own.command[0].startswith("-"):
        yield "command", "the first word is the program", "name a program on PATH"
    for key in ("command", "model", "resume", "system", "read_only"):
        words: tuple[str, ...] = getattr(own, key)
        yield from ((key, what, hint) for what, hint in _misplaced(key, words))
    if own.resume and own.stream not in READ_LIKE:
        known_as = " or ".join(f'"{one}"' for one in READ_LIKE)
        yield (
            "resume",
            f"a stream of {quoted(own.stream)} tells no conversation to go on with",
            f"leave `resume` away, or use stream = {known_as}",
        )
    if own.resume and "{session}" not in " ".join(own.resume):
        yield "resume", "it does not say which conversation", 'resume = ["--resume={session}"]'
    yield from (("provider", what, hint) for what, hint in _unpriced(own))
    for text in own.sign_in:
        if text.startswith("~/"):
            path = text[2:]
            if normpath(path) != path or path.startswith(("/", "../")) or path in (".", ".."):
                yield "sign_in", f"{quoted(text)} is no file below HOME", "write it plainly"
        elif not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text):
            yield (
                "sign_in",
                f"{quoted(text)} is neither a variable nor a file of HOME",
                'say sign_in = ["MINE_API_KEY", "~/.config/mine/auth.json"]',
            )


def _unpriced(own: AgentDefinition) -> Iterator[tuple[str, str]]:
    """Why its tokens cannot be priced by the list that it names."""
    if not own.provider:
        return
    if own.stream not in READ_LIKE:
        streams = " or ".join(f'"{one}"' for one in READ_LIKE)
        yield (
            f"a stream of {quoted(own.stream)} tells no tokens that could be priced",
            f"leave `provider` away, or use stream = {streams}",
        )
        return
    from wtman.prices import providers  # a while: for those alone who name one

    if own.provider not in (known := providers()):
        yield (
            f"there is no price list of {quoted(own.provider)}{did_you_mean(own.provider, known)}",
            f"there are lists of {', '.join(known)}; without `provider` its money is unknown",
        )


def _misplaced(key: str, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What is wrong with the places in a list of words."""
    allowed = PLACES if key == "command" else tuple(name for name in PLACES if name != "options")
    for number, word in enumerate(words):
        names = [name for _, name in PLACE.findall(word) if name]
        if stray := _UNCLOSED.search(PLACE.sub("", word)):
            yield (
                f"in {quoted(word)} {quoted(stray[0])} is no place",
                f"a place is a name in braces, such as {{{allowed[0]}}}",
            )
        for name in names:
            if name not in allowed:
                near = did_you_mean(name, allowed)
                yield (
                    f"there is no place {{{name}}}{near}",
                    f"places: {', '.join(f'{{{one}}}' for one in allowed)}; "
                    f"the word itself: {{{{{name}}}}}",
                )
        if not names:
            continue
        read = number and words[number - 1] in _TEXTS
        interpreted = any(_INTERPRETERS.fullmatch(basename(one)) for one in words[:number])
        if not _WHOLE.fullmatch(word) or (read and interpreted):
            yield (
                f"in {quoted(word)} what is put in could run as code",
                "a place is a whole argument, or the value of an option (--file={prompt_file}); "
                "a script finds the prompt in the file $WTMAN_PROMPT_FILE",
            )
        if word == "{options}" and words.count(word) > 1:
            yield "{options} stands twice", "leave one"
