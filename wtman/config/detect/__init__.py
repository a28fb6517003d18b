"""What a repository's files say about how it is tested and set up.

Pure, and only a proposal: what each ecosystem's own tools would do in a fresh checkout. One
small file an ecosystem; each says what may test a project in one folder, the best first, and
nothing of it is run before its user has read it. What CI of the repository runs, and scripts
that it has, go before what is usual.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from wtman.config.detect import ci, go, jvm, native, node, others, python, rust
from wtman.config.detect.folder import ProjectFolder, TrackedPaths, is_apart, root, table
from wtman.config.detect.model import Candidate, Habits, Project, WantedVersion
from wtman.text.late_pattern import late

__all__ = [
    "Candidate",
    "Habits",
    "Project",
    "ProjectFolder",
    "TrackedPaths",
    "WantedVersion",
    "habits",
    "read_first",
]

# What people keep beside their code and out of git, and a run may want.
LOCAL = (".env", ".env.local", ".env.test", ".env.development", "local.settings.json")
_DEPTH = 3  # folders below the root in which a project of its own is looked for
_PARTS = 8
_READ = late(
    r"(?:pyproject\.toml|setup\.(?:py|cfg)|tox\.ini|pytest\.ini|noxfile\.py|package\.json"
    r"|[\w.-]*requirements[\w.-]*\.(?:txt|in)|pnpm-workspace\.yaml"
    r"|lerna\.json|\.yarnrc\.yml|\.python-version|\.nvmrc|\.node-version|\.ruby-version|rust-toolchain(?:\.toml)?"
    r"|global\.json|Cargo\.toml|go\.mod|Gemfile|[\w.-]+\.gemspec|Rakefile|composer\.json|pom\.xml"
    r"|(?:build|settings)\.gradle(?:\.kts)?|[^/]+\.(?:cs|fs|vb)proj|CMakeLists\.txt"
    r"|CMakePresets\.json|meson\.build|(?:GNU)?[Mm]akefile|\.?[Jj]ustfile|Taskfile\.ya?ml"
    r"|\.gitignore|\.gitmodules)"
)
_READ_BELOW = late(r"(?:.*/)?(?:requirements/[\w.-]+\.(?:txt|in)|spec/(?:spec|test)_helper\.rb)")
_MOST_READ, _MOST_TESTS = 300, 30
# Endings of what says how a project is set up or tested only under the names that are told here.
_CODE = dict.fromkeys(
    "ts tsx js jsx mjs cjs go java rs c h cc cpp hpp cs php kt scala md rst css html png".split(),
    (),
) | {"py": ("setup.py", "noxfile.py"), "rb": ("_helper.rb", "gems.rb")}

Look = Callable[[ProjectFolder], Project | None]
_ECOSYSTEMS: tuple[tuple[str, Look], ...] = (
    (r"pyproject\.toml|setup\.py|setup\.cfg|requirements\.txt", python.look),
    (r"package\.json", node.look),
    (r"go\.mod", go.look),
    (r"Cargo\.toml", rust.look),
    (r"pom\.xml", jvm.maven),
    (r"(?:settings|build)\.gradle(?:\.kts)?", jvm.gradle),
    (r"build\.sbt", jvm.sbt),
    (r"[^/]+\.(?:slnx?|csproj|fsproj|vbproj)", others.dotnet),
    (r"composer\.json|phpunit(?:\.dist)?\.xml(?:\.dist)?", others.php),
    (r"Gemfile|gems\.rb", others.ruby),
    (r"CMakeLists\.txt", native.cmake),
    (r"meson\.build", native.meson),
    (r"mix\.exs|deno\.jsonc?|Package\.swift|build\.zig|pubspec\.yaml", others.simple),
)


def read_first(files: Iterable[str] | TrackedPaths) -> tuple[str, ...]:
    """The files whose texts `habits` wants, the nearest to the root first."""
    # Sorted is what was chosen, not a large repository whole.
    files = TrackedPaths.of(files)
    near = [path for path in _told(files) if path.count("/") <= _DEPTH + 1]
    tests = [path for path in python.tests(files) if path.count("/") <= _DEPTH + 1]
    told = _nearest(path for path in near if path[0] == "." and ci.is_ci(path))
    told += _nearest(path for path in near if _is_read(path) and not is_apart(path))
    locks = _nearest(path for path in near if path.rpartition("/")[2] == "yarn.lock")[:3]
    tests = _nearest(tests)[:_MOST_TESTS]
    return tuple(dict.fromkeys((*told[:_MOST_READ], *locks, *tests)))


def _told(files: TrackedPaths) -> Iterator[str]:
    """The files that could tell something by their name: those of a large repository are code."""
    for ending, paths in files.by_ending.items():
        if ending not in _CODE:
            yield from paths
        elif names := _CODE[ending]:
            yield from (path for path in paths if path.endswith(names))


def _is_read(path: str) -> bool:
    if _READ.fullmatch(path, path.rfind("/") + 1):
        return True
    return ("requirements/" in path or "spec/" in path) and bool(_READ_BELOW.fullmatch(path))


def _nearest(names: Iterable[str]) -> list[str]:
    """Paths, the nearest to the root first."""
    return sorted(names, key=lambda name: (name.count("/"), name))


def habits(
    files: Iterable[str] | TrackedPaths, texts: Mapping[str, str], local: Collection[str]
) -> Habits:
    """What the tracked `files` say. `texts` are the contents of those that `read_first` names,
    `local` the names at the root that are not tracked."""
    top = root(files, texts, ci.commands(texts))
    parts = [replace(part, candidates=_distinct(part.candidates)) for part in _parts(top)]
    notes = [note for part in parts for note in part.notes]
    if len(parts) > _PARTS:
        left = ", ".join(part.name for part in parts[_PARTS:][:5])
        notes.append(f"{len(parts) - _PARTS} more projects are not proposed: {left}")
    update = "git submodule update --init --recursive"
    return Habits(
        tuple(parts[:_PARTS]),
        (update,) if ".gitmodules" in top else (),
        tuple(name for name in LOCAL if name in local),
        tuple(dict.fromkeys(notes)),
    )


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each once, by what it runs."""
    first: dict[tuple[tuple[str, ...], tuple[str, ...]], Candidate] = {}
    for one in candidates:
        first.setdefault((one.check, one.setup), one)
    return tuple(first.values())


def _parts(top: ProjectFolder) -> list[Project]:
    found: list[Project] = []
    marked = _marked(top.files)
    for marks, look in _ECOSYSTEMS:
        folders = _folders(marked, marks)
        # Tests alone make no project at the root where folders below are projects.
        here = not folders or any(re.fullmatch(marks, path) for path in marked)
        own = [part for part in [look(top) if here else None] if part is not None]
        for name in [] if _covers(top, look, own) else folders:
            inside = any(name.startswith(f"{part.folder}/") for part in own if part.folder)
            if inside and look is not go.look:
                continue
            part = look(top.inner(name))
            if part is not None and (part.candidates or not own):
                own.append(part)
        found += own
    calls = tuple(native.runners(top))
    tested = [part for part in found if part.candidates]
    if not tested and calls:
        # Who has only a Makefile to say it, says it there.
        kind = calls[0].check[0].partition(" ")[0]
        return [*found, Project(kind, "", calls)]
    if len(tested) == 1 and not tested[0].folder and calls:
        one = replace(tested[0], candidates=_ranked(tested[0], calls))
        found = [one if part is tested[0] else part for part in found]
    return [
        *(part for part in found if part.candidates),
        *(part for part in found if not part.candidates),
    ]


def _ranked(part: Project, calls: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """The candidates of the only part, with targets of make that CI knows or nothing else does."""
    setups = part.best.setup
    return (*part.candidates, *(replace(one, setup=setups) for one in calls[:2]))


def _marked(files: TrackedPaths) -> list[str]:
    """The few of all files that are the mark of some ecosystem and not apart."""
    pattern = re.compile("|".join(marks for marks, _ in _ECOSYSTEMS))
    return [
        path
        for path in _told(files)
        if pattern.fullmatch(path, path.rfind("/") + 1)
        and path.count("/") <= _DEPTH
        and not is_apart(path)
    ]


def _folders(marked: Iterable[str], marks: str) -> list[str]:
    """Folders below the root that have one of the marks, the outermost first."""
    pattern = re.compile(marks)
    split = (path.rpartition("/") for path in marked)
    return _nearest({folder for folder, slash, name in split if slash and pattern.fullmatch(name)})


def _covers(top: ProjectFolder, look: Look, own: list[Project]) -> bool:
    """Whether the project at the root speaks for those below it."""
    if not own:
        return False
    if look is go.look:
        return False  # a module is tested by itself
    if look is node.look:
        return node.is_workspace(top) or bool(own[0].candidates)
    if look is python.look:
        workspace = table(top.project, "tool", "uv", "workspace")
        return bool(workspace) or bool(top.first(*python.MANIFESTS)) or bool(own[0].candidates)
    return True
