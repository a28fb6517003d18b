"""A scratch repository to put commits together in, and what a change is."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from conflict_places import Hunk, hunks

CODE = (".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".c", ".h", ".vue")
NONE = "0" * 40
_WHO = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_FILES = re.compile(r":(?!160000)\d+ (?!160000)")
Change = dict[str, tuple[str, tuple[Hunk, ...]]]  # by path: the blob of the base, and the hunks


class Repo:
    """A scratch repository that sees the objects of others."""

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        self.folder = folder
        subprocess.run(("git", "init", "-q", "--bare", folder), check=True)
        lines = "".join(f"{source.resolve()}/objects\n" for source in sources)
        (folder / "objects/info/alternates").write_text(lines)
        self.env = {**os.environ, **_WHO, "GIT_INDEX_FILE": str(folder / "index")}

    def git(self, *words: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            ("git", f"--git-dir={self.folder}", *words),
            input=stdin.encode(),
            capture_output=True,
            env=self.env,
            check=False,
        )
        if done.returncode not in ok:
            raise RuntimeError(f"git {words[0]}: {done.stderr.decode()[:200]}")
        return done.stdout.decode(errors="replace").removesuffix("\n")

    def head(self, source: Path) -> str:
        """The newest commit of one of the others."""
        words = ("git", f"--git-dir={source}", "rev-parse", "HEAD")
        return subprocess.check_output(words, text=True).strip()

    def commit(self, tree: str, *parents: str) -> str:
        return self.git("commit-tree", tree, "-m", "x", *(f"-p{parent}" for parent in parents))

    def merged(self, one: str, other: str) -> str:
        """The tree of a merge; empty where git sees a conflict."""
        said = self.git("merge-tree", "--write-tree", one, other, ok=(0, 1)).split("\n")
        return said[0] if len(said) == 1 or not any("CONFLICT" in line for line in said) else ""

    def text(self, blob: str) -> str:
        """What a file says; nothing of a submodule."""
        if blob == NONE:
            return ""
        return self.git("cat-file", "blob", blob, ok=(0, 128))

    def hunks(self, old: str, new: str) -> tuple[Hunk, ...]:
        if old == new or NONE in (old, new):
            return ()
        return hunks(self.git("diff", "-U0", old, new))

    def raw(self, *words: str) -> dict[str, tuple[str, str]]:
        """By path the blobs before and after; submodules have none."""
        return _raw(self.git("diff-tree", "-r", "--no-abbrev", "--no-renames", *words))

    def line(self, head: str, most: int) -> list[tuple[str, str, str, dict[str, tuple[str, str]]]]:
        """The newest commits of a main line, the oldest first: each with its first parent, its
        subject, and by path the blobs before and after."""
        words = ("-m", "--raw", "--no-abbrev", "--no-renames", "--format=%x01%H %P%x02%s%x02")
        said = self.git("log", "--first-parent", f"-n{most}", *words, head)
        found = []
        for part in reversed(said.split("\x01")[1:]):
            names, subject, raw = part.split("\x02")
            if " " in names.strip():
                found.append((*names.split()[:2], subject, _raw(raw)))
        return found


def _raw(said: str) -> dict[str, tuple[str, str]]:
    rows = (line.partition("\t") for line in said.split("\n") if _FILES.match(line))
    return {path: (about.split()[2], about.split()[3]) for about, _, path in rows}
