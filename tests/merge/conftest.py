"""Fixtures of a merge."""

from pathlib import Path

import pytest

from tests import kit
from tests.yard import FILES, Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """An empty yard with a small program in it and its check."""
    return Yard(kit.create_repo(tmp_path / "repo", FILES))


@pytest.fixture
def eight(yard: Yard) -> Yard:
    """Eight branches: a textual conflict, a semantic pair, a red one, a dependent chain."""
    yard.add("docs", {"README.md": "# Documented\n"})
    yard.add(
        "rename",
        {
            "core.py": "def amount(x):\n    return x * 2\n",
            "test_core.py": "import core\nassert core.amount(2) == 4\n",
        },
    )
    yard.add(
        "billing",
        {
            "billing.py": "import core\n\n\ndef bill(x):\n    return core.total(x)\n",
            "test_billing.py": "import billing\nassert billing.bill(3) == 6\n",
        },
    )
    lines = FILES["config.txt"]
    yard.add("left", {"config.txt": lines.replace("line 10\n", "left\n")})
    yard.add("right", {"config.txt": lines.replace("line 10\n", "right\n")})
    yard.add("broken", {"test_broken.py": "assert 1 == 2, 'arithmetic'\n"})
    yard.add("lib", {"lib.py": "VALUE = 7\n"})
    yard.add("chain", {"test_lib.py": "import lib\nassert lib.VALUE == 7\n"}, needs=("lib",))
    return yard
