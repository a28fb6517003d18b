"""Sessions with a private git: what counts, what is set aside, and who is quarantined.

Real sessions of `command:` agents through the real effect, without the loop around it.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests import kit
from wtman.context import Context
from wtman.coordinator.create import create, load_state, open_store
from wtman.coordinator.next_session import next_session
from wtman.coordinator.open import open_run
from wtman.errors import ExternalError, ToolError
from wtman.git.discovery import Repository, discover
from wtman.git.repo import resolve
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.model.plan import Identity, Plan, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings
from wtman.model.states import TaskState
from wtman.sessions import perform
from wtman.sessions.actions import Collect, RunSession
from wtman.tasks.lifecycle import standings
from wtman.worktrees import collect
from wtman.worktrees import perform as worktrees
from wtman.worktrees.actions import MakeWorktree
from wtman.worktrees.lent import lend
from wtman.worktrees.place import place_of

FILES = {"a.txt": "a\n", "b.txt": "b\n", ".gitignore": "*.log\n"}


class Site:
    """A run whose tasks are played by shell scripts: `agents` by the task's name."""

    def __init__(self, path: Path, agents: dict[str, str], **settings: object) -> None:
        self.path = path
        self.repo: Repository = discover(str(path))
        self.ctx: Context
        scripts = path.parent / "agents"
        tasks = []
        for name, script in agents.items():
            kit.write_files(scripts, {name: f"#!/bin/sh\nROOT={path}\n{script}\n"})
            tasks.append(Task(TaskId(name), f"do {name}", agent=f"command:{scripts / name}"))
        options = {"worktrees": str(path.parent / "worktrees"), "sandbox": "none", **settings}
        with open_store(self.repo) as store:
            self.run: RunId = create(
                store,
                Plan("all", tuple(tasks)),
                Settings(**options),  # type: ignore[arg-type]
                base=resolve(self.repo, "main"),
                target="main",
                identity=Identity("Ada", "ada@example.com"),
            )
            store.append(self.run, [e.Approved()], 1.0)

    def within(self, work: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            with open_store(self.repo) as store:
                async with open_run(self.repo, store, self.run, dict(os.environ)) as ctx:
                    self.ctx = ctx
                    await work()

        asyncio.run(main())

    @property
    def state(self) -> State:
        return load_state(self.ctx.store, self.run)

    def say(self, *events: e.Event) -> None:
        self.ctx.store.append(self.run, events, 2.0)

    async def place(self, name: str) -> None:
        self.say(*await worktrees.perform(self.ctx, self.state, MakeWorktree(TaskId(name), ())))

    def intend(self, name: str) -> RunSession:
        view = self.state.tasks[TaskId(name)]
        action = next_session(self.state, view)
        self.say(e.Intended("RunSession", action.key, attempt=action.begins))
        return action

    async def play(self, *names: str, jobs: int = 16) -> dict[str, e.SessionFinished]:
        """One attempt of each at the same time; their outcomes."""
        for name in names:
            if not self.state.tasks[TaskId(name)].worktree:
                await self.place(name)
        actions = [self.intend(name) for name in names]
        slots = asyncio.Semaphore(jobs)

        async def one(action: RunSession) -> tuple[e.Event, ...]:
            async with slots:
                return await perform.perform(self.ctx, self.state, action)

        found = await asyncio.gather(*(one(action) for action in actions))
        for events in found:
            self.say(*events)
        ended = [event for events in found for event in events]
        return {event.task: event for event in ended if isinstance(event, e.SessionFinished)}

    def standing(self, name: str) -> TaskState:
        return standings(self.state)[TaskId(name)].state

    def branch(self, name: str) -> str:
        return kit.run_git(self.path, "rev-parse", f"wtman/{self.run}/{name}")

    def file(self, rev: str, path: str) -> str:
        return kit.run_git(self.path, "show", f"{rev}:{path}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kit.create_repo(tmp_path / "repo", FILES)


def played(path: Path, agents: dict[str, str], **settings: object) -> tuple[Site, dict[str, e.SessionFinished]]:  # fmt: skip # noqa: E501
    site = Site(path, agents, **settings)
    found: dict[str, e.SessionFinished] = {}

    async def work() -> None:
        found.update(await site.play(*agents))

    site.within(work)
    return site, found


def test_commits_and_leftovers_become_the_branch(path: Path) -> None:
    site, found = played(
        path, {"one": "echo 1 > new; git add new; git commit -qm mine; echo 2 > b.txt"}
    )
    one = found["one"]
    assert (one.ended, one.commits, one.files) == (Ended.OK, 2, 2)
    assert site.branch("one") == one.head
    assert site.file(one.head, "b.txt") == "2"
    log = kit.run_git(path, "log", "--format=%s %an", f"main..{one.head}").splitlines()
    assert log == ["one Ada", "mine Ada"]
    tree = path.parent / "worktrees" / site.run / "one"
    assert kit.run_git(tree, "status", "--porcelain") == ""
    assert (tree / ".git").read_text() == f"gitdir: {path}/.git/worktrees/wtman-{site.run}-one\n"
    assert one.quarantine == "" and one.notes == ()


STRAYED = {
    "left": ("git checkout -qb side; echo 1 > new; git add new; git commit -qm x", "left its"),
    "deleted": ("echo 1 > new; git update-ref -d $(git symbolic-ref HEAD)", "deleted its branch"),
    "rewrote": ("echo 1 > new; git add new; git commit -q --amend -m x", "rewrote its branch"),
    "nothing": ("true", "changed nothing"),
    "undid": ("echo 1 > a.txt; git commit -qam x; git revert --no-edit HEAD", "changed nothing"),
    "failed": ("echo 1 > new; git add new; git commit -qm x; exit 3", "3"),
    "wiped": ("echo 1 > new; rm -rf $(git rev-parse --git-common-dir)", "destroyed its git"),
    "gone": ("cd /; rm -rf $WTMAN_WORKTREE", "its worktree was removed"),
    "folder": ("echo 1 > new; rm .git; git init -q .", "cannot be collected"),
    "large": ("truncate -s 101M big", "cannot be collected: big has 101 MiB"),
}


def test_what_does_not_count_is_kept_and_told(path: Path) -> None:
    main = kit.run_git(path, "rev-parse", "main")
    site, found = played(path, {name: script for name, (script, _) in STRAYED.items()})
    for name, (_, words) in STRAYED.items():
        assert found[name].ended is Ended.FAILED, name
        assert words in found[name].reason, found[name].reason
        assert site.branch(name) == main, name
        assert found[name].quarantine == "", found[name]
    for name in ("left", "deleted", "rewrote", "failed", "wiped"):
        assert site.file(found[name].saved, "new") == "1", name
        assert found[name].saved in kit.run_git(path, "for-each-ref", "refs/wtman/saved")
    assert not found["nothing"].saved and not found["gone"].saved
    assert kit.run_git(path, "fsck", "--strict") == ""


def broken_git(
    path: Path, monkeypatch: pytest.MonkeyPatch, word: str, does: str, most: int
) -> Path:
    """A git on PATH that fails so when WORD is asked of it, `most` times; counts in the folder."""
    real, place = shutil.which("git"), path.parent / "bin"
    script = (
        f'#!/bin/sh\nfor a; do if [ "$a" = {word} ] && [ -e {path.parent}/wanted ] && '
        f"[ $(ls {path.parent}/faults | wc -l) -lt {most} ]; then "
        f'touch {path.parent}/faults/$$; {does}; fi; done\nexec {real} "$@"\n'
    )
    kit.write_files(place, {"git": script})
    (path.parent / "faults").mkdir()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return path.parent / "faults"


@pytest.mark.parametrize("does", ["kill -9 $$", "echo fatal: oops >&2; exit 128"])
@pytest.mark.parametrize("word", ["write-tree", "update-index", "pack-objects"])
def test_what_befalls_git_while_it_collects_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, word: str, does: str
) -> None:
    faults = broken_git(path, monkeypatch, word, does, 1)
    wanted = path.parent / "wanted"
    script = f"echo 1 > new; git add new; git commit -qm x; echo 2 > more; touch {wanted}"
    _, found = played(path, {"one": script})
    assert len(list(faults.iterdir())) == 1
    assert found["one"].ended is Ended.OK, found["one"]


@pytest.mark.parametrize(
    "does, kind", [("kill -9 $$", ToolError), ("echo fatal: oops >&2; exit 128", ExternalError)]
)
def test_a_git_that_goes_on_failing_is_no_failure_of_the_session(
    path: Path, monkeypatch: pytest.MonkeyPatch, does: str, kind: type
) -> None:
    broken_git(path, monkeypatch, "write-tree", does, 99)
    wanted = path.parent / "wanted"
    site = Site(
        path, {"one": f"echo $WTMAN_ATTEMPT >> {path.parent}/log; echo 1 > new; touch {wanted}"}
    )
    found: list[e.SessionFinished] = []

    async def work() -> None:
        with pytest.raises(kind):
            await site.play("one")
        wanted.unlink()  # git works again, and another coordinator goes on
        view = site.state.tasks[TaskId("one")]
        action = Collect(TaskId("one"), 1, view.start, view.head, view.head, view.attempts[0].agent)
        (event,) = await perform.perform(site.ctx, site.state, action)
        assert isinstance(event, e.SessionFinished)
        found.append(event)

    site.within(work)
    assert found[0].ended is Ended.OK and site.file(found[0].head, "new") == "1"
    assert (path.parent / "log").read_text() == "1\n"


def test_what_cannot_be_taken_is_named_and_the_next_attempt_goes_on_without_it(path: Path) -> None:
    script = (
        "if [ $WTMAN_ATTEMPT = 1 ]; then echo 1 > new; echo x > 'git~1'; exit 0; fi\n"
        "cat new > again; ! test -e 'git~1'"
    )
    site = Site(path, {"one": script})
    found: list[e.SessionFinished] = []

    async def work() -> None:
        found.append((await site.play("one"))["one"])
        view = site.state.tasks[TaskId("one")]
        assert "everything else in it is as it was left" in next_session(site.state, view).prompt
        found.append((await site.play("one"))["one"])

    site.within(work)
    first, again = found
    assert (first.ended, first.reason) == (
        Ended.FAILED,
        "its work cannot be collected: git~1 has a name that git does not take",
    )
    assert again.ended is Ended.OK, again
    assert (site.file(again.head, "new"), site.file(again.head, "again")) == ("1", "1")
    assert [file.read_text() for file in (path.parent / "worktrees/.trash").iterdir()] == ["x\n"]


@pytest.mark.parametrize(
    "script, words",
    [
        ("echo 1 > new; echo x > secret; chmod 0 secret", "secret cannot be read (mode 000)"),
        ("echo 1 > new; echo x >> a.txt; chmod 0 a.txt", "a.txt cannot be read (mode 000)"),
        ("echo 1 > new; mkdir d; echo x > d/f; chmod 0 d", "d cannot be read (Permission denied)"),
        ("echo 1 > new; chmod 0 .", "its worktree cannot be read any more (mode 000)"),
    ],
)
def test_what_cannot_be_read_is_in_nobody_elses_way(path: Path, script: str, words: str) -> None:
    (path.parent / "probe").touch(mode=0)
    if os.access(path.parent / "probe", os.R_OK):
        pytest.skip("root reads everything")
    site = Site(path, {"one": f"[ $WTMAN_ATTEMPT = 1 ] || {{ echo 2 > b.txt; exit; }}\n{script}"})
    found: list[e.SessionFinished] = []

    async def work() -> None:
        for _ in range(2):
            found.append((await site.play("one"))["one"])

    site.within(work)
    first, again = found
    assert first.ended is Ended.FAILED and words in first.reason, first
    assert again.ended is Ended.OK and site.file(again.head, "b.txt") == "2", again


def test_what_is_too_large_is_not_hashed_into_the_repository(path: Path) -> None:
    """A sparse file of a failed session took minutes, in which nothing could be stopped."""
    script = (
        "[ $WTMAN_ATTEMPT = 1 ] || { echo 2 > new; exit 0; }\n"
        "echo 1 > new; truncate -s 1T big a.txt; exit 3"
    )
    site = Site(path, {"one": script})
    found: list[e.SessionFinished] = []

    async def work() -> None:
        for _ in range(2):
            found.append((await site.play("one"))["one"])

    site.within(work)
    first, again = found
    assert first.ended is Ended.FAILED
    assert site.file(first.saved, "new") == "1" and site.file(first.saved, "a.txt") == "a"
    assert kit.run_git(path, "ls-tree", "--name-only", first.saved).split() == [
        *(".gitignore", "a.txt", "b.txt", "new")
    ]
    assert {note.split()[0] for note in first.notes} == {"a.txt", "big"}
    assert again.ended is Ended.OK and site.file(again.head, "new") == "2", again
    trash = path.parent / "worktrees/.trash"
    assert [file.stat().st_size for file in trash.iterdir()] == [1 << 40] * 2


def test_next_attempt_begins_clean_after_a_wrecked_one(path: Path) -> None:
    wreck = (
        "if [ $WTMAN_ATTEMPT = 1 ]; then rm -rf .git; git init -q .; else "
        "git status --porcelain > ../status; echo 1 > new; fi"
    )
    site = Site(path, {"one": wreck})

    async def work() -> None:
        assert (await site.play("one"))["one"].ended is Ended.FAILED
        assert (await site.play("one"))["one"].ended is Ended.OK

    site.within(work)
    assert (path.parent / "worktrees" / site.run / "status").read_text() == ""
    assert site.file(site.branch("one"), "new") == "1"


def test_what_acts_on_others_later_is_noted(path: Path) -> None:
    script = (
        "mkdir -p .claude .github/workflows pkg; echo '{}' > .claude/settings.json; "
        "echo x > .envrc; echo x > pkg/conftest.py; echo x > .github/workflows/ci.yml; "
        "ln -s ../../outside pkg/out; ln -s ../a.txt pkg/in; git init -q nested; "
        """echo '{"scripts": {"postinstall": "evil", "test": "x"}}' > package.json; """
        "echo x > data.json; chmod +x data.json"
    )
    _, found = played(path, {"one": script})
    assert found["one"].ended is Ended.OK
    notes = "\n".join(found["one"].notes)
    for words in (
        "nested repository at nested",
        "coding agents: .claude/settings.json",
        "enters the folder: .envrc",
        "pkg/conftest.py",
        "build server: .github/workflows/ci.yml",
        "out of the tree: pkg/out -> ../../outside\n",
        "executable: data.json",
        "package.json runs something new on install: postinstall",
    ):
        assert words in notes + "\n", notes


# --- who changed the repository -----------------------------------------------------------

OWN = "$ROOT/.git/refs/heads/wtman/$WTMAN_RUN/$WTMAN_TASK"
HOSTILE = {
    "main": ("git --git-dir=$ROOT/.git update-ref refs/heads/main other", "refs/heads/main moved"),
    "config": ("git --git-dir=$ROOT/.git config core.fsmonitor evil", "configuration was changed"),
    "hook": ("mkdir -p $ROOT/.git/hooks; echo x > $ROOT/.git/hooks/pre-push", "the hook pre-push"),
    "stash": ("git -C $ROOT stash drop -q", "the stash was deleted"),
    "own": (
        "git --git-dir=$ROOT/.git update-ref refs/heads/wtman/$WTMAN_RUN/$WTMAN_TASK other",
        "moved",
    ),
    "own, by hand": (f"echo rubbish > {OWN}", "moved"),
    "own, a pipe": (f"rm {OWN}; mkfifo {OWN}", "moved"),
    "own, a folder": (f"rm {OWN}; mkdir -p {OWN}/x; echo x > {OWN}/x/y", "deleted"),
    "own, a link": (f"rm {OWN}; ln -s /etc/passwd {OWN}", "moved"),
}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("config", "own") else pytest.param(name, marks=pytest.mark.slow)
        for name in HOSTILE
    ],
)
def test_a_change_of_the_repository_quarantines(path: Path, name: str) -> None:
    script, words = HOSTILE[name]
    kit.run_git(path, "branch", "other", kit.run_git(path, "commit-tree", "-m", "o", "HEAD^{tree}"))
    (path / "a.txt").write_text("mine\n")
    kit.run_git(path, "stash")
    main = kit.run_git(path, "rev-parse", "main")
    site = Site(path, {"evil": f"echo 1 > new\n{script}", "late": "echo 2 > new"})

    async def work() -> None:
        evil = (await site.play("evil"))["evil"]
        assert evil.ended is Ended.FAILED and evil.reason.startswith("quarantined: while it ran, ")
        assert words in evil.quarantine
        assert site.file(evil.saved, "new") == "1"
        assert site.branch("evil") == main
        assert site.standing("evil") is TaskState.FAILED  # it does not begin again by itself
        late = (await site.play("late"))["late"]
        assert late.ended is Ended.OK and late.quarantine == ""
        site.say(e.Requested("retry", TaskId("evil")))
        assert site.standing("evil") is TaskState.PENDING

    site.within(work)


def test_only_those_alive_at_the_time_are_suspects(path: Path) -> None:
    gate = path.parent / "gate"
    site = Site(
        path,
        {
            "before": "echo 1 > new",
            "beside": f"echo 1 > new; while [ ! -e {gate} ]; do sleep 0.05; done; sleep 0.2",
            "evil": f"git -C $ROOT tag evil; echo 1 > new; touch {gate}",
            "after": "echo 1 > new",
        },
    )

    async def work() -> None:
        found = await site.play("before")
        found |= await site.play("beside", "evil")
        found |= await site.play("after")
        blamed = {name for name, item in found.items() if item.quarantine}
        assert blamed == {"beside", "evil"}
        assert found["before"].ended is found["after"].ended is Ended.OK

    site.within(work)


@pytest.mark.slow
def test_what_wtman_does_meanwhile_is_nobodys_fault(path: Path) -> None:
    """Another run's sessions end and are recorded while one of this run lives."""
    gate = path.parent / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done; sleep 0.2; echo 1 > new"
    other = Site(path, {f"quick{number}": "echo 1 > new" for number in range(3)})
    site = Site(path, {"slow": wait})

    async def work() -> None:
        async def beside() -> None:
            async def quick() -> None:
                await other.play("quick0", "quick1", "quick2")

            with open_store(other.repo) as store:
                async with open_run(other.repo, store, other.run, dict(os.environ)) as ctx:
                    other.ctx = ctx
                    await quick()
            gate.touch()

        found, _ = await asyncio.gather(site.play("slow"), beside())
        assert found["slow"].quarantine == "" and found["slow"].ended is Ended.OK

    site.within(work)


@pytest.mark.slow
def test_the_user_who_commits_while_a_confined_session_runs_is_only_told(path: Path) -> None:
    from wtman.sandbox.choice import load

    if problem := load("bubblewrap").probe():
        pytest.skip(problem)
    site = Site(path, {"one": "echo 1 > new; sleep 1"}, sandbox="bubblewrap")

    async def work() -> None:
        async def user() -> None:
            while not list((path / ".git/wtman").glob("**/tasks/one/1/stdout")):
                await asyncio.sleep(0.02)
            kit.run_git(path, "tag", "mine")

        found, _ = await asyncio.gather(site.play("one"), user())
        assert found["one"].ended is Ended.OK, found["one"].reason
        (note,) = site.state.notes
        assert note.startswith("while sessions ran, refs/tags/mine was made: not by them")

    site.within(work)


@pytest.mark.slow
def test_nothing_is_told_of_what_wtman_does_while_confined_sessions_overlap(path: Path) -> None:
    from wtman.sandbox.choice import load

    if problem := load("bubblewrap").probe():
        pytest.skip(problem)
    names = [f"t{number}" for number in range(6)]
    site = Site(path, {name: f"echo {name} > {name}; sleep 0.3" for name in names},
                sandbox="bubblewrap")  # fmt: skip

    async def work() -> None:
        async def later(number: int, name: str) -> object:
            await asyncio.sleep(0.15 * number)
            return await site.play(name)

        await asyncio.gather(*(later(number, name) for number, name in enumerate(names)))
        assert site.state.notes == ()

    site.within(work)


# --- killed in between --------------------------------------------------------------------


class Killed(Exception):
    """Stands for the end of the coordinator."""


def killed(*args: object) -> None:
    raise Killed


@pytest.mark.parametrize("done", [False, True])
def test_a_killed_coordinator_leaves_a_plain_worktree_after_the_resume(
    path: Path, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(path, {"one": "echo 1 > new; git add new; git commit -qm mine"})
    tree = path.parent / "worktrees" / site.run / "one"

    async def before() -> None:
        await site.place("one")
        action = site.intend("one")
        if not done:  # before the session began
            lend(site.ctx, site.state, place_of(site.state, TaskId("one")), 1, action.at)
            return
        with monkeypatch.context() as patched:
            patched.setattr(collect, "collect", killed)
            with pytest.raises(Killed):
                await perform.perform(site.ctx, site.state, action)

    site.within(before)
    assert "/runs/" in (tree / ".git").read_text()

    async def after() -> None:
        view = site.state.tasks[TaskId("one")]
        flight = view.in_flight
        assert flight is not None
        action = Collect(TaskId("one"), 1, view.start, view.head, flight.at, flight.agent)
        (event,) = await perform.perform(site.ctx, site.state, action)
        assert isinstance(event, e.SessionFinished)
        assert event.ended is (Ended.OK if done else Ended.INTERRUPTED)
        assert not done or site.file(event.head, "new") == "1"

    site.within(after)
    assert (tree / ".git").read_text() == f"gitdir: {path}/.git/worktrees/wtman-{site.run}-one\n"
    assert kit.run_git(tree, "status", "--porcelain") == ""


# --- many ---------------------------------------------------------------------------------

EVIL: Sequence[str] = (
    "git stash -q; git -C $ROOT update-ref refs/heads/main $(git rev-parse HEAD)",
    "git gc -q --prune=now; git -C $ROOT config core.hooksPath $PWD",
    "rm -rf $(git rev-parse --git-common-dir)",
    "rm .git; git init -q .; git -C $ROOT branch stray-$WTMAN_TASK",
)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [16])
def test_sixteen_at_once_honest_and_hostile(path: Path, jobs: int) -> None:
    honest = "echo 1 > f-$WTMAN_TASK; git add -A; git commit -qm x; git gc -q; echo 2 >> a.txt"
    agents = {}
    for number in range(32):
        evil = number % 4 == 0
        hostile = f"echo 1 > new; git add new; git commit -qm x; {EVIL[number // 4 % 4]}"
        agents[f"{'evil' if evil else 'good'}-{number}"] = hostile if evil else honest
    site = Site(path, agents, jobs=jobs)
    main = kit.run_git(path, "rev-parse", "main")

    async def work() -> None:
        found = await site.play(*agents, jobs=jobs)
        after = await site.play(*(name for name in agents if found[name].quarantine), jobs=1)
        for name, item in (found | after).items():
            if name.startswith("good"):
                # Unless one of the others did its evil while it lived.
                assert item.ended is Ended.OK or item.quarantine, (name, item.reason)
            else:
                assert item.ended is Ended.FAILED, (name, item.reason)
            if item.ended is not Ended.OK:
                assert site.branch(name) == main

    site.within(work)
    assert "error" not in kit.run_git(path, "fsck", "--strict", "--no-dangling")
    locks = [item for item in (path / ".git").rglob("*.lock") if item.stat().st_size]
    assert locks == []
