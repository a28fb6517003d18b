"""Adds the man pages to a wheel: share/man/man1/wtman.1 and the like, made of the manual."""

import os
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface):  # type: ignore[type-arg]
    """Writes each page to a temporary folder, from where the wheel takes it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        try:
            from wtman import __version__
            from wtman.ui.man_page import man_pages
        finally:
            sys.path.remove(self.root)
        folder = os.path.join(self.root, "wtman", "manual")
        pages = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith(".md"):
                with open(os.path.join(folder, name), encoding="utf-8") as page:
                    pages[name.removesuffix(".md")] = page.read()
        self._made = tempfile.TemporaryDirectory(prefix="wtman-man-")
        for path, text in man_pages(pages, __version__).items():
            place = os.path.join(self._made.name, os.path.basename(path))
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)
            build_data["shared_data"][place] = f"share/man/{path}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._made.cleanup()
