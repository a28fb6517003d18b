"""`[agents.NAME]`: what defines an agent, and what is refused, with words that help."""

from pathlib import Path

import pytest

from wtman.config import load, repository_commands
from wtman.errors import UsageError
from wtman.model.agent_definition import AgentDefinition


def defined(folder: Path, text: str, user: str = "") -> dict[str, AgentDefinition]:
    (folder / "wtman.toml").write_text(text)
    (folder / "config/wtman").mkdir(parents=True, exist_ok=True)
    (folder / "config/wtman/config.toml").write_text(user)
    environ = {"XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    return load(str(folder), environ, {}).settings.agents


def test_a_text_is_split_as_a_shell_would_and_a_list_is_taken_as_it_is(tmp_path: Path) -> None:
    own = defined(
        tmp_path,
        "[agents.goose]\ncommand = \"goose run -i {prompt_file} 'a b' {options}\"\n"
        'model = ["--model", "{model}"]\nresume = "--id={session}"\nstream = "codex-json"\n'
        'env = ["GOOSE_MODE=auto", "GOOSE_HOST"]\nsign_in = ["KEY", "~/.config/goose/auth"]\n'
        'hosts = "api.example.org"\nprovider = "openai"\nmemory = 600\ninstall = "brew it"\n',
    )
    assert own == {
        "goose": AgentDefinition(
            command=("goose", "run", "-i", "{prompt_file}", "a b", "{options}"),
            stream="codex-json",
            model=("--model", "{model}"),
            resume=("--id={session}",),
            env=("GOOSE_MODE=auto", "GOOSE_HOST"),
            sign_in=("KEY", "~/.config/goose/auth"),
            hosts=("api.example.org",),
            provider="openai",
            memory=600,
            install="brew it",
        )
    }


def test_only_what_came_with_the_repository_is_asked_about(tmp_path: Path) -> None:
    user = '[agents.mine]\ncommand = "mine"\n'
    defined(tmp_path, '[agents.theirs]\ncommand = "x"\nenv = "AWS_SECRET"\n', user)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert repository_commands(load(str(tmp_path), environ, {})) == (
        "agents.theirs.command = ['x']",
        "agents.theirs.env = ['AWS_SECRET']",
    )


def test_a_definition_replaces_the_users_own_as_a_whole(tmp_path: Path) -> None:
    user = '[agents.mine]\ncommand = "mine"\nsign_in = "KEY"\nenv = "TOKEN"\n'
    own = defined(tmp_path, '[agents.mine]\ncommand = "stolen"\n', user)
    assert own == {"mine": AgentDefinition(("stolen",))}
    with pytest.raises(UsageError, match="command: it is missing"):
        defined(tmp_path, '[agents.mine]\nenv = "AWS_SECRET"\n', user)


@pytest.mark.parametrize("text, said, way", [
    ('command = "x {promt_file}"', 'there is no place {promt_file}; did you mean "prompt_file"?',
     "{{promt_file}}"),
    ('command = "sh -c \'x {prompt}\'"', "could run as code", "WTMAN_PROMPT_FILE"),
    ('command = "sh -c {prompt}"', "could run as code", "WTMAN_PROMPT_FILE"),
    ('command = "env A=1 bash -lc {prompt}"', "could run as code", "WTMAN_PROMPT_FILE"),
    ('command = "python3 -c {prompt}"', "could run as code", "WTMAN_PROMPT_FILE"),
    ('command = "x --a=$({prompt})"', "could run as code", "WTMAN_PROMPT_FILE"),
    ('command = "x"\nmodel = "{options}"', "there is no place {options}", "{model}"),
    ('command = "x {options} {options}"', "{options} stands twice", "leave one"),
    ('command = "{prompt}"', "the first word is the program", "PATH"),
    ('command = ""', "it is missing", "command = "),
    ('stream = "text"', "it is missing", "command = "),
    ('command = "x"\nresume = "-r {session}"', "tells no conversation", "claude-json"),
    ('command = "x"\nstream = "claude-json"\nresume = "-r"', "which conversation", "{session}"),
    ('command = "x --file={prompt"', "\"{prompt\" is no place", "in braces"),
    ('command = ["x", "{prompt and more"]', "\"{prompt\" is no place", "in braces"),
    ('command = "x {promt"', "\"{promt\" is no place", "in braces"),
    ('command = "x prompt_file}"', "\"prompt_file}\" is no place", "in braces"),
    ('command = ["x", "{ prompt }"]', "\"{ prompt\" is no place", "in braces"),
    ('command = "x {Prompt}"', 'there is no place {Prompt}; did you mean "prompt"?', "{prompt}"),
    ('command = "x ${KEY}"', "there is no place {KEY}", "{{KEY}}"),
    ('command = "x"\nmodel = "--model={model"', "\"{model\" is no place", "in braces"),
    ('command = "x"\nprovider = "openai"', 'stream of "text" tells no tokens', "claude-json"),
    ('command = "x"\nstream = "codex-json"\nprovider = "opnai"',
     'no price list of "opnai"; did you mean "openai"?', "anthropic, "),
    ('command = "x"\nsign_in = "~/../x"', "no file below HOME", "plainly"),
    ('command = "x"\nsign_in = "/etc/x"', "neither a variable nor a file", "sign_in = "),
])  # fmt: skip
def test_what_is_no_definition_is_refused_with_a_way_on(
    tmp_path: Path, text: str, said: str, way: str
) -> None:
    with pytest.raises(UsageError) as caught:
        defined(tmp_path, f"[agents.x]\n{text}\n")
    assert caught.value.message.startswith("wtman.toml: agents.x")
    assert said in caught.value.message and way in caught.value.hint


@pytest.mark.parametrize("text, said", [
    ('[agents.x]\ncomand = "x"', 'unknown key "agents.x.comand"; did you mean "command"?'),
    ('[agents.x]\ncommand = "x"\nstream = "jsn"', "expected one of claude-json, codex-json, text"),
    ('[agents.x]\ncommand = "x \'"', "No closing quotation"),
    ('[agents.x]\ncommand = ["x", 3]', "expected a string, got 3"),
    ('[agents.x]\ncommand = "x"\nenv = "LD_PRELOAD=x"', '"LD_PRELOAD" cannot be handed in'),
    ('[agents.x]\ncommand = "x"\nhosts = "a b"', 'host "a b"'),
    ('[agents.x]\ncommand = "x"\nhosts = "https://api.example.org/v1"',
     'agents.x.hosts: host "https://api.example.org/v1" is a URL: name its host alone, '
     '"api.example.org"'),
    ('[agents.Claude]\ncommand = "x"', '"Claude" is an agent of wtman\'s own, "claude"'),
    ('[agents.x]\ncommand = "x"\n[agents.X]\ncommand = "x"', '"X" differs from "x" in case alone'),
    ('[agents."a b"]\ncommand = "x"', "cannot name an agent"),
    ('[agents.claude]\ncommand = "x"', '"claude" is an agent of wtman\'s own'),
])  # fmt: skip
def test_a_wrong_key_value_or_name_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        defined(tmp_path, text)
    assert said in caught.value.message
