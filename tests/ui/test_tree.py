"""The tree of a run in a table: phases, fan-outs, items, rounds; leads and their parts."""

import re
from collections.abc import Iterator

from tests.coordinator.simulation import World, created, task
from tests.journal.runs import A_RUN, NOW, played
from wtman.journal import events as e
from wtman.journal.state import State, fingerprint_of
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.ids import ScopePath, TaskId
from wtman.model.plan import Task
from wtman.model.session import Ended
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import columns
from wtman.ui.report import report
from wtman.ui.rows import Moment
from wtman.ui.table import table
from wtman.ui.timeline import timeline
from wtman.ui.tree import counted, tree, tree_lines

PHASE = (("phase", "port"),)
MAP = (*PHASE, ("map", "one"))
START = (
    A_RUN[0],
    e.FlowAdded("port", "async def main(flow, args): ...", "d1"),
    e.Approved(),
    e.ScriptBegan(),
    e.ScriptTold("phase", "port"),
)


def item(name: str, *more: tuple[str, str]) -> ScopePath:
    return (*MAP, ("item", name), *more)


def session(name: str, path: ScopePath, ended: Ended | None = Ended.OK) -> Iterator[e.Event]:
    """A session of this task: under way, verified or failed."""
    task = Task(TaskId(name), "do it", step=f"key-{name}")
    yield e.StepAsked(task.step, "session", (name,), name, {}, task.id, path=path)
    yield e.TaskAdded(task)
    yield e.WorktreeMade(name, f"/srv/{name}", f"wtman/oauth-7f3a/{name}", "base", {})
    fingerprint = fingerprint_of(task, "", "command:build", "", "")
    for number in (1, 2) if ended is Ended.FAILED else (1,):
        begins = e.AttemptStart(number, fingerprint, "", "", "", "command:build")
        yield e.Intended("RunSession", ActionKey(ActionKind.SESSION, name), attempt=begins)
        if ended is not None:
            head = f"c-{name}" if ended is Ended.OK else "base"
            yield e.SessionFinished(
                task.id,
                number,
                ended,
                head,
                reason="" if ended is Ended.OK else "exit status 3",
                files=1,
                insertions=2,
                seconds=5.0,
            )
    if ended is Ended.OK:
        yield e.Checked(task.id, f"c-{name}", "base", Verdict.GREEN, ())
        work = {"task": name, "commit": f"c-{name}"}
        yield e.StepAnswered(task.step, {"work": work})
    elif ended is Ended.FAILED:
        yield e.StepFailed(task.step, "StepFailed", "exit status 3")


def asked(name: str, path: ScopePath, kind: str = "ask", answered: bool = False) -> list[e.Event]:
    key = f"{kind}-{name}"
    out: list[e.Event] = [
        e.StepAsked(key, kind, (name,), f"look at {name}", {"works": []}, path=path),
        e.Intended("AskStep", ActionKey(ActionKind.ASK, key)),
    ]
    return [*out, e.StepAnswered(key, 1)] if answered else out


def port(many: int = 0) -> State:
    """Two phases: one is over, in the other items go on, fail and are reviewed."""
    look = (("phase", "look"),)
    events = [*START, *asked("base", look, answered=True)]
    events.append(e.FanOutAnnounced(MAP, 6 + many))
    events += session("a", item("a"))
    events += asked("a", item("a", ("round", "2 of 3")))
    events += session("b", item("b"), Ended.FAILED)
    events += session("c", item("c"), None)
    events += session("d", item("d"))
    events.append(e.ItemFailed(item("d"), "still refuted after 3 rounds"))
    events += session("e", item("e"))
    for number in range(many):
        events += session(f"m{number}", item(f"m{number}"))
    events += asked("end", PHASE, "merge")
    return played(events)


def shown(state: State, width: int = 80, **more: int) -> list[str]:
    lines = table(state, width, Moment(NOW, True), False, **more)
    assert max(map(columns, lines)) <= width
    return lines


def test_a_flow_is_shown_by_phases_and_items() -> None:
    assert shown(port()) == [
        "oauth-7f3a  running  add OAuth everywhere",
        "5 tasks: 1 running, 3 unchecked, 1 failed · 1 m 40 s · no sandbox",
        "phase port: 4 of 8 steps done, 1 failed",
        "",
        "    task     state      attempt       time  what",
        "  phase look",
        "    ✓ ask    done                           look at base",
        "  phase port",
        "    6 items of one: 1 pending, 2 running, 1 unchecked, 2 failed",
        "      ● a    running         #1      5.0 s  round 2 of 3  ask",
        "      ✗ b    failed          #2       10 s  1 file, +2 -0",
        "      ● c    running         #1   1 m 25 s",
        "      ✗ d    failed          #1      5.0 s  still refuted after 3 rounds",
        "      ○ e    unchecked       #1      5.0 s  1 file, +2 -0  no check",
        "    ● merge  running                        look at end",
        "",
        "✗ b: session failed: exit status 3",
        "    wtman logs --failed oauth-7f3a/b",
        "",
        "next: wtman status oauth-7f3a --watch",
    ]


def test_many_items_are_counted_and_what_fails_or_goes_on_is_shown() -> None:
    lines = shown(port(4000), height=40)
    assert "    4,006 items of one: 1 pending, 2 running, 4,001 unchecked, 2 failed" in lines
    assert len(lines) < 40
    assert [line.split()[1] for line in lines if line.startswith("      ")] == list("abcd")
    assert "  phase look: 1 done" in lines
    low = shown(port(4000), height=14)
    assert len(low) <= 14


def test_a_round_of_a_loop_is_a_place_of_its_own_where_it_holds_much() -> None:
    events = list(START)
    for number in ("1 of 4", "2 of 4"):
        within = (("round", number), ("map", "find"))
        for name in ("x", "y"):
            events += asked(f"{name}{number}", (*within, ("item", name)), answered=number[0] == "1")
    lines = shown(played(events))
    assert lines[5:11] == [
        "  round 1 of 4",
        "    2 items of find: 2 done",
        "      ✓ x  done",
        "      ✓ y  done",
        "  round 2 of 4",
        "    2 items of find: 2 running",
    ]


def test_parts_stand_below_their_lead() -> None:
    events = [
        *A_RUN[:2],
        e.TaskAdded(Task(TaskId("core_tokens"), "x", part_of=TaskId("core"))),
        e.TaskAdded(Task(TaskId("core_keys"), "x", part_of=TaskId("core"))),
        e.TaskAdded(Task(TaskId("core_keys_a"), "x", part_of=TaskId("core_keys"))),
        e.TaskAdded(Task(TaskId("docs"), "x")),
        e.Approved(),
    ]
    assert [line for line in shown(played(events)) if "·" in line[:8]] == [
        "  · core             pending",
        "    · core_tokens    pending",
        "    · core_keys      pending",
        "      · core_keys_a  pending",
        "  · docs             pending",
    ]


def a_team(lead: str, parts: int) -> State:
    """A lead with so many parts, of which the last is at work, and a task after it."""
    names = [f"p{number}" for number in range(parts)]
    world = World(team_fate=lambda lead, attempt: tuple(task(name) for name in names))
    world.append(created(task(lead, lead=True), task("last", lead)))
    busy = f"session/{lead}_p{parts - 1}"
    world.turn()
    while rest := sorted(world.running.keys() - {busy, "watch"}):
        world.finish(rest[0])
        world.turn()
    return world.state


def test_of_the_parts_of_a_lead_those_that_rest_are_counted_where_there_is_no_room() -> None:
    lines = table(a_team("a", 30), 80, Moment(NOW, True), False, height=24)
    assert len(lines) <= 24
    assert any(line.split()[:3] == ["●", "a_p29", "running"] for line in lines)
    assert any(line.split()[1:2] == ["last"] for line in lines)
    assert any(
        re.match(r"    ✓ \d+ verified \(all: wtman status --all-tasks\)$", line) for line in lines
    )
    assert not any("lines more" in line for line in lines)


def test_a_part_whose_lead_has_a_long_name_is_known_by_its_own() -> None:
    lines = table(a_team("x" * 40, 2), 80, Moment(NOW), False)
    assert any(re.match(r"    ✓ …x+_p0  verified", line) for line in lines)


def test_a_lead_that_is_cut_tells_of_its_parts_not_what_its_planner_said() -> None:
    said = {TaskId("a"): '{"tasks": []}'}
    lines = table(a_team("a", 2), 80, Moment(NOW, True, said), False)
    assert any(re.match(r"  ● a +running +1 of 2 parts verified$", line) for line in lines)


def test_what_no_play_asks_for_any_more_stands_apart() -> None:
    events = [*START, *session("a", item("a")), *session("b", item("b"))]
    events += [e.ScriptBegan(), e.StepsAskedAgain(("key-b",))]
    state = played(events)
    lines = [line.text or line.node.name for line in tree_lines(tree(state, standings(state)))]
    assert lines == ["phase port", "1 item of one: 1 unchecked", "b", "no longer asked for", "a"]


def test_states_are_counted_in_the_order_of_a_task() -> None:
    assert counted({"failed": 4, "verified": 96, "running": 0, "done": 1}) == (
        "96 verified, 4 failed, 1 done"
    )


def test_the_report_and_the_timeline_stand_as_the_tree() -> None:
    state = port()
    text = report(state)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "›" in line]
    assert rows[0] == "| › ask | **done** | look at base |  |  |  |"
    assert "| **phase port** |  |  |  |  |  |" in text
    assert "| › › d | **failed** | still refuted after 3 rounds | 1 |" in "\n".join(rows)
    assert "| phase port / a / round 2 of 3 | ask | look at a | running |  |" in text
    assert "- 6 items of one\n" in text
    drawn = timeline(state, NOW)
    assert re.findall(r'<text class="head" x="(\d+)" y="\d+">([^<]*)<', drawn) == [
        ("0", "phase port"),
        ("12", "6 items of one: 1 pending, 2 running, 1 unchecked, 2 failed"),
    ]
    assert re.findall(r'<text x="24" y="\d+">([^<]*)<', drawn) == list("abcde")
    assert re.findall(r'class="round".*?<title>([^<]*)<', drawn) == ["round 2 of 3"]
