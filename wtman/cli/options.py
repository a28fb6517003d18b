"""Options of nearly every command. What configures a run is in `run_options`."""

from typing import Annotated, Any

import typer

Directory = Annotated[str, typer.Option("-C", metavar="DIR", help="Run as if started in DIR.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _run(default: str) -> Any:
    told = f"The run; default: {default}."
    return typer.Argument(metavar="RUN", show_default=False, help=told)


Run = Annotated[str, _run("the newest unfinished one")]
ReadyRun = Annotated[str, _run("the newest that is ready")]
FinishedRun = Annotated[str, _run("all finished ones")]
Task = Annotated[str, typer.Argument(metavar="TASK", help="`id` or `RUN/id`.")]
