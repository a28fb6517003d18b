"""Which agents are on this machine, and who is signed in, without asking anybody.

Everything is read off what each agent says it needs: its program on PATH, its variables,
its sign-in file. It promises that nothing is spent and no request is made; so `signed_in`
means that there is something to sign in with, not that a provider takes it.
"""

import json
import os
import shutil
from collections.abc import Mapping
from types import MappingProxyType

from wtman.agents import Needs, load
from wtman.errors import ExternalError, MissingError
from wtman.execution.spawn import answer_of
from wtman.model.agent_definition import AgentDefinition
from wtman.model.values import dataclass

# In the order of preference; `api` comes after all of them, as it needs a key of its own.
PREFERRED = ("claude", "codex", "gemini", "opencode", "pi", "copilot", "aider", "qwen")
OWN = "api"
_PATIENCE = 20.0  # seconds for a program to say its version; some take a while on a cold disk


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """An agent that a role could be given to here.

    `path` is its program, empty for one that is none. `signed_in` None is not known: it has
    a configuration that may say how. `how` is what it signs in with, for people.
    """

    name: str
    path: str
    signed_in: bool | None
    how: str
    needs: Needs


def found(
    environ: Mapping[str, str], defined: Mapping[str, AgentDefinition] = MappingProxyType({})
) -> tuple[InstalledAgent, ...]:
    """The agents of this machine, the preferred first, those that the user `defined` last."""
    here = []
    # Their programs have their names: what is not installed need not be imported.
    there = (name for name in PREFERRED if shutil.which(name, path=environ.get("PATH")))
    for name in [*there, OWN, *defined]:
        needs = load.load(name, defined).needs
        path = shutil.which(needs.program, path=environ.get("PATH")) if needs.program else ""
        if path is not None:
            here.append(InstalledAgent(name, path, *_signed_in(needs, environ), needs))
    return tuple(here)


def _signed_in(needs: Needs, environ: Mapping[str, str]) -> tuple[bool | None, str]:
    """Whether there is a sign-in, and what it is. The first of `files` is that of a sign-in."""
    if not (needs.secrets or needs.endpoints or needs.files):
        return True, ""  # it needs none
    for variable in (*needs.secrets, *needs.endpoints):
        if environ.get(variable):
            return True, variable
    home = environ.get("HOME", "")
    there = [path for path in needs.files if home and os.path.isfile(os.path.join(home, path))]
    if there and there[0] == needs.files[0]:
        return True, f"~/{there[0]}"
    return (None, f"~/{there[0]}") if there else (False, "")


def version(one: InstalledAgent) -> str:
    """What its program says its version is, in one line; what went wrong where it does not.

    Starts the program: call it late, and not in a loop that somebody waits for.
    """
    if not one.needs.version:
        return ""
    argv = (one.path or one.needs.version[0], *one.needs.version[1:])
    try:
        status, out, err = answer_of(argv, os.sep, timeout=_PATIENCE)
    except ExternalError as error:
        return error.message
    said = (out.strip() or err.strip()).splitlines()
    if status:
        return f"exit status {status}" + (f": {said[-1][:80]}" if said else "")
    return said[0][:80] if said else "it says nothing"


def first_agent(environ: Mapping[str, str]) -> str:
    """The agent where none is named, empty where there is none.

    The first that is signed in, `api` included where there is a key; else the first that
    may be, for its configuration can name a way of its own.
    """
    here = found(environ)
    for wanted in (True, None):
        for one in here:
            if one.signed_in is wanted:
                return one.name
    return ""


def require_installed(
    spec: str,
    environ: Mapping[str, str],
    defined: Mapping[str, AgentDefinition] = MappingProxyType({}),
) -> None:
    """Raise MissingError where the program of the agent is not on PATH."""
    agent = load.load(spec, defined)
    program = agent.needs.program
    if program and shutil.which(program, path=environ.get("PATH")) is None:
        raise MissingError(
            f"the agent {agent.name} is not installed: there is no {program} on PATH",
            hint=agent.needs.install,
        )


def no_agent(
    environ: Mapping[str, str],
    defined: Mapping[str, AgentDefinition] = MappingProxyType({}),
    *,
    plans: bool = False,
    builds: bool = True,
) -> MissingError:
    """What to say where nobody is there to do the work: to plan it, to build it."""
    wanted = ["--planner"] if plans else []
    wanted += ["--agent"] if builds else []
    if name := next(iter(defined), ""):
        return MissingError(
            f"no agent is named, and none of wtman's own is signed in; {name} is defined",
            hint=f"--agent {name}, or agent = {json.dumps(name)} in the configuration",
        )
    flags = " ".join(f'{flag} "command:PROGRAM"' for flag in wanted)
    demo = "`wtman demo` needs none"
    for one in found(environ):
        if one.path:
            return MissingError(
                f"the agent {one.name} is not signed in, and no other is here",
                hint=f"{one.needs.sign_in}; or name any program: {flags}; {demo}",
            )
    ways = [load.load(name).needs.install for name in ("claude", "codex")]
    return MissingError(
        "there is no coding agent on this machine, and no API key is set",
        hint=f"install one: `{ways[0]}` or `{ways[1]}`; or set ANTHROPIC_API_KEY; or name any "
        f"program: {flags}; {demo}",
    )
