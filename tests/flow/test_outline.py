"""What is read of a script without running it: inputs, problems, calls, loops and fan-outs."""

import textwrap

import pytest

from wtman.errors import UsageError
from wtman.flow.declared_inputs import InputField
from wtman.flow.options import arguments, option_lines
from wtman.flow.outline import FileQuery, Outline, outline_lines, read_script

MAIN = "\nasync def main(flow, args):\n    pass\n"

PORT = '''
"""Port every module.

Two reviewers each."""
import asyncio
from typing import Literal
from pydantic import Field
from wtman.flow import Flow, Inputs

class Args(Inputs):
    folder: str = "src"               # where to look
    reviewers: int = Field(2, description="reviewers of each file")
    style: Literal["short", "long"] = "short"
    only: list[str] = []
    ratio: float | None = None
    quick: bool = False
    ticket: str

async def main(flow: Flow, args: Args):
    flow.phase("look")
    files = flow.files(f"{args.folder}/**/*.py", containing="import requests")

    async def one(path: str):
        work = await flow.session(f"Port {path} to httpx.", role="porter", model="opus")
        for _ in flow.rounds(args.reviewers):
            review = await flow.review(work, reviewers=args.reviewers)
            work = await flow.session(review.as_prompt(), on=work, agent="command:fix --all")
        return work

    flow.phase("port")
    done = await flow.map(files, one)
    facts = await flow.gather(*[flow.ask("why", title="facts") for _ in range(3)])
    return await flow.merge(done.values)
'''


def read(text: str, **more: object) -> Outline:
    return read_script(textwrap.dedent(text), "flow.py", **more)


def test_an_outline() -> None:
    outline = read(PORT)
    assert outline.about == "Port every module.\n\nTwo reviewers each."
    assert outline.errors == () and outline.problems == ()
    assert [(it.kind, it.said, it.role, it.model, it.agent) for it in outline.calls] == [
        ("session", "f'Port {path} to httpx.'", "porter", "opus", ""),
        ("review", "work", "", "", ""),
        ("session", "review.as_prompt()", "", "", "command:fix --all"),
        ("ask", "facts", "", "", ""),
        ("merge", "done.values", "", "", ""),
    ]
    assert outline.calls[2].within == ("for each of files", "2 rounds at most")
    assert outline.calls[3].within == ("for each of range(3)",)
    assert [bound for _, bound in outline.loops] == ["2 rounds at most"]
    assert outline.phases == ("look", "port") and outline.agents == ("command:fix --all",)
    [fan] = outline.fan_outs
    assert (fan.over, fan.files) == ("files", FileQuery("src/**/*.py", "import requests"))
    other = read(PORT, args={"folder": "lib"}).fan_outs[0].files
    assert other == FileQuery("lib/**/*.py", "import requests")
    assert "line 26: review: work" in outline_lines(outline)


def test_inputs_are_read_with_type_default_and_help() -> None:
    fields = {it.name: it for it in read(PORT).inputs}
    assert fields["folder"] == InputField("folder", "str", 11, False, "src", help="where to look")
    assert fields["reviewers"].help == "reviewers of each file" and fields["reviewers"].default == 2
    assert fields["style"].choices == ("short", "long")
    assert (fields["only"].many, fields["only"].default) == (True, [])
    assert (fields["ratio"].optional, fields["ratio"].kind) == (True, "float")
    assert fields["ticket"].required


def test_words_become_inputs() -> None:
    fields = read(PORT).inputs
    words = "--ticket T-1 --reviewers=3 --only a --only b --quick --style long --ratio 0.5".split()
    assert arguments(fields, words) == {
        "folder": "src",
        "reviewers": 3,
        "style": "long",
        "only": ["a", "b"],
        "ratio": 0.5,
        "quick": True,
        "ticket": "T-1",
    }
    assert arguments(fields, ["--ticket", "x", "--no-quick"])["quick"] is False
    assert dict(option_lines(fields))["--style short|long"] == "(default: short)"
    assert dict(option_lines(fields))["--folder TEXT"] == "where to look (default: src)"


@pytest.mark.parametrize(
    "words, message",
    [
        ("", "the flow needs --ticket"),
        ("--ticket", "--ticket needs a value"),
        ("--ticket x --reviewers many", '--reviewers: expected an integer, got "many"'),
        ("--ticket x --style tiny", '--style: expected one of short, long, got "tiny"'),
        ("--ticket x --folde y", 'the flow has no input "--folde"'),
        ("--ticket x src", 'the flow has no input "src"'),
    ],
)
def test_wrong_words_are_told(words: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        arguments(read(PORT).inputs, words.split())
    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    "body, line, message",
    [
        ("n: dict = {}", 3, "is of a type that is no option"),
        ("n: list[list[int]] = []", 3, "is of a type that is no option"),
        ("n: int = len('x')", 3, "has a default that is computed"),
        ("a: int = 1\n    budget_usd: int = 1", 4, "is named like `wtman run --budget-usd`"),
        ("check: bool = True", 3, "is named like `wtman run --no-check`"),
    ],
)
def test_fields_that_are_no_options(body: str, line: int, message: str) -> None:
    text = f"from wtman.flow import Inputs\nclass Args(Inputs):\n    {body}\n{MAIN}"
    [problem] = read(text, taken=frozenset({"budget-usd", "no-check"})).errors
    assert problem.line == line and message in problem.message


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("import time\nasync def main(flow):\n    time.time()", 3, "time.time: use flow.now()"),
        (
            "from time import time as t\nasync def main(flow):\n    t()",
            3,
            "time.time: use flow.now()",
        ),
        (
            "from datetime import datetime\nasync def main(flow):\n    datetime.now()",
            3,
            "datetime.datetime.now: use flow.now()",
        ),
        (
            "import random\nasync def main(flow):\n    random.Random().random()",
            3,
            "random.Random: use flow.random()",
        ),
        ("async def main(flow):\n    open('x')", 2, "open: use flow.read"),
        ("import os\nasync def main(flow):\n    os.environ['x']", 3, "os.environ: use an input"),
        ("import requests\nasync def main(flow): pass", 1, "import of requests: a flow imports"),
        ("from . import x\nasync def main(flow): pass", 1, "import of .: a flow imports"),
        ("import subprocess\nasync def main(flow): pass", 1, "use flow.command"),
        ("x = 1", 1, "there is no main"),
        ("def main(flow): pass", 1, "main is not async"),
        ("async def main(): pass", 1, "main takes the flow"),
        ("async def main(f):\n    f.session('x')", 2, "flow.session is not awaited"),
        (
            "async def main(flow):\n    async def one(x):\n        return flow.ask(x)",
            3,
            "`return await flow.ask(...)`",
        ),
        (
            "async def main(flow):\n    while True:\n        await flow.ask('x')",
            2,
            "a loop without a bound",
        ),
        ("async def main(flow):\n    1 +", 2, "syntax: invalid syntax"),
    ],
)
def test_problems_are_told_with_their_line(text: str, line: int, message: str) -> None:
    errors = read(text).errors
    assert [it.line for it in errors] == [line], errors
    assert message in errors[0].message


def test_equal_calls_after_an_await_in_a_gather_are_a_hint() -> None:
    outline = read(
        """
        import asyncio
        async def main(flow):
            async def one(n):
                first = await flow.ask("q")
                await flow.ask("r", key=n)
                return await flow.ask(first)
            await asyncio.gather(*[one(n) for n in "ab"])
        """
    )
    assert [(it.line, it.hint) for it in outline.problems] == [(7, True)]
    assert "key=" in outline.problems[0].message


def test_a_search_that_the_text_does_not_tell_is_not_guessed() -> None:
    outline = read(
        """
        async def main(flow):
            files = flow.files("*.py")
            files = files[:3]
            await flow.map(files, flow.ask)
            await flow.map(flow.files(await flow.ask("which")), flow.ask)
            await flow.map(flow.files("*.md"), lambda path: flow.session(path))
        """
    )
    assert [it.files for it in outline.fan_outs] == [None, None, FileQuery("*.md", None)]
    assert outline.calls[-1].within == ("for each of flow.files('*.md')",)


def test_reading_runs_nothing() -> None:
    assert read("raise SystemExit(3)\nopen('/nowhere')" + MAIN).about == ""
