"""What is shown as the next step is done and typed as it stands, and the run gets further.

Each row is a run brought to a certain end in a repository of its own: the step that is shown
there, what the words before the command ask for, and where the run stands after both.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import kit
from tests.apiagent.server import Turn, call, refuses, says, serving

pytestmark = pytest.mark.slow

AGENT = """\
#!/bin/sh
# What it does follows from the task's name and from what the user has mended since.
set -eu
case "$WTMAN_TASK" in
  bad*) test -e "$MENDED" || { echo "no luck" >&2; exit 3; } ;;
  clash*) echo "$WTMAN_TASK" > clash.txt; exit 0 ;;
esac
echo "$WTMAN_TASK" > "$WTMAN_TASK.txt"
"""

FLOW = """\
\"\"\"One task.\"\"\"
from wtman.flow import Flow


async def main(flow: Flow):
    work = await flow.session("do it", owns=["**"])
    {}
    return work
"""


@dataclass(frozen=True)
class Place:
    """A repository, the program in it, and an agent that does what the names of tasks say."""

    wtman: kit.Program
    repo: Path
    agent: str
    mended: Path

    def split(self, *tasks: str, agent: str = "", more: tuple[str, ...] = ()) -> kit.Result:
        words = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
        words += ["--agent", agent or self.agent, "--attempts", "1", "--allow-overlap", "--yes"]
        return self.typed("wtman", "split", "all", *words, *more)

    def typed(self, program: str, *words: str) -> kit.Result:
        assert program == "wtman"
        return self.wtman(*words, cwd=self.repo, check_status=None)

    def config(self, text: str, *, trusted: bool = True) -> None:
        (self.repo / "wtman.toml").write_text(text)
        if trusted:
            self.wtman("trust", "--yes", cwd=self.repo)

    def commit(self, name: str) -> None:
        kit.commit_files(self.repo, {name: "x\n"})

    def state(self, run: str = "") -> str:
        words = ("status", run, "--json") if run else ("status", "--json")
        told = self.wtman(*words, cwd=self.repo).json()["run"]
        return f"{told['state']}"


def shown(printed: str) -> tuple[str, str]:
    """What is to be mended and the command, of the last `next:` that was printed."""
    before, _, command = printed.rpartition("\nnext: ")
    first = before.rpartition("\nfirst: ")[2] if "\nfirst: " in before[-1000:] else ""
    return " ".join(first.split()), " ".join(command.split())


@pytest.fixture
def place(wtman: kit.Program, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "agent.sh").write_text(AGENT)
    mended = tmp_path / "mended"
    monkeypatch.setenv("MENDED", str(mended))
    return Place(wtman, repo, f"command:sh {tmp_path}/agent.sh", mended)


# --- states ---------------------------------------------------------------------------------------


def check_fails(place: Place) -> None:
    place.split("a", more=("--check", "test -e made"))


def configured_check_fails(place: Place) -> None:
    place.config('check = ["test -e made"]\n')
    place.split("a")


def program_is_missing(place: Place) -> None:
    place.config('check = ["no-such-tool -q"]\n')
    place.split("a")


def setup_fails(place: Place) -> None:
    place.config('check = ["true"]\nsetup = ["test -e made"]\n')
    place.split("a", "b")


def setup_lacks_program(place: Place) -> None:
    place.config('check = ["true"]\nsetup = ["no-such-tool"]\n')
    place.split("a")


def sessions_are_used_up(place: Place) -> None:
    limits = ("--max-sessions", "2", "--attempts", "2", "-j", "1")
    place.split("bad", "a", more=("--check", "true", *limits))


def all_failed(place: Place) -> None:
    place.split("bad", more=("--check", "true"))


def dependent_comes_first(place: Place) -> None:
    plan = place.repo / "plan.toml"
    plan.write_text(
        'request = "all"\ncheck = ["true"]\n'
        '[[task]]\nid = "a"\nprompt = "do a"\nneeds = ["bad"]\nowns = ["a.txt"]\n'
        '[[task]]\nid = "bad"\nprompt = "do bad"\nowns = ["bad.txt"]\n'
    )
    place.typed(
        *("wtman", "split", "--plan", "plan.toml", "--agent", place.agent),
        *("--attempts", "1", "--yes"),
    )
    plan.unlink()


def ready(place: Place) -> None:
    place.split("a", "bad", more=("--check", "true"))


def target_is_in_the_way(place: Place) -> None:
    place.split("a", more=("--check", "true"))
    (place.repo / "a.txt").write_text("mine\n")
    place.typed("wtman", "merge")


def flow_asks(place: Place) -> None:
    _flow(place, 'await flow.approve("Keep it?")')


def flow_fails(place: Place) -> None:
    _flow(place, 'raise ValueError("odd")')


def _flow(place: Place, line: str) -> None:
    path = place.repo / "scripts" / "one.py"
    path.parent.mkdir()
    path.write_text(FLOW.format(line))
    words = ("--agent", place.agent, "--check", "true", "--yes")
    place.typed("wtman", "run", f"{path}", *words)


def unchecked(place: Place) -> None:
    place.split("a")


def conflict(place: Place) -> None:
    place.commit("clash.txt")
    place.split("clash-a", "clash-b", more=("--check", "true"))
    place.typed("wtman", "merge")


def merged(place: Place) -> None:
    place.split("a", more=("--check", "true"))
    place.typed("wtman", "merge")


def dismissed(place: Place) -> None:
    place.split("a", more=("--check", "true"))
    run = place.wtman("status", "--json", cwd=place.repo).json()["run"]["id"]
    place.wtman("clean", "--dismiss", run, cwd=place.repo)


def planned(place: Place) -> None:
    place.config('check = ["true"]\n')
    words = ("--task", "a: do a", "--agent", place.agent)
    place.typed("wtman", "split", "all", *words)


# --- what is mended before the command is typed -----------------------------------------------


def nothing(place: Place) -> None:
    pass


def base(place: Place) -> None:
    place.commit("made")


def check(place: Place) -> None:
    place.config('check = ["true"]\n')


def setup(place: Place) -> None:
    place.config('check = ["true"]\nsetup = ["true"]\n')


def target(place: Place) -> None:
    (place.repo / "a.txt").unlink()


def script(place: Place) -> None:
    (place.repo / "scripts" / "one.py").write_text(FLOW.format("pass"))


def agent(place: Place) -> None:
    place.mended.touch()


ROWS: list[tuple[Callable[[Place], None], str, Callable[[Place], None], str]] = [
    (check_fails, "fix the base and commit, or set check in wtman.toml", base, "ready"),
    (check_fails, "fix the base and commit, or set check in wtman.toml", check, "ready"),
    (configured_check_fails, "fix the base and commit, or edit check in wtman.toml", base, "ready"),
    (
        configured_check_fails,
        "fix the base and commit, or edit check in wtman.toml",
        check,
        "ready",
    ),
    (program_is_missing, "edit check in wtman.toml or install what it lacks", check, "ready"),
    (setup_fails, "edit setup in wtman.toml", setup, "ready"),
    (setup_fails, "edit setup in wtman.toml", base, "ready"),
    (setup_lacks_program, "edit setup in wtman.toml", setup, "ready"),
    (sessions_are_used_up, "", nothing, "ready"),
    (all_failed, "", agent, "ready"),
    (dependent_comes_first, "", agent, "ready"),
    (ready, "", nothing, "merged"),
    (target_is_in_the_way, "commit, stash or move these files", target, "merged"),
    (flow_asks, "", nothing, "running"),
    (unchecked, "", nothing, "merged"),
    (conflict, "", nothing, "ready"),
    (merged, "", nothing, "merged"),
    (dismissed, "", nothing, "ready"),
    (planned, "", nothing, "ready"),
]


@pytest.mark.parametrize(
    ("end", "first", "mend", "state", "far"),
    # Every other one is typed from elsewhere, with -C.
    [(*row, bool(number % 2)) for number, row in enumerate(ROWS)],
    ids=[f"{end.__name__}-{mend.__name__}" for end, _, mend, _ in ROWS],
)
def test_the_next_step_leads_on(
    place: Place,
    end: Callable[[Place], None],
    first: str,
    mend: Callable[[Place], None],
    state: str,
    far: bool,
) -> None:
    end(place)
    run = place.wtman("status", "--all", "--dismissed", "--json", cwd=place.repo).json()
    name = run["runs"][-1]["id"]
    told = place.wtman("status", name, *(("-C", place.repo) if far else ()), cwd=_at(place, far))
    said, command = shown(told.out)
    assert said == first
    mend(place)
    program, *words = shlex.split(command)
    assert program == "wtman"
    done = place.wtman(*words, cwd=_at(place, far), check_status=None)
    assert done.code in (0, 1), str(done)
    assert place.state(name) == state


def _at(place: Place, far: bool) -> Path:
    return place.repo.parent if far else place.repo


@pytest.mark.parametrize("folder", [".", "repo", "repo/scripts"])
def test_an_edited_script_is_named_from_where_the_user_is(
    place: Place, tmp_path: Path, folder: str
) -> None:
    """It asks once more before the edited script is played: --yes here, where nobody answers."""
    flow_fails(place)
    cwd = tmp_path / folder
    said, command = shown(place.wtman("status", "-C", place.repo, cwd=cwd).out)
    path = said.removeprefix("edit ")
    assert (cwd / path).samefile(place.repo / "scripts" / "one.py")
    script(place)
    done = place.wtman(*shlex.split(command)[1:], "--yes", cwd=cwd)
    assert done.code == 0 and place.state() == "ready"
    over = place.typed("wtman", "resume")
    assert over.code == 0 and over.out.startswith("nothing to resume in run ")


@pytest.mark.parametrize(
    ("refused", "first"),
    [
        (
            refuses(401, "authentication_error", "invalid x-api-key"),
            "set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL of a server that needs none",
        ),
        (
            refuses(400, "invalid_request_error", "Your credit balance is too low"),
            "add credit, or wait for the quota",
        ),
    ],
)
def test_a_provider_that_refuses(
    place: Place, monkeypatch: pytest.MonkeyPatch, refused: Turn, first: str
) -> None:
    with serving() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-tests-0001")
        server.always = refused
        paused = place.split("a", agent="api", more=("--check", "true", "--reviewers", "0"))
        assert paused.code == 4
        said, command = shown(paused.out)
        assert said == first
        server.script = [says(call("bash", command="echo a > a.txt"))]
        server.always = says("done")
        assert place.typed(*shlex.split(command)).code == 0
    assert place.state() == "ready"


def test_a_budget_that_is_used_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-tests-0001")
        server.script = [says(call("bash", command=f"echo {n} > {n}.txt")) for n in range(9)]
        limits = ("--budget-usd", "0.004", "--reviewers", "0", "-j", "1")
        paused = place.split("a", "b", agent="api", more=("--check", "true", *limits))
        assert paused.code == 4
        said, command = shown(paused.out)
        assert said == "" and re.fullmatch(r"wtman resume all-\w+ --budget-usd 0\.0[1-9]", command)
        server.script, server.always = [], says("done")
        further = place.typed(*shlex.split(command))
    assert re.search(r"session \d started", further.out) and further.code == 1


def test_nothing_is_left_to_resume(place: Place) -> None:
    place.split("a", more=("--check", "true"))
    before = place.wtman("status", "--json", cwd=place.repo).json()
    done = place.typed("wtman", "resume")
    assert re.fullmatch(
        r"nothing to resume in run (all-\w+) \(ready\)\nnext: wtman merge \1\n", done.out
    )
    assert done.code == 0
    assert place.wtman("status", "--json", cwd=place.repo).json() == before
    told = place.typed("wtman", "resume", "--json").jsonl()
    assert [item["event"] for item in told] == ["run", "end"]
    place.typed("wtman", "resume", "--check", "test -e a.txt", "--yes")
    said, command = shown(place.typed("wtman", "status").out)
    assert said == "set check in wtman.toml"
    check(place)
    assert place.typed(*shlex.split(command)).code == 0
    assert place.state() == "ready"
    place.split("bad", more=("--check", "true"))
    done = place.typed("wtman", "resume", before["run"]["id"], "--json")
    assert done.code == 0
    fell = place.typed("wtman", "resume")
    assert "(failed)" in fell.out and fell.code == 1


def test_a_landed_branch_is_not_offered_again(place: Place) -> None:
    """Of a run that merged a part: the branch that fell short, not the one that landed."""
    ready(place)
    _, command = shown(place.typed("wtman", "status").out)
    place.mended.touch()
    _, command = shown(place.typed(*shlex.split(command)).out)
    assert re.fullmatch(r'wtman retry all-\w+/bad -m "what to do differently"', command)
    _, command = shown(place.typed(*shlex.split(command)).out)
    assert re.fullmatch(r"wtman merge all-\w+", command)
    place.typed(*shlex.split(command))
    assert place.state() == "merged"
    assert (place.repo / "bad.txt").read_text() == "bad\n"
