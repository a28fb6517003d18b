"""The server: what wtman is for, and its tools."""

from typing import Any

from mcp.server.mcpserver import MCPServer

from wtman import __version__
from wtman.mcp.merge_tools import add_merge_tools
from wtman.mcp.run_tools import add_run_tools
from wtman.mcp.tools import ServedRepository
from wtman.mcp.view_tools import add_view_tools

INSTRUCTIONS = """\
wtman turns one request into many branches that coding agents build at the same time, each in a
git worktree of its own, checks and reviews them, and lands what is verified as one change.

Use it for work that falls into parts: a feature across modules, a port of many files, the same
change in many places. For one small change do it yourself.

The way through: `plan` shows the tasks and a forecast; `split` starts a run and waits for its
end; `status`, `logs` and `report` tell how it went; `merge` tries the merge, and lands it where
your user has allowed that. A run goes on without you: look again with `status`.

Commands that you name (checks, agents that are programs) need the approval of your user, and so
do the commands of the repository: the error says what your user has to type. Never work around
it. A question that a run waits with is for your user, too: `answer` shows it.
"""


def server(place: ServedRepository) -> MCPServer[Any]:
    """The tools for a repository."""
    made: MCPServer[Any] = MCPServer("wtman", instructions=INSTRUCTIONS, version=__version__)
    add_run_tools(made, place)
    add_view_tools(made, place)
    add_merge_tools(made, place)
    return made
