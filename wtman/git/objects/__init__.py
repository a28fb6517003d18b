"""Commits, trees and blobs: read, compared and written."""
