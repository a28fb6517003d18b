"""What a repairer answers: the schema that it is given.

The rules beyond it are in `tasks/repair.py`. Import this late: pydantic takes its time.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RepairPart(BaseModel):
    """One of the smaller tasks that a task is split into."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="Short and telling, a-z, 0-9 and -.")
    title: str = Field("", description="One line for people.")
    prompt: str = Field(description="All that its author is told about the part.")
    owns: list[str] = Field(
        [], description="Patterns of the paths that it may change, among those of the task."
    )
    needs: list[str] = Field([], description="Ids of other parts that it starts from.")
    expect: str = Field("", description="What is true afterwards and was not before.")


class RepairAnswer(BaseModel):
    """What becomes of the task: one decision, and what belongs to it."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["again", "split", "join", "chain", "owns", "give_up"] = Field(
        description="again: one more round of attempts, with `advice`. split: into `tasks`. "
        "join: into one task with `other`. chain: start from the finished work of `other`. "
        "owns: again, with other `owns`. give_up: it stays as it is."
    )
    reason: str = Field(description="One or two sentences: why it fell short, and why this helps.")
    advice: str = Field(
        "", description="What the next author has to know that the task does not say."
    )
    other: str = Field("", description="Id of the other task, of chain, join, or owns.")
    owns: list[str] = Field([], description="All patterns that the task owns from now on.")
    tasks: list[RepairPart] = Field([], description="The parts of a split, two or more.")
    check: list[str] = Field(
        [], description="Other commands that judge the task. Its user is asked first."
    )
    agent: str = Field("", description="Another agent for the task. Its user is asked first.")
