"""Finds out which digest an image tag names in its registry now, and which digests failed."""
