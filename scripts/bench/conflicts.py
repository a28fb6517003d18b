#!/usr/bin/env python3
"""How well chances of conflicts hold, and the weights that they come from.

    .venv/bin/python scripts/bench/conflict_pairs.py ...     real pairs, with git's own verdict
    .venv/bin/python scripts/bench/conflicts.py pairs.json... [--write]
    .venv/bin/python scripts/bench/conflicts.py pairs.json... --shipped

Everything is judged on projects that its weights were not fitted on (leave one project out);
`--shipped` has the program itself tell its chances of the pairs, with the weights that it has,
and says where these differ from the facts that weights are fitted on.
`--write` fits on all of them and writes wtman/plan/conflicts/model.py. Plain Python; minutes with
numpy in the environment, which gives the same weights, much longer without.

What came out (2026-12; features: 652 pairs of 12 projects, 8 with both outcomes, base rate 0.77;
commits: 1,944 pairs of 15, base rate 0.21), each judged without its own project:

                          features: bal. acc. at 0.5, Brier    commits
    no model (base rate)        0.500  0.175                   0.500  0.167
    anchor                      0.811  0.088                   0.751  0.121
    in                          0.803  0.103                   0.739  0.127
    enclosing                   0.778  0.101                   0.716  0.130
    header                      0.708  0.128                   0.691  0.174
    anchor with lines           0.952  0.022  (n=498)          0.949  0.015  (n=1,487)
    words                       0.670  0.158                   0.500  0.139  (n=51, base 0.132)

Header on commits and words on commits are not better than the base rate by Brier score; words on
commits are at chance. The least of a project is 0.50 (features, anchor). Chosen in hindsight, by
looking at these very figures: HEAVY_PLACES, HEAVY_WORDS, the limits of 8 and 100 lines, and which
facts there are.

Pull requests of fourteen projects that came only after all that (2026-12; Python: celery, requests,
urllib3; Rust: axum, bat, mdBook; Go: cobra, echo, gin; JavaScript: axios, express, fastify; Java:
gson, mockito; `conflict_pairs.py --most 60 --read 36`, then `--shipped`), the program's own
chances, 854 pairs, base rate 0.18:

                          bal. acc. at 0.5, Brier
    no model (base rate)        0.500  0.146
    anchor                      0.741  0.119    0-20 %: 1 of 100 came; 40-60: 35; 80-100: 65
    in                          0.737  0.123
    enclosing                   0.718  0.127
    header                      0.716  0.173
    words                       0.520  0.156    (n=531, base 0.159)

By halves, as they came: six projects 0.811, Brier 0.109 (n=380), eight 0.678, 0.128 (n=474). Worst
is what no definition is found around: half a file behind the last one that is (axios), a comment of
a thousand lines in front of the first (mockito). How many lines such a gap has helps those (0.682
to 0.696, of weights that never saw the project), but weights fitted anew on features and pull
requests lose elsewhere (0.811 to 0.780): they lack the commits above. Words are no better than a
guess: all these pairs share a file, few titles name code, and 71 of the first 256 name a file or
definition in common. That the program reads only the most relevant files costs them nothing:
220 features are told as well with all definitions of their base.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan, log
from pathlib import Path

from conflict_model_text import module
from conflict_pairs import tasks_of
from conflict_places import WAYS
from logistic import auc, balanced, brier, fit, predict

from wtman.model.places import Definition
from wtman.plan.conflicts.briefs import FACTS as BRIEF_FACTS
from wtman.plan.conflicts.briefs import Lexicon, likeness
from wtman.plan.conflicts.chance import RepositoryFacts, conflict_chances, of_strangers
from wtman.plan.conflicts.model import BRIEFS, PLACES
from wtman.plan.conflicts.places import FACTS, LINE_FACTS, common, spots_of

# A conflict weighs more where places are known and less where only words are: so that 0.5 is
# about where as large a share of conflicts as of clean merges is told, while chances still beat
# the base rate.
HEAVY_PLACES, HEAVY_WORDS = 1.25, 0.55
# Features and commits weigh alike as wholes, for nobody knows of which a plan is more like; but
# a single pair at most this much, where there are few of its kind.
MOST_RARE = 4.0
MODEL = Path(__file__).parents[2] / "wtman/plan/conflicts/model.py"


@dataclass(frozen=True, slots=True)
class Row:
    """One pair as a model sees it."""

    project: str
    kind: str
    came: bool
    facts: tuple[float, ...]
    cell: str


def _defined(pair: dict) -> dict[str, list[Definition]]:
    return {
        path: [Definition(*item) for item in items] for path, items in pair["definitions"].items()
    }


def by_places(pairs: Iterable[dict], way: str, lines: bool) -> list[Row]:
    found = []
    for pair in pairs:
        defined = _defined(pair)
        touches = pair["lines" if lines else "touches"][way]
        shared = common(*(spots_of(side, defined) for side in touches))
        if shared and (shared.lines or not lines):
            facts = (*shared.facts, *shared.lines) if lines else shared.facts
            found.append(_row(pair, facts, shared.cell))
    return found


def by_words(pairs: Iterable[dict], data: dict) -> list[Row]:
    found = []
    for pair in pairs:
        if "read" not in pair:
            continue
        facts = facts_of(pair, data)
        lexicon = Lexicon(facts.files, facts.definitions, pair["briefs"])
        one, other = (lexicon.read(text) for text in pair["briefs"])
        counts = Counter([*one.words, *other.words])
        rarity = {word: log(1 + 2 / count) for word, count in counts.items()}
        alike = likeness(one, other, rarity)
        found.append(_row(pair, alike.facts, alike.cell))
    return found


def facts_of(pair: dict, data: dict) -> RepositoryFacts:
    """What the program knows of the base when it looks at the words of a pair."""
    read = {
        path: [Definition(*item) for item in data["blobs"][key]]
        for path, key in pair["read"].items()
    }
    return RepositoryFacts(data["bases"][pair["base"]], read)


def known_of(pair: dict, data: dict, *, placed: bool) -> RepositoryFacts:
    """What the program knows of the base: where both say places, of their files alone."""
    if not placed:
        return facts_of(pair, data)
    return RepositoryFacts(tuple(pair["definitions"]), _defined(pair))


def told(pair: dict, facts: RepositoryFacts, touches: Sequence[Sequence[str]] = ((), ())) -> float:
    """What the program says of a pair."""
    (said,) = conflict_chances(tasks_of(pair["briefs"], touches), facts)
    return said.chance


def shipped(data: dict) -> None:
    """How well the program tells the pairs with the weights that it has."""
    print(HEAD)
    pairs = [pair for pair in data["pairs"] if pair["kind"] != "apart"]
    for way in WAYS:
        seen, differ = [], 0
        for pair, row in zip(pairs, by_places(pairs, way, False), strict=True):
            facts = known_of(pair, data, placed=True)
            chance = told(pair, facts, pair["touches"][way])
            unsure = 0.0
            shared = common(*(spots_of(it, facts.definitions) for it in pair["touches"][way]))
            if shared and shared.unsure:
                unsure = PLACES.cell("")[0]
            differ += abs(_bounded(max(PLACES.chance(row.facts), unsure)) - chance) > 0.001
            seen.append((row, chance))
        report(f"program, places ({way})", seen)
        if way == "anchor":
            reliability(seen)
        print(f"  differs from the facts that are fitted on: {differ} of {len(seen)}")
    everything = [pair for pair in data["pairs"] if "read" in pair]
    rows = by_words(everything, data)
    seen = [
        (row, told(pair, facts_of(pair, data))) for pair, row in zip(everything, rows, strict=True)
    ]
    report("program, briefs", [it for it in seen if it[0].kind != "apart"])
    reliability([it for it in seen if it[0].kind != "apart"])
    differ = sum(
        abs(_bounded(max(BRIEFS.chance(row.facts), 1.1 * of_strangers())) - chance) > 0.001
        for row, chance in seen
        if row.cell != "nothing in common"
    )
    print(f"  differs from the facts that are fitted on: {differ} of {len(seen)}")
    whole = [(replace(row, kind="all"), chance) for row, chance in seen]
    report("program, briefs, with apart", whole)


def _bounded(chance: float) -> float:
    return min(max(chance, 0.01), 0.98)


def _row(pair: dict, facts: tuple[float, ...], cell: str) -> Row:
    return Row(pair["project"], pair["kind"], pair["conflict"], facts, cell)


def fitted(rows: Sequence[Row], heavy: float, ridge: float = 1.0) -> list[float]:
    """The weights of a model for these pairs."""
    counts = Counter(row.kind for row in rows)
    most = max(counts.values())
    weights = [min(most / counts[row.kind], MOST_RARE) * (heavy if row.came else 1) for row in rows]
    scale = len(rows) / sum(weights)
    weights = [weight * scale for weight in weights]
    return fit([row.facts for row in rows], [row.came for row in rows], weights, ridge)


def blind(train: Sequence[Row], heavy: float) -> dict[str, list[float]]:
    """For each project the weights that never saw it."""
    return {
        project: fitted([row for row in train if row.project != project], heavy)
        for project in sorted({row.project for row in train})
    }


def judged(models: dict[str, list[float]], rows: Sequence[Row]) -> list[tuple[Row, float]]:
    return [(row, predict(models[row.project], row.facts)) for row in rows]


HEAD = (
    f"{'':34}{'n':>6}{'base':>6}{'bal.5':>7}{'brier':>7}{'of base':>8}{'AUC':>6}"
    "   balanced accuracy by project: least, median, most"
)


def report(name: str, seen: Sequence[tuple[Row, float]]) -> None:
    """One line a kind of pairs."""
    for kind in sorted({row.kind for row, _ in seen}):
        some = [(row, chance) for row, chance in seen if row.kind == kind]
        came, chances = [row.came for row, _ in some], [chance for _, chance in some]
        base = sum(came) / len(came)
        each = []
        for project in {row.project for row, _ in some}:
            mine = [(row.came, chance) for row, chance in some if row.project == project]
            each.append(balanced([c for _, c in mine], [y for y, _ in mine], 0.5))
        each = sorted(value for value in each if not isnan(value))
        spread = f"{each[0]:.2f} {each[len(each) // 2]:.2f} {each[-1]:.2f} of {len(each)}"
        print(
            f"{name + ', ' + kind:34}{len(came):6}{base:6.2f}{balanced(chances, came, 0.5):7.3f}"
            f"{brier(chances, came):7.3f}{base * (1 - base):8.3f}{auc(chances, came):6.2f}"
            f"   {spread if each else ''}",
            flush=True,
        )


def reliability(seen: Sequence[tuple[Row, float]]) -> None:
    for low in range(0, 100, 20):
        some = [row.came for row, chance in seen if low <= chance * 100 < low + 20]
        if some:
            print(f"  said {low:2}-{low + 20:3} %: {sum(some) / len(some):4.0%} of {len(some)}")


def single(name: str, rows: Sequence[Row], told: Callable[[Row], float]) -> None:
    report(name, [(row, told(row)) for row in rows])


def cells(rows: Sequence[Row]) -> list[tuple[str, int, int]]:
    counts, came = Counter(row.cell for row in rows), Counter(row.cell for row in rows if row.came)
    return [(cell, count, came[cell]) for cell, count in counts.most_common()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--shipped", action="store_true")
    asked = parser.parse_args()
    data: dict = {"pairs": [], "bases": {}, "blobs": {}}
    for path in asked.pairs:
        more = json.loads(path.read_text())
        data["pairs"] += more["pairs"]
        data["bases"] |= more["bases"]
        data["blobs"] |= more["blobs"]
    if asked.shipped:
        shipped(data)
        return
    pairs = data["pairs"]
    shared = [pair for pair in pairs if pair["kind"] != "apart"]
    plain = {way: by_places(shared, way, False) for way in WAYS}
    lined = {way: by_places(shared, way, True) for way in WAYS}
    words = by_words(pairs, data)
    strangers = [row for row in words if row.cell == "nothing in common"]
    words = [row for row in words if row.cell != "nothing in common" and row.kind != "apart"]
    every = [row for rows in plain.values() for row in rows]
    every_lined = [row for rows in lined.values() for row in rows]
    print(HEAD)
    models = blind(every, HEAVY_PLACES)
    for way in WAYS:
        seen = judged(models, plain[way])
        report(f"places ({way})", seen)
        if way == "anchor":
            reliability(seen)
    models = blind(every_lined, HEAVY_PLACES)
    for way in WAYS:
        report(f"places, lines ({way})", judged(models, lined[way]))
    seen = judged(blind(words, HEAVY_WORDS), words)
    report("words", seen)
    reliability(seen)
    single("same file", plain["anchor"], lambda row: 1.0)
    single("same definition", plain["anchor"], lambda row: row.facts[0])
    single("words in common >= 0.2", words, lambda row: float(row.facts[3] >= 0.2))
    if asked.write:
        apart = [pair for pair in pairs if pair["kind"] == "apart"]
        fits = [
            ("PLACES", "Both say their places.", FACTS, every, plain["anchor"], HEAVY_PLACES),
            (
                "LINES",
                "Both say the lines of their places, too.",
                FACTS + LINE_FACTS,
                every_lined,
                lined["anchor"],
                HEAVY_PLACES,
            ),
            (
                "BRIEFS",
                "One side or both have nothing but words.",
                BRIEF_FACTS,
                words,
                words,
                HEAVY_WORDS,
            ),
        ]
        MODEL.write_text(
            module(
                time.strftime("%Y-%m"),
                [
                    (name, about, names, fitted(train, heavy), rows, cells(rows))
                    for name, about, names, train, rows, heavy in fits
                ],
                (len(apart), sum(pair["conflict"] for pair in apart)),
                (len(strangers), sum(row.came for row in strangers)),
                Counter(pair["kind"] for pair in pairs),
            )
        )


if __name__ == "__main__":
    main()
