"""What somebody who writes a first flow gets wrong: one line each, with the fix."""

import pytest

from wtman.flow.outline import read_script

ONE = "    async def one(path):\n        return await flow.session(path)\n"


@pytest.mark.parametrize(
    ("body", "line", "told"),
    [
        ("await flow.sesion('x')", 4, 'there is no flow.sesion; did you mean "session"?'),
        (
            "await flow.session('x', own=['a'])",
            4,
            'flow.session takes no own=; did you mean "owns"?',
        ),
        ("await flow.session('x', owns='a')", 4, "owns is a list: write owns=['a']"),
        ("await flow.ask('x', returns='a list')", 4, "returns is a type"),
        ("work = flow.session('x')\n    return work", 4, "`work = await flow.session(...)`"),
        ("work = flow.session('x')\n    await flow.review(work)", 4, "flow.session is not awaited"),
        ("done = flow.map([], str)\n    return done.values", 4, "`done = await flow.map(...)`"),
        ("await flow.files('*')", 4, "flow.files answers at once: drop the `await`"),
        ("return flow.give_up('x')", 4, "write `raise flow.give_up(...)`"),
        (f"pass\n{ONE}    await flow.map('abc', one)", 7, "flow.map takes a list: write ['abc']"),
        (f"pass\n{ONE}    await flow.map([], one('a'))", 7, "hand over the function itself"),
        (
            "def one(path):\n        return path\n    await flow.map([], one)",
            6,
            "write `async def one",
        ),
        ("async for n in flow.rounds(3):\n        pass", 4, "write a plain `for`"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_fix(body: str, line: int, told: str) -> None:
    text = f'"""Try."""\nfrom wtman.flow import Flow\nasync def main(flow: Flow):\n    {body}\n'
    [problem, *_] = read_script(text, "x.py").errors
    assert problem.line == line and told in problem.message, problem


@pytest.mark.parametrize(
    "body",
    [
        "a = flow.session('x')\n    b = flow.session('y')\n    return await flow.gather(a, b)",
        "a = flow.session('x')\n    return await a",
        "calls = [flow.session(p) for p in 'ab']\n    return await asyncio.gather(*calls)",
        "a = flow.session('x')\n    calls = [a]\n    return await flow.gather(*calls)",
        "await flow.map(['a'], lambda path: flow.session(path))",
        "def one(path):\n        return flow.session(path)\n    await flow.map(['a'], one)",
        "flow.log(flow.budget.usd.left)\n    flow.random.choice([flow.run, flow.base])",
    ],
)
def test_what_is_right_is_let_be(body: str) -> None:
    text = f"import asyncio\nfrom wtman.flow import Flow\nasync def main(flow: Flow):\n    {body}\n"
    assert read_script(text, "x.py").errors == ()


def test_a_name_that_wtman_has_not_is_told() -> None:
    text = "from wtman.flow import Flw\nasync def main(flow):\n    pass\n"
    [problem] = read_script(text, "x.py").errors
    assert problem.message == 'wtman.flow has no Flw; did you mean "Flow"?'
