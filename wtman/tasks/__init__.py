"""Where each task stands; which tasks overlap, and which wait for which."""
