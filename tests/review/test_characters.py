"""Reviewers and reproducers of every character, and what a kill in the middle leaves."""

import os
import signal
import time

import pytest

from tests.review.conftest import Shop, claim, proof_of
from wtman.sandbox.choice import load

THREE = proof_of("three", "self.assertEqual(total([1, 2, 3]), 6)")
ONE = ("--reviewers", "1")


@pytest.mark.parametrize(
    ("character", "why"),
    [
        ("crashes", "exit status 3"),
        pytest.param("dies", "killed by SIGKILL", marks=pytest.mark.slow),
        pytest.param("hangs", "timed out after", marks=pytest.mark.slow),
        ("nonsense", "no usable answer"),
        ("tampers", "changed files in a read-only checkout: shop/cart.py"),
    ],
)
@pytest.mark.slow
def test_who_gives_no_verdict_approves_nothing_and_is_named(
    shop: Shop, character: str, why: str
) -> None:
    shop.says(correctness=[claim("never heard", "plain", proof=THREE)])
    slow = ("--timeout", "2s") if character == "hangs" else ()
    told = shop.split("plain", character=character, more=(*ONE, *slow))
    task = told["tasks"][0]
    assert task["state"] == "verified"
    assert "no verdict from: correctness" in task["reason"]
    assert told["findings"] == []
    assert told["reviews"]["unlooked"] == ["no reviewer gave a verdict on plain as it is"]
    assert why in told["reviews"]["problems"][0]
    report = shop.wtman("report", cwd=shop.repo).out
    assert "no reviewer gave a verdict on plain as it is" in report
    # Asked once more, and then no more: the author, and two tries at the one review.
    assert told["run"]["sessions"] == 3


@pytest.mark.slow
def test_proofs_that_flicker_or_hang_block_nobody(shop: Shop) -> None:
    # Rarely: to pass three times here and fail three times there shows what it is to show.
    flickers = proof_of("flickers", "self.assertTrue(random.random() < 0.9)")
    hangs = proof_of("hangs", "import time; time.sleep(600)")
    exits = proof_of("exits", "print('<testsuite failures=0>'); sys.stdout.flush(); os._exit(0)")
    counted = f"{shop.place}/counter"
    counts = {"command": f"echo x >> {counted}; test $(wc -l < {counted}) -lt 2"}
    said = {"flickers": flickers, "hangs": hangs, "exits": exits, "counts": counts}
    claims = [claim(name, "plain", proof=proof, path=name) for name, proof in said.items()]
    shop.says(correctness=claims)
    told = shop.split("plain", more=(*ONE, "--check-timeout", "5s"))
    assert told["tasks"][0]["attempt"] == 1
    assert told["tasks"][0]["state"] == "verified"
    found = {item["title"]: item for item in told["findings"]}
    assert not any(item["verdict"] == "confirmed" for item in found.values())
    assert found["hangs"]["kind"] == "invalid"
    assert found["exits"]["kind"] == "not reproduced"


@pytest.mark.slow
def test_a_second_proof_is_run_where_the_first_shows_nothing(shop: Shop) -> None:
    """A liar who claims the same first does not hide whoever can prove it."""
    lie = claim("loses the third item", "stubborn", proof=proof_of("a", "self.fail()"))
    shop.says(correctness=[lie, claim("loses the third item", "stubborn", proof=THREE)])
    told = shop.split("stubborn", more=(*ONE, "--rounds", "1"), code=1)
    found = {item["kind"]: item["verdict"] for item in told["findings"]}
    assert found == {"invalid": "refuted", "regression": "confirmed"}
    assert told["tasks"][0]["state"] == "rejected"


@pytest.mark.slow
def test_to_take_the_test_over_and_empty_it_mends_nothing(shop: Shop) -> None:
    shop.says(correctness=[claim("loses the third item", "copies", proof=THREE)])
    told = shop.split("copies", more=(*ONE, "--rounds", "2"), code=1)
    assert told["tasks"][0]["state"] in ("rejected", "failed")
    assert [item["state"] for item in told["findings"]] == ["open"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "verdict", "state"),
    [
        ("refuted", "refuted", "refuted"),
        ("confirmed", "confirmed", "open"),
        ("cannot tell", "no verdict", "concern"),
    ],
)
def test_refuters_are_asked_what_no_proof_can_say(
    shop: Shop, word: str, verdict: str, state: str
) -> None:
    """The base has no offers: that the test is right can only be somebody's word."""
    proof = proof_of("offer", "self.assertEqual(offer(1), 7)", imports="from shop.offer import *")
    smell = claim("unclear name", "offers", path="shop/offer.py", line=1)
    wrong = claim("offers are wrong", "offers", proof=proof)
    shop.says(refuter=word, correctness=[wrong, smell])
    refuters = ("--role", f"refuter={shop.reviewer()}", "--rounds", "1")
    told = shop.split("offers", more=(*ONE, *refuters), code=int(word == "confirmed"))
    found = {item["title"]: item for item in told["findings"]}
    assert (found["offers are wrong"]["verdict"], found["offers are wrong"]["state"]) == (
        verdict,
        state,
    )
    # However many agree: without a proof nothing blocks.
    assert not found["unclear name"]["blocking"]
    assert "looked" in shop.wtman("report", cwd=shop.repo).out


@pytest.mark.slow
@pytest.mark.parametrize("begun", [2, 6])
def test_killed_in_the_middle_of_reviews_nothing_is_reviewed_twice(shop: Shop, begun: int) -> None:
    shop.says(**{"correctness sum": [claim("three items are 0", "sum", proof=THREE)]})
    process = shop.wtman.start(*shop.words("sum", "plain"), cwd=shop.repo)
    runs = shop.repo / ".git/wtman/runs"
    until = time.monotonic() + 100
    while len(list(runs.glob("*/reviews/*"))) < begun:
        assert time.monotonic() < until, "no reviews begin"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    told = shop.wtman("resume", "--json", "--yes", cwd=shop.repo, timeout=200).jsonl()
    assert told[-1]["state"] == "ready", told[-1]
    state = shop.status()
    assert {item["state"] for item in state["tasks"]} == {"verified"}
    assert [item["state"] for item in state["findings"]] == ["mended"]
    run = state["run"]["id"]
    tries = [x.parent.name for x in (runs / run).glob("reviews/*/*") if x.name.isdecimal()]
    assert len(tries) == len(set(tries)), "each review has had one session"


@pytest.mark.slow
def test_under_bubblewrap(shop: Shop) -> None:
    if why := load("bubblewrap").probe():
        pytest.skip(why)
    shop.says(**{"correctness sum": [claim("three items are 0", "sum", proof=THREE)]})
    told = shop.split("sum", "plain", more=("--sandbox", "bubblewrap"))
    assert {item["state"] for item in told["tasks"]} == {"verified"}
    assert [item["state"] for item in told["findings"]] == ["mended"]
    told = shop.split("plain", character="tampers", more=(*ONE, "--sandbox", "bubblewrap"))
    assert "no verdict" in told["tasks"][0]["reason"]


@pytest.mark.slow
def test_a_line_of_the_status_counts_the_reviews(shop: Shop) -> None:
    """While a branch is reviewed its line says how far that is."""
    process = shop.wtman.start(*shop.words("plain", character="hangs"), cwd=shop.repo)
    try:
        for _ in range(100):
            said = shop.wtman("status", cwd=shop.repo, check_status=None).out
            if "reviewing (0 of 2)" in said:
                break
            time.sleep(0.1)
        assert "reviewing (0 of 2)" in said
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    # A stop is no verdict: the reviews are still to be had.
    assert shop.status()["run"]["state"] == "stopped"
