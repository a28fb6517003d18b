"""Whether a version that is installed is one that a project asks for.

Pure. Knows what .python-version, .nvmrc, rust-toolchain, go.mod, engines, requires-python and the
like write; of what it does not know it says nothing.
"""

import re

from wtman.config.detect.model import WantedVersion

# How each program is asked for its version.
ASK: dict[str, tuple[str, ...]] = {
    "python3": ("--version",),
    "node": ("--version",),
    "go": ("version",),
    "rustc": ("--version",),
    "java": ("-version",),
    "dotnet": ("--version",),
    "php": ("--version",),
    "ruby": ("--version",),
    **dict.fromkeys(("pnpm", "yarn", "bun"), ("--version",)),
}
# Here a plain number is the least that will do; elsewhere the beginning of the one that is meant.
_LEAST = re.compile(r"go\.mod|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?")
_ONE = re.compile(r"\s*(>=|<=|==|=|!=|~=|>|<|\^|~>|~)?\s*v?(\d+(?:\.(?:\d+|[xX*]))*)[\w.+-]*\s*")
_VERSION = re.compile(r"\d+(?:\.\d+)+|\d+")


def number_of(said: str) -> str:
    """The version in what a program says of itself; empty where there is none."""
    found = _VERSION.search(said.replace("go version go", "").replace("python", ""))
    return found[0] if found else ""


def satisfies(wanted: WantedVersion, installed: str) -> bool | None:
    """Whether `installed` will do; None where that cannot be told."""
    here = _parts(installed)
    if not here:
        return None
    known: list[bool] = []
    for alternative in re.split(r"\|\|?", wanted.version):
        rest, verdicts = alternative.strip(), []
        while rest:
            one = _ONE.match(rest)
            if one is None or not one[0]:
                return None
            plain = ">=" if _LEAST.fullmatch(wanted.file) else "="
            verdicts.append(_holds(one[1] or plain, one[2], here))
            rest = rest[one.end() :].lstrip(", ")
        if verdicts:
            known.append(all(verdicts))
    return any(known) if known else None


def _holds(operator: str, version: str, here: tuple[int, ...]) -> bool:
    parts = _parts(version)
    shown = here[: len(parts)] + (0,) * (len(parts) - len(here))
    match operator:
        case ">=":
            return shown >= parts
        case ">":
            return here > parts and shown != parts if "." not in version else here > parts
        case "<=":
            return shown <= parts
        case "<":
            return shown < parts
        case "!=":
            return shown != parts
        case "^":
            first = next((at for at, part in enumerate(parts) if part), 0)
            return shown >= parts and here[: first + 1] == parts[: first + 1]
        case "~" | "~>" | "~=":
            kept = max(len(parts) - 1, 1) if operator != "~" else min(len(parts), 2)
            return shown >= parts and here[:kept] == parts[:kept]
        case _:
            return shown == parts


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-", maxsplit=1)[0]))
