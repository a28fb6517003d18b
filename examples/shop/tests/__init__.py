"""Tests of the shop, with the standard library only."""
