"""Setup commands: what each follows from, which can be kept, which are of one task alone."""

import re
from collections.abc import Mapping, Sequence

from wtman.formats.gitignore import matches
from wtman.formats.shell_commands import SimpleCommand, relative, simple_commands
from wtman.model.values import dataclass
from wtman.provision.inputs import node, others, python
from wtman.provision.inputs.model import NOTHING, Inputs, TreeFiles, all_of, files_of, whole

ROOT = "WTMAN_ROOT"
# What differs from one task to the next; the folder does not, inside a sandbox with mounts.
OF_TASK = ("WTMAN_TASK", "WTMAN_PORT", "WTMAN_BRANCH", "WTMAN_RUN")
_OF_TASK = re.compile(rf"(?:{'|'.join(OF_TASK)})(?![A-Z])|WTMAN_(?![A-Za-z])")
# They tell, and run nothing.
_DOCS = re.compile(r"(?:.*/)?(?:[^/]*\.(?:md|rst|adoc)|wtman\.toml)|docs?/.*")
# These say in a variable what the commands below say in a word.
_DANGEROUS = re.compile(r"(?:.*_)?(?:PATH|NO_EDITABLE|PYTHONSTARTUP|NODE_OPTIONS|BASH_ENV|ENV)")


@dataclass(frozen=True, slots=True)
class SetupParts:
    """The setup commands of a tree: `kept` made what can be kept, `own` run for every task.

    `inputs` is what the kept part follows from. `main`: it reads the main checkout. `fetches`:
    what it makes is in a package cache, or may be.
    """

    kept: tuple[str, ...]
    own: tuple[str, ...]
    inputs: Inputs = NOTHING
    main: bool = False
    fetches: bool = False


def parts(
    texts: Sequence[str],
    tree: TreeFiles,
    naming: Mapping[str, frozenset[str]],
    *,
    given: tuple[str, ...] = (),
    main: str = "",
) -> SetupParts:
    """The parts of setup. `naming` says which files of the tree name which variables of OF_TASK
    and ROOT; `given` are the user's own patterns of inputs, `main` the main checkout's path.
    """
    speaking = {path: names for path, names in naming.items() if not _DOCS.fullmatch(path)}
    kept: list[str] = []
    found: list[Inputs] = []
    reads_main = False
    for text in texts:
        inputs = inputs_of(text, tree)
        said = _said(inputs, speaking)
        if _OF_TASK.search(text) or said & set(OF_TASK) or _is_git(text):
            break
        reads_main |= ROOT in text or ROOT in said or bool(main and main in text)
        kept.append(text)
        found.append(inputs)
    inputs = all_of(found)
    fetches = inputs.fetches or bool(inputs.whole)
    if given:
        inputs = files_of(path for path in tree.paths if matches(given, path))
    return SetupParts(tuple(kept), tuple(texts[len(kept) :]), inputs, reads_main, fetches)


def inputs_of(text: str, tree: TreeFiles) -> Inputs:
    """What a setup command follows from besides its words."""
    commands = simple_commands(text)
    if commands is None:
        return whole(f"`{text}` is more than plain commands")
    return all_of(_of_one(command, tree) for command in commands)


def _of_one(command: SimpleCommand, tree: TreeFiles) -> Inputs:
    found = _assigned(command, tree)
    if any(tree.has(path) for path in command.written):
        return whole(f"it writes {command.written[0]}")
    if not command.words:
        return found
    program = command.words[0]
    place = relative(command.folder, program) if "/" in program else None
    # A program of the tree does what the tree says; a wrapper script is told by its name.
    if place is not None and place in tree.paths and not place.endswith("gradlew"):
        return whole(f"{place} is a program of the tree")
    for inputs in (python.inputs, node.inputs, others.inputs):
        read = inputs(command, tree)
        if read is not None:
            return found | read
    return whole(f"it is not known what `{' '.join(command.words[:2])}` reads")


def _assigned(command: SimpleCommand, tree: TreeFiles) -> Inputs:
    """What the variables of a command name of the tree."""
    found = [NOTHING]
    for name, value in command.assigned.items():
        if _DANGEROUS.fullmatch(name):
            return whole(f"it sets {name}")
        for part in value.split(":"):
            place = relative(command.folder, part) if part else None
            if place is not None and place in tree.paths:
                found.append(files_of((place,)))
            elif place in tree.folders or place == "":
                found.append(whole(f"{name} names a folder of the tree"))
    return all_of(found)


def _said(inputs: Inputs, speaking: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The variables that a command may come across in the files that it follows from."""
    if inputs.whole:
        return frozenset[str]().union(*speaking.values())
    # Scripts of a manifest are run by name, or make the inputs the whole tree.
    quiet = ("package.json", "pyproject.toml")
    read = (path for path in inputs.paths if path.rpartition("/")[2] not in quiet)
    return frozenset[str]().union(*(speaking.get(path, frozenset()) for path in read))


def _is_git(text: str) -> bool:
    """Whether git is run: what it does is in the git directory, which each checkout has."""
    commands = simple_commands(text)
    if commands is None:
        return bool(re.search(r"(?:^|[\s;&|(`])git(?:\s|$)", text))
    return any(command.words[:1] == ("git",) for command in commands)
