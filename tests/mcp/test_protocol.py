"""`wtman mcp` as a client sees it that no SDK helps: what it is asked, answered and told."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import kit
from tests.mcp.client import Client

TASKS = [
    {"id": "one", "prompt": "make one", "owns": ["one.py"]},
    {"id": "two", "prompt": "make two", "owns": ["two.py"], "needs": ["one"]},
]
AGENT = '#!/bin/sh\nsleep {}\necho "x = 1" > $WTMAN_TASK.py\n'
CRITIC = "#!/bin/sh\ncat > /dev/null\necho '{\"findings\": []}'\n"
Start = Callable[..., Client]


@pytest.fixture
def start(repo: Path, hermetic: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("PYTHONPATH", str(kit.ROOT))
    named = "".join(f'[agents.{name}]\ncommand = "~/bin/{name}"\n' for name in ("mine", "critic"))
    programs = {"bin/mine": AGENT.format(0.3), "bin/critic": CRITIC}
    kit.write_files(hermetic, {**programs, ".config/wtman/config.toml": named})
    for name in programs:
        (hermetic / name).chmod(0o755)
    clients: list[Client] = []

    def begin(folder: Path = repo, *words: str) -> Client:
        clients.append(Client(folder, words))
        return clients[-1]

    yield begin
    for client in clients:
        if client.process.poll() is None:
            client.close()


def typed(command: str, folder: Path) -> str:
    """What a user sees who types a command in a terminal, where `wtman` is this program."""
    program = shlex.join((sys.executable, "-P", "-m", "wtman"))
    script = f'wtman() {{ {program} "$@"; }}\n{command}'
    words = ("sh", "-c", script)
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done
    return done.stdout


def test_a_whole_run_to_the_merge(start: Start, repo: Path) -> None:
    client = start()
    words = {"tasks": TASKS, "agent": "mine"}
    told = client.call("plan", request="two files", **words)
    assert [task["id"] for task in told["plan"]["tasks"]] == ["one", "two"]
    asked = client.calling("split", request="two files", reviewers=0, **words)
    client.ask("ping")
    assert asked not in client.answers, "it answers while it works"
    run = client.told(asked, "split")["run"]
    assert (run["state"], run["live"]) == ("ready", False)
    assert not client.heard, "who gives no token hears of no progress"
    assert client.call("status", run=run["id"])["run"]["state"] == "ready"
    assert "attempt 1" in client.call("logs", task=f"{run['id']}/one")["lines"]
    told = client.call("review", run=run["id"], agent="critic")
    assert told["branches"] == ["one", "two"]
    assert "two files" in client.call("report", run=run["id"])["report"]
    tried = client.call("merge", run=run["id"], unchecked=True)
    assert tried["dry_run"] and tried["landed"] == ["one", "two"]
    assert not (repo / "one.py").exists()
    typed(tried["your_user_types"], repo)
    assert (repo / "one.py").exists() and (repo / "two.py").exists()
    assert client.call("status", run=run["id"])["run"]["state"] == "merged"
    client.call("stop", run=run["id"])


def test_progress_is_told_to_who_gives_a_token(start: Start) -> None:
    client = start()
    arguments = {"tasks": TASKS, "agent": "mine", "reviewers": 0}
    params = {"name": "split", "arguments": arguments, "_meta": {"progressToken": "mark"}}
    client.ask("tools/call", params)
    told = [note["params"] for note in client.heard]
    assert {note["progressToken"] for note in told} == {"mark"}
    passed = [note["progress"] for note in told]
    assert passed == sorted(set(passed)) and "2 of 2 tasks done" in told[-1]["message"]


def test_a_question_is_answered_by_what_its_user_types(
    start: Start, wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    flow = tmp_path / "ask.py"
    flow.write_text(
        "from wtman.flow import Flow\n"
        "async def main(flow: Flow):\n"
        "    flow.log(await flow.approve('Which?', options=['it is; $HOME', 'no']))\n"
    )
    client = start()
    wtman("run", flow, "--agent", "mine", "--yes", cwd=repo, check_status=4)
    told = client.call("answer")
    assert (told["question"]["text"], len(told["your_user_types"])) == ("Which?", 2)
    typed(told["your_user_types"][0], repo)
    client.call("answer", error="nothing")
    assert client.call("split", run=told["run"])["run"]["state"] == "ready"
    assert "it is; $HOME" in client.call("report", run=told["run"])["report"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("nothing", {}, "there is no such tool"),
        ("plan", {"requst": "x"}, '`plan` has no argument "requst"; did you mean "request"?'),
        ("plan", {"request": 5}, "`request`: expected a string, got 5"),
        ("plan", {"request": ""}, "nothing is asked for"),
        ("plan", {"request": " \n"}, "nothing is asked for"),
        ("plan", {"request": "a\0b"}, "`request` holds a NUL character"),
        ("split", {"tasks": [{"id": "a"}]}, "`tasks[0].prompt` is missing"),
        ("split", {"tasks": [{**TASKS[0], "owns": "x"}]}, "`tasks[0].owns`: expected a list, got"),
        ("split", {"tasks": [{**TASKS[0], "prompt": "a\0b"}]}, "`tasks[0].prompt` holds a NUL"),
        ("split", {"request": "x", "jobs": "many"}, "`jobs`: expected an integer, got 'many'"),
        ("split", {"request": "x", "jobs": -1}, "`jobs`: expected 0 or more, got -1"),
        ("split", {"request": "x", "agent": "a" * 200_000}, "`agent` has 200,000 characters"),
        ("split", {"request": "x", "agent": "mine", "effort": "huge"}, "`effort`: expected one of"),
        ("logs", {}, "`task` is missing"),
        ("review", {"branches": ["main"], "reviewers": 1.5}, "`reviewers`: expected an integer"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_call_is_an_error_of_its_tool(
    start: Start, tool: str, arguments: dict[str, object], said: str
) -> None:
    told = start().call(tool, error="usage", **arguments)
    assert told["error"]["message"].startswith(said)
    assert "pydantic" not in json.dumps(told)


def test_an_error_speaks_of_arguments_and_of_what_its_user_types(start: Start, repo: Path) -> None:
    client = start()
    for tool, arguments in (("status", {}), ("logs", {"task": "x"}), ("report", {})):
        told = client.call(tool, error="missing", **arguments)
        assert told["error"]["hint"] == "start one with the tool `split`"
    told = client.call("review", error="usage", branches=["main"])
    assert "`agent` NAME" in told["error"]["hint"]
    overlap = [TASKS[0], {**TASKS[1], "owns": ["one.py"], "needs": []}]
    told = client.call("plan", error="usage", tasks=overlap, agent="mine")
    assert told["error"]["hint"].endswith("pass `allow_overlap`")
    # What the repository runs, and what the call would run: both as it is told.
    kit.write_files(repo, {"wtman.toml": 'check = ["true"]\n'})
    kit.run_git(repo, "add", ".")
    kit.run_git(repo, "commit", "-qm", "check")
    for check in ([], ["echo 'a; b' --reviewer"]):
        words = {"tasks": TASKS[:1], "agent": "mine", "reviewers": 0, "check": check}
        hint = client.call("split", error="approval", **words)["error"]["hint"]
        place, _, command = hint.partition(" types in ")[2].partition(": ")
        command = command.partition("; or `check`")[0]
        # In a terminal it asks what `--yes` says.
        typed(f"{command} --yes" if check else command, Path(shlex.split(place)[0]))
        assert client.call("split", **words)["run"]["state"] == "ready"


def test_a_request_may_be_long_and_half_a_character_is_marked(start: Start) -> None:
    client = start()
    for text in ("word " * 60_000, "x" * 200_000, "half \ud83d a sign"):
        told = client.call("plan", request=text, agent="mine", planner="static")
        kept = text.replace("\ud83d", "\ufffd").strip()
        assert told["plan"]["request"] == kept


def test_who_cancels_or_is_gone_ends_nothing(start: Start, repo: Path, hermetic: Path) -> None:
    kit.write_files(hermetic, {"bin/mine": AGENT.format(4)})
    first, other = start(), start()
    words = {"agent": "mine", "reviewers": 0}
    begun = [first.calling("split", tasks=TASKS[:1], **words)]
    begun.append(other.calling("split", tasks=[{**TASKS[1], "needs": []}], **words))
    third = start()
    until = time.monotonic() + 60
    while (
        len(
            runs := kit.run_git(
                repo, "for-each-ref", "--format=%(refname)", "refs/heads/wtman/"
            ).split()
        )
        < 2
    ):
        assert time.monotonic() < until
        time.sleep(0.2)
    first.send({"method": "notifications/cancelled", "params": {"requestId": begun[0]}})
    assert first.ask("ping")["result"] == {}
    other.close()
    for ref in runs:
        told = third.call("status", run=ref.split("/")[3], wait_seconds=60)
        assert told["run"]["state"] == "ready"
    assert first.ask("ping")["result"] == {}


def test_outside_of_a_repository_each_tool_says_so(
    start: Start, tmp_path: Path, repo: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    client = start(away)
    assert len(client.tools) == 9
    for tool, arguments in (("status", {}), ("split", {"request": "x"}), ("logs", {"task": "x"})):
        told = client.call(tool, error="missing", **arguments)
        assert "wtman mcp -C FOLDER" in told["error"]["hint"]
    told = start(away, "-C", str(repo)).call("status", error="missing")
    assert told["error"]["message"] == "there is no run in this repository"
