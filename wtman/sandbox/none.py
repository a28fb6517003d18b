"""No sandbox: a session reaches whatever the user can.

It promises nothing, which is why the user is told when it is in use. What it does
reach outside its branch is for the guard to detect.
"""

from wtman.model.command import Command
from wtman.sandbox.policy import SandboxPolicy


class NoSandbox:
    """Leaves every command as it is."""

    name = "none"
    mounts = False
    nests = True

    def probe(self) -> str:
        return ""

    def wrap(self, command: Command, policy: SandboxPolicy) -> Command:
        return command
