'''Plan in code: what a flow imports. A flow is one Python file with one `async def main`.

    """Port every module from requests to httpx."""         # shown before the run
    from wtman.flow import Flow, Inputs

    class Args(Inputs):                                     # options of `wtman run`
        folder: str = "src"

    async def main(flow: Flow, args: Args):
        files = flow.files(f"{args.folder}/**/*.py", containing="import requests")

        async def one(path: str):
            return await flow.session(f"Port {path} to httpx.", owns=[path])

        ported = await flow.map(files, one)
        return ported.values                                # what `wtman merge` lands

`wtman help flows` is the guide; each call of `Flow` says in its docstring what it does. A flow
runs in a process of its own, where it may import the standard library, pydantic and this.
'''

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wtman.flow.api import Amount, Budget, Chance, Flow
    from wtman.flow.errors import (
        Ambiguous,
        BadAnswer,
        DuplicateItem,
        FlowError,
        GivenUp,
        NotReproducible,
        OverBudget,
        OverLimit,
        Rejected,
        ScriptError,
        StepFailed,
        Stopped,
        Unhashable,
    )
    from wtman.flow.inputs import Inputs
    from wtman.flow.values import Excluded, Finding, Outcome, Outcomes, Ran, Review, Train, Work

__all__ = [
    "Ambiguous",
    "Amount",
    "BadAnswer",
    "Budget",
    "Chance",
    "DuplicateItem",
    "Excluded",
    "Finding",
    "Flow",
    "FlowError",
    "GivenUp",
    "Inputs",
    "NotReproducible",
    "Outcome",
    "Outcomes",
    "OverBudget",
    "OverLimit",
    "Ran",
    "Rejected",
    "Review",
    "ScriptError",
    "StepFailed",
    "Stopped",
    "Train",
    "Unhashable",
    "Work",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for: the coordinator imports this package, and needs none."""
    if name in __all__:
        for place in ("errors", "values", "inputs", "api"):
            found = getattr(import_module(f"wtman.flow.{place}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
