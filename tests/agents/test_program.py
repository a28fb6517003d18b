"""What a program agent is made of: an edit of any of its files is seen, nothing else is."""

import os
from pathlib import Path

import pytest

from wtman.agents.program import content_of


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, text in {
        "rev.py": "import helper\nfrom rules.names import NAMES\n",
        "helper.py": "X = 1\n",
        "rules/__init__.py": "",
        "rules.json": "{}",
        "other.py": "",
        "wrap": '#!/bin/sh\nexec python3 "$(dirname "$0")/rev.py"\n',
        "bin/rev": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755 if name in ("wrap", "bin/rev") else 0o644)
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "edited", "seen"),
    [
        ("rev", "bin/rev", True),
        ("python3 {0}/rev.py", "rev.py", True),
        ("python3 {0}/rev.py", "helper.py", True),
        ("python3 {0}/rev.py", "rules/__init__.py", True),
        ("python3 {0}/rev.py", "other.py", False),
        ("python3 {0}/rev.py", "bin/rev", False),
        ("python3 {0}/rev.py {0}/rules.json", "rules.json", True),
        ("python3 {0}/rev.py --rules={0}/rules.json", "rules.json", True),
        ("env X=1 {0}/wrap", "wrap", True),
        ("env X=1 {0}/wrap", "rev.py", True),
        ("env X=1 {0}/wrap", "helper.py", True),
        ("nice -n 5 rev", "bin/rev", True),
        ("sh -c 'cd /tmp; exec {0}/wrap --all'", "wrap", True),
        ("sh -c 'cat|rev'", "bin/rev", True),
        ("{0}/nowhere", "rev.py", False),
    ],
)
def test_an_edit_is_seen(place: Path, argument: str, edited: str, seen: bool) -> None:
    path = f"{place}/bin{os.pathsep}{os.environ['PATH']}"
    spec = f"command:{argument.format(place)}"
    before = content_of(spec, {"PATH": path}, {})
    assert content_of(spec, {"PATH": path}, {}) == before
    (place / edited).write_text("# edited\n")
    assert (content_of(spec, {"PATH": path}, {}) != before) is seen


def test_only_programs_have_content(place: Path) -> None:
    assert content_of("claude", {}, {}) == ""
    assert content_of(f"replay:{place}/rev.py", {}, {}) == ""
    assert content_of("command:'", {}, {}) != ""
