"""How likely two tasks conflict in text, told before either exists."""
