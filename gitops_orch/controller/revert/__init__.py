"""Reverts an app in Git, and recognises a user who undoes such a revert."""
