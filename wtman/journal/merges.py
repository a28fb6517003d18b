"""Which merges of a run move a branch of the user's, going by its journal."""

from collections.abc import Iterable

from wtman.journal import events as e


def is_moved(events: Iterable[e.Event], ref: str, new: str) -> bool:
    """Whether a merge among these events has moved `ref`, a full name, to `new`, or is under
    way and may. A taken branch that has landed is deleted: `new` is "" then."""
    branch = ref.removeprefix("refs/heads/")
    open_for, external = "", False
    for event in events:
        match event:
            case e.ExternalBranchAdded() if event.branch == branch:
                external = True
            case e.MergeAsked():
                open_for = "" if event.patch_only or event.dry_run else event.target
            case e.MergeFailed():
                open_for = ""
            case e.Landed():
                if event.moved and (event.target, event.after) == (branch, new):
                    return True
                open_for = ""
            case e.MergeUndone() if (event.target, event.before) == (branch, new):
                return True
    return open_for == branch or (external and not new)


def standing(events: Iterable[e.Event]) -> list[e.Landed]:
    """The merges that moved the target and were not taken back, the last one last."""
    found: list[e.Landed] = []
    for event in events:
        match event:
            case e.Landed() if event.moved and event.after != event.before:
                found.append(event)
            case e.MergeUndone():
                found = [item for item in found if item.after != event.after]
    return found
