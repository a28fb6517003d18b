"""doctor and init: what they say of real repositories, and every fix that they name tried."""

import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from wtman.cli.commands.doctor import diagnose
from wtman.config.detect import habits
from wtman.sandbox import choice, confine

TESTED = {
    "shop.py": "def one():\n    return 1\n",
    "tests/__init__.py": "",
    "tests/test_shop.py": "import unittest\nimport shop\n\n\n"
    "class T(unittest.TestCase):\n    def test_one(self):\n"
    "        self.assertEqual(shop.one(), 1)\n",
}


def of(lines: list[dict[str, str]], name: str) -> list[dict[str, str]]:
    return [line for line in lines if line["name"] == name]


def test_without_an_agent_nothing_can_run_and_the_fix_is_there(
    wtman: kit.Program, repo: Path
) -> None:
    done = wtman("doctor", "--json", cwd=repo, check_status=3, env={"PATH": _only_git()})
    told = done.json()
    assert not told["ok"]
    (agent,) = of(told["lines"], "agent")
    assert agent["level"] == "missing" and "npm install -g" in agent["fix"]
    assert "wtman demo" in agent["fix"]
    assert [line["level"] for line in of(told["lines"], "git")] == ["ok"]


def _only_git() -> str:
    folder = os.environ["HOME"] + "/bin"
    os.makedirs(folder, exist_ok=True)
    for name in ("git", "sh"):
        link = f"{folder}/{name}"
        if not os.path.lexists(link):
            os.symlink(str(shutil.which(name)), link)
    return folder


def test_a_key_is_an_agent(wtman: kit.Program, repo: Path) -> None:
    done = wtman("doctor", cwd=repo, env={"ANTHROPIC_API_KEY": "k-1", "PATH": _only_git()})
    said = r"^ok +agent +api, signed in by ANTHROPIC_API_KEY; cannot be attached to$"
    assert re.search(said, done.out, re.MULTILINE)
    assert "k-1" not in done.out
    # The tests ask for no sandbox.
    assert re.search(r"^warn +sandbox +none, as configured", done.out, re.MULTILINE)


def test_the_fixes_of_a_repository_without_commit_and_identity_work(
    make_repo: Callable[..., Path],
    git: Callable[..., str],
    hermetic: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = make_repo({}, identity=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(hermetic / ".gitconfig"))

    def missing() -> dict[str, str]:
        lines = diagnose(str(repo), os.environ, False)
        return {line.name: line.fix for line in lines if line.level == "missing"}

    told = missing()
    for name in ("identity", "repository"):
        for command in told[name].splitlines():
            words = shlex.split(command.removeprefix("make a first commit: "))
            git(repo, *words[1:])
    assert set(missing()) <= {"agent"}


def test_odd_repositories_are_told(
    make_repo: Callable[..., Path],
    git: Callable[..., str],
    commit: Callable[..., str],
    tmp_path: Path,
) -> None:
    repo = make_repo()
    commit(repo, {".gitattributes": "*.bin filter=lfs\n", "a.txt": "1\n"})
    git(repo, "config", "core.sparseCheckout", "true")
    git(repo, "config", "core.ignoreCase", "true")
    (repo / "a.txt").write_text("2\n")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    git(repo, "worktree", "add", "-q", "../linked")

    def told(place: Path) -> str:
        lines = diagnose(str(place), os.environ, False)
        return "\n".join(line.text for line in lines if line.name == "repository")

    here = told(repo)
    for words in ("1 uncommitted change", "sparse", "case", "git-lfs is not set up"):
        assert words in here
    assert "shallow clone" in told(tmp_path / "shallow")
    assert "bare repository" in told(tmp_path / "bare.git")
    assert f"linked worktree; the main checkout is {repo}" in told(tmp_path / "linked")
    assert "not in a git repository" in told(tmp_path)


@pytest.mark.slow
def test_init_then_trust_then_the_checks_run(
    wtman: kit.Program, make_repo: Callable[..., Path], git: Callable[..., str]
) -> None:
    repo = make_repo(TESTED)
    shown = wtman("init", "--print", cwd=repo).out
    assert not (repo / "wtman.toml").exists()
    # Without a terminal nothing of the repository is run unasked.
    said = wtman("init", cwd=repo).out
    assert "found: Python" in said and "not tried: it runs commands" in said
    assert (repo / "wtman.toml").read_text() == shown
    again = wtman("init", cwd=repo, check_status=2)
    assert "already exists" in again.err
    first = wtman("doctor", "--checks", "--json", cwd=repo, check_status=None).json()["lines"]
    assert [line["fix"] for line in of(first, "config") if line["fix"]] == ["wtman trust"]
    assert "not approved" in of(first, "base")[0]["text"]
    wtman("trust", "--yes", cwd=repo)
    lines = wtman("doctor", "--checks", "--json", cwd=repo, check_status=None).json()["lines"]
    (base,) = of(lines, "base")
    assert base["level"] == "ok"
    assert re.match(r"`python3 -m unittest -q`: passed, 1 test \(", base["text"])
    # Nothing stays that another command would take for a run.
    assert "there is no run" in wtman("status", cwd=repo, check_status=3).err
    assert git(repo, "for-each-ref", "refs/heads", "--format=%(refname)") == "refs/heads/main"
    assert git(repo, "worktree", "list").count("\n") == 0
    assert not (repo.parent / f"{repo.name}.worktrees").exists()


def test_a_repository_that_cannot_be_written_is_told(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    if os.geteuid() == 0:  # whom modes do not stop, unless that right is given up
        if shutil.which("setpriv") is None:
            pytest.skip("root can write everything, and there is no setpriv")
        without = "-dac_override,-dac_read_search"
        argv = ("setpriv", f"--bounding-set={without}", "--inh-caps=-all", *wtman.argv)
        wtman = replace(wtman, argv=argv)
    modes = [(path, path.stat().st_mode) for path in (repo, *repo.rglob("*"))]
    try:
        for path, mode in modes:
            path.chmod(mode & ~0o222)
        told = wtman("doctor", "--json", cwd=repo, check_status=3).json()
        (line,) = of(told["lines"], "writable")
        assert line["level"] == "missing"
        assert line["text"] == f"cannot write {repo}/.git: Permission denied"
        for words in (("init",), ("split", "x", "--task", "a: b", "--agent", agent, "--yes")):
            refused = wtman(*words, cwd=repo, check_status=3).err
            assert refused.startswith(f"wtman: cannot write {repo}/")
            assert "internal error" not in refused and "hint: make it writable" in refused
    finally:
        for path, mode in modes:
            path.chmod(mode)


def test_a_red_check_is_found_before_a_run(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    repo = make_repo({"wtman.toml": 'check = "echo broken; exit 3"\n'})
    wtman("trust", "--yes", cwd=repo)
    lines = wtman("doctor", "--checks", "--json", cwd=repo, check_status=3).json()["lines"]
    assert "fails on the base" in of(lines, "base")[-1]["text"]


def test_init_leaves_a_table_of_pyproject_alone(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    repo = make_repo({"pyproject.toml": "[tool.wtman]\njobs = 2\n"})
    assert "tool.wtman" in wtman("init", cwd=repo, check_status=2).err
    assert not (repo / "wtman.toml").exists()


@pytest.mark.slow
def test_an_unfinished_run_is_named_with_its_next_command(
    wtman: kit.Program, repo: Path, built: Callable[..., str]
) -> None:
    run = built("core")
    lines = wtman("doctor", "--json", cwd=repo, check_status=None).json()["lines"]
    (line,) = of(lines, "run")
    assert (line["text"], line["fix"]) == (f"{run}: ready", f"wtman merge {run}")


def test_a_broken_configuration_is_a_line(make_repo: Callable[..., Path]) -> None:
    repo = make_repo({"wtman.toml": "jobs = true\n"})
    (line,) = (one for one in diagnose(str(repo), os.environ, False) if one.name == "config")
    assert line.level == "missing" and line.text.startswith("wtman.toml:1: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "program"),
    [
        ({"package.json": '{"scripts": {"test": "node --test"}}', "a.test.js": ""}, "npm"),
        (
            {"go.mod": "module x\ngo 1.20\n", "x.go": "package x\n", "x_test.go": "package x\n"},
            "go",
        ),
    ],
)
def test_what_init_proposes_is_green(
    wtman: kit.Program, make_repo: Callable[..., Path], files: dict[str, str], program: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    repo = make_repo(files)
    assert habits(files, files, ()).check
    wtman("init", "--no-try", cwd=repo)
    wtman("trust", "--yes", cwd=repo)
    out = wtman("doctor", "--checks", cwd=repo, check_status=None, env={"COLUMNS": "200"}).out
    assert re.search(r"^ok +base .*: passed", out, re.MULTILINE), out


def test_where_no_sandbox_works_each_tier_has_its_fix(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", _only_git())
    monkeypatch.setattr(confine, "landlock_abi", lambda: 0)
    monkeypatch.delenv("WTMAN_SANDBOX")
    choice.trouble.cache_clear()
    try:
        lines = [one for one in diagnose(str(repo), os.environ, False) if one.name == "sandbox"]
    finally:
        choice.trouble.cache_clear()
    told = [(line.level, line.text) for line in lines]
    assert told == [
        ("warn", "not bubblewrap: bwrap is not installed"),
        ("warn", "not landlock: this kernel has no Landlock"),
        ("missing", "no sandbox works here"),
    ]
    assert "apt-get install bubblewrap" in lines[0].fix and "--sandbox none" in lines[2].fix


def test_a_program_that_is_not_there_and_a_version_that_is_another_are_told(
    wtman: kit.Program, make_repo: Callable[..., Path]
) -> None:
    texts = {"wtman.toml": 'check = "no-such-tester --all && echo done"\n',
             ".python-version": "2.7\n", "test_a.py": ""}  # fmt: skip
    lines = wtman("doctor", "--json", cwd=make_repo(texts), check_status=3).json()["lines"]
    program, version = of(lines, "program")
    assert (program["level"], version["level"]) == ("missing", "warn")
    assert "`no-such-tester` is not on PATH" in program["text"]
    assert version["text"].endswith(".python-version asks for 2.7")
