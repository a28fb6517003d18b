"""Which reviews are wanted, findings judged, reproducers run."""
