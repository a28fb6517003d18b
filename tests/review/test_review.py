"""`wtman review`: of a run, of any branches, and of a repository as it stands."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests import kit
from tests.review.conftest import Shop, added, claim, proof_of

MORE = proof_of("more", "self.assertEqual(total([1, 2, 3, 4]), 10)")
THREE = proof_of("three", "self.assertEqual(total([1, 2, 3]), 6)")
Git = Callable[..., str]


def sessions(shop: Shop, run: str) -> int:
    return int(shop.wtman("status", run, "--json", cwd=shop.repo).json()["run"]["sessions"])


@pytest.fixture
def branches(shop: Shop, git: Git) -> None:
    """`Loses/items` from an older target, and `fine`."""
    for name, files in (
        ("Loses/items", {"shop/cart.py": "def total(items):\n    return sum(items[:2])\n"}),
        ("fine", {"fine.txt": "fine\n"}),
    ):
        git(shop.repo, "switch", "-qc", name, "main")
        kit.commit_files(shop.repo, files, name)
    git(shop.repo, "switch", "-q", "main")
    kit.commit_files(shop.repo, {"tests/test_later.py": "# later\n", "shop/later.py": "x = 1\n"})


def review(shop: Shop, *words: object, code: int = 0, character: str = "right") -> dict[str, Any]:
    who = ("--reviewer", shop.reviewer(character), "--json")
    done = shop.wtman("review", *words, *who, cwd=shop.repo, check_status=code, timeout=200)
    told: dict[str, Any] = done.json()
    return told


@pytest.mark.slow
def test_any_branches_are_reviewed_and_nothing_is_changed(
    shop: Shop, branches: None, git: Git
) -> None:
    later = proof_of("old", "import shop.later", "self.assertEqual(total([1]), 1)")
    said = [
        claim("loses the third", "Loses/items", proof=THREE),
        claim("lacks what the target has", "Loses/items", proof=later, path="x"),
    ]
    shop.says(**{"correctness loses-items": said})
    refs = git(shop.repo, "for-each-ref", "refs/heads")
    told = review(shop, "--branches", "Loses/items", "fine", "--base", "main", code=1)
    assert told["branches"] == ["Loses/items", "fine"]
    found = {item["title"]: item for item in told["findings"]}
    assert found["loses the third"]["verdict"] == "confirmed"
    assert found["loses the third"]["branches"] == ["Loses/items"]
    # It began before the target had that: no fault of its own.
    assert found["lacks what the target has"]["verdict"] == "refuted"
    assert git(shop.repo, "for-each-ref", "refs/heads") == refs
    assert git(shop.repo, "status", "--porcelain") == ""
    # The same again asks nobody; what is not said is said.
    before = sessions(shop, told["run"])
    assert review(shop, "--branches", "Loses/items", "fine", code=1)["run"] == told["run"]
    assert sessions(shop, told["run"]) == before
    assert shop.wtman("status", cwd=shop.repo, check_status=3).out == ""


@pytest.mark.slow
def test_branches_are_reviewed_together_however_they_meet(
    shop: Shop, branches: None, git: Git
) -> None:
    """Nothing couples these by path or import, and one does not merge with another."""
    for name, files in (
        ("limit", {"README.md": "# 3\n"}),
        ("other", {"README.md": "# 4\n"}),
        ("reads", {"reads.sh": "cat README.md\n"}),
    ):
        git(shop.repo, "switch", "-qc", name, "main")
        kit.commit_files(shop.repo, files, name)
    git(shop.repo, "switch", "-q", "main")
    shop.says(**{"interaction limit+reads": [claim("they meet", "limit", "reads")]})
    told = review(shop, "--branches", "limit", "other", "reads", "--reviewers", "1")
    assert [item["branches"] for item in told["findings"]] == [["limit", "reads"]]
    assert told["reviews"]["unlooked"] == [
        "no reviewer looked at limit and other together: they do not merge: conflict in README.md"
    ]


@pytest.mark.slow
def test_what_only_one_way_to_join_breaks_is_no_interaction(
    shop: Shop, branches: None, git: Git
) -> None:
    """Both add a line at the same place; only in one order the second sees the first."""
    text = "def total(items):\n    return sum(items)\n"
    for name, line in (("sets", "TAX = 1\n"), ("asks", "NET = 'TAX' not in globals()\n")):
        git(shop.repo, "switch", "-qc", name, "main")
        kit.commit_files(shop.repo, {"shop/cart.py": text + line}, name)
    git(shop.repo, "switch", "-q", "main")
    order = proof_of("o", "self.assertTrue(getattr(c, 'NET', 1))", imports="import shop.cart as c")
    both = proof_of(
        "b",
        "self.assertFalse(hasattr(c, 'NET') and hasattr(c, 'TAX'))",
        imports="import shop.cart as c",
    )
    said = [claim("order", proof=order), claim("both", proof=both, path="x")]
    shop.says(**{"interaction sets+asks": said})
    told = review(shop, "--branches", "sets", "asks", "--reviewers", "1", code=1)
    found = {item["title"]: (item["verdict"], item["kind"]) for item in told["findings"]}
    assert found == {
        "order": ("refuted", "not reproduced"),
        "both": ("confirmed", "interaction"),
    }


@pytest.mark.slow
def test_a_run_gets_the_reviews_that_it_lacks(shop: Shop) -> None:
    shop.wtman(*shop.words("sum")[:-2], cwd=shop.repo)
    assert "no reviewer specified" in shop.wtman("review", cwd=shop.repo, check_status=2).err
    shop.says(**{"tests sum": [claim("no test for three", "sum")]})
    (found,) = review(shop, "--reviewers", "3")["findings"]
    assert (found["verdict"], found["state"]) == ("no verdict", "concern")
    out = shop.wtman("review", cwd=shop.repo).out
    assert f"{found['id']}  concern  major  sum: no test for three" in out


@pytest.mark.slow
def test_an_audit_proves_what_it_finds_in_the_base(shop: Shop) -> None:
    kit.commit_files(shop.repo, {"shop/cart.py": "def total(items):\n    return sum(items[:2])\n"})
    lie = proof_of("lie", "import nowhere")
    said = [
        claim("loses the third", "head", proof=THREE),
        claim("cannot even run", "head", proof=lie, path="y"),
        claim("smells", "head", path="z"),
    ]
    shop.says(refuter="refuted", correctness=said, security=[said[0]])
    refuters = ("--role", f"refuter={shop.reviewer()}")
    told = review(shop, "--audit", "does the cart add up?", *refuters)
    found = {item["title"]: item for item in told["findings"]}
    assert {title: item["verdict"] for title, item in found.items()} == {
        "loses the third": "refuted",
        "cannot even run": "refuted",
        "smells": "refuted",
    }
    told = review(shop, "--audit", "does the cart add up?", code=1)
    found = {item["title"]: item for item in told["findings"]}
    assert found["loses the third"]["verdict"] == "confirmed"
    assert found["loses the third"]["reviewer"].count("by") == 2
    assert found["smells"]["state"] == "concern"
    report = shop.wtman("report", told["run"], cwd=shop.repo).out
    assert "does the cart add up?" in report
    assert "| head | **failed** | 3 of 3 |" in report
    # It is a run of the flow: there is nothing to merge, and nobody is told to.
    status = shop.wtman("status", told["run"], cwd=shop.repo).out
    assert "2 of 2 steps done\n" in status and "merge" not in status
    refused = shop.wtman("merge", told["run"], cwd=shop.repo, check_status=1)
    assert "has nothing to merge: its flow returned no work" in refused.err
    who = ("--request", "does the cart add up?", "--reviewer", shop.reviewer(), "--yes", "--json")
    run = shop.wtman("run", "audit", *who, cwd=shop.repo).jsonl()[-1]
    same = [
        shop.wtman("status", name, "--json", cwd=shop.repo).json()
        for name in (told["run"], run["run"])
    ]
    assert [one["flow"] for one in same] == ["audit"] * 2
    assert len({str([(it["id"], it["state"]) for it in one["findings"]]) for one in same}) == 1


NEVER = {
    "exits": proof_of("exits", "raise SystemExit(1)"),
    "exits when imported": {
        "command": "python3 -m unittest tests.test_out",
        "patch": added("tests/test_out.py", "import shop.cart", "raise SystemExit(1)"),
    },
    "says no": {"command": "exit 1"},
    "fails by a word": {"command": "echo Error: no; exit 1"},
    "no such program": {"command": "frobnicate tests"},
    "bad syntax": proof_of("syntax", "self.assertEqual(total([1], 1"),
    "no end": {"command": "python3 -c 'import shop.cart, time; time.sleep(60)'"},
    "asserts nothing": proof_of("false", "self.assertEqual(1, 2)", imports="import unittest"),
    "calls it wrongly": proof_of("wrongly", "self.assertEqual(total(1, 2, 3), 3)"),
    "of its own": proof_of("own", "self.assertEqual(nowhere, 2)", imports="import unittest"),
}


@pytest.mark.slow
def test_what_can_never_pass_proves_nothing_in_an_audit(shop: Shop) -> None:
    kit.commit_files(shop.repo, {"shop/cart.py": "def total(items):\n    return sum(items[:2])\n"})
    said = [claim(name, "head", proof=proof, path="shop/cart.py") for name, proof in NEVER.items()]
    said += [
        claim("loses the third", "head", proof=THREE, path="shop/cart.py"),
        claim("without a place", "head", proof=MORE),
        claim(
            "shown by a word", "head", proof={"command": "! grep ':2' shop/cart.py"}, path="shop"
        ),
    ]
    shop.says(correctness=said)
    (shop.repo / "wtman.toml").write_text('check_timeout = "15s"\n')
    words = ("--reviewers", "1", "--rounds", "1")
    told = review(shop, "--audit", "does the cart add up?", *words, code=1)
    kinds = {item["title"]: (item["verdict"], item["kind"]) for item in told["findings"]}
    for name in NEVER:
        assert kinds.pop(name) == ("no verdict", "unproven"), name
    assert kinds == dict.fromkeys(
        ("loses the third", "without a place", "shown by a word"), ("confirmed", "defect")
    )
    report = shop.wtman("report", told["run"], cwd=shop.repo).out
    assert "| without shop/cart.py | **broken** | 3 of 3 |" in report
    out = shop.wtman("status", told["run"], cwd=shop.repo).out
    assert "audited: 3 confirmed" in out and "concern (unproven)" in out


@pytest.mark.slow
def test_an_audit_in_which_nobody_could_look_says_so_and_goes_on(shop: Shop) -> None:
    told = review(shop, "--audit", "x", "--sandbox", "none", code=1, character="crashes")
    assert (told["reviews"]["outcome"], told["findings"]) == ("no verdict", [])
    status = shop.wtman("status", told["run"], cwd=shop.repo).out
    assert "no reviewer gave a verdict: exit status 3" in status
    assert status.splitlines()[-1] == f"next: wtman resume {told['run']}"


@pytest.mark.slow
@pytest.mark.parametrize("character", ["crashes", "nonsense"])
def test_a_review_in_which_nobody_could_look_has_no_verdict(
    shop: Shop, branches: None, character: str
) -> None:
    words = ("review", "--branches", "fine", "--base", "main", "--reviewers", "1")
    order = (*words, "--reviewer", shop.reviewer(character))
    told = shop.wtman(*order, cwd=shop.repo, check_status=1)
    assert "no verdict: no reviewer looked at anything" in told.out
    assert "! no reviewer gave a verdict on fine as it is" in told.out
    assert "nothing was found" not in told.out
    again = shop.wtman(*order, "--json", cwd=shop.repo, check_status=1).json()
    assert (again["exit"], again["reviews"]["outcome"]) == (1, "no verdict")
    # What is told to be typed next asks once more, and so did the same order.
    assert told.out.splitlines()[-1] == f"next: wtman review {again['run']}"
    assert sessions(shop, again["run"]) == 4
    assert "no verdict" in shop.wtman("review", again["run"], cwd=shop.repo, check_status=1).out
    assert sessions(shop, again["run"]) == 6
    status = shop.wtman("status", again["run"], cwd=shop.repo).out
    assert "! no reviewer gave a verdict on fine as it is (wtman review" in status
    assert status.splitlines()[-1] == f"next: wtman review {again['run']}"
    assert (
        "- no reviewer gave a verdict on fine"
        in shop.wtman("report", again["run"], cwd=shop.repo).out
    )


@pytest.mark.slow
def test_an_edited_reviewer_is_asked_again_and_no_other(shop: Shop, branches: None) -> None:
    words = ("--branches", "fine", "--base", "main", "--reviewers", "1")
    first = review(shop, *words)
    assert review(shop, *words)["run"] == first["run"]
    assert sessions(shop, first["run"]) == 1
    shop.says(correctness=[claim("smells", "fine")])
    told = review(shop, *words)
    assert [item["title"] for item in told["findings"]] == ["smells"]


@pytest.mark.slow
def test_a_run_asks_its_edited_reviewer_again(shop: Shop) -> None:
    shop.says(correctness=[claim("smells", "plain")])
    told = shop.split("plain", more=("--reviewers", "1"))
    assert [item["state"] for item in told["findings"]] == ["concern"]
    shop.says()
    again = shop.wtman("review", told["run"]["id"], "--json", cwd=shop.repo).json()
    assert [item["state"] for item in again["findings"]] == ["moot"]
    spent = sessions(shop, told["run"]["id"])
    shop.wtman("review", told["run"]["id"], cwd=shop.repo)
    assert sessions(shop, told["run"]["id"]) == spent


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--branches", "nope", "--reviewer", "command:true"), 2, 'there is no branch "nope"'),
        (("--branches", "main", "--audit", "x"), 2, "only one of them"),
        (("--audit", "x", "--reviewer", "command:nowhere-to-be-found"), 3, "is not there"),
        (("--audit", "x", "--agent", "command:true"), 2, "no reviewer specified"),
        (("nope",), 3, "there is no run"),
    ],
)
def test_refusals(shop: Shop, words: tuple[str, ...], status: int, said: str) -> None:
    assert said in shop.wtman("review", *words, cwd=shop.repo, check_status=status).err
    assert os.listdir(shop.repo)


def test_a_branch_that_cannot_be_reviewed_is_said(shop: Shop, branches: None, git: Git) -> None:
    git(shop.repo, "branch", "same")
    git(shop.repo, "switch", "-q", "--orphan", "alone")
    kit.commit_files(shop.repo, {"x": "x"})
    git(shop.repo, "switch", "-q", "main")
    words = ("--branches", "alone", "same", "--base", "main")
    told = review(shop, *words, code=1)
    assert (told["run"], told["findings"], told["exit"]) == (None, [], 1)
    assert told["notes"][0] == "same is not reviewed: main has all of it"
    assert told["notes"][1].startswith("alone is not reviewed: it has no history in common")


@pytest.mark.slow
def test_a_program_that_a_role_file_names_needs_approval(shop: Shop, branches: None) -> None:
    role = "---\nname: reviewer\ndescription: x\nagent: command:/bin/true\n---\nLook.\n"
    kit.commit_files(shop.repo, {".wtman/agents/reviewer.md": role})
    words = ("review", "--branches", "fine", "--base", "main")
    refused = shop.wtman(*words, cwd=shop.repo, check_status=3)
    assert "command:/bin/true" in refused.err and "wtman trust" in refused.err
    shop.wtman("trust", "--yes", cwd=shop.repo)
    assert shop.wtman(*words, "--json", cwd=shop.repo, check_status=1).json()["run"]
    # Whom the user names is used instead.
    named = ("--reviewer", "command:nowhere-to-be-found")
    assert "is not there" in shop.wtman(*words, *named, cwd=shop.repo, check_status=3).err


def test_the_example_of_an_audit(shop: Shop) -> None:
    files = {
        "shop/bag.py": "def put(item, into=[]):\n    into.append(item)\n    return into\n",
        "shop/quiet.py": "try:\n    x = 1\nexcept:\n    pass\n",
        "shop/loud.py": "try:\n    x = 1\nexcept:\n    print()\n    raise\n",
    }
    kit.commit_files(shop.repo, files)
    auditor = f"command:{sys.executable} {kit.ROOT}/examples/audit/auditor.py"
    who = ("--reviewer", auditor, "--role", f"refuter={auditor}", "--json")
    words = ("--audit", "what does harm?", "--reviewers", "1", "--rounds", "1")
    done = shop.wtman("review", *words, *who, cwd=shop.repo, check_status=1)
    found = {item["path"]: (item["verdict"], item["state"]) for item in done.json()["findings"]}
    assert found == {
        "shop/bag.py": ("confirmed", "open"),
        "shop/loud.py": ("refuted", "refuted"),
        "shop/quiet.py": ("no verdict", "concern"),
    }
