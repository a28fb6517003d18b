"""The flows of examples/flows/: they read well, and do their work in real repositories."""

import sys
from pathlib import Path

import pytest

from tests import kit
from wtman.flow.outline import outline_lines, read_script

FLOWS = kit.ROOT / "examples/flows"
NAMED = ("core", "shop", "old")
NAMES = sorted(path.stem for path in FLOWS.glob("*.py"))


@pytest.fixture
def agent(tmp_path: Path) -> str:
    """Does with its prompt and folder what the script says that stands in `agent.py`."""
    return f"command:{sys.executable} {tmp_path}/agent.py"


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_as_an_example(name: str) -> None:
    outline = read_script((FLOWS / f"{name}.py").read_text(), name)
    assert outline.problems == (), outline_lines(outline)
    assert f"wtman run examples/flows/{name}.py" in outline.about
    assert f"`flows/{name}.py`" in (FLOWS.parent / "README.md").read_text()
    assert all(field.help for field in outline.inputs)


@pytest.mark.slow
def test_a_model_does_what_the_codemod_cannot(
    wtman: kit.Program, tmp_path: Path, agent: str
) -> None:
    codemod = (
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.stdin.read().split()[0])\n"
        "text = path.read_text()\n"
        "if 'getattr' in text:\n    sys.exit(f'{path}: cannot see what it calls')\n"
        "path.write_text(text.replace('cents(', 'in_cents('))\n"
    )
    model = (
        "import pathlib, re, sys\n"
        "prompt = sys.stdin.read()\n"
        "assert 'cannot see what it calls' in prompt\n"
        "path = pathlib.Path(re.search(r'file is (\\S+)\\.', prompt)[1])\n"
        "path.write_text(path.read_text().replace('cents', 'in_cents'))\n"
    )
    (tmp_path / "agent.py").write_text(model)
    repo = kit.create_repo(
        tmp_path / "repo",
        {
            "tools/codemod.py": codemod,
            "shop/a.py": "x = cents(1)\n",
            "shop/b.py": "x = getattr(m, 'cents')\ny = cents(2)\n",
            "shop/c.py": "x = 1\n",
        },
    )
    words = ("--change", "Call in_cents.", "--containing", "cents(", "--files", "shop/*.py")
    flow = ("run", FLOWS / "codemod.py", *words)
    dry = wtman(*flow, "--dry-run", cwd=repo)
    assert "2 items in the base" in dry.out and "at most 4 sessions" in dry.out
    wtman(*flow, "--agent", agent, "--check", "true", "--yes", cwd=repo)
    wtman("merge", cwd=repo)
    assert (repo / "shop/a.py").read_text() == "x = in_cents(1)\n"
    assert (repo / "shop/b.py").read_text() == "x = getattr(m, 'in_cents')\ny = in_cents(2)\n"
    subjects = kit.run_git(repo, "log", "-2", "--format=%s").splitlines()
    assert len([subject for subject in subjects if "shop/" in subject]) == 2


@pytest.mark.slow
def test_every_module_gets_a_page_and_one_leads_to_them(
    wtman: kit.Program, tmp_path: Path, agent: str
) -> None:
    writer = (
        "import pathlib, re, sys\n"
        "prompt = sys.stdin.read()\n"
        "found = re.search(r'in the page (\\S+):', prompt)\n"
        "page = pathlib.Path(found[1] if found else 'docs/README.md')\n"
        "page.parent.mkdir(parents=True, exist_ok=True)\n"
        "listed = sorted(map(str, pathlib.Path('docs').rglob('*.md')))\n"
        "page.write_text(f'# {page.stem}\\n' if found else '\\n'.join(listed) + '\\n')\n"
    )
    (tmp_path / "agent.py").write_text(writer)
    source = kit.ROOT / "examples/shop"
    files: dict[str, str | bytes] = {
        str(path.relative_to(source)): path.read_bytes()
        for path in source.rglob("*.py")
        if "__pycache__" not in path.parts
    }
    repo = kit.create_repo(tmp_path / "repo", files)
    words = ("run", FLOWS / "module-docs.py", "--files", "shop/*.py")
    wtman(*words, "--agent", agent, "--check", "python3 -m unittest -q", "--yes", cwd=repo)
    wtman("merge", cwd=repo)
    pages = (repo / "docs/README.md").read_text().splitlines()
    assert "docs/shop/cart.md" in pages and "docs/shop/money.md" in pages
    assert all((repo / page).exists() for page in pages)


@pytest.mark.slow
def test_a_dependency_is_raised_where_the_tests_can_be_mended(
    wtman: kit.Program, tmp_path: Path, agent: str
) -> None:
    """`core` works at once, `shop` after a session more, `old` never."""
    worker = (
        "import pathlib, re, sys\n"
        "prompt = sys.stdin.read()\n"
        "folder = pathlib.Path(re.search(r'packages/\\w+', prompt)[0])\n"
        "if 'fails now' in prompt:\n"
        "    good = folder.name != 'old'\n"
        "    with open(folder / 'code', 'a') as file:\n"
        "        file.write('mended\\n' if good else 'tried\\n')\n"
        "else:\n"
        "    path = folder / 'pyproject.toml'\n"
        "    path.write_text(path.read_text().replace('lib==1', 'lib==2'))\n"
    )
    (tmp_path / "agent.py").write_text(worker)
    files: dict[str, str | bytes] = {"packages/none/pyproject.toml": "x\n"}
    for name in NAMED:
        files[f"packages/{name}/pyproject.toml"] = "lib==1\n"
        files[f"packages/{name}/code"] = "mended\n" if name == "core" else "\n"
    repo = kit.create_repo(tmp_path / "repo", files)
    inputs = ("--name", "lib", "--version", "2", "--test", "grep -q mended code", "--fixes", "2")
    words = ("run", FLOWS / "bump-dependency.py", *inputs, "--agent", agent, "--check", "true")
    done = wtman(*words, "--yes", cwd=repo, check_status=4)
    assert "1 of 3 packages stay behind. Go on?" in done.out
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    wtman("answer", run, "yes", cwd=repo)
    wtman("resume", run, "--yes", cwd=repo)
    wtman("merge", cwd=repo)
    raised = {name: (repo / f"packages/{name}/pyproject.toml").read_text() for name in NAMED}
    assert raised == {"core": "lib==2\n", "shop": "lib==2\n", "old": "lib==1\n"}
