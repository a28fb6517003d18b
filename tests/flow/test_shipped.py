"""The shipped flows, driven by scripted answers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wtman.flow
from tests.flow.hosts import Failure, Played, play, review, start, work
from wtman.flow.messages import LogLine, PhaseLine, ScriptCall
from wtman.flow.outline import outline_lines, read_script

FOLDER = Path(wtman.flow.__file__).parent / "shipped"
NAMES = sorted(file.stem for file in FOLDER.glob("*.py"))


def run(name: str, answer: Any, args: dict[str, Any], files: Any = ()) -> Played:
    """Play a shipped flow in this process."""
    text = (FOLDER / f"{name}.py").read_text()
    return play(text, answer, args=args, files=dict.fromkeys(files, ""))


def passed(output: str = "") -> dict[str, Any]:
    return {"ran": {"status": 0, "output": output, "tests": {}}}


def failed(output: str, *tests: str) -> dict[str, Any]:
    return {"ran": {"status": 1, "output": output, "tests": dict.fromkeys(tests, "failed")}}


def test_these_are_shipped() -> None:
    assert NAMES == ["audit", "best-of", "port", "scout-build-verify", "until-green"]


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_as_documentation(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    outline = read_script(text, name)
    assert outline.problems == (), outline_lines(outline)
    assert f"wtman run {name}" in outline.about
    assert all(field.help for field in outline.inputs), outline.inputs
    assert outline.calls and len(text.splitlines()) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_in_the_real_process(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    words = {"port": "change", "until-green": "command"}
    args = {} if name == "audit" else {words.get(name, "request"): "x"}
    answer = {
        "ask": lambda: Failure("StepFailed", "out of words", {"reason": "agent"}),
        "session": lambda: Failure("StepFailed", "tests fail", {"reason": "check"}),
        "command": passed,
        "approve": lambda: "yes",
        "review": review,
    }
    ended = start("none", text, lambda call: answer[call.kind](), args=args, files={"a.py": "x"})
    assert (ended.status, ended.refused) == (0, ""), ended
    if name in ("audit", "port", "until-green"):
        assert ended.played.value in ([], None)
    else:
        assert ended.played.error.type in ("GivenUp", "StepFailed")


def test_port_reviews_each_file_and_mends_it() -> None:
    reviews = {"a.py": iter([["it breaks"], []]), "b.py": iter([["x"]] * 3), "c.py": iter([[]])}

    def answer(call: ScriptCall) -> Any:
        path = "".join(call.scope)
        match call.kind:
            case "session" if path == "d.py":
                return Failure("StepFailed", "tests fail", {"reason": "check"})
            case "session":
                return work(f"{path[0]}{call.call}")
            case "review":
                return review(*next(reviews[path]))
            case "approve":
                assert "d.py: failed: StepFailed: tests fail" in call.spec.show
                return "yes"
        raise AssertionError(call)

    played = run("port", answer, {"change": "Port it."}, ["a.py", "b.py", "c.py", "d.py"])
    sessions = [
        ("".join(call.scope), call.spec.on is not None)
        for call in played.calls
        if call.kind == "session"
    ]
    assert sorted(sessions) == [
        ("a.py", False),
        ("a.py", True),
        ("b.py", False),
        *[("b.py", True)] * 3,
        ("c.py", False),
        ("d.py", False),
    ]
    assert [it["work"]["task"][0] for it in played.value] == ["a", "c"]
    [asked] = [call for call in played.calls if call.kind == "approve"]
    assert asked.spec.question == "2 of 4 failed. Keep the rest?"


def test_port_ends_where_a_person_says_no() -> None:
    def answer(call: ScriptCall) -> Any:
        return "no" if call.kind == "approve" else Failure("StepFailed", "no")

    assert run("port", answer, {"change": "x"}, ["a.py"]).error.type == "Rejected"


def test_scouts_look_then_parts_are_built_then_the_whole_is_mended() -> None:
    reviews = iter([[], ["parts do not fit"], []])
    built: list[ScriptCall] = []

    def answer(call: ScriptCall) -> Any:
        match call.kind:
            case "ask" if call.number == 0 and "parts" in str(call.spec.returns):
                parts = [{"title": it, "prompt": f"do {it}", "owns": [it]} for it in ("core", "ui")]
                return {"contract": "def token() -> str", "parts": parts}
            case "ask":
                return "report" if call.scope else ["core", "ui", "core"]
            case "session" if call.scope == ("ui",):
                return Failure("StepFailed", "tests fail")
            case "session":
                built.append(call)
                return work(f"t{call.call}")
            case "review":
                return review(*next(reviews))
            case "merge":
                made = work("train")["work"]
                return {"train": {"landed": ["t"], "excluded": [], "work": made}}
        raise AssertionError(call)

    played = run("scout-build-verify", answer, {"request": "OAuth"})
    assert [it.phase for it in played.told(PhaseLine)] == ["scout", "build", "verify"]
    assert [call.scope for call in built] == [("core",), ()]
    first, last = (call.spec for call in built)
    assert first.context == "def token() -> str" and list(first.owns) == ["core"]
    assert last.on.task == "train" and "parts do not fit" in last.prompt
    assert played.value["work"]["task"].startswith("t")
    assert "ui: tests fail" in [it.log for it in played.told(LogLine)]


def test_the_best_attempt_is_chosen_by_judges_among_those_that_pass() -> None:
    points = {"1": iter([3, 4]), "3": iter([9, 8])}

    def answer(call: ScriptCall) -> Any:
        [scope] = call.scope
        match call.kind:
            case "session":
                return work(f"t{scope}")
            case "command":
                return failed("slow") if scope == "2" else passed()
        return {"points": next(points[scope]), "why": "x"}

    args = {"request": "faster", "judges": 2, "measure": "bench"}
    played = run("best-of", answer, args)
    assert played.value["work"]["task"] == "t3"
    assert len({call.given for call in played.calls if call.kind == "session"}) == 1
    args |= {"agents": ["claude", "codex"], "tries": 1}
    played = run("best-of", lambda call: Failure("StepFailed", "x"), args)
    asked = [call.spec.agent for call in played.calls if call.kind == "session"]
    assert asked == ["claude", "codex"]
    none = run("best-of", lambda call: Failure("StepFailed", "x"), {"request": "faster"})
    assert none.error.message == "no attempt passed"


def test_until_green_goes_on_with_its_own_work_until_the_command_passes() -> None:
    runs: Iterator[Any] = iter([failed("E1", "test_a"), failed("E1", "test_a"), passed()])

    def answer(call: ScriptCall) -> Any:
        return next(runs) if call.kind == "command" else work(f"t{call.call}")

    played = run("until-green", answer, {"command": "pytest -q"})
    first, second = (call.spec for call in played.calls if call.kind == "session")
    assert first.on is None and second.on.task == "t2"
    assert list(first.owns) == ["**", "!tests/**"]
    assert "failing: test_a" in first.prompt and "no difference" in second.prompt
    assert played.value["work"]["task"] == "t4"
    assert run("until-green", lambda call: passed(), {"command": "x"}).value is None


def test_until_green_gives_up() -> None:
    def answer(call: ScriptCall) -> Any:
        return failed("E") if call.kind == "command" else work(f"t{call.call}")

    played = run("until-green", answer, {"command": "x", "fixes": 2})
    assert [call.kind for call in played.calls] == ["command", "session"] * 2 + ["command"]
    assert (played.error.type, played.error.message) == (
        "GivenUp",
        "x still fails after 2 sessions",
    )


def test_an_audit_ends_with_the_round_that_proves_nothing_new() -> None:
    proved = iter([("one",), ("one", "two"), ("one", "two"), ("never asked for",)])

    def answer(call: ScriptCall) -> Any:
        assert call.kind == "review" and not call.spec.works
        return review(*next(proved))

    played = run("audit", answer, {"reviewers": 2})
    assert [it["title"] for it in played.value] == ["one", "two"]
    assert [call.scope for call in played.calls] == [("round 1",), ("round 2",), ("round 3",)]
    assert [list(call.spec.lenses) for call in played.calls] == [["correctness", "security"]] * 3


@pytest.mark.parametrize("number", range(3))
def test_the_flows_of_the_manual_run(number: int) -> None:
    page = (FOLDER.parent.parent / "manual/flows.md").read_text()
    blocks = re.findall(r"(?ms)^```python[^\n]*\n(.*?)^```$", page)
    assert len(blocks) == 3
    outline = read_script(blocks[number], "flow.py")
    assert outline.problems == (), outline_lines(outline)
    played = play(blocks[number], files={"src/a.py": ""})
    assert len(played.calls) == [1, 2, 4][number] and played.value
