"""`wtman restore`: what `clean` or a retry took away is listed, or brought back."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.home import Home, a_run, require_idle
from wtman.coordinator.outcome import next_told
from wtman.errors import UsageError
from wtman.journal.events import Recalled
from wtman.journal.state import State
from wtman.model.ids import RunId
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean as cleaned
from wtman.text.terminal import count, storage
from wtman.text.words import did_you_mean, iso, quoted

if TYPE_CHECKING:
    from wtman.git.control_dir import Control
    from wtman.worktrees.restore import CleanedTask, MovedAside, ReplacedAttempt, SetAside

    Removed = CleanedTask | ReplacedAttempt | SetAside


_BESIDE = "kept from its worktree or branch, beside the work of its sessions"


def restore(
    ctx: typer.Context,
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", show_default=False, help="`id`, `RUN/id`, or a whole RUN."),
    ] = "",
    attempt: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", show_default=False, help="The work of this attempt, as a branch."
        ),
    ] = 0,
    merge: Annotated[
        str,
        typer.Option(metavar="RUN", help="Move the target back to before the last merge of RUN."),
    ] = "",
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Bring back what clean or a retry removed in the last 14 days; list it without TASK.

    A worktree comes back with its commit and what no commit had. What setup and tools had made
    there is not kept: setup runs again before the next session.

    With --merge RUN the last merge of that run is taken back, while nothing came after it: its
    tasks are verified again, and wtman merge can land them again.
    """
    if merge and (task or attempt):
        raise UsageError("name a TASK or --merge RUN, not both")
    with target.journal(ctx, directory) as home:
        if merge:
            return _undo(home, merge, as_json)
        from wtman.git.control_dir import prepare
        from wtman.worktrees.restore import CleanedTask

        control = prepare(home.repo)
        removed = _removed(home, control, every=bool(attempt))
        states = [home.state(run) for run in home.store.runs()]
        dismissed = [state for state in states if _may_be_recalled(state)]
        aside = [item for state in states for item in _aside(state)]
        if not task:
            _list(removed, aside, dismissed, as_json)
            return 0
        named = [item for item in aside if task in (item.task, f"{item.run}/{item.task}")]
        if named and not any(
            (item.run, item.task) == (named[0].run, named[0].task) for item in removed
        ):
            _list((), named, (), as_json)  # files alone: they are where it says
            return 0
        whole = next((state.run for state in dismissed if state.run == task), None)
        own = any(item.run == whole and isinstance(item, CleanedTask) for item in removed)
        wanted = [] if whole and not own else _chosen(home, removed, task, attempt)
        _bring_back(home, control, wanted, whole, as_json)
        return 0


def _undo(home: Home, name: str, as_json: bool) -> int:
    from wtman.coordinator.merge_undo import undo_merge

    done = undo_merge(home, a_run(home, name))
    event, run = done.event, a_run(home, name)
    if as_json:
        told = {"run": run, "target": event.target, "before": event.before, "after": event.after}
        plain = {**told, "tasks": list(event.tasks), "pushed": list(done.pushed)}
        print(json.dumps({"schema": SCHEMA, "undone": plain}, ensure_ascii=True))
        return 0
    for text in done.told:
        print(cleaned(text, 400))
    target_name = cleaned(event.target)
    print(f"{target_name} is back at {event.before[:10]}, before the merge {event.after[:10]}")
    for remote in done.pushed:
        print(f"! {cleaned(remote)} has that merge already: others may have it too")
    state = home.state(run)
    if not state.kind.external:
        names = ", ".join(cleaned(state.label(task)) for task in event.tasks)
        print(f"not merged any more: {names}")
    if done.cleaned:
        print(target.here(f"\nnext: wtman restore {run}"))
    elif not state.kind.external:
        print()
        print(target.here("\n".join(next_told(state, live=False))))
    return 0


def _may_be_recalled(state: State) -> bool:
    """Whether the run was dismissed, and can be brought back."""
    from wtman.worktrees.clean import KEPT_SECONDS

    return bool(state.dismissed) and time.time() - state.dismissed <= KEPT_SECONDS


def _aside(state: State) -> "tuple[MovedAside, ...]":
    from wtman.worktrees.restore import moved_aside

    return moved_aside(state, time.time())


def _removed(home: Home, control: "Control", *, every: bool) -> "list[Removed]":
    from wtman.worktrees.restore import cleaned, replaced, set_aside

    now = time.time()
    found: list[Removed] = []
    for run in home.store.runs():
        state = home.state(run)
        found += cleaned(state, home.store.events(run), now)
        found += replaced(control, state, now, every=every)
        found += set_aside(control, state, now)
    return found


def _chosen(home: Home, removed: "Sequence[Removed]", text: str, attempt: int) -> "list[Removed]":
    """What the words of the command mean: a cleaned task, an attempt, or all of a run."""
    from wtman.worktrees.restore import CleanedTask, ReplacedAttempt

    run, _, task = text.rpartition("/")
    fits = [item for item in removed if item.task == task and item.run.startswith(run)]
    fits = [item for item in fits if item.run == run] or fits
    if attempt:
        fits = [
            item for item in fits if isinstance(item, ReplacedAttempt) and item.attempt == attempt
        ]
    elif tasks := [item for item in fits if isinstance(item, CleanedTask)]:
        fits = list(tasks)
    if not fits and not run and not attempt:
        whole = [item for item in removed if item.run == text and isinstance(item, CleanedTask)]
        if whole:
            return list({item.task: item for item in whole}.values())
    if not fits:
        _refuse(home, removed, text)
    if len({item.run for item in fits}) > 1:
        named = ", ".join(dict.fromkeys(f"{item.run}/{item.task}" for item in fits))
        raise UsageError(
            f"{quoted(text)} was removed in more than one run: {named}",
            hint=f"name the run too: wtman restore {fits[-1].run}/{task}",
        )
    return fits[-1:]


def _refuse(home: Home, removed: "Sequence[Removed]", text: str) -> None:
    names = [f"{item.run}/{item.task}" for item in removed]
    tasks = [item.task for item in removed]
    guess = "" if text in (*names, *tasks) else did_you_mean(text, [*names, *tasks])
    raise UsageError(
        f"nothing of {quoted(text)} was removed in the last 14 days{guess}",
        hint="see what was: wtman restore; what stands: wtman status --all",
    )


def _list(
    removed: "Sequence[Removed]",
    aside: "Sequence[MovedAside]",
    dismissed: Sequence[State],
    as_json: bool,
) -> None:
    from wtman.worktrees.clean import KEPT_SECONDS

    untils = {state.run: iso(state.dismissed + KEPT_SECONDS) for state in dismissed}
    if as_json:
        moved = [
            {"run": item.run, "task": item.task, "path": item.path, "until": iso(item.until)}
            for item in aside
        ]
        told = {
            "schema": SCHEMA,
            "removed": [_plain(item) for item in removed],
            "moved": moved,
            "dismissed": [{"run": run, "until": until} for run, until in untils.items()],
        }
        print(json.dumps(told, ensure_ascii=True))
        return
    if not (removed or aside or dismissed):
        print("nothing was removed in the last 14 days")
        return
    for item in removed:
        until = iso(item.until)[:10]
        terminal.say(f"{item.run}/{item.task}  {cleaned(_words(item), 300)}; until {until}")
    for left in aside:
        until = iso(left.until)[:10]
        terminal.say(
            f"{left.run}/{left.task}  moved out of its worktree: {left.path}; until {until}"
        )
    for run, until in untils.items():
        print(f"{run}  dismissed; until {until[:10]}: wtman restore {run}")
    if removed:
        print(f"  to bring one back: {_command(removed[-1])}")


def _command(item: "Removed") -> str:
    from wtman.worktrees.restore import ReplacedAttempt

    number = f" --attempt {item.attempt}" if isinstance(item, ReplacedAttempt) else ""
    return f"wtman restore {item.run}/{item.task}{number}"


def _words(item: "Removed") -> str:
    from wtman.worktrees.restore import CleanedTask, SetAside

    if isinstance(item, SetAside):
        return f"{_BESIDE}: {item.commit[:10]}"
    if not isinstance(item, CleanedTask):
        return f"attempt {item.attempt} at {item.commit[:10]}, {item.why}"
    event = item.event
    parts = [f"cleaned {iso(item.at)}"]
    if event.refs:
        parts.append(f"branch at {event.head[:10]} ({count(item.commits, 'commit')})")
    if event.folder:
        held = f" with {count(event.files, 'file')} that no commit has" if event.files else ""
        parts.append(f"worktree{held}" + (f", {storage(event.size)}" if held else ""))
    return ", ".join(parts)


def _plain(item: "Removed") -> dict[str, Any]:
    from wtman.worktrees.restore import CleanedTask, SetAside

    common = {"run": item.run, "task": item.task}
    times = {"removed": iso(item.at), "until": iso(item.until), "restore": _command(item)}
    if isinstance(item, SetAside):
        return {**common, "by": "set aside", "commit": item.commit, "reason": _BESIDE, **times}
    if not isinstance(item, CleanedTask):
        what = {"by": "retry", "attempt": item.attempt, "commit": item.commit, "reason": item.why}
        return {**common, **what, **times}
    event = item.event
    return {
        **common,
        "by": "clean",
        "commit": event.head or None,
        "refs": sorted(event.refs),
        "folder": event.folder or None,
        "files": event.files,
        "ignored": event.ignored,
        "bytes": event.size,
        **times,
    }


def _bring_back(
    home: Home,
    control: "Control",
    wanted: "Sequence[Removed]",
    recalled: RunId | None,
    as_json: bool,
) -> None:
    told = []
    if recalled is not None:
        with home.store.lock(recalled):
            _recall(home, recalled)
        if not as_json:
            print(f"{recalled}  shown again")
    for item in wanted:
        require_idle(home, item.run)
        with home.store.lock(item.run):
            _recall(home, item.run)
            names, worktree, words = _restored(home, control, item)
        told.append(
            {"run": item.run, "task": item.task, "refs": names, "worktree": worktree or None}
        )
        if not as_json:
            print(f"{item.run}/{item.task}  {words}")
    if as_json:
        print(
            json.dumps(
                {"schema": SCHEMA, "restored": told, "recalled": recalled}, ensure_ascii=True
            )
        )


def _recall(home: Home, run: RunId) -> None:
    """Show a run again that was dismissed."""
    if home.state(run).dismissed:
        home.store.append(run, [Recalled()], time.time())


def _restored(home: Home, control: "Control", item: "Removed") -> tuple[list[str], str, str]:
    """The names that are back, the worktree, and both for people."""
    from wtman.worktrees.restore import CleanedTask, SetAside, branch_off, bring_back

    if not isinstance(item, CleanedTask):
        is_new = branch_off(control, item)
        verb = "is now" if is_new else "was already"
        if isinstance(item, SetAside):
            return [item.branch], "", f"{item.commit[:10]} {verb} branch {item.branch}"
        return [item.branch], "", f"attempt {item.attempt} {verb} branch {item.branch}"
    state = home.state(item.run)
    event = bring_back(control, state, item)
    home.store.append(item.run, [event], time.time())
    names = sorted(name.removeprefix("refs/heads/") for name in item.event.refs)
    where = f", worktree {event.worktree}" if event.worktree else ""
    if event.worktree and state.settings.brings:
        where += "; setup runs again before its next session"
    return names, event.worktree, f"restored: {', '.join(names) or 'no branch'}{where}"
