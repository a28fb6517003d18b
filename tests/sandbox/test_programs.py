"""What is shown of the user's folders so that their programs run; and what never is."""

import os
from pathlib import Path

import pytest

from wtman.sandbox import programs, seatbelt
from wtman.sandbox.mounts import picture
from wtman.sandbox.policy import SandboxPolicy


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def program(path: Path, text: str = "\x7fELF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def shown(user: Path, argv0: str, *path: Path | str) -> set[str]:
    """Below the user's home folder, relative to it."""
    found = programs.needed(argv0, os.pathsep.join(map(str, path)), str(user))
    assert all(Path(one).is_relative_to(user.parent) for one in found)
    return {str(Path(one).relative_to(user)) for one in found}


def test_the_system_needs_nothing(user: Path) -> None:
    assert programs.needed("/bin/sh", "/usr/bin:/bin", str(user)) == ()
    assert programs.needed("sh", "/usr/bin:/bin::.:bin", str(user)) == ()


def test_home_is_never_shown_as_a_whole(user: Path) -> None:
    for name in ("bin/tool", "lib/x", "tool"):
        program(user / name)
    assert shown(user, "sh", user / "bin") == {"bin"}
    assert shown(user, str(user / "tool")) == {"tool"}
    (user / ".npmrc").write_text("SECRET")
    assert shown(user, "tool", user, user.parent) == {"tool"}


def test_local_without_what_is_beside_its_programs(user: Path) -> None:
    program(user / ".local/bin/tool")
    (user / ".local/lib").mkdir()
    program(user / ".local/share/claude/versions/1.2")
    (user / ".local/bin/claude").symlink_to(user / ".local/share/claude/versions/1.2")
    assert shown(user, "tool", user / ".local/bin") == {
        ".local/bin", ".local/lib", ".local/bin/claude", ".local/share/claude/versions/1.2",
    }  # fmt: skip


def test_prefixes(user: Path) -> None:
    program(user / ".nvm/versions/node/v20/bin/node")
    (user / ".nvm/versions/node/v20/lib").mkdir()
    assert shown(user, "node", user / ".nvm/versions/node/v20/bin") == {".nvm/versions/node/v20"}
    program(user / ".pyenv/shims/python", f"#!{user}/.pyenv/bin/pyenv\n")
    program(user / ".pyenv/bin/pyenv")
    assert shown(user, "python", user / ".pyenv/shims") == {".pyenv"}
    program(user / ".cargo/bin/cargo")
    (user / ".cargo/credentials.toml").write_text("SECRET")
    assert shown(user, "cargo", user / ".cargo/bin") == {".cargo/bin"}


def test_repositories_are_not_shown(user: Path) -> None:
    repo = user / "repo"
    for name in ("bin/x", "lib/y", "fix.sh", "node_modules/.bin/eslint", ".venv/bin/python"):
        program(repo / name)
    (repo / ".git").mkdir()
    (repo / ".venv/pyvenv.cfg").write_text(f"home = {user}/python/bin\n")
    program(user / "python/bin/python3")
    (user / "python/lib").mkdir()
    assert shown(user, "sh", repo / "bin") == {"repo/bin"}
    assert shown(user, str(repo / "fix.sh")) == {"repo/fix.sh"}
    assert shown(user, "eslint", repo / "node_modules/.bin") == {"repo/node_modules"}
    assert shown(user, "python", repo / ".venv/bin") == {"repo/.venv", "python"}


def test_the_python_of_a_virtual_environment_by_its_path(user: Path) -> None:
    """argv[0] is a link then, and its libraries are beside the link, not where it leads."""
    real = program(user / "python/bin/python3")
    (user / "python/lib").mkdir()
    python = ".venv/bin/python"
    for place in (user / "project", user / "checkout", user):
        (place / ".venv/bin").mkdir(parents=True)
        (place / ".venv/lib").mkdir()
        (place / ".venv/bin/python").symlink_to("python3")
        (place / ".venv/bin/python3").symlink_to(real)
        (place / ".venv/pyvenv.cfg").write_text(f"home = {user}/python/bin\n")
    (user / "checkout/.git").mkdir()
    for name in ("project/", "checkout/", ""):
        seen = shown(user, str(user / name / python))
        links = {f"{name}{python}", f"{name}{python}3"}
        assert seen == {f"{name}.venv", "python", *links}, seen


def test_a_virtual_environment_in_the_root_of_a_repository(user: Path) -> None:
    repo = user / "repo"
    for name in (".git", "bin", "lib", "src"):
        (repo / name).mkdir(parents=True)
    (repo / "bin/python").symlink_to("/usr/bin/env")
    (repo / "pyvenv.cfg").write_text("home = /usr/bin\n")
    seen = shown(user, str(repo / "bin/python"))
    assert seen == {"repo/bin", "repo/bin/python", "repo/lib", "repo/pyvenv.cfg"}


def test_interpreters_of_scripts(user: Path) -> None:
    script = program(user / "tool", "#!/usr/bin/env -S X=1 mine --flag\n")
    program(user / "own/mine", f"#!{user}/own/deep/interpreter\n")
    program(user / "own/deep/interpreter")
    loop = program(user / "loop")
    loop.write_text(f"#!{loop}\n")
    assert shown(user, str(script), user / "own") == {
        "tool",
        "own",
        "own/mine",
        "own/deep/interpreter",
    }
    assert shown(user, str(loop)) == {"loop"}
    assert shown(user, str(user / "not-there")) == set()


def test_order_and_links_of_the_picture(user: Path) -> None:
    for name in ("a/b/c", "real"):
        (user / name).mkdir(parents=True)
    (user / "link").symlink_to("real")
    policy = SandboxPolicy(
        read=(f"{user}/a", f"{user}/a/b/c", f"{user}/gone"),
        write=(f"{user}/a/b", f"{user}/link"),
        binds=((f"{user}/real", f"{user}/a/b/c", False),),
    )
    seen = picture(policy, ())
    mounts = [mount for mount in seen.mounts if mount.target.startswith(str(user))]
    assert [(mount.target.removeprefix(str(user)), mount.writable) for mount in mounts] == [
        ("/a", False), ("/real", True), ("/a/b", True), ("/a/b/c", False),
    ]  # fmt: skip
    assert (f"{user}/link", "real") in seen.links


def test_profile_of_seatbelt(user: Path) -> None:
    """As text: there is no such system here."""
    (user / "wt").mkdir()
    (user / "wt/.git").write_text("gitdir: x")
    text = seatbelt.profile(
        SandboxPolicy(
            read=(f'{user}/qu"ote',),
            write=(f"{user}/wt",),
            binds=((f"{user}/private", f"{user}/repo/.git", True),),
            home=f"{user}/home",
            network="off",
            ports=(8080,),
        )
    )
    lines = text.splitlines()
    assert lines[:2] == ["(version 1)", "(deny default)"]
    assert f'(subpath "{user}/qu\\"ote")' in text
    writes = next(line for line in lines if f'file-write* (subpath "{user}/wt")' in line)
    assert f'(subpath "{user}/private")' in writes and f'(subpath "{user}/home")' in writes
    assert f'(deny file-write* (subpath "{user}/wt/.git"))' in lines
    assert lines.index(f'(deny file-write* (subpath "{user}/wt/.git"))') > lines.index(writes)
    assert '(allow network-outbound (remote ip "localhost:8080"))' in lines
    assert "(allow network* system-socket)" not in lines
    assert text.count("(") == text.count(")")
    assert "(allow network* system-socket)" in seatbelt.profile(SandboxPolicy())
