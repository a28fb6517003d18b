"""What a terminal is shown of a patch can neither hide nor do anything."""

from wtman.ui.patch import patch_shown, stat_shown, visible

HOSTILE = "\x1b[8mgone\x1b[0m \u202eltr\u2066 \x9b2J \r\x07\x00\x7f \u200b\u2028\U000e0041"
PATCH = (
    "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f\n"
    f" kept\n--- not a head\n+{HOSTILE}\n\\ No newline at end of file\n"
    "diff --git a/y b/y\n"
).encode() + b"+\xff\xfe\n"


def test_every_letter_is_visible() -> None:
    assert visible("plain\ttext\n") == "plain\ttext\n"
    assert visible("äöü 漢字 é") == "äöü 漢字 é"
    assert visible(HOSTILE) == (
        r"^[[8mgone^[[0m \u202eltr\u2066 \u009b2J ^M^G^@^? \u200b\u2028\U000e0041"
    )


def test_patch_keeps_its_lines_and_shows_the_rest() -> None:
    plain = patch_shown(PATCH)
    assert plain.count("\n") == PATCH.count(b"\n")
    assert all(letter.isprintable() or letter == "\n" for letter in plain)
    assert r"+\xff\xfe" in plain
    assert patch_shown(b"") == ""


def test_colours_are_ours_and_go_by_the_hunk() -> None:
    lines = patch_shown(PATCH, colour=True).split("\n")
    assert lines[1] == "\x1b[1m--- a/x\x1b[0m"
    assert lines[3].startswith("\x1b[36m@@")
    assert lines[4] == " kept"
    assert lines[5] == "\x1b[31m--- not a head\x1b[0m"
    assert lines[6].startswith("\x1b[32m+^[[8mgone")
    assert lines[6].count("\x1b") == 2
    assert lines[8] == "\x1b[1mdiff --git a/y b/y\x1b[0m"


def test_stat() -> None:
    said = b" a\xe2\x80\xaeb\x1b.txt | 3 ++-\n 1 file changed\n"
    assert stat_shown(said) == " a\\u202eb^[.txt | 3 ++-\n 1 file changed\n"
    assert "3 \x1b[32m++\x1b[0m\x1b[31m-\x1b[0m\n" in stat_shown(said, colour=True)
