"""Branches put together without a checkout, and branches that wtman did not make."""
