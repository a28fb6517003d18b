"""What test runners print of failed tests, one function a runner. Pure."""

import re
from collections.abc import Iterator

from wtman.checks.failure import FOREIGN, PLACE, Failure, Lines, Rank, blocks, place_of, telling
from wtman.text.late_pattern import late

_NOTHING = late(r"(?!)")

# --- Python ---------------------------------------------------------------------------------------

_PYTEST = late(r"_{3,} (?P<name>\S.*?) _{3,}$")
_PYTEST_END = late(r"={3,} .*={3,}$|-{3,} Captured|!{3,} ")
_PYTEST_HEAD = late(r"ERROR (?:at \w+ of|collecting) ")
_PYTEST_SAID = late(r"E(?:\s|$)")
_PYTEST_NOISE = late(r"E\s*(?:Use -v|Omitting \d|\(pytest_assertion|Full diff|\.\.\.)|E\s*$")
_PYTEST_AT = late(r"(?P<place>\S+:\d+): (?P<in>in )?")
_ERROR = late(r"[\w.]*(?:Error|Exception|Failed|Exit|Interrupt|Warning)\b|assert\b|Failed:")


def pytest(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _PYTEST, _PYTEST_END):
        kept: list[str] = []
        said: list[str] = []
        place = ""
        code = False  # the line below a place is its code
        for line in body:
            here = _PYTEST_AT.match(line)
            own = not FOREIGN.search(line)
            if _PYTEST_SAID.match(line):
                if not _PYTEST_NOISE.match(line) and len(said) < 8:
                    said.append(line[1:].strip())
                    kept.append(line)
            elif here and own:
                place = here["place"]
                kept += [line] if line.removeprefix(here[0]).strip() else []
            elif (line.startswith(">") and own) or code:
                kept.append(line)
            code = bool(here and here["in"] and own)
        if not said:
            continue
        why = next(filter(_ERROR.match, said), said[0])
        name = _PYTEST_HEAD.sub("", match["name"])
        yield Failure(at, (match["name"], *kept), why, name, place)


_LISTED = late(r"(?P<word>FAILED|ERROR) (?P<name>\S+(?:::| \().*?|\S+\.py)(?: - (?P<why>.*))?$")


def pytest_summary(lines: Lines) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if match := _LISTED.match(line):
            yield Failure(at, (line,), match["why"] or line, match["name"], rank=Rank.LIST)


_UNITTEST = late(r"(?:ERROR|FAIL): (?P<name>\S+ \(.*\)|\S+)(?: .*)?$")
_UNITTEST_END = late(r"={20,}$|Ran \d+ test")
_TRACE = late(r'Traceback|\s*File "| {4}')
_FRAME = late(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')


def unittest(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _UNITTEST, _UNITTEST_END):
        if not any(line.startswith("---") for line in body[:3]):
            continue
        kept, why, place = traceback(body)
        if why:
            yield Failure(at, (lines[at], *kept), why, match["name"].partition(" ")[0], place)


def traceback(body: Lines) -> tuple[tuple[str, ...], str, str]:
    """What a Python traceback says: its last own frame and its error; the reason; the place."""
    frame: list[str] = []
    said: list[str] = []
    place = ""
    for at, line in enumerate(body):
        match = _FRAME.match(line)
        if match and not FOREIGN.search(line):
            place = f"{match['file']}:{match['line']}"
            frame = [line, *(text for text in body[at + 1 : at + 2] if text.startswith("    "))]
        elif said and line.strip() and not _TRACE.match(line):
            said.append(line)
        elif said and not line.strip():
            break
        elif _ERROR.match(line.strip()) and not line.startswith("    "):
            said.append(line.strip())
    # The error of a module that cannot be imported is followed by why.
    causes = [line for line in said if _ERROR.match(line)]
    return (*frame, *said[:10]), (causes or [""])[-1], place


# --- JavaScript -----------------------------------------------------------------------------------

_CODE_FRAME = late(r"^\s*\d+ ?\| |^\s+\|\s|^\s*\d+ ?\|$")
_JEST = late(r"\s+● (?P<name>\S.*)$")
_JEST_END = late(r"(?:FAIL|PASS) |Test Suites: |Summary of all failing|-+\|")
_DIFF = late(r"[-+](?!\s*(?:Expected|Received|Actual|actual|expected)\b)\s*[^\s+-]")
_DIFF_HEAD = late(r"--- (?:expected|Expected)")
_COMPARED = late(r"^expect\(.*equal|deep-equal|two \w+ are (?:equal|identical)")
_MATCHERS = (
    "expect(",
    "Assert.",
    "Failure/Error",
    "assertion ",
    "Assertion ",
    "Expected values",
    "Expected equ",
)
_PAIR = late(r"\s*(?:Expected|expected|Actual|Received|actual|got|left|right)\b.*?: *\S")


def jest(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _JEST, _JEST_END):
        kept = telling(body, _CODE_FRAME)
        if not kept or match["name"].startswith("Console"):
            continue
        yield Failure(at, (lines[at].strip(), *kept), why_of(kept), match["name"], place_of(kept))


_VITEST = late(r"\s*FAIL\s+(?P<name>(?:\|[^|]+\| +)?\S+ +(?:> |\[ ).*)$")
_VITEST_END = late(r"\s*⎯{3,}|\s*Test Files ")


def vitest(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _VITEST, _VITEST_END):
        if kept := telling(body, _CODE_FRAME):
            place = place_of(line for line in kept if "❯" in line)
            yield Failure(at, (lines[at].strip(), *kept), why_of(kept), match["name"], place)


_TAP = late(r"\s*not ok \d+(?: -)? *(?P<name>.*)$")
_TAP_END = late(r"\s*(?:ok \d|\.\.\.$|# Subtest|1\.\.\d)")
_TAP_NOISE = late(
    r"^\s*(?:---$|error: \|-$|duration_ms|type:|code:|name:|failureType|operator:|stack:|at "
    r"|severity:)|^\s*\|-$"
)
_TAP_PLACE = late(r"\s*(?:location|at): '?(?P<place>[^']*:\d+(?::\d+)?)")
_TAP_ERROR = late(r"\s*(?:error|message): (?:\|-|'(?P<why>.*)'|\"(?P<more>.*)\"|(?P<rest>.+))")


def tap(lines: Lines) -> Iterator[Failure]:
    """TAP with a YAML block (node, tape) or with comments (bats, prove) below the line."""
    for at, match, body in blocks(lines, _TAP, _TAP_END):
        if any("subtestsFailed" in line for line in body) or re.search(
            r"# (?:TODO|SKIP)", lines[at]
        ):
            continue
        body = _before(body, r"\s*stack: ")
        place = next((found["place"] for line in body if (found := _TAP_PLACE.match(line))), "")
        kept = telling((line for line in body if not _TAP_PLACE.match(line)), _TAP_NOISE)
        error = next((found for line in kept if (found := _TAP_ERROR.match(line))), None)
        why = (error["why"] or error["more"] or error["rest"]) if error else ""
        why = why or why_of(kept).strip("# ") or "not ok"
        told = (lines[at].strip(), *kept, *([place] if place else []))
        yield Failure(at, told, why, match["name"], place)


def _before(body: Lines, pattern: str) -> Lines:
    end = next((at for at, line in enumerate(body) if re.match(pattern, line)), len(body))
    return body[:end]


_SPEC = late(r"\s*✖ (?P<name>.+?) \([\d.]+ms\)$")
_SPEC_END = late(r"\s*(?:test at |[✔▶ℹ] )|\s*at .*\{$")


def node_spec(lines: Lines) -> Iterator[Failure]:
    """The spec reporter of node:test: its list at the end, where there is one."""
    begin = next((at for at, line in enumerate(lines) if line.startswith("✖ failing tests:")), 0)
    for at, match, body in blocks(lines[begin:], _SPEC, _SPEC_END):
        kept = telling((line for line in body if not re.match(r"\s*at ", line)), _NOTHING)
        if kept:
            before = lines[begin + at - 1] if begin + at else ""
            place = place_of([before] if "test at" in before else body)
            told = (lines[begin + at].strip(), *kept, *([place] if place else []))
            yield Failure(begin + at, told, why_of(kept), match["name"], place)


def why_of(kept: Lines) -> str:
    """What was expected and what came, or the first line that says more than that it failed."""
    said = [" ".join(line.split()) for line in kept if line.strip()]
    said = [text for text in said if not PLACE.fullmatch(text)] or said
    first, after = (said or [""])[0], said[1:2]
    pair = [text.rstrip(",") for text in said if _PAIR.match(text)][:2]
    if pair and (pair[0] == first or first.startswith(_MATCHERS) or first.endswith(":")):
        return ", ".join(pair)
    if first.startswith("Failure/Error:"):
        error = said[1:3] if after and after[0].endswith(":") else after
        return " ".join(error) or first
    if _DIFF_HEAD.fullmatch(first):  # minitest tells of an encoding by a comment
        diff = [text for text in said if _DIFF.match(text) and not text.startswith(("+#", "-#"))]
        both = [next((text for text in diff if text[0] == sign), "") for sign in "-+"]
        return ", ".join(filter(None, both)) or first
    if _COMPARED.search(first) and (diff := [text for text in said if _DIFF.match(text)]):
        sides = ", ".join(text.rstrip(",") for text in diff[:2])
        return f"{first.partition(' // ')[0].rstrip('.:')}: {sides}"
    return f"{first} {after[0]}" if after and first.endswith(":") else first.partition(" // ")[0]


# --- numbered lists: mocha, RSpec, minitest, PHPUnit, ExUnit --------------------------------------

_LIST_BEGINS = late(
    r"\s*\d+ failing$|Failures:$|Failed examples|There (?:was|were) \d+ (?:failure|error|warning)"
    r"|Finished in \d|\s*1\) (?:Failure|Error|test )"
)
_NUMBERED = late(r"\s{0,2}(?P<number>\d+)\) (?P<name>\S.*)$")
_NUMBERED_END = late(
    r"Finished in |FAILURES!|ERRORS!|Failed examples:|\d+ (?:runs|tests|examples)\b|--$"
    r"|There (?:was|were) |rspec \./|Tests: \d"
)
_NUMBERED_NOISE = late(
    r"^\s*\+ expected - actual$|^\s*\(compared using|^\s*at .*\[internal\]|^\s*stacktrace:$"
)


def numbered(lines: Lines) -> Iterator[Failure]:
    begin = next((at for at, line in enumerate(lines) if _LIST_BEGINS.match(line)), len(lines))
    for at, match, body in blocks(lines[begin:], _NUMBERED, _NUMBERED_END):
        kept = list(telling(body, _NUMBERED_NOISE))
        name = match["name"].strip()
        if name in ("Failure:", "Error:", "Skipped:"):
            if name == "Skipped:" or not kept:
                continue
            name = re.sub(r" \[.*\]:?$|:$", "", kept[0].strip())
        elif kept and re.fullmatch(r" {7,}\S.*:", kept[0]):  # mocha: the test below its suite
            name = f"{name} {kept[0].strip().rstrip(':')}"
        if not kept:
            continue
        said = [line for line in kept if not re.fullmatch(r" {7,}\S.*:", line) or "Error" in line]
        said = said[1:] if said and said[0].strip().startswith(name) else said
        place = place_of((line.replace("# ./", " ") for line in kept), last=False)
        yield Failure(
            begin + at, (lines[begin + at].strip(), *kept), why_of(said or kept), name, place
        )


# --- Rust, Go -------------------------------------------------------------------------------------

_CARGO = late(r"---- (?P<name>.+) stdout ----$")
_CARGO_END = late(r"failures:$|test result: |error: test failed")
_PANIC = late(r"thread '.*?'(?: \(\d+\))? panicked at (?:'(?P<old>.*)', )?(?P<place>\S+:\d+:\d+)")
_RUST_NOISE = late(r"^note: |^stack backtrace:|^\s+\d+: |^\s+at |^\s*$")


def cargo(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _CARGO, _CARGO_END):
        kept, why, place = panic(body)
        if kept:
            yield Failure(at, (match["name"], *kept), why or kept[0], match["name"], place)


def panic(body: Lines) -> tuple[tuple[str, ...], str, str]:
    """What a panic of Rust says: its lines, its reason, its place."""
    kept = telling(body, _RUST_NOISE)
    for at, line in enumerate(kept):
        if match := _PANIC.match(line):
            said = [text.strip() for text in kept[at + 1 : at + 4]]
            sides = [text for text in said[1:] if text.startswith(("left:", "right:"))]
            why = match["old"] or (said[0] if said else line)
            return kept, f"{why} ({', '.join(sides)})" if sides else why, match["place"]
    return kept, kept[0] if kept else "", ""


_GO_FAIL = late(r"\s*--- FAIL: (?P<name>\S+) \(")
_GO_RUN = late(r"=== (?:RUN|CONT|NAME) +(?P<name>\S+)")
_GO_SAID = late(r"\s+(?P<place>[\w./-]+\.go:\d+): ?(?P<why>.*)$")
_GO_END = late(r"\s*--- |=== |FAIL|ok\s|PASS$|goroutine |exit status")
_GO_NOISE = late(r"Error Trace:|^\s*Test:\s|goroutine")
_TESTIFY = late(r"\s*(?:Error:|expected:|actual *:)\s*(?P<said>.*)")


def go(lines: Lines) -> Iterator[Failure]:
    """What a test said stands below its end, and with -v below its beginning."""
    below: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if match := _GO_RUN.match(line):
            name = match["name"]
        elif _GO_END.match(line):
            name = ""
        elif name:
            below.setdefault(name, []).append(line)
    for at, line in enumerate(lines):
        if (match := _GO_FAIL.match(line)) is None:
            continue
        body = _until(lines[at + 1 : at + 60], _GO_END)
        if not any(map(_GO_SAID.match, body)) and not _panics(body):
            body = below.get(match["name"], ())
        if _panics(body):
            kept = telling(body, _GO_NOISE)
            why = next(text for text in kept if text.startswith("panic: "))
            frames = [text for text in lines[at : at + 60] if re.match(r"\t|  +/", text)]
            place = place_of(frames)
            yield Failure(at, (line.strip(), why, place), why, match["name"], place)
        elif any(map(_GO_SAID.match, body)):
            kept = telling(body, _GO_NOISE)
            yield Failure(at, (line.strip(), *kept), *_go_why(kept, match["name"]))


def _go_why(kept: Lines, name: str) -> tuple[str, str, str]:
    said = next(found for text in kept if (found := _GO_SAID.match(text)))
    more = [" ".join(text.split()) for text in kept if not _GO_SAID.match(text)]
    testify = [text for text in more if _TESTIFY.match(text)]
    why = said["why"].strip()
    if testify:
        why = " ".join([*filter(None, [why]), *testify])
    elif more:
        why = ", ".join([*filter(None, [why]), *more[:1]])
    return why, name, said["place"]


def _panics(body: Lines) -> bool:
    return any(text.startswith("panic: ") for text in body)


def _until(body: Lines, end: re.Pattern[str]) -> Lines:
    stop = next((at for at, text in enumerate(body) if end.match(text)), len(body))
    return body[:stop]


# --- Java, .NET, C and C++ ------------------------------------------------------------------------

_SUREFIRE = late(
    r"(?:\[ERROR\] +)?(?P<name>\S.*?) +(?:--? .*)?(?:Time elapsed.*)?<<< (?:FAILURE|ERROR)!"
)
_BLANK = late(r"\s*$|\[(?:ERROR|INFO)\]")
_JAVA_NOISE = late(r"^\s+\.\.\. \d+ more")


def surefire(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _SUREFIRE, _BLANK):
        if "Tests run:" in lines[at] or not (kept := telling(body, _JAVA_NOISE)):
            continue
        head = f"{match['name'].strip()}"
        yield Failure(at, (head, *kept), java_why(kept[0]), head, place_of(kept))


def java_why(line: str) -> str:
    """`AssertionError: expected ...` without the package in front of it."""
    return re.sub(r"^\s*(?:[a-z]\w*\.)+(?=[A-Z])", "", line).strip()


_GRADLE = late(r"(?P<name>\S.* > .*\S) FAILED$")


def gradle(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _GRADLE, _BLANK):
        if kept := telling(body, _JAVA_NOISE):
            place = place_of(kept)
            yield Failure(at, (lines[at], *kept), java_why(kept[0]), match["name"], place)


_DOTNET = late(r"\s*(?:Failed|failed) (?P<name>\S.*) (?:\[[^\]]*\d[^\]]*s\]|\([\d.,]+m?s\))$")
_DOTNET_END = late(r"\s*(?:Passed |Skipped |Failed!|passed |skipped |Test Run|Total tests)")
_DOTNET_NOISE = late(r"^\s*(?:Error Message|Stack Trace|Standard Output Messages):\s*$")


def dotnet(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _DOTNET, _DOTNET_END):
        kept = telling(_before(body, r"\s*Standard Output Messages:"), _DOTNET_NOISE)
        if kept:
            yield Failure(at, (match["name"], *kept), why_of(kept), match["name"], place_of(kept))


_GTEST = late(
    r"(?P<place>\S+:\d+): (?:Failure|FAILED:?)$|(?P<msvc>\S+\(\d+\)): error: (?P<said>.*)$"
)
_GTEST_END = late(r"\s*$|\[ +\w|={10,}|-{10,}")


def c_tests(lines: Lines) -> Iterator[Failure]:
    """Failures of GoogleTest and Catch2."""
    for at, match, body in blocks(lines, _GTEST, _GTEST_END):
        if not (kept := telling(body, _NOTHING)) or not match["place"]:
            continue
        said = [line.strip() for line in kept]
        named = re.match(r"\[ +FAILED +\] (\S+)", next(iter(lines[at + len(body) + 1 :]), ""))
        yield Failure(
            at, (lines[at], *kept), " ".join(said[:4]), named[1] if named else "", match["place"]
        )


_CTEST = late(r"\s*\d+/\d+ Test +#\d+: (?P<name>\S+) \.*\s*(?P<how>.*?\*\*\*\S.*?)\s+[\d.]+ sec")
_CTEST_END = late(r"\s*Start +\d|\s*\d+/\d+ Test|\s*\d+% tests passed")


def ctest(lines: Lines) -> Iterator[Failure]:
    for at, match, body in blocks(lines, _CTEST, _CTEST_END):
        how = " ".join(match["how"].replace("***", " ").split())
        kept = telling(body, _NOTHING)
        why = next(iter(kept[-1:]), how)
        head = f"{match['name']}: {how}"
        yield Failure(at, (head, *kept[-8:]), why, match["name"], place_of(kept), Rank.CRASH)
