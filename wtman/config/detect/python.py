"""Python: uv, poetry, pdm, pipenv, pip, tox and nox; pytest, unittest and Django."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from wtman.config.detect.folder import ProjectFolder, TrackedPaths, table
from wtman.config.detect.model import Candidate, Project, WantedVersion
from wtman.config.detect.python_needs import TestNeeds, guessed, poetry_words, uv_words, ways

_TEST = re.compile(r"(?:test_.*|.*_tests?|tests?)\.py")
MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg")
_VENV = ".venv/bin/python -m"


def tests(files: TrackedPaths) -> list[str]:
    """Those that are called as files of tests."""
    named = [path for path in files.by_ending.get("py", ()) if "test" in path]
    return [path for path in named if _TEST.fullmatch(path, path.rfind("/") + 1)]


def look(place: ProjectFolder) -> Project | None:
    """The Python project here."""
    project = place.first(*MANIFESTS)
    wants = place.has_any(
        r"[\w.-]*requirements[\w.-]*\.txt|requirements/[\w.-]+\.txt", "requirements"
    )
    tested = tests(place.files)
    if not project and not tested and not (wants and place.ending("py")):
        return None
    if project == "pyproject.toml" and not tested and not place.ending("py"):
        return None  # it only configures a tool
    tester = _tester(place, tested)
    program = tester.partition(" ")[0]
    found = list(_candidates(place, tester, program)) if tester else []
    run = _run_of(found[0], tester) if found else ""
    return Project(
        "Python",
        place.name,
        tuple(dict.fromkeys(found)),
        (),
        tuple(place.check(text) for text in _lint(place, run)) if run else (),
        tuple(_versions(place)),
        tuple(_notes(place, "install -q -e" in "".join(found[0].setup))) if found else (),
    )


def _tester(place: ProjectFolder, tests: Collection[str]) -> str:
    """The tester as arguments of `python -m`; empty: none."""
    told = "\n".join(
        text for name, text in place.texts.items() if not name.startswith(".") and "/." not in name
    )
    if "manage.py" in place and not re.search(r"\bpytest\b", told):
        return "manage.py test"
    if re.search(r"\bpytest\b", told) or place.has_any(r"(?:.*/)?conftest\.py", "conftest.py"):
        return "pytest -q"
    if not tests:
        return "tox -q" if "tox.ini" in place else ""
    if any("unittest" in place.text(path) for path in tests):
        root = next((path.partition("/")[0] for path in sorted(tests) if "/" in path), "")
        packaged = not root or f"{root}/__init__.py" in place
        return "unittest -q" if packaged else f"unittest discover -q -s {root} -t ."
    return "pytest -q"


def _candidates(place: ProjectFolder, tester: str, program: str) -> Iterator[Candidate]:
    if "uv.lock" in place:
        words = " ".join(("uv sync -q", *uv_words(place, program)))
        run = "uv run --no-sync"
        yield place.candidate(_with(run, tester), words, "uv.lock")
        if "--all-extras" not in words:
            yield place.candidate(
                _with(run, tester), f"{words} --all-extras --all-groups", "uv.lock, with all groups"
            )
    if "poetry.lock" in place:
        words = " ".join(("poetry install -q", *poetry_words(place, program)))
        setup = f"POETRY_VIRTUALENVS_IN_PROJECT=1 {words}"
        yield place.candidate(_with("poetry run", tester), setup, "poetry.lock")
    if "pdm.lock" in place:
        yield place.candidate(_with("pdm run", tester), "pdm sync -q -G :all", "pdm.lock")
    if "Pipfile.lock" in place:
        setup = "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"
        yield place.candidate(_with("pipenv run", tester), setup, "Pipfile.lock")
    yield from _by_pip(place, tester, program)
    if "tox.ini" in place or table(place.project, "tool", "tox"):
        yield place.candidate("tox -q -e py --skip-pkg-install", "tox -q -e py --notest", "tox.ini")
    if "noxfile.py" in place:
        session = _nox_session(place)
        if session:
            setup = f"nox -s {session} --install-only"
            yield place.candidate(f"nox -R -s {session}", setup, "noxfile.py")


def _by_pip(place: ProjectFolder, tester: str, program: str) -> Iterator[Candidate]:
    """An environment of its own that pip fills, the fullest way first."""
    extra = guessed(place)
    packaged = _is_package(place)
    known = ways(place, program)
    own = (program,) if program in ("pytest", "tox", "nox") else ()
    for needs in known:
        # Requirements that are all of a project rarely have the tester, too.
        yield _venv(place, tester, replace(needs, words=(*needs.words, *own)), packaged)
    if len(known) > 1:
        several = TestNeeds(
            tuple(dict.fromkeys(word for one in known[:3] for word in one.words)) + own,
            tuple(dict.fromkeys(name for one in known for name in one.extras)),
            tuple(dict.fromkeys(name for one in known for name in one.groups)),
            "all that it says of tests",
        )
        yield _venv(place, tester, several, packaged)
    if packaged or extra or known:
        words = tuple(
            word for one in known if one.words and "-r" in one.words[0] for word in one.words
        )
        yield _venv(
            place, tester, TestNeeds((*words, *own, *extra), why="what its tests import"), packaged
        )
        return
    yield place.candidate(_with("python3 -m", tester), (), "its tests")
    if own:
        yield _venv(place, tester, TestNeeds(own, why="its tests"), packaged)


def _venv(place: ProjectFolder, tester: str, needs: TestNeeds, packaged: bool) -> Candidate:
    words = []
    if packaged:
        words.append(f"-e '.[{','.join(needs.extras)}]'" if needs.extras else "-e .")
    words += [f"--group {name}" for name in needs.groups]
    words += dict.fromkeys(needs.words)
    # --group came with pip 25.1, which the python that makes the environment may not have.
    newer = f" && {_VENV} pip install -q -U pip" if needs.groups else ""
    install = f" && {_VENV} pip install -q {' '.join(words)}" if words else ""
    setup = f"python3 -m venv .venv{place.hide('.venv')}{newer}{install}"
    return place.candidate(_with(_VENV, tester), setup, needs.why)


def _with(run: str, tester: str) -> str:
    """The tester called by `uv run` and the like, or as a module."""
    if tester.startswith("manage.py"):
        return f"{run.removesuffix(' -m')} {'' if run.endswith('-m') else 'python '}{tester}"
    if run.endswith("-m") or not tester.startswith("unittest"):
        return f"{run} {tester}"
    return f"{run} python -m {tester}"


def _run_of(first: Candidate, tester: str) -> str:
    """What stands before the tester."""
    from wtman.model.check import CheckCommand

    run = CheckCommand.of(first.check[0]).run
    return run.removesuffix(f" {tester}").removesuffix(" python -m").removesuffix(" python")


def _is_package(place: ProjectFolder) -> bool:
    if place.first("setup.py", "setup.cfg") and "metadata" in place.text("setup.cfg") + "metadata":
        if "setup.py" in place or "[metadata]" in place.text("setup.cfg"):
            return True
    return "build-system" in place.project or "project" in place.project


def _nox_session(place: ProjectFolder) -> str:
    text = place.text("noxfile.py")
    found = re.search(r"(?m)^def ((?:unit_?)?tests?\w*)\(\w*session", text)
    return (
        found[1].replace("_", "-")
        if found and f'"{found[1].replace("_", "-")}"' in text
        else (found[1] if found else "")
    )


def _lint(place: ProjectFolder, run: str) -> Iterator[str]:
    tools = table(place.project, "tool")
    told = "".join(place.text(name) for name in ("setup.cfg", "tox.ini"))
    if "ruff" in tools or place.first("ruff.toml", ".ruff.toml"):
        yield f"{run} ruff check ."
    if "mypy" in tools or "[mypy]" in told or "mypy.ini" in place:
        yield f"{run} mypy"


def _versions(place: ProjectFolder) -> Iterator[WantedVersion]:
    if said := place.text(".python-version").split():
        yield WantedVersion("python3", said[0], ".python-version")
    asked = table(place.project, "project").get("requires-python")
    if isinstance(asked, str):
        yield WantedVersion("python3", asked, "pyproject.toml")


def _notes(place: ProjectFolder, editable: bool) -> Iterator[str]:
    backend = str(table(place.project, "build-system").get("build-backend", "setuptools"))
    if (
        editable
        and "setuptools" in backend
        and not any("egg-info" in name for name in place.ignores)
    ):
        yield "*.egg-info is not in .gitignore: add it, or sessions would commit it"
    if not {"__pycache__", "*.pyc", "*.py[cod]", "*.py[co]", "*.py[codz]"} & place.ignores:
        yield "__pycache__ is not in .gitignore: add it, or sessions would commit it"
