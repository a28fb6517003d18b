"""JSON for scripts: every command that takes --json answers with one value that jq can read,
also where it fails, and status and merge as their schemas say."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests import kit, schemas
from wtman.cli import main
from wtman.cli.catalog import COMMANDS
from wtman.cli.root import app

Built = Callable[..., str]


def commands() -> list[str]:
    group: Any = typer.main.get_command(app)
    known = {name: group.get_command(None, name).params for name in COMMANDS}
    return [name for name, params in known.items() if any("--json" in it.opts for it in params)]


def jq(texts: list[str]) -> None:
    """Fail unless jq reads every text as one object that is an answer or an error."""
    program = shutil.which("jq")
    if program is None:
        pytest.skip("jq is not installed")
    wanted = 'type == "object" and (has("schema") or has("error"))'
    for text in texts:
        assert len(text.strip().splitlines()) == 1, text
    argv = [program, "-es", f"map({wanted}) | all"]
    done = subprocess.run(argv, input="".join(texts), capture_output=True, text=True, check=False)
    assert done.returncode == 0, (texts, done.stdout, done.stderr)


def words_of(name: str, folder: Path, state: str) -> list[list[str]]:
    """Calls of a command that make sense, and some that do not, in a state of the repository."""
    gone = [name, "no-such-thing"]
    match name:
        case "plan":
            return [[name, "x", "--planner", "command:true"], [name, ""]]
        case "run":
            return [[name, "port", "--dry-run"], gone]
        case "split":
            return [[name, "x", "--task", "a: b", "--agent", "command:true", "--dry-run"]]
        case "verify":
            return [[name, str(folder / "patches")], gone]
        case "review":
            return [[name], [name, "--branches", "main", "--reviewer", "command:true"], gone]
        case "merge":
            out = str(folder / f"patches-{state}")
            return [[name, "--dry-run"], [name, "--patch-only", "-o", out], gone]
        case "trust":
            return [[name, "--yes"]]
        case "init" | "doctor" | "trust":
            return [[name]]
        case "diff" | "logs" | "restore" | "retry" | "shell" | "open":
            return [[name, "core"], gone] if name != "retry" else [gone]
        case "add":
            return [[name, "again: x"], [name, "nonsense"]]
        case "resume":
            return [gone]
        case _:
            return [[name], gone]


@pytest.mark.parametrize("state", ["no repository", "no run", "built", "merged"])
def test_every_json_is_read_by_jq(
    wtman: kit.Program,
    repo: Path,
    built: Built,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    place = tmp_path / "empty" if state == "no repository" else repo
    place.mkdir(exist_ok=True)
    if state in ("built", "merged"):
        built("core", "docs", "bad", code=1)
    if state == "merged":
        wtman("merge", "-o", tmp_path / "patches", cwd=repo, check_status=1)
    monkeypatch.chdir(place)
    answers = []
    for name in commands():
        for words in words_of(name, tmp_path, state):
            status = main([*words, "--json"])
            out, err = capsys.readouterr()
            said = (words, status, out[:2000], err)
            assert out, said
            answers += out.splitlines(keepends=True)
            schemas.hold([*words, "--json"], out)
            if "error" in (last := json.loads(out.splitlines()[-1])):
                assert set(last["error"]) == {"code", "message", "hint"}, said
                assert status and not err, said
    jq(answers)


def test_diff_tells_files_and_the_patch(wtman: kit.Program, repo: Path, built: Built) -> None:
    run = built("core", "bad", code=1)
    told = wtman("diff", "--json", cwd=repo).json()
    patch = told["tasks"][0].pop("patch")
    assert patch == wtman("diff", "core", cwd=repo).out
    core, bad = told["tasks"]
    assert told == {"schema": 1, "run": run, "tasks": [core, bad]}
    assert core["files"] == [{"path": "core.txt", "insertions": 1, "deletions": 0}]
    assert (core["id"], core["branch"]) == ("core", f"wtman/{run}/core")
    assert (bad["files"], bad["patch"]) == ([], "")
    assert "patch" not in wtman("diff", "core", "--stat", "--json", cwd=repo).json()["tasks"][0]


def test_a_binary_file_has_no_lines(wtman: kit.Program, repo: Path, tmp_path: Path) -> None:
    agent = tmp_path / "binary.sh"
    agent.write_text("printf 'a\\000b' > blob.bin\n")
    words = ("--agent", f"command:sh {agent}", "--check", "true", "--yes", "--json")
    wtman("split", "x", "--task", "one: x", *words, cwd=repo)
    told = wtman("diff", "--json", "--stat", cwd=repo).json()
    assert told["tasks"][0]["files"] == [
        {"path": "blob.bin", "insertions": None, "deletions": None}
    ]


def test_report_tells_facts(wtman: kit.Program, repo: Path, built: Built) -> None:
    built("core", "bad", code=1)
    merged = wtman("merge", "--json", cwd=repo, check_status=None).json()
    told = wtman("report", "--json", cwd=repo).json()
    status = wtman("status", "--json", cwd=repo).json()
    assert told["run"] == status["run"]
    assert told["merge"] == merged
    assert told["landed_before"] == {} and told["merge_failed"] is None
    assert "no reviewer looked at these branches" in told["not_covered"]
    core, bad = told["tasks"]
    assert core["prompt"] == "do core"
    assert [item["ended"] for item in core["attempts"]] == ["ok"]
    assert [(item["number"], item["ended"]) for item in bad["attempts"]] == [(1, "failed")]
    for task, plain in zip(told["tasks"], status["tasks"], strict=True):
        assert {key: task[key] for key in plain} == plain


@pytest.mark.parametrize("name", ["status", "merge"])
def test_a_schema_is_shown_and_forbids_what_it_does_not_know(
    wtman: kit.Program, repo: Path, built: Built, name: str
) -> None:
    shown = wtman("help", f"{name}-schema").json()
    assert shown["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    built("core")
    told = wtman(name, "--json", cwd=repo).json()
    assert schemas.flaws(name, told) == []
    assert schemas.flaws(name, {**told, "surprise": 1})
    for key in told:
        assert schemas.flaws(name, {it: told[it] for it in told if it != key}), key
    if name == "status":
        assert schemas.flaws(name, {**told, "run": {**told["run"], "surprise": 1}})
        assert schemas.flaws(name, {**told, "tasks": [{**told["tasks"][0], "state": "lost"}]})


def closed(schema: Any) -> list[Any]:
    """The objects of a schema that let keys through that it does not name."""
    items = schema.values() if isinstance(schema, dict) else schema
    deeper = [it for item in items if isinstance(item, dict | list) for it in closed(item)]
    loose = isinstance(schema, dict) and "properties" in schema and schema.get("type") == "object"
    return deeper + ([schema] if loose and schema.get("additionalProperties") is not False else [])


@pytest.mark.parametrize("name", ["status", "merge"])
def test_no_object_of_a_schema_is_open(name: str) -> None:
    assert closed(json.loads((schemas.FOLDER / f"{name}.schema.json").read_text())) == []


def test_the_manual_shows_answers_that_the_schemas_allow() -> None:
    page = (schemas.FOLDER / "json.md").read_text()
    shown = {
        name: json.loads(block)
        for name, block in re.findall(
            r"(?ms)^## wtman (status|merge) --json$.*?^```json\n(.*?)^```", page
        )
    }
    assert set(shown) == {"status", "merge"}
    assert {name: schemas.flaws(name, value) for name, value in shown.items()} == {
        "status": [],
        "merge": [],
    }
