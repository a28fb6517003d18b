"""The HTML report: says it all, and no foreign word becomes markup."""

import re
from html.parser import HTMLParser

from tests.journal.runs import A_RUN, NOW, finished, journal, played, started
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.ui.html import page

EVIL = "<script>alert(1)</script><img src=x onerror=y>\"'\x1b[31m\u202e&"
DIFF = f"""diff --git a/<b>x</b>.py b/<b>x</b>.py
index 1..2 100644
--- a/<b>x</b>.py
+++ b/<b>x</b>.py
@@ -1,2 +1,2 @@
 kept
-old {EVIL}
+new {EVIL}
"""


def whole() -> State:
    """A merged run in which every text is hostile."""
    red = CheckResult(f"pytest {EVIL}", Verdict.RED, EVIL, new_failures=(EVIL,))
    green = CheckResult("pytest", Verdict.GREEN, collected=12, base_collected=10)
    return played(
        journal(
            *A_RUN,
            e.ContextChanged(EVIL, "", (f"pytest {EVIL}",)),
            *finished("core", 1, files=3, insertions=120, deletions=4, seconds=41),
            e.Checked("core", "c1", "base", Verdict.GREEN, (green,)),
            *finished("docs", 1, Ended.FAILED, reason=EVIL, seconds=5, notes=(EVIL,)),
            *finished("docs", 2, files=1, insertions=1, seconds=5),
            e.Checked("docs", "c1", "base", Verdict.RED, (red,), EVIL),
            started("billing", 1),
            e.MergeAsked("main", "base"),
            e.Landed(
                "main",
                "base",
                "after",
                {"core": "abcdef0123456"},
                (e.Excluded("docs", "interaction", ("core",), (EVIL,), EVIL, f"run {EVIL}"),),
                proof="nothing lost: 3 of 3 hunks",
                patches="/patches",
            ),
        )
    )


class Tags(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_nothing_foreign_becomes_markup_and_nothing_is_loaded() -> None:
    html = page(whole(), {TaskId("core"): DIFF}, NOW)
    found = read(html)
    assert not {"script", "img", "iframe", "link", "object", "base"} & set(found.tags)
    assert "alert(1)" in found.text  # as words
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    links = [value or "" for name, value in found.attributes if name in ("href", "src")]
    assert links and all(link.startswith("#") for link in links)
    assert not re.search(r"url\(|@import|https?:", html)
    assert "\x1b" not in html and "\u202e" not in html
    assert "default-src 'none'" in html
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids)) and all(link[1:] in ids for link in links)


def test_it_says_what_landed_why_and_what_did_not() -> None:
    text = read(page(whole(), {TaskId("core"): DIFF}, NOW)).text
    for words in (
        "1 task landed on main",
        "nothing lost: 3 of 3 hunks",
        "12 tests (10 before)",
        "docs: fails only together with core",
        "Reproduce:",
        "Timeline",
        "no reviewer looked at these branches",
        "attempt 1",
    ):
        assert words in text, words


def test_a_merge_that_excluded_something_is_no_plain_success() -> None:
    left = (e.Excluded("docs", "conflict", ("core",), ("x",)), e.Excluded("billing", "unverified"))
    state = played(
        journal(
            *A_RUN,
            *(event for task in ("core", "docs", "billing") for event in finished(task, 1)),
            e.MergeAsked("main", "base", unchecked=True),
            e.Landed("main", "base", "after", {"core": "abcdef0123456"}, left),
        )
    )
    found = re.search(r'<span class="badge (\w+)">([^<]+)</span>', page(state, {}, NOW))
    assert found is not None and found.groups() == ("warn", "merged 1 of 4")


def test_a_long_diff_is_cut_and_says_so() -> None:
    long = DIFF + "".join(f"+line {number}\n" for number in range(9000))
    html = page(whole(), {TaskId("core"): long}, NOW)
    assert re.search(r"… 6\d{3} lines more: see wtman diff", html)
