"""Landed commits carry the user's signature where the user signs; real keys, real git."""

import subprocess
from pathlib import Path

import pytest

from tests import kit
from tests.yard import Yard, landed
from wtman.merge import land, verify


@pytest.fixture
def signing(yard: Yard, tmp_path: Path) -> Path:
    """The repository's user signs with an SSH key; the file of allowed signers."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"{kit.EMAIL} {(tmp_path / 'key.pub').read_text()}")
    for name, value in {
        "commit.gpgSign": "true",
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "gpg.ssh.allowedSignersFile": str(signers),
    }.items():
        yard.git("config", name, value)
    return key


@pytest.mark.parametrize("strategy", ["squash", "merge"])
def test_commits_are_signed_where_the_user_signs(yard: Yard, signing: Path, strategy: str) -> None:
    """The tree is the one that was checked; each commit of the line verifies."""
    yard.add("a", {"a.txt": "a\n"})
    yard.add("b", {"b.txt": "b\n"}, needs=("a",))
    yard.create()
    state = yard.merge(strategy=strategy)
    done = landed(state)
    assert state.merge is not None
    (candidate,) = state.merge.candidates.values()
    assert yard.sha("main") == done.after != candidate.commit
    assert yard.sha("main^{tree}") == candidate.tree
    log = yard.git("log", "--first-parent", "--format=%G?", f"{done.before}..main")
    assert log.split() == ["G", "G"]
    assert list(done.commits.values()) == [yard.sha("main~1"), yard.sha("main")]
    assert not verify.verify(yard.control, done.patches)


def test_a_signed_landing_ends_after_a_crash_with_the_same_commit(
    yard: Yard, signing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another signature would be another commit, and the target would seem to have moved."""
    yard.add("a", {"a.txt": "1\n"})
    yard.add("b", {"a.txt": "1\n2\n"}, needs=("a",))
    yard.create()
    yard.ask()
    # RSA signatures, as those of OpenPGP, differ each time: so must no second one be made.
    monkeypatch.setattr(land, "retire", _crash)
    with pytest.raises(Crash):
        yard.go_on()
    landed_first = yard.sha("main")
    assert yard.git("log", "-1", "--format=%G?", "main") == "G"
    monkeypatch.undo()
    signing.unlink()
    done = landed(yard.go_on())
    assert done.after == landed_first == yard.sha("main")
    assert list(done.commits) == ["a", "b"]


def test_who_cannot_sign_lands_nothing(yard: Yard, signing: Path) -> None:
    yard.add("a", {"a.txt": "a\n"})
    yard.create()
    signing.unlink()
    before = yard.sha("main")
    state = yard.merge()
    assert state.merge is not None and state.merge.failed is not None
    assert "could not be signed" in state.merge.failed.reason
    assert "commit.gpgsign" in state.merge.failed.hint
    assert yard.sha("main") == before


class Crash(BaseException):
    """The coordinator dies."""


def _crash(*_: object) -> None:
    raise Crash
