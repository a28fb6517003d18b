"""The wtman.toml that `wtman init` proposes, and what it tells of what was tried. Values in,
text out."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wtman.checks.excerpt import summary
from wtman.config.detect import Candidate, Habits, Project
from wtman.coordinator.trial_result import ProjectTrial, TriedCandidate
from wtman.model.check import CheckCommand
from wtman.text.terminal import clean, count, duration

_WIDTH = 98
_ELSE = 4  # other ways that are shown
_SAID = 240  # columns of a reason


# --- what is asked about ------------------------------------------------------------------------


def proposal_lines(found: Habits) -> list[str]:
    """Every text that a trial may run, by part: what is tried first, then what else."""
    lines: list[str] = []
    if found.setup:
        lines += [f"  setup  {clean(text)}" for text in found.setup]
    for part in found.parts:
        best = part.best
        lines.append(f"{clean(part.name)}{f' ({clean(best.why)})' if best.why else ''}")
        if not best.check:
            lines.append("  no tests found")
            continue
        lines += _commands(best)
        lines += [f"  check  {clean(text)}  (if it passes)" for text in part.extra]
        for other in part.candidates[1 : _ELSE + 1]:
            setup = (
                "" if other.setup == best.setup else f", after {_joined(other.setup) or 'nothing'}"
            )
            lines.append(f"  else   {_joined(other.check)}{setup}")
    return lines


def _commands(candidate: Candidate) -> Iterator[str]:
    for text in candidate.setup:
        yield f"  setup  {clean(text)}"
    for text in candidate.check:
        yield f"  check  {clean(text)}"


def _joined(texts: Iterable[str]) -> str:
    return clean("; ".join(texts))


def attempt_words(candidates: Iterable[Candidate]) -> str:
    """What is tried now, in one line: the checks, for setup was shown."""
    return f"trying {_joined(text for one in candidates for text in one.check)}"


def failure_line(attempt: TriedCandidate) -> str:
    """What did not pass, and why."""
    return f"! `{_joined(attempt.candidate.check)}`: {failed_words(attempt)}"


def passed_words(attempt: TriedCandidate) -> str:
    """`213 tests passed in 10.8 s (13 s with setup)`."""
    tests = attempt.tests or 0
    good = f"{count(tests - attempt.known, 'test')} passed" if tests else "passed"
    known = f", {attempt.known} failed already and will not count" if attempt.known else ""
    whole = f" ({duration(attempt.seconds)} with setup)" if attempt.candidate.setup else ""
    return f"{good} in {duration(attempt.check_seconds)}{whole}{known}"


def failed_words(attempt: TriedCandidate) -> str:
    """Why it did not pass, in one line."""
    first, _, rest = attempt.problem.partition("\n")
    said = summary(rest) if rest.strip() else ""
    reason = first.removesuffix(", on the base")
    for text in (*attempt.candidate.check, *attempt.candidate.setup):
        reason = reason.removeprefix(f"check `{text}` fails on the base: ")
        reason = reason.replace(f": `{text}`: ", ", ")  # it is shown beside it
    return clean(f"{reason}: {said}" if said else reason, _SAID)


def trial_lines(trials: Sequence[ProjectTrial]) -> list[str]:
    """What came of it, a line a part."""
    lines = []
    for trial in trials:
        name = clean(trial.part.name)
        if (attempt := trial.passed) is not None:
            lines.append(f"{name}: `{_joined(attempt.candidate.check)}`: {passed_words(attempt)}")
        else:
            lines.append(f"! {name}: nothing that was tried passes here")
        lines += [
            f"! left out: `{clean(text)}`: {clean(why, _SAID)}" for text, why in trial.refused
        ]
    return lines


# --- the file -----------------------------------------------------------------------------------


def file_text(found: Habits, trials: Sequence[ProjectTrial] | None) -> str:
    """The whole file. Without `trials` nothing was tried, and it says so."""
    chosen = list(_chosen(found, trials))
    checks = [text for one, more in chosen for text in (*one.check, *more)]
    setup = [text for one, _ in chosen for text in one.setup]
    setup = [*(found.setup if chosen else ()), *setup]
    inputs = [text for one, _ in chosen for text in one.inputs]
    linted = [text for part in found.parts for text in part.lint]
    tested = [
        "Commands that must pass on every branch and on the merged result.",
        *_reasons(found, trials),
    ]
    untested = "No tests were found. Without a check branches end unchecked."
    checkout = "Run once in every fresh checkout, which holds only what is in git."
    lint = "These are set up here too:"
    copy = "Untracked files that checkouts need too. Agents can read them: no secrets."
    protect = "Paths that judge the work, instead of tests, CI files and test configuration."
    parts = [
        "# How wtman works in this repository; every key is optional. Commands run only\n"
        "# after you approved their text (`wtman trust`). See `wtman help configuration`.\n",
        _key(tested, "check", map(_plain, checks))
        if checks
        else ""
        if trials
        else _idea(untested, "check", ["make test"]),
        *_failures(trials or ()),
        _idea(lint, "check", map(_plain, [*checks, *linted])) if linted and checks else "",
        _key([f"{checkout} Has the network."], "setup", setup)
        if setup
        else _idea(checkout, "setup", ["npm ci"]),
        _key(["The tracked files that the result of setup follows from."], "setup_inputs", inputs)
        if inputs
        else "",
        _idea(copy, "copy", found.copy or (".env.test",)),
        _idea(protect, "protect", ("tests/**", "golden/**")),
        "# The agent. Default: the first one that is installed and signed in.\n"
        '# agent = "claude"\n',
        "# Sessions at once, and the most that a run may cost.\n# jobs = 16\n# budget.usd = 20.0\n",
    ]  # fmt: skip
    return "\n".join(filter(None, parts))


def _chosen(
    found: Habits, trials: Sequence[ProjectTrial] | None
) -> Iterator[tuple[Candidate, tuple[str, ...]]]:
    """What goes into the file: of each part a candidate, and further checks that passed."""
    if trials is None:
        for part in found.parts:
            if part.candidates:
                yield part.best, ()
        return
    for trial in trials:
        if (attempt := trial.passed) is not None:
            yield attempt.candidate, tuple(one.command for one in trial.extra)


def chosen_commands(found: Habits, trials: Sequence[ProjectTrial] | None) -> tuple[str, ...]:
    """Every command text that the file has, as approvals know it."""
    chosen = list(_chosen(found, trials))
    texts = [*found.setup] if chosen else []
    texts += [text for one, more in chosen for text in (*one.check, *more, *one.setup)]
    return tuple(dict.fromkeys(texts))


def _reasons(found: Habits, trials: Sequence[ProjectTrial] | None) -> Iterator[str]:
    if trials is None:
        for part in found.parts:
            if part.candidates:
                yield f"{part.name} ({part.best.why}): not tried"
        return
    for trial in trials:
        if (attempt := trial.passed) is not None:
            why = f" ({attempt.candidate.why})" if attempt.candidate.why else ""
            words = passed_words(attempt)
            yield f"{trial.part.name}{why}: tried in a fresh checkout: {words}"
        for text, reason in trial.refused:
            yield f"left out, it did not pass here: `{clean(text)}`: {clean(reason, _SAID)}"


def _failures(trials: Sequence[ProjectTrial]) -> Iterator[str]:
    """Parts of which nothing worked: why, and the first proposal as comments."""
    for trial in trials:
        if trial.passed is not None or not trial.attempts:
            continue
        lines = [f"{trial.part.name}: nothing that was tried passes here:"]
        for attempt in trial.attempts:
            setup = "".join(f"{text}; " for text in attempt.candidate.setup)
            words = f"{setup}{'; '.join(attempt.candidate.check)}"
            lines.append(f"  `{words}`: {failed_words(attempt)}")
        first = trial.attempts[0].candidate
        keys = _key((), "check", map(_plain, first.check), "# ")
        keys += _key((), "setup", first.setup, "# ") if first.setup else ""
        yield "".join(f"# {clean(line)}\n" for line in lines) + keys


def _plain(text: str) -> str | Mapping[str, str]:
    return CheckCommand.of(text).plain


def _idea(why: str, key: str, values: Iterable[Any]) -> str:
    """A key that is commented out."""
    return _key([why], key, values, "# ")


def _key(why: Sequence[str], key: str, values: Iterable[Any], mark: str = "") -> str:
    """A key with the reasons for it."""
    quoted = [_value(value) for value in dict.fromkeys(map(_hashable, values))]
    whole = f"{mark}{key} = [{', '.join(quoted)}]"
    if len(whole) > _WIDTH and len(quoted) > 1:
        inner = "".join(f"{mark}    {value},\n" for value in quoted)
        whole = f"{mark}{key} = [\n{inner}{mark}]"
    return "".join(f"# {clean(line)}\n" for line in why) + f"{whole}\n"


def _hashable(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{name} = {_text(text)}" for name, text in value) + "}"
    return _text(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- JSON ---------------------------------------------------------------------------------------


def proposal_json(found: Habits, trials: Sequence[ProjectTrial] | None) -> dict[str, Any]:
    """The facts of it, for `init --json`."""
    by_part = {trial.part: trial for trial in trials or ()}
    chosen = list(_chosen(found, trials))
    setup = [*(found.setup if chosen else ()), *(text for one, _ in chosen for text in one.setup)]
    return {
        "tried": trials is not None,
        "check": list(dict.fromkeys(text for one, more in chosen for text in (*one.check, *more))),
        "setup": list(dict.fromkeys(setup)),
        "setup_inputs": list(dict.fromkeys(text for one, _ in chosen for text in one.inputs)),
        "copy": list(found.copy),
        "notes": list(found.notes),
        "parts": [_part_json(part, by_part.get(part)) for part in found.parts],
    }


def _part_json(part: Project, trial: ProjectTrial | None) -> dict[str, Any]:
    state = "not tried" if trial is None else "passed" if trial.passed else "failed"
    return {
        "kind": part.kind,
        "folder": part.folder,
        "state": state if part.candidates else "no tests",
        "lint": list(part.lint),
        "candidates": [
            {"check": list(one.check), "setup": list(one.setup), "why": one.why}
            for one in part.candidates
        ],
        "extra": [one.command for one in trial.extra] if trial is not None else [],
        "attempts": [
            {
                "check": list(one.candidate.check),
                "setup": list(one.candidate.setup),
                "passed": one.passed,
                "seconds": round(one.seconds, 1),
                "check_seconds": round(one.check_seconds, 1),
                "tests": one.tests,
                "failed_already": one.known,
                "reason": failed_words(one) if one.problem else "",
                "hint": one.hint,
            }
            for one in (trial.attempts if trial is not None else ())
        ],
    }
