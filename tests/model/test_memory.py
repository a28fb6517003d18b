"""What is kept of a pure function is its newest answer, and that of the same question only."""

from wtman.model.memory import going_on, last_answer


def test_an_equal_tuple_or_the_same_object_is_not_asked_again():
    asked: list[object] = []

    @last_answer
    def size(values):
        asked.append(values)
        return len(values)

    values = ["a"]
    assert size(values) == size(values) == 1
    assert asked == [["a"]]
    values = ["a"]  # equal, and another: it may be large, so nobody compares
    assert size(values) == 1
    assert len(asked) == 2
    assert size(("a", "b")) == size(("a", "b")) == 2
    assert len(asked) == 3
    assert size(("a",)) == 1
    assert size(("a", "b")) == 2  # only the newest is kept
    assert len(asked) == 5


def test_a_function_that_goes_on_is_given_its_newest_answer():
    @going_on
    def total(values, before):
        known, answer = before or ((), 0)
        return answer + sum(values[len(known) :])

    assert total((1, 2)) == 3
    assert total((1, 2, 4)) == 7
