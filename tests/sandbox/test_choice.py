"""Which sandbox is chosen, and what is said where a stronger one does not work."""

import os
import py_compile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wtman.errors import MissingError, UsageError
from wtman.sandbox import advice, bubblewrap, choice, confine, confine_command


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    choice.trouble.cache_clear()
    yield
    choice.trouble.cache_clear()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `bwrap` that is the only one on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin/bwrap"


def says(fake: Path, complaint: str) -> None:
    fake.write_text(f"#!/bin/sh\necho 'bwrap: {complaint}' >&2\nexit 1\n")
    fake.chmod(0o755)


def test_the_order_is_of_strength() -> None:
    assert choice.NAMES == ("bubblewrap", "landlock", "seatbelt", "none")
    assert [choice.load(name).name for name in choice.NAMES] == list(choice.NAMES)


@pytest.mark.skipif(not confine.landlock_abi(), reason="no Landlock here")
def test_next_tier_and_why_not_the_first(fake: Path) -> None:
    chosen, passed = choice.choose("")
    assert chosen.name == "landlock"
    assert passed == (
        "bubblewrap: bwrap is not installed; install it (`apt-get install bubblewrap`,"
        " `dnf install bubblewrap`, ...)",
    )
    says(fake, "Creating new namespace failed: Operation not permitted")
    choice.trouble.cache_clear()
    chosen, passed = choice.choose("auto")
    assert chosen.name == "landlock"
    assert "'Creating new namespace failed: Operation not permitted'; " in passed[0]


def test_a_named_tier_has_to_work(fake: Path) -> None:
    says(fake, "setting up uid map: Permission denied")
    with pytest.raises(MissingError, match="the sandbox bubblewrap does not work here: bwrap said"):
        choice.choose("bubblewrap")
    assert choice.choose("none")[0].name == "none"
    with pytest.raises(UsageError, match="no sandbox 'chroot'"):
        choice.choose("chroot")


def test_no_tier_works(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "landlock_abi", lambda: 0)
    with pytest.raises(MissingError, match="no sandbox works here") as raised:
        choice.choose()
    assert "--sandbox none" in raised.value.hint
    assert all(f"{name}: " in raised.value.message for name in choice.NAMES[:-1])


def test_advice_names_the_fix_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, str] = {}
    monkeypatch.setattr(advice, "_content", lambda path: files.get(path, ""))
    monkeypatch.setattr(advice, "in_container", lambda: True)
    refused = "bwrap: setting up uid map: Permission denied\n"
    assert "--security-opt seccomp=unconfined" in advice.of_bubblewrap(refused)
    files["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1"
    assert "sysctl kernel.apparmor_restrict_unprivileged_userns=0" in advice.of_bubblewrap(refused)
    files["/proc/sys/user/max_user_namespaces"] = "0"
    assert "`sysctl user.max_user_namespaces=15000`" in advice.of_bubblewrap(refused)
    files["/proc/sys/kernel/unprivileged_userns_clone"] = "0"
    assert "`sysctl kernel.unprivileged_userns_clone=1`" in advice.of_bubblewrap(refused)
    assert "0.5 is the least" in advice.of_bubblewrap("bwrap: Unknown option --size\n")
    assert "Linux 6.2" in advice.of_landlock(1, confine.LEAST_ABI)
    assert advice.of_landlock(0, 3) and not advice.of_landlock(7, 3)


def test_older_bubblewrap_is_used_without_what_it_lacks(fake: Path) -> None:
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *--disable-userns*) echo "bwrap: Unknown option" >&2; exit 1;;'
        " esac\nexit 0\n"
    )
    fake.chmod(0o755)
    tier = bubblewrap.Bubblewrap()
    assert tier.probe() == ""
    assert tier.nests == (os.geteuid() != 0)


def test_an_old_compiled_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "confine.py"
    source.write_text("x = 1\n")
    compiled = py_compile.compile(str(source))
    assert confine.__spec__ and compiled
    monkeypatch.setattr(confine, "__file__", str(source))
    monkeypatch.setattr(confine.__spec__, "cached", compiled)
    assert compiled in confine_command.confined_by("inside")
    source.write_text("x = 12\n")
    assert str(source) in confine_command.confined_by("inside")
    os.unlink(compiled)
    assert str(source) in confine_command.confined_by("inside")
