"""A merge ordered, shown and told."""
