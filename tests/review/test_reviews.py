"""Reviews end to end: real repositories, programs as reviewers, proofs that are run."""

import subprocess
from typing import Any

import pytest

from tests.review.conftest import Shop, claim, proof_of

THREE = proof_of("three", "self.assertEqual(total([1, 2, 3]), 6)")


def only(told: dict[str, Any]) -> dict[str, Any]:
    (found,) = told["findings"]
    return dict(found)


def test_a_proven_defect_goes_back_to_its_author_and_is_mended(shop: Shop) -> None:
    wrong = claim("three items are 0", "sum", proof=THREE, path="shop/cart.py", line=2)
    shop.says(**{"correctness sum": [wrong]})
    told = shop.split("sum", "plain")
    task = told["tasks"][0]
    assert (task["state"], task["attempt"], told["run"]["state"]) == ("verified", 2, "ready")
    found = only(told)
    assert (found["verdict"], found["state"], found["blocking"]) == ("confirmed", "mended", False)
    assert found["matrix"] == [
        {"tree": "base", "result": "passed", "runs": 3, "failures": 0},
        {"tree": "sum", "result": "failed", "runs": 3, "failures": 3},
    ]
    assert found["reviewer"].startswith("correctness by command:")
    assert task["findings"] == [found]
    assert told["tasks"][1]["findings"] == []
    report = shop.wtman("report", cwd=shop.repo).out
    assert "three items are 0" in report
    assert "| sum | **failed** | 3 of 3 |" in report
    assert "AssertionError: 0 != 6" in report
    assert "    git worktree add" in report
    assert "no reviewer" not in report
    merged = shop.wtman("merge", "--json", cwd=shop.repo).json()
    assert merged["landed"] == ["sum", "plain"]


@pytest.mark.slow
def test_liars_block_nobody(shop: Shop) -> None:
    """Every false proof is thrown out, and a claim without one that runs is only a concern."""
    unproven = ("no verdict", "unproven")
    lies = {
        "fails everywhere": (proof_of("a", "self.fail()"), "refuted", "invalid"),
        "passes everywhere": (proof_of("b", "pass"), "refuted", "not reproduced"),
        "leaves early": (proof_of("c", "os._exit(0)"), "refuted", "not reproduced"),
        "cannot be applied": ({"patch": "diff --git", "command": "true"}, *unproven),
        "only a command": ({"command": "exit 1"}, "refuted", "invalid"),
        "no proof at all": (None, "no verdict", ""),
    }
    touching = {
        "touches the source": "shop/evil.py",
        "steers the tests": "tests/conftest.py",
        "leaves the tree": "../evil.py",
    }
    for title, path in touching.items():
        patch = proof_of("x", "self.fail()")["patch"].replace("tests/test_x.py", path)
        lies[title] = ({"patch": patch, "command": "false"}, *unproven)
    claims = [claim(t, "plain", proof=proof, path=t) for t, (proof, _, _) in lies.items()]
    gone = "diff --git a/tests/test_cart.py b/tests/test_cart.py\ndeleted file mode 100644\n"
    deleting = {"patch": gone + "--- a/tests/test_cart.py\n+++ /dev/null\n", "command": "false"}
    claims.append(claim("deletes tests", "plain", proof=deleting, path="z"))
    shop.says(correctness=claims)
    told = shop.split("plain", more=("--reviewers", "1"))
    assert told["tasks"][0]["state"] == "verified"
    assert told["tasks"][0]["attempt"] == 1
    found = {item["title"]: item for item in told["findings"]}
    assert len(found) == len(lies) + 1
    assert not any(item["blocking"] for item in found.values())
    for title, (_, verdict, kind) in lies.items():
        assert (found[title]["verdict"], found[title]["kind"]) == (verdict, kind), title
    assert found["deletes tests"]["state"] == "concern"
    assert found["no proof at all"]["state"] == "concern"


@pytest.mark.slow
def test_two_branches_that_are_wrong_only_together(shop: Shop) -> None:
    """Green alone, red together: found by the reviewer who sees both, mended by the later."""
    proof = proof_of(
        "offer", "self.assertEqual(offer(50), 5)", imports="from shop.offer import offer"
    )
    shop.says(
        **{"interaction rates+offers": [claim("offers are 0", "rates", "offers", proof=proof)]}
    )
    told = shop.split("rates", "offers", more=("--reviewers", "1"))
    assert {item["id"]: item["state"] for item in told["tasks"]} == {
        "rates": "verified",
        "offers": "verified",
    }
    assert [item["attempt"] for item in told["tasks"]] == [1, 2]
    found = only(told)
    assert (found["kind"], found["state"]) == ("interaction", "mended")
    assert {cell["tree"]: cell["result"] for cell in found["matrix"]} == {
        "base": "broken",
        "rates": "broken",
        "offers": "passed",
        "rates+offers": "failed",
    }
    assert shop.wtman("merge", "--json", cwd=shop.repo).json()["landed"] == ["rates", "offers"]


@pytest.mark.slow
def test_what_is_not_mended_is_rejected_and_left_out(shop: Shop) -> None:
    shop.says(**{"correctness stubborn": [claim("loses items", "stubborn", proof=THREE)]})
    told = shop.split("stubborn", "plain", more=("--reviewers", "1", "--rounds", "2"), code=1)
    task = told["tasks"][0]
    assert (task["state"], task["reason"], task["attempt"]) == ("rejected", "loses items", 2)
    assert (only(told)["state"], only(told)["blocking"]) == ("open", True)
    assert "loses items" in shop.wtman("status", cwd=shop.repo).out
    merged = shop.wtman("merge", "--json", cwd=shop.repo, check_status=1).json()
    assert merged["landed"] == ["plain"]
    assert [(x["task"], x["reason"]) for x in merged["excluded"]] == [("stubborn", "unverified")]
    assert "loses items" in merged["excluded"][0]["evidence"]


@pytest.mark.slow
def test_a_program_is_no_reviewer_unless_it_is_named(shop: Shop) -> None:
    words = shop.words("plain")[:-2]
    shop.wtman(*words, cwd=shop.repo)
    assert "- no reviewer looked at these branches" in shop.wtman("report", cwd=shop.repo).out
    assert shop.status()["reviews"]["unlooked"] == ["no reviewer looked at these branches"]
    dry = shop.wtman(*(w for w in words if w != "--json"), "--dry-run", cwd=shop.repo).out
    assert "reviews    none: no reviewer specified" in dry


@pytest.mark.slow
def test_a_mended_defect_must_not_come_back_on_the_train(shop: Shop) -> None:
    """The checks see nothing; what was proven once is run on the train's tree too."""
    shop.says(**{"correctness sum": [claim("three items are 0", "sum", proof=THREE)]})
    shop.split("sum", "undoes", more=("--reviewers", "1"))
    merged = shop.wtman("merge", "--json", cwd=shop.repo, check_status=1).json()
    assert merged["landed"] == ["sum"]
    (left,) = merged["excluded"]
    assert (left["task"], left["reason"], left["with"]) == ("undoes", "interaction", ["sum"])
    assert "is back: three items are 0" in left["evidence"]
    assert "unittest tests.test_three" in left["reproduce"]
    done = subprocess.run(
        left["reproduce"], shell=True, cwd=shop.repo, capture_output=True, check=False
    )
    assert done.returncode == 1 and b"0 != 6" in done.stderr
