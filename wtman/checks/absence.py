"""What the output of a check says that it had to do without: the network, a program, a package.

Pure. A sentence for people and for the prompt of the next session; `diagnosis` looks further
where a check cannot judge the base at all.
"""

import re
from collections.abc import Collection

from wtman.checks.excerpt import causes
from wtman.checks.remedies import not_found
from wtman.text.late_pattern import late

_NO_NETWORK = "no network inside checks"
_UNRESOLVED = late(
    r"name resolution|Name or service not known|Name does not resolve|nodename nor servname"
    r"|[Cc](?:ould not|annot|an't) resolve (?:host(?:name)?\b|proxy|address)|ENOTFOUND|EAI_AGAIN"
    r"|\bno such host|dial tcp: lookup|UnknownHostException|Unknown host|failed to lookup address"
    r"|getaddrinfo\b.*(?:fail|error)|php_network_getaddresses|unable to resolve host"
    r"|No such host is known|[Dd]ns error|Failed to resolve '|SocketError.*getaddrinfo"
    r"|[Nn]etwork is unreachable|ENETUNREACH|Network unreachable|No route to host"
    r"|failure resolving|:nxdomain|Could not reach host|All attempts to connect to"
    r"|Resource temporarily unavailable \(\S+:\d+\)|[Ss]purious network error"
    r"|offline mode|ERR_INTERNET_DISCONNECTED"
)
_REFUSED = late(
    r"ECONNREFUSED|[Cc]onnection refused|actively refused|Failed to connect to (?:127|localhost)"
    r"|connect(?:ing to)?\b.{0,60}(?:[Oo]peration not permitted|[Pp]ermission denied)|connect E"
)
_HOST = late(
    r"(?:resolve host(?: ?name)?(?: address)?:? |lookup |ENOTFOUND |EAI_AGAIN "
    r"|UnknownHostException: |host='|https?://|(?:to|for) host:? )['‘\"]?"
    r"(?P<host>[\w-]+(?:\.[\w-]+)+)"
)
_AT = late(r"(?P<at>(?:127\.0\.0\.1|localhost|\[?::1\]?)(?::| port )\d{2,5})")
_PACKAGE = tuple(
    late(pattern)
    for pattern in (
        r"No module named '?(?P<name>[A-Za-z_][\w.]*)'?",
        r"Cannot find (?:module|package) '(?P<name>[^'./][^']*)'",
        r"Could not resolve \"(?P<name>[^\"./][^\"]*)\"",
        r"Failed to resolve import \"(?P<name>[^\"./][^\"]*)\"",
        r"cannot load such file -- (?P<name>[\w-]+(?:/[\w-]+)*)",
        r"Could not find '?(?P<name>[\w-]+)'? \([^)]*\) among \d+ total gem",
        r"no required module provides package (?P<name>\S+?);",
        r"cannot find module providing package (?P<name>\S+?)(?::|$)",
        r"no matching package named `(?P<name>[^`]+)` found",
        r"There is no package called [‘'](?P<name>[\w.]+)",
    )
)


def network(output: str) -> tuple[str, str]:
    """That the network was missed, and the fix; both empty: it was not."""
    lines = causes(output)
    if any(map(_UNRESOLVED.search, lines)):
        host = next((match["host"] for match in _HOST.finditer(output)), "")
        return f"{_NO_NETWORK}{f' ({host})' if host else ''}", "fetch it in setup"
    for line in lines:
        if _REFUSED.search(line):
            at = _AT.search(line) or _AT.search(output)
            where = f" ({at['at'].replace(' port ', ':')})" if at else ""
            return f"{_NO_NETWORK}, nor services of this machine{where}", "start it in the check"
    return "", ""


def package(output: str, own: Collection[str] = ()) -> str:
    """The package that is not installed where the check ran; empty: none, or one of `own`."""
    for line in causes(output):
        for pattern in _PACKAGE:
            if match := pattern.search(line):
                name = match["name"]
                outer = re.split(r"[./]", name)[0] if not name.startswith("@") else name
                shown = outer if "No module" in match[0] else name
                return "" if outer in own else shown
    return ""


def advice(output: str, *, online: bool, own: Collection[str] = ()) -> str:
    """What a failed check went without, and the fix; empty: nothing that is known.

    `online`: the check had the network. `own` are the names that the repository itself defines.
    """
    reason, fix = ("", "") if online else network(output)
    if reason:
        return f"{reason}: {fix}"
    if name := not_found(output):
        return f"{name} is not there: install it in setup"
    if name := package(output, own):
        return f"{name} is not installed where checks run: install it in setup"
    return ""
