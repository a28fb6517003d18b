"""A session of a real run becomes a recording that plays the same tree in a fresh clone."""

import json
from pathlib import Path

import pytest

from tests import kit

AGENT = """\
#!/bin/sh
set -eu
echo "I begin"
printf 'no \\377 text\\n\\n' >&2
mkdir -p deep/er
echo "new" > deep/er/file
printf '\\000\\377\\r\\n' > blob
ln -s deep/er/file link
printf '#!/bin/sh\\n' > run.sh
chmod +x run.sh
rm gone
rm turns && mkdir turns && echo inner > turns/inner
rm -r folder && echo now a file > folder
printf 'x' > "$(printf 'odd \\303\\251\\n\\"name')"
printf 'no end'
"""
FILES = {"gone": "1\n", "turns": "2\n", "folder/a": "3\n", "README.md": "4\n"}


@pytest.mark.slow
def test_a_recorded_session_plays_the_same_tree_elsewhere(
    wtman: kit.Program, make_repo: object, tmp_path: Path
) -> None:
    repo = kit.create_repo(tmp_path / "first", FILES)
    script = tmp_path / "agent.sh"
    script.write_text(AGENT)
    split = ("split", "--task", "core: do", "--yes", "--sandbox", "none", "--json")
    run = wtman(*split, "--agent", f"command:sh {script}", cwd=repo).jsonl()[0]["run"]
    tape = tmp_path / "tape.jsonl"
    said = wtman("logs", "core", "--record", tape, cwd=repo).out
    assert f"--agent replay:{tape}" in said
    assert json.loads(tape.read_text().splitlines()[0])["task"] == "core"
    again = wtman("logs", "core", "--record", tape, cwd=repo, check_status=2)
    assert "File exists" in again.err, "another recording is not overwritten"

    clone = tmp_path / "second"
    kit.run_git(tmp_path, "clone", "-q", repo, clone)
    for name, value in (("name", kit.NAME), ("email", kit.EMAIL)):
        kit.run_git(clone, "config", f"user.{name}", value)
    other = wtman(*split, "--agent", f"replay:{tape}", cwd=clone).jsonl()[0]["run"]
    trees = [
        kit.run_git(where, "rev-parse", f"wtman/{name}/core^{{tree}}")
        for where, name in ((repo, run), (clone, other))
    ]
    assert trees[0] == trees[1]
    logs = [wtman("logs", "core", "--raw", cwd=where).out for where in (repo, clone)]
    assert logs[0] + "\n" == logs[1], "the same words; the player ends the last line"


@pytest.mark.slow
def test_a_failed_session_is_recorded_with_what_was_set_aside(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    script = tmp_path / "agent.sh"
    script.write_text("echo half > half.txt; exit 7\n")
    split = ("split", "--task", "core: do", "--yes", "--sandbox", "none", "--attempts", "1")
    wtman(*split, "--agent", f"command:sh {script}", cwd=repo, check_status=1)
    tape = tmp_path / "tape.jsonl"
    wtman("logs", "core", "--record", tape, cwd=repo)
    steps = [json.loads(line) for line in tape.read_text().splitlines()]
    assert [step["edit"]["path"] for step in steps if "edit" in step] == ["half.txt"]
    assert steps[-1] == {"exit": 7}
