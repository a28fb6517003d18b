#!/usr/bin/env python3
"""Real changes of a real project merged by wtman, against what can be landed at most.

Each commit of BASE..END (first parents, those that touch --paths) becomes a branch: picked
onto BASE, with its own lines where that conflicts. Files of --seed add made-up ones: TOML,
`[[branch]] name = ".."` with `[[branch.edit]] path, old, new` (no `old`: a new file). Then
`wtman merge --branches ...` runs, and what it says is held against the truth, which plain
`git cherry-pick` and the check itself give: every branch alone, every pair that conflicts,
and the largest sets without one of those, tried until one is green. Example:

    .venv/bin/python scripts/bench/episodes.py ~/src/click v8.1.0 v8.1.3 --paths src \\
        --check 'PYTHONPATH=src python -m pytest -q' --seed seeds.toml
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

_MOST_SETS = 60  # sets tried for the truth


@dataclass
class Ground:
    """A clone with its branches, and what plain git and the check say of sets of them."""

    repo: Path
    base: str
    check: str
    green: dict[str, bool] = field(default_factory=dict)  # by tree
    trees: dict[tuple[str, ...], str] = field(default_factory=dict)

    def git(self, *words: str, ok: bool = True) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.repo, capture_output=True, text=True, check=False
        )
        if ok and done.returncode:
            raise SystemExit(f"git {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip() if not done.returncode else ""

    def tree(self, names: tuple[str, ...]) -> str:
        """What `git cherry-pick` makes of these branches in order; empty: a conflict."""
        if names not in self.trees:
            self.git("checkout", "-q", "--detach", self.base)
            done = all(self._picked(f"{self.base}..{name}", "--allow-empty") for name in names)
            self.trees[names] = self.git("rev-parse", "HEAD^{tree}") if done else ""
        return self.trees[names]

    def _picked(self, what: str, *options: str) -> bool:
        words = ["git", "cherry-pick", "--keep-redundant-commits", *options, what]
        if subprocess.run(words, cwd=self.repo, capture_output=True, check=False).returncode:
            self.git("cherry-pick", "--abort", ok=False)
            self.git("reset", "-q", "--hard", self.base)
            return False
        return True

    def passes(self, tree: str) -> bool:
        """Whether the check is green on a tree, in a folder of its own."""
        if tree not in self.green:
            with tempfile.TemporaryDirectory() as folder:
                self.git("worktree", "prune")
                commit = self.git("commit-tree", tree, "-m", "x")
                self.git("worktree", "add", "-q", "--detach", f"{folder}/tree", commit)
                done = subprocess.run(
                    ["sh", "-c", self.check], cwd=f"{folder}/tree", capture_output=True, check=False
                )
                self.green[tree] = done.returncode == 0
        return self.green[tree]

    def branch(self, commit: str, number: int) -> str:
        """The branch of one upstream commit; empty where nothing can be made of it."""
        name = f"b{number:02d}-{commit[:7]}"
        self.git("checkout", "-q", "--detach", self.base)
        parents = self.git("rev-list", "--parents", "-1", commit).split()
        main = ["-m1"] if len(parents) > 2 else []
        words = ("-Xtheirs", *main)
        if not (self._picked(commit, *main) or self._picked(commit, *words)):
            return ""
        self.git("branch", name, "HEAD")
        return name if self.git("rev-parse", f"{name}^{{tree}}") != self.tree(()) else ""

    def seeded(self, seed: dict) -> str:
        self.git("checkout", "-q", "-b", seed["name"], self.base)
        for edit in seed["edit"]:
            file = self.repo / edit["path"]
            text = file.read_text() if edit.get("old") else ""
            if edit.get("old") and edit["old"] not in text:
                raise SystemExit(f"{seed['name']}: {edit['path']} has no {edit['old']!r}")
            file.write_text(text.replace(edit["old"], edit["new"]) if text else edit["new"])
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"{seed['name']}: made up")
        return seed["name"]


def truth(ground: Ground, names: tuple[str, ...]) -> tuple[int, list[str], set[frozenset[str]]]:
    """The most that land, who is red alone, and who conflicts, all by plain means."""
    torn = {frozenset(pair) for pair in combinations(names, 2) if not ground.tree(pair)}
    red = [name for name in names if not ground.passes(ground.tree((name,)))]
    tried = 0
    for size in range(len(names), 0, -1):
        for chosen in combinations(names, size):
            if any(pair <= set(chosen) for pair in torn) or (set(chosen) & set(red)):
                continue
            tree = ground.tree(chosen)
            tried += 1
            if tree and ground.passes(tree):
                return size, red, torn
            if tried > _MOST_SETS:
                return -1, red, torn
    return 0, red, torn


def wtman(ground: Ground, names: tuple[str, ...]) -> tuple[dict, float]:
    ground.git("checkout", "-q", "main")
    before = time.monotonic()
    words = [sys.executable, "-m", "wtman", "merge", "--json", "--check", ground.check]
    done = subprocess.run(
        [*words, *(word for name in names for word in ("--branches", name))],
        cwd=ground.repo, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), time.monotonic() - before


def episode(asked: argparse.Namespace, folder: Path) -> None:
    repo = folder / "repo"
    subprocess.run(["git", "clone", "-q", "--shared", "-n", asked.repo, repo], check=True)
    ground = Ground(repo, asked.base, asked.check)
    ground.base = ground.git("rev-parse", f"{asked.base}^{{commit}}")
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        ground.git("config", key, value)
    ground.git("checkout", "-q", "-B", "main", ground.base)
    if not ground.passes(ground.tree(())):
        raise SystemExit("the check is red on the base")
    span = f"{asked.base}..{asked.end}"
    commits = ground.git(
        "rev-list", "--reverse", "--first-parent", span, "--", *asked.paths
    ).split()[: asked.most]
    made = [ground.branch(commit, number) for number, commit in enumerate(commits, 1)]
    seeds = tomllib.loads(asked.seed.read_text())["branch"] if asked.seed else []
    names = tuple(name for name in made if name) + tuple(map(ground.seeded, seeds))

    told, seconds = wtman(ground, names)
    if "error" in told:
        raise SystemExit(json.dumps(told["error"], indent=1))
    most, red, torn = truth(ground, names)
    landed = tuple(told["landed"])
    tree = ground.git("rev-parse", "main^{tree}")
    same = tree == ground.tree(tuple(name for name in names if name in landed))
    print(f"{len(names)} branches, {len(torn)} pairs conflict, red alone: {', '.join(red) or '-'}")
    print(f"landed {len(landed)} of at most {most}; green: {ground.passes(tree)}; "
          f"as cherry-picked: {same}; {told['checks']} check runs, {seconds:.1f} s, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"adapted: {', '.join(told['adapted']) or '-'}")
    for item in told["excluded"]:
        print(f"  {item['task']}: {item['reason']} with {', '.join(item['with']) or '-'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repo")
    parser.add_argument("base")
    parser.add_argument("end")
    parser.add_argument("--check", required=True)
    parser.add_argument("--paths", nargs="*", default=["."])
    parser.add_argument("--most", type=int, default=12, help="commits at most (12)")
    parser.add_argument("--seed", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        episode(asked, Path(folder))


if __name__ == "__main__":
    main()
