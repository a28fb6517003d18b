"""Fan-outs that are paused, stopped and resumed: no call returns meanwhile, nothing runs twice."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests import kit
from tests.cli.test_flows import log_of
from tests.cli.test_limits import PLUGIN, path

PROGRAM = """\
import json, os, time

name = os.environ["WTMAN_TASK"].partition("-")[0]
what = "second" if os.path.exists(name + ".txt") else "first"
top = os.path.dirname(os.path.abspath(__file__))

def log(word):
    with open(top + "/log", "a") as file:
        file.write(f"{word} {what} {name}\\n")

def tell(**said):
    print(json.dumps(said), flush=True)

log("begin")
tell(session="talk-" + name)
if os.path.exists(top + "/quota"):
    tell(fatal="no credit", tokens=5, usd=0.1)
    raise SystemExit(1)
if os.path.exists(top + "/slow"):
    time.sleep(60)
with open(name + ".txt", "a") as file:
    file.write(what + "\\n")
log("end")
tell(done=True, tokens=100, usd=1.0)
"""
FLOW = """\
from wtman.flow import Flow

async def main(flow: Flow):
    async def one(name: str):
        try:
            work = await flow.session(f"first on {name}", owns=[f"{name}.txt"])
            return await flow.session(f"second on {name}", on=work)
        except Exception as error:
            flow.log(f"caught {error!r}")
            raise
        finally:
            flow.log(f"over {name}")

    return (await flow.map([f"item{number}" for number in range(5)], one)).values
"""


@pytest.mark.slow
def test_a_fan_out_is_paused_by_each_limit_stopped_and_ends_as_if_nothing_had_been(
    wtman: kit.Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WTMAN_REVIEWERS", "0")
    repo = kit.create_repo(tmp_path / "repo", {"a.txt": "a\n"})
    plug = PLUGIN.replace("PROGRAM", repr(str(tmp_path / "program.py")))
    kit.write_files(tmp_path, {"program.py": PROGRAM, "flow.py": FLOW, "plug/metered.py": plug})
    (tmp_path / "plug/__init__.py").write_text("")
    env = path(tmp_path, wtman)
    words = ("run", tmp_path / "flow.py", "--agent", "plug.metered:make", "--yes", "-j", "2")
    done = wtman(*words, "--max-sessions", "3", cwd=repo, env=env, check_status=4)
    assert "paused" in done.out and "3 sessions" in done.out
    run = wtman("status", "--json", cwd=repo, env=env).json()["run"]["id"]

    def resumed(*more: str, code: int) -> str:
        kit.assert_no_leftover_processes(repo)
        return wtman("resume", run, "--yes", *more, cwd=repo, env=env, check_status=code).out

    money = ("--max-sessions", "100", "--budget-usd")
    assert "budget" in resumed(*money, "5", code=4)
    (tmp_path / "quota").touch()
    assert "paused: no credit" in resumed(*money, "100", code=4)
    (tmp_path / "quota").rename(tmp_path / "slow")
    process = wtman.start("resume", run, "--yes", cwd=repo, env=env)
    begun = (tmp_path / "log").read_text()
    until = time.monotonic() + 60
    while (tmp_path / "log").read_text() == begun and time.monotonic() < until:
        time.sleep(0.05)
    wtman("stop", run, cwd=repo, env=env)
    out, err = process.communicate(timeout=60)
    assert "stopped" in out, out + err
    (tmp_path / "slow").unlink()
    told = log_of(repo, run)
    assert not [line for line in told if "caught" in line], "a paused call never returns"
    before = Counter(line.split()[-1] for line in told)
    assert all(count == 1 for count in before.values())
    resumed("--budget-usd", "1000", code=0)  # one that is stopped may have used all it had
    ended = [line for line in (tmp_path / "log").read_text().splitlines() if line[:3] == "end"]
    names = [f"item{number}" for number in range(5)]
    wanted = Counter(f"end {what} {name}" for what in ("first", "second") for name in names)
    assert Counter(ended) == wanted, "nothing that came to its end ran twice"
    assert sorted(log_of(repo, run)) == [f"over {name}" for name in names]
    wtman("merge", run, "--unchecked", cwd=repo, env=env)
    for name in names:
        assert (repo / f"{name}.txt").read_text() == "first\nsecond\n"
    kit.assert_no_leftover_processes(repo)
