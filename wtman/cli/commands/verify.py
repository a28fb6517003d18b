"""`wtman verify`."""

import os
from typing import Annotated

import typer

from wtman.cli import options, target


def verify(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder with manifest.json.")],
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Check a manifest and its patches against this repository."""
    from wtman.cli.land import run

    return run.verify(target.repository(ctx, directory), os.path.join(os.getcwd(), folder), as_json)
