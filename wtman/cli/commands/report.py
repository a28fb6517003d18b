"""`wtman report`."""

import json
import os
import sys
from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.coordinator.home import a_run
from wtman.model.states import SCHEMA


def report(
    ctx: typer.Context,
    run: options.Run = "",
    html: Annotated[
        str, typer.Option("--html", metavar="FILE", help="Write it as one HTML file.")
    ] = "",
    browse: Annotated[bool, typer.Option("--open", help="Show the HTML in a browser.")] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """The one coordinated report: what was done, checked, landed, and what was not."""
    from wtman.ui.report import report as text

    with target.journal(ctx, directory) as home:
        state = home.state(a_run(home, run))
        if html or browse:
            from wtman.cli.commands.report_page import write_page

            write_page(home, state, os.path.join(os.getcwd(), html) if html else "", browse)
        elif as_json:
            print(json.dumps({"schema": SCHEMA, "run": state.run, "markdown": text(state)}))
        else:
            sys.stdout.write(text(state))
    return 0
