"""The conservation proof in words. Pure."""

from wtman.merge.proof.proof import Proof
from wtman.merge.proof.violations import Violation
from wtman.text.terminal import clean, count

_SAID = {
    "back": "is there although it was removed",
    "twice": "is there once more than anybody wrote it",
    "foreign": "was written by nobody",
    "order": "is not where it was put",
}


def summary(proof: Proof) -> str:
    """One line."""
    if not proof.proven:
        number = len(proof.violations) + proof.more
        return f"Integrity check failed: {count(number, 'violation')}"
    parts = [f"{proof.present} of {count(proof.hunks, 'hunk')} merged"]
    if proof.superseded:
        parts.append(f"{proof.superseded} superseded by a later branch")
    if proof.adapted:
        parts.append(f"{proof.adapted} adapted")
    return f"Integrity check passed: {', '.join(parts)}, no unrelated line removed"


def violation_text(item: Violation) -> str:
    """One violation as a sentence."""
    place = f"`{clean(item.path, 200).replace('`', chr(39))}`" if item.path else "the train"
    whose = f"of {item.owner}" if item.owner else "of the target"
    line = f"`{clean(item.line, 120).replace('`', chr(39))}`"
    if item.kind == "tip":
        return f"{item.task or 'the train'}: the commits are not those of the tree that was checked"
    if item.kind == "clash":
        return f"{item.task}: {place} was changed on both sides in one place, and one was chosen"
    if item.kind == "mode":
        return f"{item.task}: {place} has a mode that neither side gave it"
    if item.kind == "lost":
        what = f"line {line}" if item.line else "the file or an empty line of it,"
        return f"{item.task}: {place}: {what} {whose} is gone"
    what = f"line {line}" if item.line else "the file or an empty line of it"
    return f"{item.task}: {place}: {what} {_SAID[item.kind]}"
