"""Leads through the real commands: cut when they start, three deep, landed as their parts."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import kit

# Answers what `answers.json` has for the task that it is asked to cut; a list is one try each.
PLANNER = """\
import json, pathlib, sys
here = pathlib.Path(__file__).parent
told = sys.stdin.read()
task = told.partition("for a team of its own:\\n\\n")[2].partition("\\n")[0]
log = here / "asked"
with log.open("a") as file:
    file.write(json.dumps([task, told]) + "\\n")
answer = json.loads((here / "answers.json").read_text())[task]
if isinstance(answer, list):
    tries = sum(json.loads(line)[0] == task for line in log.read_text().splitlines())
    answer = answer[min(tries, len(answer)) - 1]
print(answer if isinstance(answer, str) else json.dumps(answer))
"""
# Writes the file that it is told to, with what it found in the folder.
AGENT = """\
import os, pathlib, sys
told = sys.stdin.read()
task = os.environ["WTMAN_TASK"]
here = pathlib.Path(__file__).parent
with (here / "built").open("a") as file:
    file.write(task + "\\n")
(here / f"prompt-{task}").write_text(told)
if (here / f"bad-{task}").exists():
    sys.exit("no luck")
path = pathlib.Path(told.rpartition("Your task:")[2].partition("write ")[2].split()[0])
path.parent.mkdir(parents=True, exist_ok=True)
found = sorted(str(it) for it in pathlib.Path(".").rglob("*.txt"))
path.write_text(" ".join(found) + "\\n")
"""
PLAN = """\
request = "all of it"
check = ["test -f README.md"]
[[task]]
id = "core"
prompt = "write core.txt"
owns = ["core.txt"]
[[task]]
id = "api"
prompt = "the api"
owns = ["api/**"]
needs = ["core"]
expect = "everything speaks"
lead = true
[[task]]
id = "last"
prompt = "write last.txt"
owns = ["last.txt"]
needs = ["api"]
"""


def part(name: str, *needs: str, **more: object) -> dict[str, object]:
    return {"id": name, "prompt": f"write api/{name}.txt", "needs": needs, **more}


CUT: dict[str, Any] = {
    "the api": {
        "reason": "two layers",
        "context": "Files are lists of names.",
        "tasks": [
            part("model", owns=["api/model.txt"]),
            {"id": "web", "prompt": "the web", "needs": ["model"], "lead": True}
            | {"owns": ["api/**", "!api/model.txt"]},
        ],
    },
    "the web": {
        "tasks": [part("in", owns=["api/in.txt"]), part("out", "in", owns=["api/out.txt"])]
    },
}


class Team:
    """A repository, a plan with a lead, and who plans and builds."""

    def __init__(self, folder: Path, repo: Path, wtman: kit.Program) -> None:
        self.folder, self.repo, self._wtman = folder, repo, wtman
        kit.write_files(folder, {"planner.py": PLANNER, "agent.py": AGENT, "plan.toml": PLAN})
        self.answers(CUT)

    def answers(self, cut: dict[str, object]) -> None:
        (self.folder / "answers.json").write_text(json.dumps(cut))

    def agent(self, name: str) -> str:
        return f"command:{sys.executable} {self.folder}/{name}.py"

    def split(self, *more: str, code: int = 0) -> kit.Result:
        words = ("split", "--plan", str(self.folder / "plan.toml"), "--agent", self.agent("agent"))
        return self(*words, "--role", f"lead={self.agent('planner')}", "--yes", *more, code=code)

    def __call__(self, *words: str, code: int = 0) -> kit.Result:
        return self._wtman(*words, cwd=self.repo, check_status=code)

    @property
    def asked(self) -> list[tuple[str, str]]:
        lines = (self.folder / "asked").read_text().splitlines()
        return [tuple(json.loads(line)) for line in lines]

    @property
    def built(self) -> list[str]:
        return (self.folder / "built").read_text().split()

    @property
    def tasks(self) -> dict[str, dict[str, object]]:
        return {item["id"]: item for item in self("status", "--json").json()["tasks"]}


@pytest.fixture
def team(tmp_path: Path, repo: Path, wtman: kit.Program) -> Team:
    return Team(tmp_path / "team", repo, wtman)


@pytest.mark.slow
def test_a_plan_with_a_lead_is_built_three_deep_and_lands(team: Team) -> None:
    done = team.split("--attempts", "1")
    assert "api   the api (lead: cut again when it starts) (needs core) [api/**]" in done.out
    assert "forecast   3 branches, 4 to 1000 sessions" in done.out
    assert "api  cut into 2 parts: api_model, api_web" in done.out
    names = ["core", "api", "api_model", "api_web", "api_web_in", "api_web_out", "last"]
    tasks = team.tasks
    assert list(tasks) == names
    assert {item["state"] for item in tasks.values()} == {"verified"}
    assert [name for name in names if tasks[name]["lead"]] == ["api", "api_web"]
    assert (tasks["api_web_in"]["part_of"], tasks["core"]["part_of"]) == ("api_web", None)
    assert [task for task, _ in team.asked] == ["the api", "the web"]
    assert team.built == ["core", "api_model", "api_web_in", "api_web_out", "last"]
    # Each saw the work that it needs, and the lead's branch holds it all.
    git = lambda *words: kit.run_git(team.repo, *words)  # noqa: E731
    run = team("status", "--json").json()["run"]["id"]
    branch = f"wtman/{run}/api"
    assert git("show", f"{branch}:api/out.txt") == "api/in.txt api/model.txt core.txt"
    assert git("rev-parse", branch) == tasks["api"]["head"] == tasks["last"]["base"]
    assert git("diff", "--name-only", "main", f"wtman/{run}/last").split() == [
        *("api/in.txt", "api/model.txt", "api/out.txt", "core.txt", "last.txt")
    ]
    planned = team.asked[0][1]
    for words in ("everything speaks", "api/**", "core.txt", "test -f README.md", "all of it"):
        assert words in planned
    told = (team.folder / "prompt-api_web_out").read_text()
    for words in ("Files are lists of names.", "the api", "the web", "everything speaks"):
        assert words in told
    assert '  api_web_in: "api_web_in", in "api/in.txt"' in told
    assert "two layers" in team("logs", "api").out
    assert "api/model.txt" in team("diff", "--stat", "api").out
    for command in ("attach", "shell", "open"):
        refused = team(command, "api", code=2)
        assert "api is a lead, which has no worktree" in refused.err
    team("merge")
    assert {item["state"] for item in team.tasks.values()} == {"merged"}
    assert git("show", "main:api/out.txt") == "api/in.txt api/model.txt core.txt"
    assert "cannot retry api: it is merged" in team("retry", "api", code=2).err
    team("clean")
    assert git("for-each-ref", "refs/heads/wtman") == ""


@pytest.mark.slow
def test_a_part_that_fails_is_named_and_retried(team: Team) -> None:
    (team.folder / "bad-api_web_in").touch()
    done = team.split("--attempts", "1", code=1)
    tasks = team.tasks
    assert tasks["api_web"]["reason"] == "part api_web_in failed: exit status 1: no luck"
    assert str(tasks["api"]["reason"]).startswith("part api_web failed: part api_web_in failed:")
    assert (
        "✗ api_web_in: session failed: exit status 1: no luck\n    wtman logs --failed " in done.out
    )
    (team.folder / "bad-api_web_in").unlink()
    team("retry", "api_web_in")
    assert {item["state"] for item in team.tasks.values()} == {"verified"}
    assert len(team.asked) == 2
    # Cut anew, what stays as it was keeps its work.
    cut = {"context": CUT["the api"]["context"], "tasks": [part("model", owns=["api/model.txt"])]}
    team.answers({"the api": cut})
    before = team.built
    team("retry", "api", "-m", "one is enough")
    assert "The user says: one is enough" in team.asked[-1][1]
    assert list(team.tasks) == ["core", "api", "api_model", "last"]
    assert "api_model" not in team.built[len(before) :]


@pytest.mark.slow
def test_a_task_that_becomes_a_lead_leaves_a_worktree_that_holds_nothing_of_its_own(
    team: Team,
) -> None:
    plan = team.folder / "plan.toml"
    plain = PLAN.replace("lead = true\n", "").replace('"the api"', '"write api/plain.txt"')
    plan.write_text(plain)
    team.split()
    plan.write_text(PLAN)
    team("resume", "--plan", str(plan), "--yes")
    folder = Path(str(team.tasks["api"]["worktree"]))
    assert kit.run_git(folder, "status", "--porcelain") == ""
    assert "uncommitted" not in team("merge").out
    assert not (team.repo / "api/plain.txt").exists()
    team("clean")
    assert not folder.exists()


MORE = {
    "owns": ([part("x", owns=["api/x.txt", "core.txt"])], 'it may not own "core.txt"'),
    "whole": ([part("x", owns=["**"])], "only api/** is yours to give"),
    "protect": ([part("x", owns=["api/tests/**"])], "which is protected"),
}
BEYOND = {
    "agent": ([part("x", agent="command:evil")], "agent"),
    "deep": ([part("x", needs=["y"]), part("y", needs=["x"])], "cycle"),
    "id": ([part("x_y")], "_"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MORE)
def test_a_lead_that_insists_on_more_than_was_approved_asks(team: Team, case: str) -> None:
    tasks, words = MORE[case]
    (team.repo / "wtman.toml").write_text('protect = ["api/tests/**"]\n')
    team.answers({"the api": {"tasks": tasks}})
    done = team.split("--attempts", "1", code=4)
    assert len(team.asked) == 2 and words in team.asked[1][1]
    assert "The plan of api wants more" in done.out and "next: wtman answer " in done.out
    told = team("status", "--json").json()
    assert told["run"]["state"] == "waiting" and words in told["question"]["allows"][0]
    assert team.built == ["core"]
    yes = case == "owns"
    team("answer", told["run"]["id"], "yes" if yes else "no")
    team("resume", "--yes", code=0 if yes else 1)
    api = team.tasks["api"]
    assert api["state"] == ("verified" if yes else "failed")
    assert yes or "not allowed" in str(api["reason"])
    assert len(team.asked) == 2


@pytest.mark.slow
@pytest.mark.parametrize("case", BEYOND)
def test_what_is_not_a_leads_to_decide_gets_one_repair_and_fails_it(team: Team, case: str) -> None:
    tasks, words = BEYOND[case]
    (team.repo / "wtman.toml").write_text('protect = ["api/tests/**"]\n')
    team.answers({"the api": {"tasks": tasks}})
    team.split("--attempts", "1", code=1)
    assert len(team.asked) == 2 and words in team.asked[1][1]
    api = team.tasks["api"]
    assert api["state"] == "failed" and words in str(api["reason"])
    assert team.built == ["core"]
    assert team("status", "--json").json()["run"]["sessions"] == 3


@pytest.mark.slow
def test_a_planner_may_mend_its_answer_or_leave_the_work_in_one_part(team: Team) -> None:
    one = {"tasks": [part("all")], "reason": "it is small"}
    checks = {**one, "check": ["curl evil"]}
    team.answers({"the api": ["no idea", one, checks]})
    team.split()
    assert [task for task, _ in team.asked] == ["the api", "the api"]
    assert list(team.tasks) == ["core", "api", "api_all", "last"]
    assert {item["state"] for item in team.tasks.values()} == {"verified"}
    team("retry", "api", code=4)
    assert "a lead may not add checks: curl evil" in team("answer", code=4).out


def test_leads_need_somebody_who_can_cut_them_and_room_for_two_sessions_each(team: Team) -> None:
    words = ("split", "--plan", str(team.folder / "plan.toml"), "--agent", team.agent("agent"))
    refused = team(*words, "--yes", code=2)
    assert 'task "api" is a lead: the agent "command:' in refused.err
    assert "--role lead=NAME" in refused.err
    refused = team.split("--max-sessions", "3", code=2)
    assert "3 tasks + 1 to cut leads = 4 sessions, but at most 3 are allowed" in refused.err


FLOW = '''\
"""Teams in a fan-out."""


async def main(flow, args):
    async def one(name):
        return await flow.plan(f"the {name}", owns=[f"{name}/**"], title=f"Team {name}")

    teams = await flow.map(["api", "web", "cli"], one)
    if teams.failed:
        raise RuntimeError(str(teams.failed[0].error))
    works = [work for team in teams.values for work in team]
    flow.log(" ".join(f"{work.title}:{work.task.partition('_')[2]}" for work in works))
    more = await flow.session("write web/out.txt", on=works[2], title="more")
    return [*works, more]
'''
CUTS = {
    "the api": {
        "tasks": [
            {"id": "in", "title": "Api in", "prompt": "write api/in.txt"}
            | {"needs": ["model"], "owns": ["api/in.txt"]},
            {"id": "model", "prompt": "the model", "lead": True, "owns": ["api/m*"]},
        ]
    },
    "the model": {"tasks": [{"id": "m", "title": "Model", "prompt": "write api/m.txt"}]},
    "the web": {"tasks": [{"id": "w", "title": "Web", "prompt": "write web/w.txt"}]},
    "the cli": {"tasks": [{"id": "c", "title": "Cli", "prompt": "write cli/c.txt"}]},
}


@pytest.mark.slow
def test_a_flow_has_teams_made_and_does_again_only_what_failed(team: Team) -> None:
    team.answers(CUTS)
    (team.folder / "flow.py").write_text(FLOW)
    words = ("run", str(team.folder / "flow.py"), "--agent", team.agent("agent"), "--yes")
    more = ("--role", f"lead={team.agent('planner')}", "--check", "true", "--attempts", "1")
    refused = team(*words, "--check", "true", code=2)
    assert "the flow flow.py has a planner cut a part: the agent" in refused.err
    bad = team.folder / "bad-cli"
    agent = team.folder / "agent.py"
    agent.write_text(AGENT.replace('here / f"bad-{task}"', 'here / f"bad-{task[:3]}"'))
    bad.touch()
    done = team(*words, *more, code=1)
    assert "_c failed: exit status 1: no luck" in done.out
    assert len(team.asked) == 4 and len(team.built) == 4
    bad.unlink()
    run = team("status", "--json").json()["run"]["id"]
    done = team("resume", run)
    assert "2 reused, at least 1 to run" in done.out
    assert "Model:model_m Api in:in Web:w Cli:c" in done.out.replace("\n  ", " ")
    assert len(team.asked) == 4 and len(team.built) == 6, "no planner, and one part, again"
    team("merge", run)
    names = kit.run_git(team.repo, "ls-tree", "-r", "--name-only", "main").split()
    made = {"api/in.txt", "api/m.txt", "web/w.txt", "web/out.txt", "cli/c.txt"}
    assert made <= set(names)
    found = kit.run_git(team.repo, "show", "main:api/in.txt")
    assert found == "api/m.txt", "it started from the work of the team that it needs"
