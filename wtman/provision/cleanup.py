"""`cleanup`: what the user wants done in a worktree before it goes (a database dropped, say).

The counterpart of `setup`, with the same environment. A command that fails is a
sentence: the worktree goes all the same, for it can be brought back.
"""

import os
from collections.abc import Mapping

from wtman.execution.local import LocalExecutor
from wtman.git.discovery import Repository
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.provision.command import CommandRun, run_command, variables
from wtman.provision.ports import port_of
from wtman.provision.programs import link_programs, named_programs
from wtman.sandbox import choice
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.home import provision_home
from wtman.sandbox.inside import view
from wtman.sandbox.policy import SandboxPolicy


async def clean_up(
    repo: Repository, state: State, environ: Mapping[str, str], task: TaskId, path: str
) -> tuple[str, ...]:
    """Run the run's cleanup commands in a worktree; gives a sentence for each that failed."""
    settings, root = state.settings, repo.main or repo.toplevel
    sandbox = choice.load(settings.sandbox or "none")
    evidence = os.path.join(repo.wtman_dir, "runs", state.run)
    home = os.path.join(evidence, "tasks", task, "home-cleanup")
    if sandbox.name != "none":
        provision_home(home, environ, who=state.identity)
    shown = view(sandbox.mounts, repo.main or repo.common_dir, path, home)
    seen = shown.seen(path)
    given = surroundings(sandbox.name, environ, shown.seen(home), settings.env)
    port = port_of(state.run, task, (*state.tasks, *state.dropped))
    branch = f"wtman/{state.run}/{task}"
    env = {**given.env, **variables(state.run, task, branch, seen, port, root)}
    tools = named_programs(repo, environ, settings.cleanup)
    if sandbox.name != "none":
        link_programs(home, tools)
    policy = SandboxPolicy(
        read=(*((root,) if root else ()), *given.read, *tools.read),
        write=(path,),
        home=home,
        view=shown,
        scratch=os.path.join(home, SCRATCH),
    )
    problems = []
    async with LocalExecutor() as executor:
        for text in settings.cleanup:
            asked = CommandRun(text, seen, env, policy, f"cleanup/{task}")
            ran = await run_command(executor, sandbox, settings, evidence, asked)
            if ran.problem:
                problems.append(f"cleanup of {task}: `{text}`: {ran.problem}")
    return tuple(problems)
