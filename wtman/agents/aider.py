"""aider, headless: `aider --message-file`, a program over many providers' APIs.

What is believed of it was measured (0.86.2). It prints words for people; between them its
analytics, which are sent nowhere, are written into the same stream as JSON lines: what was
asked, what an answer used, how it ended. Its exit status is 0 whatever happened: finished is a
session whose last request was answered. A refusal is tried again for a minute (401 is not), an
edit that does not fit three times. It tells money where it knows the model's price, and nothing
of caches. It has no tools: it sees the files that the prompt or the model names, and a map of
the others.

It keeps no conversation that could be resumed. A prompt is text in UTF-8, and one that begins
with `/` or `!` would be a command of its own. Its map of the repository is kept in the checkout,
where git overlooks it (`git/control_dir.py`). What a repository says in `.aider.conf.yml` or
`.env` counts for it, as for the user; what of that would run something is taken back below.
"""

import re
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import (
    argument,
    fed,
    field,
    money,
    number,
    parsed,
    text,
    trouble_of,
    without_page,
)
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass

_ALWAYS = (
    "--yes-always --no-pretty --no-stream --no-fancy-input --encoding=utf-8 "
    # wtman commits; no file of its own stays in the checkout.
    "--no-auto-commits --no-dirty-commits --no-gitignore "
    "--input-history-file=/dev/null --chat-history-file=/dev/null --llm-history-file=/dev/null "
    # What costs requests, asks, or runs what a repository says.
    "--no-auto-lint --no-auto-test --test-cmd= --load=/dev/null --message= --no-notifications "
    "--no-suggest-shell-commands --no-detect-urls --disable-playwright --no-watch-files --no-gui "
    "--no-copy-paste --no-check-update --no-show-release-notes --no-show-model-warnings "
    "--no-analytics --analytics-log=/dev/stdout"
).split()
_ENV = {
    "PYTHONUNBUFFERED": "1",  # else its words come after its events
    "COLUMNS": "100000",  # else they are wrapped, those of an answer too
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices are not fetched
    # A sign-in that it offers has nobody to answer it: it waits for five minutes, unless somebody
    # interrupts it, as the words that it says then want it. Pages of help are not opened.
    "BROWSER": "sh -c 'case $0 in *openrouter.ai/auth[?]*) kill -INT $PPID;; esac' %s",
}
_MOST = 1 << 20  # characters of an answer that are kept
_PAGE = 350  # characters of a refusal that is a page
_EMPTY = "Empty response received from LLM"
_NOBODY = "No LLM model was specified and no API keys were provided"
_REFUSED = "litellm."
_RETRYING = re.compile(r"Retrying in [\d.]+ seconds\.\.\.$")
_TOKENS = re.compile(r"Tokens: [\d.,]+[kM]? sent, ")
_UNFIT = ("The LLM did not conform to the edit format", "Exception while updating files")
_SKIPPED = ("Skipping edits to ", "Unable to create ")
_APPLIED = "Applied edit to "


_ENDPOINTS = (
    "OPENAI_API_BASE",
    "AIDER_OPENAI_API_BASE",
    "ANTHROPIC_API_BASE",
    "OLLAMA_API_BASE",
    "OPENROUTER_API_BASE",
)


@dataclass(frozen=True, slots=True)
class AiderStream:
    """`asking`: a request has no answer yet, with the words that came since; `told` that they are
    whole. `ended` is why it says that it ended. `refused` is the last refusal of the request that
    it is asking; `edited` None: no edit was tried."""

    asking: bool = False
    words: tuple[str, ...] = ()
    length: int = 0
    told: bool = False
    answered: bool = False
    said: str = ""
    ended: str = ""
    failed: str = ""
    refused: str = ""
    usage: Usage = Usage()
    edited: bool | None = None


Step = tuple[AiderStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class AiderAgent:
    name: str = "aider"
    resumes: bool = False
    priced: bool = False  # not every model's
    structured: bool = False
    needs: Needs = Needs(
        program="aider",
        version=("aider", "--version"),
        secrets=(
            "OPENAI_API_KEY",
            "ANTHROPIC_API_KEY",
            "GEMINI_API_KEY",
            "OPENROUTER_API_KEY",
            "DEEPSEEK_API_KEY",
            "AIDER_OPENAI_API_KEY",
            "AIDER_ANTHROPIC_API_KEY",
            "AIDER_API_KEY",
        ),
        env=(
            *_ENDPOINTS,
            "AIDER_EDIT_FORMAT",
            "AIDER_EDITOR_MODEL",
            "AIDER_MODEL",
            "AIDER_TIMEOUT",
            "AIDER_WEAK_MODEL",
        ),
        endpoints=_ENDPOINTS,
        files=(
            ".aider/oauth-keys.env",
            ".aider.conf.yml",
            ".aider.model.settings.yml",
            ".aider.model.metadata.json",
        ),
        hosts=(
            "api.openai.com",
            "api.anthropic.com",
            "generativelanguage.googleapis.com",
            "openrouter.ai",
            "api.deepseek.com",
        ),
        install="pipx install aider-chat",
        memory=330,
        sign_in="set the key of your provider, such as OPENAI_API_KEY or ANTHROPIC_API_KEY",
    )

    def command(self, job: Job) -> Command:
        argv = ["aider", "--message-file=/dev/stdin", *_ALWAYS]
        if job.model:
            argv.append(f"--model={job.model}")
        if job.effort:
            most = "high" if job.effort in ("xhigh", "max") else job.effort
            argv.append(f"--reasoning-effort={most}")
        if not job.writes:
            argv.append("--edit-format=ask")
        env = {**job.env, **_ENV}
        return Command(tuple(map(argument, argv)), job.worktree, env, _prompt(job))

    def begin(self) -> AiderStream:
        return AiderStream()

    def step(self, state: AiderStream, line: bytes) -> Step:
        event = parsed(line)
        if event is not None and text(event, "user_id") and "properties" in event:
            return _event(state, text(event, "event"), field(event, "properties"))
        return _words(state, line.decode("utf-8", "replace").rstrip())

    def end(self, state: AiderStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=state.usage,
            fatal=reason if trouble == "fatal" else "",
            answer=state.said,
            limited=trouble == "limited",
        )


def _prompt(job: Job) -> bytes:
    words = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
    if words.lstrip()[:1] in ("/", "!"):
        words = f"Do this:\n\n{words}"
    # What is no UTF-8 would end its reading, and with it the session.
    return fed(words).decode("utf-8", "replace").encode()


# --- the stream ---------------------------------------------------------------------------------


def _event(state: AiderStream, name: str, told: Any) -> Step:
    match name:
        case "message_send_starting":
            began = replace(state, asking=True, words=(), length=0, told=False)
            return replace(began, refused="", failed=""), ()
        case "message_send":
            cost = money(told, "cost")
            used = Usage(
                number(told, "prompt_tokens"), number(told, "completion_tokens"), cost or None
            )
            said = "\n".join(state.words).strip()
            state = replace(
                state, asking=False, answered=True, words=(), length=0, refused="",
                said=said, usage=state.usage + used,
            )  # fmt: skip
            shown = (Activity("says", text_of(said.encode())),) if said else ()
            return state, (*shown, Activity("usage", usage=state.usage))
        case "message_send_exception":
            return replace(state, failed=text_of(text(told, "exception").encode())), ()
        case "exit":
            return replace(state, ended=text(told, "reason") or "no reason"), ()
    return state, ()


def _words(state: AiderStream, line: str) -> Step:
    shown = text_of(line.encode())
    if line.startswith(_REFUSED) and state.asking:
        said = shown.partition(": ")[2] or shown
        much = "RateLimitError" in line and _trouble(shown) == "limited"
        seen = Activity("retry" if much else "says", said)
        return replace(state, refused=shown, words=(), length=0), (seen,)
    if state.asking and _is_open(state.refused):
        whole = text_of(f"{state.refused} {shown}".encode())
        told = without_page(whole) if _RETRYING.match(line) or len(whole) > _PAGE else whole
        return replace(state, refused=told), ()
    if line.startswith(_NOBODY):
        return replace(state, failed=shown), ()
    if line.startswith(_EMPTY) and state.asking and not state.length:
        return replace(state, failed=shown), ()
    if state.asking:
        if _TOKENS.match(line):
            return replace(state, told=True), ()  # what comes now are troubles of its own
        if not state.told and state.length < _MOST and not _RETRYING.match(line):
            length = state.length + len(line) + 1
            state = replace(state, words=(*state.words, line), length=length)
        return state, ()
    if line.startswith(_APPLIED):
        doing = Activity("does", f"Edit {shown.removeprefix(_APPLIED)}")
        return replace(state, edited=True), (doing,)
    if line.startswith((*_UNFIT, *_SKIPPED)):
        return replace(state, edited=bool(state.edited)), (Activity("says", shown),)
    return state, ()


def _is_open(refused: str) -> bool:
    """Whether a page of HTML has begun in it, line by line, and is not over."""
    said = refused.lower()
    return ("<!doctype html" in said or "<html" in said) and "</html>" not in said


def _judged(state: AiderStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if state.failed.startswith(_NOBODY):
        return "fatal", state.failed
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        refused = state.refused if exit.reason is ExitReason.TIMEOUT else ""
        return _trouble(refused), f"{ended}: {refused}" if refused else ended
    if state.failed:
        return trouble_of(state.failed), state.failed
    if state.asking:
        refused = state.refused or "the last request has no answer"
        return _trouble(refused), refused
    if not state.answered:
        return "", f"it ended without an answer{f': {state.ended}' if state.ended else ''}"
    if not state.ended:
        return "", "it ended without saying so"
    if state.edited is False:
        return "", "every change that it tried was refused"
    return "", ""


# Its errors name a class of the library that it speaks with, and no status.
_CLASSES = {
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "RateLimitError": 429,
    "InternalServerError": 500,
    "BadGatewayError": 502,
    "ServiceUnavailableError": 503,
    "APIConnectionError": 503,
    "Timeout": 408,
}


def _trouble(refused: str) -> str:
    name = refused.removeprefix(_REFUSED).partition(":")[0]
    return trouble_of(refused, _CLASSES.get(name, 0)) if refused else ""


def make(argument: str) -> AiderAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent aider takes no argument", hint="--model names a model")
    return AiderAgent()
