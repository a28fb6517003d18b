"""Words of briefs looked up in the names of a repository."""

from time import process_time

from wtman.model.places import Definition
from wtman.plan.conflicts.briefs import Lexicon

FILES = (
    "billing/Refund.java",
    "billing/refund/RefundHTTPGateway2022.py",
    "refund.py",
    "shop/straße.Py",
    *(f"shop/part{number}/file.py" for number in range(30)),
)
DEFINED = {"refund.py": [Definition("Refund.close", "function", 3, 9)]}
BRIEFS = (
    "retry a refund when the gateway of 2022 says no",
    "change straße.Py and billing/Refund.java, then refund.java",
    "call `Refund.close` over http; shop/part3/file.py and file.py",
)


def test_what_a_brief_says_does_not_depend_on_how_many_there_are() -> None:
    filler = " ".join(f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}z" for n in range(100))
    many = Lexicon(FILES, DEFINED, (*BRIEFS, filler))
    for brief in BRIEFS:
        assert Lexicon(FILES, DEFINED, [brief]).read(brief) == many.read(brief)


def test_a_brief_means_the_paths_that_have_its_words() -> None:
    said = Lexicon(FILES, DEFINED, BRIEFS).read(BRIEFS[0])
    assert max(said.files, key=lambda path: said.files[path]) == FILES[1]
    assert not said.named
    assert not said.definitions


def test_a_path_is_spelled_whole_or_by_the_end_that_one_file_has() -> None:
    lexicon = Lexicon(FILES, DEFINED, BRIEFS)
    assert lexicon.read(BRIEFS[1]).named == {"shop/straße.Py", "billing/Refund.java"}
    said = lexicon.read(BRIEFS[2], ["refund.py"])
    assert said.named == {"shop/part3/file.py", "refund.py"}
    assert said.definitions == {("refund.py", "Refund.close"): 1.0}


def test_a_very_long_word_takes_no_longer_than_others() -> None:
    from wtman.plan.map.repository import RepositoryMap, relevance

    for text in ("x" * 20_000, "x/" * 10_000, "x.y" * 7_000):
        spent = process_time()
        Lexicon(["a.py"], {}, [text]).read(text)
        relevance(RepositoryMap(("a.py",), (1,), ("x",), ("",)), text)
        assert process_time() - spent < 2
