"""All of git: the only package that runs git and the only importer of GitPython.

Synchronous plain functions over explicit paths and object names, safe to call from several
threads at once. `repo` asks about the user's repository, `control_dir` works through a clean
git directory whose configuration no session could have written, `refs` moves refs by
compare-and-swap, `checkouts` has folders with files in them, `objects`, `merges` and
`patches` need none, `untrusted` is what sessions write to.
"""
