"""Which hosts an allow-list means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.sandbox.hosts import Rule, allowed, is_loopback, is_name, rule, rule_of_url

LIST = tuple(
    rule(text)
    for text in ("api.example.com", "*.Pkg.example.org", "mirror.example.net:8443", "192.0.2.7")
)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("api.example.com", 443),
        ("API.example.com.", 80),
        ("a.pkg.example.org", 443),
        ("b.a.pkg.example.org", 443),
        ("mirror.example.net", 8443),
        ("192.0.2.7", 443),
    ],
)
def test_what_is_on_the_list(host: str, port: int) -> None:
    assert allowed(host, port, LIST)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("api.example.com", 22),
        ("mirror.example.net", 443),
        ("pkg.example.org", 443),
        ("evilpkg.example.org", 443),
        ("api.example.com.evil.test", 443),
        ("api.example.com\0.evil.test", 443),
        ("evil.test\0api.example.com", 443),
        ("x\0.pkg.example.org", 443),
        ("x y.pkg.example.org", 443),
        ("x@a.pkg.example.org", 443),
        ("a..pkg.example.org", 443),
        (".pkg.example.org", 443),
        ("-a.pkg.example.org", 443),
        ("ä.pkg.example.org", 443),
        ("ａ.pkg.example.org", 443),
        ("api.example.com/x", 443),
        ("api.example.com#.pkg.example.org", 443),
        ("3221226503", 443),
        ("0xc0000207", 443),
        ("192.0.519", 443),
        ("192.000.002.007", 443),
        ("::ffff:192.0.2.7", 443),
        ("127.0.0.1", 80),
        ("localhost", 80),
        ("", 443),
    ],
)
def test_what_only_looks_like_it(host: str, port: int) -> None:
    assert not allowed(host, port, LIST)


@pytest.mark.parametrize(
    "text",
    ["", "*", "*.com", "a b", "a*.example.com", "http://a.example", "a.example:0", "a.example:x",
     "1.2.3", "é.example", "[::1", "fe80::1%eth0", "a.example:99999"],
)  # fmt: skip
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ValueError, match="wildcard|neither|port|URL"):
        rule(text)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://api.example.com/v1", Rule("api.example.com", 443)),
        ("http://127.0.0.1:8080", Rule("127.0.0.1", 8080)),
        ("http://" + "[::1]:11434/v1", Rule("::1", 11434)),
        ("http://localhost/x", Rule("localhost", 80)),
        ("https://me:secret@gate.example.com:8443/x@y", Rule("gate.example.com", 8443)),
        ("gate.example.com:8443", Rule("gate.example.com", 8443)),
        ("https://*.example.com", None),
        ("https://", None),
        ("https://example b/", None),
    ],
)
def test_where_a_provider_is(url: str, found: Rule | None) -> None:
    assert rule_of_url(url) == found


def test_this_machine_has_several_names() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.1", "::1")))
    assert not any(map(is_loopback, ("localhost.example.com", "192.0.2.7", "127.example.com")))


@given(st.text(max_size=30))
def test_a_name_is_made_of_nothing_but_letters_digits_hyphens_and_dots(text: str) -> None:
    if is_name(text):
        assert set(text.lower()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._")
