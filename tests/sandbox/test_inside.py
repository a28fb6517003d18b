"""Where a confined program sees its checkout and its HOME, and how its words are told."""

import pytest

from wtman.sandbox.inside import checkout_of, view


@pytest.mark.parametrize(
    ("repository", "seen"),
    [
        ("/home/ada/shop", "/wtman/work/shop"),
        ("/srv/git/shop.git", "/wtman/work/shop"),
        ("/home/ada/my shop/", "/wtman/work/my-shop"),
        ("/.git", "/wtman/work/repository"),
    ],
)
def test_the_place_of_a_checkout_keeps_the_name_of_its_repository(
    repository: str, seen: str
) -> None:
    assert checkout_of(repository) == seen


def test_what_is_in_a_moved_folder_is_seen_there_and_all_else_where_it_is() -> None:
    shown = view(True, "/home/ada/shop", "/trees/run/task", "/runs/home")
    for real, seen in (
        ("/trees/run/task", "/wtman/work/shop"),
        ("/trees/run/task/src/a.py", "/wtman/work/shop/src/a.py"),
        ("/runs/home/.cache", "/wtman/home/.cache"),
        ("/trees/run/task-2/a.py", "/trees/run/task-2/a.py"),
        ("/home/ada/shop/a.py", "/home/ada/shop/a.py"),
    ):
        assert (shown.seen(real), shown.real(seen)) == (seen, real)


def test_without_mounts_and_in_the_way_of_the_repository_nothing_moves() -> None:
    for shown in (
        view(False, "/home/ada/shop", "/trees/task", "/home"),
        view(True, "/wtman", "/trees/task", "/home"),
        view(True, "/wtman/work/shop", "/trees/task", "/home"),
    ):
        assert shown.moved == ()
        assert shown.seen("/trees/task") == "/trees/task"
        assert shown.told("in /wtman/work/shop") == "in /wtman/work/shop"
    assert view(True, "/wtmanager", "/trees/task").moved


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/wtman/work/shop/src/a.py:3: boom", "./src/a.py:3: boom"),
        ('File "/wtman/work/shop/src/a.py", line 3', 'File "./src/a.py", line 3'),
        ("at f (file:///wtman/work/shop/a.mjs:1:2)", "at f (./a.mjs:1:2)"),
        ("rootdir: /wtman/work/shop", "rootdir: ."),
        ("not in /wtman/work/shop.", "not in .."),
        ("PATH=/bin:/wtman/work/shop/bin", "PATH=/bin:./bin"),
        ("/wtman/home/.local/bin/x: not found", "~/.local/bin/x: not found"),
        ("/wtman/work/shopping/a /wtman/work/shop.old/a", None),
        ("/mnt/wtman/work/shop/a /wtman/cache/a", None),
    ],
)
def test_words_are_told_relative_to_the_checkout(said: str, told: str | None) -> None:
    shown = view(True, "/home/ada/shop", "/trees/run/task")
    assert shown.told(said) == (said if told is None else told)
