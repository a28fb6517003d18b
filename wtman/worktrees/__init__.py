"""A task's worktree: placed, collected, cleaned."""
