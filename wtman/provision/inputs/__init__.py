"""What of a tree the result of setup follows from: lock files and manifests, or all of it.

A guess that is kept on the safe side: what is not known to read its manifests alone is
taken to read the whole tree. Pure.
"""
