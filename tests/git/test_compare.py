"""Contents compared line by line: both texts come out whole, the hunks where they differ."""

import random

import pytest

from wtman.git.control_dir import Control
from wtman.git.objects import compare, writer
from wtman.model.ids import Sha

LINES = (b"a", b"b", b"", b"}", b"x\r", b"-z", b"+q", b"@@ -1 +1 @@", b"Binary files ", b"\\ No")
HEADS = (b"diff --git a/00000001 b/00000001", b"--- a/00000000", b"index 0..1")


@pytest.mark.parametrize("seed", range(4))
def test_what_git_says_of_two_contents_gives_both(ctl: Control, head: Sha, seed: int) -> None:
    chance = random.Random(seed)

    def some(most: int) -> list[bytes]:
        return [chance.choice(LINES + HEADS) + b"\n" for _ in range(chance.randint(0, most))]

    def ended(lines: list[bytes]) -> bytes:
        text = b"".join(lines)
        return text[: -chance.randint(0, 1) or None] + b"\0" * (chance.random() > 0.95)

    texts: dict[str, bytes] = {"": b""}
    pairs: set[tuple[str, str]] = set()
    with writer.quarantine(ctl, head) as objects:
        for _ in range(60):
            lines = some(30)
            changed = list(lines)
            for _ in range(chance.randint(0, 4)):
                at = chance.randint(0, len(changed))
                changed[at : at + chance.randint(0, 3)] = some(3)
            old, new = ended(lines), ended(changed)
            names = objects.add("blob", old), objects.add("blob", new)
            texts |= dict(zip(names, (old, new), strict=True))
            pairs |= {names, ("", names[0]), (names[1], "")} if old != new else set()
        objects.spill()
        found = compare.contents(objects.ctl, pairs)
    assert found.keys() == pairs
    for pair, compared in found.items():
        if any(b"\0" in texts[name] for name in pair):
            assert compared is None
            continue
        assert compared is not None
        assert tuple(b"".join(side) for side in (compared.old, compared.new)) == (
            texts[pair[0]],
            texts[pair[1]],
        )
        at = to = 0
        for number, span in enumerate(compared.spans):
            assert compared.old[at : span.a0] == compared.new[to : span.b0]
            assert span.a1 > span.a0 or span.b1 > span.b0
            assert not number or span.a0 > at  # two that touch were one
            at, to = span.a1, span.b1
        assert compared.old[at:] == compared.new[to:]
