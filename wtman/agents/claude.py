"""Claude Code, headless: `claude -p`, its stream-json on stdout.

What is believed of it was measured (2.1.330): an API error ends with subtype `success` and
`is_error`; denied edits end with exit status 0; SIGTERM ends without a result; several
results may come, and the last one counts; money and `modelUsage` go on over a resumed
conversation, `model_usage_since_last_result` does not. A `--session-id` that was used
before is an error, so none is preset: the first line of the stream tells it.

The first line of its system prompt has a hash of the prompt's 5th, 8th and 21st character:
only where prompts begin alike does the provider's cache know one session's system prompt
from another's. Its system prompt names folders of HOME, its first message the branch.
"""

import json
from typing import Any

from wtman.agents import Needs
from wtman.agents.stream import argument, fed
from wtman.agents.stream_json import EDITS, ReadsStreamJson
from wtman.model.command import Command
from wtman.model.session import Job
from wtman.model.values import dataclass

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


@dataclass(frozen=True, slots=True)
class ClaudeAgent(ReadsStreamJson):
    name: str = "claude"
    resumes: bool = True
    priced: bool = True
    structured: bool = True
    shares_prefix: bool = True
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
        memory=220,
    )

    def command(self, job: Job) -> Command:
        prompt = job.prompt
        argv = ["claude", "-p", "--output-format=stream-json", "--verbose", *_confinement(job)]
        argv += ["--strict-mcp-config", *_tools(job), *_model(job)]
        if job.max_turns:
            argv.append(f"--max-turns={job.max_turns}")
        if job.cap.usd:
            argv.append(f"--max-budget-usd={job.cap.usd:.6f}")
        if job.cap.tokens:
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
    never = [*_NEVER, *(() if job.writes else EDITS)]
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


def make(argument: str) -> ClaudeAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent claude takes no argument", hint="--model names a model")
    return ClaudeAgent()
