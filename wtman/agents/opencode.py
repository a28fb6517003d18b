"""OpenCode, headless: `opencode run --format=json`, the prompt on stdin.

What is believed of it was measured (1.18.33): no event says that it is over, so its last step
has to have ended with `stop`; a step is told when it is over, with its tokens and its money, 0
where its catalog knows no price; a provider that fails with 5xx is asked again for ever, of
which its log on stderr alone tells, and so is one whose answers are empty, each a step that is
over for an `unknown` reason; a title is asked of another model, uncounted, so one is given. It
installs a package of its own in every HOME, beside its work.

The configuration and the plugins of a repository are left out, for they start programs; its
instructions count. It keeps no snapshots: wtman has its own.
"""

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import argument, fed, field, money, number, parsed, text, trouble_of
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass

_SETTINGS: dict[str, Any] = {"autoupdate": False, "share": "disabled", "snapshot": False}
# A line of its log about a request that it tries again.
_REFUSED = re.compile(r'^timestamp=(\S+) .*message="stream error" .*error\.error="([^"]+)')
_INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md")
_TARGETS = "filePath path command pattern url query description".split()


@dataclass(frozen=True, slots=True)
class OpencodeStream:
    """`stopped` is why the last step ended, empty while one is under way; at `told` (in ms) the
    last event came. `refused` is what the provider said since; `status` is of what it `failed`
    with."""

    session: str = ""
    stopped: str = ""
    failed: str = ""
    status: int = 0
    said: str = ""
    spoke: bool = False  # in this step
    answered: bool = False
    refused: str = ""
    told: int = 0
    usage: Usage = Usage()


Step = tuple[OpencodeStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class OpencodeAgent:
    name: str = "opencode"
    resumes: bool = True
    priced: bool = True
    structured: bool = False
    needs: Needs = Needs(
        program="opencode",
        version=("opencode", "--version"),
        secrets=(
            "OPENCODE_API_KEY",
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GEMINI_API_KEY",
            "GOOGLE_GENERATIVE_AI_API_KEY",
            "OPENROUTER_API_KEY",
            "DEEPSEEK_API_KEY",
            "XAI_API_KEY",
            "GROQ_API_KEY",
            "MISTRAL_API_KEY",
            "CEREBRAS_API_KEY",
        ),
        env=("OPENCODE_MODELS_URL",),
        files=(
            ".local/share/opencode/auth.json",
            ".config/opencode/opencode.json",
            ".config/opencode/opencode.jsonc",
            ".config/opencode/config.json",
        ),
        hosts=(
            "opencode.ai",
            "models.opencode.ai",
            "models.dev",
            "api.anthropic.com",
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
        ),
        install="npm install -g opencode-ai",
        sign_in="run `opencode auth login`, or set the API key of its provider",
        memory=640,
    )

    def command(self, job: Job) -> Command:
        argv = ["opencode", "run", "--format=json", "--print-logs", "--log-level=ERROR"]
        argv += [f"--title=wtman {job.task}", *_model(job)]
        if job.confined:  # else what it would ask for is refused
            argv.append("--auto")
        if job.effort:
            argv.append(f"--variant={job.effort}")
        if job.resume:
            argv.append(f"--session={job.resume}")
        prompt = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job), fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ("opencode", f"--session={job.resume}", *_model(job))
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job))

    def begin(self) -> OpencodeStream:
        return OpencodeStream()

    def step(self, state: OpencodeStream, line: bytes) -> Step:
        event = parsed(line)
        part = field(event, "part")
        if session := text(event, "sessionID"):
            state = replace(state, session=session, told=number(event, "timestamp"))
        match text(event, "type"):
            case "step_start":
                return replace(state, stopped="", failed="", spoke=False, answered=True), ()
            case "text" if said := text(part, "text"):
                whole = f"{state.said}\n{said}" if state.spoke else said
                told = (Activity("says", _line(said)),) if said.strip() else ()
                return replace(state, said=whole, spoke=True), told
            case "tool_use" if tool := text(part, "tool"):
                given = field(part, "state", "input")
                target = next((found for one in _TARGETS if (found := text(given, one))), "")
                return state, (Activity("does", _line(f"{tool} {target}")),)
            case "step_finish":
                usage = state.usage + _usage(part)
                state = replace(state, stopped=text(part, "reason"), usage=usage)
                return state, (Activity("usage", usage=usage),)
            case "error":
                return _error(state, field(event, "error"))
        return state, ()

    def complains(self, state: OpencodeStream, line: bytes) -> OpencodeStream:
        """Take a line of its log: nothing else tells of a refusal that is being retried."""
        found = _REFUSED.match(line[:8000].decode("utf-8", "replace"))
        if found is None or _milliseconds(found[1]) < state.told:
            return state
        return replace(state, refused=_line(found[2].removeprefix("AI_APICallError: ")))

    def end(self, state: OpencodeStream, exit: Exit) -> Outcome:
        trouble, reason = _judged(state, exit)
        return Outcome(
            ok=not reason,
            reason=reason,
            usage=state.usage,
            session=state.session if state.answered else "",
            fatal=reason if trouble == "fatal" else "",
            answer=state.said,
            limited=trouble == "limited",
        )


# --- the command --------------------------------------------------------------------------------


def _model(job: Job) -> tuple[str, ...]:
    return (f"--model={job.model}",) if job.model else ()


def _environment(job: Job) -> dict[str, str]:
    """What is denied is no question: a question without an answer would end its work."""
    denied = [] if job.writes else ["edit"]
    if not job.confined or not (job.writes or any(one.startswith("Bash") for one in job.tools)):
        denied.append("bash")
    settings = {
        **_SETTINGS,
        "instructions": [f"{job.worktree}/{name}" for name in _INSTRUCTIONS],
        "permission": {"external_directory": "allow" if job.confined else "deny"}
        | dict.fromkeys(denied, "deny"),
    }
    env = {
        "OPENCODE_CONFIG_CONTENT": json.dumps(settings),
        "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }
    return env | job.env


# --- the stream ---------------------------------------------------------------------------------


def _usage(part: Any) -> Usage:
    tokens = field(part, "tokens")
    cached = number(tokens, "cache", "read")
    read = number(tokens, "input") + cached + number(tokens, "cache", "write")
    wrote = number(tokens, "output") + number(tokens, "reasoning")
    # Nothing is what a model costs that its catalog has no price of.
    return Usage(read, wrote, money(part, "cost") or None, cached)


def _error(state: OpencodeStream, error: Any) -> Step:
    said = _line(text(error, "data", "message") or text(error, "name"))
    said = said or "an error that it does not name"
    state = replace(state, failed=said, status=number(error, "data", "statusCode"))
    return state, (Activity("says", said),)


def _milliseconds(when: str) -> float:
    """Since the epoch; 0 where it is no time."""
    try:
        return datetime.fromisoformat(when).timestamp() * 1000
    except (ValueError, OverflowError):
        return 0.0


def _line(said: str) -> str:
    return text_of(said.encode())


# --- the end ------------------------------------------------------------------------------------


def _judged(state: OpencodeStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if state.failed:
        return trouble_of(state.failed, state.status), state.failed
    if exit.reason is not ExitReason.EXITED or ended:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        waits = state.stopped or not state.answered
        refused = state.refused if exit.reason is ExitReason.TIMEOUT and waits else ""
        if not refused and exit.reason is ExitReason.TIMEOUT and state.stopped == "unknown":
            return "", f"{ended}: the provider's answers end in the middle"
        if not refused:
            return "", ended
        return trouble_of(refused) or "limited", f"{ended}: {refused}"
    if state.stopped != "stop":
        return "", f"it ended in the middle ({state.stopped or 'no answer'})"
    return "", ""


def make(argument: str) -> OpencodeAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent opencode takes no argument", hint="--model names a model")
    return OpencodeAgent()
