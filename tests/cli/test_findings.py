"""From an audit to its repair: findings that were shown become tasks, their tests have to turn."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.review.conftest import claim, proof_of
from wtman.plan.file import dump, parse

FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "def total(items):\n    return sum(items[1:])\n\n\n"
    "def count(items):\n    return len(items) + 1\n",
    "shop/price.py": "def net(gross):\n    return gross\n",
    "tests/__init__.py": "",
    "tests/test_shop.py": "import unittest\nimport shop.cart\n\n\nclass T(unittest.TestCase):\n"
    "    def test_it(self):\n        self.assertEqual(shop.cart.total([]), 0)\n",
}
CHECK = "python3 -m unittest discover -s tests -t ."
REVIEWER = """
import json, pathlib, sys
asked = json.load(sys.stdin)
if asked["role"] == "refuter":
    print(json.dumps({"answer": "cannot tell", "evidence": "looked"}))
else:
    first = asked["lens"] == "correctness"
    said = json.loads(pathlib.Path(__file__).with_name("says.json").read_text())
    print(json.dumps({"findings": said if first else []}))
"""
# `lazy` breaks the tests instead of the code; `idle` adds a file; `good` mends what it is told.
AUTHOR = """
import os, pathlib, sys
told, kind = sys.stdin.read(), sys.argv[1]
cart, price = pathlib.Path("shop/cart.py"), pathlib.Path("shop/price.py")
if kind == "lazy":
    for name in ("sums", "counts", "nets"):
        if f"tests.test_{name}" in told:
            pathlib.Path(f"tests/test_{name}.py").write_text("# nothing to see\\n")
elif "tests.test_nets" in told:
    price.write_text("def net(gross):\\n    return gross / 2\\n")
else:
    cart.write_text(cart.read_text().replace("items[1:]", "items").replace(" + 1", ""))
"""
SUMS = proof_of("sums", "self.assertEqual(total([1, 2]), 3)")
COUNTS = proof_of(
    "counts", "self.assertEqual(count([1]), 1)", imports="from shop.cart import count"
)
NETS = proof_of("nets", "self.assertEqual(net(4), 2)", imports="from shop.price import net")
WRONG = proof_of("wrong", "self.assertEqual(total([]), 0)")
NEVER = {"command": "exit 1"}
SAID = [
    claim("total loses the first", proof=SUMS, path="shop/cart.py", line=2),
    claim("count is one too many", proof=COUNTS, path="shop/cart.py", line=6, severity="minor"),
    claim("net is gross", proof=NETS, path="shop/price.py", line=2, severity="blocker"),
    claim("total of nothing is wrong", proof=WRONG, path="shop/cart.py", line=1),
    claim("total is slow", proof=NEVER, path="shop/cart.py", line=1),
]
Git = Callable[..., str]


@pytest.fixture
def audited(wtman: kit.Program, repo: Path, tmp_path: Path) -> str:
    """A repository with three defects, and the run that has found them."""
    kit.commit_files(repo, FILES, "a shop")
    (tmp_path / "reviewer.py").write_text(REVIEWER)
    (tmp_path / "author.py").write_text(AUTHOR)
    (tmp_path / "says.json").write_text(json.dumps(SAID))
    who = f"command:{sys.executable} {tmp_path}/reviewer.py"
    asked = ("--reviewer", who, "--rounds", "1", "--reviewers", "1", "--json")
    done = wtman("review", "--audit", "wrong sums", *asked, cwd=repo, check_status=1, timeout=200)
    told = done.json()
    verdicts = {item["title"]: item["verdict"] for item in told["findings"]}
    assert [title for title, verdict in verdicts.items() if verdict != "confirmed"] == [
        "total of nothing is wrong",
        "total is slow",
    ]
    return str(told["run"])


def author(tmp_path: Path, kind: str) -> tuple[str, ...]:
    return ("--agent", f"command:{sys.executable} {tmp_path}/author.py {kind}", "--check", CHECK)


@pytest.mark.slow
def test_what_an_audit_has_shown_is_mended_and_lands(
    wtman: kit.Program, repo: Path, tmp_path: Path, audited: str
) -> None:
    shown = wtman("status", cwd=repo).out
    assert f"{audited}  audited: 3 confirmed" in shown and "  1 refuted\n" in shown
    who = f"'command:{sys.executable} {tmp_path}/reviewer.py'"
    assert f"next: wtman split --findings {audited} --reviewer {who}\n" in shown
    assert "merge" not in shown and "concern (unproven)" in shown
    assert "audited: 3 confirmed" in wtman("status", "--all", cwd=repo).out
    told = wtman("report", cwd=repo).out
    assert f"`{audited}`" in told and told.index("net is gross") < told.index("total loses")
    assert "2 concerns" not in told and "3 confirmed, 1 concern, 1 refuted" not in told
    assert "its test fails on the commit, and in another way without shop/cart.py" in told
    assert "a concern:" not in told and "whether it asserts what is right no run can show" in told
    assert "## Recommendations" in told and "| correctness |" in told and "## Tasks" not in told
    status = wtman("status", "--json", cwd=repo).json()
    assert status["run"]["state"] == "ready" and status["audit"]["refuted"] == 1
    assert [item["answered"] for item in status["audit"]["looked"]] == [True]

    made = wtman("plan", "--findings", audited, cwd=repo)
    (slow,) = [item["id"] for item in status["findings"] if item["title"] == "total is slow"]
    left = f"not confirmed, left out: {slow} (major): its test proves nothing"
    assert f"{left} (wtman report {audited})" in " ".join(made.err.split())
    plan = parse(made.out, "plan.toml")
    assert parse(dump(plan), "again") == plan
    net, cart = plan.tasks
    assert (net.id, cart.id, cart.needs) == ("fix-price", "fix-cart", ())
    assert net.title == "net is gross" and cart.title == "2 findings in shop/cart.py"
    assert cart.owns == ("/shop/cart.py", "/tests/test_sums.py", "/tests/test_counts.py")
    assert cart.touches == ("shop/cart.py::total", "shop/cart.py::count")
    assert [proof.command for proof in cart.proofs] == [SUMS["command"], COUNTS["command"]]
    assert "total of nothing" not in made.out and "AssertionError" in cart.prompt

    words = ("split", "--findings", audited, *author(tmp_path, "good"), "--reviewers", "0", "--yes")
    done = wtman(*words, cwd=repo, timeout=200)
    assert "3 reproducers must fail on the base and pass afterwards" in done.out
    run = wtman("status", "--json", cwd=repo).json()
    assert {task["id"]: task["state"] for task in run["tasks"]} == {
        "fix-price": "verified",
        "fix-cart": "verified",
    }
    (shown,) = [task["checks"] for task in run["tasks"] if task["id"] == "fix-price"]
    assert [item["verdict"] for item in shown] == ["green", "green"]
    assert "net is gross" in shown[1]["reason"]
    landed = wtman("merge", "--json", cwd=repo, timeout=200).json()
    assert sorted(landed["landed"]) == ["fix-cart", "fix-price"]
    mending = run["run"]["id"]
    assert f"next: wtman status {mending}\n" in wtman("status", audited, cwd=repo).out
    told = wtman("report", audited, cwd=repo).out
    assert f"a run was made to fix 3 confirmed findings: `wtman status {mending}`" in told
    again = wtman(*words, cwd=repo, check_status=None, timeout=200)
    assert again.code and "there is nothing left to mend" in again.out
    assert "session 1 started" not in again.out
    for proof in (SUMS, COUNTS, NETS):
        (tmp_path / "test.patch").write_text(proof["patch"])
        kit.run_git(repo, "apply", str(tmp_path / "test.patch"))
        name = proof["command"].split()[-1]
        subprocess.run([sys.executable, "-B", "-m", "unittest", name], cwd=repo, check=True)


@pytest.mark.slow
def test_an_author_who_only_bends_the_tests_is_not_verified(
    wtman: kit.Program, repo: Path, tmp_path: Path, audited: str
) -> None:
    words = ("split", "--findings", audited, *author(tmp_path, "lazy"), "--attempts", "1")
    done = wtman(*words, "--reviewers", "0", "--yes", cwd=repo, check_status=1, timeout=200)
    assert "still there" in done.out
    states = {task["state"] for task in wtman("status", "--json", cwd=repo).json()["tasks"]}
    assert states == {"failed"}


@pytest.mark.slow
def test_what_has_nothing_to_fix_is_refused(
    wtman: kit.Program, repo: Path, tmp_path: Path, audited: str
) -> None:
    def refused(*words: str) -> str:
        return wtman("split", *words, "--yes", cwd=repo, check_status=2).err

    assert 'there is no run "never"' in refused("--findings", "never")
    assert "two ways to say" in refused("--findings", audited, "--task", "a: b")
    told = refused("--findings", audited, "words", "--planner", "claude")
    assert "two ways to say" in told
    assert f"wtman plan --findings {audited} -o repair.toml" in told
    (tmp_path / "says.json").write_text(json.dumps(SAID[3:]))
    who = f"command:{sys.executable} {tmp_path}/reviewer.py"
    asked = ("--reviewer", who, "--rounds", "1", "--reviewers", "1", "--json")
    other = wtman("review", "--audit", "more", *asked, cwd=repo, timeout=200).json()["run"]
    assert "none of its 2 findings is confirmed" in refused("--findings", other)


@pytest.mark.slow
def test_what_nothing_could_make_pass_is_said_before_a_session(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    kit.commit_files(repo, FILES, "a shop")
    (tmp_path / "author.py").write_text(AUTHOR)
    plan = ['[[task]]\nid = "mend"\nprompt = "x"\ntouches = ["shop/cart.py::total"]']
    never = proof_of("never", "self.assertEqual(1, 2)", imports="import shop")
    for name, proof in (("fa", never), ("fb", {"command": "exit 1"}), ("fc", SUMS)):
        keys = {**proof, "finding": name, "title": "t"}
        plan += ["[[task.proofs]]", *(f"{key} = {json.dumps(said)}" for key, said in keys.items())]
    (tmp_path / "plan.toml").write_text("\n".join(plan) + "\n")
    words = ("split", "--plan", str(tmp_path / "plan.toml"), *author(tmp_path, "good"))
    done = wtman(*words, "--attempts", "1", "--repairs", "0", "--yes", cwd=repo, check_status=1)
    told, _, after = done.out.partition("session 1 started")
    assert "finding fa fails in the same way without shop/cart.py: can it ever pass?" in told
    assert "finding fb fails and does not say why: can it ever pass?" in told
    assert "ever pass" not in after and "finding fc" not in told
