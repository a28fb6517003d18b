"""A small shop: money, a catalogue of products, and a cart."""
