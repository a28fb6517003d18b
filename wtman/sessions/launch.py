"""Starts a session of an agent, confined, and reads its stream: the one way to run a model.

Serves implementers, planners and reviewers alike. It promises that a session gets what
its agent needs and nothing else of the user's: a HOME of its own, an environment from a
list, copies of sign-in files; and that one which costs more than its cap is stopped.
What the session left in its checkout is for others to collect.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from wtman.agents import Activity, Agent, Needs, shares_prefix, with_cost
from wtman.agents.program import program_text
from wtman.agents.stream import without_page
from wtman.context import Context
from wtman.execution.output import LineSplitter, read_exit
from wtman.formats.reset_time import told as told_reset
from wtman.model.check import CheckCommand
from wtman.model.command import Command, Exit, ExitReason, Work
from wtman.model.ids import TaskId
from wtman.model.plan import Role
from wtman.model.session import Cap, Job, Outcome, Usage
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision import packages
from wtman.provision.files import linked
from wtman.provision.programs import is_sign_in, link_programs, named_programs
from wtman.provision.setup import make_home
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.home import leave_in_home
from wtman.sandbox.hosts import Rule
from wtman.sandbox.inside import SandboxView
from wtman.sandbox.policy import USUAL, SandboxPolicy
from wtman.sandbox.provider import handed_in, own_ports, provider_rules

_PACKAGE = os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))
)  # agents of wtman's own are read in it
_LOOK = 0.1  # seconds between two looks whether the first of a group is answered
_CAPPED = "capped"  # in the evidence: why wtman itself stopped the session


@dataclass(frozen=True, slots=True)
class Launch:
    """One session that is wanted.

    `id` is its Work's; `folder` its evidence, absolute. `agent` is a spec as in `--agent`.
    `cwd` is the checkout, which it may change where `writable`. `home` is its private HOME,
    made where missing and kept for the task's life. The session sees both where `Context.view`
    says. `env` are variables that wtman adds,
    `binds` (source, target, writable) files and folders shown elsewhere than they are,
    `read` further paths that it may read. `schema` is JSON text. `resume` is the agent's own
    id of an earlier session in the same HOME. `timeout` and `grace` are seconds, 0 the run's;
    `cap` is of this session alone.
    """

    id: str
    folder: str
    agent: str
    prompt: str
    cwd: str
    writable: bool
    home: str
    task: TaskId
    attempt: int
    env: dict[str, str]
    binds: tuple[tuple[str, str, bool], ...] = ()
    read: tuple[str, ...] = ()
    role: Role | None = None
    model: str = ""
    effort: str = ""
    schema: str = ""
    resume: str = ""
    timeout: float = 0.0
    grace: float = 10.0
    cap: Cap = Cap()
    terminal: bool = False  # it keeps the terminal that it is started on


async def launch(
    ctx: Context,
    settings: Settings,
    wanted: Launch,
    follow: Callable[[Activity], None] | None = None,
) -> tuple[Exit, Outcome]:
    """Run a session to its end and say what its agent makes of it.

    `follow` is given what the session does while it lives. Cancelling stops it politely and
    gives its end (`stopped`); it is not swallowed: whoever cancels waits for that end. A
    session over its cap is stopped too: its exit then has a `detail`, and its outcome the
    reason "reached its limit of ...".
    """
    async with packages.shown(ctx, wanted.home) as cache:
        wanted = replace(wanted, binds=(*wanted.binds, *cache.binds))
        return await _launch(ctx, settings, wanted, follow)


async def _launch(
    ctx: Context, settings: Settings, wanted: Launch, follow: Callable[[Activity], None] | None
) -> tuple[Exit, Outcome]:
    agent = ctx.agent(wanted.agent)
    begun = time.monotonic()
    wanted = await prepare(ctx, settings, wanted)
    stream = _Stream(ctx, agent, wanted, follow)
    ctx.live_usage.begin(wanted.id, _group(agent, wanted))
    running = asyncio.ensure_future(_run(ctx, settings, wanted, stream))
    stream.stop = running.cancel
    try:
        exit_ = await running
    except asyncio.CancelledError:
        exit_ = read_exit(wanted.folder) or Exit(ExitReason.STOPPED)
    finally:
        ctx.live_usage.end(wanted.id)
    exit_, outcome = outcome_of(agent, wanted.folder, exit_, wanted.model, stream.view)
    if not outcome.ok and (refused := ctx.gateway.refused_since(begun)):
        named = ", ".join(refused[:3])
        return exit_, replace(outcome, reason=f"{outcome.reason} (blocked by the sandbox: {named})")
    return exit_, outcome


async def _run(ctx: Context, settings: Settings, wanted: Launch, stream: "_Stream") -> Exit:
    while read_exit(wanted.folder) is None and (wait := ctx.live_usage.wait(wanted.id)):
        await asyncio.sleep(min(wait, _LOOK))
    work = Work(
        id=wanted.id,
        command=confined(ctx, settings, wanted),
        folder=wanted.folder,
        timeout=wanted.timeout or settings.timeout,
        grace=wanted.grace,
    )
    return await ctx.executor.run(work, stream)


def _group(agent: Agent, wanted: Launch) -> str:
    """Which sessions begin their requests alike; "" for one that has no others."""
    if wanted.resume or not shares_prefix(agent):
        return ""
    role = wanted.role or Role("", "")
    kind = (wanted.agent, wanted.model, role.text, role.tools, wanted.writable, wanted.schema)
    return repr(kind)


async def prepare(ctx: Context, settings: Settings, wanted: Launch) -> Launch:
    """Make everything that `confined` needs: the HOME, sign-in, the way to the provider.

    Gives the launch with what else it has to read.
    """
    read = await ctx.git(_prepare, ctx, settings, wanted)
    rules = _rules(ctx, settings, wanted)
    if _network(settings, wanted) == "allow-list" and _is_confined(ctx):
        await ctx.gateway.proxy(frozenset(rules))
    return replace(wanted, read=(*wanted.read, *read))


def confined(ctx: Context, settings: Settings, wanted: Launch) -> Command:
    """The command of a session, in its sandbox, for what `prepare` gave.

    Without a sandbox an agent that names no needs (`command:`) keeps the user's HOME, for
    scripts rely on it; every other has the private one there, too, so that it can resume.
    """
    agent = ctx.agent(wanted.agent)
    network = _network(settings, wanted)
    view = ctx.view(wanted.cwd, wanted.home)
    home, checkout = view.seen(wanted.home), view.seen(wanted.cwd)
    given = surroundings(ctx.sandbox.name, ctx.environ, home, settings.env, online=network == "on")
    policy = _policy(ctx, settings, wanted, network, given.read)
    env = {
        **packages.variables(ctx),
        **given.env,
        **handed_in(ctx.environ, agent.needs),
        **(_by_proxy(policy.proxy_port) if policy.proxy else {}),
        **wanted.env,
        "WTMAN_WORKTREE": checkout,
        "WTMAN_PROMPT_FILE": _prompt_file(wanted),
    }
    if agent.needs != Needs():
        env["HOME"] = home
    role = wanted.role or Role("", "")
    job = Job(
        task=wanted.task,
        attempt=wanted.attempt,
        prompt=wanted.prompt,
        prompt_file=_prompt_file(wanted),
        worktree=checkout,
        home=env.get("HOME", ""),
        env=env,
        model=wanted.model,
        effort=wanted.effort,
        role=role.name,
        tools=role.tools,
        resume=wanted.resume if agent.resumes else "",
        system=role.text,
        writes=wanted.writable,
        schema=wanted.schema,
        confined=_is_confined(ctx),
        cap=wanted.cap,
    )
    return ctx.sandbox.wrap(_program(agent, job, wanted), policy)


def _program(agent: Agent, job: Job, wanted: Launch) -> Command:
    """The agent, headless; at a terminal its own interactive mode, else a shell."""
    if not wanted.terminal:
        return agent.command(job)
    resumed = getattr(agent, "attach", None)
    command: Command | None = resumed(job) if resumed is not None and job.resume else None
    settled = getattr(agent, "settled", None)
    if command is not None and settled is not None:
        leave_in_home(wanted.home, settled(job))
    return command or Command((job.env.get("SHELL") or "/bin/sh",), job.worktree, job.env)


def _policy(
    ctx: Context, settings: Settings, wanted: Launch, network: str, given: tuple[str, ...]
) -> SandboxPolicy:
    agent = ctx.agent(wanted.agent)
    rules = frozenset(_rules(ctx, settings, wanted))
    by_proxy = network == "allow-list" and _is_confined(ctx)
    checkout = (wanted.cwd,)
    return SandboxPolicy(
        read=(
            _prompt_file(wanted),
            _PACKAGE,
            *(() if wanted.writable else checkout),
            *named_files(agent, ctx.repo.main),
            *given,
            *wanted.read,
        ),
        write=checkout if wanted.writable else (),
        binds=wanted.binds,
        home=wanted.home,
        view=ctx.view(wanted.cwd, wanted.home),
        scratch=os.path.join(wanted.home, SCRATCH),
        network=network,
        ports=() if network == "on" else own_ports(rules),
        proxy=ctx.gateway.door(rules) if by_proxy else "",
        proxy_port=_free_port() if by_proxy else 0,
        serves=_serves(wanted),
        terminal=wanted.terminal,
        limits=USUAL,
    )


def named_files(agent: Agent, main: str) -> tuple[str, ...]:
    """The files and folders that the words of a `command:` name, absolute ones only.

    Of a folder that holds the main checkout, or that is it, nothing is shown.
    """
    found = []
    for word in getattr(agent, "argv", ()):
        for path in (word, word.partition("=")[2]):
            if not os.path.isabs(path) or not (os.path.isfile(path) or os.path.isdir(path)):
                continue  # a device, read-only in the sandbox, would no longer be one
            inside = os.path.realpath(main or path) + os.sep
            above = inside.startswith(os.path.realpath(path) + os.sep)
            if not (os.path.isdir(path) and above) and not is_sign_in(path):
                found.append(path)
    return tuple(found)


def _rules(ctx: Context, settings: Settings, wanted: Launch) -> set[Rule]:
    return provider_rules(ctx.environ, ctx.agent(wanted.agent).needs, settings.hosts)


def _network(settings: Settings, wanted: Launch) -> str:
    return (wanted.role.network if wanted.role else "") or settings.network


def _is_confined(ctx: Context) -> bool:
    return ctx.sandbox.name != "none"


def _serves(wanted: Launch) -> tuple[int, ...]:
    first = wanted.env.get("WTMAN_PORT", "")
    return tuple(range(int(first), int(first) + 10)) if first.isdecimal() else ()


def _free_port() -> int:
    """A port that is free now: a sandbox may have no network of its own to listen in."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _by_proxy(port: int) -> dict[str, str]:
    url, local = f"http://127.0.0.1:{port}", "localhost,127.0.0.1,::1"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    told = dict.fromkeys(names, url)
    # Node's own fetch looks at the proxy only when told to.
    return {**told, "NO_PROXY": local, "no_proxy": local, "NODE_USE_ENV_PROXY": "1"}


def _prompt_file(wanted: Launch) -> str:
    return os.path.join(wanted.folder, "prompt.md")


def outcome_of(
    agent: Agent, folder: str, exit_: Exit, model: str, view: SandboxView
) -> tuple[Exit, Outcome]:
    """What a finished session of this evidence folder came to; safe to ask again later.

    Its words are told as `view` has it.
    """
    exit_, outcome = _outcome(agent, folder, exit_)
    reason, answer = view.told(without_page(outcome.reason)), view.told(outcome.answer)
    usage = with_cost(agent, model, outcome.usage)
    # As the words were said: a clock in them means another day whenever it is asked again.
    local = datetime.now().astimezone().tzinfo or UTC
    fatal = told_reset(without_page(outcome.fatal), exit_.ended, local)
    return exit_, replace(outcome, reason=reason, answer=answer, usage=usage, fatal=fatal)


def _outcome(agent: Agent, folder: str, exit_: Exit) -> tuple[Exit, Outcome]:
    state = _folded(agent, folder)
    outcome = agent.end(state, exit_)
    capped = _capped(folder)
    if not capped or exit_.reason is not ExitReason.STOPPED:
        return exit_, outcome
    exit_ = replace(exit_, detail=capped)
    # What told its success and its last use in one breath was done before it was stopped.
    by_itself = Exit(ExitReason.EXITED, code=0)
    told = agent.end(state, by_itself)
    if told.ok and not agent.end(agent.begin(), by_itself).ok:
        return exit_, told
    return exit_, replace(outcome, ok=False, reason=capped)


def _prepare(ctx: Context, settings: Settings, wanted: Launch) -> tuple[str, ...]:
    """Everything of a session that is files; gives what else it may read. Blocking."""
    os.makedirs(wanted.folder, mode=0o700, exist_ok=True)
    prompt = Path(_prompt_file(wanted))
    prompt.write_text(wanted.prompt, encoding="utf-8", errors="surrogateescape")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(wanted.folder, _CAPPED))  # of one that never came to its end
    make_home(ctx, wanted.home, ctx.agent(wanted.agent).needs)
    if not _is_confined(ctx):
        return ()
    # An agent is to be able to run what judges its work.
    texts = [CheckCommand.of(text).run for text in settings.check]
    texts += filter(None, [program_text(wanted.agent, settings.agents)])
    named = named_programs(ctx.repo, ctx.environ, texts)
    link_programs(wanted.home, named)
    packages.lead_there(ctx, wanted.home)
    return (*linked(ctx, settings), *named.read)


class _Stream:
    """Folds a live stream: tells what the session is doing, and stops it over its cap."""

    def __init__(
        self,
        ctx: Context,
        agent: Agent,
        wanted: Launch,
        follow: Callable[[Activity], None] | None,
    ) -> None:
        self._ctx, self._agent, self._wanted, self._follow = ctx, agent, wanted, follow
        self.view = ctx.view(wanted.cwd, wanted.home)
        self._lines = LineSplitter()
        self._state = agent.begin()
        self._over = False
        self.stop: Callable[[], object] = bool

    def __call__(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            self._state, activities = self._agent.step(self._state, line)
            for activity in activities:
                self._take(activity)

    def _take(self, activity: Activity) -> None:
        self._ctx.live_usage.take(self._wanted.id, activity)
        if self._follow is not None:
            self._follow(replace(activity, text=self.view.told(activity.text)))
        reached = self._wanted.cap.reached(activity.usage or Usage())
        if reached and not self._over:
            self._over = True
            reason = f"reached its limit of {reached}"
            Path(self._wanted.folder, _CAPPED).write_text(reason, encoding="utf-8")
            self.stop()


def _capped(folder: str) -> str:
    try:
        return Path(folder, _CAPPED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _folded(agent: Agent, folder: str) -> object:
    """The adapter's state after the whole stream, read from the evidence; of one that reads
    its stderr, too, after that."""
    state = agent.begin()
    for line in _lines(os.path.join(folder, "stdout")):
        state, _ = agent.step(state, line)
    complains = getattr(agent, "complains", None)
    if complains is not None:
        for line in _lines(os.path.join(folder, "stderr")):
            state = complains(state, line)
    return state


def _lines(path: str) -> Iterator[bytes]:
    lines = LineSplitter()
    try:
        with open(path, "rb") as stream:
            while chunk := stream.read(1 << 16):
                yield from lines.feed(chunk)
    except FileNotFoundError:
        return
    yield from lines.flush()
