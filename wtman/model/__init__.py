"""The values that every domain speaks."""
