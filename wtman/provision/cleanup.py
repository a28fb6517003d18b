"""`cleanup`: what the user wants done in a worktree before it goes (a database dropped, say).

The counterpart of `setup`, with the same environment. A command that fails is a
sentence: the worktree goes all the same, for it can be brought back.
"""

import os
from collections.abc import Mapping

from wtman.execution.output import read_exit
from wtman.execution.supervisor import run_kept
from wtman.git.discovery import Repository
from wtman.journal.state import State
from wtman.model.command import Command, Work
from wtman.model.ids import TaskId
from wtman.provision.command_text import argv
from wtman.provision.ports import port_of
from wtman.sandbox import choice
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.home import provision_home
from wtman.sandbox.policy import SandboxPolicy


async def clear_out(
    repo: Repository, state: State, environ: Mapping[str, str], task: TaskId, path: str
) -> tuple[str, ...]:
    """Run the run's cleanup commands in a worktree; gives a sentence for each that failed."""
    problems = []
    port = port_of(state.run, task, (*state.tasks, *state.dropped))
    root = repo.main or repo.toplevel
    tier = state.settings.sandbox
    home = os.path.join(repo.wtman_dir, "runs", state.run, "tasks", task, "home-cleanup")
    if tier != "none":
        provision_home(home, environ, who=state.identity)
    given = surroundings(tier, environ, home, state.settings.env)
    env = {
        **given.env,
        "WTMAN_RUN": state.run,
        "WTMAN_TASK": task,
        "WTMAN_BRANCH": f"wtman/{state.run}/{task}",
        "WTMAN_WORKTREE": path,
        "WTMAN_PORT": str(port),
        "WTMAN_ROOT": root,
    }
    confine = choice.load(tier)
    policy = SandboxPolicy(
        read=(*((root,) if root else ()), *given.read),
        write=(path,),
        home=env.get("HOME", ""),
        scratch=os.path.join(home, SCRATCH),
    )
    for number, text in enumerate(state.settings.cleanup, 1):
        folder = _fresh(os.path.join(repo.wtman_dir, "runs", state.run, "cleanup", task), number)
        command = Command(argv=argv(text, ""), cwd=path, env=env)
        work = Work(
            id=f"{state.run}/cleanup/{task}",
            command=confine.wrap(command, policy),
            folder=folder,
            timeout=state.settings.check_timeout,
            grace=state.settings.grace,
        )
        problem = (await run_kept(work)).problem(state.settings.check_timeout)
        if problem:
            problems.append(f"cleanup of {task}: `{text}`: {problem}")
    return tuple(problems)


def _fresh(stem: str, number: int) -> str:
    """A folder without the end of an earlier run in it."""
    path, again = f"{stem}-{number}", 0
    while read_exit(path) is not None:
        again += 1
        path = f"{stem}-{number}.{again}"
    return path
