"""A user's own agent, as `[agents.NAME]` of the configuration defines it.

Its command is filled in without a shell. Its output is read as one of the agents that wtman
knows has it, as words, or not at all: then the exit status is all that it says.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of, way_in
from wtman.agents.stream import argument, fed, trouble_of
from wtman.formats.shell_words import with_home
from wtman.model.agent_definition import STATUS, WORDS, AgentDefinition
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome
from wtman.model.values import dataclass

_PLACE = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")


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

    def begin(self) -> Any:
        return self.reader.begin() if self.reader is not None else b""

    def step(self, state: Any, line: bytes) -> tuple[Any, tuple[Activity, ...]]:
        if self.reader is not None:
            stepped: tuple[Any, tuple[Activity, ...]] = self.reader.step(state, line)
            return stepped
        text = text_of(line)
        if not text:
            return state, ()
        said = self.definition.stream == WORDS
        return text, ((Activity("says", text),) if said else ())

    def end(self, state: Any, exit: Exit) -> Outcome:
        if self.reader is not None:
            ended: Outcome = self.reader.end(state, exit)
            return ended
        reason = exit.problem()
        if not reason or exit.reason is not ExitReason.EXITED:
            return Outcome(ok=not reason, reason=reason)
        trouble = trouble_of(state) if state else ""
        why = f"{reason}: {state}" if state else reason
        return Outcome(
            ok=False,
            reason=why,
            fatal=state if trouble == "fatal" else "",
            limited=trouble == "limited",
        )


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

    return tuple(argument(_PLACE.sub(value, word)) for word in argv)


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
