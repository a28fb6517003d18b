"""The values that every room speaks."""
