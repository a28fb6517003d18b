"""What a confined program gets of its user's surroundings."""

import os
from pathlib import Path

import pytest

from wtman.agents import Needs
from wtman.errors import UsageError
from wtman.model.plan import Identity
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.home import provision_home
from wtman.sandbox.hosts import Rule
from wtman.sandbox.provider import handed_in, own_ports, provider_rules

ME = Identity('Ada "A" Tester', "ada@example.com")
SECRET = {
    "AWS_SECRET_ACCESS_KEY": "s",
    "GITHUB_TOKEN": "s",
    "SSH_AUTH_SOCK": "/s",
    "OPENAI_API_KEY": "s",
    "LD_PRELOAD": "/s.so",
    "NODE_OPTIONS": "--require=/s.js",
    "PYTHONPATH": "/s",
    "GIT_CONFIG_GLOBAL": "/s",
    "WTMAN_RUN": "s",
    "DATABASE_URL": "s",
}


def test_inside_there_is_only_what_is_on_the_list(tmp_path: Path) -> None:
    theirs = {"PATH": "/bin", "HOME": "/home/ada", "LC_ALL": "C.UTF-8", "TZ": "UTC", **SECRET}
    env = surroundings("bubblewrap", theirs, "/private").env
    assert env["HOME"] == "/private"
    assert (env["PATH"], env["LC_ALL"], env["TZ"], env["CI"]) == ("/bin", "C.UTF-8", "UTC", "1")
    assert not set(env) & set(SECRET)
    named = surroundings("landlock", theirs, "/private", ("DATABASE_URL", "ABSENT")).env
    assert named["DATABASE_URL"] == "s"
    assert set(named) - set(env) == {"DATABASE_URL"}


def test_without_a_sandbox_all_but_what_leads_astray_is_handed_on() -> None:
    env = surroundings("none", {"HOME": "/home/ada", **SECRET}, "/private").env
    assert env["HOME"] == "/home/ada"
    assert env["DATABASE_URL"] == "s"
    gone = {"LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "GIT_CONFIG_GLOBAL", "WTMAN_RUN"}
    assert not set(env) & gone


def test_a_proxy_with_its_password_only_goes_where_there_is_a_network() -> None:
    theirs = {"HTTPS_PROXY": "http://me:pw@gate.test:8080", "no_proxy": "x"}
    assert surroundings("bubblewrap", theirs, "/h").env["HTTPS_PROXY"]
    offline = surroundings("bubblewrap", theirs, "/h", online=False).env
    assert not {"HTTPS_PROXY", "no_proxy"} & set(offline)


def test_toolchains_are_readable_where_they_are_but_never_a_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in (".rustup", ".pyenv", "java"):
        (home / folder).mkdir(parents=True)
    theirs = {
        "HOME": str(home),
        "JAVA_HOME": str(home / "java"),
        "CARGO_HOME": str(home / ".cargo"),
        "VOLTA_HOME": str(home),
        "GOROOT": "/",
        "SSL_CERT_FILE": str(home / "absent.pem"),
    }
    found = surroundings("bubblewrap", theirs, "/h")
    assert set(found.read) == {str(home / name) for name in (".rustup", ".pyenv", "java")}
    assert found.env["RUSTUP_HOME"] == str(home / ".rustup")
    assert "CARGO_HOME" not in found.env


def test_an_agent_gets_its_key_and_its_endpoint() -> None:
    needs = Needs(
        secrets=("A_KEY",), env=("A_MODEL",), endpoints=("A_URL",), hosts=("api.a.example",)
    )
    theirs = {"A_KEY": "k", "A_URL": "http://127.0.0.1:8080/v1", "B_KEY": "b", "A_MODEL": ""}
    assert handed_in(theirs, needs) == {"A_KEY": "k", "A_URL": "http://127.0.0.1:8080/v1"}
    rules = provider_rules(theirs, needs, ("*.b.example",))
    assert rules == {Rule("127.0.0.1", 8080), Rule("api.a.example"), Rule("*.b.example")}
    assert own_ports(rules) == (8080,)
    with pytest.raises(UsageError, match="neither a host name nor an address"):
        provider_rules({}, needs, ("a b",))


# --- a private HOME ------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    home = tmp_path / "theirs"
    (home / ".agent").mkdir(parents=True)
    (home / ".agent/auth.json").write_text("token 1")
    os.utime(home / ".agent/auth.json", (1000, 1000))
    os.mkfifo(home / ".agent/pipe")
    (home / ".agent/huge").write_bytes(b"")
    os.truncate(home / ".agent/huge", 1 << 30)
    return home


NEEDS = Needs(files=(".agent/auth.json", ".agent/pipe", ".agent/huge", ".agent/absent", ".agent"))


def provision(tmp_path: Path, theirs: Path) -> Path:
    home = tmp_path / "private/home"
    provision_home(str(home), {"HOME": str(theirs)}, NEEDS, ME)
    return home


def test_sign_in_is_copied_and_the_users_own_stays_as_it_is(tmp_path: Path, theirs: Path) -> None:
    home = provision(tmp_path, theirs)
    copy = home / ".agent/auth.json"
    assert copy.read_text() == "token 1"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_nlink == 1
    assert sorted(path.name for path in (home / ".agent").iterdir()) == ["auth.json"]
    assert 'name = "Ada A Tester"' in (home / ".gitconfig").read_text()
    copy.write_text("refreshed by the agent")
    provision(tmp_path, theirs)
    assert copy.read_text() == "refreshed by the agent"
    assert (theirs / ".agent/auth.json").read_text() == "token 1"
    (theirs / ".agent/auth.json").write_text("token 2")
    os.utime(theirs / ".agent/auth.json", (2_000_000_000, 2_000_000_000))
    provision(tmp_path, theirs)
    assert copy.read_text() == "token 2"


@pytest.mark.parametrize("trick", ["folder", "file", "home", "config", "nested", "scratch"])
def test_no_link_that_a_session_left_is_followed(tmp_path: Path, theirs: Path, trick: str) -> None:
    home = provision(tmp_path, theirs)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "auth.json").write_text("precious")
    os.utime(outside / "auth.json", (500, 500))
    (home / ".agent/auth.json").unlink()
    if trick == "folder":
        (home / ".agent").rmdir()
        (home / ".agent").symlink_to(outside)
    elif trick == "file":
        (home / ".agent/auth.json").symlink_to(outside / "auth.json")
    elif trick == "home":
        home.rename(tmp_path / "private/old")
        home.symlink_to(outside)
    elif trick == "config":
        (home / ".gitconfig").unlink()
        (home / ".gitconfig").symlink_to(outside / "new")
    elif trick == "scratch":
        (home / SCRATCH).rmdir()
        (home / SCRATCH).symlink_to(outside)
    else:
        (home / ".agent/auth.json").mkdir()
        (home / ".agent/auth.json/x").write_text("")
    provision(tmp_path, theirs)
    assert sorted(path.name for path in outside.iterdir()) == ["auth.json"]
    assert (outside / "auth.json").read_text() == "precious"
    copy = home / ".agent/auth.json"
    assert copy.read_text() == "token 1"
    assert not copy.is_symlink()
    assert (home / SCRATCH).is_dir()
    assert not (home / SCRATCH).is_symlink()
