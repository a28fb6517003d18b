"""wtman turns one request into many branches built at the same time, and lands them as one.

    wtman split "add OAuth everywhere"     plan -> worktrees -> sessions -> checks -> reviews
    wtman status                           where every branch stands
    wtman merge                            the verified branches, landed together, and as patches

This is the front door: the map of the house and its words. It promises that
importing it costs nothing, and refuses to import a room.

The way of the data: a pure core decides, stages act, the journal remembers.

    state   = replay(journal)
    actions = decide(state, running, limits)
    for each action: journal the intent -> perform (a stage) -> journal the outcome -> again

The rooms. Imports point down only; a test walks them.

    __main__     `python -m wtman`
    cli/         flags -> pipeline -> print -> exit status; decides nothing
    ui/          what people look at: live table, dashboard, reports
    flow/        plan in code: the public API of workflow scripts
    pipeline     the loop
    opening      a run made, found and opened: the only place that builds a context
    verify       a manifest and its patches, checked again without a run
    stages/      one file a step, all of one shape; they never import each other
    checking     what several stages share: the checks run on one tree,
    reproducing  a finding's proof run on base, branches and combination,
    collecting   what a session left made a commit,
    attaching    a task handed over to the user's terminal,
    noticing     and what in it acts on others later,
    retire       branches that have landed taken out of refs/heads,
    furnishing   a task's worktree made fit for work,
    clearing     and left,
    launching    a session started there, confined, and its stream read,
    asking       a question put to one that only reads, and its answer judged,
    setup        what that needs, for any checkout,
    worktree     where a task's worktree is and how it is moved,
    taking       branches that wtman did not make, made fit for that,
    assembly     branches put together on a target without a checkout,
    proving      the proof that nothing was lost on the way,
    expecting    branches of a train that are green only with tests of their own,
    probes       the refs that keep what was tried, while it is of use,
    pointing     whom of a red train the failing tests speak of,
    clashes      who cannot ride with whom, where they do not merge,
    patchset     and the patches, bundle and manifest that come out
    context      everything that a stage may touch
    watching     what the overlap watch remembers between two looks
    brakes       what live sessions say of their provider and their use
    guarding     who may have changed the user's repository, and when
    guarded      and what it saw of it last, on disk
    checkouts    the pool of checkouts that no agent can write
    environment  what of the user's environment and sign-in a program inside gets
    network/     the one way out of a sandbox whose network is an allow-list
    executors/   plug-in: where a command runs
    sandbox/     plug-in: what a command may reach
    git/         the only place that runs git or imports GitPython
    process      the only other spawner of programs
    store        the journal: the only importer of sqlite3
    doing        what tasks do now, told to other terminals through a small file
    config       files, environment and flags -> settings
    finding      which agents are on this machine, and who is signed in
    notifying    a user told that a run needs them
    trust        which commands of a repository its user has approved
    agents/      plug-in: one coding agent a file; pure: argv out, its stream in
    core/        values and every decision; standard library only, no I/O, clock or chance
    errors       the few ways to fail

Programs that stand apart, each in a process of its own:

    keeper       holds one command: its limits, its log files, its end and its descendants
    confine      turns into a command with less than it was given: the walls that need a program
    player       plays a recorded session again
    witness/     tells from inside a check whether it sees the checkout
    apiagent/    wtman's own agent over the Messages API: the only importer of anthropic

and `roles/` is Markdown: what a planner, an implementer or a reviewer is told;
`demo/` is a project, a plan and programs for `wtman demo` to play with.

The words, one for each thing:

    request      what the user asked for, in words
    plan         the request cut into tasks; a TOML file that can be reviewed, edited and reused
    task         one unit of work with its own branch: prompt, the paths it owns, the tasks it needs
    run          one execution of a plan, under an id such as `oauth-everywhere-7f3a`
    base         the commit that a task starts from
    target       the branch where the run lands
    session      one headless agent process in one worktree
    attempt      the number of a session within its task
    check        a command whose exit status judges a tree
    finding      one claim of a reviewer that something is wrong
    reproducer   the executable proof of a finding
    verdict      `confirmed`, `refuted` or `no verdict` on a finding
    verified     this very tree passed its checks and has no open confirmed finding
    train        the branches assembled, in order, on the target, and checked as one tree
    parked       stopped by wtman itself (quota, budget, disk), waiting for `resume`
"""

__version__ = "0.1.0"
