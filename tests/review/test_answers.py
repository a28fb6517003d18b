"""Answers: claims taken from any, told apart, and matched when they come back."""

from dataclasses import replace

import pytest
from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from wtman.formats.codec import from_plain, to_plain
from wtman.model.finding import Claim, Reproducer, finding_id, same
from wtman.model.ids import TaskId
from wtman.plan.answer import PlannerAnswer
from wtman.review.answers import (
    RefutationAnswer,
    ReviewAnswer,
    branches_of,
    claims_of,
    reproducer_of,
)

A, B, C = TaskId("a"), TaskId("b"), TaskId("c")
KNOWN = {"a": A, "b": B, "refs/b": B}
SEVERITIES = ("blocker", "major", "minor")


def claim(title: str, **changes: object) -> Claim:
    fields = {"severity": "major", "branches": (A,), "why": "because", **changes}
    return Claim(title, **fields)  # type: ignore[arg-type]


def test_well_formed_claims_are_taken_and_others_named() -> None:
    answer = {
        "findings": [
            {
                "title": "it crashes",
                "severity": "blocker",
                "branches": ["a"],
                "why": "x",
                "line": 3,
            },
            {"severity": "major", "branches": ["a"], "why": "no title"},
            "nonsense",
            {
                "title": "with proof",
                "severity": "enormous",
                "branches": ["unknown"],
                "why": "",
                "reproducer": {"command": " pytest -q ", "patch": "diff"},
            },
            {
                "title": "bad proof",
                "severity": "minor",
                "branches": [],
                "why": "",
                "reproducer": {"patch": "x"},
            },
        ]
    }
    claims, problems = claims_of(ReviewAnswer.model_validate(answer), (A, B), KNOWN)
    assert [item.title for item in claims] == ["it crashes", "with proof", "bad proof"]
    assert claims[0].branches == (A,) and claims[0].line == 3
    assert claims[1].branches == (A, B) and claims[1].severity == "minor"
    assert claims[1].reproducer == Reproducer("pytest -q", "diff")
    assert claims[2].reproducer is None
    assert problems == (
        "finding 2: title: Field required",
        "finding 3: the answer: Input should be a valid dictionary or instance of FindingAnswer",
        "finding 4 names 'unknown': the branches here are a, b",
        "finding 5: its reproducer cannot be used: command: Field required",
    )
    assert all(from_plain(Claim, to_plain(item)) == item for item in claims)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "findings title severity branches why path line reproducer command".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(ANYTHING)
def test_any_answer_is_borne(answer: object) -> None:
    try:
        read = ReviewAnswer.model_validate(answer)
    except ValidationError:
        return
    for item in claims_of(read, (A, B), KNOWN)[0]:
        assert item.title and item.severity in SEVERITIES and set(item.branches) <= {A, B}


def test_what_does_no_harm_is_understood() -> None:
    """Programs say null for what they have not got, and more than they are asked."""
    found = {
        "title": " t ",
        "severity": None,
        "branches": "refs/b",
        "why": 7,
        "path": "p\udcff",
        "line": True,
        "reproducer": None,
        "more": 1,
    }
    answer = ReviewAnswer.model_validate({"findings": [found], "schema": 1})
    assert claims_of(answer, (A, B), KNOWN) == (
        (Claim("t", "minor", (B,), "", "p\udcff"),),
        (),
    )


def test_what_is_too_large_is_cut_or_left_out() -> None:
    found = {"title": "t" * 999, "severity": "major", "branches": [], "why": "w" * 9999}
    answer = ReviewAnswer(findings=[found] * 60)
    claims, problems = claims_of(answer, (A,), {})
    assert (len(claims), len(claims[0].title), len(claims[0].why)) == (50, 200, 4000)
    assert problems == ("only the first 50 findings are taken",)
    for proof in (
        {"command": "x", "patch": "p" * 300_000},
        {"command": "x" * 5000},
        {"command": "a\0b"},
        {"command": " "},
        "pytest",
    ):
        assert reproducer_of(proof)[0] is None and reproducer_of(proof)[1]
    assert reproducer_of({"command": " x ", "patch": None}) == (Reproducer("x"), "")
    assert reproducer_of(None) == (None, "")


@pytest.mark.parametrize(
    "answer",
    [
        {"answer": "refuted"},
        {"answer": "maybe", "evidence": ""},
        {"answer": "refuted", "evidence": "", "more": 1},
        {"answer": "refuted", "evidence": None},
    ],
)
def test_a_refuter_is_held_to_the_letter(answer: object) -> None:
    with pytest.raises(ValidationError):
        RefutationAnswer.model_validate(answer)


@pytest.mark.parametrize("model", [ReviewAnswer, RefutationAnswer, PlannerAnswer])
def test_schemas_are_what_every_provider_takes(model: type[BaseModel]) -> None:
    """Objects are closed, and nothing is asked for that is not said in the schema."""
    schema = model.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["required"] and set(part["required"]) <= set(part["properties"])
    taken = transform_schema(schema)
    assert taken["$defs"].keys() == schema["$defs"].keys()


def test_a_settled_claim_is_known_again_reworded() -> None:
    first = claim("total() ignores the discount of the cart", path="cart.py", line=10)
    assert same(first, claim("The cart discount is ignored by total()", path="cart.py", line=14))
    assert not same(
        first, claim("total() ignores the discount of the cart", path="cart.py", line=90)
    )
    assert not same(first, claim("total() crashes on an empty list", path="cart.py", line=10))
    proof = Reproducer("pytest tests/test_x.py", "diff")
    one = claim("one", reproducer=proof)
    assert same(one, claim("altogether different words", path="z", reproducer=proof))
    assert same(one, claim("one"))
    # What another proof shows is another matter, whatever it is called.
    assert not same(one, claim("one", reproducer=replace(proof, patch="other")))


RUN = {
    **{"a": A, "b": B, "c": C},
    **{"wtman/run/a": A, "wtman/run/b": B, "Feature/C": C},
    **{"run/a": A, "1234567890abcdef": B},
}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([], ()),
        (["a"], (A,)),
        (["b", "a"], (A, B)),
        (["a", "c"], (A, C)),
        (["c", "b", "a", "a"], (A, B, C)),
        (["A", "b "], (A, B)),
        (["wtman/run/a", "refs/heads/wtman/run/b"], (A, B)),
        (["refs/heads/Feature/C", "`a`"], (A, C)),
        (["origin/feature/c"], (C,)),
        (["run/a", "1234567"], (A, B)),
        (["a, b"], (A, B)),
        (["a+b+c"], (A, B, C)),
        (["a and c"], (A, C)),
        (["both"], (A, B)),
        ([{"task": "a"}, {"branch": "wtman/run/b"}], (A, B)),
    ],
)
def test_a_reviewer_may_speak_of_any_branches_of_the_run(
    said: list[object], named: tuple[TaskId, ...]
) -> None:
    """Also of one that it was not shown, which here is c."""
    assert branches_of(said, (A, B), RUN) == (named, ())


def test_a_name_that_no_branch_has_is_said() -> None:
    assert branches_of(["a", "zebra", 7, None], (A, B), RUN) == ((A,), ("'zebra'", "'7'", "'None'"))
    found = {"title": "t", "branches": ["zebra"]}
    answer = ReviewAnswer.model_validate({"findings": [found]})
    claims, problems = claims_of(answer, (A, B), RUN)
    assert claims[0].branches == (A, B)
    assert problems == ("finding 1 names 'zebra': the branches here are a, b, c",)


def test_an_id_follows_from_the_claim() -> None:
    one = claim("it crashes on empty input", path="x.py")
    assert finding_id(one) == finding_id(claim("It crashes on empty input.", path="x.py"))
    assert finding_id(one) != finding_id(claim("it crashes on empty input", path="y.py"))
    assert finding_id(one) != finding_id(one, (A, B))
    assert finding_id(one) != finding_id(replace(one, reproducer=Reproducer("x")))
