"""Options of nearly every command. What configures a run is in `run_options`."""

from typing import Annotated

import typer

Directory = Annotated[str, typer.Option("-C", metavar="DIR", help="Run as if started in DIR.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", show_default=False, help="The run; default: the newest unfinished one."
    ),
]
Task = Annotated[str, typer.Argument(metavar="TASK", help="`id` or `RUN/id`.")]
