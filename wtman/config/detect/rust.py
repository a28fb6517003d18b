"""Rust: cargo, with workspaces."""

import re
from collections.abc import Iterator

from wtman.config.detect.folder import ProjectFolder, table, toml
from wtman.config.detect.model import Project, WantedVersion

_FLAGS = r"--(?:all-features|workspace|all|all-targets|no-default-features|locked)\b"


def look(place: ProjectFolder) -> Project | None:
    """The crate or workspace here."""
    if "Cargo.toml" not in place:
        return None
    manifest = toml(place.text("Cargo.toml"))
    whole = " --workspace" if "workspace" in manifest else ""
    said = re.sub(r"\s(?:-v+|--verbose|--quiet|-q)\b", "", place.in_ci(r"cargo test\b"))
    flags = " ".join(dict.fromkeys(re.findall(_FLAGS, said)))
    texts = [text for path, text in place.texts.items() if path.endswith("Cargo.toml")]
    needs = "Cargo.lock" in place or any(map(_depends, texts))
    setup = f"cargo fetch{_hidden(place)}" if needs else ""
    found = [place.candidate(f"cargo test{whole}", setup, "Cargo.toml")]
    if flags and flags != whole.strip():
        with_flags = f"cargo test {flags.replace('--all ', '--workspace ')}"
        found.insert(0, place.candidate(with_flags, setup, "CI runs it"))
    notes = []
    if "Cargo.lock" not in place and "Cargo.lock" not in place.ignores:
        notes.append("Cargo.lock is neither in git nor in .gitignore: sessions would commit it")
    if not needs and "target" not in place.ignores:
        notes.append("target is not in .gitignore: add it, or sessions would commit it")
    lint = (place.check("cargo clippy"),)
    return Project(
        "Rust", place.name, tuple(found), (), lint, tuple(_versions(place)), tuple(notes)
    )


def _hidden(place: ProjectFolder) -> str:
    return "" if "target" in place.ignores else f" && mkdir -p target{place.hide('target')}"


def _depends(text: str) -> bool:
    read = toml(text)
    return any(
        table(read, name)
        for name in ("dependencies", "dev-dependencies", "build-dependencies", "target")
    ) or bool(table(read, "workspace", "dependencies"))


def _versions(place: ProjectFolder) -> Iterator[WantedVersion]:
    name = place.first("rust-toolchain.toml", "rust-toolchain")
    text = place.text(name)
    channel = table(toml(text), "toolchain").get("channel") or text.strip()
    if name and isinstance(channel, str) and re.match(r"\d+\.\d+", channel):
        yield WantedVersion("rustc", channel, name, exact=True)
    asked = table(toml(place.text("Cargo.toml")), "package").get("rust-version")
    if isinstance(asked, str):
        yield WantedVersion("rustc", asked, "Cargo.toml")
