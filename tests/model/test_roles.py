"""Role files as text, and who plays what."""

import pytest

from wtman.config.roles import role_from
from wtman.formats.front_matter import read, words
from wtman.journal.state import fingerprint_of
from wtman.model.ids import TaskId
from wtman.model.plan import Role, Task
from wtman.model.roles import agent_of, agent_of_task, effort_of, model_of, role_of
from wtman.model.settings import Settings

FOREIGN = """\
---
name: reviewer
description: Use this agent when: a review is needed. E.g.:\\n<example>user: "x: y"</example>
tools: Read, Write, Bash(git log:*, git diff:*), Edit
model: opus
color: red
network: on
---

You review.
"""


def test_a_file_of_another_tool_is_read_though_it_is_no_yaml() -> None:
    role = role_from(FOREIGN, "code-reviewer", "x.md", ours=False)
    assert role.name == "reviewer"
    assert role.text == "You review."
    assert role.description.startswith("Use this agent when: a review")
    assert role.tools == ("Read", "Bash(git log:*, git diff:*)"), "it may not write"
    assert (role.writes, role.model) == (False, "opus")
    assert role.network == "", "a repository cannot widen the network"
    assert role_from(FOREIGN, "x", "x.md", ours=True).network == "on"


def test_front_matter_in_its_forms() -> None:
    text = (
        "---\r\n# a remark\r\nname: 'x y'\r\ntools:\r\n  - Read\r\n  - \"Grep\"\r\n"
        "description: >\r\n  one\r\n  two\r\nempty:\r\n---\r\nBody\r\n---\r\nmore\r\n"
    )
    found = read(text)
    assert found.fields == {
        "name": "x y",
        "tools": "Read, Grep",
        "description": "one two",
        "empty": "",
    }
    assert found.body == "Body\n---\nmore"
    assert read("no front matter").body == "no front matter"
    assert words("[Read, 'Grep']") == ("Read", "Grep")
    assert words("") == ()


@pytest.mark.parametrize(
    "text, says",
    [
        ("---\nname: x\nno end", "no end"),
        ("---\nname: x\n---\n  \n", "no text"),
        ("---\nnetwork: sometimes\n---\nbody", "network is none of"),
        ("---\nname: a\tb\n---\nbody", "name is not valid"),
    ],
)
def test_what_is_no_role(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        role_from(text, "x", "x.md", ours=False)


def test_who_writes() -> None:
    def writes(name: str, tools: str = "") -> bool:
        return role_from(f"---\ntools: {tools}\n---\nbody", name, "", ours=True).writes

    assert writes("implementer") and writes("mine") and writes("mine", "Read, Edit")
    assert not writes("mine", "Read, Grep")
    assert not any(writes(name, "Edit") for name in ("planner", "scout", "reviewer", "refuter"))
    only = role_from("---\ntools: Edit\n---\nbody", "planner", "", ours=True)
    assert only.tools == ("Read", "Grep", "Glob"), "no tools at all would mean every tool"


def test_who_plays_a_role() -> None:
    tester = Role("tester", "t", agent="codex", model="opus", effort="low")
    plain = Settings(agent="claude", model="big")
    assert agent_of(plain, tester) == "codex"
    assert agent_of(Settings(agent="claude", roles={"tester": "gemini"}), tester) == "gemini"
    assert agent_of(plain, None, "tester") == "claude"
    task = Task(TaskId("a"), "do", role="tester")
    assert agent_of_task(plain, {"tester": tester}, task) == "codex"
    assert agent_of_task(plain, {}, task) == "claude"
    assert agent_of_task(plain, {"tester": tester}, Task(TaskId("a"), "do")) == "claude"
    assert agent_of_task(plain, {}, Task(TaskId("a"), "do", agent="x")) == "x"
    assert model_of(plain, tester, "codex") == "opus"
    assert model_of(plain, tester, "gemini") == "big", "a word of another agent"
    assert model_of(plain, Role("r", "t", model="opus"), "claude") == "opus"
    assert model_of(plain, tester, "codex", "mine") == "mine"
    assert effort_of(plain, tester) == "low"
    assert role_of({"tester": tester}, Task(TaskId("a"), "x", role="tester", tools=("Read",))) == (
        Role("tester", "t", tools=("Read",), agent="codex", model="opus", effort="low")
    )


def test_the_text_of_a_role_is_part_of_the_work() -> None:
    task = Task(TaskId("a"), "do")
    without = fingerprint_of(task, "", "x", "", "")
    assert fingerprint_of(task, "", "x", "", "", "k1") != fingerprint_of(
        task, "", "x", "", "", "k2"
    )
    assert fingerprint_of(task, "", "x", "", "", "") == without, "older runs keep their keys"
