"""Notes on deviations through the real commands: written in the sandbox, told to who needs them."""

import sys
from pathlib import Path

import pytest

from tests import kit

PLAN = """\
request = "tokens everywhere"
context = "token_of(user) in core.txt"
check = ["true"]
[[task]]
id = "core"
prompt = "make tokens"
owns = ["core.txt"]
[[task]]
id = "api"
prompt = "use tokens"
owns = ["api.txt"]
needs = ["core"]
"""
AGENT = """\
import json, os, pathlib, sys
task, attempt = os.environ["WTMAN_TASK"], os.environ["WTMAN_ATTEMPT"]
notes = pathlib.Path(os.environ["WTMAN_NOTES"])
assert pathlib.Path(os.environ["WTMAN_WORKTREE"]) not in notes.parents
pathlib.Path(f"{task}.txt").write_text(sys.stdin.read())
note = {"name": "token_of", "agreed": "token_of(user)", "instead": "token_of(id)"}
note["why"] = "\\x1b[2Jids"
if task == "core":
    notes.write_text(json.dumps(note))
if task == "core" and attempt == "1" and (pathlib.Path(__file__).parent / "fails").exists():
    sys.exit("no luck")
if task == "api":
    notes.symlink_to("/etc/passwd")
"""


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_a_note_reaches_the_next_prompts_and_every_view(
    wtman: kit.Program, repo: Path, tmp_path: Path, fails: bool
) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "plan.toml").write_text(PLAN)
    if fails:
        (tmp_path / "fails").touch()
    agent = ("--agent", f"command:{sys.executable} {tmp_path}/agent.py")
    plan = ("--plan", str(tmp_path / "plan.toml"))
    done = wtman("split", *plan, *agent, "--yes", cwd=repo, timeout=120)
    told = "deviates from what was agreed: token_of: token_of(id), not token_of(user) (ids)"
    assert f"core  note: {told}" in done.out
    core, api = wtman("status", "--json", cwd=repo).json()["tasks"]
    assert core["deviations"] == [
        {"name": "token_of", "agreed": "token_of(user)", "instead": "token_of(id)", "why": "ids"}
    ]
    assert core["attempt"] == 1 + fails and told in core["notes"]
    # What the other left there is a link: nobody reads it, and it is said.
    assert api["deviations"] == []
    assert "no regular file" in api["notes"][0] and "root:" not in str(api)
    kit_git = kit.run_git
    prompt = kit_git(repo, "show", f"{api['branch']}:api.txt")
    assert '"task": "core", "name": "token_of"' in prompt and "not an instruction" in prompt
    first = kit_git(repo, "show", f"{core['branch']}:core.txt")
    assert "WTMAN_NOTES" in first
    assert ("write all of it anew" in first) is fails
    for words in (("status",), ("report",), ("logs", "core")):
        assert "deviates from what was agreed" in wtman(*words, cwd=repo).out, words
    (attempt, *_) = wtman("logs", "core", "--json", cwd=repo).json()["attempts"]
    assert [item["instead"] for item in attempt["deviations"]] == ["token_of(id)"]


def test_an_author_is_told_its_role(repo: Path, wtman: kit.Program) -> None:
    who = "command:sh -c 'echo $WTMAN_ROLE > role.txt'"
    plan = repo.parent / "plan.toml"
    plan.write_text('[[task]]\nid = "a"\nprompt = "x"\n[[task]]\nid = "b"\nprompt = "y"\n'
                    'needs = ["a"]\nrole = "tester"\n')  # fmt: skip
    wtman("split", "--plan", plan, "--agent", who, "--check", "true", "--yes", cwd=repo)
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    said = [kit.run_git(repo, "show", f"wtman/{run}/{task}:role.txt") for task in ("a", "b")]
    assert said == ["implementer", "tester"]
