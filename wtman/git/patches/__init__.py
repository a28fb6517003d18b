"""Patches, mails and bundles: written, read and applied."""
