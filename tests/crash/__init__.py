"""What is left when the coordinator is killed at any moment."""
