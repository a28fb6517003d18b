#!/usr/bin/env python3
"""How far the first requests of a run's sessions begin alike, byte by byte.

Three tasks of one run, each with the real agent against a server on loopback, in each
sandbox that works here. Said for each agent: how many bytes of the prompt are the same in
whole blocks, how many of them lie before a mark that a provider keeps (`cache_control`), where
the first difference is and what it is.

Run with the Python of .venv, after `scripts/real-agents --install`:
`.venv/bin/python scripts/bench/prefix.py [claude|codex|api:MODEL ...]`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ground import WTMAN, table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests import kit  # noqa: E402
from tests.real.ledger import Part, serving  # noqa: E402
from tests.real.prefix import compare  # noqa: E402
from tests.real.runs import surroundings  # noqa: E402
from tests.real.test_prefix import NAMES, answer, write_plan  # noqa: E402
from wtman.sandbox.choice import trouble  # noqa: E402

AGENTS = ROOT / ".venv/real-agents/node_modules/.bin"


def main(agents: list[str]) -> None:
    tiers = [tier for tier in ("bubblewrap", "landlock") if not trouble(tier)]
    rows = [row for agent in agents for tier in tiers for row in measured(agent, tier)]
    table(("agent", "sandbox", "prompt", "alike", "marked", "first difference"), rows)


def measured(agent: str, tier: str) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="wtman-prefix-") as name:
        folder = Path(name)
        home, identity = folder / "home", folder / "gitconfig"
        home.mkdir()
        identity.write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
        os.environ["GIT_CONFIG_GLOBAL"] = str(identity)
        repo = kit.create_repo(folder / "repo", {"README.md": "x\n", "CLAUDE.md": "Use tabs.\n"})
        with serving([Part(f"QQ-{one}-QQ", answer) for one in NAMES]) as ledger:
            env = {**os.environ, **surroundings(AGENTS, ledger.address), "HOME": str(home)}
            plan = str(write_plan(folder, agent))
            words = ["split", "--plan", plan, "--yes", "--reviewers", "0", "--sandbox", tier]
            done = subprocess.run(
                [*WTMAN, *words], cwd=repo, env=env, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    first = {word: asked.body for word, asked in reversed(ledger.requests) if not asked.turn}
    one, *others = (first[f"QQ-{name}-QQ"] for name in NAMES)
    found = [compare(one, other) for other in others]
    return [
        (
            agent,
            tier,
            f"{item.size[0]:,}",
            f"{item.alike + item.inside:,}",
            f"{item.kept:,}",
            f"{item.where} +{item.inside}: {item.first[:24]!r} / {item.second[:24]!r}"
            f"; options {', '.join(item.options) or 'the same'}",
        )
        for item in found
    ]


if __name__ == "__main__":
    main(sys.argv[1:] or ["claude", "codex", "api:claude-opus-5-5"])
