"""What a branch changes that acts on others later."""

import json

import pytest

from wtman.worktrees.risky_paths import LINK, PathModes, install_hooks, suspects

FILE, PROGRAM, MODULE = "100644", "100755", "160000"


@pytest.mark.parametrize(
    "path",
    [
        ".claude/settings.json", "sub/.claude/settings.local.json", ".mcp.json", ".envrc",
        ".vscode/tasks.json", ".idea/workspace.xml", "conftest.py", "tests/unit/conftest.py",
        "sitecustomize.py", "usercustomize.py", "lib/evil.pth", ".github/workflows/ci.yml",
        ".gitlab-ci.yml", ".husky/pre-commit", ".pre-commit-config.yaml", ".gitattributes",
        "sub/.gitattributes", ".gitmodules", "wtman.toml",
    ],
)  # fmt: skip
def test_files_that_tools_obey(path: str) -> None:
    (note,) = suspects([PathModes(path, "", FILE)])
    assert path in note
    assert suspects([PathModes(path, FILE, FILE)]) == (note,)
    assert suspects([PathModes(path, FILE, "")]) == ()  # what is gone does nothing


@pytest.mark.parametrize("path", ["src/a.py", "README.md", "settings.json", "my.envrc.md"])
def test_ordinary_files_are_no_news(path: str) -> None:
    assert suspects([PathModes(path, "", FILE), PathModes(path, FILE, FILE)]) == ()


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("a", "/etc/passwd", True),
        ("a", "../x", True),
        ("d/a", "../x", False),
        ("d/a", "../../x", True),
        ("d/a", "e/../../../x", True),
        ("a", ".git/config", True),
        ("d/a", "../.GIT/hooks", True),
        ("a", "b", False),
        ("a", "./b/../c", False),
    ],
)
def test_links_that_leave_the_tree(path: str, target: str, leaves: bool) -> None:
    notes = suspects([PathModes(path, "", LINK, target)])
    assert bool(notes) is leaves
    assert not leaves or f"{path} -> {target}" in notes[0]


def test_submodules_and_programs_in_disguise() -> None:
    notes = suspects([PathModes("lib", "", MODULE), PathModes("a.json", FILE, PROGRAM)])
    assert notes == ("changes a submodule: lib", "makes a data file executable: a.json")
    assert suspects([PathModes("run.sh", "", PROGRAM), PathModes("a.json", PROGRAM, PROGRAM)]) == ()


def test_one_line_for_many_of_a_kind() -> None:
    (note,) = suspects([PathModes(f"{number}/conftest.py", "", FILE) for number in range(9)])
    assert note.endswith(" and 3 more")


def test_scripts_that_run_on_install() -> None:
    def manifest(**scripts: str) -> str:
        return json.dumps({"scripts": scripts})

    assert install_hooks("", manifest(test="x", postinstall="y")) == ("postinstall",)
    assert install_hooks(manifest(prepare="a"), manifest(prepare="b")) == ("prepare",)
    assert install_hooks(manifest(prepare="a"), manifest(prepare="a", test="b")) == ()
    for odd in ("", "[]", "{", '{"scripts": []}', '{"scripts": {"install": ""}}'):
        assert install_hooks("", odd) == ()
