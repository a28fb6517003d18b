"""`wtman trust`: the repository's own commands, shown and approved by their text."""

import json
import os
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.approvals import RepositoryApprovals
from wtman.errors import MissingError, UsageError
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean as cleaned
from wtman.text.terminal import columns, count, pad, paint
from wtman.text.words import exact

_WIDEST = 60  # columns of a command beside which its place is told


def trust(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Approve this command alone, for tools; repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve without asking.")] = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take back every approval for this repository.")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Approve the commands in this repository's configuration, by their exact text.

    Each is shown with what it is for and where it stands; what is new since the last approval has
    a +, what was approved and is no longer here a -. Agents in its role files that are programs,
    and filters of its git configuration (`filter.NAME.clean` and the like), are commands too. So
    are the flows of .wtman/flows/. With --command a text is approved that stands in no file, such
    as one that another agent has asked for (`wtman mcp`).
    """
    from wtman.config.trust import approve
    from wtman.config.trust import revoke as take_back
    from wtman.coordinator.approvals import approvals, given

    repo = target.repository(ctx, directory)
    if revoke:
        if yes or command:
            other = "--yes" if yes else "--command"
            raise UsageError(f"--revoke and {other}: only one of them", hint="wtman trust --revoke")
        number = take_back(os.environ, repo.common_dir)
        if as_json:
            print(json.dumps({"schema": SCHEMA, "revoked": number}))
        else:
            print(f"{count(number, 'approval')} taken back" if number else "nothing was approved")
        return 0
    found = given(command, repo, os.environ) if command else approvals(repo, os.environ)
    missing = found.missing
    if not as_json and (found.commands or found.unused):
        print("\n".join(_lines(found, terminal.colour())))
    if missing and not yes:
        answer = None if as_json else terminal.ask(f"\nApprove {count(len(missing), 'command')}?")
        if answer is None:
            error = MissingError(
                f"{count(len(missing), 'command')} not approved: confirmation needs a terminal",
                hint=f"read them, then: {_again(command or ())}",
                code="approval",
            )
            if not as_json:
                raise error
            told = {"code": error.code, "message": error.message, "hint": error.hint}
            print(json.dumps({**_json(found, False), "error": told}, ensure_ascii=True))
            return error.status
        if not answer:
            return 3
    approve(missing, os.environ, repo.common_dir)
    if as_json:
        print(json.dumps(_json(found, True), ensure_ascii=True))
    elif missing:
        print(f"{count(len(missing), 'command')} approved; wtman trust --revoke takes it back")
    else:
        print(
            "nothing to approve"
            + ("; wtman trust --revoke takes all back" if found.commands else "")
        )
    return 0


def _again(texts: Iterable[str]) -> str:
    """What approves the same without asking."""
    given = [word for text in texts for word in ("--command", text)]
    return shlex.join(["wtman", "trust", *given, "--yes"])


def _lines(found: RepositoryApprovals, colour: bool) -> list[str]:
    """What there is, new ones first to see."""
    lines = (
        ["commands of this repository (+ is not approved yet):"]
        if found.missing
        else ["commands of this repository, all approved:"]
        if found.commands
        else []
    )
    uses = max((columns(one.use) for one in found.commands), default=0)
    texts = [columns(exact(one.text)) for one in found.commands]
    wide = max((width for width in texts if width <= _WIDEST), default=0)
    for one in found.commands:
        mark = " " if one.approved else paint("+", "32", colour)
        place = f"{one.file}:{one.line}" if one.line else one.file
        text = exact(one.text)
        # A command is never cut: it is what is approved.
        beside = pad(text, wide) if columns(text) <= wide else text
        lines.append(f"{mark} {pad(one.use, uses)}  {beside}  {cleaned(place)}")
    if found.unused:
        lines.append("approved before, and not in these files now:")
        lines += [f"{paint('-', '31', colour)} {exact(text)}" for text in found.unused]
    return lines


def _json(found: RepositoryApprovals, given: bool) -> dict[str, Any]:
    """`approved` are all texts that may run now."""
    commands = [
        {**asdict(one), "approved": one.approved or given, "new": not one.approved}
        for one in found.commands
    ]
    texts = [one.text for one in found.commands if one.approved or given]
    return {
        "schema": SCHEMA,
        "approved": list(dict.fromkeys(texts)),
        "commands": commands,
        "unused": list(found.unused),
    }
