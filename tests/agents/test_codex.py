"""How Codex is called."""

import tomllib
from dataclasses import replace

from wtman.agents.codex import CodexAgent
from wtman.model.ids import TaskId
from wtman.model.session import Job

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)


def settings(job: Job) -> dict[str, object]:
    """What the `-c` flags say, read as codex reads them: each value is TOML."""
    argv = CodexAgent().command(job).argv
    texts = [argv[n + 1] for n, word in enumerate(argv) if word == "-c"]
    pairs = (text.partition("=") for text in texts)
    told = {name: tomllib.loads(f"x = {value}")["x"] for name, _, value in pairs}
    # A file with every key of the environment in it, left by one that is killed.
    assert told.pop("features.shell_snapshot") is False
    assert told.pop("features.plugins") is False
    return told


def test_in_our_sandbox_its_own_is_off() -> None:
    assert "--dangerously-bypass-approvals-and-sandbox" in CodexAgent().command(JOB).argv
    alone = replace(JOB, confined=False)
    assert "--dangerously-bypass-approvals-and-sandbox" not in CodexAgent().command(alone).argv
    assert settings(alone)["sandbox_mode"] == "workspace-write"
    assert settings(replace(alone, writes=False))["sandbox_mode"] == "read-only"


def test_an_endpoint_is_a_provider_of_its_own() -> None:
    env = {"OPENAI_BASE_URL": 'http://localhost:1/"x', "OPENAI_API_KEY": "secret"}
    told = settings(replace(JOB, env=env))
    assert told["model_provider"] == "wtman"
    assert told["model_providers.wtman"] == {
        "name": "wtman",
        "base_url": 'http://localhost:1/"x',
        "wire_api": "responses",
        "env_key": "OPENAI_API_KEY",
    }
    assert "secret" not in " ".join(CodexAgent().command(replace(JOB, env=env)).argv)
    only = {"OPENAI_BASE_URL": "http://localhost:1"}
    assert settings(replace(JOB, env=only)) == {"openai_base_url": "http://localhost:1"}
    assert settings(replace(JOB, env={"OPENAI_API_KEY": "secret"})) == {}


def test_choices_are_strings_whatever_they_hold() -> None:
    told = settings(replace(JOB, model='a"b\\c\x7f\n', effort="max"))
    assert told == {"model": 'a"b\\c\x7f\n', "model_reasoning_effort": "xhigh"}
    assert settings(replace(JOB, effort="low")) == {"model_reasoning_effort": "low"}


def test_a_resume_names_its_conversation_where_no_option_can_be() -> None:
    argv = CodexAgent().command(replace(JOB, resume="--last")).argv
    assert argv[:3] == ("codex", "exec", "resume")
    assert argv[-3:] == ("--", "--last", "-")
    assert CodexAgent().command(replace(JOB, system="role")).stdin == b"role\n\nprompt"
