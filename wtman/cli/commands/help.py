"""`wtman help`."""

import os
import shutil
import sys
from typing import Annotated, Any

import typer

from wtman.cli import target, terminal
from wtman.errors import UsageError
from wtman.text.words import did_you_mean, quoted
from wtman.ui.manual_page import painted, subject

_PAGES = os.path.join(os.path.dirname(target.__file__), "..", "manual")
_NOT_STARTED = (126, 127)  # what a shell ends with where it cannot start a program


def help(
    ctx: typer.Context,
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", show_default=False, help="A topic or a command.")
    ] = "",
) -> int:
    """Show a page of the manual, or list its topics.

    For the name of a command, show its --help page. A terminal is shown a page through
    $PAGER, or less; a pipe gets plain Markdown.
    """
    topics = sorted(name.removesuffix(".md") for name in os.listdir(_PAGES))
    if not topic:
        width = max(map(len, topics))
        print("Topics:")
        for name in topics:
            print(f"  {name:<{width}}  {subject(_page(name))}")
        print("\nShow one: wtman help TOPIC, or wtman help COMMAND")
        return 0
    options = _options(ctx, topic)
    if topic not in topics and not options:
        near = did_you_mean(topic, [*topics, *_commands(ctx).list_commands(ctx)])
        raise UsageError(
            f"there is no help topic {quoted(topic)}{near}", hint="list the topics: wtman help"
        )
    if topic not in topics:
        _show(options)
        return 0
    page = _page(topic)
    if options:
        page += f"\n## The command\n\n```text\n{options}```\n"
    _show(painted(page) if terminal.colour() else page)
    return 0


def _page(topic: str) -> str:
    with open(os.path.join(_PAGES, f"{topic}.md"), encoding="utf-8") as page:
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


def _show(text: str) -> None:
    """Print it; in a terminal through the user's pager, as git does."""
    pager = os.environ.get("PAGER", "less" if shutil.which("less") else "")
    if terminal.on_terminal() and pager not in ("", "cat"):
        from wtman.execution.spawn import run_in_terminal

        # As git sets it up: a short page stays on the screen, colours are kept.
        settings = {"LESS": "FRX", "LV": "-c", **os.environ}
        if run_in_terminal(("sh", "-c", pager), text, settings) not in _NOT_STARTED:
            return
    sys.stdout.write(text)
