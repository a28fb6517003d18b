"""What a setup text runs, where its words alone tell."""

import pytest

from wtman.formats.shell_commands import SimpleCommand, relative, simple_commands


def words(text: str) -> list[str] | None:
    found = simple_commands(text)
    return None if found is None else [" ".join(one.words) for one in found]


def test_a_text_is_split_where_the_shell_splits_it() -> None:
    assert words("npm ci && uv sync; go mod download\n\ncargo fetch | tee log") == [
        "npm ci",
        "uv sync",
        "go mod download",
        "cargo fetch",
        "tee log",
    ]


def test_folder_variables_and_outputs_belong_to_their_command() -> None:
    found = simple_commands("cd web && CI=1 env A=b timeout 5m npm ci > npm.log 2>&1; cd ..; make")
    assert found == (
        SimpleCommand(("npm", "ci"), "web", {"CI": "1", "A": "b"}, ("web/npm.log",)),
        SimpleCommand(("make",), ""),
    )


def test_what_quotes_hold_means_itself() -> None:
    text = "echo '*' > .venv/.gitignore && .venv/bin/python -m pip install -e '.[dev,test]'"
    assert words(text) == ["echo *", ".venv/bin/python -m pip install -e .[dev,test]"]
    assert words("command:npm ci") == ["npm ci"]


@pytest.mark.parametrize(
    "text",
    [
        "(cd web; npm ci)",
        "npm ci & make",
        "pip install $(cat list)",
        "pip install `cat list`",
        "pip install $EXTRA",
        'pip install "$EXTRA"',
        "pip install *.whl",
        "pip install -r < list",
        "npm ci # the lock file",
        "case x in a) b;; esac",
        "cd ../other && npm ci",
        "cd / && npm ci",
        "cd $X && npm ci",
        "npm ci > ~/log",
        "npm 'ci",
        "it's '$x' fine",
        """echo "it's" $X 'y'""",
        "",
    ],
)
def test_what_only_a_running_shell_knows_has_no_answer(text: str) -> None:
    assert simple_commands(text) is None


def test_loops_are_programs_that_nobody_knows() -> None:
    assert words("for x in a; do npm ci; done") == ["for x in a", "do npm ci", "done"]


def test_a_path_is_told_from_the_start() -> None:
    assert relative("web", "../api/x") == "api/x"
    assert relative("", ".") == ""
    assert relative("web", "/x") is None
    assert relative("web", "../..") is None
