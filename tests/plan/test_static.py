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
from wtman.plan.scope import scope
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
    return static_plan("mend it", listed, texts, most, exactly=exactly).plan


def owners(plan: Plan, path: str) -> list[str]:
    return [task.id for task in plan.tasks if matches(task.owns, path)]


def test_packages_keep_their_tests() -> None:
    plan = cut(SHOP, 2)
    billing = owners(plan, "src/billing/pdf.py")
    assert owners(plan, "tests/test_invoice.py") == owners(plan, "tests/test_everything.py")
    assert owners(plan, "tests/test_invoice.py") == billing
    assert owners(plan, "tests/test_cart.py") == owners(plan, "src/shop/money.py") != billing
    assert [task.id for task in plan.tasks] == ["billing", "shop"]
    assert "src/billing/**" in plan.tasks[0].owns
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


GO = {
    "LICENSE": "",
    "Makefile": "",
    "go.mod": "",
    "go.sum": "",
    ".github/workflows/test.yml": "",
    "README.md": "",
    "args.go": "",
    "args_test.go": "",
    "bash_completions.go": "",
    "bash_completions_test.go": "",
    "zsh_completions.go": "",
    "command.go": "",
    "command_test.go": "",
    "doc/man.go": "",
    "doc/man_test.go": "",
    "doc/yaml.go": "",
    "logo.png": "",
}


def test_a_person_would_make_these_tasks() -> None:
    plan = cut(GO, 4)
    assert [task.id for task in plan.tasks] == ["args", "completions", "command", "doc"]
    assert plan.tasks[1].title == "bash_completions.go, zsh_completions.go: mend it"
    assert plan.tasks[3].title == "doc: mend it"
    assert owners(plan, "bash_completions_test.go") == ["completions"]
    for path in ("LICENSE", "go.sum", "logo.png", ".github/workflows/test.yml", "Makefile"):
        assert owners(plan, path) == []


def test_folders_of_a_workspace_are_parts() -> None:
    texts = {f"crates/{name}/src/{file}.rs": "" for name in "abcd" for file in ("lib", "x", "y")}
    texts |= {f"crates/{name}/Cargo.toml": "" for name in "abcd"}
    assert [task.id for task in cut(texts, 4).tasks] == ["a", "b", "c", "d"]
    names = [task.id for task in cut({**texts, "Cargo.lock": "", "build.rs": ""}, 8).tasks]
    assert len(names) == 8 and len(set(names)) == 8
    assert names == ["build", "a-x", "y", "b-x", "b-y", "c-x", "c-y", "d"]


@pytest.mark.parametrize(
    ("agent", "request_", "in_scope", "left"),
    [
        # A tool that is known, however it is started, has its own files and nothing more.
        ("command:ruff check --fix .", "x", ["a.py", "tests/test_a.py"], False),
        ("command:uv run --no-sync ruff check --fix", "x", ["a.py", "tests/test_a.py"], False),
        ("command:python3 -m black src", "x", ["a.py", "tests/test_a.py"], False),
        ("command:/usr/bin/npx -y prettier --write tests", "x", ["tests/b.js"], False),
        ("command:env A=1 gofmt -w", "x", ["c.go"], False),
        ("command:cargo fmt", "x", ["a.py", "bin/run", "c.go", "README.md"], True),  # no Rust here
        # A program that nobody knows may change any text; an agent works on source.
        ("command:sed -i s/a/b/ {files}", "x", ["README.md", "bin/run"], True),
        ("claude", "modern syntax", ["a.py", "bin/run", "c.go", "tests/b.js"], True),
        ("claude", "mend the docs", ["README.md", "a.py"], True),
        ("claude", "a new year in LICENSE and .github/", ["LICENSE", ".github/ci.yml"], True),
    ],
)
def test_files_that_the_work_is_about(
    agent: str, request_: str, in_scope: list[str], left: bool
) -> None:
    paths = [
        *("LICENSE", "README.md", "a.py", "bin/run", "c.go", "poetry.lock", "pyproject.toml"),
        *("tests/test_a.py", "tests/b.js", ".github/ci.yml", "dist/x.js", "a_pb2.py", "logo.svg"),
    ]
    found = scope(request_, agent, paths)
    assert set(in_scope) <= set(found.paths)
    assert not {"poetry.lock", "dist/x.js", "a_pb2.py", "logo.svg"} & set(found.paths)
    assert ("get no task" in found.note) is left
    if not left:
        assert list(found.paths) == in_scope


def test_a_repository_without_source_has_all_its_texts() -> None:
    assert scope("x", "claude", ["a.md", "b.yml", "LICENSE"]).paths == ("a.md", "b.yml")
    assert scope("x", "claude", ["LICENSE"]).paths == ("LICENSE",)


def test_a_folder_of_the_command_is_where_it_works() -> None:
    texts = {f"{top}/{name}.py": "" for top in ("src/a", "src/b", "tools") for name in "xyz"}
    agent = "command:ruff check src --fix"
    listed = [TrackedFile(path, 1000) for path in sorted(texts)]
    plan = static_plan("x", listed, texts, 2, agent=agent, exactly=True).plan
    assert [task.id for task in plan.tasks] == ["a", "b"]
    filled = with_paths(plan, agent, list(texts))
    assert filled.tasks[0].agent == "command:ruff check ./src/a --fix"


NAMES = st.text(st.sampled_from("ab[]*?!# .é-_"), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=20), st.data())
@settings(max_examples=kit.examples(150))
def test_every_path_has_exactly_one_owner(paths: set[str], data: st.DataObject) -> None:
    # No path is both a file and a folder.
    paths = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    plan = cut(dict.fromkeys(paths, ""), data.draw(st.integers(1, 6)))
    for path in scope("mend it", "", paths).paths:
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
    words = shlex.split(plan.tasks[0].agent.removeprefix("command:"))
    assert [word for word in words if word in argv] == argv
    assert not any("shop" in word for word in words)


def test_other_agents_and_other_plans_stay_as_they_are() -> None:
    plan = cut(SHOP, 2)
    assert with_paths(plan, "claude", list(SHOP)) == plan
    by_hand = parse('[[task]]\nid = "a"\nprompt = "b"\n', "plan")
    assert with_paths(by_hand, "command:ruff .", list(SHOP)) == by_hand


def test_a_repository_of_files_in_its_root_is_cut() -> None:
    flat = {"encoding.go": "", "errors.go": "", "errors_test.go": "", "overrides_test.go": ""}
    plan = cut(flat, 2)
    assert len(plan.tasks) == 2
    assert owners(plan, "errors.go") == owners(plan, "errors_test.go")
