"""What the program is asked for: one JSON object on stdin, as `agents/api.py` writes it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt


class Options(BaseModel):
    """One session. Caps of 0 are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(pattern=r"\S")
    model: str = ""
    effort: Literal["", "low", "medium", "high", "xhigh", "max"] = ""
    system: str = ""  # the text of a role
    answer_schema: dict[str, Any] | None = None
    resume: str = ""  # a session id, or the file of one
    read_only: bool = False
    tools: tuple[str, ...] = ()  # names as in Claude Code; empty is all
    max_usd: float = Field(0.0, ge=0, allow_inf_nan=False)
    max_tokens: NonNegativeInt = 0  # of input and output together
    max_turns: NonNegativeInt = 0
    clear_above: NonNegativeInt = 150_000  # tokens of prompt; then old tool results are cleared
