"""pi, headless: `pi --mode json`, the prompt on stdin.

What is believed of it was measured (0.73.1): its exit status is 0 whatever happened, so the
last message of its stream says how it ended; `agent_end` comes before each try again; each
message tells its own tokens and money, 0 where its catalog knows no price. It takes the word
behind an option as its value, whatever that begins with, and knows no `--option=value`.

It has no permissions of its own: what keeps it in its place is wtman's sandbox. Extensions,
prompt templates and packages of a repository are left out, and nothing is fetched at its start.
For each piece of an answer it prints the answer so far; `pi.cjs` keeps that from the stream.
"""

import posixpath
import re
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import argument, fed, field, items, money, number, parsed, text, trouble_of
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass

_QUIET = posixpath.join(posixpath.dirname(__file__), "pi.cjs")
_ENV = {"PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0"}
_STATUS = re.compile(r"\s*([1-5]\d\d)\s+(.*)", re.DOTALL)
_TARGETS = "path command pattern".split()


@dataclass(frozen=True, slots=True)
class PiStream:
    """`stopped` is why the last message ended. A conversation in which it was `answered` never
    cannot be resumed. `waits` for the provider, by which it was `refused`."""

    session: str = ""
    model: str = ""
    stopped: str = ""
    done: bool = False
    failed: str = ""
    said: str = ""
    answered: bool = False
    waits: bool = False
    refused: str = ""
    usage: Usage = Usage()


Step = tuple[PiStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class PiAgent:
    name: str = "pi"
    resumes: bool = True
    priced: bool = True
    structured: bool = False
    needs: Needs = Needs(
        program="pi",
        version=("pi", "--version"),
        secrets=(
            "ANTHROPIC_OAUTH_TOKEN",
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GEMINI_API_KEY",
            "OPENROUTER_API_KEY",
            "DEEPSEEK_API_KEY",
            "XAI_API_KEY",
            "GROQ_API_KEY",
            "MISTRAL_API_KEY",
            "CEREBRAS_API_KEY",
            "AZURE_OPENAI_API_KEY",
        ),
        env=(
            "AZURE_OPENAI_API_VERSION",
            "AZURE_OPENAI_BASE_URL",
            "AZURE_OPENAI_DEPLOYMENT_NAME_MAP",
            "AZURE_OPENAI_RESOURCE_NAME",
        ),
        files=(".pi/agent/auth.json", ".pi/agent/models.json", ".pi/agent/settings.json"),
        hosts=(
            "api.anthropic.com",
            "platform.claude.com",
            "console.anthropic.com",
            "api.openai.com",
            "auth.openai.com",
            "chatgpt.com",
            "generativelanguage.googleapis.com",
            "openrouter.ai",
            "api.deepseek.com",
            "api.x.ai",
            "api.groq.com",
            "api.mistral.ai",
            "api.cerebras.ai",
            "api.githubcopilot.com",
            "api.individual.githubcopilot.com",
        ),
        install="npm install -g @mariozechner/pi-coding-agent",
        sign_in="run `pi` and /login, or set the API key of its provider",
        memory=200,
    )

    def command(self, job: Job) -> Command:
        argv = ["pi", "--mode", "json", *_rights(job), *_model(job)]
        if job.resume:
            argv += ["--session", job.resume]
        prompt = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
        if prompt.startswith("/"):  # else a skill or a command of its own
            prompt = f"Task: {prompt}"
        quiet = _QUIET.replace("\\", "\\\\").replace('"', '\\"')
        env = {**_ENV, "NODE_OPTIONS": f'--require "{quiet}"', **job.env}
        return Command(tuple(map(argument, argv)), job.worktree, env, fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ("pi", *_rights(job), *_model(job), "--session", job.resume)
        return Command(tuple(map(argument, argv)), job.worktree, {**_ENV, **job.env})

    def begin(self) -> PiStream:
        return PiStream()

    def step(self, state: PiStream, line: bytes) -> Step:
        event = parsed(line)
        match text(event, "type"):
            case "session":
                return replace(state, session=text(event, "id")), ()
            case "agent_start" | "turn_start":
                return replace(state, done=False, waits=True), ()
            case "message_end" if text(event, "message", "role") == "assistant":
                return _message(state, field(event, "message"))
            case "tool_execution_start":
                return replace(state, waits=False), (_does(event),)
            case "auto_retry_start":
                return _retry(state, event)
            case "agent_end":
                return replace(state, done=True, waits=False), ()
        return state, ()

    def end(self, state: PiStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=state.usage,
            session=state.session if state.answered else "",
            fatal=reason if trouble == "fatal" else "",
            answer=state.said,
            model=state.model,
            limited=trouble == "limited",
        )


# --- the command --------------------------------------------------------------------------------


def _rights(job: Job) -> tuple[str, ...]:
    flags = ("--no-extensions", "--no-prompt-templates")
    if job.writes:
        return flags
    shell = job.confined and any(tool.startswith("Bash") for tool in job.tools)
    return (*flags, "--tools", "read,grep,find,ls,bash" if shell else "read,grep,find,ls")


def _model(job: Job) -> tuple[str, ...]:
    flags = ("--model", job.model) if job.model else ()
    effort = "xhigh" if job.effort == "max" else job.effort
    return (*flags, *(("--thinking", effort) if effort else ()))


# --- the stream ---------------------------------------------------------------------------------


def _message(state: PiStream, message: Any) -> Step:
    said = "\n".join(
        text(block, "text")
        for block in items(message, "content")
        if text(block, "type") == "text" and text(block, "text").strip()
    )
    stopped, failed = text(message, "stopReason"), ""
    if stopped in ("error", "aborted"):
        failed = _plain(text(message, "errorMessage")) or f"its last message ended with {stopped}"
    elif stopped == "stop" and _is_empty(message):
        failed = "the provider gave an empty answer"
    else:
        model = text(message, "responseModel") or text(message, "model")
        state = replace(state, answered=True, refused="", model=model, said=said or state.said)
    usage = state.usage + _usage(field(message, "usage"))
    state = replace(state, stopped=stopped, failed=failed, waits=False, usage=usage)
    told = (Activity("says", _line(said)),) if _line(said) and not failed else ()
    return state, (*told, Activity("usage", usage=usage))


def _is_empty(message: Any) -> bool:
    return not items(message, "content") and not _usage(field(message, "usage")).tokens


def _does(event: Any) -> Activity:
    target = next((found for name in _TARGETS if (found := text(event, "args", name))), "")
    return Activity("does", _line(f"{text(event, 'toolName')} {target}"))


def _retry(state: PiStream, event: Any) -> Step:
    said = _plain(text(event, "errorMessage"))
    state = replace(state, refused=said, waits=True)
    if "(status 429)" in said or "(status 529)" in said:
        wait = min(number(event, "delayMs") / 1000, 86_400.0)
        return state, (Activity("retry", _line(f"waits: {said}"), wait=wait),)
    return state, (Activity("says", _line(f"tries again: {said}")),)


def _usage(value: Any) -> Usage:
    cached = number(value, "cacheRead")
    read = number(value, "input") + cached + number(value, "cacheWrite")
    # Nothing is what a model costs that its catalog has no price of.
    cost = money(value, "cost", "total") or None
    return Usage(read, number(value, "output"), cost, cached)


def _plain(message: str) -> str:
    """The provider's words out of `401 {"error": {"message": ...}}`, with the status."""
    found = _STATUS.fullmatch(message)
    said = found[2] if found else message
    body = parsed(said.encode())
    said = text(body, "error", "message") or text(body, "message") or said
    return _line(f"{said} (status {found[1]})" if found else said)


def _line(said: str) -> str:
    return text_of(said.encode())


# --- the end ------------------------------------------------------------------------------------


def _judged(state: PiStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        late = exit.reason is ExitReason.TIMEOUT and state.waits
        refused = state.refused if late else ""
        return trouble_of(refused), f"{ended}: {refused}" if refused else ended
    if state.failed:
        return trouble_of(state.failed), state.failed
    if not state.done or state.stopped != "stop":
        return "", f"it ended in the middle ({state.stopped or 'no answer'})"
    return "", ""


def make(argument: str) -> PiAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent pi takes no argument", hint="--model names a model")
    return PiAgent()
