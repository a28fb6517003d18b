"""What a planner knows of a repository: its definitions, who uses them, what changes together."""
