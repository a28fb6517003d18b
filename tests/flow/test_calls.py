"""Scopes, numbers and fan-outs: what a script asks for does not depend on the order of answers."""

import random
from typing import Any

import pytest

from tests.flow.hosts import BASE, Failure, Played, backwards, plain_text, play, review, work
from wtman.flow.messages import (
    Announcement,
    FailureLine,
    LogLine,
    PhaseLine,
    ScriptCall,
    SessionSpec,
    WorkRef,
)
from wtman.formats.gitignore import flaw, matches

HEAD = "import asyncio\nfrom wtman.flow import *\n\n"


def flow(body: str, answer: Any = plain_text, **more: Any) -> Played:
    """Play a flow whose main is this."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return play(f"{HEAD}async def main(flow):\n{lines}", answer, **more)


def asked(played: Played) -> list[tuple[Any, ...]]:
    """Kind, scope, number and prompt of every call."""
    return [
        (call.kind, call.scope, call.number, getattr(call.spec, "prompt", ""))
        for call in played.calls
    ]


# --- numbers and scopes -----------------------------------------------------------------------


def test_equal_calls_of_one_task_are_numbered_in_the_order_they_are_made() -> None:
    played = flow(
        "first = flow.ask('q')\n"
        "other = flow.ask('other')\n"
        "second = flow.ask('q')\n"
        "await asyncio.gather(second, other, first)\n"
        "await flow.ask('q')"
    )
    assert [(call.number, call.key) for call in played.calls] == [
        (0, None),
        (0, None),
        (1, None),
        (2, None),
    ]


def test_what_is_not_in_the_key_does_not_tell_calls_apart() -> None:
    played = flow(
        "await flow.session('q', title='a', timeout=3, usd=2.5, attempts=2)\n"
        "await flow.session('q', title='b')"
    )
    assert [call.number for call in played.calls] == [0, 1]
    first = played.calls[0]
    assert (first.title, first.limits.timeout, first.limits.usd) == ("a", 3, 2.5)
    assert first.given == played.calls[1].given


def test_an_equal_call_of_another_task_is_ambiguous() -> None:
    played = flow(
        "async def one():\n"
        "    return await flow.ask('q')\n"
        "async with asyncio.TaskGroup() as group:\n"
        "    group.create_task(one())\n"
        "    group.create_task(one())"
    )
    error = played.error
    assert (error.type, "key=" in error.message, "flow.scope" in error.message) == (
        "Ambiguous",
        True,
        True,
    )
    assert [line.text for line in error.lines][-1] == "return await flow.ask('q')"


def test_a_key_or_a_scope_tells_them_apart() -> None:
    played = flow(
        "async def one(n):\n"
        "    return await flow.ask('q', key=n)\n"
        "async def two(n):\n"
        "    with flow.scope(n):\n"
        "        return await flow.ask('q')\n"
        "return await flow.gather(one('a'), one('b'), two('c'), two('d'))"
    )
    assert [(call.scope, call.key) for call in played.calls] == [
        ((), "a"),
        ((), "b"),
        (("c",), None),
        (("d",), None),
    ]
    assert played.value == ["text"] * 4


def test_a_key_given_twice_is_refused() -> None:
    error = flow("await flow.ask('q', key='k')\nawait flow.ask('q', key='k')").error
    assert (error.type, "key='k'" in error.message) == ("Ambiguous", True)


def test_calls_may_be_handed_to_gather_and_task_groups_as_they_are() -> None:
    played = flow(
        "async with asyncio.TaskGroup() as group:\n"
        "    tasks = [group.create_task(flow.ask('q')) for _ in range(3)]\n"
        "return [task.result() for task in tasks]"
    )
    assert [call.number for call in played.calls] == [0, 1, 2]
    assert played.value == ["text"] * 3


def test_items_are_scopes_and_maps_of_the_same_items_go_on_counting() -> None:
    played = flow(
        "async def one(item):\n"
        "    return await flow.ask('q')\n"
        "for _ in flow.rounds(2):\n"
        "    await flow.map(['a', 'b'], one)\n"
    )
    assert [(call.scope, call.number) for call in played.calls] == [
        (("a",), 0),
        (("b",), 0),
        (("a",), 1),
        (("b",), 1),
    ]
    assert [call.path for call in played.calls] == [
        (("round", f"{number} of 2"), ("map", "one"), ("item", item))
        for number in (1, 2)
        for item in "ab"
    ]
    assert [(it.items, it.name) for it in played.told(Announcement)] == [(2, "one")] * 2


def test_maps_of_two_tasks_are_ambiguous_even_when_one_came_later() -> None:
    # The second begins when the first has ended, but only because of how answers came.
    played = flow(
        "async def one(item):\n"
        "    return await flow.ask('q')\n"
        "async def both(wait):\n"
        "    for _ in range(wait):\n"
        "        await flow.ask('wait', key=f'{wait} {_}')\n"
        "    await flow.map(['a'], one)\n"
        "    await flow.map(['a'], one)\n"
        "await asyncio.gather(both(0), both(9))"
    )
    assert played.error.type == "Ambiguous"
    assert [(call.number) for call in played.calls if call.scope] == [0, 1]


def test_scopes_in_tasks_that_the_script_makes_go_on_counting() -> None:
    played = flow(
        "async def one(name):\n"
        "    for _ in range(2):\n"
        "        with flow.scope(name):\n"
        "            await flow.ask('q')\n"
        "            await flow.map(['i'], lambda item: flow.ask('q'))\n"
        "await asyncio.gather(one('a'), one('b'))"
    )
    assert sorted((call.scope, call.number) for call in played.calls) == [
        (("a",), 0),
        (("a",), 1),
        (("a", "i"), 0),
        (("a", "i"), 1),
        (("b",), 0),
        (("b",), 1),
        (("b", "i"), 0),
        (("b", "i"), 1),
    ]


def test_two_maps_of_the_same_items_at_once_are_ambiguous_where_calls_are_equal() -> None:
    played = flow(
        "async def one(item):\n"
        "    return await flow.ask('q')\n"
        "await asyncio.gather(flow.map(['a'], one), flow.map(['a'], one))"
    )
    assert played.error.type == "Ambiguous"


def test_the_calls_are_the_same_in_whatever_order_answers_come() -> None:
    body = (
        "async def one(item):\n"
        "    found = await flow.gather(*[flow.ask('look') for _ in range(3)])\n"
        "    with flow.scope('build'):\n"
        "        return await flow.session(' '.join(found))\n"
        "async def two(item):\n"
        "    return await flow.pipeline([1, 2], one, flow.review)\n"
        "await asyncio.gather(flow.map(['a', 'b', 'c'], one), flow.map(['x', 'y'], two))"
    )
    calls = {(call.kind, call.scope, call.number) for call in flow(body, pick=backwards).calls}
    assert calls == {(call.kind, call.scope, call.number) for call in flow(body).calls}
    assert len(calls) == 3 * 4 + 2 * 2 * 5


@pytest.mark.parametrize("seed", range(12))
def test_answers_in_the_same_order_make_the_same_calls_in_the_same_order(seed: int) -> None:
    # Everything here hangs on the order of answers: who comes first, what a list holds.
    body = (
        "seen = []\n"
        "async def one(n):\n"
        "    tasks = {asyncio.create_task(flow.ask(f'{n}{i}')) for i in range(3)}\n"
        "    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)\n"
        "    seen.append(n)\n"
        "    first = await flow.session(f'{seen} {[it.result() for it in done]}')\n"
        "    for task in rest:\n"
        "        seen.append(await task)\n"
        "    return await flow.ask(f'{seen}', at=first)\n"
        "await flow.map(range(6), one, limit=4)\n"
        "return seen"
    )

    def answer(call: ScriptCall) -> Any:
        return work(f"t{call.call}") if call.kind == "session" else f"<{call.call}>"

    def played() -> Played:
        chance = random.Random(seed)
        return flow(body, answer, pick=chance.randrange)

    assert played().messages == played().messages


def test_a_flow_of_many_items_asks_the_same_again() -> None:
    body = (
        "async def one(n):\n"
        "    tasks = [asyncio.create_task(flow.ask(f'q{i}')) for i in (1, 2)]\n"
        "    done, _ = await asyncio.wait(tasks)\n"
        "    return await flow.ask(str([task.result() for task in done]))\n"
        "await flow.map(range(50), one)"
    )

    def answer(call: ScriptCall) -> str:
        return f"{call.scope} {getattr(call.spec, 'prompt', '')}"

    assert asked(flow(body, answer)) == asked(flow(body, answer))


# --- fan-outs ---------------------------------------------------------------------------------


def test_every_outcome_is_kept_in_the_order_of_the_items() -> None:
    def answer(call: ScriptCall) -> Any:
        if call.scope == ("b",):
            return Failure("StepFailed", "tests fail", {"reason": "check", "task": "t"})
        return work(call.scope[0])

    played = flow(
        "async def one(item):\n"
        "    if item == 'c':\n"
        "        raise flow.give_up('too hard')\n"
        "    return await flow.session('do', owns=[item])\n"
        "done = await flow.map(['a', 'b', 'c', 'd'], one)\n"
        "errors = [[it.item, type(it.error).__name__, str(it.error)] for it in done.failed]\n"
        "reason = done.failed[0].error.reason\n"
        "return [[it.task for it in done.values], errors, reason, len(done)]",
        answer,
    )
    assert played.value == [
        ["a", "d"],
        [["b", "StepFailed", "tests fail"], ["c", "GivenUp", "too hard"]],
        "check",
        4,
    ]


def test_the_first_error_is_raised_where_that_is_asked_for() -> None:
    played = flow(
        "async def one(item):\n"
        "    await flow.session('do')\n"
        "await flow.map(['a', 'b'], one, on_error='raise')",
        lambda call: Failure("StepFailed", "no"),
    )
    assert (played.error.type, played.error.message) == ("StepFailed", "no")


def test_a_mistake_in_the_script_is_no_outcome() -> None:
    for mistake, kind in (("flow.ask({1})", "ScriptError"), ("flow.asks('x')", "AttributeError")):
        body = f"async def one(item):\n    await {mistake}\nawait flow.map(['a', 'b'], one)"
        error = flow(body).error
        assert (error.type, error.lines[-1].text) == (kind, f"await {mistake}")
    played = flow(
        "async def one(item):\n    await flow.map([1, 1], one)\nawait flow.map(['a'], one)"
    )
    assert (played.error.type, "by=" in played.error.message) == ("DuplicateItem", True)


def test_items_without_an_identity_are_refused() -> None:
    error = flow("async def one(item): pass\nawait flow.map([object()], one)").error
    assert (error.type, "by=" in error.message) == ("Unhashable", True)
    error = flow("await flow.session('x', owns=[float('nan')])").error
    assert (error.type, "owns" in error.message) == ("Unhashable", True)


@pytest.mark.parametrize(
    "call, kind",
    [
        ("review(work, reviewers=0)", "ScriptError"),
        ("session('x', timeout='5m')", "TypeError"),
        ("session('x', attempts=0)", "ScriptError"),
        ("session('x', owns='src')", "TypeError"),
        ("session('')", "ScriptError"),
        ("session('x', on='main')", "TypeError"),
        ("command([])", "ScriptError"),
        ("approve('x', options=['yes'])", "ScriptError"),
        ("merge([])", "StepFailed"),
        ("map([1], flow.ask, on_error='stop')", "ValueError"),
    ],
)
def test_a_wrong_argument_is_told_with_its_line(call: str, kind: str) -> None:
    error = flow(f"work = await flow.session('w')\nawait flow.{call}").error
    assert (error.type, error.lines[-1].line) == (kind, 6), error


def test_a_task_is_named_by_its_title_or_its_item_and_keys_and_scopes_by_anything() -> None:
    played = flow(
        "async def one(item):\n"
        "    await flow.session('a', key=3)\n"
        "    with flow.scope(('x', 1)):\n"
        "        await flow.session('a', title='t')\n"
        "await flow.map(['src/a.py', ''], one)\n"
        "await flow.session('first line\\nsecond')"
    )
    titles = {(call.title, call.key, *call.scope) for call in played.calls}
    assert titles == {
        ("src/a.py: a", "3", "src/a.py"),
        ("t", None, "src/a.py", '["x",1]'),
        ('"": a', "3", '""'),
        ("t", None, '""', '["x",1]'),
        ("first line", None),
    }


def test_what_goes_on_with_a_branch_keeps_its_title() -> None:
    played = flow(
        "work = await flow.session('build it')\n"
        "await flow.session('Reviewers say', on=work)\n"
        "await flow.session('Reviewers say', on=work, title='other')",
        lambda call: work("t", title=call.title),
    )
    assert [call.title for call in played.calls] == ["build it", "build it", "other"]


def test_items_are_known_by_what_by_says_and_works_by_task_and_commit() -> None:
    played = flow(
        "works = [await flow.session('a'), await flow.session('b')]\n"
        "await flow.map(works, flow.review)\n"
        "await flow.map([{'n': 1}, {'n': 2}], lambda it: flow.ask('x'), by=lambda it: it['n'])\n"
        "await flow.map([{'n': 1}], lambda it: flow.ask('x'))\n"
        "await flow.map(['x' * 300], lambda it: flow.ask('x'))"
    )
    scopes = [call.scope[0] for call in played.calls[2:]]
    assert scopes[0].startswith("t1@") and scopes[2:5] == ["1", "2", '{"n":1}']
    assert len(scopes[5]) == 160 + 1 + 12


def test_too_many_items_are_refused_before_the_first() -> None:
    played = flow("await flow.map(range(4097), flow.ask)")
    assert played.error.type == "OverLimit" and not played.calls


def test_a_limit_bounds_how_many_items_run_at_once() -> None:
    seen = []

    def answer(call: ScriptCall) -> str:
        seen.append(call.scope[0])
        return "x"

    played = flow(
        "running = most = 0\n"
        "async def one(item):\n"
        "    nonlocal running, most\n"
        "    running += 1\n"
        "    most = max(most, running)\n"
        "    await flow.ask('x')\n"
        "    running -= 1\n"
        "await flow.map(range(9), one, limit=2)\n"
        "return most",
        answer,
    )
    assert played.value == 2 and seen == list("012345678")


def test_a_pipeline_hands_on_what_came_before_and_the_item() -> None:
    played = flow(
        "async def one(item): return item + 1\n"
        "async def two(value, item): return [value, item]\n"
        "async def three(value): return value + ['end']\n"
        "return (await flow.pipeline([1, 5], one, two, three)).values"
    )
    assert played.value == [[2, 1, "end"], [6, 5, "end"]]


def test_gather_raises_or_keeps() -> None:
    body = (
        "async def bad(): raise ValueError('x')\n"
        "async def good(): return 1\n"
        "found = await flow.gather(good(), bad(), on_error={mode!r})\n"
        "return [found.values, [it.item for it in found.failed]]"
    )
    assert flow(body.replace("{mode!r}", "'keep'")).value == [[1], [1]]
    assert flow(body.replace("{mode!r}", "'raise'")).error.type == "ValueError"


def test_rounds_until_nothing_new_comes() -> None:
    answers = iter([["a", "b"], ["b"], ["c"], ["a"], ["c"]])
    played = flow(
        "async def find(known):\n"
        "    return await flow.ask('find, not ' + ' '.join(known), returns=list[str])\n"
        "return await flow.until_dry(find)",
        lambda call: next(answers),
    )
    assert played.value == ["a", "b", "c"]
    assert [call.scope for call in played.calls] == [(f"round {n}",) for n in range(1, 6)]
    assert len({call.given for call in played.calls}) == 3


def test_findings_are_new_by_what_proved_them_never_by_their_words() -> None:
    reviews = iter([["p1", "p2"], ["p2"], ["p1"]])

    def answer(call: ScriptCall) -> Any:
        if call.kind == "session":
            return work("t")
        found = [{"title": f"words {call.call}", "proof": proof} for proof in next(reviews)]
        return {"review": {"confirmed": found, "concerns": [], "no_verdict": []}}

    played = flow(
        "work = await flow.session('x')\n"
        "async def find():\n"
        "    return (await flow.review(work)).confirmed\n"
        "return [it.proof for it in await flow.until_dry(find)]",
        answer,
    )
    assert played.value == ["p1", "p2"]


# --- steps ------------------------------------------------------------------------------------


def test_works_are_named_by_task_and_commit() -> None:
    played = flow(
        "a = await flow.session('a')\n"
        "b = await flow.session('b', needs=[a])\n"
        "c = await flow.session('c', on=b)\n"
        "train = await flow.merge([b, c])\n"
        "d = await flow.session('d', on=train)\n"
        "flow.read('x', at=d)\n"
        "return [d, train]",
        files={"x": ""},
    )
    specs = [call.spec for call in played.calls]
    assert isinstance(specs[1], SessionSpec) and isinstance(specs[2], SessionSpec)
    assert [it.task for it in specs[1].needs] == ["t1"] and specs[2].on is not None
    assert specs[2].on.task == "t2"
    end = played.end
    assert [it.task for it in end.works] == ["t5", "train"]
    assert isinstance(end.works[0], WorkRef)


def test_an_answer_becomes_what_returns_asks_for() -> None:
    text = """
    from dataclasses import dataclass
    from pydantic import BaseModel, Field
    from wtman.flow import Flow

    @dataclass
    class Part:
        path: str
        lines: list[int]

    class Verdict(BaseModel):
        real: bool
        parts: list[Part] = Field(min_length=1)

    async def main(flow: Flow):
        verdict = await flow.ask("q", returns=Verdict)
        free = await flow.ask("q", returns={"type": "object"})
        return [verdict.parts[0].lines, free, await flow.ask("words")]
    """

    def answer(call: ScriptCall) -> Any:
        schema = getattr(call.spec, "returns", None)
        if schema is None:
            return "words"
        return (
            {"real": True, "parts": [{"path": "a", "lines": [1]}]}
            if schema != {"type": "object"}
            else {"a": 1}
        )

    played = play(text, answer)
    assert played.value == [[1], {"a": 1}, "words"]
    assert played.calls[0].spec.returns["required"] == ["real", "parts"]
    bad = play(text, lambda call: {"real": "who knows"})
    assert bad.error.type == "BadAnswer" and "parts" in bad.error.message


def test_errors_have_the_lines_of_the_script() -> None:
    played = flow(
        "async def deeper():\n    await flow.session('x')\nawait deeper()",
        lambda call: Failure("OverBudget", "no money left"),
    )
    assert played.error.type == "OverBudget"
    assert [(it.file, it.line, it.text) for it in played.error.lines] == [
        ("flow.py", 7, "await deeper()"),
        ("flow.py", 6, "await flow.session('x')"),
    ]


@pytest.mark.parametrize(
    "text, kind, line",
    [
        ("async def main(flow):\n    1 +\n", "SyntaxError", 2),
        ("import typer_is_not_here\n", "ModuleNotFoundError", 1),
        ("def main(flow): pass\n", "FlowError", 0),
        ("async def main(flow):\n    import sys\n    sys.exit(3)\n", "SystemExit", 3),
        ("async def main(flow):\n    return object()\n", "Unhashable", 0),
        (
            "import asyncio\nasync def main(flow):\n    await asyncio.Event().wait()\n",
            "FlowError",
            0,
        ),
    ],
)
def test_a_script_that_fails_says_how(text: str, kind: str, line: int) -> None:
    error = play(text).error
    assert error.type == kind, error
    assert (error.lines[-1].line if error.lines else 0) == line


def test_approval_and_its_refusal() -> None:
    body = (
        "async def one(item): raise flow.give_up('why')\n"
        "done = await flow.map(['a'], one)\n"
        "try:\n"
        "    return await flow.approve('Land?', show=done, options=['yes', 'later', 'no'])\n"
        "except Rejected as error:\n"
        "    return str(error)"
    )
    assert flow(body, lambda call: "later").value == "later"
    refused = flow(body, lambda call: "no")
    assert refused.value == "no: Land?"
    assert refused.calls[0].spec.show == "a: failed: GivenUp: why"


def test_a_flow_inside_a_flow_has_its_own_scope_and_inputs() -> None:
    inner = """
    from wtman.flow import Flow, Inputs
    class Args(Inputs):
        word: str
    async def main(flow: Flow, args: Args):
        return await flow.ask(args.word)
    """
    deep = "async def main(flow):\n    return await flow.flow('deep')"
    played = flow(
        "await flow.ask('w')\nreturn await flow.flow('inner', {'word': 'w'})",
        flows={"inner": inner},
    )
    assert [call.scope for call in played.calls] == [(), ("inner",)]
    assert flow("await flow.flow('deep')", flows={"deep": deep}).error.type == "OverLimit"
    wrong = flow("await flow.flow('inner', {'word': 3})", flows={"inner": inner}).error
    assert wrong.type == "ValidationError"


def test_inputs_are_checked() -> None:
    text = (
        "from wtman.flow import *\n"
        "class A(Inputs):\n    n: int\n"
        "async def main(flow, args):\n    return args.n"
    )
    assert play(text, args={"n": "3"}).value == 3
    assert play(text, args={"n": "x"}).error.type == "ValidationError"
    assert play(text, args={"n": 1, "m": 2}).error.type == "ValidationError"


def test_clock_chance_and_facts_are_the_same_every_time() -> None:
    body = (
        "with flow.scope('s'):\n"
        "    inside = [flow.random(), str(flow.uuid())]\n"
        "return [flow.now().isoformat(), flow.random(), flow.random.choice('abc'), inside,\n"
        "    flow.run, flow.base, flow.budget.usd.left, flow.budget.tokens.left,\n"
        "    flow.budget.tokens.spent]"
    )
    value = flow(body).value
    assert value == flow(body).value
    assert value[0] == "2001-09-09T01:46:40+00:00" and value[1] != value[3][0]
    assert value[4:] == ["run-1", BASE, 39, None, 5]


def test_a_path_that_a_search_gave_is_owned_as_it_is() -> None:
    odd = ("app/[id]/page.py", "a[b.py", "st*r.py", "q?.py", "!z.py", "#h.py", "x y.py")
    played = flow(
        "for path in flow.files('**'):\n"
        "    await flow.session(path, owns=[f'{path}', 'docs/[ab].md'])\n",
        lambda call: work("t"),
        files=dict.fromkeys(odd, ""),
    )
    owned = {call.spec.prompt: call.spec.owns for call in played.calls}
    assert owned.keys() == set(odd)
    for path, (pattern, theirs) in owned.items():
        assert not flaw(pattern) and matches((pattern,), path), pattern
        assert not any(matches((pattern,), other) for other in odd if other != path)
        assert theirs == "docs/[ab].md", "a pattern of the script's own stays one"


def test_files_are_read_from_the_base_and_told_lines_have_their_scope() -> None:
    played = flow(
        "flow.phase('look')\n"
        "pending = flow.ask('q')\n"
        "with flow.scope('part'):\n"
        "    flow.log(flow.files('**', containing='import'))\n"
        "try:\n"
        "    flow.read('none')\n"
        "except FlowError as error:\n"
        "    return [str(error), flow.read('a.py'), await pending]",
        files={"a.py": "import x", "b.py": ""},
    )
    assert played.value == ["there is no file none", "import x", "text"]
    assert [(it.log, it.scope) for it in played.told(LogLine)] == [("['a.py']", ("part",))]
    assert [it.phase for it in played.told(PhaseLine)] == ["look"]


def test_a_call_that_nobody_awaits_is_told() -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        played = flow("flow.session('x')\nreturn 1")
    assert [it.log for it in played.told(LogLine)] == ["flow.session in line 5 was never awaited"]


def test_confirmed_findings_are_a_prompt() -> None:
    played = flow(
        "work = await flow.session('x')\n"
        "found = await flow.review(work, lenses=['style'], reviewers=3)\n"
        "return found.as_prompt()",
        lambda call: work("t") if call.kind == "session" else review("it breaks", "it leaks"),
    )
    assert played.value.splitlines()[2:] == ["1. it breaks", "", "2. it leaks"]


def test_a_path_says_the_phase_the_round_and_the_item_and_leaves_them_again() -> None:
    played = flow(
        "async def one(item):\n"
        "    for number in flow.rounds(3):\n"
        "        await flow.ask('q')\n"
        "        if number == 2:\n"
        "            break\n"
        "    await flow.ask('after')\n"
        "    raise flow.give_up(f'no luck with {item}')\n"
        "flow.phase('look')\n"
        "await flow.map(['a'], one)\n"
        "flow.phase('build')\n"
        "with flow.scope('part'):\n"
        "    flow.phase('inner')\n"
        "    await flow.ask('in')\n"
        "await flow.ask('out')\n"
    )
    item = (("phase", "look"), ("map", "one"), ("item", "a"))
    assert [call.path for call in played.calls] == [
        (*item, ("round", "1 of 3")),
        (*item, ("round", "2 of 3")),
        item,
        (("phase", "build"), ("scope", "part"), ("phase", "inner")),
        (("phase", "build"),),
    ]
    assert played.told(FailureLine) == [FailureLine("no luck with a", item)]
