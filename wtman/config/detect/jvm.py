"""Java, Kotlin and Scala: Maven, Gradle and sbt, by their wrappers where these are there."""

import re
from collections.abc import Iterator

from wtman.config.detect.folder import ProjectFolder
from wtman.config.detect.model import Project, WantedVersion

_GRADLE = ("settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts")
_TEST = r"(?:.*/)?src/(?:test|commonTest|jvmTest)/.*|(?:.*/)?[^/]+Tests?\.(?:java|kt|scala)"


def maven(place: ProjectFolder) -> Project | None:
    """The Maven project here."""
    if "pom.xml" not in place:
        return None
    run = "./mvnw" if "mvnw" in place else "mvn"
    check = f"{run} -q -B -o test"
    inputs = ("**/pom.xml", ".mvn/**")
    found = (
        place.candidate(check, f"{run} -q -B dependency:go-offline", "pom.xml"),
        # Which plug-in runs the tests Maven learns only by running them, so that is fetched so.
        place.candidate(
            check,
            f"{run} -q -B test -Dmaven.test.failure.ignore=true",
            "pom.xml; setup runs the tests once, to fetch what only they ask for",
            inputs,
        ),
    )
    tested = place.has_any(_TEST)
    return Project(
        "Maven",
        place.name,
        found if tested else (),
        (),
        (),
        tuple(_maven_versions(place)),
        tuple(_hidden(place, "target")),
    )


def gradle(place: ProjectFolder) -> Project | None:
    """The Gradle project here."""
    if not place.first(*_GRADLE):
        return None
    run = "./gradlew" if "gradlew" in place else "gradle"
    check = f"{run} --no-daemon --offline test"
    inputs = ("**/*.gradle", "**/*.gradle.kts", "gradle/**", "gradle.properties")
    found = (
        place.candidate(check, f"{run} --no-daemon -q testClasses", "build.gradle", inputs),
        place.candidate(
            check,
            f"{run} --no-daemon -q test --continue || true",
            "build.gradle; setup runs the tests once, to fetch what only they ask for",
            inputs,
        ),
    )
    tested = place.has_any(_TEST)
    notes = (*_hidden(place, "build"), *_hidden(place, ".gradle"))
    return Project(
        "Gradle", place.name, found if tested else (), (), (), tuple(_gradle_versions(place)), notes
    )


def sbt(place: ProjectFolder) -> Project | None:
    """The sbt project here."""
    if "build.sbt" not in place or not place.has_any(_TEST):
        return None
    found = (place.candidate("sbt -batch test", "sbt -batch Test/compile", "build.sbt"),)
    return Project("sbt", place.name, found, (), (), (), tuple(_hidden(place, "target")))


def _hidden(place: ProjectFolder, name: str) -> Iterator[str]:
    if name not in place.ignores:
        yield f"{name} is not in .gitignore: add it, or sessions would commit it"


def _maven_versions(place: ProjectFolder) -> Iterator[WantedVersion]:
    if found := re.search(
        r"<(?:maven\.compiler\.(?:release|source)|java\.version|release)>\s*(?:1\.)?(\d+)\s*<",
        place.text("pom.xml"),
    ):
        yield WantedVersion("java", found[1], "pom.xml")


def _gradle_versions(place: ProjectFolder) -> Iterator[WantedVersion]:
    name = place.first("build.gradle", "build.gradle.kts")
    if found := re.search(
        r"JavaLanguageVersion\.of\((\d+)\)|(?:source|target)Compatibility\s*=\s*['\"]?(?:1\.)?(\d+)",
        place.text(name),
    ):
        yield WantedVersion("java", found[1] or found[2], name)
