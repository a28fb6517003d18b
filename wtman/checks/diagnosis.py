"""Why a command does not run: which program it lacks, where that is, and the line that mends it.

Looks at the main checkout and at the machine, and says nothing where it does not know. What
a command itself names is believed before what its output says.
"""

import json
import os
from shlex import quote

from wtman.checks import absence
from wtman.checks.import_probe import own_names
from wtman.checks.remedies import line, lines, not_found, outermost, placed
from wtman.context import Context
from wtman.formats.shell_words import Mention, Position, mentions
from wtman.model.check import CheckCommand
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision.command_result import CommandResult
from wtman.provision.programs import is_sign_in, is_work, named_programs
from wtman.sandbox import programs, system

# Programs that start what an environment of the checkout holds, and how that one is called.
_LAUNCHERS = {
    **dict.fromkeys(("npm", "npx", "yarn", "pnpm", "pnpx", "bunx"), "node_modules"),
    **dict.fromkeys(("uv", "poetry", "pipenv", "pdm"), ".venv"),
}
_RUNS = (Position.PROGRAM, Position.SOURCED, Position.SCRIPT)
_ALWAYS_PATHS = (*_RUNS[1:], Position.FOLDER)  # never looked up on PATH
_LONGEST_LINE = 4096
_CANNOT_OPEN = "can't open file"  # says Python of a script
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a command cannot run, and what to do about it."""

    reason: str
    hint: str


def relative_mentions(text: str, folder: str, environ: dict[str, str]) -> tuple[Mention, ...]:
    """What a command names in its checkout, by paths from the root; `../..` leads out of it."""
    known = {**environ, "PWD": ".", "WTMAN_WORKTREE": "."}
    return tuple(
        Mention(os.path.normpath(os.path.join(folder, item.path)), item.position)
        for item in mentions(text, known)
        if not os.path.isabs(item.path) and ("/" in item.path or item.position in _ALWAYS_PATHS)
    )


def absent_in(checkout: str, check: CheckCommand, environ: dict[str, str]) -> tuple[str, ...]:
    """What a check names in its checkout and does not find there. Blocking."""
    found = [
        item.path
        for item in relative_mentions(check.run, check.folder, environ)
        if item.position in _RUNS and not os.path.exists(os.path.join(checkout, item.path))
    ]
    here = os.path.join(checkout, check.folder)
    for item in mentions(check.run, environ):
        name = _LAUNCHERS.get(item.path) if item.position is Position.PROGRAM else None
        if name and not os.path.lexists(os.path.join(here, name)) and _has_needs(here, name):
            found.append(os.path.normpath(os.path.join(check.folder, name)))
    return tuple(dict.fromkeys(found))


def _has_needs(folder: str, name: str) -> bool:
    """Whether the project in this folder needs packages at all."""
    if name != "node_modules":
        return any(
            os.path.exists(os.path.join(folder, mark))
            for mark in ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "pyproject.toml")
        )
    try:
        with open(os.path.join(folder, "package.json"), encoding="utf-8") as file:
            package = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return False
    keys = ("dependencies", "devDependencies")
    return isinstance(package, dict) and any(package.get(key) for key in keys)


def explain(
    ctx: Context, settings: Settings, files: frozenset[str], command: str, ran: CommandResult
) -> Explained | None:
    """Why a run on the base failed, where that is a program that it did not find. Blocking."""
    check = CheckCommand.of(command)
    seeker = _Seeker(ctx, settings, files, check, bool(ran.unfit))
    name = _of_user(ctx, not_found(ran.output))
    if ran.unfit:
        # It is the setup that lacks it, whose own words are seen as well.
        if not name or os.path.isabs(name):
            return None
        return seeker.relative(os.path.normpath(name)) if "/" in name else seeker.bare(name)
    lacks = bool(name) or ran.exit.code in (126, 127) or _CANNOT_OPEN in ran.output
    for path in ran.absent:
        if (lacks or os.path.basename(path) in _LAUNCHERS.values()) and (
            found := seeker.relative(path)
        ):
            return found
    for mention in mentions(check.run, ctx.environ):
        told = mention.position in _RUNS or os.path.basename(mention.path) in ran.output
        if told and os.path.isabs(mention.path) and (found := seeker.named(mention)):
            return found
    if not name:
        return (
            seeker.folder(ran)
            or seeker.forbidden(ran)
            or seeker.network(ran)
            or seeker.package(ran)
        )
    if os.path.isabs(name):
        return seeker.hidden(name)
    if "/" in name:
        path = os.path.normpath(os.path.join(check.folder, name))
        return seeker.interpreter(path) or seeker.relative(path)
    return seeker.bare(name)


@dataclass(frozen=True, slots=True)
class _Seeker:
    ctx: Context
    settings: Settings
    files: frozenset[str]
    check: CheckCommand
    setup: bool = False  # it is the setup that lacks something

    def relative(self, path: str) -> Explained | None:
        """Of a path below the root, or one that leads out of it."""
        if path in self.files:
            return None
        main = self.ctx.repo.main or self.ctx.repo.toplevel
        if path.startswith("../"):
            real = os.path.normpath(os.path.join(main, path))
            reason = f"{path} leads out of the checkout that a check runs in"
            there = f"name it by its absolute path: {real}" if os.path.exists(real) else ""
            return Explained(reason, there or f"{real} is not there either: correct the path")
        top = outermost(path, self.files)
        place = os.path.join(main, top) if main else ""
        kind = "folder" if os.path.isdir(place) else "file" if os.path.isfile(place) else ""
        mending = lines(
            top, self.files, self.settings, self._installed, kind=kind, first=self.setup
        )
        reason = f"{path} is not in git, so checkouts do not have it"
        if self.settings.setup and not kind and not self.setup:
            reason = f"{path} is not in git, and setup has not made it"
        if mending:
            return Explained(reason, self._in_file(mending, commit=top if kind == "file" else ""))
        if elsewhere := [name for name in self.files if name.endswith(f"/{path}")]:
            folder = min(elsewhere, key=len).removesuffix(f"/{path}")
            moved = placed(self.check.run, folder)
            hint = f"it is in {folder}: add -C {quote(folder)}, or in {self._file()}: {moved}"
            return Explained(reason, hint)
        if kind:
            return Explained(reason, f"commit it, or correct {self._file()}")
        return Explained(
            f"{path} is not in git, and not in the main checkout",
            f"correct the path, or let each checkout make it: {line('setup', ('COMMAND',))}"
            f" in {self._file()}",
        )

    def named(self, mention: Mention) -> Explained | None:
        """Of a path that the text of the check names itself: it is not there, or not shown."""
        path = mention.path
        if _is_system(path):
            return None
        if not os.path.exists(path):
            if mention.position not in _RUNS:
                return None
            return Explained(f"there is no {path} on this machine", "correct the path")
        if self.ctx.sandbox.name == "none" or self._sees(path):
            return None
        return self._closed(path)

    def hidden(self, path: str) -> Explained | None:
        """Of a path that the output says is not there."""
        if not os.path.exists(path):
            return Explained(
                f"there is no {path} on this machine", "install it, or correct the path"
            )
        if self.ctx.sandbox.name == "none" or _is_system(path):
            return None
        if self._sees(path):
            return None
        if is_sign_in(path) or is_work(self.ctx.repo, path):
            return self._closed(path)
        folder = os.path.dirname(path)
        run = f"PATH={folder}:$PATH {self.check.run}"
        return Explained(
            f"{path} exists, but checks cannot see it: no check or setup of yours names it,"
            " only a file of the repository",
            f"name its folder in the check: --check {quote(run)}",
        )

    def interpreter(self, path: str) -> Explained | None:
        """Of a script that is there, and whose first line names a program that is not."""
        main = self.ctx.repo.main or self.ctx.repo.toplevel
        try:
            with open(os.path.join(main, path), "rb") as file:
                first = file.readline(_LONGEST_LINE)
        except OSError:
            return None
        words = os.fsdecode(first[2:]).rstrip("\n").split(" ") if first[:2] == b"#!" else []
        program = next(filter(None, words), "")
        if not os.path.isabs(program) or is_work(self.ctx.repo, program):
            return None
        if first.endswith(b"\r\n"):
            attribute = quote(f"/{path} text eol=lf")
            return Explained(
                f"the first line of {path} ends as on Windows (CR LF), so nothing can run it",
                f"echo {attribute} >> .gitattributes && git add --renormalize . and commit that",
            )
        found = self.hidden(program)
        return found and Explained(f"the first line of {path}: {found.reason}", found.hint)

    def folder(self, ran: CommandResult) -> Explained | None:
        """Of a folder that the check changes to."""
        if ": cd: " not in ran.output:
            return None
        known = dict(self.ctx.environ)
        for item in relative_mentions(self.check.run, self.check.folder, known):
            if item.position is Position.FOLDER and os.path.basename(item.path) in ran.output:
                if not any(name.startswith(f"{item.path}/") for name in self.files):
                    return self.relative(item.path)
        return None

    def bare(self, name: str) -> Explained | None:
        """Of a program that is looked up on PATH."""
        main = self.ctx.repo.main or self.ctx.repo.toplevel
        path = self.ctx.environ.get("PATH", os.defpath)
        if at := programs.which(name, path):
            return Explained(
                f"{name} is at {at}, but the command looks for it elsewhere",
                f"name it by its path, or leave PATH as it is (a login shell sets it anew): {at}",
            )
        below_folder = [self.check.folder, ""] if self.check.folder else [""]
        for folder in below_folder:
            for inside in (".venv/bin", "venv/bin", "node_modules/.bin", "vendor/bin", "bin"):
                tool = os.path.normpath(os.path.join(folder, inside, name))
                if main and tool not in self.files and os.path.exists(os.path.join(main, tool)):
                    found = self.relative(tool)
                    if found is not None:
                        own = os.path.join(inside, name)
                        hint = f"{found.hint}; and call it {own} in the check"
                        return Explained(f"{name} is not on PATH, only in {tool}", hint)
        return Explained(
            f"{name} is not installed or not on PATH",
            "install it, activate its environment before you start wtman, or name it by its path",
        )

    def network(self, ran: CommandResult) -> Explained | None:
        """Of what a check wanted from the network, or from a service of this machine."""
        if self.settings.check_network or self.ctx.sandbox.name == "none":
            return None
        reason, fix = absence.network(ran.output)
        if not reason:
            return None
        setup = line("setup", (*self.settings.setup, "COMMAND"))
        how = f": {setup} in {self._file()} (then: wtman trust)" if "setup" in fix else ""
        return Explained(reason, f"{fix}{how}")

    def package(self, ran: CommandResult) -> Explained | None:
        """Of a package that is not installed where the check runs."""
        name = absence.package(ran.output, own_names(tuple(self.files)))
        if not name:
            return None
        reason = f"{name} is not installed where checks run"
        for top in (".venv", "node_modules", "vendor"):
            place = os.path.join(self.ctx.repo.main, top) if self.ctx.repo.main else ""
            kind = "folder" if place and os.path.isdir(place) else ""
            mending = lines(top, self.files, self.settings, self._installed, kind=kind)
            if mending and (kind or top != ".venv"):
                return Explained(reason, self._in_file(mending))
        setup = line("setup", (*self.settings.setup, "COMMAND"))
        return Explained(
            reason, f"install it in setup: {setup} in {self._file()} (then: wtman trust)"
        )

    def forbidden(self, ran: CommandResult) -> Explained | None:
        """Of a file that git does not carry as executable."""
        if ran.exit.code != 126:
            return None
        for item in relative_mentions(self.check.run, self.check.folder, dict(self.ctx.environ)):
            if item.position is Position.PROGRAM and item.path in self.files:
                return Explained(
                    f"{item.path} is not executable in git",
                    f"git update-index --chmod=+x {quote(item.path)} and commit that",
                )
        return None

    def _closed(self, path: str) -> Explained:
        reason = f"{path} exists, but checks cannot see it"
        main = self.ctx.repo.main or self.ctx.repo.toplevel
        if is_sign_in(path):
            return Explained(
                f"{reason}: it belongs to your sign-ins", "put what runs somewhere else"
            )
        if main and is_work(self.ctx.repo, path):
            own = os.path.relpath(os.path.realpath(path), os.path.realpath(main))
            if own == "." or any(name == own or name.startswith(f"{own}/") for name in self.files):
                told = os.path.relpath(own, self.check.folder or ".")
                run = self.check.run.replace(path, told if told.startswith(".") else f"./{told}")
                return Explained(
                    f"{path} is in your own checkout, and checks run in checkouts of their own",
                    f"name it from where the check runs: --check {quote(run)}",
                )
            return Explained(
                f"{reason}: it is in your own checkout",
                self._in_file((line("copy", (*self.settings.copy, own)),))
                + f", and name it {own} in the check",
            )
        return Explained(
            f"{reason}: only programs and their environments are shown",
            "copy it into the repository, or run without a sandbox: WTMAN_SANDBOX=none",
        )

    def _sees(self, path: str) -> bool:
        shown = named_programs(self.ctx.repo, self.ctx.environ, (self.check.run,)).read
        real = os.path.realpath(path)
        return any(
            system.is_below(path, one) or system.is_below(real, os.path.realpath(one))
            for one in shown
        )

    def _installed(self, program: str) -> bool:
        return bool(programs.which(program, self.ctx.environ.get("PATH", os.defpath)))

    def _in_file(self, mending: tuple[str, ...], commit: str = "") -> str:
        file = self._file()
        told = ", or ".join(mending)
        trust = " (then: wtman trust)" if any(one.startswith("setup") for one in mending) else ""
        return f"{f'commit {commit}, or ' if commit else ''}in {file}: {told}{trust}"

    def _file(self) -> str:
        top = self.ctx.repo.toplevel or self.ctx.repo.main
        if not os.path.exists(os.path.join(top, "wtman.toml")):
            try:
                with open(os.path.join(top, "pyproject.toml"), "rb") as file:
                    if b"[tool.wtman]" in file.read(_LARGEST):
                        return "[tool.wtman] of pyproject.toml"
            except OSError:
                pass
        return "wtman.toml"


def _of_user(ctx: Context, path: str) -> str:
    """A path in the private HOME of a check, as it is called in the user's own."""
    if path.startswith("~/"):
        return os.path.join(ctx.environ.get("HOME", ""), path[2:])
    homes = os.path.join(ctx.folder, "homes") + os.sep
    if not path.startswith(homes):
        return path
    return os.path.join(ctx.environ.get("HOME", ""), path.removeprefix(homes).partition("/")[2])


def _is_system(path: str) -> bool:
    """Whether it is where every program may read; a link by where it stands."""
    return system.holds(os.path.realpath(os.path.dirname(path)))
