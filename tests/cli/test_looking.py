"""status, logs, diff, report and the errors of the front door, as a user sees them."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests import kit
from wtman.text.words import local_time

Built = Callable[..., str]
Masked = Callable[[str], str]


def test_status_of_a_finished_run(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked
) -> None:
    built("core", "bad", code=1)
    assert masked(wtman("status", cwd=repo).out) == (
        "RUN  ready 1 of 2  one and all\n"
        "2 tasks: 1 verified, 1 failed · N s · no sandbox\n"
        "\n"
        "    task  state      attempt       time  what\n"
        "  ✓ core  verified        #1 N s  1 file, +1 -0\n"
        "  ✗ bad   failed          #1 N s\n"
        "\n"
        "✗ bad: session failed: exit status 3: no luck\n"
        "    wtman logs --failed RUN/bad\n"
        "\n"
        "next: wtman merge RUN\n"
    )


@pytest.mark.slow
def test_status_json_names_the_checks(wtman: kit.Program, repo: Path, built: Built) -> None:
    run = built("core")
    told = wtman("status", "--json", cwd=repo).json()
    assert (told["schema"], told["run"]["id"], told["run"]["state"]) == (1, run, "ready")
    assert told["run"]["live"] is False
    task = told["tasks"][0]
    assert (task["state"], task["files"], task["insertions"]) == ("verified", 1, 1)
    assert [(check["command"], check["verdict"]) for check in task["checks"]] == [("true", "green")]


@pytest.mark.slow
def test_all_runs(wtman: kit.Program, repo: Path, built: Built, masked: Masked) -> None:
    run = built("core")
    created = wtman("status", "--json", cwd=repo).json()["run"]["created"]
    when = local_time(datetime.fromisoformat(created).timestamp())
    header, line = wtman("status", "--all", cwd=repo).out.splitlines()
    assert header.split() == ["run", "state", "created", "request"]
    assert line == f"{run}  ready  {when}  one and all"
    assert header.index("request") == line.index("one and all")
    told = wtman("status", "--all", "--json", cwd=repo).json()
    assert [run["state"] for run in told["runs"]] == ["ready"]


@pytest.mark.slow
def test_watch_in_a_pipe_tells_the_state_and_ends_with_the_run(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked
) -> None:
    built("core")
    assert masked(wtman("status", "--watch", cwd=repo).out) == masked(wtman("status", cwd=repo).out)


@pytest.mark.slow
def test_logs_are_text_without_escapes(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked
) -> None:
    run = built("core", "bad", code=1)
    said = "== attempt 1: command:sh TMP/agent.sh, finished after N s ==\n"
    said += "working on core\na red word\n"
    checked = "== check `true`: passed ==\n"
    assert masked(wtman("logs", "core", cwd=repo).out) == said + checked
    assert masked(wtman("logs", f"{run}/core", "-f", cwd=repo).out) == said
    assert masked(wtman("logs", "bad", cwd=repo).out) == (
        "== attempt 1: command:sh TMP/agent.sh, failed after N s, exit status 3: no luck ==\n"
        "working on bad\n-- stderr --\nno luck\n"
    )
    failed = wtman("logs", "bad", "--failed", cwd=repo).out
    assert failed.endswith("exit status 3: no luck ==\nworking on bad\n-- stderr --\nno luck\n")
    assert wtman("logs", "core", "--failed", cwd=repo).err == "wtman: nothing of core has failed\n"
    raw = wtman("logs", "core", "--raw", cwd=repo).out
    assert raw == "working on core\na \x1b[31mred\x1b[0m word\n"


@pytest.mark.slow
def test_diff(wtman: kit.Program, repo: Path, built: Built, masked: Masked) -> None:
    built("core", "docs")
    patch = wtman("diff", "core", cwd=repo).out
    assert patch.startswith("diff --git a/core.txt b/core.txt\nnew file mode 100644\n")
    assert patch.endswith("@@ -0,0 +1 @@\n+core\n")
    assert masked(wtman("diff", "--stat", cwd=repo).out) == (
        "== core (wtman/RUN/core) ==\n core.txt | 1 +\n 1 file changed, 1 insertion(+)\n"
        "== docs (wtman/RUN/docs) ==\n docs.txt | 1 +\n 1 file changed, 1 insertion(+)\n"
    )


@pytest.mark.slow
def test_report(wtman: kit.Program, repo: Path, built: Built, masked: Masked) -> None:
    built("core")
    assert masked(wtman("report", cwd=repo).out) == (
        "# one and all\n"
        "\n"
        "**ready**, run `RUN`, created TIME, base `SHA`, target `main`\n"
        "tasks: 1, sessions: 1, time: N s, tokens: not reported, cost: not reported\n"
        "\n"
        "## Tasks\n"
        "\n"
        "| task | state |  | attempts | change | time |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| core | **verified** |  | 1 | 1 file, +1 -0 | N s |\n"
        "\n"
        "## Changes\n"
        "\n"
        "### core **verified**\n"
        "\n"
        "- branch `wtman/RUN/core` at `SHA`, by `command:sh TMP/agent.sh`\n"
        "- check `true`: passed\n"
        "\n"
        "## Cost\n"
        "\n"
        "- Tokens: not reported\n"
        "- Cost: not reported by this agent\n"
        "\n"
        "## Not covered\n"
        "\n"
        "- no reviewer looked at these branches\n"
        "- sessions and checks ran without a sandbox, with the user's own rights\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (
            ["status"],
            3,
            "there is no run in this repository",
            'start one: wtman split "what you want"; or see how it goes: wtman demo',
        ),
        (
            ["statsu"],
            2,
            'there is no command "statsu"; did you mean "status"?',
            "see `wtman --help`",
        ),
        (["status", "--frob"], 2, "no such option: --frob", "see `wtman status --help`"),
        (["retry"], 2, "missing argument 'TASK'", "see `wtman retry --help`"),
        (
            ["split"],
            2,
            "there is nothing to do",
            'say what, or give a plan with --plan FILE, or tasks with --task "ID: PROMPT"',
        ),
        (
            ["split", "--jobs", "many"],
            2,
            "--jobs: expected an integer, got 'many'",
            "see `wtman split --help`",
        ),
        (
            ["plan", "x", "--parts", "0"],
            2,
            "--parts: expected 1 or more, got '0'",
            "see `wtman plan --help`",
        ),
        (
            ["split", "--task", "a: b", "--jobs", "0"],
            2,
            "--jobs: expected 1 or more, got 0",
            "",
        ),
        (
            ["split", "--plan", "absent.toml"],
            2,
            "cannot read the plan TMP/repo/absent.toml: No such file or directory",
            "",
        ),
        (
            ["split", "--task", "a: b"],
            3,
            "there is no coding agent on this machine, and no API key is set",
            "install one: `npm install -g @anthropic-ai/claude-code` or `npm install -g "
            "@openai/codex`; or set ANTHROPIC_API_KEY; or name any program: --agent "
            '"command:PROGRAM"; `wtman demo` needs none',
        ),
        (
            ["-C", "/", "status"],
            3,
            "/ is not in a git repository",
            "run git init there, or pass -C DIR",
        ),
    ],
)
def test_errors_are_two_lines(
    wtman: kit.Program,
    repo: Path,
    masked: Masked,
    words: list[str],
    code: int,
    said: str,
    hint: str,
) -> None:
    done = wtman(*words, cwd=repo, check_status=code)
    assert done.out == ""
    assert masked(done.err) == f"wtman: {said}\n" + (f"  hint: {hint}\n" if hint else "")
    told = wtman(*words, "--json", cwd=repo, check_status=code).json()
    assert set(told) == {"error"}
    assert set(told["error"]) == {"code", "message", "hint"}
    assert masked(told["error"]["message"]) == said


def test_names_that_do_not_exist_come_with_the_nearest(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked
) -> None:
    built("core")
    told = wtman("logs", "croe", cwd=repo, check_status=2)
    assert masked(told.err) == (
        'wtman: run RUN has no task "croe"; did you mean "core"?\n  hint: its tasks: core\n'
    )
    assert "finished" in wtman("logs", "cor", cwd=repo).out, "the beginning of an id will do"
    told = wtman("status", "other", cwd=repo, check_status=2)
    assert told.err.startswith('wtman: there is no run "other"')


def test_a_fault_of_our_own_is_one_line_and_a_log(
    wtman: kit.Program, repo: Path, hermetic: Path
) -> None:
    (repo / ".git/wtman").mkdir()
    (repo / ".git/wtman/state.db").mkdir()
    # A folder where the journal should be is an error of the environment, not of ours.
    told = wtman("status", cwd=repo, check_status=3)
    assert told.err.startswith("wtman: cannot use the run journal")
    broken = "import wtman.cli.commands.status as w, wtman.cli as c, sys\n"
    broken += "def status(): raise RuntimeError('boom')\n"
    broken += "w.status = status\nsys.exit(c.main(['status']))\n"
    program = kit.Program(repo, (sys.executable, "-c", broken), wtman.extra)
    told = program(check_status=1)
    first, second = told.err.splitlines()
    assert first == "wtman: internal error: RuntimeError: boom"
    log = Path(second.removeprefix("  hint: the details are in "))
    assert log.is_relative_to(hermetic)
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_reader_that_leaves_is_no_error(wtman: kit.Program, repo: Path, built: Built) -> None:
    built("core")
    process = wtman.start("report", cwd=repo)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_looking_imports_nothing_heavy(wtman: kit.Program, repo: Path, built: Built) -> None:
    built("core")
    heavy = "('asyncio', 'pydantic', 'pydantic_core', 'rich', 'git', 'httpx')"
    for words in (["--help"], ["status"], ["status", "--json"], ["logs", "core"]):
        code = f"import sys; from wtman.cli import main; main({words}); "
        code += f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
        done = kit.Program(repo, (sys.executable, "-c", code), wtman.extra)()
        assert done.err == "[]\n", words


def test_a_dry_run_imports_nothing_that_drives_runs(wtman: kit.Program, repo: Path) -> None:
    heavy = "('asyncio', 'git', 'wtman.coordinator.loop', 'wtman.coordinator.decide', 'wtman.flow')"
    words = ["split", "--task", "a: one", "--agent", "command:true", "--dry-run", "--json"]
    code = f"import sys; from wtman.cli import main; main({words}); "
    code += f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    done = kit.Program(repo, (sys.executable, "-c", code), wtman.extra)()
    assert (done.err, '"dry_run": true' in done.out) == ("[]\n", True)
