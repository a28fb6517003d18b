"""The conservation proof in words: Markdown for the report, lines for a terminal. Pure."""

from collections.abc import Iterator

from wtman.merge.proof.proof import Account, Adapted, Proof
from wtman.merge.proof.violations import Violation
from wtman.text.terminal import clean, count

_SAID = {
    "back": "is there although it was removed",
    "twice": "is there once more than anybody wrote it",
    "foreign": "was written by nobody",
    "order": "is not where it was put",
}
_SHOWN = 10


def summary(proof: Proof) -> str:
    """One line."""
    if not proof.proven:
        number = len(proof.violations) + proof.more
        return f"conservation not proven: {count(number, 'violation')}"
    parts = [f"{proof.present} of {count(proof.hunks, 'hunk')} in the result"]
    if proof.superseded:
        parts.append(f"{proof.superseded} superseded")
    if proof.adapted:
        parts.append(f"{proof.adapted} adapted")
    kept = f"{proof.kept} of {count(proof.lines, 'line')} of the target kept in the files changed"
    return f"nothing lost: {', '.join(parts)}; {kept}, each deletion has its author"


def markdown(proof: Proof) -> list[str]:
    """The section of the report, without its heading."""
    lines = [summary(proof), ""]
    lines += ["| task | hunks | present | superseded | adapted | lines deleted |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    lines += [_row(item) for item in proof.members]
    facts = [*_deletions(proof), *(_adaptation(item) for item in proof.adaptations)]
    facts += [violation_text(item) for item in proof.violations]
    if proof.more:
        facts.append(f"and {count(proof.more, 'violation')} more")
    return lines + ([""] if facts else []) + [f"- {fact}" for fact in facts]


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


def _row(item: Account) -> str:
    by = ", ".join(f"{other.by} {other.hunks}" for other in item.superseded_by)
    superseded = f"{item.superseded} ({by})" if by else str(item.superseded)
    cells = (item.task, item.hunks, item.present, superseded, item.adapted, item.deleted)
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _deletions(proof: Proof) -> Iterator[str]:
    for item in proof.members:
        if item.deleted_files:
            shown = ", ".join(f"`{clean(path, 200)}`" for path in item.deleted_files[:_SHOWN])
            rest = len(item.deleted_files) - _SHOWN
            yield f"{item.task} deleted {shown}" + (f" and {rest} more" if rest > 0 else "")


def _adaptation(item: Adapted) -> str:
    facts = [f"{len(item.lost)} lines of either side not in the result"] if item.lost else []
    if item.repeated:
        facts.append(f"{count(item.repeated, 'line')} that both wrote there twice")
    more = f": {', '.join(facts)}" if facts else ""
    return f"{item.task}: `{clean(item.path, 200)}` adapted ({item.how}){more}"
