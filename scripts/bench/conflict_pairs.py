#!/usr/bin/env python3
"""Real pairs of changes to one base, with git's own verdict on their merge, for conflicts.py.

    conflict_pairs.py --out pairs.json --features COOPERBENCH --mirrors DIR [NEIGHBOUR...]

COOPERBENCH and NEIGHBOUR are git directories (bare ones do), DIR has those of the projects of
CooperBench as owner+name/repo. Features are its patches without tests, each put on its base by
`git apply`. Neighbours are pull requests A and B of the first-parent history (a merge, or a commit
that names one) of which B was the next to touch what A had touched: B is moved in front of A, and
conflicts if git cannot (`--commits`: any commits). What changes only what A added is left out: a
plan would put it behind A. The brief of one is its title with the messages of its commits.
(Branches that were open at one time do not serve: who merges them has them fit first.)

What is known of the base is read as the program does it: by `conflict_facts`.
"""

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha1
from itertools import combinations
from pathlib import Path

from conflict_places import WAYS, Hunk, places
from conflict_repo import CODE, NONE, Change, Repo

from wtman.formats.definitions import definitions
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.plan.conflicts.facts import conflict_facts

MOST_BRIEF = 4_000  # characters
MOST_FILES, MOST_LINES, MOST_APART = 12, 400, 40
_MERGED = re.compile(r"Merge (?:pull request )?#\d+")
_SQUASHED = re.compile(r"\s*\(#\d+\)")
_TRAILER = re.compile(r"(?m)^[A-Z][A-Za-z-]+-by:.*$|^Change-Id:.*$")
_TESTS = ("/test_", "/tests/", "_test.py", "/test/", "tests.py")


def features(bench: Path, mirrors: Path, bases: dict[str, str], scratch: Path) -> Iterator[dict]:
    """The pairs of CooperBench."""
    source = Repo(scratch / "bench", [bench])
    head = source.head(bench)
    listed = source.git("ls-tree", "-r", "--name-only", head, "dataset")
    tasks: dict[str, list[str]] = {}
    for path in listed.split("\n"):
        if path.endswith("/feature.patch"):
            task, _, feature = path.removesuffix("/feature.patch").rpartition("/")
            tasks.setdefault(task, []).append(feature)
    repo = Repo(scratch / "features", sorted(mirrors.glob("*/repo")))
    for task, names in tasks.items():
        setup = source.git("show", f"{head}:{task}/setup.sh")
        found = re.search(r'BASE_COMMIT="(\w+)"', setup)
        base = bases.get(task.removeprefix("dataset/")) or (found[1] if found else "")
        sides = {}
        for name in names:
            patch = source.git("show", f"{head}:{task}/{name}/feature.patch")
            brief = source.git("show", f"{head}:{task}/{name}/feature.md")
            try:
                repo.git("read-tree", base)
                repo.git("apply", "--cached", "--ignore-whitespace", stdin=_untested(patch))
            except RuntimeError as error:
                print(f"left out: {task}/{name}: {error}")
                continue
            commit = repo.commit(repo.git("write-tree"), base)
            sides[name] = brief, commit, _change(repo, repo.raw(base, commit))
        for one, other in combinations(sorted(sides), 2):
            (first, left, a), (second, right, b) = sides[one], sides[other]
            project = task.split("/")[1]
            came = not repo.merged(left, right)
            yield _pair(repo, project, "feature", base, came, (first, second), (a, b))


def _untested(patch: str) -> str:
    parts = re.split(r"(?m)^(?=diff --git )", patch)
    kept = [part for part in parts if not any(t in part.split("\n")[0] for t in _TESTS)]
    return "".join(kept).rstrip("\n") + "\n"


def _change(repo: Repo, blobs: dict[str, tuple[str, str]]) -> Change:
    return {path: (old, repo.hunks(old, new)) for path, (old, new) in blobs.items()}


def neighbours(source: Path, most: int, scratch: Path, kind: str) -> Iterator[dict]:
    """Neighbouring pull requests (or all commits) of one history as pairs, and some that share no
    file."""
    project = source.parent.name
    repo = Repo(scratch / f"of-{project}", [source])
    dice = random.Random(project)
    line = repo.line(repo.head(source), 4_000)
    commits = [commit for commit, *_ in line]
    bases = [base for _, base, _, _ in line]
    blobs = [change for _, _, _, change in line]
    small = [
        _small(change)
        and (kind == "commit" or bool(_MERGED.match(title) or _SQUASHED.search(title)))
        for _, _, title, change in line
    ]
    last: dict[str, int] = {}
    pairs: list[tuple[int, int, list[str]]] = []
    for number, change in enumerate(blobs):
        for before in {last[path] for path in change if path in last} if small[number] else ():
            both = change.keys() & blobs[before].keys()
            fits = all(
                last[path] == before
                and change[path][0] == blobs[before][path][1]
                and NONE not in (*change[path], *blobs[before][path])
                for path in both
            )
            if fits and small[before] and number - before <= 40:
                pairs.append((before, number, sorted(both)))
        last.update(dict.fromkeys(change, number))
    dice.shuffle(pairs)
    made = 0
    for before, number, both in pairs:
        found = _moved(repo, blobs[before], blobs[number], both)
        if found is None:
            continue
        came, one, other = found
        briefs = _brief(repo, commits[before]), _brief(repo, commits[number])
        yield _pair(repo, project, kind, bases[before], came, briefs, (one, other))
        made += 1
        if made == most:
            break
    able = [number for number, fits in enumerate(small) if fits]
    for one in dice.sample(able, min(MOST_APART, len(able) // 3)):
        near = [n for n in able if one < n <= one + 40 and not blobs[one].keys() & blobs[n].keys()]
        if near:
            other = dice.choice(near)
            briefs = _brief(repo, commits[one]), _brief(repo, commits[other])
            sides = _change(repo, blobs[one]), _change(repo, blobs[other])
            yield _pair(repo, project, "apart", bases[one], False, briefs, sides)


def _brief(repo: Repo, commit: str) -> str:
    """What a pull request says: its title and the messages of its commits."""
    subject, _, body = repo.git("log", "-1", "--format=%B", commit).partition("\n")
    if _MERGED.match(subject):
        said = repo.git("log", "--no-merges", "--format=%B", "-n20", f"{commit}^1..{commit}^2")
        subject, body = "", f"{body}\n{said}"
    told = _TRAILER.sub("", f"{_SQUASHED.sub('', subject)}\n{body}")
    return re.sub(r"\n{2,}", "\n\n", told).strip()[:MOST_BRIEF]


def _small(change: dict[str, tuple[str, str]]) -> bool:
    return 0 < len(change) <= MOST_FILES and any(path.endswith(CODE) for path in change)


def _moved(
    repo: Repo,
    first: dict[str, tuple[str, str]],
    second: dict[str, tuple[str, str]],
    both: Sequence[str],
) -> tuple[bool, Change, Change] | None:
    """Whether B conflicts with A if it is moved in front of it, and both as changes to the base
    of A; None for what cannot be a pair."""
    try:
        trees = [
            repo.git(
                "mktree", stdin="".join(f"100644 blob {b}\tf{n}\n" for n, b in enumerate(side))
            )
            for side in (
                [first[path][1] for path in both],
                [first[path][0] for path in both],
                [second[path][1] for path in both],
            )
        ]
        start = repo.commit(trees[0])
        tree = repo.merged(repo.commit(trees[1], start), repo.commit(trees[2], start))
        one, other = _change(repo, first), _change(repo, second)
    except RuntimeError:
        return None  # the copy lacks a large file
    for number, path in enumerate(both):
        old = first[path][0]
        if tree:
            other[path] = old, repo.hunks(old, repo.git("rev-parse", f"{tree}:f{number}"))
            continue
        back = _back(one[path][1], other[path][1])
        if back is None:
            return None
        other[path] = old, back
    for side in (one, other):
        lines = sum(hunk.count + len(hunk.added) for _, patch in side.values() for hunk in patch)
        if not 0 < lines <= MOST_LINES:
            return None
    return not tree, one, other


def _back(before: Sequence[Hunk], patch: Sequence[Hunk]) -> tuple[Hunk, ...] | None:
    """Hunks on top of a change, in lines of the base of that change; None if one of them
    only changes what was added there."""
    regions, off = [], 0
    for hunk in before:
        start = (hunk.first if hunk.count else hunk.first + 1) + off
        regions.append((start, start + hunk.new_count, hunk))
        off += hunk.new_count - hunk.count

    def line(number: int) -> tuple[int, Hunk | None]:
        moved = 0
        for start, end, hunk in regions:
            if number < start:
                break
            if number < end:
                return hunk.first, hunk
            moved += hunk.new_count - hunk.count
        return number - moved, None

    found = []
    for hunk in patch:
        if not hunk.count:
            at, inside = line(hunk.first)
            if inside and not inside.count and line(hunk.first + 1)[1] is inside:
                return None
            last = inside.first + max(inside.count, 1) - 1 if inside else at
            found.append(Hunk(last, 0, hunk.new_count, hunk.header, hunk.added))
            continue
        ends = [line(number) for number in range(hunk.first, hunk.first + hunk.count)]
        if all(inside and not inside.count for _, inside in ends):
            return None
        real = [(at, at + max(it.count, 1) - 1 if it else at) for at, it in ends]
        real = [span for span, (_, it) in zip(real, ends, strict=True) if it is None or it.count]
        low, high = min(span[0] for span in real), max(span[1] for span in real)
        found.append(Hunk(low, high - low + 1, hunk.new_count, hunk.header, hunk.added))
    return tuple(found)


def _pair(
    repo: Repo,
    project: str,
    kind: str,
    base: str,
    came: bool,
    briefs: Sequence[str],
    sides: Sequence[Change],
) -> dict:
    texts = {path: repo.text(old) for side in sides for path, (old, _) in side.items()}
    defined = {path: definitions(path, text) for path, text in texts.items()}
    pair: dict = {
        "project": project,
        "kind": kind,
        "base": base,
        "conflict": came,
        "briefs": list(briefs),
        "definitions": {
            path: [[item.name, item.kind, item.first, item.last] for item in items]
            for path, items in defined.items()
        },
    }
    for key, lines in (("touches", False), ("lines", True)):
        pair[key] = {
            way: [
                [
                    text
                    for path, (_, patch) in side.items()
                    for text in places(
                        path, patch, defined[path], texts[path].split("\n"), way, lines
                    )
                ]
                for side in sides
            ]
            for way in WAYS
        }
    return pair


def read(repo: Repo, pair: dict, blobs: dict[str, list]) -> tuple[list[str], dict[str, str]]:
    """What the program reads of a base to tell two briefs: its files, and by path the key of what
    is known to be defined there."""
    ctl = prepare(discover(str(repo.folder)))
    tracked = repo.git("ls-tree", "-r", "--name-only", "--full-tree", pair["base"]).split("\n")
    found = conflict_facts(ctl, Sha(pair["base"]), tracked, tasks_of(pair["briefs"]))
    keys = {}
    for path, items in found.definitions.items():
        rows = [[item.name, item.kind, item.first, item.last] for item in items]
        keys[path] = sha1(json.dumps(rows).encode()).hexdigest()[:16]
        blobs[keys[path]] = rows
    return tracked, keys


def tasks_of(briefs: Sequence[str], touches: Sequence[Sequence[str]] = ((), ())) -> list[Task]:
    """A pair as the tasks of a plan."""
    return [
        Task(TaskId(f"task-{number}"), prompt=brief, touches=tuple(places))
        for number, (brief, places) in enumerate(zip(briefs, touches, strict=True))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--mirrors", type=Path)
    parser.add_argument("--bases", type=Path, help="JSON: a task to the base to use instead")
    parser.add_argument("--most", type=int, default=130, help="pairs of a history")
    parser.add_argument("--commits", action="store_true", help="all commits, not pull requests")
    parser.add_argument("--read", type=int, default=100, help="bases read for briefs a project")
    parser.add_argument("histories", nargs="*", type=Path)
    asked = parser.parse_args()
    pairs, bases, blobs = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if asked.features:
            instead = json.loads(asked.bases.read_text()) if asked.bases else {}
            pairs += features(asked.features, asked.mirrors, instead, scratch)
        for history in asked.histories:
            pairs += neighbours(history, asked.most, scratch, "commit" if asked.commits else "pull")
        sources = [*asked.histories, *(asked.mirrors.glob("*/repo") if asked.mirrors else ())]
        repo = Repo(scratch / "all", sources)
        left = Counter(dict.fromkeys({pair["project"] for pair in pairs}, asked.read))
        for pair in random.Random(0).sample(pairs, len(pairs)):
            if left[pair["project"]]:
                left[pair["project"]] -= 1
                bases[pair["base"]], pair["read"] = read(repo, pair, blobs)
    asked.out.write_text(json.dumps({"pairs": pairs, "bases": bases, "blobs": blobs}))
    print(f"{len(pairs)} pairs, {sum(pair['conflict'] for pair in pairs)} conflicts")


if __name__ == "__main__":
    main()
