"""An agent from outside the package, for `tests.agents.scripted:ATTRIBUTE`."""

from wtman.agents.command import CommandAgent

AGENT = CommandAgent(("true",), name="scripted")


def make() -> CommandAgent:
    return AGENT
