"""Scouts: read-only sessions that look before the plan is made."""
