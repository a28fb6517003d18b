"""`wtman trust`: the repository's own commands, shown and approved by their text."""

import json
import os
from typing import Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.errors import MissingError
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean as cleaned
from wtman.text.terminal import count


def trust(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve without asking.")] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Approve the commands in this repository's configuration, by their exact text.

    Agents in its role files that are programs, and filters of its git configuration
    (`filter.NAME.clean` and the like), are commands too. So are the flows of .wtman/flows/.
    """
    from wtman.config import load, repository_commands
    from wtman.config.roles import load_roles
    from wtman.config.trust import approve, approved
    from wtman.coordinator.start.flow import repository_flows
    from wtman.git.config import entries, filter_texts

    repo = target.repository(ctx, directory)
    texts = (
        *repository_commands(load(repo.toplevel, os.environ, {}, None)),
        *load_roles(repo.toplevel).agent_commands().values(),
        *filter_texts(entries(repo.git_dir)),
        *repository_flows(repo),
    )
    missing = approved(texts, os.environ, repo.common_dir)
    if missing and not as_json:
        print("commands of this repository:")
        print("\n".join(f"    {cleaned(text)}" for text in missing))
    if missing and not yes:
        answer = None if as_json else terminal.ask("Approve?")
        if answer is None:
            raise MissingError(
                f"{count(len(missing), 'command')} not approved: confirmation needs a terminal",
                hint="read them, then: wtman trust --yes",
                code="approval",
            )
        if not answer:
            return 3
    approve(missing, os.environ, repo.common_dir)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "approved": list(texts)}, ensure_ascii=True))
    elif missing:
        print(f"{count(len(missing), 'command')} approved")
    else:
        print("nothing to approve")
    return 0
