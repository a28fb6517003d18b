"""The tools that a model is given: files of the folder, and a shell.

The file tools are the SDK's: confined to the folder, through links too. They cannot
touch `.git`, because what is in there runs on the user's machine later. A session that
is read-only has no tool that writes, whatever its role names; the shell is then given
only where the role asks for it.
"""

from pathlib import Path
from typing import Any

from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import (
    AgentToolContext,
    beta_edit_tool,
    beta_glob_tool,
    beta_grep_tool,
    beta_read_tool,
    beta_write_tool,
)

from wtman.apiagent.shell import LIMIT, MOST, Shell
from wtman.apiagent.transcript import tool_result

MOST_RESULT = 100_000  # characters of one result

# As roles name them, for Claude Code.
NAMES = {
    "read": "read",
    "notebookread": "read",
    "write": "write",
    "edit": "edit",
    "multiedit": "edit",
    "notebookedit": "edit",
    "glob": "glob",
    "ls": "glob",
    "grep": "grep",
    "bash": "bash",
}
WRITING = {"write", "edit"}

TEXTS = {
    "read": "Read a text file, or an image or PDF. `view_range` is [first, last], counted from 1; "
    "needed for files above 256 KiB.",
    "write": "Write a whole file; folders on the way are made.",
    "edit": "Replace `old_string`, which must occur exactly once unless `replace_all`, in a file.",
    "glob": "List the files that match a pattern such as `src/**/*.py`, newest first.",
    "grep": "Search the contents of files for a regular expression; `path` narrows it.",
}
_SCHEMA = ("type", "properties", "required")  # the SDK's descriptions speak of another product
BASH = {
    "name": "bash",
    "description": "Run a command in a shell that keeps its folder and variables between calls. "
    "Stdin is empty. Output and errors come together; of much output the middle is left out. "
    f"After `timeout_seconds` (default {LIMIT:g}) the command and the shell are killed. "
    "`restart` gives a new shell.",
    "input_schema": {
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "timeout_seconds": {"type": "number"},
            "restart": {"type": "boolean"},
        },
    },
}


def chosen(tools: tuple[str, ...], read_only: bool) -> tuple[str, ...]:
    """The tools of a session, by the names in a role (`Bash(git log:*)` is Bash)."""
    named = {NAMES.get(name.partition("(")[0].strip().lower(), "") for name in tools}
    wanted = named if tools else {*TEXTS, *(() if read_only else ("bash",))}
    order = ("bash", *TEXTS)
    return tuple(x for x in order if x in wanted and not (read_only and x in WRITING))


class Tools:
    """Runs calls of tools in `cwd`."""

    def __init__(self, cwd: str, names: tuple[str, ...], environ: dict[str, str]) -> None:
        context = AgentToolContext(
            workdir=cwd, env=environ, read_only_roots=[Path(cwd).resolve() / ".git"]
        )
        made = (beta_read_tool, beta_write_tool, beta_edit_tool, beta_glob_tool, beta_grep_tool)
        every = {tool.name: tool for tool in (make(context) for make in made)}
        self.names = names
        self._files = {name: every[name] for name in names if name in every}
        self._shell = Shell(cwd, environ)

    def definitions(self) -> list[dict[str, Any]]:
        """For the request: always in the same order, so that the cache is hit."""
        found: list[dict[str, Any]] = [BASH] if "bash" in self.names else []
        for name, tool in self._files.items():
            whole: dict[str, Any] = {**tool.to_dict()}
            schema = {k: v for k, v in whole["input_schema"].items() if k in _SCHEMA}
            found.append({"name": name, "description": TEXTS[name], "input_schema": schema})
        return found

    async def call(self, block: dict[str, Any]) -> dict[str, Any]:
        """The `tool_result` for a `tool_use`; what goes wrong is told to the model."""
        name, given = str(block.get("name")), block.get("input")
        failed = False
        content: Any
        try:
            if not isinstance(given, dict):
                raise ToolError(f"{name}: the input is no object")
            if name == "bash" and name in self.names:
                content = await self._bash(given)
            elif name in self._files:
                content = await self._files[name].call(given)
            else:
                raise ToolError(f"no tool {name!r}; there are: {', '.join(self.names) or 'none'}")
        except ToolError as error:
            content, failed = error.content, True
        except (ValueError, TypeError, OSError, RecursionError) as error:
            content, failed = f"{name}: {error}", True
        return tool_result(block, _fit(content), failed)

    async def _bash(self, given: dict[str, Any]) -> str:
        if given.get("restart"):
            await self._shell.close()
        command = given.get("command")
        if not command:
            if given.get("restart"):
                return "a new shell"
            raise ToolError("bash: `command` is missing")
        limit = min(max(float(given.get("timeout_seconds") or LIMIT), 1.0), MOST)
        ran = await self._shell.run(str(command), limit)
        if ran.code == 0:
            return ran.output
        note = ran.note or f"exit status {ran.code}"
        raise ToolError(f"{ran.output.rstrip()}\n[{note}]".lstrip("\n"))

    async def close(self) -> None:
        await self._shell.close()


def _fit(content: Any) -> Any:
    if not isinstance(content, str):
        return list(content)
    text = content.encode("utf-8", "replace").decode()
    return text if len(text) <= MOST_RESULT else text[:MOST_RESULT] + "\n[cut here]"
