"""A flow that a planner writes: what it is told of flows, and what its answer is held to.

What it is told is the manual's page on flows and the calls of `Flow` as the code has them, so
that neither can drift. Its answer is a text: it is read here, never run. Import this late:
pydantic takes its time.
"""

import ast
from collections.abc import Collection, Iterator

from pydantic import BaseModel, ConfigDict, Field

from wtman.flow.outline import Outline, read_script
from wtman.plan.prompt import Brief, repository_parts
from wtman.text.words import fenced

_NOT_CALLED = ("forgotten",)  # by scripts
# Sections of the manual that somebody who writes a flow does not need.
_LEFT_OUT = ("What is done twice, and what is not", "Flows that come with wtman")


class WrittenFlow(BaseModel):
    """The request as a flow."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", description="One or two sentences: why it is done like this.")
    name: str = Field(description="Short and telling, a-z, 0-9 and -, for example port-to-httpx.")
    source: str = Field(description="The whole text of the Python file.")


def author_prompt(brief: Brief, page: str, api: str, outline: str = "") -> str:
    """What the planner is told; `page` is that of the manual, `api` the code of `Flow`, `outline`
    what it has said of this flow before."""
    calls = "\n".join(_calls(api))
    parts = [
        f"Write a flow for this request:\n\n{brief.request.strip()}",
        *([f"As you have outlined it (data):\n{fenced(outline)}"] if outline else []),
        f"How flows are written:\n\n{_needed(page)}",
        f"Every call, with what it takes:\n\n{calls}",
        f"{brief.jobs} sessions run at the same time, {brief.max_sessions:,} are the most.",
        *repository_parts(brief),
    ]
    return "\n\n".join(parts) + "\n"


def _needed(page: str) -> str:
    first, *sections = page.split("\n## ")
    kept = [text for text in sections if text.partition("\n")[0] not in _LEFT_OUT]
    return "\n## ".join([first, *kept]).strip()


def _calls(api: str) -> Iterator[str]:
    """Each public method of `Flow`: its signature, and the first sentence of its docstring."""
    flow = next(
        node
        for node in ast.parse(api).body
        if isinstance(node, ast.ClassDef) and node.name == "Flow"
    )
    for node in flow.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        if node.name in _NOT_CALLED:
            continue
        said = ast.get_docstring(node)
        if said is not None:  # one of several ways to call it has none
            node.args.args = node.args.args[1:]
            about = " ".join(said.split("\n\n")[0].split())
            gives = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
            called = f"({ast.unparse(node.args)}){gives}"
            if any(getattr(it, "id", "") == "property" for it in node.decorator_list):
                called = ""
            yield f"flow.{node.name}{called}\n    {about}"


def wrong_with(written: WrittenFlow, reserved: Collection[str]) -> tuple[str, ...]:
    """Everything that keeps an answer from being a flow, for its author to mend."""
    outline = outline_of(written.source, reserved)
    found = [f"line {it.line}: {it.message}" for it in outline.errors]
    if found:
        return tuple(found)
    if not outline.about:
        found.append("it has no docstring that says what it does")
    if not outline.calls and not outline.flows:
        found.append("it asks for nothing: no flow.session, flow.ask, flow.command or flow.review")
    # What a planner may not do: bring programs along. The user names agents.
    found += [f"agent={name!r}: agents are for its user to name" for name in outline.agents]
    return tuple(found)


def outline_of(source: str, reserved: Collection[str]) -> Outline:
    """A flow's text, read; `reserved` are names that no input of it may have."""
    return read_script(source, "flow", taken=frozenset(reserved))
