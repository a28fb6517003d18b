"""What makes a bare checkout fit for work: files that git does not carry, and setup commands.

Serves the worktrees of tasks and the checkouts of checks alike. It promises to
write only below the folder that it is given, and never over a file that is there;
a symbolic link is followed within the main checkout alone, by a copy of what it leads
to. A setup that fails is a sentence, not an exception.

A setup command runs what the branch says (`npm ci`, `pip install -e .`), so what it may
reach depends on who may have written the tree:
- the base itself, where no session has worked (`trusted`): the main checkout and the
  repository's objects, read-only, and the network;
- any other tree, and every check checkout, so that base and branch are judged alike: the
  network, and of the main checkout only what `symlink` points at; a command whose text
  says WTMAN_ROOT has the main checkout without its git, read-only, and no network.
In a worktree git is the task's own (`worktrees/lent`), so that what setup writes there (hooks,
settings, submodules) reaches its sessions and never the repository.
The package cache of the repository is written by a setup of the commit that a run starts from
alone (`packages`).
Nobody sees wtman's own folder in the repository: HOMEs of others, logs, results. Without a
sandbox nothing of this holds.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from wtman.agents import Needs
from wtman.context import Context
from wtman.errors import SPACE_HINT, DiskFullError, OutsideError, WtmanError
from wtman.git import repo
from wtman.git.discovery import Repository
from wtman.git.untrusted import private
from wtman.journal.state import digest
from wtman.model.ids import TaskId
from wtman.model.plan import Identity
from wtman.model.settings import Settings
from wtman.provision import packages
from wtman.provision.command import CommandRun, run_command, variables
from wtman.provision.files import bring, linked
from wtman.provision.inputs.commands import OF_TASK, ROOT
from wtman.provision.ports import port_of
from wtman.provision.programs import link_programs, named_programs
from wtman.provision.setup_use import measured
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.home import provision_home
from wtman.sandbox.policy import USUAL, SandboxPolicy
from wtman.sandbox.system import is_below


@measured
async def provision(
    ctx: Context,
    settings: Settings,
    folder: str,
    *,
    task: TaskId,
    branch: str,
    home: str,
    port: int = 0,
    trusted: bool = False,
    unwritten: str = "",
    binds: tuple[tuple[str, str, bool], ...] = (),
    tell: Callable[[str], None] = lambda text: None,
    texts: tuple[str, ...] | None = None,
    brings: bool = True,
    shared: bool = False,
) -> str:
    """Copy, link and set up what a checkout needs; says what went wrong, or nothing.

    `trusted`: nothing in the folder is an agent's work. `unwritten` is the commit that it holds,
    where no agent wrote that either: setup may then fill the package cache. `home` is the HOME
    of the setup commands, made where missing: that of what runs in the checkout afterwards,
    for some installers leave half of what they make there. `binds` show a worktree a git
    directory of its own in the place of the repository's. `tell` is given what does not go
    wrong, and yet keeps what runs there from reading a file. `texts` are the commands, where
    these are not all, and `brings`: files are copied and linked first. `shared`: others get the
    result, so the commands are not told whom they serve.
    """
    texts = settings.setup if texts is None else texts
    if brings and (settings.copy or settings.symlink):
        problem = await ctx.git(bring, ctx, settings, folder, tell)
        if problem:
            return str(problem)
    if not texts:
        return ""
    await ctx.git(make_home, ctx, home)
    root, port = ctx.repo.main or ctx.repo.toplevel, port or port_of(ctx.run, task)
    seen = ctx.view(folder, home).seen(folder)
    named = variables(ctx.run, task, branch, seen, port, root)
    if shared:
        named = {name: value for name, value in named.items() if name not in OF_TASK}
    fills = digest(unwritten, *texts) if unwritten else ""
    async with packages.shown(ctx, home, fills, folder, stays=not shared) as cache:
        binds = (*binds, *cache.binds)
        problem = await _set_up(
            ctx, settings, texts, folder, home, task, named, binds, trusted=trusted
        )
        cache.complete = not problem
    return problem


async def _set_up(
    ctx: Context,
    settings: Settings,
    texts: tuple[str, ...],
    folder: str,
    home: str,
    task: TaskId,
    named: dict[str, str],
    binds: tuple[tuple[str, str, bool], ...],
    *,
    trusted: bool,
) -> str:
    """Run the setup commands; `named` is what they are told. Says what went wrong, or nothing."""
    view = ctx.view(folder, home)
    seen = view.seen(folder)
    shown = (*await ctx.git(git_folders, ctx), *await ctx.git(linked, ctx, settings))
    began = ctx.clock()
    for text in texts:
        policy = _policy(ctx, text, folder, shown, binds, trusted=trusted)
        online = policy.network == "on"
        inner = view.seen(home)
        given = surroundings(ctx.sandbox.name, ctx.environ, inner, settings.env, online=online)
        env = {**packages.variables(ctx), **given.env, **named}
        tools = await ctx.git(named_programs, ctx.repo, ctx.environ, (text,))
        if ctx.sandbox.name != "none":
            await ctx.git(link_programs, home, tools)
            await ctx.git(packages.lead_there, ctx, home)
        policy = replace(
            policy,
            read=(*policy.read, *given.read, *tools.read),
            home=home,
            view=view,
            scratch=os.path.join(home, SCRATCH),
        )
        asked = CommandRun(text, seen, env, policy, f"setup/{task}")
        ran = await run_command(ctx.executor, ctx.sandbox, settings, ctx.folder, asked)
        problem = ran.problem
        if problem:
            if lack := await ctx.git(ctx.space.lacked, began, ran.output):
                raise DiskFullError(f"{lack} while `{text}` ran", hint=SPACE_HINT)
            said = f"\n{ran.output}" if ran.output else ""
            return f"`{text}`: {problem}{_kept_from(ctx, policy)}{said}"
    return ""


def _policy(
    ctx: Context,
    text: str,
    folder: str,
    shown: tuple[str, ...],
    binds: tuple[tuple[str, str, bool], ...],
    *,
    trusted: bool,
) -> SandboxPolicy:
    """What one setup command may touch, its HOME apart (see the head of this file)."""
    root, common = ctx.repo.main or ctx.repo.toplevel, ctx.repo.common_dir
    # What lies over the repository's git directory hides it, and shows its objects elsewhere.
    is_over = any(target == common for _, target, _ in binds)
    if is_over:
        shown = tuple(path for path in shown if not is_below(path, common))
    given = SandboxPolicy(read=shown, write=(folder,), binds=binds, limits=USUAL)
    if trusted:
        read = tuple(path for path in (root, common, *shown) if path)
        return replace(given, read=read, hide=() if is_over else (ctx.repo.wtman_dir,))
    if ROOT not in text or not root:
        return given
    hide = tuple(
        path
        for path in dict.fromkeys((os.path.join(root, ".git"), common))
        if not (is_over and os.path.realpath(path) == common)
    )
    return replace(given, read=(root, *shown), hide=hide, network="off")


def _kept_from(ctx: Context, policy: SandboxPolicy) -> str:
    """Why there was no network, where that may be what it failed for."""
    if policy.network == "on" or ctx.sandbox.name == "none":
        return ""
    return f" (what names {ROOT} has no network here: fetch in a command of its own)"


def make_home(ctx: Context, home: str, needs: Needs | None = None) -> None:
    """Make a private HOME, where the sandbox has one, for an agent of these needs. Blocking."""
    if ctx.sandbox.name == "none" and needs in (None, Needs()):
        return
    provision_home(home, ctx.environ, needs, _identity(ctx.repo))


@cache
def _identity(of: Repository) -> Identity | None:
    try:
        return repo.identity(of)
    except OutsideError:
        raise
    except WtmanError:
        return None  # nobody in particular: who commits in there will be told by git


def git_folders(ctx: Context) -> tuple[str, ...]:
    """Where the repository's objects are, for a `.git` that borrows them. Blocking."""
    objects = os.path.join(ctx.repo.common_dir, "objects")
    return (objects, *private.alternates(objects))
