"""What the commits of a branch say is in the message of the one commit that it becomes."""

from pathlib import Path

import pytest

from tests import kit
from wtman.integration.message import CommitMessage, external_text, parsed
from wtman.model.plan import Identity

BO = Identity("Bo", "bo@example.com")
SIGNED = "Signed-off-by: Ada <ada@example.com>"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one\n", CommitMessage("one", "", ())),
        ("", CommitMessage("", "", ())),
        ("one\n\nWhy.\n\nMore.\n", CommitMessage("one", "Why.\n\nMore.", ())),
        ("one\nright below\n", CommitMessage("one", "right below", ())),
        ("one\n\nFixes: #1\n", CommitMessage("one", "", ("Fixes: #1",))),
        (
            "one\n\nWhy.\n\nFixes: #1\nLong: a\n b\n",
            CommitMessage("one", "Why.", ("Fixes: #1", "Long: a\n b")),
        ),
        ("one\n\nNote this: it is\nprose.\n", CommitMessage("one", "Note this: it is\nprose.", ())),
        (
            "one\n\nBREAKING CHANGE: gone\n it is\nFixes: #1\n",
            CommitMessage("one", "BREAKING CHANGE: gone\n it is", ("Fixes: #1",)),
        ),
        (
            f"one\n\n(cherry picked from commit abc)\n{SIGNED}\n",
            CommitMessage("one", "(cherry picked from commit abc)", (SIGNED,)),
        ),
        (f"one\n\n[ada: mended]\n{SIGNED}\n", CommitMessage("one", "[ada: mended]", (SIGNED,))),
        ("Fixes: #1\n", CommitMessage("Fixes: #1", "", ())),
        ("one\r\n\r\nWhy.\x1b[0m\r\n", CommitMessage("one", "Why. [0m", ())),
    ],
)
def test_a_message_is_taken_apart_as_git_does_it(text: str, wanted: CommitMessage) -> None:
    assert parsed(text) == wanted


def test_bodies_and_trailers_of_all_commits_are_kept() -> None:
    texts = [
        f"one\n\nWhy one.\n\nFixes: #1\n{SIGNED}\n",
        "two\n",
        "three\n\nBREAKING CHANGE: gone\nChange-Id: I1\nCo-authored-by: Bo <BO@example.com>\n"
        f"{SIGNED}\n",
    ]
    assert external_text("topic", texts, [BO, Identity("Cy", "cy@example.com")]) == (
        "topic\n\n* one\n\nWhy one.\n\n* two\n* three\n\nBREAKING CHANGE: gone\n\n"
        f"Fixes: #1\n{SIGNED}\nChange-Id: I1\nCo-authored-by: Bo <BO@example.com>\n"
        "Co-authored-by: Cy <cy@example.com>\n"
    )


@pytest.mark.parametrize("many", [2, 3, 40, 300])
def test_the_trailers_are_one_block_for_git_and_come_through_a_mail(
    many: int, tmp_path: Path
) -> None:
    texts = [
        f"part {n}\n\nWhy {n}:\n\n--- a/x\ndiff --git a/x b/x\n\nFixes: #{n % 50}\n{SIGNED}"
        for n in range(many)
    ]
    text = external_text("topic", texts, [BO])
    path = kit.create_repo(tmp_path / "repo", {"a.txt": "a\n"})
    trailers = kit.run_git(path, "interpret-trailers", "--parse", input=text).splitlines()
    fixes = [f"Fixes: #{n}" for n in range(min(many, 50))]
    assert sorted(trailers) == sorted([*fixes, SIGNED, "Co-authored-by: Bo <bo@example.com>"])
    assert len(text) < 96 * 1024

    kit.commit_files(path, {"x": "x\n"}, "placeholder")
    kit.run_git(path, "commit", "-q", "--amend", "-F", "-", "--cleanup=verbatim", input=text)
    mail = kit.run_git(path, "format-patch", "--stdout", "-1")
    kit.run_git(path, "reset", "-q", "--hard", "HEAD~1")
    kit.run_git(path, "am", "-q", input=mail + "\n")
    assert kit.run_git(path, "log", "-1", "--format=%B").strip() == text.strip()


def test_what_is_too_long_is_cut_but_for_its_trailers() -> None:
    text = external_text(
        "topic", [f"one\n\n{'word ' * 30_000}\n\nFixes: #1\n", "two\n\nFixes: #2\n"]
    )
    assert len(text) < 70_000
    assert "[...]\n\n* two\n\nFixes: #1\nFixes: #2\n" in text
