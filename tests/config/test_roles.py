"""Role files found on disk."""

import os
from pathlib import Path

import pytest

from tests import kit
from wtman.config.roles import load_roles
from wtman.errors import UsageError
from wtman.model.roles import READ_ONLY

OURS = {
    "planner",
    "flow-planner",
    "judge",
    "lead",
    "repairer",
    "scout",
    "implementer",
    "tester",
    "documenter",
    "reviewer",
    "refuter",
    "resolver",
}


def test_the_package_has_them_all_and_they_are_sound() -> None:
    roles = load_roles("")
    assert set(roles.known) == OURS
    assert not roles.broken
    for name, role in roles.known.items():
        assert role.description and len(role.text) > 300
        assert role.writes == (name not in READ_ONLY)
        if not role.writes:
            assert role.tools and not {"Edit", "Write"} & set(role.tools)


def test_the_first_of_a_name_wins(tmp_path: Path) -> None:
    kit.write_files(
        tmp_path,
        {
            ".wtman/agents/any.md": "---\nname: reviewer\nagent: command:evil --x\n---\nfrom wtman",
            ".claude/agents/reviewer.md": "---\nname: reviewer\n---\nfrom claude",
            ".claude/agents/tester.md": "---\nagent: codex\n---\nfrom claude",
            ".wtman/agents/mine.md": "my own",
            ".wtman/agents/notes.txt": "nothing",
        },
    )
    roles = load_roles(str(tmp_path))
    assert roles.named("reviewer").text == "from wtman"
    assert roles.named("tester").text == "from claude"
    assert roles.named("mine").text == "my own"
    assert set(roles.own()) == {"reviewer", "mine"}
    assert roles.agent_commands() == {"reviewer": "command:evil --x"}, "a name is no command"


def test_a_broken_file_bothers_only_who_uses_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the key of the user")
    top = tmp_path / "repo"
    kit.write_files(
        top,
        {
            ".claude/agents/tester.md": "---\nname: tester\n",
            ".claude/agents/large.md": "x" * 70_000,
            ".claude/agents/latin.md": b"caf\xe9",
            ".wtman/agents/folder.md/x": "",
        },
    )
    os.symlink(secret, top / ".claude/agents/scout.md")
    os.mkfifo(top / ".claude/agents/pipe.md")
    roles = load_roles(str(top))
    assert roles.named("reviewer").source.endswith("wtman/roles/reviewer.md")
    for name, says in (
        ("tester", "no end"),
        ("large", "larger than 64 KiB"),
        ("latin", "UTF-8"),
        ("folder", "Is a directory"),
        ("pipe", "not a regular file"),
        ("scout", "leads out of the repository"),
    ):
        with pytest.raises(UsageError, match=says):
            roles.named(name)


def test_an_unknown_role_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_roles(str(tmp_path)).named("documentor", 'task "x": ')
    assert caught.value.message == (
        'task "x": there is no role "documentor"; did you mean "documenter"?'
    )
