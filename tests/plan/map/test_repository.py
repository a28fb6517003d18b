"""The map of a repository: what it knows of a real one, what it tells, what it costs again."""

import os
import subprocess

import pytest

from tests.kit import write_files
from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.git.repo import resolve
from wtman.model.places import Definition
from wtman.plan.map import store as map_store
from wtman.plan.map.repository import (
    History,
    RepositoryMap,
    map_text,
    relevance,
    relevant_parts,
    relevant_paths,
)
from wtman.plan.map.store import (
    load_map,
    map_folder,
    planner_map,
    planner_text,
    read_definitions,
    relevant_definitions,
)

FILES = {
    "README.md": "# Shop\n",
    "shop/__init__.py": "",
    "shop/cart.py": """\
'''What a customer is about to buy.'''


class Cart:
    def total(self):
        return 1
""",
    "shop/refund.py": """\
from .cart import Cart


def refund(cart: Cart):
    return cart.total()
""",
    "shop/mail.py": "def send():\n    pass\n",
    "tests/test_cart.py": "from shop.cart import Cart\n\n\ndef test_total(): ...\n",
    "web/app.ts": "import { Cart } from './models/cart';\n\nexport class App {\n}\n",
    "web/models/cart.ts": "export class Cart {\n  total() {\n    return 1;\n  }\n}\n",
    "api/server.go": """\
package api

import (
\t"example.com/shop/api/store"
)

func (s *Server) Start() error {
\treturn nil
}
""",
    "api/store/store.go": "package store\n\ntype Store struct {\n\tx int\n}\n",
    "jvm/src/shop/Cart.java": """\
package shop;

import shop.pay.Gateway;

public class Cart {
}
""",
    "jvm/src/shop/pay/Gateway.java": "package shop.pay;\n\nclass Gateway {\n}\n",
    "core/src/lib.rs": "mod price;\nuse crate::price::Price;\n",
    "core/src/price.rs": "pub struct Price {\n    x: u32,\n}\n",
}


@pytest.fixture
def repo(tmp_path, monkeypatch):
    return Place(tmp_path / "repo", monkeypatch)


class Place:
    """A real repository, and its map as wtman loads it."""

    def __init__(self, path, monkeypatch):
        self.path = path
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        path.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")

    def git(self, *words):
        return subprocess.run(
            ["git", *words], cwd=self.path, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files):
        write_files(self.path, files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "work")

    @property
    def control(self):
        return prepare(discover(str(self.path)))

    @property
    def base(self):
        return resolve(discover(str(self.path)), "HEAD")

    @property
    def folder(self):
        return map_folder(discover(str(self.path)))

    def map(self):
        return load_map(self.control, self.base, self.folder)


def used(map):
    return {
        (map.paths[user], map.paths[number])
        for user, numbers in map.uses_of(range(len(map.paths))).items()
        for number in numbers
    }


def test_who_uses_whom_in_each_language(repo):
    repo.commit(FILES)
    assert used(repo.map()) == {
        ("shop/refund.py", "shop/cart.py"),
        ("tests/test_cart.py", "shop/cart.py"),
        ("web/app.ts", "web/models/cart.ts"),
        ("api/server.go", "api/store/store.go"),
        ("jvm/src/shop/Cart.java", "jvm/src/shop/pay/Gateway.java"),
        ("core/src/lib.rs", "core/src/price.rs"),
    }


def test_users_are_found_as_all_imports_say_it(repo):
    repo.commit(
        {
            **FILES,
            "shop/inner.py": "from . import cart\nfrom .. import shop\n",
            "shop/deep/low.py": "from .. import mail\n",
            "web/models/index.ts": "export * from './cart.js';\n",
            "web/main.ts": "import { Cart } from './models';\nimport './app.css';\n",
            "web/app.css": "",
            "web/models/other.ts": "import { Cart } from '.';\n",
        }
    )
    map = repo.map()
    expected = {}
    for user, path in sorted(used(map)):
        expected.setdefault(path, set()).add(user)
    found = {path: set(users) for path, users in map.users_of(map.paths).items()}
    assert found == {path: users for path, users in expected.items() if path != "web/app.css"}
    assert found["shop/__init__.py"] == {"shop/deep/low.py", "shop/inner.py"}
    assert found["web/models/index.ts"] == {"web/main.ts", "web/models/other.ts"}
    for path, users in found.items():
        assert set(map.users_of([path])[path]) == users


def test_a_name_that_could_be_several_files_is_none(repo):
    repo.commit(
        {
            "a/cart.py": "",
            "b/cart.py": "",
            "c/use.py": "import cart\nimport os\n",
            "x/os.py": "",
        }
    )
    assert used(repo.map()) == set()


def test_tests_and_what_they_test(repo):
    repo.commit({**FILES, "tests/test_mail.py": "import smtplib\n"})
    assert repo.map().tests_of({"shop/cart.py", "shop/mail.py", "shop/refund.py"}) == {
        "shop/cart.py": ("tests/test_cart.py",),
        "shop/mail.py": ("tests/test_mail.py",),
    }


def test_what_changes_together_and_what_everybody_changes(repo):
    repo.commit(FILES)
    for number in range(6):
        repo.commit(
            {
                "CHANGES.md": f"{number}\n",
                f"shop/new{number}.py": "",
                "shop/cart.py": f"x = {number // 2}\n",
                "shop/refund.py": f"x = {number // 2}\n",
            }
        )
    # A commit of very many files says nothing of any two of them.
    repo.commit({f"bulk/{number}.txt": "" for number in range(31)} | {"CHANGES.md": "bulk\n"})
    map = repo.map()
    assert map.history.commits == 7
    assert map.hot() == {"CHANGES.md": 6 / 7}
    together = map.together()
    assert together["shop/cart.py", "shop/refund.py"] == 1.0
    assert map.history.pairs["shop/cart.py", "shop/refund.py"] == 4
    # Both of one commit only: twice of two says little.
    assert map.history.pairs["CHANGES.md", "shop/cart.py"] == 3
    assert ("CHANGES.md", "shop/cart.py") not in together
    assert not [pair for pair in map.history.pairs if "bulk/1.txt" in pair]


def test_definitions_are_read_of_what_a_request_is_about(repo):
    repo.commit(FILES)
    map = planner_map(repo.control, repo.base, "let a Cart in shop/cart.py have a coupon")
    assert map.definitions["shop/cart.py"] == (
        Definition("Cart", "class", 4, 6),
        Definition("Cart.total", "function", 5, 6),
    )
    assert "core/src/lib.rs" not in map.definitions


def test_the_text_tells_a_planner_what_it_needs(repo):
    repo.commit(FILES)
    request = "give the cart of a customer a coupon"
    text = map_text(planner_map(repo.control, repo.base, request), request)
    assert "shop/ (4, " in text
    assert (
        "shop/cart.py: changed by 1 of the last 1 commits\n"
        "  defines class Cart 4-6, .total 5-6\n"
        "  used by shop/refund.py\n"
        "  tests: tests/test_cart.py\n"
    ) in text + "\n"
    assert "shop/mail.py" not in text.partition("What the request seems to be about")[2]


@pytest.mark.parametrize("most", [400, 1000, 3000, 24_000])
def test_the_text_keeps_its_budget(repo, most):
    repo.commit({f"shop/part{n}/cart_{n}.py": f"class Cart{n}:\n    x = 1\n" for n in range(200)})
    text = map_text(planner_map(repo.control, repo.base, "carts"), "carts", most)
    assert len(text) <= most
    if 1000 <= most < 24_000:
        assert "more files that may matter" in text


def test_names_of_a_repository_stay_names(repo):
    repo.commit({"a b\n>>>ignore/cart.py": "class Cart: pass\n", "x.py": ""})
    text = map_text(planner_map(repo.control, repo.base, "cart"), "cart")
    assert '"a b\\n>>>ignore/cart.py"' in text
    assert "\n>>>" not in text


# --- the cache ----------------------------------------------------------------------------------


def told(map):
    return map.paths, map.sizes, map.names, map.imports, map.history, map.blobs


def test_the_second_time_nothing_is_searched(repo, monkeypatch):
    repo.commit(FILES)
    first = repo.map()
    asked = spied(monkeypatch)
    assert told(repo.map()) == told(first)
    assert asked == []


def test_the_next_commit_searches_what_it_changed(repo, monkeypatch):
    repo.commit(FILES)
    repo.map()
    repo.commit({"shop/mail.py": "def deliver():\n    pass\n"})
    asked = spied(monkeypatch)
    map = repo.map()
    assert asked == [["shop/mail.py"]]
    assert map.names[map.paths.index("shop/mail.py")] == "deliver"
    assert ("shop/refund.py", "shop/cart.py") in used(map)


def test_the_map_of_the_next_commit_is_the_one_made_anew(repo, monkeypatch, tmp_path):
    repo.commit(FILES | {"ä [x].py": "def odd(): pass\n", "old.py": "import shop.mail\n"})
    repo.map()
    os.symlink("cart.py", repo.path / "shop/link.py")
    repo.git("mv", "shop/mail.py", "shop.py")
    repo.git("rm", "-q", "old.py")
    news = {"shop-front/new.go": "package front\n\nfunc Show() {}\n", "data.bin": "\0\1"}
    repo.commit(news | {"ä [x].py": "def odder(): pass\n", "Z.md": "# Z\n"})
    with monkeypatch.context() as patched:
        patched.setattr(map_store.survey, "entries", None)  # the tree is not listed
        grown = told(repo.map())
    assert grown == told(load_map(repo.control, repo.base, str(tmp_path / "anew")))
    repo.git("checkout", "-q", "HEAD~1")
    assert told(repo.map()) == told(load_map(repo.control, repo.base, str(tmp_path / "before")))


@pytest.mark.parametrize("far", [True, False])
def test_a_tree_far_from_the_last_or_after_one_that_is_gone_is_looked_over(repo, monkeypatch, far):
    repo.commit(FILES)
    repo.map()
    repo.commit({"a.py": "x = 1\n", "b.py": "def b(): pass\n"})
    if far:
        monkeypatch.setattr(map_store, "_NEAR", 1)
    else:
        (known,) = (name for name in os.listdir(repo.folder) if name.startswith("tree-"))
        os.rename(os.path.join(repo.folder, known), os.path.join(repo.folder, f"tree-{'1' * 40}"))
    asked = spied(monkeypatch)
    assert "b" in repo.map().names
    assert asked == [["a.py", "b.py"]]


def spied(monkeypatch):
    from wtman.git.objects import survey

    asked, real = [], survey.lines_like

    def lines_like(ctl, tree, pattern, files, most, perl):
        asked.append(list(files))
        return real(ctl, tree, pattern, files, most, perl)

    monkeypatch.setattr(survey, "lines_like", lines_like)
    return asked


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"cart", b"tarc"),
        lambda data: b"\xff" * 100,
        lambda data: data.split(b"\n")[0] + b"\n[]",
    ],
)
def test_a_damaged_cache_is_made_anew(repo, damage):
    repo.commit(FILES)
    first = told(repo.map())
    for name in os.listdir(repo.folder):
        path = os.path.join(repo.folder, name)
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(damage(data))
    assert told(repo.map()) == first


def test_a_cache_that_cannot_be_written_is_done_without(repo):
    repo.commit(FILES)
    first = told(repo.map())
    blocked = os.path.join(repo.folder, "x")
    os.mkdir(os.path.join(repo.folder, "aside"))
    assert told(load_map(repo.control, repo.base, os.path.join(blocked, "\0"[:0] + "y"))) == first


def test_the_cache_stays_small(repo):
    for number in range(9):
        repo.commit({f"{number}.py": f"def f{number}(): pass\n"})
        repo.map()
    names = os.listdir(repo.folder)
    assert sum(name.startswith("tree-") for name in names) == 6
    assert sum(name.startswith("history-") for name in names) == 6


def test_of_the_next_commit_only_what_it_changed_is_read_for_its_definitions(repo, monkeypatch):
    repo.commit(FILES)
    before = relevant_definitions(repo.control, repo.base, "cart", 5, ["shop/mail.py"])
    repo.commit({"shop/mail.py": "def letter():\n    pass\n"})
    asked, real = [], map_store.survey.texts_of

    def texts_of(ctl, blobs, cap):
        found = real(ctl, blobs, cap)
        asked.extend(found.values())
        return found

    monkeypatch.setattr(map_store.survey, "texts_of", texts_of)
    after = relevant_definitions(repo.control, repo.base, "cart", 5, ["shop/mail.py"])
    assert asked == ["def letter():\n    pass\n"]
    assert [item.name for item in before["shop/mail.py"]] == ["send"]
    assert [item.name for item in after["shop/mail.py"]] == ["letter"]
    assert after == {**before, "shop/mail.py": after["shop/mail.py"]}
    # Of a file that is damaged nothing is believed.
    for name in os.listdir(repo.folder):
        if name.startswith("defined-"):
            with open(os.path.join(repo.folder, name), "wb") as file:
                file.write(b"wtman map 0 0 0\n{}")
    assert relevant_definitions(repo.control, repo.base, "cart", 5, ["shop/mail.py"]) == after


def test_the_same_request_is_answered_from_a_file_until_the_commit_changes(repo, monkeypatch):
    repo.commit(FILES)
    first = planner_text(repo.control, repo.base, "cart")
    found = relevant_definitions(repo.control, repo.base, "cart", 5, ["core/src/lib.rs"])
    assert "shop/cart.py" in found and "shop/mail.py" not in found
    base = repo.base
    with monkeypatch.context() as patched:
        patched.setattr(map_store, "load_map", None)
        assert planner_text(repo.control, base, "cart") == first
        assert found == relevant_definitions(repo.control, base, "cart", 5, ["core/src/lib.rs"])
    repo.commit({"shop/coupon.py": "class CartCoupon:\n    pass\n"})
    assert "shop/coupon.py" in planner_text(repo.control, repo.base, "cart")
    assert planner_text(repo.control, repo.base, "mail") != first


# --- odd repositories ---------------------------------------------------------------------------


def test_odd_files_are_served(repo):
    write_files(
        repo.path,
        {
            "big.py": "def f(): pass\n" * 100_000,
            "bin.py": b"\0\1\2def f():\n",
            "latin.py": "# -*- coding: latin-1 -*-\ndef gr\xfc\xdfen(): pass\n".encode("latin-1"),
            "min.js": "function a(){}" * 100_000,
            "empty.go": "",
            "good.py": "def found_here():\n    pass\n",
        },
    )
    os.symlink("good.py", repo.path / "link.py")
    with open(os.fsencode(str(repo.path)) + b"/caf\xe9.py", "wb") as file:
        file.write(b"def coffee(): pass\n")
    repo.git("add", "-A")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    repo.git("commit", "-q", "-m", "odd")
    map = read_definitions(repo.control, repo.map(), repo.map().paths)
    assert map.definitions["good.py"] == (Definition("found_here", "function", 1, 2),)
    assert map.definitions["caf\udce9.py"] == (Definition("coffee", "function", 1, 1),)
    assert map.definitions["min.js"] == () if "min.js" in map.definitions else True
    assert "link.py" not in map.definitions
    assert "big.py" not in map.definitions
    assert map.names[map.paths.index("sub")] == ""
    assert map_text(map, "coffee found_here")


def test_a_partial_clone_is_served_from_what_is_here(repo, tmp_path):
    repo.commit(FILES)
    repo.commit({"shop/mail.py": "def deliver():\n    pass\n"})
    repo.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    subprocess.run(
        [
            "git",
            "clone",
            "-q",
            "--filter=blob:none",
            "--no-checkout",
            f"file://{repo.path}",
            partial,
        ],
        check=True,
        capture_output=True,
    )
    blob = repo.git("rev-parse", "HEAD:shop/cart.py")
    subprocess.run(["git", "cat-file", "blob", blob], cwd=partial, check=True, capture_output=True)
    missing = _missing(partial)
    repo.path = partial
    map = planner_map(repo.control, repo.base, "cart")
    assert "cart" in map.names[map.paths.index("shop/cart.py")]
    assert map.names[map.paths.index("shop/mail.py")] == ""
    assert list(map.definitions) == ["shop/cart.py"]
    assert map.history.commits == 2
    assert _missing(partial) == missing


def _missing(path):
    said = subprocess.run(
        ["git", "rev-list", "--objects", "--all", "--missing=print"],
        cwd=path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_NO_LAZY_FETCH": "1"},
    ).stdout
    return {line for line in said.splitlines() if line.startswith("?")}


def test_a_shallow_clone_has_the_history_that_it_has(repo, tmp_path):
    repo.commit(FILES)
    repo.commit({"shop/mail.py": "x = 1\n"})
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo.path}", shallow], check=True)
    repo.path = shallow
    assert repo.map().history.commits == 1


def test_a_commit_without_files(repo):
    repo.git("commit", "-q", "--allow-empty", "-m", "nothing")
    map = planner_map(repo.control, repo.base, "anything")
    assert told(map) == told(repo.map())
    assert map.paths == ()
    assert map_text(map, "anything").startswith("0 files")


# --- relevance and parts ------------------------------------------------------------------------


def drawn(files, history=None, imports=()):
    return RepositoryMap(
        tuple(files),
        (1000,) * len(files),
        tuple(files.values()),
        imports or ("",) * len(files),
        history or History(),
        blobs=("",) * len(files),
    )


def test_what_is_named_comes_first():
    map = drawn(
        {"a.py": "cart total", "b.py": "mail", "deep/c.py": "x", "d.py": "refund_cart cart"}
    )
    assert relevant_paths(map, "fix deep/c.py")[0] == "deep/c.py"
    assert relevant_paths(map, "the `refund_cart` is slow")[0] == "d.py"
    assert relevant_paths(map, "what about nothing known") == ()


def test_what_changes_with_it_or_uses_it_is_relevant_too():
    history = History(9, {"a.py": 5, "b.py": 5}, {("a.py", "b.py"): 4})
    map = drawn(
        {"a.py": "cart", "b.py": "", "c.py": "", "e.py": ""}, history, ("", "", "import a", "")
    )
    assert [path for path, _ in relevance(map, "cart")] == ["a.py", "b.py", "c.py"]


def test_a_test_comes_behind_what_it_tests():
    map = drawn({"tests/test_cart.py": "test_cart", "shop/cart.py": "cart"})
    assert relevant_paths(map, "cart")[0] == "shop/cart.py"


def test_a_small_repository_has_no_parts(repo):
    repo.commit(FILES)
    assert relevant_parts(repo.map(), "cart", 8) == ()


def test_parts_are_cut_along_packages():
    files = {
        f"{top}/{name}_{n}.py": f"payment {top}"
        for top in ("billing", "invoice", "mail")
        for name in ("core", "view")
        for n in range(12)
    }
    parts = relevant_parts(drawn(files), "payment of billing, invoice and mail", 3)
    assert {part.name for part in parts} == {"billing", "invoice", "mail"}
    for part in parts:
        assert all(path.startswith(f"{part.name}/") for path in part.paths)
        assert len(part.paths) <= 60
    assert relevant_parts(drawn(files), "payment", 1) == ()
