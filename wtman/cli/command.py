"""How a command reads its words and shows its help: what typer leaves open.

Promises a fast start: a command's module is imported when that command is asked for, and
`wtman --help` needs none of them.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import typer
import typer.core
import typer.main

from wtman.cli.catalog import COMMANDS, EXAMPLES, GROUPS, PANELS, WIDEST
from wtman.errors import UsageError


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


class Commands(typer.core.TyperGroup):
    """The group whose commands come from the table, each imported when it is used."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = built(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from wtman.text.words import did_you_mean

            near = did_you_mean(args[0], COMMANDS)
            ctx.fail(f'there is no command "{args[0]}"{near}')
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        wide = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            _write(formatter, title, [(name.ljust(wide), text) for name, text in commands.items()])
        _write_examples(formatter, "")
        _write(formatter, _REST, [_row(param, ctx) for param in self.get_params(ctx)])


HELP = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}
_MOST_UNGROUPED = 12
_REST = "Options"
# Options that take all words up to the next option: `--branches a b c`.
LISTS = ("--branches",)


class OneCommand(typer.core.TyperCommand):
    """A command that reads `--branches a b` as `--branches a --branches b`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        params = self.get_params(ctx)
        _read_plainly(params)
        _refuse_empty(ctx, params, args)
        return super().parse_args(ctx, _spread(args))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        named = [(_name_of(param), param.required) for param in _arguments(self, ctx)]
        return ["[OPTIONS]", *(name if needed else f"[{name}]" for name, needed in named)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows = [(_name_of(param), param.help) for param in _arguments(self, ctx)]
        _write(formatter, "Arguments", rows)
        options = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        groups = _grouped(options) if len(options) > _MOST_UNGROUPED else {_REST: options}
        found = {title: [_row(param, ctx) for param in items] for title, items in groups.items()}
        wide = max(len(name) for rows in found.values() for name, _ in rows)
        for title, rows in found.items():
            _write(formatter, title, [(name.ljust(min(wide, 26)), text) for name, text in rows])
        _write_examples(formatter, ctx.info_name)


def _arguments(command: Any, ctx: Any) -> list[Any]:
    return [item for item in command.get_params(ctx) if item.param_type_name == "argument"]


def _name_of(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _row(param: Any, ctx: Any) -> tuple[str, str]:
    """An option and its text; of what typer adds to that, the default alone."""
    names, text = param.get_help_record(ctx)
    text, _, added = text.partition("  [")
    default = next((it for it in added[:-1].split("; ") if it.startswith("default")), "")
    return names, text + (f"  [{default}]" if default else "")


def _grouped(options: Sequence[Any]) -> dict[str, list[Any]]:
    """The options by group, in the order of the catalog; what it does not name comes last."""
    by_name = {name: param for param in options for name in param.opts}
    groups = {
        title: [by_name[name] for name in names.split() if name in by_name]
        for title, names in PANELS.items()
    }
    known = {id(param) for group in groups.values() for param in group}
    groups[_REST] = [param for param in options if id(param) not in known]
    return {title: group for title, group in groups.items() if group}


def _write(formatter: Any, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _write_examples(formatter: Any, name: str) -> None:
    examples = EXAMPLES.get(name, {})
    if not examples:
        return
    wide = max(map(len, examples)) + 2
    with formatter.section("Examples"):
        for line, text in examples.items():
            formatter.write(f"  {line.ljust(wide) if text else line}{text}\n")


def _refuse_empty(ctx: Any, params: Sequence[Any], args: list[str]) -> None:
    """What is given as an empty text names nothing; -C alone takes one, as git's does."""
    valued = {
        name for param in params if not getattr(param, "is_flag", True) for name in param.opts
    } - {"-C"}
    for before, word in zip(["", *args], args, strict=False):
        name, equals, value = word.partition("=")
        named = name if equals and not value and name in valued else before if not word else None
        if named is not None and named != "-C":
            if named in valued:
                what, hint = f"{named}: expected a value, got an empty text", ""
            else:
                arguments = _arguments(ctx.command, ctx)
                what = (
                    f"{_name_of(arguments[0]) if len(arguments) == 1 else 'an argument'} is empty"
                )
                hint = next(
                    (f"for example: {text}" for text in EXAMPLES.get(ctx.info_name, ())), ""
                )
            raise UsageError(what, hint=hint or f"see `{ctx.command_path} --help`")


def _spread(args: list[str]) -> list[str]:
    out: list[str] = []
    name, fresh = "", False
    for at, word in enumerate(args):
        if word == "--":
            return [*out, *args[at:]]
        if word.startswith("-"):
            head, given, _ = word.partition("=")
            name, fresh = (head if head in LISTS else ""), not given
        elif name:
            out += [] if fresh else [name]
            fresh = False
        out.append(word)
    return out


def built(name: str) -> Any:
    module = importlib.import_module(f"wtman.cli.commands.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {**HELP, **getattr(module, "SETTINGS", {})}
    app.command(name, cls=OneCommand, context_settings=settings)(getattr(module, name))
    return typer.main.get_command(app)
