"""What a command names, read from its text alone."""

import pytest

from wtman.formats.shell_words import Position, mentions, with_home

ENV = {"HOME": "/srv/u", "TOOLS": "/opt/tools"}
PY = "/x/venv/bin/python"


@pytest.mark.parametrize(
    "text",
    [
        f"{PY} -m pytest",
        f"command:{PY} -m pytest",
        f"A=b C=d {PY}",
        f"cd . && {PY} t.py",
        f"timeout -s KILL 60 {PY}",
        f"env -u A B=c nice -n 5 time exec {PY}",
        f"true; {PY} | tee log",
        f"false || {PY} > out 2>&1",
        f"sh -c '{PY} t.py'",
        f'bash -lc "cd a && {PY}"',
        f"if [ -x a ]; then {PY}; fi",
        'V=/x/venv; "$V"/bin/python',
        f"echo `{PY} t`",
        f'"$({PY} t)"',
        f"first\n{PY} t",
        f"first \\\n  && {PY} t",
        f"echo 'left open && {PY}",
    ],
)
def test_a_program_is_found_wherever_it_stands(text: str) -> None:
    found = {item.path: item.position for item in mentions(text, ENV)}
    assert found[PY] in (Position.PROGRAM, Position.ARGUMENT)
    assert text.startswith("echo '") or found[PY] is Position.PROGRAM


@pytest.mark.parametrize(
    ("text", "path", "position"),
    [
        ("~/v/bin/python x", "/srv/u/v/bin/python", "program"),
        ('"$HOME/my v/bin/python" x', "/srv/u/my v/bin/python", "program"),
        ("${HOME}/v/bin/py", "/srv/u/v/bin/py", "program"),
        ("$TOOLS/x", "/opt/tools/x", "program"),
        (". ~/v/bin/activate && python", "/srv/u/v/bin/activate", "sourced"),
        ("source v/bin/activate", "v/bin/activate", "sourced"),
        ("python3 -X dev run.py", "run.py", "script"),
        ("./run.sh", "./run.sh", "program"),
        ("cd pkg && ../.venv/bin/pytest", ".venv/bin/pytest", "program"),
        ("PATH=/a/bin:$PATH make", "/a/bin", "path"),
        ("JAVA_HOME=/jdk gradle", "/jdk", "value"),
        ("uv run --python=/v/bin/python pytest", "/v/bin/python", "argument"),
        ("make PY=/v/bin/python", "/v/bin/python", "argument"),
        ("pytest", "pytest", "program"),
    ],
)
def test_paths_and_where_they_stand(text: str, path: str, position: str) -> None:
    assert (path, position) in [(item.path, str(item.position)) for item in mentions(text, ENV)]


def test_nothing_is_made_up() -> None:
    """Globs, addresses, unknown variables and words of a sentence are no paths."""
    for text in (
        "curl https://a.example/b/c",
        "pytest -k 'a/b or c'",
        "$UNKNOWN/bin/x",
        "/a/*/bin/x",
        "echo ~other/x",
    ):
        assert [item.path for item in mentions(text, ENV) if "/" in item.path] == []
    assert mentions("", ENV) == mentions("''", ENV) == ()


def test_a_home_without_a_shell() -> None:
    assert with_home("env A=b '~/my v/bin/x' ~/y", "/h") == "env A=b '/h/my v/bin/x' /h/y"
    assert with_home("x  'y'", "/h") == "x  'y'", "as it was written"
    assert with_home("~/x 'open", "/h") == "~/x 'open"
