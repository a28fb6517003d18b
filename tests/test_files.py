"""Files replaced whole, read with a cap, locked: whatever lies at their place."""

import errno
import os
import threading

import pytest

from wtman import files


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path, durable):
    path = tmp_path / "a"
    os.mkfifo(path)  # opened in place, it would hold us up
    files.replace(str(path), b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "theirs").write_text("old")
    (tmp_path / "a").symlink_to("theirs")
    files.replace(str(tmp_path / "a"), b"new", mode=0o640)
    assert (tmp_path / "theirs").read_text() == "old"
    assert not (tmp_path / "a").is_symlink()


def test_what_was_there_stays_where_replacing_fails(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_text("old")
    with pytest.raises(IsADirectoryError):
        files.replace(str(tmp_path / "a"), b"new")
    with pytest.raises(FileNotFoundError):
        files.copy(str(tmp_path / "none"), str(tmp_path / "b"))
    assert os.listdir(tmp_path) == ["a"]


def test_a_draft_that_a_kill_left_is_overwritten(tmp_path):
    draft = tmp_path / "draft"
    draft.symlink_to("a")
    files.replace(str(tmp_path / "a"), b"new", draft=str(draft))
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_copy_keeps_its_time(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("new")
    target.write_text("old")
    os.utime(source, ns=(1, 2_000_000_000))
    files.copy(str(source), str(target))
    assert (target.read_text(), target.stat().st_mtime_ns) == ("new", 2_000_000_000)


def test_reading_refuses_what_is_no_regular_file_or_too_large(tmp_path):
    plain, pipe, link = tmp_path / "plain", tmp_path / "pipe", tmp_path / "link"
    plain.write_text("12345")
    os.mkfifo(pipe)
    link.symlink_to("plain")
    content, facts = files.read(str(plain), 5)
    assert (content, facts.st_size) == (b"12345", 5)
    assert files.read(str(link), 5, follow=True)[0] == b"12345"
    refused = {
        plain: "larger than 0 KiB",
        pipe: "not a regular file",
        link: os.strerror(errno.ELOOP),
        tmp_path: "Is a directory",
        tmp_path / "none": "No such file",
    }
    for path, why in refused.items():
        with pytest.raises(OSError, match=why):
            files.read(str(path), 4)


def test_the_head_and_the_end_of_a_file(tmp_path):
    plain, pipe, link = tmp_path / "plain", tmp_path / "pipe", tmp_path / "link"
    plain.write_text("12345")
    os.mkfifo(pipe)
    link.symlink_to("plain")
    assert [files.head(str(plain), most) for most in (2, 9, -1)] == [b"12", b"12345", b"12345"]
    assert [files.tail(str(plain), most) for most in (2, 9)] == [b"45", b"12345"]
    for path in (pipe, link, tmp_path, tmp_path / "none"):
        assert (files.head(str(path), 9), files.tail(str(path), 9)) == (None, b"")
    assert files.head(str(link), 9, follow=True) == b"12345"


def test_a_lock_keeps_the_next_one_out_and_can_be_seen(tmp_path):
    path = str(tmp_path / "lock")
    assert files.is_locked(path) is None
    order = []

    def other() -> None:
        with files.locked(path):
            order.append("other")

    with files.locked(path):
        assert files.is_locked(path) is True
        waiting = threading.Thread(target=other)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "other"]
    assert files.is_locked(path) is False


def test_files_written_at_once_are_all_there_before_the_block(tmp_path):
    made = {str(tmp_path / str(number)): b"%d" % number for number in range(80)}
    with files.written_at_once(made):
        assert {str(path): path.read_bytes() for path in tmp_path.iterdir()} == made
    with pytest.raises(FileExistsError), files.written_at_once(made):
        raise AssertionError("the block must not run")
