"""C and C++: CMake (with presets), Meson, autotools; and what make and just call a test."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wtman.config.detect.folder import ProjectFolder, json_table
from wtman.config.detect.model import Candidate, Project
from wtman.text.late_pattern import late

_CACHE = ("CMakeLists.txt", "**/CMakeLists.txt", "**/*.cmake", "CMakePresets.json")
_OPTION = late(
    r"\boption\s*\(\s*(\w*(?:TESTS?|TESTING)\w*)\s+\"[^\"]*\"\s*(ON|OFF)?", re.IGNORECASE
)
_FETCHES = late(r"FetchContent|ExternalProject|CPMAddPackage|file\s*\(\s*DOWNLOAD", re.IGNORECASE)


def cmake(place: ProjectFolder) -> Project | None:
    """The CMake project here."""
    if "CMakeLists.txt" not in place:
        return None
    told = "\n".join(text for path, text in place.texts.items() if path.endswith("CMakeLists.txt"))
    if not re.search(r"\bproject\s*\(", told, re.IGNORECASE):
        return None
    tested = re.search(
        r"enable_testing|add_test|include\s*\(\s*CTest|gtest_discover|catch_discover",
        told,
        re.IGNORECASE,
    )
    found = list(_presets(place)) if tested else []
    if tested:
        folder = "build" if not place.has_any(r"build/.*") else "_build"
        switches = [
            f" -D{name}=ON"
            for name, usual in _OPTION.findall(told)
            if (usual or "OFF").upper() == "OFF"
            and not re.search(r"BENCH|FUZZ|SANIT|VALGRIND|COVER|CPP", name)
        ]
        configure = f"cmake -S . -B {folder}{''.join(dict.fromkeys(switches))}"
        check = (
            f"{configure} && cmake --build {folder} --parallel"
            f" && ctest --test-dir {folder} --no-tests=error --output-on-failure"
            " --output-junit {junit}"
        )
        plain = check.replace("".join(dict.fromkeys(switches)), "") if switches else check
        setup = f"{configure}{place.hide(folder)}" if _FETCHES.search(told) else ""
        inputs = _CACHE if setup else ()
        found.append(place.candidate(check, setup, "CMakeLists.txt", inputs))
        if plain != check:
            found.append(place.candidate(plain, setup, "CMakeLists.txt", inputs))
    return Project("CMake", place.name, tuple(found))


def _presets(place: ProjectFolder) -> Iterator[Candidate]:
    read = json_table(place.text("CMakePresets.json"))
    tests = _visible(read, "testPresets")
    builds = {one.get("configurePreset"): one.get("name") for one in _visible(read, "buildPresets")}
    for one in tests[:3]:
        name, configure = str(one.get("name", "")), str(one.get("configurePreset", ""))
        if name and configure and configure in builds:
            yield place.candidate(
                f"cmake --preset {configure} && cmake --build --preset {builds[configure]}"
                f" && ctest --preset {name} --output-on-failure --output-junit {{junit}}",
                (),
                "CMakePresets.json",
            )


def _visible(read: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = read.get(key)
    items = items if isinstance(items, list) else []
    return [one for one in items if isinstance(one, dict) and not one.get("hidden")]


def meson(place: ProjectFolder) -> Project | None:
    """The Meson project here."""
    if not re.search(r"(?m)^\s*project\s*\(", place.text("meson.build")):
        return None
    check = "meson setup build && meson test -C build --print-errorlogs"
    told = "".join(text for path, text in place.texts.items() if path.endswith("meson.build"))
    tested = re.search(r"(?m)^\s*test\s*\(", told)
    setup = "meson subprojects download" if place.has_any(r"subprojects/.*\.wrap") else ""
    found = (place.candidate(check, setup, "meson.build"),) if tested else ()
    return Project("Meson", place.name, found)


_TARGETS = ("test", "tests", "check", "unittest", "test-unit", "unit-test", "unit")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


def runners(place: ProjectFolder) -> Iterator[Candidate]:
    """Targets of make, just and task that test, those that CI runs first."""
    found: list[tuple[bool, Candidate]] = []
    for name in (*_MAKEFILES, "justfile", "Justfile", ".justfile", "Taskfile.yml", "Taskfile.yaml"):
        if name not in place:
            continue
        program = "just" if "just" in name.lower() else "task" if "Task" in name else "make"
        text = place.text(name)
        for target in _TARGETS:
            if _has_target(program, text, target):
                said = bool(place.in_ci(rf"{program} (?:\S+ )*{target}\b"))
                why = "CI runs it" if said else f"{name}: {target}"
                found.append((not said, place.candidate(f"{program} {target}", (), why)))
    yield from (one for _, one in sorted(found, key=lambda pair: pair[0]))


def _has_target(program: str, text: str, target: str) -> bool:
    if program == "task":
        return bool(re.search(rf"(?m)^  {target}:", text))
    if program == "just":
        return bool(re.search(rf"(?m)^@?{target}(?:\s+[^:=\n]*)?:(?!=)", text))
    return bool(re.search(rf"(?m)^(?:[\w./ -]+ )?{target}(?: [\w./ -]+)?\s*::?(?![=:])", text))
