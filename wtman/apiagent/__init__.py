"""wtman's own agent over the Messages API: a program of its own, `python -m wtman.apiagent`.

It reads a request on stdin, works in the current folder with tools that do not
leave it, and tells what it does on stdout as stream-json, in the shapes of
Claude Code's events. It promises that its shell dies with it however it ends,
that its shell never sees the key, that every billed token is in its result, and
that a conversation can be gone on with after any end. It is the only importer of
`anthropic`, and knows nothing of wtman but its values, formats and errors.

    options       what it was asked for
    session       one session from its options to its exit status
    loop          ask, run tools, ask again, until there is an answer or an end
    response      one response of the model, with bounded retries
    errors        what can go wrong with a response, and whether asking again helps
    request       the parameters of a request
    models        what a model takes: effort, thinking, system turns
    meter         tokens, money and turns, and whether a cap is reached
    tools         the tools, by name
    shell         the shell that commands run in
    shell_guard   a program: holds that shell, and kills all of it when the agent is gone
    transcript    the conversation on disk
    events        events on stdout, and how a session ends
    access        the server and the key, and that nobody else reads it
"""
