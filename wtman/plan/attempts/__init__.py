"""The table of attempts: what sessions of this machine took, and how often another was needed."""
