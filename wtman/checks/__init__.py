"""A command judges a tree: run, cached, compared with its base."""
