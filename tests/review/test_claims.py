"""Claims: taken from any answer, told apart, and matched when they come back."""

from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.codec import from_plain, to_plain
from wtman.model.finding import Claim, Reproducer, finding_id, known_as, same
from wtman.model.ids import TaskId
from wtman.review.claims import SEVERITIES, claims_of

A, B = TaskId("a"), TaskId("b")


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
    claims, problems = claims_of(answer, (A, B))
    assert [item.title for item in claims] == ["it crashes", "with proof", "bad proof"]
    assert claims[0].branches == (A,) and claims[0].line == 3
    assert claims[1].branches == (A, B) and claims[1].severity == "minor"
    assert claims[1].reproducer == Reproducer("pytest -q", "diff")
    assert claims[2].reproducer is None
    assert len(problems) == 3
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
    claims, _ = claims_of(answer, (A, B))
    for item in claims:
        assert item.title and item.severity in SEVERITIES and set(item.branches) <= {A, B}


def test_a_settled_claim_is_known_again_reworded() -> None:
    first = claim("total() ignores the discount of the cart", path="cart.py", line=10)
    assert same(first, claim("The cart discount is ignored by total()", path="cart.py", line=14))
    assert not same(
        first, claim("total() ignores the discount of the cart", path="cart.py", line=90)
    )
    assert not same(first, claim("total() crashes on an empty list", path="cart.py", line=10))
    assert not same(first, claim("total() ignores the discount of the cart", branches=(B,)))
    proof = Reproducer("pytest tests/test_x.py", "diff")
    one = claim("one", reproducer=proof)
    assert same(one, claim("altogether different words", path="z", reproducer=proof))
    assert known_as(first, [("f1", claim("else")), ("f2", first)]) == "f2"


def test_an_id_follows_from_the_claim() -> None:
    one = claim("it crashes on empty input", path="x.py")
    assert finding_id(one) == finding_id(claim("It crashes on empty input.", path="x.py"))
    assert finding_id(one) != finding_id(claim("it crashes on empty input", path="y.py"))
