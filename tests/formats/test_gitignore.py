"""Ownership means what git means by these patterns, and overlap is decided exactly."""

import itertools
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import kit
from wtman.formats import gitignore
from wtman.formats.gitignore import can_both_match, flaw, matches, outside, owned
from wtman.formats.gitignore_intersection import Found, segments_matching
from wtman.formats.gitignore_pattern import items

# In git "a**/b" crosses folders although gitignore(5) says that it does not; here it does not. A
# slash in brackets or behind a backslash is taken by git, and refused by `flaw`.
_UNLIKE_GIT = re.compile(r"[^/*!]\*\*|\*\*[^/*]|\\/")

_SEGMENTS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "*",
        "**",
        "?",
        "a*",
        "*b",
        "*a*",
        "[ab]",
        "[!a]",
        "[a-b]x",
        "a?",
        "***",
        "b.c",
    ]
)
_TIDY = st.builds(
    lambda lead, body, tail: lead + "/".join(body) + tail,
    st.sampled_from(["", "/"]),
    st.lists(_SEGMENTS, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
_RAW = st.text("ab.-[]!^*?\\/ :", min_size=1, max_size=9)
_CLASSES = st.sampled_from(
    [
        "[[:alpha:]]",
        "[^[:digit:]]x",
        "[]a]",
        "[!]a]",
        "[a-]",
        "[-a]",
        "[a\\]b]",
        "[[:nope:]]",
        "[z-a]",
    ]
)


def like_git(pattern: str) -> bool:
    broken = any(items(segment) is None for segment in pattern.split("/"))
    return not _UNLIKE_GIT.search(pattern) and not ("/" in pattern and broken)


_POSITIVE = st.one_of(_TIDY, _RAW, _CLASSES).filter(
    lambda pattern: not pattern.startswith("!") and like_git(pattern)
)
_PATH = st.lists(st.text("ab.-[]1x ", min_size=1, max_size=3), min_size=1, max_size=4).filter(
    lambda parts: not {".", ".."} & set(parts)
)
_PATHS = st.lists(st.builds("/".join, _PATH), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ignore")
    git(folder, "init", "-q")
    return folder


def git(folder: Path, *argv: str, stdin: str = "") -> tuple[int, str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    env["GIT_CONFIG_GLOBAL"] = "/dev/null"
    done = subprocess.run(
        ["git", "-C", str(folder), *argv],
        input=stdin,
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def ignored(folder: Path, cases: list[tuple[tuple[str, ...], list[str]]]) -> set[tuple[int, str]]:
    """What git ignores, for many lists of patterns in one call: a folder for each."""
    for number, (patterns, _) in enumerate(cases):
        (folder / str(number)).mkdir(exist_ok=True)
        (folder / str(number) / ".gitignore").write_text("".join(f"{p}\n" for p in patterns))
    asked = "".join(f"{n}/{path}\0" for n, (_, paths) in enumerate(cases) for path in paths)
    _, answer = git(folder, "check-ignore", "--no-index", "--stdin", "-z", stdin=asked)
    found = (entry.partition("/") for entry in answer.split("\0") if entry)
    return {(int(number), path) for number, _, path in found}


@settings(
    max_examples=kit.examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.lists(_POSITIVE, min_size=1, max_size=3).map(tuple), _PATHS),
        min_size=20,
        max_size=60,
    )
)
@pytest.mark.slow
def test_lists_without_negation_own_what_git_ignores(
    sandbox: Path, cases: list[tuple[tuple[str, ...], list[str]]]
) -> None:
    theirs = ignored(sandbox, cases)
    for number, (patterns, paths) in enumerate(cases):
        for path in paths:
            assert matches(patterns, path) == ((number, path) in theirs), (patterns, path)


@settings(
    max_examples=kit.examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.booleans(), _TIDY), min_size=1, max_size=4).filter(
                lambda patterns: all(like_git(pattern) for _, pattern in patterns)
            ),
            _PATHS,
        ),
        min_size=10,
        max_size=30,
    )
)
@pytest.mark.slow
def test_in_a_list_the_last_pattern_wins_that_git_matches_alone(
    sandbox: Path, cases: list[tuple[list[tuple[bool, str]], list[str]]]
) -> None:
    single = [((p,), paths) for patterns, paths in cases for _, p in patterns]
    alone = ignored(sandbox, single)
    written = [
        (tuple("!" * negated + p for negated, p in patterns), paths) for patterns, paths in cases
    ]
    whole = ignored(sandbox, written)
    first = 0
    for number, (patterns, paths) in enumerate(cases):
        for path in paths:
            wins = False
            for place, (negated, _) in enumerate(patterns):
                if (first + place, path) in alone:
                    wins = not negated
            assert matches(written[number][0], path) == wins, (written[number][0], path)
            if wins:
                assert (number, path) in whole  # never more than git would
        first += len(patterns)


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        ((), "anything/at all", True),
        (("src/**",), "src/a/b.py", True),
        (("src/**",), "src", False),
        (("src",), "src/a/b.py", True),
        (("src/",), "src", False),
        (("src/",), "lib/src/a", True),
        (("/src",), "lib/src/a", False),
        (("docs/*.md",), "docs/deep/a.md", False),
        (("**/test_*.py",), "test_a.py", True),
        (("a/**/b",), "a/b", True),
        (("a/**/b",), "a/x/y/b/c", True),
        (("src/**", "!src/gen/**"), "src/gen/x", False),
        (("src/**", "!src/gen/"), "src/gen/x", False),
        (("src/**", "!src/gen/", "src/gen/keep"), "src/gen/keep/a", True),
        (("**", "!*.lock"), "web/yarn.lock", False),
        (("\\!odd",), "!odd", True),
        (("#1",), "#1", True),
        (("a\\ ",), "a ", True),
        (("a  ",), "a", True),
        (("a.c",), "abc", False),
        (("é?",), "éü/x", True),
        (("a*",), "a\nb", True),
        (("a[/b",), "a[/b", False),
    ],
)
def test_ownership(patterns: tuple[str, ...], path: str, expected: bool) -> None:
    assert matches(patterns, path) is expected


def test_outside_keeps_the_order_and_an_empty_list_owns_all() -> None:
    assert outside(("src/**",), ("z", "src/a", "b")) == ("z", "b")
    assert outside((), ("z", "b")) == ()


def test_hostile_patterns_do_not_explode() -> None:
    began = time.process_time()
    stars = "*a" * 60 + "b"
    assert not matches((stars,), "a" * 4000)
    assert not matches(("**/" + "a*/**/" * 20 + "b",), "/".join(["aa"] * 1300))
    assert can_both_match(("x/" + "*a?" * 12 + "b",), ("x/" + "*c?" * 12 + "c",)) is None
    assert time.process_time() - began < 60  # a second; without end where they explode


@pytest.mark.parametrize(
    ("one", "other", "example"),
    [
        ((), (), "a"),
        ((), ("src/x.py",), "src/x.py"),
        (("src/**",), ("src/billing/**",), "src/billing/a"),
        (("src/a/**",), ("src/b/**",), None),
        (("src/a",), ("src/ab",), None),
        (("src/*/x.py",), ("src/y/*",), "src/y/x.py"),
        (("*.py",), ("src/**",), "src/a.py"),
        (("*.py",), ("*.md",), None),
        (("docs/*.md",), ("docs/**/*.txt",), None),
        (("README.md",), ("docs/README.md",), "docs/README.md"),
        (("/README.md",), ("docs/README.md",), None),
        (("Makefile",), ("*.mk",), None),
        (("Makefile",), ("Makefile/part",), "Makefile/part"),
        (("a.py",), ("a.py/x.md",), "a.py/x.md"),
        (("api",), ("src/*",), "src/api"),
        (("api/",), ("src/*",), "src/api/a"),
        (("src/**", "!src/gen/**"), ("src/gen/**",), None),
        (("src/**", "!src/gen"), ("src/gen/x/y",), None),
        (("src/**", "!src/gen/*.py"), ("src/gen/**",), "src/gen/a"),
        (("src/**", "!src/gen", "src/gen/keep"), ("src/gen/**",), "src/gen/keep"),
        (("[a-m]*",), ("[n-z]*",), "n/a"),
        (("/[a-m]*",), ("/[n-z]*",), None),
        (("/[a-n]x",), ("/[n-z]?",), "nx"),
        (("x/[!a]",), ("x/a",), None),
        (("x/[/b",), ("**",), None),
        (("!src/**",), ("**",), None),
        (("/?",), ("/.",), None),
    ],
)
def test_overlap(one: tuple[str, ...], other: tuple[str, ...], example: str | None) -> None:
    assert can_both_match(one, other) == example
    back = can_both_match(other, one)
    assert (back is None) == (example is None)


_SMALL = st.builds(
    lambda not_, lead, body, tail: not_ + lead + "/".join(body) + tail,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(
        st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "[!a]", "?*", "a?"]),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["", "", "/"]),
)
_LIST = st.lists(_SMALL, min_size=1, max_size=3).map(tuple)
_NAMES = ["".join(name) for size in (1, 2) for name in itertools.product("abz", repeat=size)]
_ALL_PATHS = [
    "/".join(parts) for size in (1, 2, 3) for parts in itertools.product(_NAMES, repeat=size)
]


@settings(max_examples=kit.examples(400))
@given(_LIST, _LIST)
def test_overlap_is_exact(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    example = can_both_match(one, other)
    if example is not None:
        assert matches(one, example), example
        assert matches(other, example), example
    else:
        # Whoever claims that no path is shared has to survive every small one.
        left = [path for path in _ALL_PATHS if matches(one, path)]
        assert not [path for path in left if matches(other, path)]


@settings(max_examples=kit.examples(300))
@given(st.lists(_POSITIVE, min_size=2, max_size=8), _PATHS)
def test_no_shared_path_is_missed(patterns: list[str], paths: list[str]) -> None:
    for one, other in itertools.combinations(patterns, 2):
        shared = [path for path in paths if matches((one,), path) and matches((other,), path)]
        example = can_both_match((one,), (other,))
        assert example is not None or not shared, (one, other, shared)
        assert example is None or (matches((one,), example) and matches((other,), example))


def test_all_pairs_of_128_tasks_take_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    def counted(required: tuple[str, ...], optional: tuple[str, ...]) -> Found:
        nonlocal steps
        steps += 1
        return segments_matching(required, optional)

    monkeypatch.setattr(gitignore, "segments_matching", counted)
    plans = {
        "by folder": [
            (f"src/mod{n}/**", f"tests/mod{n}/**", f"docs/mod{n}.md") for n in range(128)
        ],
        "by name": [(f"src/**/part{n}.py", f"test_{n}.py", f"docs/*_{n}.md") for n in range(128)],
        "one star": [(f"src/*/f{n}", f"x/*/y/g{n}/**", f"/conf?{n}") for n in range(128)],
    }
    for name, lists in plans.items():
        pairs, steps = list(itertools.combinations(lists, 2)), 0
        shared = [p for p in pairs if can_both_match(*p) is not None]
        assert steps <= 10 * len(pairs), name
        assert not shared, (name, shared[:3])


@pytest.mark.parametrize(
    "pattern",
    ["", " ", "!", "/", "//", "a\0b", "/home/me/repo/**", "~/x", "C:\\x", "c:/x", "../x", "a/../b"]
    + ["a/..", "./a", "a//b", "src\\lib", "a\\", ".git/hooks", "a/.GIT", "a[b", "a/[x/y]"],
)
def test_unusable_patterns_have_a_flaw(pattern: str) -> None:
    assert flaw(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["src/**", "/README.md", "!src/gen/", "*.py", ".github/**", "a b", "\\!x", "\\[slug\\]/**"]
    + ["**", "...", "[ab]/c", ".gitignore", "/homepage/**"],
)
def test_usable_patterns_have_none(pattern: str) -> None:
    assert flaw(pattern) == ""


@settings(max_examples=kit.examples(300))
@given(_LIST, st.lists(st.builds("/".join, _PATH), max_size=12))
def test_owned_files_are_those_that_match(patterns: tuple[str, ...], paths: list[str]) -> None:
    files = sorted(set(paths))
    assert owned(patterns, files) == {path for path in files if matches(patterns, path)}
    assert owned((), files) == set(files)
