"""examples/github-action/: its steps, run in bash as a runner does, with a real remote."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests import kit

WORKFLOW = kit.ROOT / "examples/github-action/wtman-merge.yml"
# Writes down what it is told; a pull request is there for the branches in GH_OPEN.
GH = """\
#!{python}
import json, os, sys
args = sys.argv[1:]
told = dict(zip(args, args[1:]))
body = sys.stdin.read() if "-" in args else ""
if "--body-file" in told and told["--body-file"] != "-":
    body = open(told["--body-file"]).read()
with open(os.environ["GH_LOG"], "a") as out:
    print(json.dumps([args, body]), file=out)
if args[:2] == ["pr", "list"]:
    print("[]")
elif args[:2] == ["pr", "create"]:
    print("https://example.com/pull/7")
elif args[:2] == ["pr", "comment"]:
    known = os.environ["GH_OPEN"].split() + ["https://example.com/pull/7"]
    sys.exit(args[-1] not in known)
"""
# Stands in for the network: `python3 -m venv` makes a folder whose pip says what it was told.
PYTHON3 = """\
#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec "{python}" "$@"
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >> "$PIP_LOG"\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the workflow needs jq")


@dataclass
class Runner:
    """One job on a runner: steps run in bash until one fails, then those that still want to."""

    checkout: Path
    folder: Path
    env: dict[str, str]

    def __call__(self, **inputs: str) -> dict[str, str]:
        """Run the job: `success`, `failure` or `skipped` of each step that has a name."""
        job = workflow()["jobs"]["merge"]
        known = {f"inputs.{name}": text for name, text in inputs.items()}
        known |= {"github.token": "secret-token"}
        outcome = {}
        failed = False
        for step in job["steps"]:
            if "run" not in step:
                continue
            wanted = step.get("if", "${{ success() }}")
            assert wanted in ("${{ success() }}", "${{ !cancelled() }}")
            if failed and wanted == "${{ success() }}":
                outcome[step["name"]] = "skipped"
                continue
            env = filled({**job["env"], **step.get("env", {})}, known)
            done = self._bash(step["run"], env)
            failed = failed or done != 0
            outcome[step["name"]] = "failure" if done else "success"
        return outcome

    def _bash(self, script: str, env: Mapping[str, str]) -> int:
        assert "${{" not in script, "what was typed is no part of a shell line"
        file = self.folder / "step.sh"
        file.write_text(script)
        added = self.folder / "path"
        path = [*reversed(added.read_text().split()), self.env["PATH"]]
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=self.checkout,
            env={**os.environ, **self.env, **env, "PATH": os.pathsep.join(path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.said = done.stdout + done.stderr
        assert "Traceback" not in self.said, self.said
        return done.returncode

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()

    def told_gh(self, *verb: str) -> list[tuple[list[str], str]]:
        log = self.folder / "gh.log"
        lines = log.read_text().splitlines() if log.exists() else []
        calls = [json.loads(line) for line in lines]
        return [(args, body) for args, body in calls if tuple(args[: len(verb)]) == verb]

    def comments(self) -> dict[str, str]:
        return {args[-1]: body for args, body in self.told_gh("pr", "comment")}


def workflow() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())
    return told


def filled(env: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The variables of a step; KeyError for an expression that nobody knows."""
    return {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], text)
        for name, text in env.items()
    }


@pytest.fixture
def runner(
    repo: Path, hermetic: Path, tmp_path: Path, program_environment: Mapping[str, str]
) -> Runner:
    """A fresh clone of a remote with four branches: two conflict, one fails the check."""
    branches = {
        "one": {"app.py": "one = 1\n"},
        "two": {"app.py": "two = 2\n"},
        "three": {"three.py": "three = 3\n"},
        "bad": {"bad.py": "this is wrong\n"},
    }
    kit.commit_files(repo, {"app.py": "nothing = 0\n"}, "Add the app")
    for name, files in branches.items():
        kit.run_git(repo, "switch", "-q", "-c", name, "main")
        kit.commit_files(repo, files, f"Add {name}")
    kit.run_git(repo, "switch", "-q", "main")
    kit.run_git(tmp_path, "clone", "-q", "--bare", str(repo), "remote.git")
    checkout = tmp_path / "work/checkout"
    kit.run_git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), str(checkout))
    folder = tmp_path / "runner"
    tools = {
        "bin/gh": GH.format(python=sys.executable),
        "bin/python3": PYTHON3.format(python=sys.executable),
        "bin/wtman": f'#!/bin/sh\nexec "{sys.executable}" -m wtman "$@"\n',
        "path": "",
        "summary": "",
    }
    kit.write_files(folder, tools)
    for name in ("gh", "python3", "wtman"):
        (folder / "bin" / name).chmod(0o755)
    return Runner(
        checkout,
        folder,
        {
            **program_environment,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "GH_LOG": str(folder / "gh.log"),
            "GH_OPEN": "two",
            "PIP_LOG": str(folder / "pip.log"),
            "WTMAN_SANDBOX": "auto",  # as on a runner: a check is not given the token
            "RUNNER_TEMP": str(folder),
            "GITHUB_PATH": str(folder / "path"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        },
    )


CHECK = 'test ! -e bad.py && test -z "$GH_TOKEN"'


def landed(runner: Runner) -> list[str]:
    """The commits of the pull request, as the remote has them."""
    ((args, _),) = runner.told_gh("pr", "create")
    head = args[args.index("--head") + 1]
    remote = runner.folder.parent / "remote.git"
    return kit.run_git(remote, "log", "--reverse", "--format=%s", f"main..{head}").splitlines()


def test_branches_that_pass_together_become_one_pull_request(runner: Runner) -> None:
    assert runner(branches="one three", check=CHECK) == dict.fromkeys(
        ("Install", "Merge", "Report", "Comment"), "success"
    )
    assert landed(runner) == ["Add one", "Add three"]
    assert "2 branches" in runner.summary
    assert list(runner.comments()) == ["https://example.com/pull/7"]
    pip = (runner.folder / "pip.log").read_text()
    assert pip == "install git+https://example.com/wtman.git\n"


def test_a_branch_that_conflicts_is_named_where_people_look(runner: Runner) -> None:
    outcome = runner(branches="one  two three bad", check=CHECK)
    assert outcome == {
        "Install": "success",
        "Merge": "failure",
        "Report": "success",
        "Comment": "success",
    }
    assert landed(runner) == ["Add one", "Add three"]
    comments = runner.comments()
    # `bad` has no pull request, which is no failure.
    assert list(comments) == ["https://example.com/pull/7", "two", "bad"]
    for text in (runner.summary, *comments.values()):
        assert "two: conflicts with origin/one in app.py" in text
        assert "### origin/bad" in text
    main = kit.run_git(runner.folder.parent / "remote.git", "log", "--format=%s", "main")
    assert "Add one" not in main, "people merge the pull request"


def test_what_cannot_be_merged_is_in_the_summary(runner: Runner) -> None:
    outcome = runner(branches="one nowhere", check=CHECK)
    assert (outcome["Merge"], outcome["Comment"]) == ("failure", "success")
    assert "there is no branch" in runner.summary and "origin/nowhere" in runner.summary
    assert runner.told_gh("pr") == [] == list(runner.comments())


def test_a_base_that_fails_is_in_the_summary(runner: Runner) -> None:
    outcome = runner(branches="one three", check="false")
    assert (outcome["Merge"], outcome["Report"], outcome["Comment"]) == (
        *("failure", "success", "success"),
    )
    assert "false" in runner.summary
    assert runner.told_gh("pr", "create") == []


@pytest.mark.parametrize("evil", ["$(touch MARK) one", "one;touch MARK", "--check=touch${IFS}MARK"])
def test_what_is_typed_is_no_command_and_no_option(runner: Runner, evil: str) -> None:
    mark = runner.folder / "mark"
    outcome = runner(branches=evil.replace("MARK", str(mark)), check="true")
    assert outcome["Merge"] == "failure"
    assert "there is no branch" in runner.summary or "origin/--check" in runner.summary
    assert not mark.exists()
    assert runner.told_gh("pr", "create") == []


def test_the_whole_history_is_there_and_the_token_is_only_where_it_is_needed() -> None:
    job = workflow()["jobs"]["merge"]
    checkout = job["steps"][0]
    assert checkout["uses"].startswith("actions/checkout@")
    assert checkout["with"] == {"fetch-depth": 0}
    given = [step.get("name") for step in job["steps"] if "GH_TOKEN" in step.get("env", {})]
    assert given == ["Merge", "Comment"]
    assert "GH_TOKEN" not in job["env"]
    assert workflow()["defaults"]["run"]["shell"] == "bash", "which also means pipefail"
    assert workflow()["permissions"] == {"contents": "write", "pull-requests": "write"}
