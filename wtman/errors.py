"""The few ways in which wtman can fail, as a small tree.

Every error carries what failed, on what, and what to do next (`hint`), and the
exit status that SPEC section 2 gives its kind. `cli/` is the only place that
prints one; a failed session or a red check is a value, never an error.

Whose fault a failure is decides what becomes of it, so it is in the type:
- `WorktreeError`: what a session left cannot be handled; its attempt falls short;
- `OutsideError`: the machine (`MachineError`, `DiskFullError`), wtman's own git
  (`ToolError`) or a lock of the user's git (`LockedError`); no session is blamed or
  repeated for it, the run pauses;
- any other: it stays with the task that it struck, or ends the run that it struck.
"""

import errno


class WtmanError(Exception):
    """Base of all errors that a user may see.

    `message` is one line: what failed, on what. `hint` is the next step, maybe
    empty. `code` is a stable word for `--json`.
    """

    status = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code


class UsageError(WtmanError):
    """Wrong usage, an invalid plan or an invalid configuration: exit 2."""

    status = 2
    code = "usage"


class MissingError(WtmanError):
    """The environment lacks something that the user can supply: exit 3."""

    status = 3
    code = "missing"


def no_access(error: OSError) -> MissingError:
    """The error for a path that this user may not write; `error` names it."""
    return MissingError(
        f"cannot write {error.filename or 'a file'}: {error.strerror or error}",
        hint="make it writable for you (its owner and mode: ls -ld PATH), or work in a clone",
        code="access",
    )


class ExternalError(WtmanError):
    """A program that wtman called failed where it should not have.

    Keeps the evidence: argv, working directory, exit status and stderr.
    """

    code = "external"

    def __init__(
        self,
        message: str,
        *,
        argv: tuple[str, ...] = (),
        cwd: str = "",
        exit_status: int | None = None,
        stderr: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.argv = argv
        self.cwd = cwd
        self.exit_status = exit_status
        self.stderr = stderr


class WorktreeError(ExternalError):
    """What a session left in its worktree cannot be handled; the message names it."""

    code = "worktree"


class OutsideError(ExternalError):
    """Nothing that a session did is to blame: the run pauses, and goes on where it was.

    `again`: to do the same again at once may help.
    """

    status = 4
    code = "outside"
    again = False


class MachineError(OutsideError):
    """The machine lacks something or fails: memory, descriptors, processes, a disk."""

    code = "machine"


class DiskFullError(MachineError):
    """No space left, no inodes left, or a quota used up."""

    code = "disk"


class ToolError(OutsideError):
    """A program of wtman's own, git as a rule, was killed from outside."""

    code = "tool"
    again = True


class LockedError(OutsideError):
    """Another program holds a lock of the user's repository, or has left one behind."""

    code = "locked"


NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_MACHINE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EROFS, errno.EIO, errno.ESTALE}
)
SPACE_HINT = "free some space, then `wtman resume`"


def machine_error(error: OSError, what: str = "") -> OutsideError | None:
    """The error for what the machine refused, None where it was no fault of the machine's.

    `what` could not be done, for people; else it is told by the file that `error` names.
    """
    what = what or f"cannot use {error.filename or 'a file'}"
    if error.errno in NO_SPACE:
        return DiskFullError(f"{what}: {error.strerror}", hint=SPACE_HINT)
    if error.errno in _MACHINE:
        return MachineError(f"{what}: {error.strerror}", hint="mend that, then `wtman resume`")
    return None


class RaceError(WtmanError):
    """Somebody else moved what a compare-and-swap wanted to move."""

    code = "race"
