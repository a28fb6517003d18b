"""The few ways in which wtman can fail, as a small tree.

Every error carries what failed, on what, and what to do next (`hint`), and the
exit status that SPEC section 2 gives its kind. `cli/` is the only place that
prints one; a failed session or a red check is a value, never an error.
"""


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


class DiskFullError(ExternalError):
    """No space left: the run pauses, no session is blamed."""

    code = "disk"


class RaceError(WtmanError):
    """Somebody else moved what a compare-and-swap wanted to move."""

    code = "race"
