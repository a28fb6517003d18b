"""A small shop: a catalogue of products, and a cart."""
