"""Go: one module a part."""

import re

from wtman.config.detect.folder import ProjectFolder
from wtman.config.detect.model import Project, WantedVersion


def look(place: ProjectFolder) -> Project | None:
    """The module here."""
    if "go.mod" not in place:
        return None
    text = place.text("go.mod")
    inner = {path.removesuffix("go.mod") for path in place.files if path.endswith("/go.mod")}
    tests = any(
        path.endswith("_test.go") and not any(path.startswith(folder) for folder in inner)
        for path in place.files
    )
    needs = re.search(r"(?m)^require\b", text) and "vendor/modules.txt" not in place
    # Checks have no network: what they import is fetched before.
    setup = "go mod download" if needs else ""
    said = place.in_ci(r"go test\b.*-tags")
    tags = re.search(r"-tags[= ]([\w,]+)", said)
    check = f"go test -tags={tags[1]} ./..." if tags else "go test ./..."
    found = [place.candidate(check, setup, "CI runs it" if tags else "go.mod")]
    if tags:
        found.append(place.candidate("go test ./...", setup, "go.mod"))
    # What no platform here can build is no reason to have no check at all.
    short = place.candidate("go test -short ./...", setup, "go.mod, short tests only")
    asked = re.search(r"(?m)^go (\d[\w.]*)", text)
    versions = (WantedVersion("go", asked[1], "go.mod"),) if asked else ()
    lint = (place.check("go vet ./..."),)
    return Project("Go", place.name, (*found, short) if tests else (), (), lint, versions)
