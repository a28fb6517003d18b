"""Paths that judge the work: tests, CI, the configuration of checks.

Pure. A branch may change them, but then its green check says less: so it is also judged
with these paths as they were when it started. What it adds stays; a failure that shows
only there is a *changed expectation*, said to the user, and refused where the task
does not own the path.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.formats.gitignore import matches, outside
from wtman.model.changes import Change
from wtman.model.check import CheckResult, Verdict
from wtman.model.values import dataclass

DEFAULT = tuple(
    (
        # Tests, by the habits of the common languages.
        "test/ tests/ __tests__/ spec/ test_*.py *_test.py conftest.py *_test.go *.test.[jt]s "
        "*.test.[jt]sx *.test.[cm][jt]s *.spec.[jt]s *.spec.[jt]sx *.spec.[cm][jt]s *_spec.rb "
        "*Test.java *Test.php "
        # Who runs them.
        ".github/ .gitlab-ci.yml .circleci/ .travis.yml azure-pipelines.yml Jenkinsfile "
        ".pre-commit-config.yaml "
        # How they are run.
        "pytest.ini .pytest.ini tox.ini tox.toml noxfile.py setup.cfg pyproject.toml mypy.ini "
        "ruff.toml .coveragerc Makefile justfile package.json tsconfig*.json jest.config.* "
        "vitest.config.* vitest.workspace.* .mocharc* eslint.config.* .eslintrc* phpunit.xml*"
    ).split()
)
_SHOWN = 5


def protected(protect: Sequence[str], changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes that touch what judges the work; `protect` empty: what usually does."""
    patterns = tuple(protect) or DEFAULT
    return tuple(item for item in changes if item.old is not None and matches(patterns, item.path))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What came of the second look. `results` replace those of the first."""

    results: tuple[CheckResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        return not self.notes


def compare(
    results: Sequence[CheckResult],
    restored: Sequence[CheckResult],
    paths: Sequence[str],
    owns: tuple[str, ...],
) -> Expectation | None:
    """What the checks say with the old `paths` and not without; None where they agree.

    Both are in the order of the commands.
    """
    foreign = outside(owns, paths)
    shown = ", ".join((foreign or tuple(paths))[:_SHOWN])
    if len(foreign or paths) > _SHOWN:
        shown += f" and {len(foreign or paths) - _SHOWN} more"
    judged, notes, found = [], [], False
    for now, before in zip(results, restored, strict=True):
        if now.verdict is Verdict.RED or before.verdict is not Verdict.RED:
            judged.append(now)
            continue
        found = True
        said = f"changed expectation: with {shown} as at the start, {before.reason or 'red'}"
        if foreign:
            tests = before.new_failures
            judged.append(replace(now, verdict=Verdict.RED, reason=said, new_failures=tests))
            continue
        judged.append(now)
        tests = before.new_failures[:_SHOWN]
        failing = f" ({', '.join(tests)})" if tests else ""
        notes.append(f"{said}{failing} in check `{now.command}`")
    return Expectation(tuple(judged), tuple(notes)) if found else None
