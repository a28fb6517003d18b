"""`Flow`: every call that a script has. What each costs and means is in its docstring.

A call that costs something is a plain function: it takes its scope and number at once, is sent at
once, and returns an awaitable. So `asyncio.gather` and `TaskGroup` may be used as they are.
"""

import random
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from typing import Any, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from wtman.flow.connection import Connection
from wtman.flow.errors import (
    BadAnswer,
    GivenUp,
    OverLimit,
    Rejected,
    ScriptError,
    StepFailed,
)
from wtman.flow.fan_out import (
    ITEMS_MOST,
    By,
    checked_mode,
    gathered,
    identities,
    identity,
    spread,
    stage,
    takes,
)
from wtman.flow.identity import canonical, name_of
from wtman.flow.scopes import Numbers, Path, at, below, here, mark, places_of_items, unmark
from wtman.flow.values import (
    Finding,
    Outcomes,
    Ran,
    Review,
    Train,
    Work,
    plain,
    reference,
    shown,
    value_of,
    works_of,
)

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")
Call = Coroutine[Any, Any, T]

ROUNDS_MOST = 1_000
TEXT_MOST = 10_000  # characters of a log line
MODULE = "__flow"  # how the names of the modules begin that scripts run as
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "timeout": (0.001, 10_000_000),  # seconds
    "usd": (0.000_001, 1_000_000),
    "attempts": (1, 100),
    "reviewers": (1, 20),
}
FLOWS_DEEP = 3  # the one that was started included


class Amount:
    """Money or tokens: `total` (None: no limit), `spent`, `left` (None: no limit)."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    @property
    def total(self) -> float | None:
        total = self._held.get("total")
        return None if total is None else float(total)

    @property
    def spent(self) -> float:
        return float(self._held.get("spent") or 0)

    @property
    def left(self) -> float | None:
        return None if self.total is None else max(0.0, self.total - self.spent)

    @property
    def _held(self) -> Mapping[str, Any]:
        return self._connection.budget.get(self._name) or {}


class Budget:
    """What the run may spend, as it was when the last answer came."""

    def __init__(self, connection: Connection) -> None:
        self.usd = Amount(connection, "usd")
        self.tokens = Amount(connection, "tokens")


class AskOptions(TypedDict, total=False):
    """What `Flow.ask` takes besides a prompt and `returns`."""

    at: Work | Train | None
    role: str
    agent: str | None
    model: str | None
    effort: str | None
    tools: Iterable[str] | None
    context: str
    timeout: float | None
    usd: float | None
    title: str | None
    key: str | None


class Chance(random.Random):
    """Reproducible chance: `flow.random()`, `flow.random.choice(...)` and the rest."""

    def __call__(self) -> float:
        return self.random()


class Flow:
    """The run, as `main(flow, args)` gets it.

    `run` is its id, `base` the commit that it starts from, `args` the inputs, `budget` what is
    left to spend.
    """

    def __init__(
        self, connection: Connection, begin: Mapping[str, Any], nested: Callable[..., Any]
    ) -> None:
        self.run: str = begin["run"]
        self.base: str = begin["base"]
        self.args: Any = None
        self.budget = Budget(connection)
        self._connection = connection
        self._seed: str = begin["seed"]
        self._now = float(begin["now"])
        self._nested = nested
        self._depth = 1
        self._numbers = Numbers()
        self._chances: dict[tuple[str, ...], Chance] = {}
        self._marks = count()
        self._unawaited: dict[int, str] = {}
        self._found: set[str] = set()  # paths that `files` gave

    # --- steps ----------------------------------------------------------------------------

    def session(
        self,
        prompt: str,
        *,
        on: Work | Train | None = None,
        needs: Iterable[Work | Train] = (),
        owns: Iterable[str] = (),
        expect: str | None = None,
        role: str = "implementer",
        agent: str | None = None,
        model: str | None = None,
        effort: str | None = None,
        tools: Iterable[str] | None = None,
        context: str = "",
        attempts: int | None = None,
        check: bool = True,
        timeout: float | None = None,
        usd: float | None = None,
        title: str | None = None,
        key: str | None = None,
    ) -> Call[Work]:
        """One task with a branch of its own, checked like any other.

        It starts from `on` (goes on with that branch, in its conversation where the agent can),
        else from `needs` (their verified work together), else from the base. `owns` are patterns
        of the paths that it may touch, `expect` what must be true afterwards. `timeout` is in
        seconds, `usd` the most it may cost. `title` names the task and its commit; without one
        the title of `on` does, else the prompt, after the item where that is not in it. Timeout,
        usd, title and attempts are not part of its key. Raises StepFailed, OverBudget.
        """
        spec = {
            "prompt": _text(prompt, "session"),
            "on": None if on is None else _one_work(on, "session"),
            "needs": [reference(it) for it in works_of(list(needs), "session")],
            "owns": self._owned(owns),
            "expect": expect,
            "role": role,
            "agent": agent,
            "model": model,
            "effort": effort,
            "tools": None if tools is None else _texts(tools, "tools"),
            "context": context,
            "check": check,
        }
        limits = {"timeout": timeout, "usd": usd, "attempts": attempts}
        # What goes on with a branch keeps its name: it is the subject of the commit that lands.
        kept = on.title if isinstance(on, Work) else ""
        item = here().item
        named = prompt if item in _title(prompt) else f"{item}: {_title(prompt)}"
        name = title or kept or named
        return self._step("session", spec, key, _title(name), limits)

    @overload
    def ask(self, prompt: str, *, returns: type[T], **options: Unpack[AskOptions]) -> Call[T]: ...
    @overload
    def ask(
        self, prompt: str, *, returns: Mapping[str, Any], **options: Unpack[AskOptions]
    ) -> Call[Any]: ...
    @overload
    def ask(
        self, prompt: str, *, returns: None = None, **options: Unpack[AskOptions]
    ) -> Call[str]: ...

    def ask(
        self,
        prompt: str,
        *,
        returns: Any = None,
        at: Work | Train | None = None,
        role: str = "scout",
        agent: str | None = None,
        model: str | None = None,
        effort: str | None = None,
        tools: Iterable[str] | None = None,
        context: str = "",
        timeout: float | None = None,
        usd: float | None = None,
        title: str | None = None,
        key: str | None = None,
    ) -> Call[Any]:
        """A read-only session that answers a question about the base, or about the work `at`.

        `returns` is a pydantic model, a dataclass, any type that pydantic knows
        (`list[str]`), or a JSON schema as a dict; without it the answer is a text.
        Raises BadAnswer, StepFailed, OverBudget.
        """
        plain_schema = returns is None or isinstance(returns, Mapping)
        adapter = None if plain_schema else _adapter_of(returns)
        spec = {
            "prompt": _text(prompt, "ask"),
            "returns": returns if adapter is None else adapter.json_schema(),
            "at": None if at is None else _one_work(at, "ask"),
            "role": role,
            "agent": agent,
            "model": model,
            "effort": effort,
            "tools": None if tools is None else _texts(tools, "tools"),
            "context": context,
        }
        limits = {"timeout": timeout, "usd": usd}

        def fitted(value: Any) -> Any:
            return value if adapter is None else _fitted(adapter, value)

        return self._step("ask", spec, key, _title(title or prompt), limits, fitted)

    def command(
        self,
        argv: Sequence[str] | str,
        *,
        at: Work | Train | None = None,
        timeout: float | None = None,
        title: str | None = None,
        key: str | None = None,
    ) -> Call[Ran]:
        """A command in the check sandbox, without network, on the base or on the work `at`.

        A text runs by `sh -c`. Its exit status is part of the answer, never an error. Raises
        StepFailed where it could not be run, or timed out.
        """
        words = ["sh", "-c", argv] if isinstance(argv, str) else _texts(argv, "argv")
        if not words:
            raise ScriptError("flow.command: there is no command")
        spec = {"argv": words, "at": None if at is None else _one_work(at, "command")}
        name = argv if isinstance(argv, str) else " ".join(words)
        return self._step("command", spec, key, _title(title or name), {"timeout": timeout})

    def review(
        self,
        *works: Work | Train | Sequence[Work],
        lenses: Iterable[str] | None = None,
        reviewers: int = 2,
        key: str | None = None,
    ) -> Call[Review]:
        """Reviewers with different lenses look for what is wrong with these works together.

        Without a work they look through the base as it stands. A claim counts as confirmed by
        running its reproducer. Raises StepFailed.
        """
        found = works_of(works, "review")
        if works and not found:
            raise StepFailed("flow.review: there is no work to review", reason="empty")
        spec = {
            "works": [reference(it) for it in found],
            "lenses": None if lenses is None else _texts(lenses, "lenses"),
            "reviewers": reviewers,
        }
        title = f"review {', '.join(it.title or it.task for it in found[:3]) or 'the base'}"
        return self._step("review", spec, key, _title(title), {})

    def merge(
        self,
        works: Work | Train | Iterable[Work | Train],
        *,
        checks: Iterable[str] | None = None,
        key: str | None = None,
    ) -> Call[Train]:
        """The train of these works on the base, checked as one tree. Moves no branch of yours.

        What does not fit is in `.excluded`, not an error; later sessions start from `.work`.
        """
        single = isinstance(works, Work | Train)
        found = works_of(works if single else list(works), "merge")  # type: ignore[arg-type]
        if not found:
            raise StepFailed("flow.merge: there is no work to merge", reason="empty")
        spec = {
            "works": [reference(it) for it in found],
            "checks": None if checks is None else _texts(checks, "checks"),
        }
        return self._step("merge", spec, key, f"merge {len(found)}", {})

    def plan(
        self,
        prompt: str,
        *,
        needs: Iterable[Work | Train] = (),
        owns: Iterable[str] = (),
        expect: str | None = None,
        agent: str | None = None,
        model: str | None = None,
        effort: str | None = None,
        context: str = "",
        title: str | None = None,
        key: str | None = None,
    ) -> Call[list[Work]]:
        """A planner cuts this part itself: a team with a lead. Its works, in their order.

        The planner (role `lead`) reads what the team starts from: `needs`, else the base. Its
        parts are tasks with branches of their own, done by `agent`, `model` and `effort`, inside
        `owns`; they passed alone and together, and `expect` was to be true then. Raises
        StepFailed with the part that failed.
        """
        spec = {
            "prompt": _text(prompt, "plan"),
            "needs": [reference(it) for it in works_of(list(needs), "plan")],
            "owns": self._owned(owns),
            "expect": expect,
            "agent": agent,
            "model": model,
            "effort": effort,
            "context": context,
        }
        return self._step("plan", spec, key, _title(title or prompt), {})

    def approve(
        self,
        question: str,
        *,
        show: Any = None,
        options: Sequence[str] = ("yes", "no"),
        key: str | None = None,
    ) -> Call[str]:
        """A person's answer, one of `options`; `wtman answer RUN yes` gives it.

        The run waits as long as it takes, across restarts too. `no` raises Rejected.
        """
        texts = _texts(options, "options")
        if len(texts) < 2 or len(set(texts)) < len(texts):
            raise ScriptError("flow.approve: options are at least two, all different")
        spec = {"question": _text(question, "approve"), "options": texts, "show": shown(show)}

        def answered(value: str) -> str:
            if value == "no":
                raise Rejected(f"no: {question}")
            return value

        return self._step("approve", spec, key, _title(question), {}, answered)

    def flow(self, name: str, args: Mapping[str, Any] | BaseModel | None = None) -> Call[Any]:
        """Another flow inside this one, in a scope of its name; what its `main` returned.

        By its name (`.wtman/flows/`, then the package). Same budget; three deep.
        """
        if self._depth >= FLOWS_DEEP:
            raise OverLimit(f"flow.flow({name!r}): flows may be {FLOWS_DEEP} deep")
        text = self._connection.answer_of("load", {"flow": _text(name, "flow")})["text"]
        given = args.model_dump() if isinstance(args, BaseModel) else dict(args or {})
        place = below(here(), name, "flow")

        async def run() -> Any:
            inner = Flow.__new__(Flow)
            inner.__dict__.update(self.__dict__, _depth=self._depth + 1)
            with at(place):
                return await self._nested(inner, name, text, given)

        return self._watched(run, "flow")

    # --- many at the same time ------------------------------------------------------------

    def map(
        self,
        items: Iterable[T],
        fn: Callable[[T], Awaitable[R]],
        *,
        by: By | None = None,
        limit: int | None = None,
        on_error: str = "keep",
        name: str = "",
    ) -> Call[Outcomes[R]]:
        """`fn(item)` for all items at the same time; each item is a scope.

        An item is known by `by(item)`, else by itself: never by its place, so that an item more
        or less changes nothing for the others. `limit`: how many at once (sessions wait for a
        free slot anyway). An error of one item is kept with it (`.failed`);
        `on_error="raise"` raises the first one. Mistakes in the script itself (ScriptError,
        NameError, TypeError, AttributeError) are never kept. Raises DuplicateItem and
        Unhashable at once.
        """
        return self._spread("map", list(items), fn, by, limit, on_error, name or _name(fn))

    def pipeline(
        self,
        items: Iterable[Any],
        *stages: Callable[..., Awaitable[Any]],
        by: By | None = None,
        limit: int | None = None,
        on_error: str = "keep",
        name: str = "",
    ) -> Call[Outcomes[Any]]:
        """Every item through all stages, without waiting for the other items in between.

        The first stage gets the item, each later one what the stage before it returned, and
        the item as a second value if it takes two.
        """

        async def through(item: Any) -> Any:
            value = await stages[0](item) if stages else item
            for function in stages[1:]:
                value = await stage(function, value, item)
            return value

        label = name or " > ".join(map(_name, stages))
        return self._spread("pipeline", list(items), through, by, limit, on_error, label)

    def gather(self, *awaitables: Awaitable[Any], on_error: str = "raise") -> Call[Any]:
        """Await all of these together: a list of their values, in order.

        With `on_error="keep"` it is Outcomes instead, the item of each its number. They
        share the scope that they are made in; give equal calls a `key=`.
        """
        keep = checked_mode(on_error, "gather")

        async def run() -> Any:
            outcomes = await gathered(awaitables, keep)
            return Outcomes(outcomes) if keep else [it.value for it in outcomes]

        return self._watched(run, "gather")

    def until_dry(
        self,
        find: Callable[..., Awaitable[Iterable[T]]],
        *,
        by: By | None = None,
        dry: int = 2,
        rounds: int = 10,
    ) -> Call[list[T]]:
        """Call `find` until `dry` rounds in a row find nothing new; all that was found.

        `find` gets what is known so far if it takes a value. Two things are the same if
        `by` says so, else if they are equal; findings by their proof, never by their words.
        """
        if dry < 1 or not 1 <= rounds <= ROUNDS_MOST:
            raise ValueError(f"flow.until_dry: dry from 1, rounds from 1 to {ROUNDS_MOST:,}")

        async def run() -> list[T]:
            found: dict[str, T] = {}
            empty = 0
            for number in self.rounds(rounds):
                with at(below(here(), f"round {number}", kind="")):
                    given = (list(found.values()),) if takes(find) else ()
                    came = {_told_by(item, by): item for item in await find(*given)}
                new = {name: item for name, item in came.items() if name not in found}
                found |= new
                empty = 0 if new else empty + 1
                if empty >= dry:
                    break
            return list(found.values())

        return self._watched(run, "until_dry")

    # --- without a session ----------------------------------------------------------------

    def files(
        self, pattern: str, *, containing: str | None = None, at: Work | Train | None = None
    ) -> list[str]:
        """Paths of the base (or of the work `at`) that fit a pattern, sorted.

        `containing`: only those with this text in them.
        """
        fields = {"glob": _text(pattern, "files"), "containing": containing}
        found = self._connection.answer_of("files", fields | _tree(at, "files"))
        paths = [str(path) for path in found]
        self._found.update(paths)
        return paths

    def read(self, path: str, *, at: Work | Train | None = None) -> str:
        """The text of a file of the base, or of the work `at`."""
        return str(
            self._connection.answer_of("read", {"path": _text(path, "read")} | _tree(at, "read"))
        )

    def log(self, text: object) -> None:
        """A line for the person who watches the run, and for its report."""
        self._tell({"log": str(text)[:TEXT_MOST]})

    def phase(self, title: str) -> None:
        """Say which part of the work begins now."""
        title = _text(title, "phase")[:200]
        self._tell({"phase": title})
        path = here().path
        mark("phase", title, path[:-1] if path[-1:] and path[-1][0] == "phase" else path)

    @contextmanager
    def scope(self, name: object) -> Iterator[None]:
        """`with flow.scope("name"):` calls inside are told apart from equal ones outside."""
        with at(below(here(), name_of(plain(name, "the name of a scope")))):
            yield

    def rounds(self, most: int) -> Iterator[int]:
        """1, 2, ... up to `most`: a loop with a bound, shown while it runs."""
        if not 1 <= most <= ROUNDS_MOST:
            raise OverLimit(f"flow.rounds: from 1 to {ROUNDS_MOST:,}, not {most}")
        path = here().path
        try:
            for number in range(1, most + 1):
                mark("round", f"{number} of {most}", path)
                yield number
        finally:
            unmark("round", path)

    def give_up(self, reason: str, work: Work | None = None) -> GivenUp:
        """The error to raise where an item cannot be done: `raise flow.give_up("why", work)`."""
        return GivenUp(reason, work)

    def now(self) -> datetime:
        """When the run was started, UTC; the same on every resume."""
        return datetime.fromtimestamp(self._now, UTC)

    @property
    def random(self) -> Chance:
        """Chance of this scope, the same on every resume: `flow.random()` or `.random.choice`."""
        scope = here().scope
        if scope not in self._chances:
            seed = sha256(canonical([self._seed, list(scope)]).encode()).digest()
            self._chances[scope] = Chance(int.from_bytes(seed, "big"))
        return self._chances[scope]

    def uuid(self) -> UUID:
        """A UUID of this scope's chance, the same on every resume."""
        return UUID(int=self.random.getrandbits(128), version=4)

    # --- within ---------------------------------------------------------------------------

    def _owned(self, owns: Iterable[str]) -> list[str]:
        """Patterns; a path that a search gave is meant as it is, `[id]` in it is no class."""
        texts = _texts(owns, "owns")
        return [_literal(text) if text in self._found else text for text in texts]

    def _step(
        self,
        kind: str,
        spec: dict[str, Any],
        key: str | None,
        title: str,
        limits: Mapping[str, Any],
        then: Callable[[Any], Any] = lambda value: value,
    ) -> Call[Any]:
        spec = {name: plain(value, f"flow.{kind}: {name}") for name, value in spec.items()}
        if key is not None:
            key = name_of(plain(key, f"flow.{kind}: key"))
        for name, (least, most) in _BOUNDS.items():
            _bounded(limits.get(name, spec.get(name)), least, most, f"flow.{kind}: {name}")
        number = self._numbers.take(kind, spec, key)
        future = self._connection.call(
            {
                "kind": kind,
                "scope": list(here().scope),
                "path": _sent(here().path),
                "number": number,
                "key": key,
                "spec": spec,
                "title": title,
                "limits": {name: value for name, value in limits.items() if value is not None},
            }
        )

        async def answered() -> Any:
            return then(value_of(await future))

        return self._watched(answered, kind)

    def _spread(
        self,
        call: str,
        items: list[Any],
        work: Callable[[Any], Awaitable[Any]],
        by: By | None,
        limit: int | None,
        on_error: str,
        name: str,
    ) -> Call[Any]:
        keep = checked_mode(on_error, call)
        names = identities(items, by, call)
        if limit is not None:
            _bounded(limit, 1, ITEMS_MOST, f"flow.{call}: limit")
        place = here()
        path = (*place.path, ("map", name or call))
        places = places_of_items(place, names, path)

        def lost(error: Exception) -> None:
            told = str(error) or type(error).__name__
            self._connection.tell({"failed": told[:2_000], "path": _sent(here().path)})

        async def run() -> Any:
            if not items:
                return Outcomes()
            fields = {"scope": list(place.scope), "items": len(items), "name": name}
            await self._connection.announce({**fields, "path": _sent(path)})
            return await spread(items, places, work, limit=limit, keep=keep, lost=lost)

        return self._watched(run, call)

    def _watched(self, run: Callable[[], Call[Any]], kind: str) -> Call[Any]:
        """The same call, remembered until it is awaited."""
        mark = next(self._marks)
        self._unawaited[mark] = f"flow.{kind} in line {_line_of_script()}"

        async def watched() -> Any:
            self._unawaited.pop(mark, None)
            return await run()

        call = watched()
        setattr(call, "__qualname__", f"flow.{kind}")  # noqa: B010  # what Python says where it is never awaited
        return call

    def forgotten(self) -> list[str]:
        """The calls that were made and never awaited, such as `flow.ask in line 12`."""
        return list(self._unawaited.values())

    def _tell(self, message: dict[str, Any]) -> None:
        self._connection.tell(message | {"scope": list(here().scope)})


def _sent(path: Path) -> list[list[str]]:
    return [list(segment) for segment in path]


def _line_of_script() -> int:
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_globals.get("__name__", "").startswith(MODULE):
        frame = frame.f_back
    return 0 if frame is None else int(frame.f_lineno)


def _bounded(value: Any, least: float, most: float, what: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} is a number, not {value!r}")
    if not least <= value <= most:
        raise ScriptError(f"{what} is from {least:g} to {most:g}, not {value}")


def _tree(work: Work | Train | None, call: str) -> dict[str, str]:
    return {} if work is None else {"at": _one_work(work, call)["commit"]}


def _one_work(work: Any, call: str) -> dict[str, str]:
    [found] = works_of([work], call) if isinstance(work, Work | Train) else [None]
    if found is None:
        raise TypeError(f"flow.{call}: expected a Work, got {type(work).__name__}")
    return reference(found)


def _text(text: Any, call: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ScriptError(f"flow.{call}: expected a text, got {text!r}")
    return text


def _texts(texts: Iterable[Any], where: str) -> list[str]:
    if isinstance(texts, str):
        raise TypeError(f"{where} is a list of texts; write {where}=[{texts!r}]")
    return [str(plain(text, where)) for text in texts]


def _literal(path: str) -> str:
    """The pattern of one path, whatever characters its names have."""
    return re.sub(r"^[!#]|[\[\]*?]", r"\\\g<0>", path)


def _title(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= 80 else line[:79] + "…"


def _name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    return "" if name == "<lambda>" else name


def _adapter_of(returns: Any) -> "TypeAdapter[Any]":
    try:
        return TypeAdapter(returns)
    except (PydanticUserError, NameError, SyntaxError, TypeError):
        raise ScriptError(
            f"flow.ask: returns is a type, such as list[str] or a pydantic model, not {returns!r}"
        ) from None


def _fitted(adapter: "TypeAdapter[Any]", value: Any) -> Any:
    try:
        return adapter.validate_json(canonical(value))
    except ValidationError as error:
        raise BadAnswer(f"the answer does not fit what `returns` asks for: {error}") from None


def _told_by(item: Any, by: By | None) -> str:
    if by is None and isinstance(item, Finding):
        return item.proof or f"{item.path}:{item.line}"  # never its words
    return identity(item, by)
