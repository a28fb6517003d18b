"""What is published: no addresses, hosts or machine paths; pins that fit; scripts that parse."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wtman
from tests.kit import ROOT, write_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = (
    "scripts/install",
    "scripts/check",
    "scripts/test",
    "scripts/cases",
    "scripts/try",
    ".ci/run",
)

# Hosts that a text may name: made for examples, this machine, and a name that is no address.
_HARMLESS = re.compile(
    r"(^|\.)(example(\.(com|org|net))?|test|invalid|localhost)$|^127\.|^0\.0\.0\.0$|^\[::1\]$"
    r"|^www\.w3\.org$|^json-schema\.org$|[{}$%<]|^\.\.\.$"
)
_ADDRESS = re.compile(r"\b(?:https?|ssh|git|ftp)://(?:[^\s/@\"']*@)?([^\s/:\"'`)>\]]+)")
# Written so that this file does not hold what it looks for; the cases below are cut in two.
_HOSTS = re.compile(
    "pypi"
    + r"\.org|pythonhosted"
    + r"\.org|npmjs"
    + r"\.(?:org|com)|\b\w+\.(?:internal|corp|lan)\b"
    r"|--(?:extra-)?index-" + "url|--find-" + "links"
)
_PLACES = re.compile(
    r"(?<![\w.})$~*-])/(?:root|opt/(?:wheels|pypi)|work/(?:main|shared|\.\w+)|tmp/(?:brief|bash_jobs)"
    r"|(?:home|Users)/(?!(?:user|me|you|ada|dev)\b)\w+)\b"
)


def leaks(text: str) -> list[str]:
    """What in `text` names a host or a place of some machine."""
    found = [m.group() for m in _ADDRESS.finditer(text) if not _HARMLESS.search(m.group(1))]
    return found + [m.group() for p in (_HOSTS, _PLACES) for m in p.finditer(text)]


def project_files() -> list[Path]:
    """Every file that is, or is about to be, tracked."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in names.split(b"\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_no_file_names_a_host_or_a_place_of_some_machine():
    files = project_files()
    assert ROOT / "tests/test_project.py" in files
    found = {}
    for path in files:
        if leak := leaks(path.read_bytes().decode("utf-8", "replace")):
            found[str(path.relative_to(ROOT))] = leak
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "internal.company.io/x",
        "git clone ssh://" + "git@forge.company.io/x",
        "see mirror." + "internal/simple",
        "https:" + "//py" + "pi.org/simple",
        "--find-" + "links=wheels",
        "cd /ro" + "ot/project",
        "'/wo" + "rk/main/wtman'",
        "/ho" + "me/somebody/x",
    ],
)
def test_a_leak_is_seen(text):
    assert leaks(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1 http://localhost:1 https://oauth.example.com/a",
        'f"http://{host}:{port}/" http://www.w3.org/2000/svg',
        "{tmp}/root tmp/work/main a/home/b ~/home/x /home/user/repo",
    ],
)
def test_an_example_is_no_leak(text):
    assert leaks(text) == []


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    for line in lines:
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+( ; .+)?", line), f"not a plain pin: {line}"
    return {line.split("==")[0]: line.split("==")[1].split(" ")[0] for line in lines}


def _requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]
    return [r for r in map(Requirement, texts) if r.name != PROJECT["name"]]


@pytest.mark.parametrize("requirement", _requirements(), ids=lambda r: r.name)
def test_the_constraints_pin_every_dependency_at_a_version_that_is_allowed(requirement):
    pinned = _pins().get(canonicalize_name(requirement.name))
    again = (
        "uv pip compile --universal --all-extras --no-header --no-annotate "
        "--no-emit-index-" + "url pyproject.toml -o constraints.txt"
    )
    assert pinned, f"{requirement} has no pin; run: {again}"
    assert requirement.specifier.contains(pinned), f"{requirement} against {pinned}; run: {again}"


def test_the_changelog_knows_the_version():
    assert f"## {wtman.__version__} (" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_executable_posix_shell(name):
    path = ROOT / name
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(path)], check=True)


# --- scripts/install: what it says where it cannot work -----------------------------------


def _install(tmp_path: Path, path: str, **env: str) -> subprocess.CompletedProcess[str]:
    files = {name: (ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")}
    write_files(tmp_path / "p", {**files, "scripts/install": (ROOT / SCRIPTS[0]).read_bytes()})
    return subprocess.run(
        ["/bin/sh", str(tmp_path / "p/scripts/install")],
        env={"PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _tools(tmp_path: Path, **fakes: str) -> str:
    """A PATH of the few tools that the script needs, and of fakes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    write_files(folder, {name: f"#!/bin/sh\n{body}\n" for name, body in fakes.items()})
    for name in ("sh", "dirname", "sed", "cat", "cksum"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


# A Python that is new enough, but Debian's without ensurepip.
DEBIAN = {
    "git": "echo git version 3.0.0",
    "python3": 'case "$2" in *version_info\\ *) ;; *ensurepip*) exit 1 ;; '
    "*) echo python3.11-venv ;; esac",
}


@pytest.mark.parametrize(
    ("fakes", "said"),
    [
        ({}, "git is not on PATH"),
        ({"git": "echo git version 2.38.1"}, "git 2.38 is too old"),
        ({"git": "echo 'git version 2.47.1 (Apple Git-1)'", "python3": "exit 1"}, "no Python 3.11"),
        (
            {**DEBIAN, "id": "echo 1000"},
            "sudo apt-get update && sudo apt-get install -y python3.11-venv",
        ),
        (
            {**DEBIAN, "id": "echo 0", "apt-get": '[ "$1" = update ]'},
            "could not install python3.11-venv",
        ),
    ],
    ids=["no git", "old git", "no python", "no venv", "no package"],
)
def test_the_installer_says_what_is_missing(tmp_path, fakes, said):
    done = _install(tmp_path, _tools(tmp_path, **fakes))
    assert done.returncode == 3, done
    assert said in done.stderr
    assert not (tmp_path / "p/.venv").exists()


def test_a_folder_of_cases_is_run_and_summed_up(tmp_path: Path) -> None:
    folder = tmp_path / "odd name"
    write_files(
        folder,
        {
            "lib.sh": "exit 1\n",
            "good.sh": 'test -x "$WTMAN" && echo "right: yes"\n',
            "bad.sh": 'echo first; echo "wrong: it is so"; exit 1\n',
            "away.sh": 'echo "not tried: no such thing"; exit 2\n',
            "hangs.sh": "exec sleep 60\n",
            "crashes.sh": "echo last words; exit 7\n",
        },
    )

    def run(*names: str, program: str = "/bin/true") -> tuple[int, list[str], str]:
        done = subprocess.run(
            [ROOT / "scripts/cases", *names],
            env={**os.environ, "WTMAN": program, "LIMIT": "1", "OUT": str(tmp_path / "out")},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [re.sub(" +[0-9]+s  ", " ", line) for line in done.stdout.splitlines()]
        return done.returncode, lines, done.stderr

    status, lines, _ = run(str(folder))
    assert (status, sorted(lines[:-1])) == (
        1,
        [
            "not tried away: no such thing",
            "right good",
            "wrong bad: it is so",
            "wrong crashes: last words",
            "wrong hangs: no end within 1 s",
        ],
    )
    assert lines[-1].startswith("1 right, 3 wrong, 1 not tried ")
    assert (tmp_path / "out/bad").read_text() == "first\nwrong: it is so\n"
    status, lines, _ = run(str(folder), "good.sh", "away")
    assert (status, lines[-1].partition("  ")[0]) == (0, "1 right, 0 wrong, 1 not tried")
    assert run(str(folder), "absent")[0::2] == (2, f"cases: there is no {folder}/absent.sh\n")
    assert run(str(tmp_path / "none"))[2].startswith("scripts/cases DIR [NAME...]\n")
    assert run(str(folder), program="/none/wtman")[0] == 2
