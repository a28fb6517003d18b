"""The loop: ask the model, run the tools that it calls, ask again, until it ends.

Every turn is in the transcript before the next is begun, so that a session can be
stopped anywhere. A cap is looked at before each response, which is why a session
overshoots it by one response at most.
"""

from dataclasses import dataclass
from typing import Any

from anthropic import AsyncAnthropic

from wtman.apiagent.events import Ending, EventWriter, failed
from wtman.apiagent.meter import Meter
from wtman.apiagent.models import traits
from wtman.apiagent.options import Options
from wtman.apiagent.request import RESPONSE_TOKENS, parameters
from wtman.apiagent.response import Patience, Reply, ask
from wtman.apiagent.tools import Tools
from wtman.apiagent.transcript import Transcript, tool_result

CONTINUED = 4  # times that a response may be cut at its limit, or pause, one after the other
CUT = "Your message was cut at the limit of its length. Go on exactly where it stopped."
CUT_CALL = "not run: the message was cut at the limit of its length; make smaller calls"
FINISH = "Four fifths of this session's budget are used. Come to an end now: finish what is "
FINISH += "begun, leave the files in a working state and report."


@dataclass
class AgentLoop:
    """One session of a conversation."""

    options: Options
    client: AsyncAnthropic
    toolbox: Tools
    transcript: Transcript
    meter: Meter
    tell: EventWriter
    patience: Patience
    _clear_above: int = 0  # tokens from which the server clears old results; 0 is never
    _cut: int = 0
    _said: str = ""  # the text of responses that were cut
    _warned: bool = False

    async def run(self, news: str = "") -> Ending:
        """Say the prompt, and `news` with the words of a system; until there is an ending."""
        blocks = self.transcript.unanswered()
        self._say([*blocks, {"type": "text", "text": self.options.prompt}], news)
        while True:
            if ending := self.meter.reached(self.options):
                return ending
            if self.meter.prompt > self.options.clear_above > 0:
                self._clear_above = self._clear_above or self.options.clear_above
            reply = await ask(
                self.client,
                parameters(
                    self.options, self.transcript, self.toolbox.definitions(), self._clear_above
                ),
                self.options,
                self.meter,
                self.tell,
                self.patience,
            )
            if isinstance(reply, Ending):
                return reply
            if ending := await self._take(reply):
                return ending

    def _say(self, content: list[dict[str, Any]], news: str = "") -> None:
        """A user's turn, and `news` behind it: a system's turn where the model takes one there."""
        system_turns = traits(self.transcript.model).system_turns
        if news and not system_turns:
            reminder = f"<system-reminder>\n{news}\n</system-reminder>"
            content = [*content, {"type": "text", "text": reminder}]
        self.transcript.add({"role": "user", "content": content})
        if news and system_turns:
            turn = {"role": "system", "content": [{"type": "text", "text": news}]}
            self.transcript.add(turn)

    async def _take(self, reply: Reply) -> Ending | None:
        """Act on a response; an ending where there is nothing left to do."""
        self.meter.turns += 1
        usage = reply.usage
        self.meter.prompt = sum(usage.values()) - usage["output_tokens"]
        self.tell.message(
            "assistant",
            id=reply.id,
            type="message",
            model=reply.model,
            content=reply.content,
            stop_reason=reply.stop,
            usage=usage,
        )
        if reply.stop == "refusal":
            # Not in the transcript: a conversation does not recover from one.
            why = reply.refusal or "no reason given"
            return failed(f"the model refused: {why}", terminal="refusal", stop=reply.stop)
        if reply.stop == "model_context_window_exceeded":
            return self._too_long(reply)
        if reply.content:
            self.transcript.add({"role": "assistant", "content": reply.content})
        if reply.stop in ("max_tokens", "pause_turn"):
            return self._go_on(reply)
        self._cut = 0
        if reply.calls:
            await self._call(reply.calls)
            return None
        if reply.stop not in ("end_turn", "stop_sequence", "tool_use"):
            return failed(f"the model stopped: {reply.stop}", stop=reply.stop)
        return Ending(text=self._said + reply.text, stop=reply.stop)

    def _too_long(self, reply: Reply) -> Ending | None:
        if traits(self.transcript.model).clears and not self._clear_above:
            self._clear_above = max(self.meter.prompt // 2, 1)
            return None
        return failed("the conversation is longer than the model can read", stop=reply.stop)

    def _go_on(self, reply: Reply) -> Ending | None:
        self._cut += 1
        if self._cut > CONTINUED or (reply.stop == "max_tokens" and not reply.content):
            limit = f"responses of {RESPONSE_TOKENS} tokens"
            return failed(f"the model came to no end ({reply.stop}, {limit})", stop=reply.stop)
        if reply.stop == "pause_turn":
            return None
        if reply.calls:
            results = [tool_result(call, CUT_CALL) for call in reply.calls]
            self.tell.message("user", content=results)
            self._say(results)
        else:
            self._said += reply.text
            self._say([{"type": "text", "text": CUT}])
        return None

    async def _call(self, calls: list[dict[str, Any]]) -> None:
        results = [await self.toolbox.call(call) for call in calls]
        self._said = ""
        self.tell.message("user", content=results)
        news = ""
        if not self._warned and self.meter.nearly(self.options):
            self._warned, news = True, FINISH
        self._say(results, news)
