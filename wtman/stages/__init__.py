"""The steps: each file performs one kind of action and says what happened.

One shape: `async def perform(ctx, state, action) -> tuple[Event, ...]`. A stage is
safe to do twice (it looks in git first), decides nothing, and imports no other.
"""
