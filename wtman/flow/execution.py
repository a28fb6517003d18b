"""Runs a script over its connection: from `begin` to the one message that ends it.

It promises that the end is told exactly once, as `return` or as `raise` with the script's own
lines, whatever the script did. What a process needs besides (limits, no clock) is in program.py.
"""

import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

from wtman.flow.api import MODULE, Flow
from wtman.flow.connection import Connection
from wtman.flow.errors import FlowError, OutOfTime, Stopped
from wtman.flow.inputs import Inputs
from wtman.flow.loop import FlowLoop
from wtman.flow.scopes import Lane, Place, enter
from wtman.flow.values import plain

_LINES_MOST = 20
_MESSAGE_MOST = 20_000  # characters


def run(
    connection: Connection,
    narrowed: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Run one script; `narrowed` is entered before its first line. Raises Stopped without one."""
    begin = connection.first()
    files: list[str] = []
    try:
        with narrowed():
            ended = {"return": plain(_result(connection, begin, files), "what main returned")}
            connection.tell(ended)
    except Stopped:
        raise
    except BaseException as error:
        connection.tell({"raise": _told(error, files)})


def _result(connection: Connection, begin: Mapping[str, Any], files: list[str]) -> Any:
    script = begin["script"]

    async def nested(flow: Flow, name: str, text: str, args: Mapping[str, Any]) -> Any:
        return await _called(_module(f"{name}.py", text, files), flow, args)

    async def whole() -> Any:
        enter(Place((), Lane()))
        flow = Flow(connection, begin, nested)
        value = await _called(module, flow, begin["args"])
        for call in flow.forgotten():
            flow.log(f"{call} was never awaited")
        return value

    module = _module(script["name"], script["text"], files)
    loop = FlowLoop(connection.deliver)
    try:
        return loop.run_until_complete(whole())
    finally:
        loop.leave()


def _module(name: str, text: str, files: list[str]) -> ModuleType:
    """The script as a module of its own. Whatever its first lines raise is the script's."""
    module = ModuleType(f"{MODULE}_{len(files)}__")
    file = f"<{name}>" if name in files else name
    files.append(file)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    # pydantic looks up the names of annotations there.
    sys.modules[module.__name__] = module
    exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    return module


async def _called(module: ModuleType, flow: Flow, args: Mapping[str, Any]) -> Any:
    main = getattr(module, "main", None)
    if not inspect.iscoroutinefunction(main):
        raise FlowError("a flow has one `async def main(flow, args)`")
    kind = _inputs_of(module)
    if kind is None and args:
        raise FlowError(f"the flow takes no inputs, {', '.join(args)} was given")
    flow.args = (kind or Inputs)(**args)
    return await (main(flow, flow.args) if len(_names(main)) > 1 else main(flow))


def _inputs_of(module: ModuleType) -> type[Inputs] | None:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Inputs)
        and value.__module__ == module.__name__
    ]
    return found[-1] if found else None


def _names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _told(error: BaseException, files: list[str]) -> dict[str, Any]:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = [
        [frame.filename, frame.lineno or 0, (frame.line or "")[:200]]
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    ]
    if isinstance(error, SyntaxError) and error.filename in files:
        lines.append([error.filename, error.lineno or 0, (error.text or "").strip()[:200]])
    kind = "OverLimit" if isinstance(error, OutOfTime) else type(error).__name__
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    if isinstance(error, SystemExit):
        message = "a flow ends by `return`, not by sys.exit()"
    if isinstance(error, MemoryError) and not message:
        message = "the script needs more memory than it may have (512 MB)"
    safe = message.encode("utf-8", "replace").decode()
    return {"type": kind, "message": safe[:_MESSAGE_MOST], "lines": lines[-_LINES_MOST:]}
