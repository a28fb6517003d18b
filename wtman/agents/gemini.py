"""Google's Gemini CLI, headless: `gemini --output-format=stream-json`, the prompt on stdin.

What is believed of it was measured (0.61.0): it tells its tokens only in its last event, so
that a session that is killed tells none; 429 and 5xx are retried in silence, with a word on
stderr for each; a refusal ends with its HTTP status as exit status, of which a byte is left;
a folder that it was not told to trust is no place to work in; with an address of the user's
and no way to sign in chosen it takes a key for none. It starts itself again for a larger heap,
and that second process outlives a signal to the first: so it is told not to.

It takes settings from files alone. Those of `gemini.json` override a user's: hooks and MCP
servers of a repository never start, and three tries are enough, for the run waits, not the
session. Where there is a key, `gemini_key.json` says so to a user who has chosen nothing.
`@path` in a prompt has it read that file, as its users know it.
"""

import posixpath
import re
from dataclasses import replace
from typing import Any

from wtman.agents import Activity, Needs, text_of
from wtman.agents.stream import argument, fed, field, number, parsed, text, trouble_of
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass
from wtman.prices import cost

_HERE = posixpath.dirname(__file__)
_OTHER_WAYS = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA")
_SHELL = "run_shell_command"
_REFUSED = re.compile(r"\[API Error: (.*?)\](?:\n|$)", re.DOTALL)
_RETRIED = re.compile(r"Attempt \d+ failed.*?(\{\"error\".*\}|: .*)")
_SOON = re.compile(r"retry in [\d.]+ ?s", re.IGNORECASE)
_TARGETS = "file_path path dir_path command pattern query url description".split()


@dataclass(frozen=True, slots=True)
class GeminiStream:
    """`waits` for the provider, by which it was `refused` at least once. A conversation in
    which it was `answered` never cannot be resumed."""

    session: str = ""
    model: str = ""
    done: bool = False
    failed: str = ""
    said: str = ""
    speaks: bool = False  # what is said next goes on with `said`
    answered: bool = False
    waits: bool = False
    refused: str = ""
    usage: Usage = Usage()


Step = tuple[GeminiStream, tuple[Activity, ...]]


@dataclass(frozen=True, slots=True)
class GeminiAgent:
    name: str = "gemini"
    resumes: bool = True
    priced: bool = False
    provider: str = "google"
    structured: bool = False
    needs: Needs = Needs(
        program="gemini",
        version=("gemini", "--version"),
        secrets=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        env=(
            "GEMINI_MODEL",
            "GEMINI_API_KEY_AUTH_MECHANISM",
            "GEMINI_CLI_CUSTOM_HEADERS",
            "GOOGLE_CLOUD_LOCATION",
            "GOOGLE_CLOUD_PROJECT",
            "GOOGLE_GEMINI_BASE_URL",
            "GOOGLE_GENAI_API_VERSION",
            "GOOGLE_GENAI_USE_GCA",
            "GOOGLE_GENAI_USE_VERTEXAI",
            "GOOGLE_VERTEX_BASE_URL",
        ),
        endpoints=("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"),
        files=(
            ".gemini/oauth_creds.json",
            ".gemini/gemini-credentials.json",
            ".gemini/google_accounts.json",
            ".gemini/settings.json",
            ".gemini/.env",
        ),
        hosts=(
            "generativelanguage.googleapis.com",
            "cloudcode-pa.googleapis.com",
            "aiplatform.googleapis.com",
            "oauth2.googleapis.com",
            "www.googleapis.com",
            "accounts.google.com",
        ),
        install="npm install -g @google/gemini-cli",
        sign_in="run `gemini` and sign in, or set GEMINI_API_KEY",
        memory=320,
    )

    def command(self, job: Job) -> Command:
        argv = ["gemini", "--output-format=stream-json", *_rights(job), *_model(job)]
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
        argv = ("gemini", *_rights(job), f"--resume={job.resume}", *_model(job))
        return Command(tuple(map(argument, argv)), job.worktree, _environment(job))

    def begin(self) -> GeminiStream:
        return GeminiStream()

    def step(self, state: GeminiStream, line: bytes) -> Step:
        event = parsed(line)
        match text(event, "type"):
            case "init":
                model = text(event, "model")
                state = replace(state, session=text(event, "session_id"), waits=True)
                return replace(state, model="" if model == "auto" else model), ()
            case "message" if text(event, "role") == "assistant":
                return _says(state, text(event, "content")), ()
            case "tool_use":
                return _uses(state, event)
            case "tool_result":
                return replace(state, waits=True), ()
            case "error":
                return _error(state, event)
            case "result":
                return _result(state, event)
        return state, ()

    def end(self, state: GeminiStream, exit: Exit) -> Outcome:
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

    def complains(self, state: GeminiStream, line: bytes) -> GeminiStream:
        """Take a line of stderr: nothing else tells of a refusal that is being retried."""
        found = _RETRIED.search(line[:4000].decode("utf-8", "replace"))
        return replace(state, refused=_line(_plain(found[1].strip(": ")))) if found else state


# --- the command --------------------------------------------------------------------------------


def _rights(job: Job) -> tuple[str, ...]:
    if not job.writes:
        # What would have to be confirmed is refused, as there is nobody to ask.
        shell = job.confined and any(tool.startswith("Bash") for tool in job.tools)
        allowed = (f"--allowed-tools={_SHELL}",) if shell else ()
        return ("--skip-trust", "--approval-mode=default", *allowed)
    return ("--skip-trust", f"--approval-mode={'yolo' if job.confined else 'auto_edit'}")


def _model(job: Job) -> tuple[str, ...]:
    return (f"--model={job.model}",) if job.model else ()


def _environment(job: Job) -> dict[str, str]:
    env = {
        "GEMINI_CLI_NO_RELAUNCH": "true",
        "GEMINI_CLI_SYSTEM_SETTINGS_PATH": f"{_HERE}/gemini.json",
    }
    if job.env.get("GEMINI_API_KEY") and not any(map(job.env.get, _OTHER_WAYS)):
        env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"] = f"{_HERE}/gemini_key.json"
    if job.confined:
        env["GEMINI_SANDBOX"] = "false"  # one of ours is around it
    return env | job.env


# --- the stream ---------------------------------------------------------------------------------


def _says(state: GeminiStream, said: str) -> GeminiStream:
    said = state.said + said if state.speaks else said
    return replace(state, said=said, speaks=True, failed="", answered=True, waits=False)


def _uses(state: GeminiStream, event: Any) -> Step:
    tool = text(event, "tool_name")
    given = field(event, "parameters")
    target = next((found for name in _TARGETS if (found := text(given, name))), "")
    told = _told(state)
    state = replace(state, speaks=False, failed="", answered=True, waits=False)
    return state, (*told, Activity("does", _line(f"{tool} {target}")))


def _told(state: GeminiStream) -> tuple[Activity, ...]:
    """What was said in pieces, once it is whole."""
    said = _line(state.said) if state.speaks else ""
    return (Activity("says", said),) if said else ()


def _error(state: GeminiStream, event: Any) -> Step:
    """Also a warning is why it ends where nothing comes after it: it saw a loop, or was stopped."""
    said = _line(text(event, "message"))
    state = replace(state, failed=said or "an error that it does not name")
    return state, ((Activity("says", said),) if said else ())


def _result(state: GeminiStream, event: Any) -> Step:
    told = _told(state)
    usage = _usage(field(event, "stats"))
    model = state.model or _busiest(field(event, "stats", "models"))
    state = replace(state, done=True, speaks=False, waits=False, usage=usage, model=model)
    if text(event, "status") != "success":
        said = _plain(text(event, "error", "message")) or state.failed
        state = replace(state, failed=_line(said) or "an error that it does not name")
    return state, (*told, Activity("usage", usage=usage))


def _usage(stats: Any) -> Usage:
    """The sum over its models, with the money of each; what it thought is in no sum but the
    total."""
    total = Usage()
    models = field(stats, "models")
    for name, value in models.items() if isinstance(models, dict) else ():
        read, whole = number(value, "input_tokens"), number(value, "total_tokens")
        wrote = max(number(value, "output_tokens"), whole - read)
        one = Usage(read, wrote, None, min(number(value, "cached"), read))
        if one.tokens:
            total = total + replace(one, usd=cost("google", name, one))
    return total


def _busiest(models: Any) -> str:
    """Of several models the one that used most: it chooses itself where none was named."""
    used = {name: number(models, name, "total_tokens") for name in models or ()}
    return max(used, key=lambda name: used[name], default="")


def _plain(message: str) -> str:
    """The provider's words out of `[API Error: {"error": {"message": ...}}]`, with what the
    CLI advises behind it."""
    found = _REFUSED.search(message)
    said = found[1] if found else message
    told = parsed(said.encode())
    status = number(told, "error", "code")
    said = text(told, "error", "message") or said
    return f"{said} (status {status})" if status else said


def _line(said: str) -> str:
    return text_of(said.encode())


# --- the end ------------------------------------------------------------------------------------


def _judged(state: GeminiStream, exit: Exit) -> tuple[str, str]:
    """(kind of trouble with the provider, why it is no success)."""
    ended = exit.problem()
    if state.failed:
        return _trouble(state.failed), state.failed
    if ended or exit.reason is not ExitReason.EXITED:
        # Killed while it was being refused: by a limit of ours, it would have gone on so.
        late = exit.reason is ExitReason.TIMEOUT and state.waits
        refused = state.refused if late else ""
        return _trouble(refused), f"{ended}: {refused}" if refused else ended
    if not state.done:
        return "", "it ended without a result"
    return "", ""


def _trouble(said: str) -> str:
    # A quota of a minute is told in the words of one of a month, and when it is over.
    return "limited" if _SOON.search(said) else trouble_of(said)


def make(argument: str) -> GeminiAgent:
    from wtman.errors import UsageError

    if argument:
        raise UsageError("agent gemini takes no argument", hint="--model names a model")
    return GeminiAgent()
