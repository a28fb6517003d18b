"""The commands in the groups of `wtman --help`, each with its line, and examples.

Pure. A command's module and function have its name.
"""

ABOUT = """\
Turn one request into many branches built at the same time, landed as one change.

Exit status: 0 done; 1 the work fell short; 2 wrong usage; 3 the environment lacks
something; 4 paused; 130 interrupted. The manual: wtman help."""
USAGE = ("[-C DIR] [-P]", "COMMAND [ARGS]...")
ROOT_OPTIONS = {
    "-C DIR": "Run as if started in DIR.",
    "-P, --no-pager": "Print long output without a pager.",
    "--version": "Print the version.",
    "-h, --help": "Show this message and exit.",
}
# Lines wider than this read badly, however wide the terminal is.
WIDEST = 100

GROUPS = {
    "Start a run": {
        "split": "Build a request on parallel branches, up to ready to merge.",
        "plan": "Cut a request into tasks, and stop there.",
        "run": "Run a flow (a plan in code) or a plan file.",
        "demo": "Run the whole job in a throwaway repository, without an account.",
    },
    "Look at a run": {
        "status": "Show task status and what needs attention.",
        "ui": "Show a run in a full-screen dashboard.",
        "logs": "Show what a session said and did.",
        "diff": "Show a branch against its base, or the whole run.",
        "report": "Show the report of a run, as Markdown or HTML.",
    },
    "Act on a run": {
        "stop": "Stop a run; nothing is lost.",
        "resume": "Resume an interrupted or paused run.",
        "retry": "Give a task one more attempt.",
        "add": "Add a task to a run, also to a live one.",
        "answer": "Answer the question that a run waits with.",
        "attach": "Continue a task by hand, in the agent's interactive mode.",
        "shell": "Open a shell in the worktree and sandbox of a task.",
        "open": "Open the worktree of a task in your editor, or print its path.",
    },
    "Review and merge": {
        "review": "Review a run or any branches, and show the findings.",
        "merge": "Merge the verified branches together, and write patches.",
        "verify": "Check a manifest and its patches against this repository.",
    },
    "Clean up and recover": {
        "clean": "Remove worktrees and branches that are no longer needed.",
        "restore": "Bring back what clean or a retry removed.",
    },
    "Set up": {
        "init": "Write a wtman.toml for this repository.",
        "doctor": "Check what works here, and print the fix for the rest.",
        "trust": "Approve the commands in this repository's configuration.",
        "mcp": "Serve this repository to other agents as tools (MCP).",
        "completion": "Print the completion of a shell, or install it.",
        "help": "Show a page of the manual, list its topics, or search it.",
    },
}
COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}

# The options of a command with many of them, by group, the most used first.
PANELS = {
    "Plan": (
        "--plan --task --findings --issue --planner --scouts --parts --base --edit "
        "--allow-overlap --as-code"
    ),
    "Branches": "--branches --into --only --exclude",
    "Agents and reviews": "--agent --model --effort --role --reviewers --reviewer --rounds",
    "Checks": "--check --check-timeout --check-jobs --allow-failing-base --unchecked",
    "Limits": (
        "--jobs --budget-usd --budget-tokens --plan-budget-usd --max-sessions --attempts "
        "--repairs --timeout --wait-for-reset --confirm-above"
    ),
    "Conflicts": "--resolve --resolver",
    "Result": "--strategy --pr --pr-per-task --patch-only -o",
    "Sandbox and worktrees": "--sandbox --keep-worktrees",
}

# "" is wtman itself.
EXAMPLES = {
    "": {
        'wtman split "add OAuth everywhere"': "Plan it, confirm once, build it.",
        "wtman status": "See how it goes, and what to type next.",
        "wtman merge": "Land what is verified, as one change.",
    },
    "split": {
        'wtman split "add OAuth everywhere" --budget-usd 20': "",
        'wtman split "port to httpx" --agent codex --check "pytest -q" -j 8': "",
        'wtman split --task "api: Use Decimal" --task "docs: Say so" --dry-run': "",
    },
    "run": {
        "wtman run port --folder src": "",
        "wtman run plan.toml --dry-run": "",
        "wtman run audit --help": "",
    },
    "plan": {'wtman plan "add OAuth everywhere" -o plan.toml': ""},
    "logs": {"wtman logs billing": "", "wtman logs --failed oauth-7f3a/billing": ""},
    "diff": {"wtman diff billing --stat": "", "wtman diff oauth-7f3a > all.patch": ""},
    "retry": {'wtman retry billing -m "Use Decimal, not float"': ""},
    "merge": {
        "wtman merge --dry-run": "",
        "wtman merge --exclude billing --pr": "",
        'wtman merge --branches a b c --check "pytest -q"': "",
    },
    "review": {
        "wtman review --branches feature --base main": "",
        'wtman review --audit "no secret is logged"': "",
    },
    "report": {"wtman report --open": "", "wtman report oauth-7f3a --html report.html": ""},
}
