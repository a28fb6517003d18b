"""A merge of a run, or of any branches: asked about, driven, and what came of it."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wtman.cli import progress, target, terminal
from wtman.cli.drive import driven
from wtman.cli.pull_request import Opened, publisher
from wtman.coordinator import merge as order
from wtman.coordinator.create import open_store
from wtman.coordinator.external_merge import merge_of_branches
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import exit_status, next_told
from wtman.coordinator.resolution import require_resolver, resolve
from wtman.errors import MissingError, OutsideError, WtmanError
from wtman.git.discovery import Repository
from wtman.journal.events import BaseChecked, Event, Landed, MergeAsked, MergeFailed, Resumed
from wtman.journal.state import MergeView, State
from wtman.model.ids import Sha
from wtman.model.states import RunKind
from wtman.text.terminal import clean, count
from wtman.ui.findings import blind
from wtman.ui.merge_report import answer, lines

WHOLE, PER_TASK = "whole", "task"  # what a pull request is for
Publish = Callable[[State, Landed], Opened]


def put_in_order(repo: Repository, wanted: MergeAsked, as_json: bool) -> None:
    """Before anything is looked at: what a merge that was cut off has left in a checkout."""
    for text in order.put_in_order(repo, wanted):
        if not as_json:
            print(clean(text, 400))


def merge_run(
    home: Home, state: State, wanted: MergeAsked, pr: str, resolver: str | None, as_json: bool
) -> int:
    """Merge the branches of a run. `resolver` is that of the command line: None does not speak
    of one, "" wants whoever the run has; what was given up before is then tried again."""
    again = resolver is not None
    if not again and (landed := order.merged_already(home.repo, state, wanted)) is not None:
        if not as_json:
            print(f"run {state.run} is merged already")
        return _tell(state, landed, {}, None, as_json)
    asked = order.merge_of_run(home.repo, state, wanted, again)
    for text in () if as_json else order.told_of_units(state, wanted):
        print(clean(text, 400))
    agent = require_resolver(home, state, asked, resolver)
    publish = publisher(home.repo, asked.target, pr == PER_TASK) if pr else None
    if tasks := order.unchecked(state, asked):
        if as_json or not terminal.may_ask():
            raise MissingError(
                f"branches of run {state.run} were judged by no check, "
                "and there is no terminal to ask on",
                hint=f"give it one: wtman merge {state.run} --check CMD; or say --unchecked",
                code="unchecked",
            )
        print(f"judged by no check: {', '.join(tasks)}")
        question = f"Land {'it' if len(tasks) == 1 else 'them'} unchecked?"
        asked = replace(asked, unchecked=bool(terminal.ask(question)))
    events = order.begin(home.repo, state, asked)
    for missing in () if as_json else blind(state):
        print(f"! {clean(missing)} (wtman review {state.run})")
    return _finish(home, state, events, as_json, {}, publish, agent, again)


def merge_branches(
    repo: Repository,
    names: Sequence[str],
    wanted: MergeAsked,
    allow_failing_base: bool,
    pr: str,
    as_json: bool,
) -> int:
    """Merge the branches `names`, which wtman did not make."""
    with progress.Progress("reading the branches", quiet=as_json):
        ordered = merge_of_branches(repo, names, wanted, allow_failing_base)
    asked = ordered.asked
    publish = publisher(repo, asked.target, pr == PER_TASK) if pr else None
    with open_store(repo) as store:
        home = Home(repo, store)
        left = ordered.interrupted(home)
        for name, first in () if as_json else ordered.same.items():
            print(f"{clean(name)}  is {clean(first)}, named once more")
        uncommitted = ordered.uncommitted(repo)
        for item in () if as_json else uncommitted:
            print(f"! {clean(item.text, 400)}")
        if left is not None:
            external = {view.branch for view in left.tasks.values()}
            present = {name: tip for name, tip in ordered.heads.items() if name not in external}
            return _finish(home, left, [Resumed("merge")], as_json, present, publish)
        found = ordered.take(home)
        if not found.branches:
            asked = replace(asked, uncommitted=uncommitted)
            return _nothing(asked, found.present, as_json)
        unchecked = asked.unchecked
        if not asked.check and not unchecked:
            if as_json or not terminal.may_ask():
                raise MissingError(
                    "there is no check to judge these branches, and no terminal to ask on",
                    hint="give one with --check CMD; or say --unchecked",
                    code="unchecked",
                )
            many = count(len(found.branches), "branch")
            print(f"no check judges {many}: only conflicts would be found")
            unchecked = bool(terminal.ask("Land unchecked?"))
        state = ordered.create(home, found, unchecked, uncommitted)
        return _finish(home, state, [], as_json, found.present, publish)


def _nothing(asked: MergeAsked, present: Mapping[str, Sha], as_json: bool) -> int:
    """All of it is in the target already."""
    if as_json:
        landed = Landed(asked.target, asked.before, asked.before, {})
        view = MergeView(asked=asked, at=0.0, on=asked.before)
        told = answer(State(kind=RunKind.MERGE, merge=view), landed, present)
        print(json.dumps(told, ensure_ascii=True))
        return 0
    for name in present:
        print(f"{clean(name)} is in {clean(asked.target) or 'HEAD'} already")
    print("there is nothing to merge: no commit that the target does not have")
    return 0


def _finish(
    home: Home,
    state: State,
    events: Sequence[Event],
    as_json: bool,
    present: Mapping[str, Sha],
    publish: Publish | None,
    resolver: str = "",
    afresh: bool = False,
) -> int:
    """Drive a merge to its end, telling what happens, and say what came of it.

    `present` are branches that need no merge because the target has them; `publish`
    makes a pull request of it and gives its address.
    """

    def wanted(event: Event) -> bool:
        """The failure of a merge is an error at the end, with its hint; with a resolver it is
        told, for then there is more to the merge. So is a base that fails. What has landed is
        what the answer begins with."""
        if isinstance(event, BaseChecked):
            return not event.problem
        return bool(resolver) or not isinstance(event, MergeFailed | Landed)

    def drive(state: State, events: Sequence[Event]) -> State:
        with progress.told(sys.stdout, quiet=as_json, wanted=wanted) as watch:
            return driven(home, state.run, events, watch, after=state.seq)

    for name in () if as_json else present:
        print(f"{clean(name)}  is in {clean(state.target) or 'HEAD'} already")
    before = state.seq
    state = drive(state, events)
    merge = state.merge
    landed = merge.landed if merge is not None else None
    if merge is not None and landed is not None and resolver:
        state = resolve(home, state, merge.asked, resolver, drive, afresh=afresh)
        # Whatever has become of what was excluded, this much has landed.
        landed = (state.merge.landed or state.merge.so_far) if state.merge is not None else None
    if state.merge is not None and state.merge.asked.dry_run:
        # Stopped on the way, too: nobody is to go on with a dry run.
        order.take_back(home, state, before)
    if landed is None:
        return _unfinished(state, as_json)
    return _tell(state, landed, present, publish, as_json)


def _tell(
    state: State,
    landed: Landed,
    present: Mapping[str, Sha],
    publish: Publish | None,
    as_json: bool,
) -> int:
    """Say what came of a merge that is over; its exit status."""
    opened = publish(state, landed) if publish is not None else Opened()
    if as_json:
        told = answer(state, landed, present)
        more = {"pr": opened.whole, "prs": dict(opened.tasks)} if publish else {}
        print(json.dumps({**told, **more}, ensure_ascii=True))
    else:
        width = terminal.width() if sys.stdout.isatty() else 0
        print("\n" + "\n".join(lines(state, landed, width)))
        if opened.whole:
            print(f"\npull request: {clean(opened.whole, 200)}")
        elif opened.tasks:
            print("\npull requests, to be merged in this order:")
            for name, address in opened.tasks.items():
                print(f"  {clean(name)}  {clean(address, 200)}")
        elif advice := _next(state):
            print()
            print(target.here("\n".join(advice)))
    if state.paused is not None:
        return 4
    if state.stopped is not None:
        return 130
    return int(bool(landed.excluded) or not (landed.commits or present))


def _unfinished(state: State, as_json: bool) -> int:
    """The exit status of a merge that did not come to its end, or the error that it met."""
    merge, base = state.merge, state.base_checked
    if merge is not None and merge.failed is not None:
        raise WtmanError(merge.failed.reason, hint=merge.failed.hint, code="merge")
    if state.kind.external and base is not None and base.problem:
        raise MissingError(base.problem, hint=base.hint, code="base")
    if state.failed is not None:
        raise WtmanError(state.failed.reason, hint=state.failed.hint, code="merge")
    if state.paused is not None:
        if as_json:  # the lines for people have said it
            raise OutsideError(f"paused: {state.paused.reason}", hint=state.paused.hint)
        return 4
    return 130 if state.stopped is not None else exit_status(state)


def _next(state: State) -> list[str]:
    merge = state.merge
    if state.kind.external and not (merge is not None and merge.asked.patch_only):
        return []  # its own command, or nothing
    if merge is not None and merge.asked.dry_run:
        return [f"next: wtman merge {state.run}"]
    if merge is not None and merge.landed is not None and merge.landed.patches:
        if merge.asked.patch_only:
            return [f"next: wtman verify {target.typed(merge.landed.patches)}"]
    return next_told(state, False)
