"""Commands that a run would give to a shell: which of them need the user's approval."""

from collections.abc import Iterable, Mapping

from wtman.config.trust import approved
from wtman.errors import MissingError
from wtman.journal.state import State
from wtman.model.agent_definition import definition_texts
from wtman.model.ids import RunId
from wtman.model.plan import Plan
from wtman.model.roles import file_commands
from wtman.model.settings import Settings
from wtman.text.terminal import clean


def commands_of(settings: Settings, plan: Plan) -> tuple[str, ...]:
    """Every command text that a run of the plan would give to a shell."""
    texts = [*settings.check, *settings.setup, *settings.cleanup, *plan.check, settings.agent]
    texts += [text for task in plan.tasks for text in task.check]
    texts += [*settings.roles.values(), *settings.reviewed_by]
    texts += definition_texts(settings.agents).values()
    return tuple(text for text in dict.fromkeys(texts) if text)


def unapproved_of(state: State, environ: Mapping[str, str], repo_key: str) -> tuple[str, ...]:
    """The run's commands that nobody approved. Those of a plan file count as given by hand."""
    plan = Plan(state.request, tuple(view.task for view in state.tasks.values()))
    # Reviewers of this kind are only ever named by hand.
    by_hand = (*state.given, *state.settings.reviewed_by)
    asked = [text for text in commands_of(state.settings, plan) if text not in by_hand]
    # A role file came with the repository, whoever has approved its plan.
    files = file_commands(state.settings, state.roles)
    asked += [text for text in files if text not in by_hand]
    asked += state.flow.added.theirs if state.flow is not None else ()
    return approved(asked, environ, repo_key)


def unapproved(commands: Iterable[str], hint: str = "") -> MissingError:
    """The error of a start that nobody can be asked about: `--yes` approves no command."""
    shown = ", ".join(f"`{clean(command)}`" for command in commands)
    return MissingError(
        f"commands of this repository need your approval: {shown}",
        hint=hint or "approve what you read with `wtman trust --yes`, or start without --yes",
        code="approval",
    )


def approve_first(run: RunId) -> str:
    """The hint for commands of an edited configuration that nobody has approved."""
    return f"approve what you read: wtman trust, then: wtman resume {run} --yes"


def unapproved_plan(state: State, commands: Iterable[str]) -> MissingError:
    """The same of commands that came with a planner's plan, which no `trust` knows."""
    return unapproved(
        commands,
        f"read and approve them in a terminal: wtman resume {state.run}; "
        "or give the check yourself: --check CMD",
    )


def unconfirmed(
    state: State, commands: Iterable[str], plan: str = "", again: str = ""
) -> MissingError:
    """The error of a start that waits for a yes, without a terminal to ask on. `again` is the
    command that was given, where a plain `resume` would leave out what it changes."""
    resume = again or f"wtman resume {state.run}" + (f" --plan {plan}" if plan else "")
    hint = f"{resume} --yes"
    if tuple(commands):
        planned = state.planning is not None
        hint = f"in a terminal: {resume}" if planned else f"wtman trust --yes && {hint}"
    return MissingError(
        f"run {state.run} is not started: confirmation needs a terminal",
        hint=hint,
        code="approval",
    )
