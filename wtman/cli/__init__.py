"""The commands: flags in, a use case called, text and an exit status out. Decides nothing.

Promises a fast start: a command's module is imported when that command is asked for,
and `--help` needs none of them, nor typer. This is the one door where errors become text: a
WtmanError one or two lines (or `{"error": ...}` with --json), anything else one line
and a log file; never a traceback on the terminal.
"""

import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wtman import files
from wtman.cli import streams
from wtman.errors import SPACE_HINT, WtmanError

if TYPE_CHECKING:
    from typer.exceptions import TyperException


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status of SPEC section 2."""
    args = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    as_json = "--json" in args[: args.index("--")] if "--" in args else "--json" in args
    if argv is not None:
        return _run(args, as_json)
    if args[:1] == ["__complete"]:
        import typer.main

        from wtman.cli.completion import complete
        from wtman.cli.root import app

        return complete(typer.main.get_command(app), args[1:])
    streams.settle()
    if home := os.environ.get("HOME"):
        # Git and agents start elsewhere, where a relative name would mean another folder.
        os.environ["HOME"] = os.path.join(files.working_folder(), home)
    status = _run(args, as_json)
    if (lost := streams.loss()) is not None:
        told = f"the output is incomplete: {lost.strerror}"
        return status or _told("output", told, "make room there, then try again", 3, False)
    return status


def _run(args: list[str], as_json: bool) -> int:
    if args in (["-h"], ["--help"]):
        return _front_page()
    import typer.main
    from typer.exceptions import TyperException

    from wtman.cli.root import app

    if len(args) == 2 and args[0] in ("-h", "--help"):
        args = ["help", args[1]]  # as of git
    try:
        command = typer.main.get_command(app)
        status = command.main(args, prog_name="wtman", standalone_mode=False, obj={"words": args})
        sys.stdout.flush()
    except WtmanError as error:
        return _told(error.code, error.message, _way_on(error.hint, args), error.status, as_json)
    except TyperException as error:
        return _misused(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return 0  # its reader has had enough
    except SystemExit as end:
        # So typer ends a command that cannot print any more.
        return 0 if streams.is_unread() else int(end.code or 0)
    except Exception as error:
        # What could not be printed is told by the caller.
        return 0 if streams.loss() is error else _unexpected(error, args, as_json)
    return int(status or 0)


def _front_page() -> int:
    """What `--help` shows, without the half of all imports that reads other words."""
    from wtman.cli.front_page import front_page

    try:
        print(front_page(), flush=True)
    except BrokenPipeError:
        pass  # its reader has had enough
    return 0


def _way_on(hint: str, args: list[str]) -> str:
    """The hint of an error, where it is for what starts sessions and this command starts none."""
    if hint != SPACE_HINT or not _WITHOUT_SESSIONS.intersection(args):
        return hint
    return "free some space, then type the command again"


def _told(code: str, message: str, hint: str, status: int, as_json: bool) -> int:
    """Print an error as its reader wants it."""
    from wtman.cli.target import here

    hint = here(hint)
    if as_json:
        import json

        print(json.dumps({"error": {"code": code, "message": message, "hint": hint}}), flush=True)
        return status
    from wtman.text.terminal import clean
    from wtman.text.words import printable

    first, *more = message.splitlines() or [""]
    print(f"wtman: {printable(first, 2000)}", file=sys.stderr)
    for line in more:
        # What a program printed: a control character in it is no part of the error.
        print(f"  {clean(line, 400)}", file=sys.stderr)
    for number, line in enumerate(hint.splitlines()):
        print(f"  {'      ' if number else 'hint: '}{printable(line, 2000)}", file=sys.stderr)
    return status


def _misused(error: "TyperException", as_json: bool) -> int:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is not None and not message:
        # Called without a command or argument: the help page is the answer.
        print(context.get_help(), file=sys.stderr)
        return error.exit_code
    path = context.command_path if context is not None else "wtman"
    first = message[:1].lower() + message[1:].rstrip(".")
    return _told("usage", first, f"see `{path} --help`", error.exit_code, as_json)


_WITHOUT_SESSIONS = frozenset(
    "merge status logs diff report clean restore verify trust init doctor stop".split()
)
# What a name can bring about that only the system refuses.
_NAMES = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EPERM)


def _unexpected(error: Exception, args: list[str], as_json: bool) -> int:
    """Our own fault: the traceback goes to a file that a bug report can quote."""
    from wtman.errors import machine_error

    if isinstance(error, OSError) and error.errno not in (errno.EROFS, errno.EAGAIN):
        if refused := machine_error(error):
            hint = _way_on(refused.hint, args)
            return _told(refused.code, refused.message, hint, refused.status, as_json)
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS) and error.filename:
        from wtman.errors import no_access

        told = no_access(error)
        return _told(told.code, told.message, told.hint, told.status, as_json)
    if isinstance(error, OSError) and error.errno in _NAMES:
        what = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        return _told("access", what, "", 3, as_json)
    path = _log(error, args)
    hint = f"the details are in {path}" if path else ""
    return _told("bug", f"internal error: {type(error).__name__}: {error}", hint, 1, as_json)


def _log(error: Exception, args: list[str]) -> str:
    import time
    import traceback

    from wtman import __version__
    from wtman.config.folders import xdg_folder

    state = xdg_folder("STATE", os.environ)
    if not state:
        return ""
    path = os.path.join(state, "errors", time.strftime("%Y%m%d-%H%M%S") + ".log")
    text = "".join(traceback.format_exception(error))
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"wtman {__version__}, Python {sys.version}\nargv: {args!r}\n\n{text}")
    except OSError:
        return ""
    return path
