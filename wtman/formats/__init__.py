"""File formats, read and written as values."""
