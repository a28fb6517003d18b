"""Role files, found: `.wtman/agents/`, `.claude/agents/`, the package; the first of a name wins.

A repository's own role file is a prompt that comes with the repository, as its sources do.
It gives no rights: what it says of tools and network can only narrow, and an `agent` in it
that is more than a name is a command, which needs approval. A file that leads out of the
repository is refused: its text would go to a model.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import field

from wtman.config.sources import read_regular
from wtman.errors import UsageError
from wtman.formats.front_matter import read, words
from wtman.model.agent_definition import is_agent_name
from wtman.model.plan import Role
from wtman.model.roles import READ_ONLY
from wtman.model.values import dataclass
from wtman.text.words import did_you_mean, printable, quoted

FOLDERS = (".wtman/agents", ".claude/agents")
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "roles")
_MOST_FILES = 500
_MOST_BYTES = 64 * 1024
_MOST_NAME = 64
_READING = ("Read", "Grep", "Glob")
_WRITING = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
_TOOLS_THAT_CHANGE = _WRITING | {"Bash"}
_NETWORKS = ("on", "off", "allow-list")
_INHERIT = "inherit"


@dataclass(frozen=True, slots=True)
class Roles:
    """`broken` says of files what keeps them from being used, by the name that they go by."""

    known: Mapping[str, Role]
    broken: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str, where: str = "") -> Role:
        """The role of this name; UsageError where there is none. `where` is who asks for it."""
        if name in self.broken:
            raise UsageError(f"{where}{self.broken[name]}")
        if name in self.known:
            return self.known[name]
        raise UsageError(
            f"{where}there is no role {quoted(name)}{did_you_mean(name, self.known)}",
            hint=f"known: {', '.join(sorted(self.known))}; "
            f"or write {FOLDERS[0]}/{printable(name, 64)}.md",
        )

    def own(self) -> tuple[str, ...]:
        """Names of the roles that the repository keeps for wtman."""
        place = f"{os.sep}{FOLDERS[0]}{os.sep}".replace("/", os.sep)
        return tuple(name for name, role in self.known.items() if place in role.source)

    def agent_commands(self) -> dict[str, str]:
        """Agents in files of the repository that are more than a name, by role."""
        return {
            name: role.agent
            for name, role in self.known.items()
            if role.agent and not role.source.startswith(_OURS) and not is_agent_name(role.agent)
        }


def load_roles(toplevel: str) -> Roles:
    """Every role that a repository checked out at `toplevel` can use ("": wtman's own)."""
    known: dict[str, Role] = {}
    broken: dict[str, str] = {}
    for stem, path, ours in _files(toplevel):
        try:
            role = role_from(_text(path, toplevel, ours), stem, path, ours=ours)
        except (ValueError, UsageError) as error:
            # Only whoever uses it is bothered: other tools keep their own files there.
            if stem not in known:
                broken.setdefault(stem, f"role file {printable(path, 300)}: {error}")
            continue
        if role.name not in broken:
            known.setdefault(role.name, role)
    return Roles(known, broken)


def _files(toplevel: str) -> Iterator[tuple[str, str, bool]]:
    places = [(os.path.join(toplevel, folder), False) for folder in FOLDERS if toplevel]
    for folder, ours in (*places, (_OURS, True)):
        try:
            names = sorted(os.listdir(folder))[:_MOST_FILES]
        except OSError:
            continue
        for name in names:
            if name.endswith(".md") and not name.startswith("."):
                yield name.removesuffix(".md"), os.path.join(folder, name), ours


def _text(path: str, toplevel: str, ours: bool) -> str:
    real = os.path.realpath(path)
    if not ours and os.path.commonpath((real, os.path.realpath(toplevel))) != os.path.realpath(
        toplevel
    ):
        raise ValueError("it leads out of the repository")
    data = read_regular(real)
    if data is None:
        raise ValueError("it does not exist")
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES >> 10} KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not valid UTF-8") from None


def role_from(text: str, stem: str, source: str, *, ours: bool) -> Role:
    """The role in a file called `stem`.md. Raises ValueError, as what is wrong with it.

    A file that came with a repository (not `ours`) may narrow the network and not widen it.
    """
    document = read(text)
    fields = document.fields
    name = fields.get("name", "") or stem
    if not name.isprintable() or not 0 < len(name) <= _MOST_NAME:
        raise ValueError("its name is not valid")
    if not document.body.strip():
        raise ValueError("it has no text below its front matter")
    network = fields.get("network", "").lower()
    if network and network not in _NETWORKS:
        raise ValueError(f"network is none of {', '.join(_NETWORKS)}")
    tools = words(fields.get("tools", ""))
    tools = () if tools == ("*",) else tools
    changing = not tools or any(_bare(tool) in _TOOLS_THAT_CHANGE for tool in tools)
    writes = changing and name not in READ_ONLY
    if name in READ_ONLY and tools:
        tools = tuple(tool for tool in tools if _bare(tool) not in _WRITING) or _READING
    return Role(
        name=name,
        text=document.body.strip(),
        description=fields.get("description", ""),
        tools=tools,
        writes=writes,
        model="" if fields.get("model", "") == _INHERIT else fields.get("model", ""),
        effort=fields.get("effort", ""),
        agent=fields.get("agent", ""),
        network=network if ours or network == "off" else "",
        source=source,
    )


def _bare(tool: str) -> str:
    """The tool in `Bash(git log:*)`."""
    return tool.partition("(")[0].strip()
