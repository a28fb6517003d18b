"""TOML text, from whoever wrote it, to plain values and the lines that they stand on.

Shared by plans and configuration. What is not TOML is a UsageError with file
and line, whatever the bytes: no encoding, nesting or number ends in a traceback. What would
take long to read is refused with the limit that it exceeds, before it is read.
"""

import re
from typing import Any

from wtman.errors import UsageError
from wtman.formats.toml_positions import Places, excess, key_lines
from wtman.text.words import printable

MOST_BYTES = 8 << 20
_AT = re.compile(r" *\(at line (\d+), column (\d+)\)$")
_AT_END = " (at end of document)"


def read_toml(text: bytes | str, name: str) -> tuple[dict[str, Any], Places]:
    """The document and where its keys stand; `name` is what messages call the file."""
    import tomllib

    decoded = _decoded(text, name)
    line, what = excess(decoded)
    if what:
        raise UsageError(f"{name}:{line}: {what}")
    try:
        return tomllib.loads(decoded), Places(name, key_lines(decoded))
    except RecursionError:
        raise UsageError(f"{name}: values are nested too deeply") from None
    except ValueError as error:
        what = printable(str(error))
        if found := _AT.search(what):
            what = f"{what[: found.start()]} (column {found[2]})"
            raise UsageError(f"{name}:{found[1]}: {what}") from None
        line = decoded.rstrip("\n").count("\n") + 1
        raise UsageError(f"{name}:{line}: {what.removesuffix(_AT_END)}") from None


def _decoded(text: bytes | str, name: str) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MOST_BYTES:
        raise UsageError(f"{name}: is larger than {MOST_BYTES >> 20} MiB")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(
            f"{name}:1: starts with a byte order mark", hint="save it as UTF-8 without a BOM"
        )
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}:{line}: is not valid UTF-8", hint="save it as UTF-8") from None
