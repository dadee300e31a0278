"""Loads the desired state of a commit, and what commit trailers and operators say about it."""
