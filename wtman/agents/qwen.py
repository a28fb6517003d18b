"""Qwen Code, headless: `qwen --output-format=stream-json`, the prompt on stdin.

What is believed of it was measured (0.15.10). Its stream has the shapes of Claude Code's, with
figures of its own: what came from a cache is among its input tokens. A refusal that it gives up
on is told as words of the model, `[API Error: 401 ...]`, as a success with exit status 0; before
that it is tried again seven times, for more than a minute, in silence. It wants to be told how
to sign in: with a key it is told here, else the user's settings say so.

It takes settings from files alone. Those of `qwen.json` override a user's: hooks and MCP servers
of a repository never start. What a repository says in `.env` counts for it, as for its user.
"""

import posixpath
from dataclasses import replace
from typing import Any

from wtman.agents import Needs
from wtman.agents.stream import argument, fed, text, trouble_of
from wtman.agents.stream_json import ReadsStreamJson, StreamJson
from wtman.model.command import Command, Exit
from wtman.model.session import Job, Outcome
from wtman.model.values import dataclass

_SETTINGS = posixpath.join(posixpath.dirname(__file__), "qwen.json")
_SHELL = "run_shell_command"
_REFUSED = "[API Error: "
_UNSIGNED = "No auth type is selected"


@dataclass(frozen=True, slots=True)
class QwenAgent(ReadsStreamJson):
    name: str = "qwen"
    resumes: bool = True
    priced: bool = False
    structured: bool = False
    needs: Needs = Needs(
        program="qwen",
        version=("qwen", "--version"),
        secrets=("OPENAI_API_KEY", "DASHSCOPE_API_KEY"),
        env=("OPENAI_BASE_URL", "OPENAI_MODEL", "QWEN_MODEL"),
        endpoints=("OPENAI_BASE_URL",),
        files=(".qwen/oauth_creds.json", ".qwen/settings.json", ".qwen/.env"),
        hosts=(
            "dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
            "coding.dashscope.aliyuncs.com",
            "portal.qwen.ai",
            "chat.qwen.ai",
            "api.openai.com",
            "openrouter.ai",
        ),
        install="npm install -g @qwen-code/qwen-code",
        sign_in="run `qwen` and /auth, or set OPENAI_API_KEY and OPENAI_BASE_URL",
        memory=320,
    )

    def command(self, job: Job) -> Command:
        argv = ["qwen", "--output-format=stream-json", *_rights(job), *_chosen(job)]
        if job.resume:
            argv.append(f"--resume={job.resume}")
        prompt = f"{job.system}\n\n{job.prompt}" if job.system else job.prompt
        if prompt.startswith("/"):  # else a command of its own
            prompt = f"Task: {prompt}"
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job), fed(prompt))

    def attach(self, job: Job) -> Command | None:
        """Its interactive mode, in the conversation of `job.resume`."""
        if not job.resume:
            return None
        argv = ("qwen", *_rights(job), *_chosen(job), f"--resume={job.resume}")
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job))

    def end(self, state: StreamJson, exit: Exit) -> Outcome:
        outcome = ReadsStreamJson.end(self, state, exit)
        if not outcome.usage.tokens:  # a conversation that was never answered cannot be resumed
            outcome = replace(outcome, session="")
        said = text(state.result, "result").strip()
        if outcome.ok and said.startswith(_REFUSED) and said.endswith("]"):
            outcome = replace(outcome, ok=False, reason=said[1:-1], answer="")
        if outcome.ok or outcome.reason == exit.problem():
            return outcome
        trouble = "fatal" if _UNSIGNED in outcome.reason else trouble_of(outcome.reason)
        fatal = outcome.reason if trouble == "fatal" else ""
        return replace(outcome, fatal=fatal, limited=trouble == "limited")


def _rights(job: Job) -> tuple[str, ...]:
    if job.writes:
        return (f"--approval-mode={'yolo' if job.confined else 'auto-edit'}",)
    # What would have to be confirmed is refused, as there is nobody to ask.
    shell = job.confined and any(tool.startswith("Bash") for tool in job.tools)
    return ("--approval-mode=default", *((f"--allowed-tools={_SHELL}",) if shell else ()))


def _chosen(job: Job) -> tuple[str, ...]:
    model = (f"--model={job.model}",) if job.model else ()
    return (*model, *(("--auth-type=openai",) if job.env.get("OPENAI_API_KEY") else ()))


def _environment(job: Job) -> dict[str, Any]:
    env = {"QWEN_CODE_NO_RELAUNCH": "true", "QWEN_CODE_SYSTEM_SETTINGS_PATH": _SETTINGS}
    if job.confined:
        env["QWEN_SANDBOX"] = "false"  # one of ours is around it
    return env | job.env


def make(argument: str) -> QwenAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent qwen takes no argument", hint="--model names a model")
    return QwenAgent()
