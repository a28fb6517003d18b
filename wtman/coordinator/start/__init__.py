"""A run ordered, shown, asked for and started."""
