"""All of git: the only package that runs git and the only importer of GitPython.

Synchronous plain functions over explicit paths and object names, safe to call from
several threads at once. `repo` asks about the user's repository, `control` works
through a clean git directory whose configuration no session could have written,
`refs` moves refs by compare-and-swap, `worktrees` makes and drops worktrees,
`shadow` gives a check checkout a private `.git`, `patches` carries changes as bytes.
"""
