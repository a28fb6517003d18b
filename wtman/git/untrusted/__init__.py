"""A git directory that a session may write, and what is let in from it."""
