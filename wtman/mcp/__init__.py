"""wtman as tools for other agents, over stdio (the extra `mcp`).

A tool is a command of wtman, run as one: what the command line refuses, asks and approves,
a tool does. What differs is whose words its arguments are: a model's. Commands among them
need the approval of a person, and nothing that only a person may do is done here.
"""
