"""`ls-tree -l -z` read for many files quickly says what the reader of entries says."""

from wtman.formats.git_output import text, tree_lines, tree_sizes

_LISTED = (
    b"100644 blob " + b"a" * 40 + b"      12\tone\ttab.py\0"
    b"120000 blob " + b"b" * 40 + b" 1234567\ta\nline\xff\0"
    b"160000 commit " + b"c" * 40 + b"       -\tinner\0"
)


def test_sizes_are_those_of_the_entries():
    read = [
        (text(path), mode.decode(), name.decode(), size)
        for path, mode, name, size in tree_sizes(_LISTED)
    ]
    assert read == [
        (path, entry.mode, entry.oid, size) for path, entry, size in tree_lines(_LISTED)
    ]
    assert [size for *_, size in read] == [12, 1234567, 0]
