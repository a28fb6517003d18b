"""What compilers, linters, build tools and crashes print. Pure."""

import re
from collections.abc import Iterator

from wtman.checks.failed_tests import java_why, panic, traceback
from wtman.checks.failure import FOREIGN, Failure, Lines, Rank, blocks, place_of, telling
from wtman.text.late_pattern import late

_NOTHING = late(r"(?!)")
_WORD = r"(?:(?:fatal |internal compiler |syntax )?error|Error)(?:\[\S+\]| [A-Z]+\d+)?"

# One line says all; what stands below it is code.
_ONE_LINE = tuple(
    late(pattern)
    for pattern in (
        # gcc, clang, mypy, javac, tsc, swift
        rf"\s{{0,2}}(?P<place>[^\s:\"'][^:\"']*:\d+(?::\d+)?)(?::| -) (?P<why>{_WORD}:? .*)$",
        # tsc, .NET, MSVC
        r"\s*(?P<place>\S[^()]*\(\d+(?:,\d+)*\))\s?: "
        r"(?P<why>(?:fatal )?error [A-Z]+\d*: .*?)(?: \[\S+\])?$",
        # go build, go vet, staticcheck
        r"(?:vet: )?(?P<place>(?:\./)?[\w./@-]+\.go:\d+:\d+): (?P<why>.*)$",
        # pytest --tb=line
        r"(?P<place>\S+\.py:\d+): (?P<why>(?:[\w.]*(?:Error|Exception|Failed): |assert )\S.*)$",
        # ruff, flake8, pylint, rubocop
        r"(?P<place>[\w./@-]+:\d+:\d+): (?P<why>[A-Z]+\d* ?(?:\[\*\] |: )?.*)$",
        # Maven
        r"\[ERROR\] (?P<place>/?\S+\.\w+:\[\d+,\d+\]) (?P<why>.*)$",
        # Kotlin
        r"e: (?:file://)?(?P<place>\S+\.kts?:(?: \(\d+, \d+\)|\d+:\d+):?) (?P<why>.*)$",
        # PHP
        r"(?:PHP )?(?P<why>(?:Parse|Fatal|Compile) error: .*? in "
        r"(?P<place>\S+(?: on line |:)\d+)).*$",
        # Ruby
        r"(?:ruby: )?(?P<place>[^\s:]+\.(?:rb|ru|rake):\d+): (?P<why>syntax error.*)$",
        # a linker
        r"(?:\S*/)?(?:ld|lld|ld\.lld|ld64)(?:\.\w+)?: (?:(?P<place>\S+:\S+): )?"
        r"(?P<why>.*undefined (?:reference|symbol).*|cannot find .*)$",
        r"(?P<place>[\w./+-]+:(?:\d+|\(\.\w+[^)]*\))):? (?P<why>undefined reference to .*)$",
    )
)
_NOT_ONE = late(r"warning|note:|: in function", re.IGNORECASE)


def one_line(lines: Lines) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if len(line) > 2000 or ":" not in line:
            continue
        for pattern in _ONE_LINE:
            match = pattern.match(line)
            if match is None:
                continue
            place = (match["place"] or "").rstrip(":")
            if not _NOT_ONE.match(match["why"]) and not FOREIGN.search(place):
                code = tuple(_code(lines, at + 1))
                told = line.strip().removeprefix("[ERROR] ")
                yield Failure(at, (told, *code), told, "", place)
            break


def _code(lines: Lines, at: int) -> Iterator[str]:
    """The line of code that gcc, javac or mypy show below an error, and javac's symbol."""
    nearby = lines[at : at + 2]
    yield from (line for line in nearby if line.startswith("  symbol: "))
    if len(nearby) == 2 and re.fullmatch(r"[\s|]*[\^~]+[\s~^|]*", nearby[1]):
        yield nearby[0]
        yield nearby[1]


_RUST = late(r"(?P<why>error(?:\[E\d+\])?: .*)$")
_RUST_END = late(r"\s*$|warning|For more information")
_RUST_PLACE = late(r"\s*-->\s*(?P<place>\S+:\d+(?::\d+)?)")
_LINT = late(r"(?P<why>[A-Z]+\d{2,4}(?: \[\*\])? \S.*|unformatted: .*)$")


def arrows(lines: Lines) -> Iterator[Failure]:
    """Errors whose place stands below, behind an arrow: rustc, clippy, ruff."""
    for begin in (_RUST, _LINT):
        for at, match, body in blocks(lines, begin, _RUST_END):
            found = next((it for text in body[:2] if (it := _RUST_PLACE.match(text))), None)
            if found is None:
                continue
            kept = [line for line in body if line.strip() not in ("", "|")]
            helps = next(
                (at for at, line in enumerate(kept) if line.startswith("help:")), len(kept)
            )
            told = f"{match['why']}"
            yield Failure(at, (told, *kept[: max(helps, 1)][:8]), told, "", found["place"])


_ESLINT_FILE = late(r"(?P<file>(?:/|\./|[\w@-]+/|[A-Z]:\\)?\S*\.\w+)$")
_ESLINT = late(r"\s+(?P<at>\d+:\d+)\s+(?P<word>error|✖)\s+(?P<why>\S.*)$")


def eslint(lines: Lines) -> Iterator[Failure]:
    file = ""
    for at, line in enumerate(lines):
        if match := _ESLINT_FILE.match(line):
            file = match["file"]
        elif file and (match := _ESLINT.match(line)):
            place = f"{file}:{match['at']}"
            why = " ".join(match["why"].split())
            yield Failure(at, (f"{place}: {why}",), f"{place}: {why}", "", place)


_CMAKE = late(r"CMake Error(?: at (?P<place>\S+:\d+) \(\w+\))?: ?(?P<why>.*)$")
_CMAKE_END = late(r"-- |Call Stack|\S")


def cmake(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _CMAKE, _CMAKE_END):
        kept = telling(body, _NOTHING)
        paragraph: list[str] = [match["why"]] if match["why"] else []
        for line in body:
            if paragraph and not line.strip():
                break
            paragraph += [line.strip()] if line.strip() else []
        why = " ".join(paragraph)
        yield Failure(at, (lines[at], *kept), why, "", match["place"] or "")


# --- what ended a program -------------------------------------------------------------------------

_TRACEBACK = late(r"\s*(?:\S+: )?Traceback \(most recent call last\):")
_TRACEBACK_END = late(r"={10,}|-{10,}|_{10,}")


def python_crash(lines: Lines) -> Iterator[Failure]:
    for at, _, body in blocks(lines, _TRACEBACK, _TRACEBACK_END):
        indent = len(lines[at]) - len(lines[at].lstrip())
        kept, why, place = traceback([line[indent:] for line in body])
        if why:
            yield Failure(at, kept, why, "", place, Rank.CRASH)


_JS = late(r"(?:Uncaught )?(?:\w+(?:\.\w+)*: )?(?P<why>\w*(?:Error|Exception)(?: \[\w+\])*: .*)$")
_JS_FRAME = late(r"\s+at |\s+- |Require stack|- ")


def js_crash(lines: Lines) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        match = _JS.match(line)
        below = lines[at + 1 : at + 12]
        if match is None or not any(re.match(r"\s+at ", text) for text in below):
            continue
        place = place_of(text for text in below if _JS_FRAME.match(text))
        place = place or place_of(text for text in lines[max(at - 5, 0) : at] if ":" in text)
        cause = [text for text in below if text.startswith("  [cause]: ")]
        told = (line, *cause, *([place] if place else []))
        yield Failure(at, told, match["why"], "", place, Rank.CRASH)


_RUBY = late(r"(?P<at>\S+:\d+):in [`'].*?': (?P<why>.* \(\w+(?:::\w+)*\))$")


def ruby_crash(lines: Lines) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if match := _RUBY.match(line):
            place = place_of([match["at"], *lines[at + 1 : at + 12]])
            told = (match["why"], *([place] if place else []))
            yield Failure(at, told, match["why"], "", place, Rank.CRASH)


_JAVA = late(r"(?:Exception in thread \S+ |Caused by: |Unhandled exception\. )(?P<why>\S.*)$")


def java_crash(lines: Lines) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if match := _JAVA.match(line):
            place = place_of(lines[at + 1 : at + 20])
            told = (line, *([place] if place else []))
            yield Failure(at, told, java_why(match["why"]), "", place, Rank.CRASH)


_RUST_PANIC = late(r"thread '.*?'(?: \(\d+\))? panicked at ")
_GO_PANIC = late(r"(?P<why>(?:panic|fatal error): .*)$")
_ASSERTED = late(
    r".*(?:Assertion [`'].*' failed|Segmentation fault|core dumped|AddressSanitizer: \S+"
    r"|runtime error: |terminate called|stack smashing|(?<![\w-])Killed(?: |$))"
)


def native_crash(lines: Lines) -> Iterator[Failure]:
    """Panics of Rust and Go, failed assertions of C, signals."""
    for at, line in enumerate(lines):
        if _RUST_PANIC.match(line):
            kept, why, place = panic(lines[at : at + 6])
            yield Failure(at, kept[:4], why, "", place, Rank.CRASH)
        elif match := _GO_PANIC.match(line):
            place = place_of(text for text in lines[at : at + 60] if text.startswith("\t"))
            told = (line, *([place] if place else []))
            yield Failure(at, told, match["why"], "", place, Rank.CRASH)
        elif len(line) < 2000 and _ASSERTED.match(line):
            yield Failure(at, (line,), line.strip(), "", place_of([line]), Rank.CRASH)


# --- the rest -------------------------------------------------------------------------------------

_NOT_THERE = late(
    r".*(?:: (?:command )?not found$|: No such file or directory$|: Permission denied$"
    r"|: cannot open .*|No module named |Cannot find (?:module|package) |MODULE_NOT_FOUND)"
)
_WENT_WRONG = late(r"\* What went wrong:")
_CALLS_ITSELF = late(
    r"\s*(?:\[?(?:\S{1,30}[: ] ?)??(?P<word>error|fatal|failure|panic|exception|failed|critical)\]?"
    r"(?:\[\S+\])?[:!] ?\S|npm (?:ERR!|error) \S|(?-i:FAIL|FAILED|ERROR|✗|✘|✖|×)[\s:]+\S"
    r"|\S+: exit [1-9]\d* \(.*> |make\S*: \*\*\* No rule|(?:would|Would) reformat"
    r"|\[(?:warn|error|ERROR)\] \S)",
    re.IGNORECASE,
)
_COUNTS = late(
    r".*\b(?:0 (?:errors?|failures?|failed)"
    r"|\d+ (?:errors?|failed|failures?|problems?|tests? failed)\b"
    r"|errors? have detailed|A complete log of this run|evaluation failed)",
    re.IGNORECASE,
)
_PASSED_ON = late(
    r".*(?:make\S*: \*\*\* |error: could not compile|collect2: error|ninja: build stopped"
    r"|npm (?:ERR!|error) (?:Lifecycle|code|errno|syscall|command|path|workspace|location)\b"
    r"|error: test failed|exit(?:ed with)? (?:status|code) [1-9]|ELIFECYCLE|error Command failed"
    r"|FAIL code|BUILD FAIL|error: script \".*\" exited|error: Recipe .* failed"
    r"|Process completed with|returned non-zero|ERROR: Ignored the following versions"
    r"|\[ERROR\] (?:->|Re-run|To see|For more|$|\[Help))",
    re.IGNORECASE,
)
_CAUSED = late(r"Caused by:$")


def anything(lines: Lines) -> Iterator[Failure]:
    """Lines that call themselves an error, and those who only pass one on."""
    for at, line in enumerate(lines):
        if len(line) > 2000 or not line.strip():
            continue
        rank = Rank.ERROR
        if _PASSED_ON.match(line):
            rank = Rank.WEAK
        elif _COUNTS.match(line):
            continue
        elif _WENT_WRONG.match(line):
            body = [text for text in lines[at + 1 : at + 6] if text.strip()]
            why = (body or [line])[0]
            yield Failure(at, tuple(body), why, rank=Rank.LIST)
            continue
        elif not (_CALLS_ITSELF.match(line) or _NOT_THERE.match(line)):
            continue
        why, told = line.strip(), [line]
        if rank is Rank.ERROR:
            causes = [
                lines[after + 1]
                for after in range(at + 1, min(at + 30, len(lines) - 1))
                if _CAUSED.match(lines[after])
            ]
            told += causes[-1:]
        yield Failure(at, tuple(told), why, rank=rank)
