"""What a failed check went without, in the words of many programs."""

import pytest

from wtman.checks.absence import advice, network, package

_HOST = "no network inside checks (api.example.com)"
_BARE = "no network inside checks"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
         _BARE),
        ("E   requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.example.com', "
         "port=443): Failed to resolve 'api.example.com'", _HOST),
        ("Error: getaddrinfo EAI_AGAIN api.example.com\n    at onlookup (node:dns:107:26)", _HOST),
        ("TypeError: fetch failed\n    at node:internal/deps/undici:13178:13\n"
         "  [cause]: Error: getaddrinfo ENOTFOUND api.example.com", _HOST),
        ("npm error request to https://api.example.com/left-pad failed, reason: getaddrinfo "
         "EAI_AGAIN api.example.com", _HOST),
        ("--- FAIL: TestX (0.00s)\n    a_test.go:7: Get: dial tcp: "
         "lookup api.example.com on 127.0.0.53:53: no such host\nFAIL", _HOST),
        ("error: failed to get `serde` as a dependency\n\nCaused by:\n  [6] Could not resolve "
         "host: api.example.com", _HOST),
        ("java.net.UnknownHostException: api.example.com\n\tat java.base/java.net.X(X.java:7)",
         _HOST),
        ("* What went wrong:\nCould not resolve all files for configuration ':x'.\n> Could not "
         "resolve a:b:1.\n   > Could not GET 'https://api.example.com/x.pom'.\n      > "
         "api.example.com: Name or service not known", _HOST),
        ("SocketError: Failed to open TCP connection to x:443 (getaddrinfo: Temporary failure in "
         "name resolution)", _BARE),
        ("PHP Warning:  file_get_contents(): php_network_getaddresses: getaddrinfo failed", _BARE),
        ("curl: (6) Could not resolve host: api.example.com", _HOST),
        ("wget: unable to resolve host address ‘api.example.com’", _HOST),
        ("ssh: Could not resolve hostname api.example.com: Temporary failure", _HOST),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by 'Temporary failure in "
         "name resolution'\nERROR: No matching distribution found for requests", _BARE),
        ("error: Failed to fetch: `https://api.example.com/s/`\n  Caused by: dns error", _HOST),
        ("System.Net.Http.HttpRequestException : Name or service not known (api.example.com:443)",
         _BARE),
        ("OSError: [Errno 101] Network is unreachable", _BARE),
    ],
)  # fmt: skip
def test_a_name_that_did_not_resolve(said: str, reason: str) -> None:
    assert network(said) == (reason, "fetch it in setup")
    assert advice(said, online=False) == f"{reason}: fetch it in setup"
    assert "network" not in advice(said, online=True)


def test_a_service_of_the_machine_is_not_reached() -> None:
    said = "Error: connect ECONNREFUSED 127.0.0.1:6379\n    at f (node:net:1555:16)"
    reason = "no network inside checks, nor services of this machine (127.0.0.1:6379)"
    assert network(said) == (reason, "start it in the check")


@pytest.mark.parametrize(
    "said",
    [
        "AssertionError: 5 != 1",
        "Module not found: Error: Can't resolve 'left-pad' in '/src'",
        "log: Temporary failure in name resolution, tried again\n"
        "=== FAILURES ===\n____ test_a ____\n>   assert 1 == 2\nE   assert 1 == 2\n\na.py:1: X\n",
    ],
)
def test_what_failed_for_another_reason(said: str) -> None:
    assert network(said) == ("", "")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ModuleNotFoundError: No module named 'requests.adapters'", "requests"),
        ("/usr/bin/python3: No module named pytest", "pytest"),
        ("Error: Cannot find module 'left-pad'\nRequire stack:", "left-pad"),
        ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@a/b' imported from /src/a.js",
         "@a/b"),
        ("Error: Cannot find module './own'", ""),
        ("a.rb:1:in `require': cannot load such file -- nokogiri (LoadError)", "nokogiri"),
        ("a.go:3:8: no required module provides package example.com/x; to add it:",
         "example.com/x"),
        ("AssertionError: 5 != 1", ""),
    ],
)  # fmt: skip
def test_a_package_that_is_not_installed(said: str, name: str) -> None:
    assert package(said) == name
    wanted = f"{name} is not installed where checks run: install it in setup" if name else ""
    assert advice(said, online=False) == wanted


def test_a_module_of_the_repository_is_no_package() -> None:
    said = "ModuleNotFoundError: No module named 'stock.take'"
    assert advice(said, online=False, own={"stock"}) == ""


def test_a_program_that_is_not_there() -> None:
    said = "sh: 1: pytest: not found"
    assert advice(said, online=False) == "pytest is not there: install it in setup"
