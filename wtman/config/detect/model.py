"""What is proposed for a repository: values only.

A `Project` is one project of it, in a folder, with what may judge and set it up: the best first.
"""

from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to test a part. `check` and `setup` are texts as wtman.toml has them, run at the
    root or in the folder that they name; `inputs` are patterns for `setup_inputs`; `why` is
    what in the repository speaks for it."""

    check: tuple[str, ...]
    setup: tuple[str, ...] = ()
    why: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """A version that a file of the project asks of a program: `program` is its name on PATH,
    `version` as the file has it, `exact` whether only that one will do."""

    program: str
    version: str
    file: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A project in `folder` ("" is the root). No candidates: no tests were found. `extra` are
    further checks that the project itself runs, `lint` those that it looks configured for."""

    kind: str
    folder: str = ""
    candidates: tuple[Candidate, ...] = ()
    extra: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    versions: tuple[WantedVersion, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`Go`, or `Go in tools/gen`."""
        return f"{self.kind} in {self.folder}" if self.folder else self.kind

    @property
    def best(self) -> Candidate:
        """What is proposed first; empty where nothing is."""
        return self.candidates[0] if self.candidates else Candidate(())


@dataclass(frozen=True, slots=True)
class Habits:
    """All parts of a repository. `setup` comes before theirs, `copy` are untracked files."""

    parts: tuple[Project, ...] = ()
    setup: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def extra(self) -> tuple[str, ...]:
        """Further checks of all parts that have a check."""
        return tuple(dict.fromkeys(text for part in self.parts for text in part.extra))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(part.name for part in self.parts)

    @property
    def check(self) -> tuple[str, ...]:
        """The first proposal of every part."""
        return tuple(dict.fromkeys(text for part in self.parts for text in part.best.check))

    @property
    def proposed_setup(self) -> tuple[str, ...]:
        """The setup that goes with `check`."""
        own = (text for part in self.parts for text in part.best.setup)
        return tuple(dict.fromkeys((*self.setup, *own)))
