"""The root of the commands for typer: `-C`, `-P`, `--version`, and what it says of itself."""

from typing import Annotated

import typer

from wtman.cli.catalog import ABOUT, ROOT_OPTIONS, USAGE
from wtman.cli.command import HELP, Commands

_DIRECTORY, _NO_PAGER, _VERSION, _ = ROOT_OPTIONS.values()


def _version(wanted: bool) -> None:
    if wanted:
        from wtman import __version__

        typer.echo(f"wtman {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Commands,
    context_settings=HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    options_metavar=USAGE[0],
    subcommand_metavar=USAGE[1],
)


@app.callback(help=ABOUT)
def _root(
    ctx: typer.Context,
    directory: Annotated[str, typer.Option("-C", metavar="DIR", help=_DIRECTORY)] = "",
    no_pager: Annotated[bool, typer.Option("-P", "--no-pager", help=_NO_PAGER)] = False,
    version: Annotated[
        bool, typer.Option("--version", help=_VERSION, callback=_version, is_eager=True)
    ] = False,
) -> None:
    ctx.obj = {**(ctx.obj or {}), "directory": directory, "pager": not no_pager}
