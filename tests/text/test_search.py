from wtman.text.search import ManyTexts

TEXTS = ["a cart", "", "ä cart of carts", "mail \udcff.py", "x\ny"]


def test_texts_come_back_as_they_were():
    many = ManyTexts.of(TEXTS)
    assert [*many] == TEXTS
    assert [many[number] for number in range(len(many))] == TEXTS
    assert many[-1] == TEXTS[-1]
    assert many[1:3] == ManyTexts.of(TEXTS[1:3])
    assert ManyTexts.of(many) is many
    assert [*ManyTexts.of([])] == []
    assert [*ManyTexts.of([""])] == [""]


def test_a_word_is_counted_in_each_text():
    many = ManyTexts.of(TEXTS)
    assert many.counts("cart") == {0: 1, 2: 2}
    assert many.counts("\udcff") == {3: 1}
    assert many.counts("none") == {}
    assert many.having(["mail", "y", "x"]) == {3, 4}


def test_no_word_reaches_from_one_text_into_the_next():
    assert ManyTexts.of(["ab", "cd"]).counts("bc") == {}


def test_small_letters_of_many_are_those_of_each():
    texts = ["Cart", "\u0130 \u1e9e", "\u039f\u03a3", "\u03a3\u0391", "\udcff/A"]
    assert [*ManyTexts.in_small_letters(texts)] == [text.lower() for text in texts]
    assert [*ManyTexts.in_small_letters([])] == []
