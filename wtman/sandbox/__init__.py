"""What a program may reach: one file a sandbox, its proxy, and who changed the repository."""
