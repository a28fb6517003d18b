"""Links that `copy` names: what they lead to comes along, or somebody is told that it does not."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.checks.test_perform import World
from tests.kit import write_files
from wtman.model.settings import Settings
from wtman.provision.files import bring, stamp
from wtman.sandbox import choice

LINKS = {
    ".env": ".env.development",  # what git does not carry
    "chain": ".env",
    "folder": "secrets",
    "sub/up": "../secrets/key",
    "carried": "tracked.txt",
    "gone": "nothing",
    "git": ".git/config",
    "system": "/etc",
}


def test_a_link_brings_its_content_or_says_why_not(
    make_repo: Callable[..., Path], tmp_path: Path
) -> None:
    repo = make_repo({"tracked.txt": "mine\n"})
    write_files(repo, {".env.development": "KEY=1\n", "secrets/key": "K\n", "sub/x": ""})
    write_files(tmp_path, {"outside": "O\n"})
    links = {**LINKS, "inside": str(repo / ".env.development"), "away": "../outside"}
    for name, target in links.items():
        (repo / name).symlink_to(target)
    folder = tmp_path / "checkout"
    write_files(folder, {"tracked.txt": "its own\n"})
    settings = Settings(copy=tuple(links))
    told: list[str] = []

    async def go() -> str:
        async with World(repo, tmp_path, settings).ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load("landlock"))
            return bring(ctx, settings, str(folder), told.append)

    assert asyncio.run(go()) == ""
    read = {name: (folder / name).read_text() for name in (".env", "chain", "inside", "sub/up")}
    assert read == {".env": "KEY=1\n", "chain": "KEY=1\n", "inside": "KEY=1\n", "sub/up": "K\n"}
    assert (folder / "folder/key").read_text() == "K\n"
    assert (folder / "carried").read_text() == "its own\n"
    assert os.readlink(folder / "system") == "/etc"
    assert sorted(text.split()[0] for text in told) == ["away", "git", "gone"]
    assert any(str(tmp_path / "outside") in text and "put a copy" in text for text in told)
    # Nothing leads back into the main checkout.
    for place in folder.rglob("*"):
        assert not place.is_symlink() or repo not in place.resolve().parents, place


def test_what_a_link_leads_to_decides_a_result(tmp_path: Path) -> None:
    write_files(tmp_path, {"real": "1"})
    (tmp_path / "link").symlink_to("real")
    before = stamp(str(tmp_path), ["link"])
    write_files(tmp_path, {"real": "22"})
    assert stamp(str(tmp_path), ["link"]) != before
