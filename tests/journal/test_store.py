"""The journal on a real file: durable, ordered, one coordinator."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from wtman.errors import DiskFullError, MissingError
from wtman.journal import events as e
from wtman.journal.store import Store
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.plan import Identity, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings

RUN = RunId("all-1234")


def created(run: RunId = RUN) -> e.RunCreated:
    return e.RunCreated(
        run=run,
        request="everything \U0001f680 \u2028",
        base=Sha("b" * 40),
        target=Branch("main"),
        settings=Settings(check=("pytest -q",), jobs=3),
        identity=Identity("A", "a@example.org"),
    )


def test_what_goes_in_comes_out_again(tmp_path: Path) -> None:
    events: list[e.Event] = [
        created(),
        e.TaskAdded(Task(id=TaskId("a"), prompt="do\nit", needs=(TaskId("b"),), timeout=2.5)),
        e.SessionFinished(TaskId("a"), 1, Ended.OK, Sha("c" * 40), reason="\udcff odd byte"),
        e.WorktreeMade(TaskId("a"), "/w", Branch("x"), Sha("d"), {TaskId("b"): Sha("f")}),
        e.Landed(Branch("main"), Sha("1"), Sha("2"), {"a": Sha("3")}, needs={"a": (TaskId("b"),)}),
    ]
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, events[:2], 1.0)
        store.append(RUN, events[2:], 2.0)
    with Store.open(str(tmp_path)) as store:
        recorded = store.events(RUN)
        assert [item.event for item in recorded] == events
        assert [item.at for item in recorded] == [1.0, 1.0, 2.0, 2.0, 2.0]
        assert store.events(RUN, recorded[2].seq) == recorded[3:]


def test_an_event_of_a_newer_version_is_kept_as_it_is(tmp_path: Path) -> None:
    strange = e.Unknown("Teleported", {"to": ["mars"]})
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, [created(), strange], 1.0)
        assert store.events(RUN)[1].event == strange


def test_runs_are_told_the_newest_last(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        for name in ("one", "two", "three"):
            store.append(RunId(name), [created(RunId(name))], 1.0)
        store.append(RunId("one"), [e.Resumed()], 2.0)
        assert store.runs() == ("one", "two", "three")


def test_a_batch_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, [created()], 1.0)
        with pytest.raises(TypeError):
            store.append(RUN, [e.Resumed(), e.Unknown("Bad", {"x": object()})], 2.0)
        assert len(store.events(RUN)) == 1
        store.append(RUN, [e.Resumed()], 3.0)
        assert len(store.events(RUN)) == 2


def test_a_second_coordinator_is_told_who_the_first_is(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        assert store.live(RUN) == 0
        with store.lock(RUN):
            assert store.live(RUN) == os.getpid()
            with Store.open(str(tmp_path)) as other, pytest.raises(MissingError) as caught:
                with other.lock(RUN):
                    raise AssertionError("two coordinators")
            assert f"process {os.getpid()}" in caught.value.message
        assert store.live(RUN) == 0


def test_the_lock_dies_with_its_holder_and_reaches_no_child(tmp_path: Path) -> None:
    holder = (
        "import sys, time, subprocess; from wtman.journal.store import Store\n"
        "with Store.open(sys.argv[1]) as s, s.lock('r'):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    print(child.pid, flush=True); time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", holder, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        check_lock(tmp_path, process, child)


def check_lock(tmp_path: Path, process: "subprocess.Popen[str]", child: int) -> None:
    with Store.open(str(tmp_path)) as store:
        assert store.live(RunId("r")) == process.pid
        process.kill()
        process.wait()
        try:
            with store.lock(RunId("r")):
                assert store.live(RunId("r")) == os.getpid()
        finally:
            os.kill(child, 9)


def test_a_journal_of_a_newer_wtman_is_refused(tmp_path: Path) -> None:
    Store.open(str(tmp_path)).__exit__()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("PRAGMA user_version = 999")
    with pytest.raises(MissingError, match="newer wtman"):
        Store.open(str(tmp_path))


def test_the_first_version_is_migrated_with_its_rows(tmp_path: Path) -> None:
    from wtman.journal import store as module

    database = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    module.m001_events(database)
    database.execute("PRAGMA user_version = 1")
    database.execute(
        "INSERT INTO events (run, at, kind, body) VALUES ('r', 1, 'Resumed', '{\"reason\":\"x\"}')"
    )
    database.close()
    with Store.open(str(tmp_path)) as store:
        assert store.events(RunId("r"))[0].event == e.Resumed("x")
        store.cache("key", {"verdict": "green"})
        assert store.cached("key") == {"verdict": "green"}
        assert store.cached("other") is None


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, [created()], 1.0)
        store._database.execute("PRAGMA max_page_count = 12")
        big = e.Noted("x" * 200_000)
        with pytest.raises(DiskFullError):
            store.append(RUN, [e.Resumed(), big], 2.0)
        assert len(store.events(RUN)) == 1
        store._database.execute("PRAGMA max_page_count = 100000")
        store.append(RUN, [big], 3.0)
        assert len(store.events(RUN)) == 2
