"""The proof that a merge lost nothing."""
