"""Configuration: who wins, what is refused and where it is said to stand, and approvals."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from wtman.config import (
    Kind,
    Loaded,
    Source,
    judged_flags,
    load,
    repository_commands,
)
from wtman.config.folders import default_worktrees, worktrees_folder
from wtman.config.keys import KEYS
from wtman.config.kinds import judged
from wtman.config.trust import approvals_path, approve, approved
from wtman.errors import MissingError, UsageError
from wtman.git.discovery import discover
from wtman.model.agent_definition import AgentDefinition
from wtman.model.settings import Settings

EVERY_KEY = """\
agent = "claude"
model = "m"
effort = "high"
jobs = 4
check_jobs = 3
max_sessions = 50
attempts = 2
timeout = "15m"
check_timeout = 90
grace = 5
check = "pytest -q"
setup = ["make deps", "command:true"]
cleanup = []
copy = ".env"
symlink = ["node_modules/"]
protect = ["tests/**", "!tests/data/**"]
reviewers = 0
repairs = 3
rounds = 2
worktrees = "../wt"
sandbox = "bubblewrap"
network = ["example.org"]
check_network = true
env = "TOKEN"
block_on = "blocker"
notify = "say done"
[roles]
planner = "codex"
[budget]
usd = 5
tokens = 1000
[agents.mine]
command = ["x", "y"]
"""


class House:
    """A repository and a home, and what `load` makes of them."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "repo"
        self.home = folder / "home"
        self.top.mkdir()
        self.home.mkdir()

    def write(self, name: str, text: str | bytes) -> None:
        path = self.home / ".config/wtman/config.toml" if name == "user" else self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def load(self, flags: Mapping[str, object] | None = None, **environ: str) -> Loaded:
        return load(str(self.top), {"HOME": str(self.home), **environ}, flags or {})

    def refused(self, flags: Mapping[str, object] | None = None, **environ: str) -> str:
        with pytest.raises(UsageError) as caught:
            self.load(flags, **environ)
        assert caught.value.message.isprintable()
        return caught.value.message.replace(str(self.home), "~")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_without_any_source_all_are_defaults(house: House) -> None:
    loaded = house.load({"jobs": None, "check": ()})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert loaded == Loaded(
        Settings(check_jobs=cores or 1, sandbox="auto", reviewers=2, repairs=1), {}, {}, ()
    )
    assert loaded.source("jobs") == Source(Kind.DEFAULT)


def test_every_key_is_taken_and_typed(house: House) -> None:
    house.write("wtman.toml", EVERY_KEY)
    loaded = house.load({"allow_failing_base": True})
    assert loaded.settings == Settings(
        agent="claude",
        model="m",
        effort="high",
        jobs=4,
        check_jobs=3,
        max_sessions=50,
        attempts=2,
        timeout=900.0,
        check_timeout=90.0,
        grace=5.0,
        check=("pytest -q",),
        setup=("make deps", "command:true"),
        cleanup=(),
        copy=(".env",),
        symlink=("node_modules/",),
        protect=("tests/**", "!tests/data/**"),
        sandbox="bubblewrap",
        network="allow-list",
        hosts=("example.org",),
        check_network=True,
        env=("TOKEN",),
        worktrees=str(house.top.parent / "wt"),
        allow_failing_base=True,
        budget_usd=5.0,
        budget_tokens=1000,
        reviewers=0,
        repairs=3,
        rounds=2,
        block_on=("blocker",),
        roles={"planner": "codex"},
        agents={"mine": AgentDefinition(("x", "y"))},
    )
    assert loaded.extra == {"notify": ("say done",)}
    assert {source.kind for source in loaded.origin.values()} == {Kind.REPOSITORY, Kind.FLAG}
    assert loaded.source("budget.usd") == Source(Kind.REPOSITORY, "wtman.toml")


def test_every_setting_has_its_row_and_every_row_a_kind_that_is_known(house: House) -> None:
    rows = {key.name for key in KEYS}
    assert {field.name for field in fields(Settings)} - rows == {
        "hosts",  # which `network` gives
        "backoff",
        "plans",  # which the effort `ultra` gives
        "dry_rounds",
        "other_vendors",  # whoever is signed in
    }
    assert rows - {field.name for field in fields(Settings)} == {"notify", "mcp_merge"}
    for key in KEYS:
        with pytest.raises(ValueError, match="expected"):
            judged(key, object())


def test_the_later_source_wins_and_tables_are_merged(house: House) -> None:
    house.write("user", 'jobs = 1\nattempts = 1\nagent = "u"\n[roles]\na = "u"\nb = "u"\n')
    house.write("wtman.toml", 'attempts = 2\ntimeout = 2\n[roles]\nb = "r"\nc = "r"\n')
    environ = {"WTMAN_TIMEOUT": "3m", "WTMAN_ROUNDS": "3", "WTMAN_ROLES": '{c = "e"}'}
    loaded = house.load({"rounds": 4, "check": ("x",)}, **environ)
    settings = loaded.settings
    assert (settings.agent, settings.jobs, settings.attempts, settings.timeout) == ("u", 1, 2, 180)
    assert (settings.rounds, settings.roles) == (4, {"a": "u", "b": "r", "c": "e"})
    assert loaded.extra == {}
    kinds = {key: source.kind.value for key, source in loaded.origin.items()}
    assert kinds == {
        "jobs": "user",
        "agent": "user",
        "attempts": "repository",
        "timeout": "environment",
        "rounds": "flag",
        "check": "flag",
        "roles.a": "user",
        "roles.b": "repository",
        "roles.c": "environment",
    }


def test_pyproject_counts_unless_there_is_a_wtman_toml(house: House) -> None:
    house.write("pyproject.toml", '[project]\nname = "x"\n[tool.wtman]\njobs = 2\n')
    assert house.load().settings.jobs == 2
    assert house.load().source("jobs") == Source(Kind.REPOSITORY, "pyproject.toml")
    house.write("wtman.toml", "attempts = 1")
    loaded = house.load()
    assert (loaded.settings.jobs, loaded.settings.attempts) == (16, 1)
    assert loaded.warnings == ("wtman.toml counts, [tool.wtman] of pyproject.toml is ignored",)


def test_a_project_file_that_does_not_name_wtman_is_not_judged(house: House) -> None:
    house.write("pyproject.toml", b"\xff not toml [[[")
    assert house.load().warnings == ()
    house.write("pyproject.toml", "[tool.wtman]\njobs = \n")
    assert house.refused() == "pyproject.toml:2: Invalid value (column 8)"
    house.write("pyproject.toml", '[project]\nname = "wtman-like"\n')
    assert house.load().origin == {}


def test_committed_files_can_be_read_instead(house: House) -> None:
    house.write("wtman.toml", "jobs = 1")
    committed = {"wtman.toml": b"jobs = 7", ".worktreeinclude": b".env"}
    loaded = load(str(house.top), {"HOME": str(house.home)}, {}, committed.get)
    assert (loaded.settings.jobs, loaded.settings.copy) == (7, (".env",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job = 1", 'unknown key "job"; did you mean "jobs"?'),
        ("allow_failing_base = true", "allow_failing_base cannot be set in a file"),
        ('reviewed_by = ["codex"]', "reviewed_by cannot be set in a file"),
        ('block_on = ["severe"]', "block_on: expected one of blocker, major, minor, concern, got"),
        ('effort = "x"', "effort: expected one of low, medium, high, xhigh, max, ultra, got 'x'"),
        ('network = "sometimes"', 'network: expected true, false, "allow-list" or a list of hosts'),
        ("copy_ = 'x'", 'unknown key "copy_"; did you mean "copy"?'),
        ("budget = {usdd = 1}", 'unknown key "budget.usdd"; did you mean "usd"?'),
        ("budget = 5", "budget: expected a table, got 5"),
        ("budget = {usd = nan}", "budget.usd: expected a finite number above 0, got nan"),
        ("jobs = 0", "jobs: expected 1 or more, got 0"),
        ("jobs = 9999999", "jobs: expected 1,000,000 or less, got 9999999"),
        ("jobs = true", "jobs: expected an integer, got True"),
        ('jobs = "4"', "jobs: expected an integer, got '4'"),
        ("timeout = 0", "timeout: expected more than 0"),
        ("timeout = nan", "timeout: expected a time from 0 to 366 days, got nan"),
        ("timeout = [1]", 'timeout: expected a time such as 90, "15m" or "2h", got [1]'),
        ("check = 3", "check: expected a list of strings, got 3"),
        ("check = [3]", "check: expected a string, got 3"),
        ('check = " "', "check: is an empty string"),
        ('setup = ["a\\u0000"]', "setup: holds a NUL character"),
        ('copy = ["../secret"]', 'copy: pattern "../secret" has a segment ".."'),
        ("network = 3", 'network: expected true, false, "allow-list" or a list of hosts, got 3'),
        ('network = ["a b"]', 'network: host "a b" is neither a host name nor an address'),
        ('env = ["A B"]', 'env: "A B" is not the name of a variable'),
        ('env = ["LD_PRELOAD"]', 'env: "LD_PRELOAD" cannot be handed in'),
        ("roles = {planner = 1}", "roles.planner: expected a string, got 1"),
        ("agents = {x = 1}", "agents.x: expected a table, got 1"),
    ],
)
def test_a_refusal_names_the_file_the_line_and_the_key(
    house: House, text: str, message: str
) -> None:
    house.write("wtman.toml", "# first\n" + text)
    assert house.refused().startswith("wtman.toml:2: " + message)
    os.remove(house.top / "wtman.toml")
    house.write("user", text)
    assert house.refused().startswith("~/.config/wtman/config.toml:1: " + message)


def test_other_sources_are_named_too(house: House) -> None:
    house.write("pyproject.toml", "[tool.wtman]\n\n[tool.wtman.budget]\ncoins = 1\n")
    assert house.refused().startswith('pyproject.toml:4: unknown key "budget.coins"')
    os.remove(house.top / "pyproject.toml")
    assert house.refused(WTMAN_JOBS="many") == "WTMAN_JOBS: expected an integer, got 'many'"
    assert house.refused(WTMAN_ROLES="x") == "WTMAN_ROLES: roles: expected a table, got 'x'"
    assert house.refused(WTMAN_ROLES="{a = 1}") == (
        "WTMAN_ROLES: roles.a: expected a string, got 1"
    )
    assert house.refused({"reviewers": -1}) == "--reviewers: expected 0 or more, got -1"
    house.write("wtman.toml", b"\xff")
    assert house.refused() == "wtman.toml:1: is not valid UTF-8"


def test_the_environment_in_its_forms(house: House) -> None:
    loaded = house.load(
        WTMAN_CHECK="one\ntwo",
        WTMAN_SETUP='["a", "b"]',
        WTMAN_COPY=".env",
        WTMAN_NETWORK="off",
        WTMAN_BUDGET_USD="2.5",
        WTMAN_AGENT="true",
        WTMAN_JOBS=" ",
        WTMAN_WORKTREES="~/wt",
    )
    assert loaded.settings.check == ("one", "two")
    assert loaded.settings.setup == ("a", "b")
    assert loaded.settings.copy == (".env",)
    assert loaded.settings.agent == "true"
    assert loaded.settings.worktrees == str(house.home / "wt")
    assert loaded.settings.budget_usd == 2.5
    assert loaded.settings.network == "off"


def test_variables_of_sessions_are_no_settings_and_typos_are_pointed_out(house: House) -> None:
    loaded = house.load(WTMAN_RUN="r", WTMAN_WORKTREE="/x", WTMAN_TASK="t", WTMAN_REVIEWER="2")
    assert loaded.settings.worktrees == ""
    assert loaded.warnings == (
        'the environment variable "WTMAN_REVIEWER" is no setting; did you mean "WTMAN_REVIEWERS"?',
    )


def test_budget_flags(house: House) -> None:
    loaded = house.load({"max_sessions": 9, "budget_usd": 1.0, "budget_tokens": 5, "agent": "x"})
    assert loaded.settings.max_sessions == 9
    assert (loaded.settings.budget_usd, loaded.settings.budget_tokens) == (1.0, 5)


def test_what_a_resume_may_change_is_judged_and_goes_into_the_settings() -> None:
    flags = {"jobs": 3, "budget_usd": 5, "roles": {"a": "b"}, "reviewed_by": ("x",)}
    changed = judged_flags(flags)
    assert changed == {
        "jobs": 3,
        "budget_usd": 5.0,
        "roles": {"a": "b"},
        "reviewed_by": ("x",),
    }
    Settings(**changed)
    with pytest.raises(UsageError, match="^--max-sessions: expected 1 or more, got 0$"):
        judged_flags({"max_sessions": 0})


def test_worktreeinclude_is_appended_to_copy(house: House) -> None:
    house.write(".worktreeinclude", "# secrets\n.env\r\n\n../up\n!.env.ci\n")
    loaded = house.load()
    assert loaded.settings.copy == (".env", "!.env.ci")
    assert loaded.source("copy") == Source(Kind.REPOSITORY, ".worktreeinclude")
    assert loaded.warnings[0].startswith('.worktreeinclude: "../up" is left out: it has a segment')
    house.write("wtman.toml", 'copy = "data/"')
    assert house.load().settings.copy == ("data/", ".env", "!.env.ci")


def test_odd_files_are_refused_without_hanging(house: House) -> None:
    os.mkfifo(house.top / "wtman.toml")
    assert house.refused().endswith("wtman.toml: cannot be read: not a regular file")
    os.remove(house.top / "wtman.toml")
    (house.top / "wtman.toml").mkdir()
    assert "wtman.toml: " in house.refused()
    os.rmdir(house.top / "wtman.toml")
    with open(house.top / "wtman.toml", "wb") as file:
        file.truncate(2**32)
    assert house.refused().endswith("wtman.toml: cannot be read: larger than 4 MiB")


def test_xdg_folders_and_no_home_at_all(house: House, tmp_path: Path) -> None:
    house.write("user", "jobs = 3")
    assert house.load(XDG_CONFIG_HOME="relative/is/ignored").settings.jobs == 3
    assert house.load(XDG_CONFIG_HOME=str(tmp_path / "none")).settings.jobs == 16
    assert load(str(house.top), {}, {}).settings.jobs == 16


def test_worktrees_go_beside_the_repository_or_into_the_state_folder(
    house: House, tmp_path: Path
) -> None:
    environ = {"HOME": str(house.home)}
    sibling = str(tmp_path / "repo.worktrees")
    assert default_worktrees(str(house.top), environ) == sibling
    os.symlink(house.top, tmp_path / "link")
    assert default_worktrees(str(tmp_path / "link"), environ) == sibling
    Path(sibling).mkdir()
    assert default_worktrees(str(house.top), environ) == sibling
    Path(sibling).rmdir()
    Path(sibling).write_text("in the way")
    away = default_worktrees(str(house.top), environ)
    assert away.startswith(f"{house.home}/.local/state/wtman/worktrees/repo-")
    assert away == default_worktrees(str(tmp_path / "link"), environ)
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert default_worktrees(str(house.top), state).startswith(f"{tmp_path}/state/wtman/")
    with pytest.raises(MissingError):
        default_worktrees(str(house.top), {})
    assert not (tmp_path / "state").exists()


def test_worktrees_are_no_files_of_a_checkout_around_the_repository(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / ".git").write_text("gitdir: anywhere")
    away = default_worktrees(str(house.top), {"HOME": str(house.home)})
    assert away.startswith(f"{house.home}/.local/state/wtman/worktrees/repo-")


def test_only_what_came_with_the_repository_needs_approval(house: House) -> None:
    house.write("user", 'cleanup = "mine"\n')
    house.write(
        "wtman.toml",
        'check = ["a", "b"]\nsetup = "c"\nnotify = "a"\nagent = "command:./evil"\n'
        '[roles]\nplanner = "claude"\nreviewer = "command:r"\n[agents.x]\ncommand = "z"\n',
    )
    assert repository_commands(house.load()) == (
        "a",
        "b",
        "c",
        "command:./evil",
        "command:r",
        "agents.x.command = ['z']",
    )
    flags = {"check": ["mine"], "agent": "command:mine", "roles": {"reviewer": "command:mine"}}
    assert repository_commands(house.load(flags, WTMAN_SETUP="mine", WTMAN_NOTIFY="mine")) == (
        "agents.x.command = ['z']",
    )


def test_approvals_are_by_text_and_repository(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert approved(["b", "a", "b"], environ, one) == ("b", "a")
    approve(["a"], environ, one)
    approve(["c", "\ud800"], environ, one)
    assert approved(["a", "b", "c", "a ", "\ud800"], environ, one) == ("b", "a ")
    assert approved(["a"], environ, other) == ("a",)
    os.makedirs(one)
    os.symlink(one, tmp_path / "link")
    assert approved(["a"], environ, str(tmp_path / "link")) == ()
    path = Path(approvals_path(environ))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.parent.iterdir()) == [path, path.with_suffix(".json.lock")]


def test_a_file_of_approvals_that_cannot_be_trusted_approves_nothing(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    path = Path(approvals_path(environ))
    approve(["a"], environ, "/r")
    good = path.read_text()
    for bad in ("", "{", "[]", '{"schema": 1}', '{"schema": 1, "repositories": {"/r": []}}'):
        path.write_text(bad)
        assert approved(["a"], environ, "/r") == ("a",)
    path.write_text(json.dumps({**json.loads(good), "schema": 2}))
    assert approved(["a"], environ, "/r") == ("a",)
    path.write_text(good)
    assert approved(["a"], environ, "/r") == ()
    path.chmod(0o622)
    assert approved(["a"], environ, "/r") == ("a",)
    path.chmod(0o600)
    os.rename(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert approved(["a"], environ, "/r") == ("a",)
    path.unlink()
    path.mkdir()
    assert approved(["a"], environ, "/r") == ("a",)
    with pytest.raises(MissingError):
        approved(["a"], {}, "/r")


_APPROVE = "import sys; from wtman.config.trust import approve; [approve([f'{sys.argv[2]}-{n}'],"
_APPROVE += " {'XDG_STATE_HOME': sys.argv[1]}, '/r') for n in range(25)]"


def test_approvals_given_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    ones = [
        subprocess.Popen([sys.executable, "-c", _APPROVE, str(tmp_path), str(n)]) for n in range(4)
    ]
    assert [one.wait(60) for one in ones] == [0] * 4
    texts = [f"{one}-{n}" for one in range(4) for n in range(25)]
    assert approved(texts, {"XDG_STATE_HOME": str(tmp_path)}, "/r") == ()


def test_importing_and_loading_nothing_needs_no_pydantic(house: House) -> None:
    code = (
        "import sys; from wtman.config import load; load(sys.argv[1], {}, {});"
        "sys.exit('pydantic' in sys.modules or 'asyncio' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(house.top)], check=True, timeout=60)


def test_what_opens_the_sandbox_needs_approval_where_a_repository_says_it(house: House) -> None:
    text = (
        'sandbox = "none"\nnetwork = ["a.example", "*.b.example"]\ncheck_network = true\nenv = "T"'
    )
    house.write("user", text)
    assert repository_commands(house.load()) == ()
    house.write("wtman.toml", text)
    assert repository_commands(house.load()) == (
        "sandbox = none",
        "network = a.example *.b.example",
        "check_network = true",
        "env = T",
    )
    house.write("wtman.toml", 'sandbox = "bubblewrap"\nnetwork = false\nenv = []')
    assert repository_commands(house.load()) == ()


def test_a_place_for_worktrees_is_outside_of_the_repository(repo: Path, tmp_path: Path) -> None:
    (repo / "link").symlink_to(".git")
    (tmp_path / "into").symlink_to("repo")
    (tmp_path / "file").write_text("")
    found = discover(str(repo))
    taken = [repo, repo / "x", repo / ".git/x", repo / "link/x", tmp_path / "into/x"]
    for place in taken:
        with pytest.raises(UsageError, match="is inside .*, the repository itself"):
            worktrees_folder(str(place), found, {})
    for place, why in {
        tmp_path / "a\nb": "newline",
        tmp_path / "file": "is not a folder",
        tmp_path / "file/x": "is not a folder",
        Path("/proc/x"): "is not writable",
    }.items():
        with pytest.raises(MissingError, match=why):
            worktrees_folder(str(place), found, {})
    beside = str(tmp_path / "a/b/c")
    assert worktrees_folder(beside, found, {}) == beside
    assert worktrees_folder("", found, {}) == f"{repo}.worktrees"


def test_no_home_folder_is_needed_where_nothing_asks_for_approval() -> None:
    assert approved((), {}, "/repo") == ()
    approve((), {}, "/repo")
