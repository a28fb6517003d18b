"""A question to an agent: one read-only session of a role, and a structured answer.

Planners, reviewers and refuters are asked here. It promises an answer that fits its
schema and the asker's own rules, or none with the reason; at most one repair round; that
a session which is finished is never run again (the same `key` is the same question, also
after a kill); and that the answer of a session that changed the checkout which it was to
read is no answer. It makes nothing of an answer: that is for the asker.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wtman import files
from wtman.agents import Activity, Agent
from wtman.context import Context
from wtman.errors import SPACE_HINT, DiskFullError
from wtman.execution.output import read_exit
from wtman.formats.json_answers import again, asked, candidates, problems_of
from wtman.git.checkouts.snapshot import Snapshot, snapshot
from wtman.git.objects.history import paths_changed
from wtman.git.run import persistent
from wtman.git.trees import remove_tree
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Role
from wtman.model.session import Cap, Outcome, Usage
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision.setup import git_folders
from wtman.sessions.launch import Launch, launch
from wtman.text.terminal import clean, last_lines

if TYPE_CHECKING:
    from pydantic import BaseModel

_SAID_CAP = 4 << 20  # bytes of a program's output
_COMPLAINT_CAP = 4096
_LEFTOVERS = 50  # evidence of sessions that were stopped before they had answered
_NAMED = 5


def no_rules(value: Any) -> tuple[str, ...]:
    """A question without rules beyond its schema."""
    return ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom.

    `key` names the evidence below the run's folder and the sessions ("planning/1"): whoever
    asks under the same key gets the finished session's answer. `commit` is what the read-only
    checkout holds; with `folder` that checkout is there already (absolute). `program` is what a
    `command:` agent finds on stdin instead of the prompt, where it has a protocol of its own.
    `answer` gives the schema and reads what is said; `judge` names what is wrong with a value of
    it, `last` in place of it where no round is left to repair in. `words` is the field that takes
    an answer in plain words; without one such an answer does not fit. `label` is who is said to be
    doing something. `cap` is of all sessions of the question together; `timeout` is seconds for
    one, 0 the run's.
    """

    key: str
    role: Role
    prompt: str
    answer: "type[BaseModel]"
    agent: str
    commit: Sha
    folder: str = ""
    program: str = ""
    judge: Callable[[Any], tuple[str, ...]] = no_rules
    last: Callable[[Any], tuple[str, ...]] | None = None
    words: str = ""
    label: str = ""
    model: str = ""
    effort: str = ""
    timeout: float = 0.0
    cap: Cap = Cap()
    read: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is a `Question.answer`; None is no answer, and `reason` says why in one line.

    `problems` are what did not fit. `tampered` are paths that the session changed although it
    was only to read; `stopped`: it was cancelled, nothing can be concluded from it. `fatal` and
    `limited` are its outcome's. `usage` and `seconds` are of all sessions that it took,
    `sessions` counts those that ran now and not before a kill, `session` is the agent's own id
    of the last one.
    """

    value: Any = None
    reason: str = ""
    problems: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 0
    tampered: tuple[str, ...] = ()
    stopped: bool = False
    fatal: str = ""
    limited: bool = False


async def ask(ctx: Context, settings: Settings, question: Question) -> Answer:
    """Ask, repair once, and say what came of it. Cancelling stops the session politely.

    Raises only what means that the run cannot go on.
    """
    async with AsyncExitStack() as stack:
        folder = question.folder
        if not folder:
            place = os.path.join(settings.worktrees or ctx.folder, f"{ctx.run}-reading")
            lease = ctx.reading.lease(ctx.git, ctx.control, place, question.commit)
            folder = (await stack.enter_async_context(lease)).path
        before = await persistent(ctx.git, _holds, ctx, folder, question.commit)
        began = ctx.clock()
        answer = await _Asking(ctx, settings, question, folder).answer()
        if answer.stopped:
            return answer
        # Nobody goes on with it: copies of sign-in files must not stay.
        await ctx.git(remove_tree, _home_of(ctx, question))
        if answer.value is None and (lack := await ctx.git(ctx.space.lacked, began)):
            await ctx.git(_forget, ctx, question)
            who = question.label or question.role.name
            raise DiskFullError(f"{lack} while {who} was asked", hint=SPACE_HINT)
        after = await persistent(ctx.git, _holds, ctx, folder, question.commit)
        if after == before:
            return answer
        changed = await ctx.git(paths_changed, ctx.control, before.tree, after.tree)
        changed = (*changed, *after.left)
    named = ", ".join(changed[:_NAMED]) + (" and more" if len(changed) > _NAMED else "")
    reason = f"it changed files in a read-only checkout: {named}"
    return replace(answer, value=None, reason=reason, tampered=tuple(changed))


def _forget(ctx: Context, question: Question) -> None:
    """Let the sessions of a question be none that came to their end: they are run again."""
    for marker in Path(ctx.below(*question.key.split("/"), "")).glob("*/exit.json"):
        marker.unlink(missing_ok=True)


def _holds(ctx: Context, folder: str, commit: Sha) -> Snapshot:
    """What the checkout holds, but for ignored files: caches of tools are no tampering."""
    return snapshot(ctx.control, folder, "", commit, leave=True)


class _Asking:
    """The sessions of one question: its first, and the repair round if it needs one."""

    def __init__(self, ctx: Context, settings: Settings, question: Question, folder: str) -> None:
        self._ctx, self._settings, self._question, self._folder = ctx, settings, question, folder
        self._agent: Agent = ctx.agent(question.agent)
        self._number = 0
        self._sum = Answer()

    async def answer(self) -> Answer:
        question = self._question
        prompt = self._worded()
        outcome, said = await self._session(prompt, "")
        if outcome is None:
            return self._sum
        value, problems = _read(question, said, question.judge)
        if not problems:
            return replace(self._sum, value=value)
        lenient = question.last or question.judge
        passed = self._passed(said, problems)
        if not self._may_repair():
            return passed or replace(self._sum, reason=_unusable(problems), problems=problems)
        resume = outcome.session if self._agent.resumes else ""
        prompt = again(problems) if resume else again(problems, prompt, said)
        outcome, said = await self._session(prompt, resume)
        if outcome is None:
            return self._with_sum(passed)
        value, problems = _read(question, said, lenient)
        if problems:
            told = replace(self._sum, reason=_unusable(problems), problems=problems)
            return told if passed is None else self._with_sum(passed)
        return replace(self._sum, value=value)

    def _passed(self, said: str, problems: tuple[str, ...]) -> Answer | None:
        """A first answer that will do where its repair brings none."""
        if self._question.last is None:
            return None
        value, wrong = _read(self._question, said, self._question.last)
        return None if wrong else replace(self._sum, value=value, problems=problems)

    def _with_sum(self, passed: Answer | None) -> Answer:
        """With what all sessions took; of one that was stopped nothing can be concluded."""
        if passed is None or self._sum.stopped:
            return self._sum
        return replace(self._sum, value=passed.value, problems=passed.problems, reason="")

    def _worded(self) -> str:
        question = self._question
        if _is_program(self._agent) and question.program:
            return question.program
        if self._agent.structured:
            return question.prompt
        # A program has no system prompt either; adapters of other agents put the role in front.
        role = question.role.text if _is_program(self._agent) else ""
        return asked(question.prompt, question.answer.model_json_schema(), role)

    def _may_repair(self) -> bool:
        """Whether a second round is worth it, and fits the caps."""
        if self._question.program and _is_program(self._agent):
            return False  # it reads its own protocol, and says the same to the same
        return self._left() is not None

    def _left(self) -> Cap | None:
        """What its sessions have left of the caps; None: nothing."""
        return self._question.cap.after(self._sum.usage)

    async def _session(self, prompt: str, resume: str) -> tuple[Outcome | None, str]:
        """The next session that came to an end of its own; None where it gives no answer."""
        view = self._ctx.view(self._folder)
        for _ in range(_LEFTOVERS):
            self._number += 1
            left = self._left()
            # Its checkout borrows the repository's objects: without them git is no use to it.
            shown = await self._ctx.git(git_folders, self._ctx)
            wanted = self._launch(prompt, resume, left or Cap(), shown)
            known = await self._ctx.git(read_exit, wanted.folder)
            if known is None and left is None:
                self._sum = replace(self._sum, reason="its sessions used up its limit")
                return None, ""
            exit_, outcome = await launch(self._ctx, self._settings, wanted, self._follow)
            self._count(exit_, outcome, resumed=bool(resume), ran=known is None)
            if known is None or not _cut_short(exit_):
                break
            # An earlier coordinator stopped it, which says nothing about the question.
        if _cut_short(exit_):
            self._sum = replace(self._sum, reason="stopped", stopped=True)
            return None, ""
        if not outcome.ok:
            reason = outcome.reason or "the session failed"
            if reason == exit_.problem() and exit_.reason is ExitReason.EXITED:
                said = view.told(await self._ctx.git(_complaint, wanted.folder))
                reason += f": {said}" if said else ""
            self._sum = replace(
                self._sum,
                reason=reason,
                fatal=outcome.fatal,
                limited=outcome.limited,
            )
            return None, ""
        said = outcome.answer
        if not said and not self._agent.structured:
            said = view.told(await self._ctx.git(_printed, wanted.folder))
        return outcome, said

    def _launch(self, prompt: str, resume: str, left: Cap, shown: tuple[str, ...]) -> Launch:
        question, ctx, structured = self._question, self._ctx, self._agent.structured
        label = TaskId(question.label or question.role.name)
        return Launch(
            id=f"{ctx.run}/{question.key}/{self._number}",
            folder=ctx.below(*question.key.split("/"), str(self._number)),
            agent=question.agent,
            prompt=prompt,
            cwd=self._folder,
            writable=False,
            home=_home_of(ctx, question),
            task=label,
            attempt=self._number,
            env={
                "WTMAN_RUN": ctx.run,
                "WTMAN_TASK": label,
                "WTMAN_ROLE": question.role.name,
                "WTMAN_ATTEMPT": str(self._number),
                **question.env,
            },
            read=(*question.read, *shown),
            role=question.role,
            model=question.model,
            effort=question.effort,
            schema=json.dumps(question.answer.model_json_schema()) if structured else "",
            resume=resume,
            timeout=question.timeout,
            grace=self._settings.grace,
            cap=left,
        )

    def _count(self, exit_: Exit, outcome: Outcome, *, resumed: bool, ran: bool) -> None:
        so_far = self._sum
        # Figures that go on from the resumed session have its share in them already.
        goes_on = resumed and outcome.cumulative
        self._sum = replace(
            so_far,
            usage=outcome.usage if goes_on else so_far.usage + outcome.usage,
            session=outcome.session or so_far.session,
            seconds=so_far.seconds + max(exit_.ended - exit_.started, 0.0),
            sessions=so_far.sessions + ran,
        )

    def _follow(self, activity: Activity) -> None:
        if activity.text:
            name = self._question.label or self._question.role.name
            self._ctx.activity(TaskId(name), activity.text)


def _home_of(ctx: Context, question: Question) -> str:
    return ctx.below(*question.key.split("/"), "home")


def _cut_short(exit_: Exit) -> bool:
    """Whether somebody stopped it; over its cap it was wtman's own doing, and has a `detail`."""
    return exit_.reason is ExitReason.STOPPED and not exit_.detail


def _is_program(agent: Agent) -> bool:
    """Whether it is any program of the user's, which knows no roles and no schemas."""
    return agent.name == "command"


def _read(
    question: Question, said: str, judge: Callable[[Any], tuple[str, ...]]
) -> tuple[Any, tuple[str, ...]]:
    """The answer in what was said, or what is wrong with the likeliest one."""
    from pydantic import ValidationError

    found: tuple[str, ...] = ()
    plain = [{question.words: said.strip()}] if question.words and said.strip() else []
    for raw in (*candidates(said), *plain):
        try:
            value = question.answer.model_validate(raw)
        except ValidationError as error:
            found = found or problems_of(error.errors(include_input=False))
            continue
        if not (wrong := judge(value)):
            return value, ()
        found = found or wrong
    return None, found or ("it has no JSON object",)


def _unusable(problems: tuple[str, ...]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"it gave no usable answer: {problems[0]}{more}"


def _complaint(folder: str) -> str:
    """The last line that a program wrote to stderr: why it failed, in its own words."""
    text = files.tail(os.path.join(folder, "stderr"), _COMPLAINT_CAP).decode("utf-8", "replace")
    return "".join(clean(line, 200) for line in last_lines(text, 1))


def _printed(folder: str) -> str:
    """The end of what a program printed."""
    return files.tail(os.path.join(folder, "stdout"), _SAID_CAP).decode("utf-8", "replace")
