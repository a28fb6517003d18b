"""Questions to scripted programs: good and bad answers, repair, tampering, crashes, kills."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tests import kit
from wtman.config.roles import role_from
from wtman.coordinator.create import create, load_state, open_store
from wtman.coordinator.open import open_run
from wtman.git.discovery import discover
from wtman.git.repo import identity, resolve
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.session import Cap
from wtman.model.settings import Settings
from wtman.sessions.ask import Answer, Question, ask


class Said(BaseModel):
    """What is asked for here."""

    model_config = ConfigDict(extra="forbid")

    answer: str


FINE = Said(answer="fine")
# Logs each start, then does what the file `what-N` for its N-th start says, or `what`.
PROGRAM = """\
#!/bin/sh
set -eu
cd "$(dirname "$0")"
n=$(($(cat starts 2>/dev/null || echo 0) + 1))
echo $n > starts
cat > prompt-$n
what=$(pwd)/what-$n
[ -e "$what" ] || what=$(pwd)/what
cd "$WTMAN_WORKTREE"
. "$what"
"""


class Desk:
    """One run to ask in, and the program that is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        repo = kit.create_repo(
            folder / "repo", {"a.py": "a = 1\n", "b.py": "b = 1\n", ".gitignore": "*.tmp\n"}
        )
        kit.write_files(folder / "desk", {"program.sh": PROGRAM})
        self.repo = discover(str(repo))
        self.settings = Settings(worktrees=str(folder / "worktrees"), grace=1.0)
        with open_store(self.repo) as store:
            self.run = create(
                store,
                Plan("ask", (Task(TaskId("one"), "do"),)),
                self.settings,
                base=resolve(self.repo, "main"),
                target="main",
                identity=identity(self.repo),
            )

    def says(self, script: str, number: int = 0) -> None:
        """What the program does at every start, or at its `number`-th."""
        name = f"what-{number}" if number else "what"
        (self.folder / "desk" / name).write_text(script)

    def prompt(self, number: int) -> str:
        return (self.folder / "desk" / f"prompt-{number}").read_text()

    @property
    def starts(self) -> int:
        path = self.folder / "desk/starts"
        return int(path.read_text() or 0) if path.exists() else 0

    def question(self, **more: Any) -> Question:
        role = role_from("You answer.", "scout", "scout.md", ours=True)
        return Question(
            **{
                "key": "scouting/1",
                "role": role,
                "prompt": "How is it?",
                "answer": Said,
                "agent": f"command:{self.folder}/desk/program.sh",
                "commit": resolve(self.repo, "main"),
                **more,
            }
        )

    def ask(self, stop_after: float = 0.0, **more: Any) -> Answer:
        async def main() -> Answer:
            with open_store(self.repo) as store:
                async with open_run(self.repo, store, self.run, dict(os.environ)) as ctx:
                    asked = asyncio.ensure_future(ask(ctx, self.settings, self.question(**more)))
                    if stop_after:
                        while not self.starts:
                            await asyncio.sleep(0.02)
                        asked.cancel()
                    return await asked

        return asyncio.run(main())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_private_home_goes_with_the_question(desk: Desk) -> None:
    desk.says('echo \'{"answer": "fine"}\'')
    evidence = desk.folder / "repo/.git/wtman/runs" / desk.run / "scouting/1"
    kit.write_files(evidence / "home", {"token": "copied"})
    assert desk.ask().value == FINE
    assert not (evidence / "home").exists() and (evidence / "1/exit.json").exists()
    assert desk.ask().value == FINE and desk.starts == 1


def test_an_answer_in_the_middle_of_words_is_found(desk: Desk) -> None:
    desk.says(
        """echo 'Let me see {this}.'; echo '```json'; echo '{"answer": "fine"}'; echo '```'"""
    )
    answer = desk.ask()
    assert (answer.value, answer.reason, answer.sessions) == (FINE, "", 1)
    asked = desk.prompt(1)
    assert asked.startswith("You answer.\n\nHow is it?\n"), "a program has no system prompt"
    assert '"additionalProperties": false' in asked
    desk.says("echo '{}'")
    assert desk.ask().value == FINE, "the same key is the same question"
    assert desk.starts == 1


def test_words_are_an_answer_where_they_are_asked_for(desk: Desk) -> None:
    desk.says("echo 'Fine, but for {this}.'; echo 'And that.'")
    answer = desk.ask(words="answer")
    assert (answer.value, desk.starts) == (Said(answer="Fine, but for {this}.\nAnd that."), 1)
    desk.says("true")
    assert desk.ask(key="scouting/2", words="answer").value is None, "nothing is no answer"


def test_a_program_with_a_protocol_gets_its_request_and_no_prompt(desk: Desk) -> None:
    desk.says("""echo '{"answer": "fine"}'""")
    assert desk.ask(program='{"schema": 1}').value == FINE
    assert desk.prompt(1) == '{"schema": 1}'


def test_what_does_not_fit_is_mended_once(desk: Desk) -> None:
    desk.says("""echo '{"answr": 1}'""", 1)
    desk.says("""echo '{"answer": "fine"}'""", 2)
    answer = desk.ask()
    assert (answer.value, answer.sessions) == (FINE, 2)
    again = desk.prompt(2)
    assert "How is it?" in again and '{"answr": 1}' in again, "a new session knows nothing"
    assert "answer" in again.split("cannot be used:")[1]


def test_rules_of_the_asker_are_mended_like_the_schema(desk: Desk) -> None:
    desk.says("""echo '{"answer": "bad"}'""", 1)
    desk.says("""echo '{"answer": "good"}'""")

    def judge(value: Any) -> tuple[str, ...]:
        return () if value.answer == "good" else ("the answer is bad, say good",)

    assert desk.ask(judge=judge).value == Said(answer="good")
    assert "- the answer is bad, say good\n" in desk.prompt(2)


@pytest.mark.parametrize(
    "script, reason",
    [
        ("echo nonsense", "it gave no usable answer: it has no JSON object"),
        ("echo '[1, 2]'", "it gave no usable answer: the answer: Input should be a valid dict"),
        ("""echo '{"answer": 1, "b": 2}'""", "it gave no usable answer: answer: Input should be"),
        ("""echo '{"answer": NaN}'""", "it gave no usable answer: "),
        ("true", "it gave no usable answer: it has no JSON object"),
    ],
)
def test_nonsense_twice_is_no_answer(desk: Desk, script: str, reason: str) -> None:
    desk.says(script)
    answer = desk.ask()
    assert answer.value is None
    assert answer.reason.startswith(reason)
    assert desk.starts == 2


def test_a_crash_is_no_answer_and_is_not_mended(desk: Desk) -> None:
    desk.says("""echo '{"answer": "fine"}'; exit 3""")
    answer = desk.ask()
    assert (answer.value, answer.reason, desk.starts) == (None, "exit status 3", 1)


def test_a_crash_is_told_in_the_last_words_of_the_program(desk: Desk) -> None:
    desk.says("""printf 'one\\n\\033[31mrate limit: try later\\n\\n' >&2; exit 3""")
    assert desk.ask().reason == "exit status 3: rate limit: try later"


def test_a_slow_one_is_stopped_at_its_limit(desk: Desk) -> None:
    desk.says("sleep 60")
    answer = desk.ask(timeout=0.5)
    assert answer.value is None
    assert "timed out" in answer.reason
    assert desk.starts == 1
    kit.assert_no_leftover_processes(desk.folder)


@pytest.mark.parametrize("change", ["echo x >> a.py", "rm b.py", "echo new > new.py"])
def test_who_changes_what_it_reads_has_said_nothing(desk: Desk, change: str) -> None:
    desk.says(f"""{change}; echo '{{"answer": "fine"}}'""")
    answer = desk.ask()
    assert answer.value is None
    assert len(answer.tampered) == 1
    assert answer.reason == f"it changed files in a read-only checkout: {answer.tampered[0]}"
    desk.says("""cat a.py b.py >&2; [ ! -e new.py ]; echo '{"answer": "fine"}'""")
    assert desk.ask(key="scouting/2").value == FINE, "the next one reads it whole"


def test_caches_of_tools_are_no_tampering(desk: Desk) -> None:
    desk.says("""echo x > cache.tmp; git commit -q --allow-empty -m x || true
echo '{"answer": "fine"}'""")
    assert desk.ask().value == FINE


def test_one_that_was_stopped_is_asked_again(desk: Desk) -> None:
    desk.says("sleep 60")
    answer = desk.ask(stop_after=1)
    assert (answer.value, answer.stopped, answer.sessions) == (None, True, 1)
    desk.says("""echo '{"answer": "fine"}'""")
    answer = desk.ask()
    assert (answer.value, answer.sessions, desk.starts) == (FINE, 1, 2)


def test_many_at_once_each_have_a_checkout(desk: Desk) -> None:
    desk.says("""pwd; echo '{"answer": "'$(basename $(pwd))'"}'""")

    async def main() -> list[Answer]:
        with open_store(desk.repo) as store:
            async with open_run(desk.repo, store, desk.run, dict(os.environ)) as ctx:
                questions = [desk.question(key=f"scouting/{number}") for number in range(4)]
                return await asyncio.gather(*(ask(ctx, desk.settings, one) for one in questions))

    answers = asyncio.run(main())
    assert sorted(answer.value.answer for answer in answers) == ["0", "1", "2", "3"]


def test_a_resuming_agent_is_only_told_what_is_wrong(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    desk.says("""echo '{"answr": 1}'""", 1)
    desk.says("""echo '{"answer": "fine"}'""", 2)
    kit.write_files(
        tmp_path,
        {
            "talking/agent.py": """
from dataclasses import dataclass, replace
from wtman.agents.command import CommandAgent
from wtman.model.session import Outcome, Usage

@dataclass(frozen=True, slots=True)
class Talker(CommandAgent):
    name: str = "talker"
    resumes: bool = True
    structured: bool = True
    said: str = ""

    def command(self, job):
        assert job.schema and not job.writes and job.system == "You answer."
        made = CommandAgent.command(self, job)
        return replace(made, env={**made.env, "RESUMED": job.resume})

    def begin(self):
        return ""

    def step(self, state, line):
        return state + line.decode(), ()

    def end(self, state, exit):
        return Outcome(ok=True, session="s1", answer=state, usage=Usage(10, 1, 0.5))
"""
            + f"agent = Talker(('{desk.folder}/desk/program.sh',))\n"
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = desk.ask(agent="talking.agent:agent")
    assert answer.value == FINE
    assert desk.prompt(1) == "How is it?"
    assert "How is it?" not in desk.prompt(2) and "cannot be used" in desk.prompt(2)
    assert (answer.usage.input_tokens, answer.usage.usd, answer.session) == (20, 1.0, "s1")
    desk.says("""echo '{"answr": 1}'""")
    capped = desk.ask(agent="talking.agent:agent", key="scouting/9", cap=Cap(0.4))
    assert capped.value is None and capped.sessions == 1, "no money is left for a second round"


def test_a_question_survives_the_death_of_its_coordinator(desk: Desk, wtman: kit.Program) -> None:
    """The session is killed with it; asked again it runs once more, and a finished one never."""
    desk.says("sleep 60")
    code = f"""
import asyncio, sys
sys.path[:0] = [{str(kit.ROOT)!r}]
from pathlib import Path
from tests.sessions import test_ask as t
desk = object.__new__(t.Desk)
desk.folder = Path({str(desk.folder)!r})
desk.repo = t.discover(str(desk.folder / "repo"))
desk.settings = t.Settings(worktrees=str(desk.folder / "worktrees"), grace=1.0)
desk.run = {str(desk.run)!r}
desk.ask()
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not desk.starts and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kit.assert_no_leftover_processes(desk.folder)
    desk.says("""echo '{"answer": "fine"}'""")
    assert desk.ask().value == FINE
    assert desk.starts == 2
    assert desk.ask().sessions == 0


def test_nothing_of_the_run_changes(desk: Desk) -> None:
    desk.says("""echo '{"answer": "fine"}'""")
    desk.ask()
    with open_store(desk.repo) as store:
        assert load_state(store, desk.run).sessions == 0
    assert kit.run_git(desk.folder / "repo", "status", "--porcelain") == ""
