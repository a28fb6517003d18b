"""`wtman mcp`: serves this repository to other agents, over stdio."""

import os

import typer

from wtman.cli import options, target
from wtman.errors import MissingError


def mcp(ctx: typer.Context, directory: options.Directory = "") -> int:
    """Serve the commands of this repository as tools for other agents (MCP), over stdio.

    What needs a person stays with a person: commands in the arguments of a tool need an approval
    (`wtman trust`), a question is only shown, and a merge is only tried unless `mcp_merge = true`
    stands in your own configuration. It needs the extra `mcp`.
    """
    try:
        from wtman.mcp.server import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise MissingError(
            "serving tools needs the extra `mcp`", hint="pip install 'wtman[mcp]'", code="extra"
        ) from error
    from wtman.config import load
    from wtman.mcp.tools import ServedRepository

    try:
        repo = target.repository(ctx, directory)
    except MissingError as refusal:
        # A server that has ended tells its client nothing.
        refusal.hint = "your user starts the server in a repository: wtman mcp -C FOLDER"
        server(ServedRepository("", "", False), refusal).run()
        return 0
    loaded = load(repo.toplevel or repo.common_dir, os.environ, {}, None)
    may_land = bool(loaded.extra.get("mcp_merge"))
    folder = repo.toplevel or repo.common_dir
    server(ServedRepository(folder, repo.common_dir, may_land)).run()
    return 0
