"""Whole runs of real agents against a provider that fails in ways of its own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.ledger import (
    READ,
    WROTE,
    Asked,
    Ledger,
    Part,
    cut,
    error,
    serving,
    shell,
    words,
    writes,
)
from tests.real.runs import (
    KEY,
    NEXT_KEY,
    assert_clean,
    listing,
    plan_of,
    split,
    states,
    status,
    surroundings,
    task,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Answer = Callable[[Asked], Turn]
BOTH = pytest.mark.parametrize("agent", ["claude", "codex"])
FEW = {"CLAUDE_CODE_MAX_RETRIES": "1"}


def part(name: str, answer: Answer) -> Part:
    return Part(f"QQ-{name}-QQ", answer)


def good(name: str, fault: Callable[[Asked], Turn | None] = lambda asked: None) -> Part:
    """Writes NAME.txt and says so; `fault` may answer instead."""

    def answer(asked: Asked) -> Turn:
        well = words(asked, "done") if asked.turn else writes(asked, f"{name}.txt", name)
        return fault(asked) or well

    return part(name, answer)


def once(nth: int, make: Answer) -> Callable[[Asked], Turn | None]:
    return lambda asked: make(asked) if asked.nth == nth else None


def assert_counted(told: dict[str, Any], name: str, ledger: Ledger) -> None:
    """What is told to have been used is what was billed, to the token."""
    usage = task(told, name)["usage"]
    counted = (usage["input_tokens"], usage["cached_tokens"], usage["output_tokens"])
    assert counted == ledger.took(f"QQ-{name}-QQ"), name


@pytest.mark.parametrize("tier", ["auto", "landlock"])
def test_eight_at_once(
    wtman: kit.Program, repo: Path, hermetic: Path, tmp_path: Path, installed: Path, tier: str
) -> None:
    """Troubles in the middle of a conversation pass; who only talks is told apart."""

    def busy(asked: Asked) -> Turn:
        return error(asked, 429, "rate_limit_error", "Too many requests", retry_after="1")

    def broken(asked: Asked) -> Turn:
        return error(asked, 500, "api_error", "Internal server error")

    parts: list[Part] = []
    tasks: dict[str, str] = {}
    for agent in ("claude", "codex"):
        parts += [
            good(f"{agent}-busy", once(1, busy)),
            good(f"{agent}-broken", once(1, broken)),
            # In the middle of the call of a tool, which must not be taken for whole.
            good(f"{agent}-cut", once(0, lambda a: cut(writes(a, "never.txt", "y" * 900)))),
            part(f"{agent}-idle", lambda asked: words(asked, "I have done it all.")),
        ]
        tasks |= {one.word[3:-3]: agent for one in parts[-4:]}
    before = listing(hermetic)
    with serving(parts) as ledger:
        env = surroundings(installed, ledger.address, WTMAN_SANDBOX=tier)
        code, told = split(wtman, repo, plan_of(tmp_path, tasks), env, "-j", "8", "--attempts", "1")
    assert code == 1, told["said"]
    wanted = {name: "failed" if "idle" in name else "verified" for name in tasks}
    assert states(told) == wanted, told["said"]
    for name in tasks:
        if "cut" not in name:  # an answer that broke off is billed, and told by nobody
            assert_counted(told, name, ledger)
        assert (task(told, name)["usage"]["usd"] is None) == name.startswith("codex"), name
    assert "changed nothing" in task(told, "claude-idle")["reason"]
    assert "changed nothing" in task(told, "codex-idle")["reason"]
    assert listing(hermetic) == before, "nothing of the user's HOME is changed"
    assert_clean(repo)


DEAD = {
    "forbidden": (403, "permission_error", "Your account does not have access"),
    "no-credit": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
        "Billing to upgrade or purchase credits.",
    ),
    "no-quota": (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
}


@pytest.mark.parametrize(
    ("agent", "kind"), [("claude", "forbidden"), ("claude", "no-credit"), ("codex", "no-quota")]
)
def test_what_only_a_person_mends_pauses(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path, agent: str, kind: str
) -> None:
    """Of two tasks one pauses the run: the other one ends, is kept, and a third does not start."""
    begun, refused = threading.Event(), threading.Event()
    asked: list[int] = []

    def dead(request: Asked) -> Turn:
        asked.append(request.nth)
        begun.wait(60)
        refused.set()
        return error(request, *DEAD[kind])

    def slow(request: Asked) -> Turn | None:
        begun.set()
        refused.wait(60)
        # Until nothing is tried any more, so that the place is free only after its end.
        before = -1
        while len(asked) != before:
            before = len(asked)
            time.sleep(3)
        return None

    parts = [part("dead", dead), good("other", slow), good("third")]
    tasks = {"dead": agent, "other": agent, "third": agent}
    with serving(parts) as ledger:
        env = surroundings(installed, ledger.address, **FEW)
        code, told = split(wtman, repo, plan_of(tmp_path, tasks), env, "-j", "2")
    assert code == 4, told["said"]
    assert told["run"]["state"] == "paused", told["said"]
    assert states(told) == {"dead": "paused", "other": "verified", "third": "paused"}
    # Both agents have words of their own for some of it; what mends it has to fit.
    reason = told["run"]["reason"].lower()
    if kind == "forbidden":
        assert "does not have access" in reason, reason
    else:
        assert kind.removeprefix("no-") in reason, reason
        assert "add credit" in reason, reason
    assert "wtman resume" in told["said"], told["said"]
    assert ledger.asked["QQ-third-QQ"] == 0
    assert_counted(told, "other", ledger)
    assert_clean(repo)


@BOTH
def test_a_mended_key_goes_on_with_the_conversation(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path, agent: str
) -> None:
    """The key dies in the middle; with the next one no finished session runs again."""
    ledgers: list[Ledger] = []

    def steps(asked: Asked) -> Turn:
        if asked.turn == 0:
            ledgers[0].accepted = NEXT_KEY
            return writes(asked, "long-1.txt", "one")
        # What a resumed conversation is told first is a message more, not an answer.
        if asked.turn == 1:
            return writes(asked, "long-2.txt", "two")
        return words(asked, "done")

    tasks = {"first": agent, "long": agent}
    with serving([good("first"), part("long", steps)]) as ledger:
        ledgers.append(ledger)
        env = surroundings(installed, ledger.address, **FEW)
        code, told = split(wtman, repo, plan_of(tmp_path, tasks), env, "-j", "1")
        assert (code, told["run"]["state"]) == (4, "paused"), told["said"]
        assert states(told) == {"first": "verified", "long": "paused"}
        conversation = task(told, "long")["session"]
        asked = ledger.asked["QQ-first-QQ"]
        env = surroundings(installed, ledger.address, NEXT_KEY, **FEW)
        done = wtman("resume", "--yes", cwd=repo, env=env, timeout=200, check_status=None)
        assert done.code == 0, str(done)
        assert ledger.asked["QQ-first-QQ"] == asked, "a finished session does not run again"
        after = status(wtman, repo, env)
        assert set(states(after).values()) == {"verified"}
        assert task(after, "long")["session"] == conversation
        assert ledger.keys == {KEY, NEXT_KEY}
        assert_counted(after, "long", ledger)
        assert task(after, "long")["files"] == 2, "what it had written before is kept"
    assert_clean(repo)


def test_too_much_without_end_waits_and_goes_on(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path
) -> None:
    """429 for one, 529 for the other, until they pass: no attempt of theirs is counted."""
    well = threading.Event()
    kinds = {"claude-429": 429, "claude-529": 529, "codex-429": 429, "codex-500": 500}

    def refuses(status: int) -> Callable[[Asked], Turn | None]:
        def answer(asked: Asked) -> Turn | None:
            if well.is_set():
                return None
            kind = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
            return error(asked, status, kind, "Too much", retry_after="1")

        return answer

    parts = [good(name, refuses(status)) for name, status in kinds.items()]
    tasks = {name: name.partition("-")[0] for name in kinds}
    with serving([*parts, good("fine")]) as ledger:
        env = surroundings(installed, ledger.address, **FEW)
        plan = plan_of(tmp_path, {**tasks, "fine": "claude"})
        process = wtman.start(
            "split", "--plan", plan, "--yes", "--reviewers", "0", "--attempts", "1",
            "-j", "8", cwd=repo, env=env,
        )  # fmt: skip
        until = time.monotonic() + 120
        while time.monotonic() < until:
            told = status(wtman, repo, env) if ledger.asked["QQ-fine-QQ"] else {"tasks": []}
            ended = [item for item in told["tasks"] if item["ended"]]
            if len(ended) == 5:
                break
            time.sleep(0.5)
        assert states(told)["fine"] == "verified", told
        well.set()
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, (out, err)
        after = status(wtman, repo, env)
        assert set(states(after).values()) == {"verified"}
        for name in kinds:
            assert_counted(after, name, ledger)
    assert_clean(repo)


@BOTH
def test_an_agent_that_is_shot_leaves_nobody(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path, agent: str
) -> None:
    """SIGKILL in the middle; its tools would live on."""

    def shot(asked: Asked) -> Turn:
        if asked.turn == 0:
            return writes(asked, "shot.txt", "half")
        return shell(asked, "(sleep 301 &) ; setsid sleep 302 & kill -KILL $PPID; sleep 303")

    with serving([part("shot", shot), good("lives")]) as ledger:
        env = surroundings(installed, ledger.address)
        plan = plan_of(tmp_path, {"shot": agent, "lives": agent})
        code, told = split(wtman, repo, plan, env, "--attempts", "2")
    assert code == 1, told["said"]
    assert states(told) == {"shot": "failed", "lives": "verified"}
    reason = task(told, "shot")["reason"]
    assert "SIGKILL" in reason or "137" in reason, reason
    assert task(told, "shot")["attempt"] == 2
    assert_clean(repo)


def test_budgets_hold(wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path) -> None:
    """A session that would never end is stopped at its share, at most one call too late."""
    big = {"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    one_call = (100 * 5 + 4000 * 25) / 1e6  # at most: what the dearest model here costs

    def endless(asked: Asked) -> Turn:
        used = {**big, "output_tokens": 4000}
        return writes(asked, f"endless-{asked.turn}.txt", "x", used=used)

    with serving([part("endless", endless)]) as ledger:
        env = surroundings(installed, ledger.address)
        plan = plan_of(tmp_path, {"endless": "claude"})
        code, told = split(wtman, repo, plan, env, "--budget-usd", "0.5")
        assert code == 4, told["said"]
        charged = told["run"]["budget"]["charged"]["usd"]
        assert charged <= 0.5 + one_call, told["said"]
        assert charged >= 0.4, told["said"]
        assert_counted(told, "endless", ledger)
        assert "--budget-usd" in told["said"], told["said"]
    assert_clean(repo)


def test_token_budgets_hold(
    wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path
) -> None:
    def endless(name: str) -> Part:
        def answer(asked: Asked) -> Turn:
            time.sleep(0.5)  # no model is so fast that the next call is over before the stop
            return writes(asked, f"{name}-{asked.turn}.txt", "x")

        return part(name, answer)

    with serving([endless("claude-on"), good("codex-well")]) as ledger:
        env = surroundings(installed, ledger.address)
        plan = plan_of(tmp_path, {"claude-on": "claude", "codex-well": "codex"})
        code, told = split(wtman, repo, plan, env, "--budget-tokens", "20000", "-j", "2")
        assert code == 4, told["said"]
        assert states(told) == {"claude-on": "paused", "codex-well": "verified"}
        used = told["run"]["budget"]["charged"]["tokens"]
        assert used <= 20_000 + READ + WROTE, told["said"]
        assert_counted(told, "codex-well", ledger)
        # An answer that was cut off when the session was stopped is told by nobody.
        usage, sessions = task(told, "claude-on")["usage"], task(told, "claude-on")["attempt"]
        read, _, wrote = ledger.took("QQ-claude-on-QQ")
        assert read - sessions * READ <= usage["input_tokens"] <= read
        assert wrote - sessions * WROTE <= usage["output_tokens"] <= wrote


def test_a_very_long_line(wtman: kit.Program, repo: Path, tmp_path: Path, installed: Path) -> None:
    """Megabytes in one line, from a file that is written and from a command's output."""
    long = "0123456789abcdef" * (3 << 16)  # 3 MiB

    def answers(name: str) -> Part:
        def answer(asked: Asked) -> Turn:
            if asked.turn == 0:
                return shell(asked, "head -c 3000000 /dev/zero | tr '\\0' a; echo")
            if asked.turn == 1 and asked.api == "messages":
                return writes(asked, f"{name}.txt", long)
            return shell(asked, f"echo x > {name}.txt") if asked.turn == 1 else words(asked, long)

        return part(name, answer)

    with serving([answers("claude-long"), answers("codex-long")]) as ledger:
        env = surroundings(installed, ledger.address)
        plan = plan_of(tmp_path, {"claude-long": "claude", "codex-long": "codex"})
        code, told = split(wtman, repo, plan, env)
        assert code == 0, told["said"][-3000:]
        for name in states(told):
            assert_counted(told, name, ledger)
    assert_clean(repo)
