"""Working trees: linked, standalone, live, and what is in them."""
