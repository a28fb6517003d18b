"""Claude Code, headless: `claude -p`, its stream-json on stdout.

What is believed of it was measured (2.1.330): an API error ends with subtype `success` and
`is_error`; denied edits end with exit status 0; SIGTERM ends without a result; several
results may come, and the last one counts; money and `modelUsage` go on over a resumed
conversation, `model_usage_since_last_result` does not. A `--session-id` that was used
before is an error, so none is preset: the first line of the stream tells it.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import (
    argument,
    fed,
    field,
    items,
    money,
    number,
    parsed,
    text,
    trouble_of,
)
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage

_EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
_READS = ("Read", "Glob", "Grep", "Task", "Skill", "TaskStop", "WebFetch", "WebSearch")
# Its own worktrees, timers and background work would outlive or leave the session.
_NEVER = (
    "EnterWorktree,ExitWorktree,CronCreate,CronDelete,CronList,ScheduleWakeup,Monitor,Workflow,"
    "SendMessage,ListAgents,ReportFindings,AskUserQuestion,EnterPlanMode,ExitPlanMode"
).split(",")
_ENV = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "DISABLE_AUTOUPDATER": "1",
    # Ten tries are its default, minutes for a wrong key. The run waits, not the session.
    "CLAUDE_CODE_MAX_RETRIES": "5",
}
_MOST_ARGUMENT = 100_000  # bytes: Linux takes 128 KiB in one argument
_KEPT_MESSAGES = 32
_TARGETS = ("file_path", "notebook_path", "command", "pattern", "url", "query", "description")


@dataclass(frozen=True, slots=True)
class ClaudeStream:
    """What of the stream matters so far.

    `settled` is what results have told, `passed` and `recent` (by message) what messages
    after the last result have. `refused` is the status of a refusal that is being retried.
    """

    session: str = ""
    cwd: str = ""
    model: str = ""
    result: dict[str, Any] | None = None
    settled: Usage = Usage()
    cumulative: bool = False
    passed: Usage = Usage()
    recent: tuple[tuple[str, Usage], ...] = ()
    edits: frozenset[str] = frozenset()  # ids of edits without an answer yet
    edited: bool = False
    denied: bool = False
    refused: str = ""


Step = tuple[ClaudeStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class ClaudeAgent:
    name: str = "claude"
    resumes: bool = True
    priced: bool = True
    structured: bool = True
    needs: Needs = Needs(
        program="claude",
        version=("claude", "--version"),
        secrets=("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        env=(
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_CUSTOM_HEADERS",
            "ANTHROPIC_MODEL",
            "ANTHROPIC_DEFAULT_OPUS_MODEL",
            "ANTHROPIC_DEFAULT_SONNET_MODEL",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL",
            "API_TIMEOUT_MS",
            "BASH_DEFAULT_TIMEOUT_MS",
            "BASH_MAX_TIMEOUT_MS",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
            "CLAUDE_CODE_MAX_RETRIES",
            "MAX_THINKING_TOKENS",
        ),
        endpoints=("ANTHROPIC_BASE_URL",),
        files=(".claude/.credentials.json",),
        hosts=("api.anthropic.com", "platform.claude.com", "console.anthropic.com", "claude.ai"),
        install="npm install -g @anthropic-ai/claude-code",
        sign_in="run `claude` and /login, or set ANTHROPIC_API_KEY",
    )

    def command(self, job: Job) -> Command:
        prompt = job.prompt
        argv = ["claude", "-p", "--output-format=stream-json", "--verbose", *_confinement(job)]
        argv += ["--strict-mcp-config", *_tools(job), *_model(job)]
        if job.max_turns:
            argv.append(f"--max-turns={job.max_turns}")
        if job.max_usd:
            argv.append(f"--max-budget-usd={job.max_usd:.6f}")
        if job.max_tokens:
            # Whole messages come with what they had written when they began: nearly nothing.
            argv.append("--include-partial-messages")
        if len(fed(job.system)) > _MOST_ARGUMENT:
            prompt = f"{job.system}\n\n{prompt}"
        elif job.system:
            argv.append(f"--append-system-prompt={job.system}")
        if job.schema and len(job.schema) <= _MOST_ARGUMENT:
            argv.append(f"--json-schema={job.schema}")
        if job.resume:
            argv.append(f"--resume={job.resume}")
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job), fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ("claude", *_confinement(job), f"--resume={job.resume}", *_model(job))
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job))

    def settled(self, job: Job) -> dict[str, str]:
        """Its HOME is a private one: to it every start there is the first, which it spends on
        its provider's own servers, a sign-in, and questions that the sandbox has answered."""
        key = job.env.get("ANTHROPIC_API_KEY", "")
        known: dict[str, Any] = {"hasCompletedOnboarding": True}
        if key:  # as it keeps them itself
            known["customApiKeyResponses"] = {"approved": [key[-20:]], "rejected": []}
        if job.confined:
            known["projects"] = {job.worktree: {"hasTrustDialogAccepted": True}}
        return {".claude.json": json.dumps(known)}

    def begin(self) -> ClaudeStream:
        return ClaudeStream()

    def step(self, state: ClaudeStream, line: bytes) -> Step:
        event = parsed(line)
        match text(event, "type"):
            case "system":
                return _system(state, event)
            case "assistant":
                return _assistant(state, event)
            case "user":
                return _answered(state, event), ()
            case "stream_event" if text(event, "event", "type") == "message_delta":
                return _written(state, event)
            case "result" if event is not None:
                return _result(state, event)
        return state, ()

    def end(self, state: ClaudeStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        answer = field(state.result, "structured_output")
        said = text(state.result, "result")
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=_used(state),
            session=state.session,
            fatal=reason if trouble == "fatal" else "",
            answer=said if answer is None else json.dumps(answer, ensure_ascii=True),
            model=state.model,
            limited=trouble == "limited",
            cumulative=state.cumulative,
        )


# --- the command --------------------------------------------------------------------------------


def _confinement(job: Job) -> tuple[str, ...]:
    """Rights and settings. Hooks of a repository never run; its CLAUDE.md and agents count."""
    settings: dict[str, Any] = {"disableAllHooks": True}
    rights = ["--dangerously-skip-permissions"]
    if not job.confined:
        # Without ours, its own sandbox is the only one: where it has none, a command that it
        # would ask about is denied.
        settings["sandbox"] = {"enabled": True, "allowUnsandboxedCommands": False}
        rights = ["--permission-mode=acceptEdits"]
    else:
        settings["skipDangerousModePermissionPrompt"] = True
    rights += ["--setting-sources=user,project", f"--settings={json.dumps(settings)}"]
    return tuple(rights)


def _tools(job: Job) -> tuple[str, ...]:
    allowed = list(job.tools)
    never = [*_NEVER, *(() if job.writes else _EDITS)]
    if not job.writes and not any(_base(tool) == "Bash" for tool in allowed):
        never.append("Bash")
    flags = [f"--disallowedTools={','.join(never)}"]
    if allowed:
        flags.append(f"--tools={','.join(dict.fromkeys(_base(tool) for tool in allowed))}")
    if not job.confined:
        # An edit that is granted by name may be anywhere, and roles come with repositories:
        # edits in the worktree are accepted as it is, and commands are for its sandbox to allow.
        named = [_base(tool) for tool in allowed] or _READS
        flags.append(f"--allowedTools={','.join(tool for tool in named if tool in _READS)}")
    return tuple(flags)


def _base(tool: str) -> str:
    """`Bash` of `Bash(git log *)`."""
    return tool.partition("(")[0].strip()


def _model(job: Job) -> tuple[str, ...]:
    flags = [f"--model={job.model}"] if job.model else []
    return (*flags, *([f"--effort={job.effort}"] if job.effort else []))


def _environment(job: Job) -> dict[str, str]:
    env = {**_ENV, **job.env}
    if job.confined:
        env["IS_SANDBOX"] = "1"  # else root may not skip its permissions
    return env


# --- the stream ---------------------------------------------------------------------------------


def _system(state: ClaudeStream, event: Any) -> Step:
    match text(event, "subtype"):
        case "init":
            state = replace(
                state,
                session=text(event, "session_id") or state.session,
                cwd=text(event, "cwd"),
                model=text(event, "model") or state.model,
            )
        case "api_retry":
            return _retry(state, event)
        case "permission_denied":
            tool = text(event, "tool_name")
            state = replace(state, denied=state.denied or tool in _EDITS)
            return state, (Activity("does", _line(f"denied: {tool}")),)
    return state, ()


def _retry(state: ClaudeStream, event: Any) -> Step:
    status = number(event, "error_status")
    word = text(event, "error").replace("_", " ") or "no connection"
    said = f"{word} ({status})" if status else word
    state = replace(state, refused=said)
    if status in (429, 529):
        wait = number(event, "retry_delay_ms") / 1000
        return state, (Activity("retry", _line(f"waits: {said}"), wait=wait),)
    return state, (Activity("says", _line(f"tries again: {said}")),)


def _assistant(state: ClaudeStream, event: Any) -> Step:
    message = field(event, "message")
    model = text(message, "model")
    if model == "<synthetic>":  # its own words on an error; the result repeats them
        return state, ()
    activities = []
    edits = set(state.edits)
    for block in items(message, "content"):
        kind, name = text(block, "type"), text(block, "name")
        if kind == "text" and (said := _line(text(block, "text"))):
            activities.append(Activity("says", said))
        elif kind == "tool_use":
            activities.append(Activity("does", _line(f"{name} {_target(block, state.cwd)}")))
            # A shell can write too: after a denied edit it may have been the way round.
            if name in _EDITS or (name == "Bash" and state.denied):
                edits.add(text(block, "id"))
    state = _counted(state, text(message, "id"), _usage(field(message, "usage")))
    # A subagent may be of another model.
    main = field(event, "parent_tool_use_id") is None
    state = replace(
        state, edits=frozenset(edits), refused="", model=(main and model) or state.model
    )
    return state, (*activities, Activity("usage", usage=_used(state)))


def _written(state: ClaudeStream, event: Any) -> Step:
    """The end of a message, with what it has written in all."""
    message = text(event, "api_message_id") or (state.recent[-1][0] if state.recent else "")
    state = _counted(state, message, _usage(field(event, "event", "usage")))
    return state, (Activity("usage", usage=_used(state)),)


def _counted(state: ClaudeStream, message: str, usage: Usage) -> ClaudeStream:
    """A message comes once for each of its blocks, each time with all of its usage so far."""
    usage = _most(dict(state.recent).get(message, Usage()), usage)
    kept = [item for item in state.recent if item[0] != message] + [(message, usage)]
    passed = state.passed
    while len(kept) > _KEPT_MESSAGES:
        passed = passed + kept.pop(0)[1]
    return replace(state, passed=passed, recent=tuple(kept))


def _answered(state: ClaudeStream, event: Any) -> ClaudeStream:
    if not state.edits:
        return state
    edits, edited = set(state.edits), state.edited
    for block in items(event, "message", "content"):
        if (known := text(block, "tool_use_id")) in edits:
            edits.discard(known)
            edited = edited or field(block, "is_error") is not True
    return replace(state, edits=frozenset(edits), edited=edited)


def _result(state: ClaudeStream, event: dict[str, Any]) -> Step:
    latest = field(event, "model_usage_since_last_result")
    if isinstance(latest, dict):
        settled, cumulative = state.settled + _priced(latest), False
    else:  # an older version, or a conversation that could not be resumed
        settled = replace(_priced(field(event, "modelUsage")), usd=money(event, "total_cost_usd"))
        cumulative = True
    state = replace(
        state, result=event, settled=settled, cumulative=cumulative, passed=Usage(), recent=()
    )
    return state, (Activity("usage", usage=_used(state)),)


def _usage(value: Any) -> Usage:
    cached = number(value, "cache_read_input_tokens")
    fresh = number(value, "input_tokens") + number(value, "cache_creation_input_tokens")
    return Usage(fresh + cached, number(value, "output_tokens"), None, cached)


def _most(one: Usage, two: Usage) -> Usage:
    return Usage(
        max(one.input_tokens, two.input_tokens),
        max(one.output_tokens, two.output_tokens),
        None,
        max(one.cached_tokens, two.cached_tokens),
    )


def _priced(models: Any) -> Usage:
    """The sum over `{model: {inputTokens, ..., costUSD}}`."""
    total = Usage(usd=0.0)
    for value in models.values() if isinstance(models, dict) else ():
        cached = number(value, "cacheReadInputTokens")
        fresh = number(value, "inputTokens") + number(value, "cacheCreationInputTokens")
        one = Usage(fresh + cached, number(value, "outputTokens"), money(value, "costUSD"), cached)
        total = total + one
    return total


def _used(state: ClaudeStream) -> Usage:
    live = state.passed
    for _, usage in state.recent:
        live = live + usage
    return state.settled + live


def _line(said: str) -> str:
    return text_of(said.encode())


def _target(block: Any, cwd: str) -> str:
    """What a tool is used on, in few words."""
    for name in _TARGETS:
        if found := text(block, "input", name):
            return found.removeprefix(f"{cwd}/") if cwd else found
    return ""


# --- the end ------------------------------------------------------------------------------------


def _judged(state: ClaudeStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    result = state.result
    if result is not None and field(result, "is_error") is True:
        said = text(result, "result") or "; ".join(_errors(result))
        said = _line(said or text(result, "subtype") or "an error that it does not name")
        if text(result, "subtype") == "success":  # the API's words
            return trouble_of(said, number(result, "api_error_status")), said
        return "", said
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        refused = state.refused if exit.reason is ExitReason.TIMEOUT else ""
        return trouble_of(refused), f"{ended}: {refused}" if refused else ended
    if result is None:
        return "", "it ended without a result"
    if text(result, "subtype") != "success":
        return "", _line(text(result, "subtype") or "a result that is no success")
    if text(result, "stop_reason") == "refusal":
        return "", "the model refused"
    denied = sorted({text(item, "tool_name") for item in items(result, "permission_denials")})
    if set(denied) & set(_EDITS) and not state.edited:
        return "", _line(f"it was denied every change ({', '.join(denied)})")
    return "", ""


def _errors(result: Any) -> tuple[str, ...]:
    errors = field(result, "errors")
    return tuple(text({"e": e}, "e") for e in errors) if isinstance(errors, list) else ()


def make(argument: str) -> ClaudeAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent claude takes no argument", hint="--model names a model")
    return ClaudeAgent()
