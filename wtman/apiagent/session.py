"""One session from its options to its exit status.

It promises a result event and a closed shell whatever happens to it short of SIGKILL,
where `shell_guard` sees to the shell: on SIGTERM and SIGINT the exit status is 143
and 130, and the conversation can be gone on with.
"""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from anthropic import AsyncAnthropic

from wtman.apiagent.access import Access, access, forget, without_secrets
from wtman.apiagent.events import Ending, EventWriter, failed
from wtman.apiagent.loop import AgentLoop
from wtman.apiagent.meter import Meter, priced
from wtman.apiagent.options import Options
from wtman.apiagent.request import system_text
from wtman.apiagent.response import Patience
from wtman.apiagent.tools import Tools, chosen
from wtman.apiagent.transcript import Transcript
from wtman.errors import WtmanError
from wtman.formats.json_answers import in_words

DEFAULT_MODEL = "claude-opus-5-5"
NO_KEY = "no key: set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL of a server that needs none"


async def run(
    options: Options,
    *,
    environ: Mapping[str, str],
    cwd: str,
    out: BinaryIO,
    patience: Patience | None = None,
) -> int:
    """Run a session in `cwd`, its events to `out`; the exit status."""
    tell = EventWriter(out)
    meter = Meter()
    stopped = _Stop()
    try:
        ending = await _session(options, environ, cwd, tell, meter, patience or Patience())
    except asyncio.CancelledError:
        if stopped.number is None:
            raise
        name = signal.Signals(stopped.number).name
        ending = failed(f"stopped by {name}", terminal="aborted")
    tell.result(
        ending,
        num_turns=meter.turns,
        total_cost_usd=meter.usd,
        usage=meter.usage,
        modelUsage=meter.models,
        model_usage_since_last_result=meter.models,
    )
    stopped.forget()
    if stopped.number is not None:
        return 128 + stopped.number
    return 1 if ending.error else 0


class _Stop:
    """Cancels the session on a signal, once, and remembers which."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on, number)

    def _on(self, number: int) -> None:
        if self.number is None and self._task is not None:
            self.number = number
            self._task.cancel()

    def forget(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


async def _session(
    options: Options,
    environ: Mapping[str, str],
    cwd: str,
    tell: EventWriter,
    meter: Meter,
    patience: Patience,
) -> Ending:
    try:
        way = access(environ)
        if way is None:
            return Ending(
                error=NO_KEY, terminal="api_error", status=401, kind="authentication_failed"
            )
        transcript = _conversation(options, environ, cwd, tell, way)
    except WtmanError as error:
        return failed(f"{error.message}: {error.hint}")
    except OSError as error:
        return failed(f"cannot keep the conversation: {error.filename}: {error.strerror}")
    model = transcript.model
    toolbox = Tools(cwd, chosen(options.tools, options.read_only), without_secrets(environ))
    tell.session = transcript.session
    tell.event(
        "system",
        subtype="init",
        cwd=cwd,
        tools=toolbox.names,
        mcp_servers=[],
        model=model,
        permissionMode="bypassPermissions",
        apiKeySource=way.source,
    )
    ending: Ending | None = None
    try:
        if options.max_usd and not priced(model):
            words = f"no price is known for {model}, so --max-usd cannot hold; use --max-tokens"
            ending = failed(words, terminal="unpriced")
            return ending
        client = AsyncAnthropic(
            api_key=way.api_key, auth_token=way.auth_token, base_url=way.base_url, max_retries=0
        )
        forget()
        async with client:
            talk = AgentLoop(options, client, toolbox, transcript, meter, tell, patience)
            ending = await talk.run(_news(options, transcript, way))
        return ending
    except OSError as error:
        ending = failed(f"{error.filename or 'input or output'}: {error.strerror or error}")
        return ending
    finally:
        await toolbox.close()
        transcript.end(ending.subtype if ending else "stopped", meter.usage)
        transcript.close()


def _conversation(
    options: Options, environ: Mapping[str, str], cwd: str, tell: EventWriter, way: Access
) -> Transcript:
    home = Path(environ.get("HOME") or cwd)
    if options.resume:
        return Transcript.resume(home, options.resume)
    model = options.model or environ.get("ANTHROPIC_MODEL", "") or DEFAULT_MODEL
    system = system_text(_role(options, way), options.read_only)
    return Transcript.create(home, tell.session, model, cwd, system)


def _role(options: Options, way: Access) -> str:
    """The text of the role, with the schema where the server may not hold the model to it."""
    if options.answer_schema is None or way.theirs:
        return options.system
    return f"{options.system.strip()}\n\n{in_words(options.answer_schema)}"


def _news(options: Options, transcript: Transcript, way: Access) -> str:
    """What the system text of a conversation that goes on does not say yet."""
    if not options.resume:
        return ""
    role = _role(options, way).strip()
    return "" if role in transcript.system else role
