"""`wtman verify`."""

import json
import time
from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.cli.progress import Progress
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean


def verify(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder with manifest.json.")],
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Check a manifest and its patches against this repository."""
    from wtman.git.control_dir import prepare
    from wtman.merge.verify import verify as problems_of

    started = time.monotonic()
    place = target.path_of(folder)
    repo = target.repository(ctx, directory)
    with Progress("applying the patches again", quiet=as_json):
        problems = problems_of(prepare(repo), place)
    if as_json:
        told = {"schema": SCHEMA, "folder": place, "ok": not problems, "problems": list(problems)}
        print(json.dumps(told, ensure_ascii=True))
    elif problems:
        print("\n".join(f"! {clean(problem, 400)}" for problem in problems))
    else:
        spent = time.monotonic() - started
        print(f"the patches say what the manifest says ({spent:.1f} s)")
    return int(bool(problems))
