"""`python -m wtman.apiagent`, or this file by its path under `python -I`.

By its path, because the current folder is a repository that nobody has vetted: with `-m`
a file of it could be imported instead of a module of ours.
"""

import json
import os
import signal
import sys
from importlib.util import module_from_spec, spec_from_file_location


def main() -> int:
    """Run the program; its exit status."""
    _find_package()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _too_early)
    import asyncio

    try:
        from pydantic import ValidationError

        from wtman.apiagent.options import Options
        from wtman.apiagent.session import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "wtman":
            raise
        _say("failed", f"the api agent cannot import {error.name}: pip install wtman", "missing")
        return 3
    try:
        # The API takes no lone surrogates, and a prompt may quote file names of any bytes.
        options = Options.model_validate_json(sys.stdin.buffer.read().decode("utf-8", "replace"))
    except ValidationError as error:
        sys.stderr.write(f"the request on stdin: {error}\n")
        return 2
    environ = dict(os.environ)
    try:
        return asyncio.run(run(options, environ=environ, cwd=os.getcwd(), out=sys.stdout.buffer))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens: end without a word
        return 1
    except KeyboardInterrupt:  # once more, when it had ended already: all is said
        return 128 + signal.SIGINT


def _find_package() -> None:
    """Make `wtman` the package that this file is in.

    Not by a folder on the path: a sandbox may keep it from being listed, and a source
    checkout holds more than the package.
    """
    if "wtman" in sys.modules:
        return
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    place = os.path.join(folder, "__init__.py")
    spec = spec_from_file_location("wtman", place, submodule_search_locations=[folder])
    assert spec is not None and spec.loader is not None
    sys.modules["wtman"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)


def _say(word: str, error: str, terminal: str) -> None:
    """A result without a session."""
    line = {
        "type": "result",
        "subtype": "error_during_execution",
        "is_error": True,
        "terminal_reason": terminal,
        "errors": [error],
        "num_turns": 0,
        "total_cost_usd": 0.0,
        "model_usage_since_last_result": {},
        "session_id": "",
    }
    sys.stderr.write(f"{word}: {error}\n")
    sys.stderr.flush()
    os.write(1, json.dumps(line).encode() + b"\n")


def _too_early(number: int, frame: object) -> None:
    """Loading takes a second or two; a stop in that time is a stop too."""
    _say("stopped", f"stopped by {signal.Signals(number).name}", "aborted")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
