"""Agents of a user's own, `[agents.NAME]`: runs with them, from wherever they are defined."""

import json
from pathlib import Path

import pytest

from tests import kit
from wtman.coordinator.start.memory import fitted
from wtman.model.agent_definition import AgentDefinition
from wtman.model.settings import Settings

AGENT = """\
#!/bin/sh
echo "called: $*"
echo "mode $MINE_MODE, key $MINE_KEY, file $(cat ~/.config/mine/auth)"
[ -z "$MINE_FAILS" ] || { echo "HTTP 401: invalid api key" >&2; exit 3; }
case "$*" in
*--plan*) echo '{"findings": []}' ;;
*) echo "x = 1" > made.py ;;
esac
"""
OWN = """\
[agents.mine]
command = "~/bin/mine run {options} --file {prompt_file}"
model = "--model {model}"
system = ["--system={system}"]
read_only = "--plan"
env = ["MINE_MODE=auto", "MINE_FAILS"]
sign_in = ["MINE_KEY", "~/.config/mine/auth"]
"""


@pytest.fixture
def mine(hermetic: Path) -> Path:
    """A user who has the program `mine`, is signed in, and has defined it."""
    kit.write_files(
        hermetic,
        {"bin/mine": AGENT, ".config/mine/auth": "token", ".config/wtman/config.toml": OWN},
    )
    (hermetic / "bin/mine").chmod(0o755)
    return hermetic


def test_a_defined_agent_builds_and_reviews(
    wtman: kit.Program, repo: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_KEY", "secret")
    # The walls are what lets a sign-in in, and nothing else of the user's HOME.
    monkeypatch.setenv("WTMAN_SANDBOX", "auto")
    words = ("--task", "t: add made.py", "--agent", "mine", "--model", "m1", "--yes")
    done = wtman("split", *words, "--reviewers", "1", cwd=repo)
    assert "1 unchecked" in done.out
    logs = wtman("logs", "t", cwd=repo).out
    assert "--model m1 --file" in logs and "mode auto, key secret, file token" in logs
    assert kit.run_git(repo, "show", f"{branch(repo)}:made.py").strip() == "x = 1"
    told = json.loads(wtman("status", "--json", cwd=repo).out)
    assert told["tasks"][0]["agent"] == "mine"


def test_what_its_provider_refuses_pauses_with_how_to_sign_in(
    wtman: kit.Program, repo: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_FAILS", "1")
    done = wtman("split", "--task", "t: x", "--agent", "mine", "--yes", cwd=repo, check_status=None)
    assert "paused: HTTP 401: invalid api key (set MINE_KEY or have its own sign-in" in " ".join(
        done.out.split()
    )


def test_a_definition_of_the_repository_needs_approval_and_an_edit_of_it_is_taken(
    wtman: kit.Program, repo: Path
) -> None:
    agent = '#!/bin/sh\n[ -n "$GO" ] || { echo HTTP 401 >&2; exit 3; }\necho x > $1.py\n'
    text = 'agent = "theirs"\n[agents.theirs]\ncommand = "./tool.sh {task}"\n'
    kit.write_files(repo, {"tool.sh": agent, "wtman.toml": text})
    (repo / "tool.sh").chmod(0o755)
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "tool")
    words = ("split", "--task", "made: x", "--yes")
    refused = wtman(*words, cwd=repo, check_status=None)
    assert "agents.theirs.command = ['./tool.sh', '{task}']" in refused.err
    wtman("trust", "--yes", cwd=repo)
    assert "paused: HTTP 401" in wtman(*words, cwd=repo, check_status=None).out
    kit.write_files(repo, {"wtman.toml": text + 'env = "GO=1"\n'})
    refused = wtman("resume", "--yes", cwd=repo, check_status=None)
    assert "agents.theirs.env = ['GO=1']" in refused.err
    wtman("trust", "--yes", cwd=repo)
    going = wtman("resume", "--yes", cwd=repo, check_status=None).out
    assert "agents: theirs (env)" in going and "1 unchecked" in going


def test_a_run_keeps_a_definition_that_is_removed(
    wtman: kit.Program, repo: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wtman("split", "--task", "t: x", "--agent", "mine", "--yes", cwd=repo)
    (mine / ".config/wtman/config.toml").unlink()
    going = wtman("retry", "t", "-m", "again", cwd=repo).out
    assert "agents: mine is defined no more; this run keeps it as it was" in going
    assert "session 2 finished" in going and "1 unchecked" in going
    again = wtman("retry", "t", "-m", "again", cwd=repo).out
    assert "defined no more" not in again and "session 3 finished" in again
    refused = wtman("split", "--task", "t: x", "--agent", "mine", "--yes", cwd=repo, check_status=2)
    assert 'there is no agent "mine"' in refused.err


def test_what_failed_is_told_by_its_stderr_whatever_it_plays(
    wtman: kit.Program, repo: Path, hermetic: Path
) -> None:
    """A repairer, too; a model's own words on stdout pause nothing."""
    text = '[agents.mine]\ncommand = "~/bin/mine {options}"\nread_only = "--plan"\n'
    agent = """#!/bin/sh
echo "HTTP 401: the rate limit, says the model"
echo "no such option: $1" >&2; exit 3
"""
    kit.write_files(hermetic, {"bin/mine": agent, ".config/wtman/config.toml": text})
    (hermetic / "bin/mine").chmod(0o755)
    words = ("--task", "t: x", "--agent", "mine", "--repairs", "1", "--role", "repairer=mine")
    done = wtman("split", *words, "--attempts", "1", "--yes", cwd=repo, check_status=1)
    assert "session 1 failed: exit status 3: no such option:" in done.out
    said = " ".join(done.out.split())
    assert "repairer decided nothing: exit status 3: no such option: --plan" in said


def test_a_flow_gives_one_that_says_nothing_work_and_no_questions(
    wtman: kit.Program, repo: Path, hermetic: Path
) -> None:
    text = '[agents.mute]\ncommand = "touch made"\nstream = "exit"\n'
    kit.write_files(hermetic, {".config/wtman/config.toml": text})
    flow = """from wtman.flow import Flow

async def main(flow: Flow):
    return await flow.{}
"""
    kit.write_files(hermetic, {"work.py": flow.format('session("x", agent="mute")')})
    kit.write_files(hermetic, {"ask.py": flow.format('ask("x", returns=dict, agent="mute")')})
    flags = ("--agent", "command:true", "--yes")
    assert "1 unchecked" in wtman("run", hermetic / "work.py", *flags, cwd=repo).out
    refused = wtman("run", hermetic / "ask.py", *flags, cwd=repo, check_status=2)
    assert 'the agent "mute" gives no answers' in refused.err


def test_one_that_says_nothing_cannot_review_or_plan(
    wtman: kit.Program, repo: Path, hermetic: Path
) -> None:
    text = '[agents.mute]\ncommand = "true"\nstream = "exit"\n'
    kit.write_files(hermetic, {".config/wtman/config.toml": text})
    for words in (("--reviewer", "mute", "--task", "t: x"), ("a request", "--planner", "mute")):
        refused = wtman("split", *words, "--agent", "mute", "--yes", cwd=repo, check_status=None)
        assert "gives no answers" in refused.err and "[agents.mute]" in refused.err


def test_as_many_sessions_at_once_as_fit_the_memory() -> None:
    settings = Settings(agents={"big": AgentDefinition(("x",), memory=600)})
    many, said = fitted(settings, ["big", "codex"], 4 << 30, insisted=False)
    assert many.jobs == 5 and "5 sessions at once, not 16" in said[0].text
    kept, said = fitted(settings, ["big"], 4 << 30, insisted=True)
    assert kept.jobs == 16 and "5 sessions fit at once" in said[0].text
    for agents, free in ((["command:x"], 1 << 20), (["big"], 0), (["big"], 64 << 30), ([], 1)):
        assert fitted(settings, agents, free, insisted=False) == (settings, ())
    assert fitted(settings, ["big"], 1 << 20, insisted=False)[0].jobs == 1


def branch(repo: Path) -> str:
    return kit.run_git(
        repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/wtman"
    ).strip()
