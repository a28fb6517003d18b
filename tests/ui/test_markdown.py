"""Markdown of a report: foreign words stay words, and nothing empty is printed."""

from wtman.ui.document import Card, Facts, Section, Table, Verbatim, Words, code, line
from wtman.ui.markdown import markdown

EVIL = "<b>a|b\n# `c` *d*\x1b[31m"


def test_foreign_words_stay_words_and_what_is_empty_is_left_out() -> None:
    card = Card(
        line("one ", Words("failed", "bad")),
        [
            Facts([line(EVIL, code(EVIL))]),
            Table(("what", "how"), [(line(EVIL), line(code("x|y")))]),
            Verbatim(EVIL),
            Verbatim("make test", runs=True),
        ],
    )
    sections = [Section("none", "Nothing", [Facts([])]), Section("one", "One", [card])]
    plain, inside = r"&lt;b>a\|b \# `c` \*d\*", "<b>a|b # 'c' *d*"
    warned = plain.replace("`", r"\`")
    assert markdown(line(EVIL), [line("told")], [EVIL], sections) == (
        f"# {plain}\n\ntold\n\n> {warned}\n\n## One\n\n### one **failed**\n\n"
        f"- {plain}`{inside}`\n\n"
        f"| what | how |\n| --- | --- |\n| {plain} | `x\\|y` |\n\n"
        "    <b>a|b\n    # `c` *d*\n\n"
        "reproduce:\n\n    make test\n"
    )
