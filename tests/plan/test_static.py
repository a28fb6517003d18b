"""A plan cut from the repository itself: disjoint, whole, balanced, with what belongs together."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kit
from wtman.formats.gitignore import matches
from wtman.model.changes import TrackedFile
from wtman.model.plan import Plan
from wtman.plan.file import dump, parse, validate
from wtman.plan.static import static_plan, with_paths

SHOP = {
    "README.md": "",
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "from shop.money import Money\n",
    "src/shop/money.py": "",
    "src/billing/__init__.py": "",
    "src/billing/invoice.py": "from .pdf import page\n",
    "src/billing/pdf.py": "import json\n",
    "tests/test_cart.py": "from shop.cart import Cart\n",
    "tests/test_invoice.py": "import billing.invoice\n",
    "tests/test_everything.py": "import billing.pdf\n",
}


def cut(texts: dict[str, str], most: int, size: int = 1000, exactly: bool = True) -> Plan:
    listed = [TrackedFile(path, size) for path in sorted(texts)]
    return static_plan("mend it", listed, texts, most, exactly=exactly)


def owners(plan: Plan, path: str) -> list[str]:
    return [task.id for task in plan.tasks if matches(task.owns, path)]


def test_packages_keep_their_tests() -> None:
    plan = cut(SHOP, 2)
    billing = owners(plan, "src/billing/pdf.py")
    assert owners(plan, "tests/test_invoice.py") == owners(plan, "tests/test_everything.py")
    assert owners(plan, "tests/test_invoice.py") == billing
    assert owners(plan, "tests/test_cart.py") == owners(plan, "src/shop/money.py") != billing
    assert [task.id for task in plan.tasks] == ["shop-readme", "billing"]
    assert "src/billing/**" in plan.tasks[1].owns
    assert all(task.may_be_empty for task in plan.tasks)


def test_what_imports_each_other_stays_together() -> None:
    # Neighbours by name are not neighbours by import.
    texts = {f"lib/m{at:02}.py": f"import lib.m{(at + 8) % 16:02}\n" for at in range(16)}
    plan = cut(texts, 8)
    for at in range(8):
        assert owners(plan, f"lib/m{at:02}.py") == owners(plan, f"lib/m{at + 8:02}.py")


def test_scripts_are_linked_by_relative_paths() -> None:
    texts = {f"web/m{at}.ts": f'import x from "./m{at ^ 1}"\n' for at in range(8)}
    plan = cut(texts, 4)
    assert all(owners(plan, f"web/m{a}.ts") == owners(plan, f"web/m{a + 1}.ts") for a in (0, 2, 4))


def test_a_small_repository_is_not_cut_to_crumbs() -> None:
    assert len(cut(SHOP, 16, exactly=False).tasks) == 2
    assert len(cut(SHOP, 4, exactly=True).tasks) == 4


def test_nobody_is_much_heavier_than_the_others() -> None:
    texts = {f"{a}/{b}/{c}.go": "" for a in "pq" for b in "rstu" for c in "vwxyz"}
    plan = cut(texts, 4)
    sizes = [sum(matches(task.owns, path) for path in texts) for task in plan.tasks]
    assert len(sizes) == 4 and max(sizes) <= 1.25 * min(sizes)


NAMES = st.text(st.sampled_from("ab[]*?!# .é-_"), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=20), st.data())
@settings(max_examples=kit.examples(150))
def test_every_path_has_exactly_one_owner(paths: set[str], data: st.DataObject) -> None:
    # No path is both a file and a folder.
    paths = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    plan = cut(dict.fromkeys(paths, ""), data.draw(st.integers(1, 6)))
    for path in paths:
        assert len(owners(plan, path)) == 1, (path, [task.owns for task in plan.tasks])
    if plan.tasks:
        assert not validate(plan, max_sessions=1000, allow_overlap=False)
        assert parse(dump(plan), "plan") == plan


@pytest.mark.parametrize(
    ("agent", "argv"),
    [
        ("command:ruff check --fix .", ["ruff", "check", "--fix", "./src/billing"]),
        ("command:ruff check --fix", ["ruff", "check", "--fix", "./src/billing"]),
        ("command:mv {paths} /x", ["mv", "./src/billing", "/x"]),
        ("command:sed -i s/./b/ {files}", ["sed", "-i", "s/./b/", "./src/billing/invoice.py"]),
    ],
)
def test_a_command_gets_the_paths_of_its_part(agent: str, argv: list[str]) -> None:
    plan = with_paths(cut(SHOP, 2), agent, list(SHOP))
    words = shlex.split(plan.tasks[1].agent.removeprefix("command:"))
    assert [word for word in words if word in argv] == argv
    assert not any("shop" in word for word in words)


def test_other_agents_and_other_plans_stay_as_they_are() -> None:
    plan = cut(SHOP, 2)
    assert with_paths(plan, "claude", list(SHOP)) == plan
    by_hand = parse('[[task]]\nid = "a"\nprompt = "b"\n', "plan")
    assert with_paths(by_hand, "command:ruff .", list(SHOP)) == by_hand
