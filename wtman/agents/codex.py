"""OpenAI's Codex CLI, headless: `codex exec --json`.

What is believed of it was measured (0.169.0): only `turn.failed`, the exit status or a
missing terminal event is a failure, `error` events are its own retries; the usage of a
resumed conversation goes on from the earlier sessions; refused edits end with status 0. It
reads neither OPENAI_BASE_URL nor OPENAI_API_KEY by itself, so both are handed in as
settings. Its schema flag is not used: providers refuse schemas that are not of their strict
kind, so the answer is asked for in words and validated.
"""

import json
import shlex
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import argument, fed, field, items, number, parsed, text, trouble_of
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass

_KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
# Plugins are fetched from elsewhere; a snapshot of its shell is a file with every key in it,
# which one that is killed leaves behind.
_WITHOUT = ("features.plugins=false", "features.shell_snapshot=false")
_RETRYING = ("Reconnecting", "Falling back")


@dataclass(frozen=True, slots=True)
class CodexStream:
    """`refused` is a refusal that is being retried; `edited` None: no edit was tried."""

    session: str = ""
    done: bool = False
    failed: str = ""
    said: str = ""
    refused: str = ""
    usage: Usage = Usage()
    edited: bool | None = None


Step = tuple[CodexStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class CodexAgent:
    name: str = "codex"
    resumes: bool = True
    priced: bool = False
    provider: str = "openai"
    structured: bool = False
    needs: Needs = Needs(
        program="codex",
        version=("codex", "--version"),
        secrets=("CODEX_API_KEY",),
        env=("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT"),
        endpoints=("OPENAI_BASE_URL",),
        files=(".codex/auth.json", ".codex/config.toml"),
        hosts=("api.openai.com", "chatgpt.com", "auth.openai.com"),
        install="npm install -g @openai/codex",
        sign_in="run `codex login`, or set CODEX_API_KEY",
        memory=150,
    )

    def command(self, job: Job) -> Command:
        argv = ["codex", "exec", *(["resume"] if job.resume else []), "--json"]
        argv += ["--skip-git-repo-check", *_rights(job), *_settings(job)]
        # What is positional comes behind `--`, so that no id can be an option.
        argv += ["--", *([argument(job.resume)] if job.resume else []), "-"]
        prompt = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
        return Command(tuple(argv), job.worktree, dict(job.env), fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ["codex", "resume", *_rights(job), *_settings(job)]
        if job.confined:  # else it asks, and the user decides
            trusted = f'{{{_toml(job.worktree)}={{trust_level="trusted"}}}}'
            argv += ["-c", f"projects={trusted}"]
        return Command((*argv, "--", argument(job.resume)), job.worktree, dict(job.env))

    def begin(self) -> CodexStream:
        return CodexStream()

    def step(self, state: CodexStream, line: bytes) -> Step:
        event = parsed(line)
        match text(event, "type"):
            case "thread.started":
                return replace(state, session=text(event, "thread_id")), ()
            case "turn.started":
                return replace(state, done=False, failed=""), ()
            case "item.started" | "item.completed" as stage:
                return _item(state, field(event, "item"), stage == "item.completed")
            case "turn.completed":
                # Not told as live usage: it goes on from earlier sessions, and it is over now.
                used = _usage(field(event, "usage"))
                return replace(state, done=True, refused="", usage=used), ()
            case "turn.failed":
                said = text(event, "error", "message") or "a turn that failed"
                return replace(state, failed=text_of(_plain(said).encode())), ()
            case "error":
                return _error(state, text(event, "message"))
        return state, ()

    def end(self, state: CodexStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=state.usage,
            session=state.session,
            fatal=reason if trouble == "fatal" else "",
            answer=state.said,
            limited=trouble == "limited",
            cumulative=True,
        )


# --- the command --------------------------------------------------------------------------------


def _rights(job: Job) -> tuple[str, ...]:
    if job.confined:
        return ("--dangerously-bypass-approvals-and-sandbox",)
    return ("-c", f'sandbox_mode="{"workspace-write" if job.writes else "read-only"}"')


def _settings(job: Job) -> tuple[str, ...]:
    chosen: dict[str, str] = {}
    if job.model:
        chosen["model"] = _toml(job.model)
    if job.effort:
        chosen["model_reasoning_effort"] = _toml("xhigh" if job.effort == "max" else job.effort)
    address = job.env.get("OPENAI_BASE_URL", "")
    key = next((name for name in _KEYS if job.env.get(name)), "")
    if address and key:
        provider = (
            f'{{name="wtman",base_url={_toml(address)},wire_api="responses",env_key="{key}"}}'
        )
        chosen |= {"model_provider": '"wtman"', "model_providers.wtman": provider}
    elif address:
        chosen["openai_base_url"] = _toml(address)
    given = (*_WITHOUT, *(f"{name}={value}" for name, value in chosen.items()))
    return tuple(part for one in given for part in ("-c", one))


def _toml(value: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's, and DEL is no JSON escape."""
    return json.dumps(value.encode("utf-8", "replace").decode()).replace("\x7f", "\\u007f")


# --- the stream ---------------------------------------------------------------------------------


def _item(state: CodexStream, item: Any, completed: bool) -> Step:
    status = text(item, "status")
    match text(item, "type"):
        case "agent_message":
            said = text(item, "text")
            if not completed or not said.strip():
                return state, ()
            return replace(state, said=said), (Activity("says", text_of(said.encode())),)
        case "command_execution":
            if completed:
                well = number(item, "exit_code") == 0 and status == "completed"
                # A shell can write too: after refused edits it may have been the way round.
                edited = None if well and state.edited is False else state.edited
                return replace(state, edited=edited, refused=""), ()
            doing = f"Bash {_command(text(item, 'command'))}"
        case "file_change":
            if completed:
                well = status == "completed"
                return replace(state, edited=bool(state.edited) or well, refused=""), ()
            paths = [text(change, "path") for change in items(item, "changes")]
            doing = f"Edit {', '.join(path.rpartition('/')[2] for path in paths)}"
        case "mcp_tool_call" | "web_search" as kind if not completed:
            doing = f"{kind} {text(item, 'tool') or text(item, 'query')}"
        case _:
            return state, ()
    return state, (Activity("does", text_of(doing.encode())),)


def _error(state: CodexStream, message: str) -> Step:
    said = text_of(_plain(message).encode())
    trouble = trouble_of(message)
    state = replace(state, refused=said)
    if trouble == "limited" and message.startswith(_RETRYING) and _too_much(message):
        return state, (Activity("retry", said),)
    return state, ((Activity("says", said),) if said else ())


def _too_much(message: str) -> bool:
    return any(word in message for word in ("429", "529", "Too Many", "high demand"))


def _usage(value: Any) -> Usage:
    # What came from a cache is counted among the input already.
    cached = number(value, "cached_input_tokens")
    return Usage(number(value, "input_tokens"), number(value, "output_tokens"), None, cached)


def _plain(message: str) -> str:
    """The words of an error that is itself the JSON body of an answer."""
    body = parsed(message.encode())
    return text(body, "error", "message") or text(body, "message") or message


def _command(command: str) -> str:
    """The command without the shell that is wrapped around it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return words[2] if len(words) == 3 and words[1] == "-lc" else command


def _judged(state: CodexStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if state.failed:
        return trouble_of(state.failed), state.failed
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        refused = state.refused if exit.reason is ExitReason.TIMEOUT else ""
        return trouble_of(refused), f"{ended}: {refused}" if refused else ended
    if not state.done:
        return "", "it ended without a finished turn"
    if state.edited is False:
        return "", "every change that it tried was refused"
    return "", ""


def make(argument: str) -> CodexAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent codex takes no argument", hint="--model names a model")
    return CodexAgent()
