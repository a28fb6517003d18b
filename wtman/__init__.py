"""wtman turns one request into many branches built at the same time, and lands them as one.

This is the front door: the map. Pure code decides, effects act, the journal remembers:

    request -> plan -> worktrees -> sessions -> checks -> reviews -> merge train -> landed

    state   = replay(journal)
    actions = decide(state, running)                      # pure
    for each action: journal the intent -> perform it -> journal its outcome -> decide again

Packages by domain, top to bottom; imports point down only (tests/house.py). Within a domain
`actions.py` says what may be asked, `decide.py` is pure, `perform.py` has the effects.

    cli/          flags -> a use case -> print -> exit status; one file a command
    mcp/          the commands as tools for other agents, over stdio
    ui/           what people look at: table, live view, JSON, report, HTML, dashboard
    coordinator/  runs, reviews and merges ordered; the scheduler, the loop
    flow/         plan in code: what a script imports, its process and pipe; its steps
    merge/        which branches land together, the train, landing; proof/: nothing was lost
    tasks/        where each task stands; which overlap, and which wait for which
    review/       which reviews are wanted, findings judged, reproducers run
    plan/         plan files and rules, forecast, planners
    sessions/     one agent process: prompted, launched, asked, handed over
    checks/       a command judges a tree: run, cached, compared with its base
    worktrees/    a task's worktree: placed, collected, cleaned
    provision/    a checkout made fit for work: files, setup and cleanup, ports
    context.py    everything that an effect may touch
    config/       files, environment and flags -> settings; roles; approvals
    budget/       limits, shares, rate limits, live use
    sandbox/      plug-in: what a program may reach; its proxy; who changed the repository
    integration/  branches put together without a checkout; branches wtman did not make
    agents/       plug-in: one coding agent a file; recordings and their player
    execution/    plug-in: where a program runs; its keeper, what a crash left alive
    journal/      events and replay by domain, state; store.py alone imports sqlite3
    git/          the only place that runs git or imports GitPython
    formats/      file formats as values        text/   foreign text made safe
    prices.py     what tokens cost
    model/        the values that all speak     locks.py   locks of git whose holder is dead
    inventory.py  every file of a folder with its state
    files.py      files replaced whole, read, locked
    errors.py     the few ways to fail

Apart, each a process of its own: apiagent/ (wtman's own agent, the only importer of
anthropic), and beside who starts them execution/keeper.py, execution/keeper_server.py,
execution/remover.py, sandbox/confine.py, agents/player.py, checks/probe/, flow/program.py.
roles/ and manual/ are Markdown; demo/ is a project to play with. __main__.py is
`python -m wtman`.

The words, one for each thing:

    request      what the user asked for, in words
    plan         the request cut into tasks; a TOML file to review, edit and reuse
    task         one unit of work with its own branch: prompt, paths it owns, tasks it needs
    flow         a plan in code: a Python program; its costly calls are steps of the run
    run          one execution of a plan, under an id such as `oauth-everywhere-7f3a`
    base         the commit that a task starts from
    target       the branch where the run lands
    session      one headless agent process in one worktree; its number in the task: attempt
    check        a command whose exit status judges a tree
    finding      a reviewer's claim that something is wrong; its executable proof: reproducer
    verdict      `confirmed`, `refuted` or `no verdict` on a finding
    verified     this very tree passed its checks and has no open confirmed finding
    train        the branches assembled, in order, on the target, and checked as one tree
    paused       stopped by wtman itself (quota, budget, disk), waiting for `resume`
"""

__version__ = "0.1.0"
