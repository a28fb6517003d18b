"""`wtman plan --as-code`: a planner writes a flow, which is read, shown, kept and approved."""

import json
import sys
from pathlib import Path

import pytest

from tests import kit

# Answers with the text of a file beside it; the second time with that of `second`, if there.
PLANNER = """\
import json, pathlib, sys
asked = sys.stdin.read()
assert "Every call, with what it takes:" in asked and "flow.until_dry(find" in asked
here = pathlib.Path(__file__).parent
second = here / "second"
name = "second" if "cannot be used" in asked and second.exists() else "first"
print((here / name).read_text())
"""
FLOW = '''"""Add a line to every file."""
from wtman.flow import Flow

async def main(flow: Flow):
    async def one(path: str):
        return await flow.session(f"Add one to {path}", owns=[path])
    return (await flow.map(flow.files("src/*.txt"), one)).values
'''
BAD = "import requests\nfrom wtman.flow import Flow\ndef main(flow: Flow):\n    flow.session('x')\n"


def answer(source: str, name: str = "add-lines") -> str:
    return json.dumps({"reason": "One file, one author.", "name": name, "source": source})


@pytest.fixture
def planner(tmp_path: Path) -> str:
    kit.write_files(tmp_path / "planner", {"planner.py": PLANNER, "first": answer(FLOW)})
    return f"command:{sys.executable} {tmp_path}/planner/planner.py"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    files: dict[str, str | bytes] = {f"src/{name}.txt": "x\n" for name in "abc"}
    return kit.create_repo(tmp_path / "place", files)


def test_a_flow_is_written_shown_and_runs_once_it_is_approved(
    wtman: kit.Program, repo: Path, planner: str, tmp_path: Path
) -> None:
    asked = ("plan", "a line in each file", "--as-code", "--planner", planner)
    (tmp_path / "planner/first").write_text(answer(BAD))
    (tmp_path / "planner/second").write_text(answer(FLOW))
    done = wtman(*asked, cwd=repo)
    assert "run  planned: flow add-lines" in done.err
    assert "planner: One file, one author." in done.out
    assert "Add a line to every file." in done.out and "line 6: session" in done.out
    assert "at most 3 sessions\n" in done.out
    assert "next: wtman run add-lines --dry-run" in done.out
    assert (repo / ".wtman/flows/add-lines.py").read_text() == FLOW
    # Another one takes no file's place.
    assert wtman(*asked, "--json", cwd=repo).json()["file"].endswith("/flows/add-lines-2.py")
    agent = tmp_path / "agent.sh"
    agent.write_text("path=$(grep -o 'src/[a-z]*.txt' | head -1); echo one >> $path\n")
    words = ("run", "add-lines", "--agent", f"command:sh {agent}", "--check", "true", "--yes")
    refused = wtman(*words, cwd=repo, check_status=3)
    assert "flow add-lines (sha256" in refused.err
    wtman("trust", "--yes", cwd=repo)
    assert "3 tasks: 3 verified" in wtman(*words, cwd=repo).out


def test_a_file_that_is_named_is_not_the_users_own_until_it_is_changed_or_approved(
    wtman: kit.Program, repo: Path, planner: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    words = ("plan", "x", "--as-code", "--planner", planner, "-o", path)
    told = wtman(*words, "--json", cwd=repo).json()
    assert (told["file"], told["source"]) == (str(path), FLOW)
    assert told["flow"]["limits"] == ["at most 3 sessions"]
    assert "is there already" in wtman(*words, cwd=repo, check_status=2).err
    run = ("run", path, "--agent", "command:false", "--check", "true")
    refused = wtman(*run, "--yes", cwd=repo, check_status=3)
    assert "flow mine (sha256" in refused.err and "wtman trust" in refused.err
    shown = wtman(*run, cwd=repo, check_status=3)
    assert "line 6: session" in shown.out and "for each of flow.files" in shown.out
    assert "flow mine (sha256" in wtman("trust", "--yes", cwd=repo).out
    assert "is not started" in wtman(*run, cwd=repo, check_status=3).err
    path.write_text(FLOW + "# read, and changed\n")
    assert "sha256" not in wtman(*run, cwd=repo, check_status=3).err


def test_a_file_that_comes_while_the_planner_is_asked_stays(
    wtman: kit.Program, repo: Path, planner: str, tmp_path: Path
) -> None:
    path, script = tmp_path / "mine.py", tmp_path / "planner/planner.py"
    script.write_text(script.read_text() + f"pathlib.Path({str(path)!r}).write_text('of mine')\n")
    words = ("plan", "x", "--as-code", "--planner", planner, "-o", path, "--json")
    told = wtman(*words, cwd=repo, env={"WTMAN_SANDBOX": "none"}).json()
    assert path.read_text() == "of mine"
    assert told["file"] == str(repo / ".wtman/flows/add-lines.py")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("I would rather not", "it has no JSON object"),
        (answer(BAD), "line 3: main is not async"),
        (answer("x = 1"), "there is no main"),
        (answer(FLOW.replace('"""Add a line to every file."""', "")), "it has no docstring"),
        (answer(FLOW.replace("owns=", "agent='command:rm', owns=")), "for its user to name"),
    ],
)
def test_what_is_no_flow_is_refused(
    wtman: kit.Program, repo: Path, planner: str, tmp_path: Path, said: str, why: str
) -> None:
    (tmp_path / "planner/first").write_text(said)
    words = ("plan", "x", "--as-code", "--planner", planner)
    done = wtman(*words, cwd=repo, check_status=1)
    assert "the planner gave no flow: it gave no usable answer" in done.err
    assert why in done.out and not (repo / ".wtman").exists()
    refused = wtman(*words, "--json", cwd=repo, check_status=1).json()
    assert refused["error"]["code"] == "planning"


def test_a_planning_that_failed_is_resumed_to_a_flow(
    wtman: kit.Program, repo: Path, planner: str, tmp_path: Path
) -> None:
    (tmp_path / "planner/first").write_text("no")
    words = ("plan", "x", "--as-code", "--planner", planner)
    done = wtman(*words, cwd=repo, check_status=1)
    (tmp_path / "planner/first").write_text(answer(FLOW))
    wtman(*done.out.splitlines()[-1].removeprefix("next: wtman ").split(), cwd=repo)
    assert (repo / ".wtman/flows/add-lines.py").read_text() == FLOW


def test_static_writes_no_flows(wtman: kit.Program, repo: Path) -> None:
    words = ("plan", "x", "--as-code", "--planner", "static")
    assert "static writes no flows" in wtman(*words, cwd=repo, check_status=2).err
