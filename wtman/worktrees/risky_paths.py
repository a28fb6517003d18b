"""What a branch changes that acts on others later: worth a look before it is merged.

Pure. Nothing of this is forbidden, and much of it honest: a note for whoever decides. The
files meant are those that a tool obeys as soon as it finds them: an editor that opens the
folder, a shell that enters it, a test runner, an agent, a build server, git itself.
"""

import json
from collections.abc import Iterable, Sequence

from wtman.formats.gitignore import matches
from wtman.model.values import dataclass

_MOST = 6  # paths named for each kind
LINK, PROGRAM, SUBMODULE = "120000", "100755", "160000"

# What obeys a file, and the files.
_OBEYED = {
    "configures coding agents": (
        "**/.claude/settings*.json **/.claude/hooks/ **/.claude/commands/ **/.claude/agents/ "
        "**/.claude/skills/ .mcp.json .cursor/ .codex/ .gemini/ .opencode/ opencode.json "
        ".aider.conf.yml .github/copilot*"
    ),
    "runs in the shell of whoever enters the folder": ".envrc .env .tool-versions",
    "runs in the editor of whoever opens the folder": ".vscode/ .idea/ *.code-workspace",
    "runs inside every Python or test run": "conftest.py sitecustomize.py usercustomize.py *.pth",
    "runs on the build server": (
        ".github/workflows/ .github/actions/ .gitlab-ci.yml .circleci/ .travis.yml "
        "azure-pipelines.yml Jenkinsfile .buildkite/ bitbucket-pipelines.yml"
    ),
    "runs when somebody commits": (
        ".husky/ .pre-commit-config.yaml lefthook.yml .githooks/ .lefthook/"
    ),
    "tells git how to treat files": ".gitattributes .gitmodules .lfsconfig",
    "configures wtman": "wtman.toml /.wtman/ /.worktreeinclude",
}
_DATA = tuple(
    ".json .yaml .yml .toml .md .txt .csv .xml .html .css .svg .png .jpg .jpeg .gif .pdf .lock "
    ".ini .cfg .rst".split()
)
_INSTALL = ("preinstall", "install", "postinstall", "prepare", "prepublish")


@dataclass(frozen=True, slots=True)
class PathModes:
    """A path that a branch changes: its modes before and after ("" absent), and where a
    link leads."""

    path: str
    old: str
    new: str
    target: str = ""


def suspects(touched: Iterable[PathModes]) -> tuple[str, ...]:
    """A line for each kind of thing that is there, naming its paths."""
    items = [item for item in touched if item.new != item.old or item.new]
    notes: list[str] = []
    for what, listed in _OBEYED.items():
        patterns = tuple(listed.split())
        paths = [item.path for item in items if item.new and matches(patterns, item.path)]
        notes += _note(f"changes what {what}", paths)
    links = [f"{item.path} -> {item.target}" for item in items if _leaves(item)]
    notes += _note("a symlink leads out of the tree", links)
    modules = [item.path for item in items if SUBMODULE in (item.old, item.new)]
    notes += _note("changes a submodule", modules)
    data = [
        item.path
        for item in items
        if item.new == PROGRAM and item.old != PROGRAM and item.path.lower().endswith(_DATA)
    ]
    return (*notes, *_note("makes a data file executable", data))


def install_hooks(before: str, after: str) -> tuple[str, ...]:
    """Scripts of a package.json that run when somebody installs, where they are new."""
    old, new = _scripts(before), _scripts(after)
    return tuple(name for name in _INSTALL if new.get(name) and new.get(name) != old.get(name))


def _scripts(content: str) -> dict[str, str]:
    try:
        scripts = json.loads(content)["scripts"]
        return {str(name): str(value) for name, value in scripts.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _note(what: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
    return [f"{what}: {', '.join(sorted(paths)[:_MOST])}{more}"]


def _leaves(item: PathModes) -> bool:
    """Whether a link leads above the root, to an absolute place, or into a `.git`."""
    if item.new != LINK:
        return False
    if item.target.startswith(("/", "~")) or "\\" in item.target:
        return True
    place = item.path.split("/")[:-1]
    for part in item.target.split("/"):
        if part == "..":
            if not place:
                return True
            place.pop()
        elif part not in ("", "."):
            place.append(part)
    return any(part.lower() == ".git" for part in place)
