"""GitHub's Copilot CLI, headless: `copilot --output-format=json`, the prompt on stdin.

What is believed of it was measured (1.0.102). Its events tell no tokens; its telemetry does, to
the token and while it works, subagents included: `chat` spans, written as JSON lines into the
same stream and nowhere else. The conversation's id is in every span; its own events have it only
at the end. A refusal is tried again five times, 401 twice; then comes `session.error` and exit
status 1. After a TERM it says that it ended with 0, so that the exit status counts, too. An
answer of no words is its own error. Which tool edits depends on the model: `apply_patch`, or
`create` and `edit`; a refused edit ends with status 0. A repository's hooks and servers run only
in a folder that is trusted, which is not done here.
"""

import re
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import (
    argument,
    fed,
    field,
    number,
    parsed,
    text,
    trouble_of,
)
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass

_EDITS = ("apply_patch", "create", "edit")
_SHELL = ("bash", "read_bash", "stop_bash", "list_bash")
_TARGETS = "path command pattern query url intent description".split()
_MEASURED = {
    "COPILOT_OTEL_EXPORTER_TYPE": "file",
    # Opened again for appending: with a sandbox around it, too.
    "COPILOT_OTEL_FILE_EXPORTER_PATH": "/dev/stdout",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false",
    "OTEL_METRIC_EXPORT_INTERVAL": "86400000",  # they say the same again
}
_ERROR = "Error: "
_UNKNOWN = re.compile("authentication information|Access Token|_GITHUB_TOKEN", re.IGNORECASE)
_TOKEN = "COPILOT_GITHUB_TOKEN"
_ADDRESS = "COPILOT_PROVIDER_BASE_URL"


@dataclass(frozen=True, slots=True)
class CopilotStream:
    """`ended` is the exit status that it tells, -1 before it does. `refused` is a refusal that is
    being retried; `editing` are the ids of edits that have no result yet; `edited` None: no edit
    was tried."""

    session: str = ""
    model: str = ""
    ended: int = -1
    aborted: bool = False
    failed: str = ""
    trouble: str = ""
    said: str = ""
    complained: str = ""
    refused: str = ""
    usage: Usage = Usage()
    editing: frozenset[str] = frozenset()
    edited: bool | None = None


Step = tuple[CopilotStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class CopilotAgent:
    name: str = "copilot"
    resumes: bool = True
    priced: bool = False
    structured: bool = False
    needs: Needs = Needs(
        program="copilot",
        version=("copilot", "--version"),
        secrets=(_TOKEN, "COPILOT_PROVIDER_API_KEY", "COPILOT_PROVIDER_BEARER_TOKEN"),
        env=(
            _ADDRESS,
            "COPILOT_MODEL",
            "COPILOT_OFFLINE",
            "COPILOT_PROVIDER_AZURE_API_VERSION",
            "COPILOT_PROVIDER_HEADERS",
            "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS",
            "COPILOT_PROVIDER_MAX_PROMPT_TOKENS",
            "COPILOT_PROVIDER_MODEL_ID",
            "COPILOT_PROVIDER_TRANSPORT",
            "COPILOT_PROVIDER_TYPE",
            "COPILOT_PROVIDER_WIRE_API",
            "COPILOT_PROVIDER_WIRE_MODEL",
            "COPILOT_GH_HOST",
            "GH_HOST",
        ),
        endpoints=(_ADDRESS,),
        files=(".copilot/config.json", ".copilot/settings.json"),
        hosts=("api.github.com", "*.githubcopilot.com", "copilot-proxy.githubusercontent.com"),
        install="npm install -g @github/copilot",
        memory=280,
        sign_in=f"run `copilot login`, or set {_TOKEN} or {_ADDRESS}",
    )

    def command(self, job: Job) -> Command:
        argv = ["copilot", "--output-format=json", "--no-ask-user", "--log-level=error"]
        argv += [*_rights(job), *_choices(job)]
        prompt = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
        env = {**_surroundings(job), **_MEASURED}
        return Command(tuple(map(argument, argv)), job.worktree, env, fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ("copilot", *_rights(job), *_choices(job))
        return Command(tuple(map(argument, argv)), job.worktree, _surroundings(job))

    def begin(self) -> CopilotStream:
        return CopilotStream()

    def step(self, state: CopilotStream, line: bytes) -> Step:
        event = parsed(line)
        data = field(event, "data")
        match text(event, "type"):
            case "span":
                return _span(state, event)
            case "assistant.message" if not text(event, "agentId"):
                return _message(state, data)
            case "tool.execution_start":
                return _begun(state, data)
            case "tool.execution_complete":
                return _done(state, data), ()
            case "model.call_failure":
                return _refusal(state, data)
            case "session.error":
                said = text(data, "message")
                state = replace(
                    state,
                    failed=text_of(said.encode()) or "an error that it does not name",
                    trouble=trouble_of(said, number(data, "statusCode")),
                )
                return state, ()
            case "abort":
                return replace(state, aborted=True), ()
            case "result":
                told = number(event, "exitCode")
                session = text(event, "sessionId") or state.session
                return replace(state, ended=told, session=session), ()
        return state, ()

    def complains(self, state: CopilotStream, line: bytes) -> CopilotStream:
        """Take a line of its stderr: why it did not even begin."""
        said = text_of(line)
        if state.complained or not said.startswith(_ERROR):
            return state
        said = said.removeprefix(_ERROR)
        trouble = "fatal" if _UNKNOWN.search(said) else trouble_of(said)
        return replace(state, complained=said, trouble=state.trouble or trouble)

    def end(self, state: CopilotStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=state.usage,
            session=state.session,
            fatal=reason if trouble == "fatal" else "",
            answer=state.said,
            model=state.model,
            limited=trouble == "limited",
        )


# --- the command --------------------------------------------------------------------------------


def _rights(job: Job) -> tuple[str, ...]:
    """What it may do without asking. Its own servers could act on GitHub in the user's name."""
    rights = ["--disable-builtin-mcps", "--no-remote"]
    if job.confined:
        rights.append("--allow-all")
    elif job.writes:
        # Edits in the worktree, and such commands as it holds to be harmless.
        rights.append("--allow-tool=write")
    never = [*(() if job.writes else _EDITS)]
    if not job.writes:
        rights.append("--deny-tool=write")
        if not any(tool.partition("(")[0].strip() == "Bash" for tool in job.tools):
            rights.append("--deny-tool=shell")
            never += _SHELL
    return (*rights, *((f"--excluded-tools={','.join(never)}",) if never else ()))


def _choices(job: Job) -> tuple[str, ...]:
    chosen = [f"--model={_wire(job)}"] if job.model else []
    if job.effort:
        chosen.append(f"--reasoning-effort={job.effort}")
    if job.resume:
        chosen.append(f"--resume={job.resume}")
    return tuple(chosen)


def _wire(job: Job) -> str:
    """The model as its provider knows it: `openai/` before it is for the price list."""
    kind = job.env.get("COPILOT_PROVIDER_TYPE") or "openai"
    return job.model.removeprefix(f"{kind}/") if job.env.get(_ADDRESS) else job.model


def _surroundings(job: Job) -> dict[str, str]:
    alone = job.env.get(_ADDRESS) and not job.env.get(_TOKEN)
    # With a provider of the user's own there is nothing to ask of GitHub.
    offline = {"COPILOT_OFFLINE": "true"} if alone else {}
    return {**offline, **job.env, "COPILOT_AUTO_UPDATE": "false"}


# --- the stream ---------------------------------------------------------------------------------


def _span(state: CopilotStream, event: Any) -> Step:
    told = field(event, "attributes")
    session = text(told, "gen_ai.conversation.id") or state.session
    state = replace(state, session=session)
    used = Usage(
        number(told, "gen_ai.usage.input_tokens"),
        number(told, "gen_ai.usage.output_tokens"),
        None,
        number(told, "gen_ai.usage.cache_read.input_tokens"),
    )
    # The span of the whole conversation has the sum of them.
    if text(told, "gen_ai.operation.name") != "chat" or used == Usage():
        return state, ()
    model = text(told, "gen_ai.response.model") or state.model
    state = replace(state, model=model, usage=state.usage + used)
    return state, (Activity("usage", usage=state.usage),)


def _message(state: CopilotStream, data: Any) -> Step:
    said = text(data, "content")
    state = replace(state, refused="", model=text(data, "model") or state.model)
    if not said.strip():
        return state, ()
    return replace(state, said=said), (Activity("says", text_of(said.encode())),)


def _begun(state: CopilotStream, data: Any) -> Step:
    tool, given = text(data, "toolName"), field(data, "arguments")
    if tool in _EDITS:
        state = replace(state, editing=state.editing | {text(data, "toolCallId")})
    if isinstance(given, str):  # a patch
        target = " ".join(path for path in _patched(given))
    else:
        target = next((found for name in _TARGETS if (found := text(given, name))), "")
    return state, (Activity("does", text_of(f"{tool} {target}".encode())),)


def _patched(patch: str) -> tuple[str, ...]:
    """The names of the files of a patch of its own kind (`*** Update File: calc.py`)."""
    lines = patch.encode("utf-8", "replace").decode()[:10_000].splitlines()
    found = [line.partition(" File: ")[2] for line in lines if line.startswith("*** ")]
    return tuple(path.strip() for path in found if path.strip())


def _done(state: CopilotStream, data: Any) -> CopilotStream:
    call, well = text(data, "toolCallId"), field(data, "success") is True
    if call in state.editing:
        edited = bool(state.edited) or well
        return replace(state, edited=edited, editing=state.editing - {call})
    if state.edited is False and well and field(data, "shellExecution", "exitCode") == 0:
        return replace(state, edited=None)  # after refused edits it may have been the way round
    return state


def _refusal(state: CopilotStream, data: Any) -> Step:
    told = text(data, "errorMessage")
    body = parsed(told.encode())
    status = number(data, "statusCode")
    plain = text(body, "message") or text(body, "error", "message") or told.strip('"')
    said = text_of((f"{status} {plain}" if status else plain).encode())
    state = replace(state, refused=said, trouble=trouble_of(plain, status))
    if status in (429, 529) and state.trouble == "limited":
        return state, (Activity("retry", said),)
    return state, ((Activity("says", said),) if said else ())


def _judged(state: CopilotStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if exit.reason is not ExitReason.EXITED or exit.signal:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        refused = state.refused if exit.reason is ExitReason.TIMEOUT else ""
        return (state.trouble if refused else ""), f"{ended}: {refused}" if refused else ended
    if ended or state.ended > 0:
        # What it tells of an error is of this session only where it ended with one.
        failed = state.failed or state.complained
        trouble = state.trouble if failed else ""
        return trouble, failed or ended or f"exit status {state.ended}"
    if state.ended < 0 or state.aborted:
        return "", "it was aborted" if state.aborted else "it ended without a result"
    if state.edited is False:
        return "", "every change that it tried was refused"
    return "", ""


def make(argument: str) -> CopilotAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent copilot takes no argument", hint="--model names a model")
    return CopilotAgent()
