"""`wtman help`: the manual, and what it says of a word."""

import os
import sys
from typing import Annotated, Any

import typer

from wtman.cli import target, terminal
from wtman.cli.pager import paged
from wtman.errors import UsageError
from wtman.text.words import did_you_mean, quoted
from wtman.ui.manual_page import painted, subject

_PAGES = os.path.join(os.path.dirname(target.__file__), "..", "manual")
_SCHEMA = "-schema"  # a topic that is a file for programs


def help(
    ctx: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", show_default=False, help="A topic, a command, or a word to look for."
        ),
    ] = "",
) -> int:
    """Show a page of the manual, list its topics, or tell where a word is explained.

    For the name of a command, show its --help page. A terminal is shown a page through
    your pager ($GIT_PAGER, core.pager, $PAGER, less); a pipe gets plain Markdown.
    """
    with paged(ctx):
        if not topic:
            _list_topics()
        elif topic in schemas():
            sys.stdout.write(_read(f"{topic.removesuffix(_SCHEMA)}.schema.json"))
        elif page := _page(ctx, topic):
            sys.stdout.write(page)
        else:
            _search(ctx, topic)
    return 0


def topics() -> dict[str, str]:
    """Each topic of the manual with its subject."""
    names = sorted(name for name in os.listdir(_PAGES) if name.endswith(".md"))
    return {name.removesuffix(".md"): subject(_read(name)) for name in names}


def schemas() -> tuple[str, ...]:
    """The topics that are JSON schemas."""
    names = sorted(name for name in os.listdir(_PAGES) if name.endswith(".schema.json"))
    return tuple(name.removesuffix(".schema.json") + _SCHEMA for name in names)


def _list_topics() -> None:
    known = topics()
    width = max(map(len, known))
    print("Topics:")
    for name, about in known.items():
        print(f"  {name:<{width}}  {about}")
    print(f"\nJSON schemas (draft 2020-12): {', '.join(schemas())}")
    print("\nShow one: wtman help TOPIC, or wtman help COMMAND. Search: wtman help WORD")


def _page(ctx: typer.Context, topic: str) -> str:
    """The page of a topic or command, of both where it is both; empty where it is neither."""
    page, options = _read(f"{topic}.md") if topic in topics() else "", _options(ctx, topic)
    if page and options:
        page += f"\n## The command\n\n```text\n{options}```\n"
    elif not page:
        return options
    return painted(page) if terminal.colour() else page


def _search(ctx: typer.Context, words: str) -> None:
    from wtman.ui.manual_search import passages

    names = [*topics(), *schemas(), *_commands(ctx).list_commands(ctx)]
    near = did_you_mean(words, names)
    found = passages({name: _read(f"{name}.md") for name in topics()}, words)
    if not found:
        raise UsageError(
            f"there is no help topic {quoted(words)}, and no page has that word{near}",
            hint="list the topics: wtman help",
        )
    from wtman.text.terminal import fit, paint

    print(f"There is no topic {quoted(words)}{near or '.'} The manual has it here:")
    width, colour = terminal.width(), terminal.colour()
    for item in found:
        where, heading = f"wtman help {item.topic}", item.heading
        if item.topic == "commands" and heading.startswith("wtman "):
            where, heading = heading.replace(" ", " help "), "its options"
        print(f"\n  {paint(where, '1', colour)}  {fit(heading, width - len(where) - 4)}")
        if item.line:
            print(f"    {fit(item.line, width - 4)}")


def _read(name: str) -> str:
    with open(os.path.join(_PAGES, name), encoding="utf-8") as page:
        return page.read()


def _commands(ctx: typer.Context) -> Any:
    return ctx.find_root().command


def _options(ctx: typer.Context, name: str) -> str:
    """What `wtman NAME --help` prints; nothing where there is no such command."""
    command = _commands(ctx).get_command(ctx, name)
    if command is None:
        return ""
    text: str = command.get_help(type(ctx)(command, info_name=name, parent=ctx.find_root()))
    return text.rstrip() + "\n"
