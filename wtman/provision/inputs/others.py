"""What installers of other languages follow from, and commands that touch what they name."""

import re
from collections.abc import Mapping

from wtman.formats.shell_commands import SimpleCommand, relative
from wtman.model.values import dataclass
from wtman.provision.inputs.model import NOTHING, Inputs, TreeFiles, files_of, whole

_GRADLE = ("dependencies", "--version", "resolveAll", "-q", "--no-daemon", "--quiet")
_MAVEN = re.compile(
    r"(?:[\w.-]+:)*(?:maven-)?dependency(?:-plugin)?(?::[\w.-]+)?:(?:go-offline|resolve(?:-plugins)?)"
)
# Their arguments do not matter.
_HARMLESS = ("echo", "printf", "true", ":", "set", "export", "umask", "mkdir", "which", "sleep")


@dataclass(frozen=True, slots=True)
class _Fetch:
    """`files` are names of manifests, `folders` what is read whole beside them.

    `not_in` are words that say in one of `read` that more of the tree is looked at. `cached`:
    what is fetched stays in a package cache.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    not_in: str = r"(?!)"
    cached: bool = False


_CARGO = _Fetch(
    ("Cargo.toml", "Cargo.lock", "rust-toolchain", "rust-toolchain.toml"),
    folders=(".cargo",),
    cached=True,
)
_GO = _Fetch(("go.mod", "go.sum", "go.work", "go.work.sum"), cached=True)
_BUNDLE = _Fetch(
    ("Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", ".ruby-version", ".tool-versions"),
    folders=(".bundle",),
    read=("Gemfile", "gems.rb"),
    not_in=r"\b(?:gemspec|path|eval_gemfile|eval|File|Dir|IO|require|require_relative|load)\b",
)
_COMPOSER = _Fetch(
    ("composer.json", "composer.lock", "auth.json", "symfony.lock"),
    read=("composer.json",),
    not_in=r'"(?:scripts|classmap|path|files)"',
)
_DOTNET = _Fetch(
    ("*.csproj", "*.fsproj", "*.vbproj", "*.sln", "*.slnx", "*.props", "*.targets",
     "packages.lock.json", "global.json", "[Nn]u[Gg]et.[Cc]onfig", "dotnet-tools.json"),
)  # fmt: skip
_MVN = _Fetch(("pom.xml", "settings.xml"), folders=(".mvn",), cached=True)
_PUB = _Fetch(("pubspec.yaml", "pubspec.lock", "pubspec_overrides.yaml"))
_GRADLES = _Fetch(
    ("*.gradle", "*.gradle.kts", "gradle.properties", "gradle.lockfile", "gradlew",
     "*.versions.toml", ".java-version", ".tool-versions"),
    folders=("gradle", "buildSrc"),
    read=("settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"),
    not_in=r"\b(?:includeBuild|file|fileTree|files|exec|project\.file)\b",
    cached=True,
)  # fmt: skip
_FETCHES: Mapping[tuple[str, str], _Fetch] = {
    ("cargo", "fetch"): _CARGO,
    ("go", "mod download"): _GO,
    ("bundle", "install"): _BUNDLE,
    ("bundle", "config"): _BUNDLE,
    ("composer", "install"): _COMPOSER,
    ("dotnet", "restore"): _DOTNET,
    ("dotnet", "tool restore"): _DOTNET,
    ("dart", "pub get"): _PUB,
    ("flutter", "pub get"): _PUB,
}
_SCANS = ("-o", "--optimize-autoloader", "-a", "--classmap-authoritative")  # of composer


def inputs(command: SimpleCommand, tree: TreeFiles) -> Inputs | None:
    """What a command follows from; None where it is none of these."""
    program, *args = command.words
    tool = program.rpartition("/")[2]
    if tool in _HARMLESS:
        return NOTHING
    if tool in ("cp", "ln", "install", "touch", "chmod", "cat", "tee", "rm", "test", "["):
        return _named(args, command.folder, tree)
    words = [word for word in args if not word.startswith("-")]
    if tool == "mvn" and words and all(map(_MAVEN.fullmatch, words)):
        return _fetched(_MVN, tree)
    if tool in ("gradle", "gradlew") and args and all(word in _GRADLE for word in args):
        return _fetched(_GRADLES, tree)
    if tool == "composer" and set(_SCANS) & set(args):
        return None
    for many in (1, 2):
        if fetch := _FETCHES.get((tool, " ".join(words[:many]))):
            return _fetched(fetch, tree)
    return None


def _fetched(fetch: _Fetch, tree: TreeFiles) -> Inputs:
    for path in sorted(tree.called(*fetch.read)):
        if found := re.search(fetch.not_in, re.sub(r"(?m)^\s*(?:#|//).*", "", tree.read(path))):
            return whole(f"{path} says {found[0]}")
    below = (path for path in tree.paths if set(path.split("/")[:-1]) & {*fetch.folders})
    return Inputs(tree.called(*fetch.files) | frozenset(below), fetches=fetch.cached)


def _named(args: list[str], folder: str, tree: TreeFiles) -> Inputs:
    """What a command follows from that reads, or takes the place of, what it names."""
    found: set[str] = set()
    for word in args:
        place = relative(folder, word.rpartition("=")[2])
        if place == "":
            return whole("it names all of the tree")
        if place:
            found |= {place} & tree.paths
            found |= tree.below(place)
    return files_of(found)
