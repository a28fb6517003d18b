"""Runs made, opened and carried on: the scheduler and its loop."""
