"""The package cache of a repository: what becomes of each file, and who may write where."""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.checks.test_perform import World
from tests.kit import write_files
from wtman.context import Context
from wtman.execution.spawn import install_child_watcher
from wtman.git.discovery import discover
from wtman.model.ids import TaskId
from wtman.model.settings import Settings
from wtman.provision import package_cache_folder, packages
from wtman.provision.package_cache_folder import PackageCacheFolder, folder_of
from wtman.provision.package_caches import (
    CACHES,
    FILES,
    LINKS,
    OFFLINE,
    VARIABLES,
    CachePart,
    part_of,
)
from wtman.provision.setup import provision
from wtman.sandbox import choice

LINK, COPY, FOLDER, LEAVE = CachePart.LINK, CachePart.COPY, CachePart.FOLDER, CachePart.LEAVE
NAMED = {cache.name: cache for cache in CACHES}


@pytest.mark.parametrize(
    ("name", "path", "part"),
    [
        ("uv", "archive-v0/", FOLDER),
        ("uv", "archive-v0/Ab-9/", CachePart.MOUNT),
        ("uv", ".lock", LEAVE),
        ("uv", "wheels-v8/index/1/a/1.0-py3-none-any.lock", LEAVE),
        ("npm", "content-v2/sha512/27/51/6318", LINK),
        ("npm", "index-v5/90/a5/9cd8", COPY),
        ("npm", "tmp/", LEAVE),
        ("pnpm-store", "v11/index.db", COPY),
        ("pnpm-store", "v11/files/ea/959f", LINK),
        ("yarn", "v6/npm-a-1.0.0-8f/", LINK),
        ("yarn", "v6/", FOLDER),
        ("bun", "a@1.0.0@@@1/", LINK),
        ("bun", "@scope/", FOLDER),
        ("bun", "@scope/a@1.0.0@@@1/", LINK),
        ("bun", "a/", FOLDER),
        ("poetry", "virtualenvs/", LEAVE),
        ("cargo-registry", "src/index.crates.io-1/a-1.0.0/", LINK),
        ("cargo-registry", "src/index.crates.io-1/", FOLDER),
        ("cargo-registry", "cache/index.crates.io-1/a-1.0.0.crate", LINK),
        ("go", "example.com/!upper/a@v1.0.0-rc.1+incompatible/", LEAVE),
        ("go", "cache/download/example.com/a/@v/", FOLDER),
        ("go", "cache/download/example.com/a/@v/v1.0.0.zip", LINK),
        ("go", "cache/lock", LEAVE),
        ("maven", "com/example/a/1.0/_remote.repositories", COPY),
        ("maven", "com/example/a/1.0/a-1.0.jar", LINK),
        ("gradle", "metadata-2.36/module-artifact.bin", COPY),
        ("gradle", "files-2.1/com.example/a/1.0/7531/a-1.0.jar", LINK),
    ],
)
def test_what_becomes_of_a_path(name: str, path: str, part: CachePart) -> None:
    assert part_of(NAMED[name], path.rstrip("/"), is_folder=path.endswith("/")) is part


def test_every_cache_has_a_place_of_its_own_and_a_way_to_it() -> None:
    assert len(NAMED) == len(CACHES)
    places = sorted([*LINKS, *FILES])
    assert not any(second.startswith(f"{first}/") for first, second in pairwise(places))
    told = " ".join([*VARIABLES.values(), *FILES.values(), *LINKS.values()])
    for name in NAMED:
        assert f"/wtman/cache/{name}" in told
    assert not set(VARIABLES) & set(OFFLINE)


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path) -> World:
    install_child_watcher()
    if problem := choice.trouble("bubblewrap"):
        pytest.skip(problem)
    settings = Settings(grace=1, worktrees=str(tmp_path / "trees"))
    return World(make_repo({"a": "a\n"}), tmp_path, settings)


def cache_of(world: World) -> PackageCacheFolder:
    return folder_of(discover(str(world.repo)))


def set_up(
    world: World,
    *commands: str,
    unwritten: str = "",
    trees: tuple[str, ...] = ("one",),
    sandbox: str = "bubblewrap",
) -> list[str]:
    """Set up folders at the same time; what went wrong in each."""
    settings = replace(world.settings, setup=commands)

    async def one(ctx: Context, name: str) -> str:
        folder = world.tmp / "trees" / name
        folder.mkdir(parents=True, exist_ok=True)
        return await provision(
            ctx,
            settings,
            str(folder),
            task=TaskId(name),
            branch="",
            home=str(world.tmp / "homes" / name),
            unwritten=unwritten,
        )

    async def go() -> list[str]:
        async with world.ctx() as ctx:
            ctx = replace(ctx, sandbox=choice.load(sandbox))
            return await asyncio.gather(*(one(ctx, name) for name in trees))

    return asyncio.run(go())


def test_a_setup_fills_it_and_another_reads_what_is_there(world: World) -> None:
    fill = "mkdir -p ~/.cache/uv/a; echo kept > ~/.cache/uv/a/b; touch ~/.cache/uv/.lock"
    assert set_up(world, fill, unwritten="c1") == [""]
    place = Path(cache_of(world).packages)
    assert (place / "uv/a/b").read_text() == "kept\n"
    assert place.stat().st_mode & 0o077 == place.parent.stat().st_mode & 0o077 == 0
    read = "cat ~/.cache/uv/a/b && test ! -e ~/.cache/uv/.lock && echo own > ~/.cache/uv/a/c"
    assert set_up(world, read, trees=("two",)) == [""]
    assert sorted(path.name for path in (place / "uv").rglob("*")) == [".lock", "a", "b"]
    # What runs there next finds what setup added.
    assert set_up(world, "cat ~/.cache/uv/a/c", trees=("two",)) == [""]


@pytest.mark.parametrize(
    "hostile",
    [
        "echo bad > ~/.cache/uv/a/b",
        "echo bad > /wtman/packages/uv/a/b",
        "rm -rf /wtman/packages/uv/a",
        "chmod 777 /wtman/packages/uv/a/b",
        "ln /wtman/packages/uv/a/b own",
        "ln /wtman/packages/uv/a/b /wtman/cache/b",
        "ln /wtman/packages/uv/a/b /tmp/b",
        "mv /wtman/packages/uv/a/b own",
        "mount -o remount,rw /wtman/packages",
    ],
)
def test_nothing_that_reads_it_can_change_it(world: World, hostile: str) -> None:
    assert set_up(world, "mkdir ~/.cache/uv/a; echo good > ~/.cache/uv/a/b", unwritten="c1") == [""]
    kept = Path(cache_of(world).packages) / "uv/a/b"
    before = kept.stat()
    set_up(world, f"{hostile} && touch worked", trees=("two",))
    assert not (world.tmp / "trees/two/worked").exists()
    assert kept.read_text() == "good\n"
    after = kept.stat()
    assert (after.st_mode, after.st_nlink, after.st_ino) == (before.st_mode, 1, before.st_ino)


def test_what_one_leaves_in_its_own_folder_reaches_nobody(world: World) -> None:
    assert set_up(world, "echo good > ~/.cache/pip/a", unwritten="c1") == [""]
    swap = "rm ~/.cache/pip/a; echo bad > ~/.cache/pip/a; echo bad > ~/.cache/pip/b"
    assert set_up(world, swap, trees=("two",)) == [""]
    look = 'test "$(cat ~/.cache/pip/*)" = good'
    assert set_up(world, look, trees=("three",)) == [""]
    assert set_up(world, look, unwritten="c2") == [""]


def test_one_fills_and_those_who_wait_for_the_same_read(world: World) -> None:
    # Each notes that it downloads what is not there; a second one at the same time would, too.
    fill = "test -e ~/.cache/uv/a || { echo x >> ~/.cache/uv/log; sleep 0.5; touch ~/.cache/uv/a; }"
    assert set_up(world, fill, unwritten="c1", trees=("one", "two", "three")) == [""] * 3
    assert (Path(cache_of(world).packages) / "uv/log").read_text() == "x\n"
    # It is filled for that, so that nobody writes any more, and everybody is there at once.
    assert set_up(world, fill, unwritten="c1", trees=("four", "five")) == [""] * 2
    assert set_up(world, "touch ~/.cache/uv/again", unwritten="c1") == [""]
    assert (Path(cache_of(world).packages) / "uv/again").exists()


def test_who_waited_for_one_that_failed_tries_itself(world: World) -> None:
    fail_first = "mkdir ~/.cache/uv/began 2>/dev/null && exit 1; touch ~/.cache/uv/second"
    problems = set_up(world, fail_first, unwritten="c1", trees=("one", "two"))
    assert [bool(problem) for problem in problems].count(True) == 1
    assert (Path(cache_of(world).packages) / "uv/second").exists()


def test_it_is_not_removed_while_somebody_is_shown_it(world: World) -> None:
    repo = discover(str(world.repo))
    assert package_cache_folder.size(repo) == 0
    assert package_cache_folder.remove(repo)
    # As go leaves its modules.
    fill = (
        "mkdir -p ~/go/pkg/mod/a; head -c 100000 /dev/zero > ~/go/pkg/mod/a/b; chmod -R a-w ~/go/"
    )
    assert set_up(world, fill, unwritten="c1") == [""]
    assert package_cache_folder.size(repo) > 100_000

    async def while_shown() -> bool:
        async with AsyncExitStack() as stack:
            ctx = await stack.enter_async_context(world.ctx())
            ctx = replace(ctx, sandbox=choice.load("bubblewrap"))
            await stack.enter_async_context(packages.shown(ctx, str(world.tmp / "home")))
            return package_cache_folder.remove(repo)

    assert not asyncio.run(while_shown())
    assert package_cache_folder.remove(repo)
    assert package_cache_folder.size(repo) == 0
    assert set_up(world, "test ! -e ~/go/pkg/mod/a && touch ~/go/pkg/mod/c", unwritten="c1") == [""]
    assert (Path(cache_of(world).packages) / "go/c").exists()


def test_each_repository_has_its_own(world: World, make_repo: Callable[..., Path]) -> None:
    assert set_up(world, "touch ~/.cache/uv/mine", unwritten="c1") == [""]
    other = replace(world, repo=make_repo({"b": "b\n"}, name="other"), tmp=world.tmp / "other-tmp")
    assert set_up(other, "test ! -e ~/.cache/uv/mine", unwritten="c1") == [""]
    assert cache_of(world) != cache_of(other)


def test_what_the_user_hands_in_goes_before(world: World) -> None:
    mine = str(world.tmp / "mine")
    world = replace(world.set(env=("MAVEN_OPTS", "UV_LINK_MODE")), environ={"MAVEN_OPTS": "-Dx=1"})
    look = f'test "$MAVEN_OPTS" = -Dx=1 && test "$UV_LINK_MODE" = copy && echo {mine}'
    assert set_up(world, look) == [""]


def test_a_home_that_has_a_cache_of_its_own_keeps_it(world: World) -> None:
    home = world.tmp / "homes/one"
    write_files(home, {".cache/uv/own": "own\n", ".yarnrc": "mine\n"})
    assert set_up(world, "test -e ~/.cache/uv/own && grep -q mine ~/.yarnrc", unwritten="c") == [""]
    assert os.readlink(home / ".npm/_cacache") == "/wtman/cache/npm"


def test_a_sandbox_without_mounts_has_none(world: World) -> None:
    if problem := choice.trouble("landlock"):
        pytest.skip(problem)
    look = 'test -z "$UV_LINK_MODE" && test ! -e ~/.cache/uv && test ! -e /wtman'
    assert set_up(world, look, unwritten="c1", sandbox="landlock") == [""]
    assert not Path(cache_of(world).path).exists()


def test_a_new_cache_begins_with_a_copy_of_packages_that_the_user_has(
    world: World, hermetic: Path
) -> None:
    uv, npm = hermetic / ".cache/uv", hermetic / ".npm/_cacache"
    write_files(uv, {"archive-v0/id/a.py": "a\n", ".lock": "", "git-v0/db/1/config": "SECRET"})
    write_files(uv, {"wheels-v8/index/1/a.http": "SECRET", "wheels-v8/pypi/a/1.http": "known"})
    (uv / "wheels-v8/pypi/a/1").symlink_to("../../../archive-v0/id")
    write_files(npm, {"content-v2/sha512/1/2/3": "x"})
    write_files(world.tmp / "trees/one", {"uv.lock": ""})
    copied = "cat ~/.cache/uv/wheels-v8/pypi/a/1/a.py ~/.cache/uv/wheels-v8/pypi/a/1.http"
    assert set_up(world, copied, unwritten="c1") == [""]
    place = Path(cache_of(world).packages)
    found = {str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir()}
    assert found == {"uv/archive-v0/id/a.py", "uv/wheels-v8/pypi/a/1.http"}
    assert (place / "uv/archive-v0/id/a.py").stat().st_nlink == 1
    # Only once: what is there is the repository's own from then on.
    write_files(uv, {"archive-v0/id/b.py": "b\n"})
    assert set_up(world, "test ! -e ~/.cache/uv/archive-v0/id/b.py", unwritten="c2") == [""]


def test_folders_with_many_files_are_mounted_as_far_as_that_is_cheap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_cache_folder, "_MOST_MOUNTS", 1)
    fill = "cd ~/.cache/uv; mkdir -p archive-v0/x archive-v0/y; touch archive-v0/x/a archive-v0/y/a"
    assert set_up(world, fill, unwritten="c1") == [""]
    look = (
        "cd ~/.cache/uv/archive-v0; test -e x/a && test -e y/a || exit 1; "
        "echo bad > x/a; echo bad > y/a; mkdir z && touch z/a; "
        "rmdir x 2>/dev/null; rm -rf y; ln -s / y; true"
    )
    assert set_up(world, look, trees=("two",)) == [""]
    place, private = cache_of(world), str(world.tmp / "homes/two-packages")
    assert {path.read_text() for path in Path(place.packages, "uv/archive-v0").rglob("a")} == {""}
    # What it left is no place to mount anything; what it was shown there goes on.
    left = package_cache_folder.mounted(place, private)
    assert len(left) == 1
    shutil.rmtree(Path(private, "uv/archive-v0"))
    Path(private, "uv/archive-v0").symlink_to(Path(place.packages, "uv/archive-v0"))
    assert package_cache_folder.mounted(place, private) == ()
    assert set_up(world, "test -L ~/.cache/uv/archive-v0", trees=("two",)) == [""]
