"""How Copilot is called, and what is made of its recorded streams (1.0.102)."""

from dataclasses import replace

import pytest

from tests.agents.recorded import FOLDER, OK, ONE, Want, assert_judged, told
from wtman.agents.copilot import CopilotAgent
from wtman.agents.transcript import readable
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

BYOK = {"COPILOT_PROVIDER_BASE_URL": "http://localhost:1/v1", "COPILOT_PROVIDER_API_KEY": "secret"}
JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
LATE = Exit(ExitReason.TIMEOUT, signal=15, started=0, ended=9)
TWO, THREE = Usage(2000, 400), Usage(3000, 600)  # requests of 1,000 and 200 tokens


FAILED = "Failed to get response from the AI model; retried 5 times"
CASES = {
    "copilot-edit": Want(usage=TWO, answer="done it"),
    "copilot-tools": Want(usage=THREE, answer="made"),
    "copilot-429": Want(usage=TWO, answer="done it"),
    "copilot-once500": Want(usage=TWO, answer="done it"),
    "copilot-cut": Want(usage=TWO, answer="done it"),
    "copilot-resume": Want(usage=Usage(1000, 200), answer="done it"),
    "copilot-401": Want(ONE, "Authentication failed with provider", "fatal"),
    "copilot-403": Want(ONE, "Authentication failed with provider", "fatal"),
    "copilot-quota": Want(ONE, FAILED, "fatal"),
    "copilot-500": Want(ONE, FAILED, "limited"),
    "copilot-ever429": Want(ONE, FAILED, "limited"),
    # Told by its stderr alone.
    "copilot-missing": Want(ONE, "No session, task, or name matched", answer=""),
    "copilot-nologin": Want(ONE, "No authentication information found.", "fatal"),
    "copilot-late": Want(LATE, "timed out after 9 s: 500 Internal server error", "limited"),
    "copilot-empty": Want(ONE, "No response was returned", "", Usage(1000, 200), ""),
    # Neither outside of its folder nor in a role that only reads: it says that it is done.
    "copilot-alone": Want(OK, "every change that it tried was refused", "", THREE, "tried"),
    "copilot-readonly": Want(OK, "every change that it tried was refused", "", THREE, "made"),
    # It says 0 after a TERM, in its stream; as it was, and were its exit status 0, too.
    "copilot-term": Want(
        Exit(ExitReason.EXITED, code=143), "exit status 143", "", Usage(1000, 200), ""
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])
    outcome, _ = told(name, CASES[name].exit)
    begun = name not in ("copilot-missing", "copilot-nologin")
    assert len(outcome.session) == (36 if begun else 0)
    if outcome.usage.tokens:
        assert outcome.model in ("gpt-5.4", "claude-sonnet-4.5")


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("copilot-*.jsonl")}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_cut_anywhere_is_no_crash_and_no_success(name: str) -> None:
    agent = CopilotAgent()
    state = agent.begin()
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        assert not agent.end(agent.step(state, line[: len(line) // 2])[0], OK).ok
        assert not agent.end(state, OK).ok
        if b'"result"' in line[:20]:  # a span may come after it
            break
        state, _ = agent.step(state, line)


def test_an_abort_is_no_success_whatever_it_says() -> None:
    outcome, _ = told("copilot-term", OK)
    assert outcome.reason == "it was aborted"


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("copilot-429", OK)
    assert [one.text for one in seen if one.kind == "retry"] == ["429 Rate limited (mock)"] * 2
    assert [one.text for one in seen if one.kind in ("says", "does")] == [
        "bash echo hi > NAME.txt",
        "done it",
    ]
    assert [one.usage for one in seen if one.usage] == [Usage(1000, 200), TWO]


@pytest.mark.parametrize("name", ["401", "500", "cut"])
def test_only_too_much_slows_the_run_down(name: str) -> None:
    _, seen = told(f"copilot-{name}", ONE)
    assert not [one for one in seen if one.kind == "retry"]


def test_a_subagent_counts_and_does_not_answer() -> None:
    agent = CopilotAgent()
    state = agent.begin()
    chat = (
        b'{"type":"span","attributes":{"gen_ai.operation.name":"chat",'
        b'"gen_ai.usage.input_tokens":100,"gen_ai.usage.output_tokens":10,'
        b'"gen_ai.usage.cache_read.input_tokens":60,"gen_ai.conversation.id":"c"}}'
    )
    for line in (
        b'{"type":"assistant.message","data":{"content":"mine"}}',
        b'{"type":"assistant.message","agentId":"sub","data":{"content":"its"}}',
        chat,
        chat.replace(b'"chat"', b'"invoke_agent"'),
        b'{"type":"result","exitCode":0,"sessionId":"c"}',
    ):
        state, _ = agent.step(state, line)
    outcome = agent.end(state, OK)
    assert (outcome.ok, outcome.answer, outcome.usage) == (True, "mine", Usage(100, 10, None, 60))


def test_a_command_after_refused_edits_may_have_been_the_way_round() -> None:
    agent = CopilotAgent()
    state = agent.begin()
    for line in (
        b'{"type":"tool.execution_start","data":{"toolCallId":"1","toolName":"apply_patch",'
        b'"arguments":"*** Begin Patch\\n*** Update File: calc.py\\n*** End Patch"}}',
        b'{"type":"tool.execution_complete","data":{"toolCallId":"1","success":false}}',
        b'{"type":"tool.execution_complete","data":{"toolCallId":"2","success":true,'
        b'"shellExecution":{"exitCode":0}}}',
        b'{"type":"result","exitCode":0,"sessionId":"c"}',
    ):
        state, activities = agent.step(state, line)
        if b"apply_patch" in line:
            assert [one.text for one in activities] == ["apply_patch calc.py"]
    assert agent.end(state, OK).ok


# --- the command --------------------------------------------------------------------------------


def argv(job: Job) -> tuple[str, ...]:
    return CopilotAgent().command(job).argv


def test_rights_are_ours_to_give_in_our_sandbox() -> None:
    assert "--allow-all" in argv(JOB)
    alone = argv(replace(JOB, confined=False))
    assert "--allow-all" not in alone
    assert "--allow-tool=write" in alone
    for job in (JOB, replace(JOB, confined=False)):
        assert "--disable-builtin-mcps" in argv(job)
        assert "--no-ask-user" in argv(job)


@pytest.mark.parametrize("confined", [False, True])
def test_a_role_that_reads_has_nothing_to_write_with(confined: bool) -> None:
    reads = argv(replace(JOB, confined=confined, writes=False, tools=("Read", "Grep")))
    assert "--deny-tool=write" in reads
    assert "--deny-tool=shell" in reads
    assert "--allow-tool=write" not in reads
    excluded = next(word for word in reads if word.startswith("--excluded-tools="))
    assert {"apply_patch", "create", "edit", "bash"} <= set(excluded.partition("=")[2].split(","))
    tries = argv(replace(JOB, confined=confined, writes=False, tools=("Read", "Bash(git log *)")))
    assert "--deny-tool=write" in tries
    assert "--deny-tool=shell" not in tries


def test_choices_cannot_be_options() -> None:
    words = argv(replace(JOB, model="--yolo", effort="max", resume="--continue"))
    assert {"--model=--yolo", "--reasoning-effort=max", "--resume=--continue"} <= set(words)
    assert "--yolo" not in words
    assert "--continue" not in words


def test_a_provider_of_its_users_own() -> None:
    job = replace(JOB, env=BYOK, model="openai/gpt-5.4")
    command = CopilotAgent().command(job)
    assert "--model=gpt-5.4" in command.argv, "the prefix is for the price list"
    assert "secret" not in " ".join(command.argv)
    assert command.env["COPILOT_OFFLINE"] == "true"
    of_others = replace(job, model="anthropic/claude-sonnet-4.5")
    assert "--model=anthropic/claude-sonnet-4.5" in argv(of_others)
    both = {**BYOK, "COPILOT_GITHUB_TOKEN": "token"}
    assert "COPILOT_OFFLINE" not in CopilotAgent().command(replace(JOB, env=both)).env
    assert "COPILOT_OFFLINE" not in CopilotAgent().command(JOB).env


def test_what_is_measured_goes_into_the_stream_and_nowhere_else() -> None:
    env = CopilotAgent().command(replace(JOB, env={"COPILOT_OTEL_EXPORTER_TYPE": "otlp-http"})).env
    assert env["COPILOT_OTEL_EXPORTER_TYPE"] == "file"
    assert env["COPILOT_OTEL_FILE_EXPORTER_PATH"] == "/dev/stdout"
    assert env["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "false"


def test_the_prompt_is_its_input() -> None:
    big = CopilotAgent().command(replace(JOB, system="role", prompt="x" * 300_000))
    assert big.stdin == b"role\n\n" + b"x" * 300_000
    assert sum(map(len, big.argv)) < 1000


def test_a_terminal_goes_on_with_the_conversation() -> None:
    assert CopilotAgent().attach(JOB) is None
    command = CopilotAgent().attach(replace(JOB, resume="abc"))
    assert command is not None
    assert "--resume=abc" in command.argv
    assert "--output-format=json" not in command.argv
    assert "COPILOT_OTEL_FILE_EXPORTER_PATH" not in command.env


def test_people_read_what_it_said_and_did() -> None:
    lines = [
        line
        for raw in (FOLDER / "copilot-tools.jsonl").read_bytes().splitlines()
        for line in readable(raw) or ()
    ]
    assert lines == [
        "> create /w/wt-create/new.txt",
        "    Created file /w/wt-create/new.txt with 6 characters",
        "> edit /w/wt-create/new.txt",
        "    File /w/wt-create/new.txt updated with changes.",
        "made",
    ]
    failed = (FOLDER / "copilot-401.jsonl").read_bytes().splitlines()
    told = [line for raw in failed for line in readable(raw) or ()]
    assert told[0] == "! invalid x-api-******"
    assert told[-2].startswith("! Authentication failed with provider")
    assert all(readable(raw) is not None for raw in failed)
