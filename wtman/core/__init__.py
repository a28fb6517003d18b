"""The pure core: values, the journal's events, and every decision.

Standard library only; no I/O, clock, environment, randomness or async. Time,
ids and settings come in as arguments.
"""
