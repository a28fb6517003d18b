"""A user's own agent, as `[agents.NAME]` of the configuration defines it.

Its command is filled in without a shell. Its output is read as one of the agents that wtman
knows has it, as words, or not at all: then the exit status is all that it says. Words may be a
model's own: that a provider refused is believed of events and of stderr alone.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of, way_in
from wtman.agents.stream import argument, fed, trouble_of
from wtman.formats.shell_words import with_home
from wtman.model.agent_definition import PLACE, STATUS, WORDS, AgentDefinition
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome
from wtman.model.values import dataclass

_KEPT = 10  # lines of stderr


@dataclass(frozen=True, slots=True)
class DefinedStream:
    """`inner` is the state of whoever reads its events; `complaints` are the last lines of its
    stderr, without what a line has below it, such as a traceback's."""

    inner: Any = None
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinedAgent:
    """`reader` is the agent whose stream it has, None where its output is words or nothing."""

    name: str
    definition: AgentDefinition
    needs: Needs
    resumes: bool
    priced: bool
    metered: bool
    provider: str
    answers: bool
    reader: Any = None
    structured: bool = False

    def command(self, job: Job) -> Command:
        own = self.definition
        resumed = bool(own.resume) and bool(job.resume) and not job.resume.startswith("-")
        chosen = (
            (own.system, bool(job.system)),
            (own.read_only, not job.writes),
            (own.model, bool(job.model)),
            (own.resume, resumed),
        )
        options = tuple(word for words, wanted in chosen if wanted for word in words)
        prompt = job.prompt if own.system or not job.system else f"{job.system}\n\n{job.prompt}"
        argv = _placed(own.command, options)
        filled = _filled(argv, job, way_in(prompt, job.prompt_file))
        named = any("{prompt}" in word or "{prompt_file}" in word for word in argv)
        fixed = dict(text.split("=", 1) for text in own.env if "=" in text)
        env = {**fixed, **job.env, "WTMAN_PROMPT_FILE": job.prompt_file}
        return Command(filled, job.worktree, env, b"" if named else fed(prompt))

    def begin(self) -> DefinedStream:
        return DefinedStream(self.reader.begin() if self.reader is not None else None)

    def step(self, state: DefinedStream, line: bytes) -> tuple[DefinedStream, tuple[Activity, ...]]:
        if self.reader is not None:
            inner, told = self.reader.step(state.inner, line)
            return replace(state, inner=inner), told
        said = text_of(line) if self.definition.stream == WORDS else ""
        return state, ((Activity("says", said),) if said else ())

    def complains(self, state: DefinedStream, line: bytes) -> DefinedStream:
        """Take a line of stderr."""
        said = text_of(line)
        if not said or line[:1].isspace():
            return state
        return replace(state, complaints=(*state.complaints, said)[-_KEPT:])

    def end(self, state: DefinedStream, exit: Exit) -> Outcome:
        problem = exit.problem()
        if self.reader is not None:
            outcome: Outcome = self.reader.end(state.inner, exit)
        else:
            outcome = Outcome(ok=not problem, reason=problem)
        if outcome.ok or outcome.reason != problem:
            return outcome
        kept = {ExitReason.EXITED: _KEPT, ExitReason.TIMEOUT: 1}.get(exit.reason, 0)
        for line in state.complaints[::-1][:kept]:
            if trouble := trouble_of(line):
                fatal = line if trouble == "fatal" else ""
                return replace(outcome, fatal=fatal, limited=trouble == "limited")
        return outcome


def _placed(argv: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    if "{options}" not in argv:
        return (*argv, *options)
    at = argv.index("{options}")
    return (*argv[:at], *options, *argv[at + 1 :])


def _filled(argv: tuple[str, ...], job: Job, prompt: str) -> tuple[str, ...]:
    values: Mapping[str, Callable[[], str]] = {
        # What is positional could be taken for an option.
        "prompt": lambda: f" {prompt}" if prompt.startswith("-") else prompt,
        "prompt_file": lambda: job.prompt_file,
        "model": lambda: job.model,
        "session": lambda: job.resume,
        "system": lambda: job.system,
        "worktree": lambda: job.worktree,
        "task": lambda: job.task,
    }

    def value(found: re.Match[str]) -> str:
        kept, name = found[1], found[2]
        return f"{{{kept}}}" if kept else values[name]() if name in values else found[0]

    return tuple(argument(PLACE.sub(value, word)) for word in argv)


def _sign_in(definition: AgentDefinition) -> str:
    """How a user signs in, as far as the definition tells."""
    ways = [
        f"have its own sign-in write {text}" if text.startswith("~/") else f"set {text}"
        for text in definition.sign_in
    ]
    return " or ".join(ways) or f"sign in as {definition.command[0]} wants it"


def make(name: str, definition: AgentDefinition, home: str, reader: Any) -> DefinedAgent:
    """The agent of a definition that the configuration has judged, with whoever reads a stream
    of its kind."""
    placed = tuple(shlex.split(with_home(shlex.join(definition.command), home)))
    definition = replace(definition, command=placed)
    files = tuple(text[2:] for text in definition.sign_in if text.startswith("~/"))
    variables = tuple(text for text in definition.sign_in if not text.startswith("~/"))
    program = definition.command[0]
    return DefinedAgent(
        name,
        definition,
        Needs(
            program=program,
            secrets=variables,
            env=tuple(text for text in definition.env if "=" not in text),
            files=files,
            hosts=definition.hosts,
            memory=definition.memory,
            install=definition.install or f"it is `{program}` of [agents.{name}]",
            sign_in=_sign_in(definition),
        ),
        resumes=bool(definition.resume),
        priced=reader is not None and reader.priced,
        metered=reader is not None,
        provider=definition.provider or getattr(reader, "provider", ""),
        answers=definition.stream != STATUS,
        reader=reader,
    )
