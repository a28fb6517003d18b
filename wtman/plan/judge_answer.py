"""What a judge of plans answers. Import this late: pydantic takes its time."""

from collections.abc import Container

from pydantic import BaseModel, ConfigDict, Field

from wtman.text.words import quoted


class JudgedPlans(BaseModel):
    """Which plan is best, and why."""

    model_config = ConfigDict(extra="ignore")

    best: str = Field(description="The letter of the best plan.")
    why: str = Field(description="One or two sentences.")


def wrong_with(answer: JudgedPlans, known: Container[str]) -> tuple[str, ...]:
    """What keeps the answer from being one."""
    return () if answer.best in known else (f"best: there is no plan {quoted(answer.best)}",)
