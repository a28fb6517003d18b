"""Branches that the user names, whoever made them."""

from collections.abc import Mapping, Sequence

from wtman.errors import UsageError
from wtman.git import branches
from wtman.git.discovery import Repository
from wtman.model.ids import Sha
from wtman.text.words import did_you_mean, quoted


def heads_of(repo: Repository, names: Sequence[str]) -> dict[str, Sha]:
    """The tip of each branch; `a,b` means two where nothing is called that."""
    words = tuple(dict.fromkeys(names))
    found = branches.tips(repo, words)
    parts = tuple(
        part
        for word in words
        for part in (word.split(",") if found[word] is None else [word])
        if part
    )
    if parts != words:
        found |= branches.tips(repo, [part for part in parts if part not in found])
    missing = [name for name in dict.fromkeys(parts) if found[name] is None]
    if missing:
        shown = ", ".join(quoted(name) for name in missing)
        near = did_you_mean(missing[0], branches.names(repo)) if len(missing) == 1 else ""
        raise UsageError(
            f"there is no branch {shown}{near}", hint="see git branch --all; a commit will do, too"
        )
    return {name: tip for name in parts if (tip := found[name]) is not None}


def once(heads: Mapping[str, Sha]) -> tuple[dict[str, Sha], dict[str, str]]:
    """The heads, each commit under the name given first; and the other names, with that one."""
    first: dict[Sha, str] = {}
    for name, head in heads.items():
        first.setdefault(head, name)
    same = {name: first[head] for name, head in heads.items() if first[head] != name}
    return {name: head for head, name in first.items()}, same
