"""One makes an environment, the others wait and copy; nobody is left waiting."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wtman.git.checkouts.environments import Environments


class World:
    """Tasks that need an environment; what happens is noted in order."""

    def __init__(self) -> None:
        self.ledger: Environments[str] = Environments()
        self.said: list[str] = []
        self.gate = asyncio.Event()
        self.copied = asyncio.Event()
        self.copied.set()
        self.ends: dict[str, Callable[[], str | None]] = {}

    async def task(self, name: str, key: str = "key") -> None:
        await self.ledger.share(key, lambda: self._make(name), lambda made: self._copy(name, made))
        self.said.append(f"{name} works")

    async def _make(self, name: str) -> str | None:
        self.said.append(f"{name} makes")
        await self.gate.wait()
        return self.ends.get(name, lambda: name)()

    async def _copy(self, name: str, made: str) -> bool:
        await self.copied.wait()
        self.said.append(f"{name} copies {made}")
        return name != "picky"

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def tried(story: Callable[[World], Awaitable[None]]) -> list[str]:
    async def told() -> list[str]:
        world = World()
        await asyncio.wait_for(story(world), 10)
        assert not world.ledger._making
        return world.said

    return asyncio.run(told())


def test_those_who_wait_copy_before_the_maker_goes_on() -> None:
    async def story(world: World) -> None:
        tasks = [asyncio.ensure_future(world.task(name)) for name in "abc"]
        await world.settle()
        world.copied.clear()
        world.gate.set()
        await world.settle()
        assert world.said == ["a makes"]  # and does not go on
        world.copied.set()
        await asyncio.gather(*tasks)

    said = tried(story)
    assert said[0] == "a makes" and said.index("a works") > said.index("c copies a")
    assert {"b copies a", "c copies a", "b works", "c works"} <= set(said)


def test_one_key_does_not_wait_for_another_and_later_ones_make_it_again() -> None:
    async def story(world: World) -> None:
        world.gate.set()
        await asyncio.gather(world.task("a", "1"), world.task("b", "2"))
        await world.task("c", "1")

    assert [line for line in tried(story) if "makes" in line] == ["a makes", "b makes", "c makes"]


def test_where_the_maker_fails_each_makes_it_alone() -> None:
    def fail() -> str:
        raise OSError("broken")

    for end in (fail, lambda: None):

        async def story(world: World, end: Callable[[], str | None] = end) -> None:
            world.ends["a"] = end
            tasks = [asyncio.ensure_future(world.task(name)) for name in "abc"]
            await world.settle()
            world.gate.set()
            await asyncio.gather(*tasks, return_exceptions=True)

        said = tried(story)
        assert {"b makes", "c makes", "b works", "c works"} <= set(said)
        assert not any("copies" in line for line in said)


def test_where_the_maker_is_stopped_the_next_makes_it_for_the_others() -> None:
    async def story(world: World) -> None:
        tasks = [asyncio.ensure_future(world.task(name)) for name in "abc"]
        await world.settle()
        tasks[0].cancel()
        await world.settle()
        assert world.said == ["a makes", "b makes"]
        world.gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert "c copies b" in tried(story)


def test_a_maker_that_is_stopped_later_waits_for_who_copies() -> None:
    async def story(world: World) -> None:
        maker, other = (asyncio.ensure_future(world.task(name)) for name in "ab")
        await world.settle()
        world.copied.clear()
        world.gate.set()
        await world.settle()
        maker.cancel()
        await world.settle()
        assert not maker.done()
        world.copied.set()
        await other
        with pytest.raises(asyncio.CancelledError):
            await maker

    assert tried(story) == ["a makes", "b copies a", "b works"]


def test_one_who_waits_may_be_stopped() -> None:
    async def story(world: World) -> None:
        maker, other = (asyncio.ensure_future(world.task(name)) for name in "ab")
        await world.settle()
        other.cancel()
        world.gate.set()
        await maker

    assert tried(story) == ["a makes", "a works"]


def test_who_cannot_use_it_makes_one() -> None:
    async def story(world: World) -> None:
        tasks = [asyncio.ensure_future(world.task(name)) for name in ("a", "picky")]
        await world.settle()
        world.gate.set()
        await asyncio.gather(*tasks)

    said = tried(story)
    assert said.index("picky copies a") < said.index("picky makes") < said.index("picky works")
