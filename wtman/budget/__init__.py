"""Money, tokens and rate limits: what is left, and how many sessions may run."""
