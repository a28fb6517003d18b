"""The commands: flags in, a use case called, text and an exit status out. Decides nothing.

Promises a fast start: a command's module is imported when that command is asked for,
and `--help` needs none of them. This is the one door where errors become text: a
WtmanError one or two lines (or `{"error": ...}` with --json), anything else one line
and a log file; never a traceback on the terminal.
"""

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core
import typer.main
from typer.exceptions import TyperException

from wtman import files
from wtman.cli import streams
from wtman.errors import SPACE_HINT, UsageError, WtmanError

# Name -> its module and its line in `wtman --help`; the function has the command's name.
_COMMANDS = {
    "split": "Build a request on parallel branches, up to ready to merge.",
    "plan": "Cut a request into tasks, and stop there.",
    "status": "Show task status and what needs attention.",
    "ui": "Show a run in a full-screen dashboard.",
    "logs": "Show what a session said and did.",
    "diff": "Show a branch against its base, or the whole run.",
    "attach": "Continue a task by hand, in the agent's interactive mode.",
    "shell": "Open a shell in the worktree and sandbox of a task.",
    "open": "Open the worktree of a task in your editor, or print its path.",
    "review": "Review a run or any branches, and show the findings.",
    "merge": "Merge the verified branches together, and write patches.",
    "verify": "Check a manifest and its patches against this repository.",
    "report": "Show the report of a run, as Markdown or HTML.",
    "run": "Run a flow (a plan in code) or a plan file.",
    "answer": "Answer the question that a run waits with.",
    "add": "Add a task to a run, also to a live one.",
    "stop": "Stop a run; nothing is lost.",
    "resume": "Resume an interrupted or paused run.",
    "retry": "Give a task one more attempt.",
    "clean": "Remove worktrees and branches that are no longer needed.",
    "restore": "Bring back what clean or a retry removed.",
    "trust": "Approve the commands in this repository's configuration.",
    "init": "Write a wtman.toml for this repository.",
    "doctor": "Check what works here, and print the fix for the rest.",
    "demo": "Run the whole job in a throwaway repository, without an account.",
    "help": "Show a page of the manual, or list its topics.",
}


class _Plain:
    """Reads what our options take: text, numbers, switches, lists of text.

    typer would read them by pydantic, whose import costs five times the start of Python, at
    every `status`. No door of typer leads here; without it all only starts slower.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        kind = param.type_descriptor.annotation
        if value is None or kind not in _NUMBERS:
            return list(value) if isinstance(value, tuple) else value
        from wtman.text.words import shown

        least = param.type_descriptor.parameter_info.min
        try:
            number = kind(value)
        except ValueError:
            wanted = _NUMBERS[kind]
        else:
            wanted = "" if least is None or number >= least else f"{least} or more"
        if not wanted:
            return number
        told = f"{param.opts[-1]}: expected {wanted}, got {shown(value)}"
        raise UsageError(told, hint=f"see `{ctx.command_path} --help`")


_NUMBERS = {int: "an integer", float: "a number"}
_PLAIN = (str, bool, int, float, list[str])


def _read_plainly(params: Sequence[Any]) -> None:
    for param in params:
        if param.type_descriptor.annotation in _PLAIN:
            param._runtime_param = _Plain()


class _Commands(typer.core.TyperGroup):
    """The group whose commands come from the table, each imported when it is used."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in _COMMANDS:
            self.commands[cmd_name] = _built(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from wtman.text.words import did_you_mean

            near = did_you_mean(args[0], _COMMANDS)
            ctx.fail(f'there is no command "{args[0]}"{near}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


_HELP = {"help_option_names": ["-h", "--help"]}
# Options that take all words up to the next option: `--branches a b c`.
_LISTS = ("--branches",)


class _Command(typer.core.TyperCommand):
    """A command that reads `--branches a b` as `--branches a --branches b`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        params = self.get_params(ctx)
        _read_plainly(params)
        _refuse_empty(ctx, params, args)
        return super().parse_args(ctx, _spread(args))


def _refuse_empty(ctx: Any, params: Sequence[Any], args: list[str]) -> None:
    """What is given as an empty text names nothing; -C alone takes one, as git's does."""
    valued = {
        name for param in params if not getattr(param, "is_flag", True) for name in param.opts
    } - {"-C"}
    for before, word in zip(["", *args], args, strict=False):
        name, equals, value = word.partition("=")
        named = name if equals and not value and name in valued else before if not word else None
        if named is not None and named != "-C":
            what = f"{named}: expected a value" if named in valued else "expected an argument"
            raise UsageError(f"{what}, got an empty text", hint=f"see `{ctx.command_path} --help`")


def _spread(args: list[str]) -> list[str]:
    out: list[str] = []
    name, fresh = "", False
    for at, word in enumerate(args):
        if word == "--":
            return [*out, *args[at:]]
        if word.startswith("-"):
            head, given, _ = word.partition("=")
            name, fresh = (head if head in _LISTS else ""), not given
        elif name:
            out += [] if fresh else [name]
            fresh = False
        out.append(word)
    return out


def _built(name: str) -> Any:
    module = importlib.import_module(f"wtman.cli.commands.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {**_HELP, **getattr(module, "SETTINGS", {})}
    app.command(name, cls=_Command, context_settings=settings)(getattr(module, name))
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:
    if wanted:
        from wtman import __version__

        typer.echo(f"wtman {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    context_settings=_HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


@app.callback()
def _root(
    ctx: typer.Context,
    directory: Annotated[
        str, typer.Option("-C", metavar="DIR", help="Run as if started in DIR.")
    ] = "",
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Turn one request into many branches built at the same time, landed as one change.

    Exit status: 0 done; 1 the work fell short; 2 wrong usage; 3 the environment lacks
    something; 4 paused; 130 interrupted. The manual: wtman help.
    """
    ctx.obj = {**(ctx.obj or {}), "directory": directory}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status of SPEC section 2."""
    args = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    as_json = "--json" in args[: args.index("--")] if "--" in args else "--json" in args
    if argv is not None:
        return _run(args, as_json)
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


def _misused(error: TyperException, as_json: bool) -> int:
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
