"""Trees merged in the object store."""
