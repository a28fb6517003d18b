"""A real repository, scripted authors, and reviewers of every character, as programs.

What a reviewer says of which branch stands in a JSON file (`says`): the lens and the
branch pick the findings. `character` is how it behaves: see REVIEWER.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit

CHECK = "python3 -m unittest discover -s tests -t ."
FILES = {
    "README.md": "# A shop\n",
    "shop/__init__.py": "",
    "shop/rate.py": "def rate():\n    return 10\n",
    "shop/cart.py": "def total(items):\n    return sum(items)\n",
    "shop/price.py": "from shop.rate import rate\n\n\n"
    "def price(x):\n    return x - x * rate() / 100\n",
    "tests/__init__.py": "",
    "tests/test_cart.py": "import unittest\n\nfrom shop.cart import total\n\n\n"
    "class T(unittest.TestCase):\n    def test_two(self):\n"
    "        self.assertEqual(total([1, 2]), 3)\n",
}

# Branch `sum` breaks three items until it is told; `rates` and `offers` do not go together.
AUTHOR = """
import os, sys
prompt, task = sys.stdin.read(), os.environ["WTMAN_TASK"]
told = "Reviewers found" in prompt
def write(path, text):
    with open(path, "w") as out:
        out.write(text)
if task == "sum":
    bad = "sum(items) if len(items) < 3 else 0"
    good = "float(sum(items))"
    write("shop/cart.py", f"def total(items):\\n    return {good if told else bad}\\n")
elif task == "stubborn":
    n = int(os.environ["WTMAN_ATTEMPT"])
    write("shop/cart.py", f"def total(items):\\n    return sum(items[:2])  # attempt {n}\\n")
elif task == "copies":
    write("tests/test_three.py", "# taken over, and emptied\\n")
    write("shop/cart.py", "def total(items):\\n    return sum(items[:2])\\n")
elif task == "rates":
    write("shop/rate.py", "def rate():\\n    return 0.1\\n")
    write("shop/price.py", "from shop.rate import rate\\n\\n\\n"
          "def price(x):\\n    return x - x * rate()\\n")
elif task == "offers":
    by = "x * 0.1" if told else "x * rate() / 100"
    write("shop/offer.py", f"from shop.rate import rate\\n\\n\\ndef offer(x):\\n    return {by}\\n")
elif task == "undoes":
    write("shop/__init__.py", "import shop.cart as c\\nold = c.total\\n"
          "c.total = lambda items: 0 if len(items) > 2 else old(items)\\n")
else:
    write(f"{task}.txt", task)
"""

REVIEWER = """
import json, os, signal, sys, time
character, says = sys.argv[1], json.load(open(sys.argv[2]))
request = json.load(sys.stdin)
if request.get("role") == "refuter":
    print(json.dumps({"answer": says["refuter"], "evidence": "looked"}))
    sys.exit()
branches = [item["task"] for item in request["branches"]]
assert all(item["diff"] or request["kind"] == "audit" for item in request["branches"])
if character == "crashes":
    sys.exit(3)
if character == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
if character == "hangs":
    time.sleep(600)
if character == "nonsense":
    print("I think that it is fine, ship it!"); sys.exit()
if character == "tampers":
    os.chmod("shop", 0o755)
    with open("shop/cart.py", "a") as out:
        out.write("# mine")
found = says.get(f"{request['lens']} {'+'.join(branches)}", says.get(request["lens"], []))
print("a line before the answer")
print(json.dumps({"findings": found}))
"""

NEW_TEST = (
    "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    "@@ -0,0 +1,{lines} @@\n{body}"
)


def added(path: str, *lines: str) -> str:
    """A patch that adds a file."""
    return NEW_TEST.format(path=path, lines=len(lines), body="".join(f"+{x}\n" for x in lines))


def proof_of(name: str, *body: str, imports: str = "from shop.cart import total") -> dict[str, str]:
    """A reproducer: a new unittest of this name with this body."""
    lines = ["import os, random, sys, unittest", imports, "class T(unittest.TestCase):"]
    lines += ["    def test_it(self):", *(f"        {line}" for line in body)]
    patch = added(f"tests/test_{name}.py", *lines)
    return {"patch": patch, "command": f"python3 -m unittest tests.test_{name}"}


def claim(title: str, *branches: str, proof: Any = None, **more: Any) -> dict[str, Any]:
    """A finding as a reviewer prints it."""
    said = {"title": title, "severity": "major", "branches": list(branches), "why": "because"}
    return {**said, **({"reproducer": proof} if proof else {}), **more}


class Shop:
    """The repository, and `split` with scripted people."""

    def __init__(self, wtman: kit.Program, repo: Path, place: Path) -> None:
        self.wtman, self.repo, self.place = wtman, repo, place
        (place / "author.py").write_text(AUTHOR)
        (place / "reviewer.py").write_text(REVIEWER)
        self.says(refuter="cannot tell")

    def says(self, **said: Any) -> None:
        """What reviewers find: by lens, or by "lens branch+branch"."""
        (self.place / "says.json").write_text(json.dumps({"refuter": "cannot tell", **said}))

    def reviewer(self, character: str = "right") -> str:
        return (
            f"command:{sys.executable} {self.place}/reviewer.py {character} {self.place}/says.json"
        )

    def words(self, *tasks: str, character: str = "right") -> tuple[str, ...]:
        named = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
        people = ("--agent", f"command:{sys.executable} {self.place}/author.py")
        checks = ("--check", CHECK, "--yes", "--json")
        return (
            "split",
            "all of it",
            *named,
            *people,
            *checks,
            "--reviewer",
            self.reviewer(character),
        )

    def split(
        self, *tasks: str, character: str = "right", more: tuple[str, ...] = (), code: int = 0
    ) -> dict[str, Any]:
        """Run it to its end; the status."""
        words = self.words(*tasks, character=character)
        self.wtman(*words, *more, cwd=self.repo, check_status=code, timeout=200)
        return self.status()

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = self.wtman("status", "--json", cwd=self.repo).json()
        return told


@pytest.fixture
def shop(wtman: kit.Program, make_repo: Callable[..., Path], tmp_path: Path) -> Shop:
    place = tmp_path / "people"
    place.mkdir()
    return Shop(wtman, make_repo(FILES), place)
