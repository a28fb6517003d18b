"""Result files of many runners, and files that no runner should have written."""

from wtman.formats.junit import Status, read_junit

HEAD = b'<?xml version="1.0" encoding="utf-8"?>'


def suite(*cases: str) -> bytes:
    return HEAD + f"<testsuite>{''.join(cases)}</testsuite>".encode()


def case(name: str, inner: str = "", owner: str = "tests.test_a") -> str:
    return f'<testcase classname="{owner}" name="{name}">{inner}</testcase>'


def test_each_status():
    run = read_junit(
        suite(
            case("passes", "<system-out>x</system-out>"),
            case("fails", "<failure message='no'/>"),
            case("breaks", "<error/>"),
            case("skips", "<skipped/>"),
        )
    )
    assert run.problem == ""
    assert run.tests == {
        "tests.test_a::passes": Status.PASSED,
        "tests.test_a::fails": Status.FAILED,
        "tests.test_a::breaks": Status.ERROR,
        "tests.test_a::skips": Status.SKIPPED,
    }
    assert run.failing == {"tests.test_a::fails", "tests.test_a::breaks"}
    assert run.skipped == {"tests.test_a::skips"}


def test_a_case_takes_its_worst_mark():
    run = read_junit(suite(case("both", "<skipped/><failure/>")))
    assert run.tests == {"tests.test_a::both": Status.FAILED}


def test_nested_and_several_suites():
    raw = f"<testsuites><testsuite><testsuite>{case('in')}</testsuite></testsuite>" + (
        f"<testsuite>{case('out', owner='')}</testsuite></testsuites>"
    )
    assert set(read_junit(raw.encode()).tests) == {"tests.test_a::in", "out"}


def test_equal_names_are_counted_and_their_order_says_nothing():
    one = read_junit(suite(case("t"), case("t", "<failure/>"), case("t")))
    other = read_junit(suite(case("t", "<failure/>"), case("t"), case("t")))
    assert one == other
    assert one.failing == {"tests.test_a::t"}
    assert len(one.tests) == 3


def test_an_element_called_failure_in_the_output_is_none():
    run = read_junit(suite(case("t", "<properties><failure/></properties>")))
    assert run.tests == {"tests.test_a::t": Status.PASSED}


def test_no_result_says_why():
    assert read_junit(None).problem == "the check wrote no result file"
    assert "empty" in read_junit(b" \n").problem
    assert "not well-formed" in read_junit(suite(case("t"))[:-5]).problem
    assert "not well-formed" in read_junit(b"\x00\x01").problem
    assert "not well-formed" in read_junit(b'<?xml version="1.0" encoding="nonsense"?><a/>').problem
    assert "no test suite" in read_junit(b"<html/>").problem
    for raw in (None, b"", b"<a", b"<html/>"):
        assert read_junit(raw).tests == {}


def test_an_empty_suite_is_a_result():
    run = read_junit(b"<testsuites><testsuite/></testsuites>")
    assert (run.problem, run.tests) == ("", {})


def test_entities_and_document_types_are_refused_before_they_expand():
    bomb = "<!DOCTYPE b [<!ENTITY a0 'ha'>" + "".join(
        f"<!ENTITY a{n} '&a{n - 1};&a{n - 1};'>" for n in range(1, 60)
    )
    raw = f"{bomb}]><testsuite><testcase name='&a59;'/></testsuite>"
    for encoding in ("utf-8", "utf-16"):
        run = read_junit(raw.encode(encoding))
        assert "document type" in run.problem
        assert run.tests == {}


def test_deep_nesting_does_no_harm():
    raw = b"<testsuite>" * 50_000 + case("t").encode() + b"</testsuite>" * 50_000
    assert len(read_junit(raw).tests) == 1
